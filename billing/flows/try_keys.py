"""Whether the gateway knows a merchant's keys: asked when they are entered."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from billing.engine import Engine
from billing.flows.reviews import open_review
from core.errors import InvalidRequest
from core.merchant import Merchant
from core.work import Work

# Not in the shape of an order id of ours, so that no order can ever have it.
NO_ORDER: Final = "tagihan-tries-its-keys"
# Whichever of these is given decides where the keys are tried; the first one given is to blame.
WHERE: Final = ("server_key", "gateway", "gateway_url")


def try_keys(engine: Engine, merchant: Merchant, given: Collection[str]) -> bool:
    """Ask for the status of an order that can not exist; no transaction may be open.

    Returns:
        Whether the keys are known to be good; False where nobody answered.

    Raises:
        InvalidRequest: ``gateway_refuses_keys``, naming the first field of `WHERE` among ``given``.
    """
    answer = engine.gateways.of(merchant).status(NO_ORDER)
    if answer.code == "401":
        raise InvalidRequest(
            "gateway_refuses_keys",
            f"the gateway does not know this server key; tried: {merchant.gateway}",
            field=next((name for name in WHERE if name in given), WHERE[0]),
            environment=merchant.gateway,
        )
    return answer.status == "not_found"


def keys_unproven(unit: Work, environment: str) -> None:
    """Let a person know that nobody answered for the keys that were entered."""
    open_review(unit, "keys_unproven", "merchant", unit.merchant_id, {"environment": environment})
