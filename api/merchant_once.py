"""Creating a merchant once: its key's row can only live inside the merchant that it makes."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response

from api.idempotency import Finish, Once
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.people import find_merchant_id
from core.errors import Conflict

# A twin that lost the race for the slug looks this long for what the winner wrote.
_PATIENCE_SECONDS: Final = 3


def create_once(
    once: Once, draft: MerchantDraft, clock_at: datetime | None, finish: Finish
) -> Response[Any]:
    """Create a merchant, or give the answer of the request that created it.

    Ids can not be derived from the key here: the namespace must be random. The slug finds the
    merchant again.

    Raises:
        Conflict: ``slug_taken`` by another request, ``idempotency_key_reused``.
    """
    known = find_merchant_id(once.engine, draft.slug)
    if known is not None:
        return _again(once, known, finish, patience=0)
    try:
        made = create_merchant(once.engine, draft, once.caller.actor, clock_at=clock_at)
    except Conflict:
        winner = find_merchant_id(once.engine, draft.slug)
        if winner is None:
            raise
        return _again(once, winner, finish, patience=_PATIENCE_SECONDS)
    return _answer(once, made.merchant_id, finish)


def _again(once: Once, merchant_id: UUID, finish: Finish, *, patience: int) -> Response[Any]:
    inside = _inside(once, merchant_id)
    deadline = time.monotonic() + patience
    while not inside.is_known():
        if time.monotonic() >= deadline:
            raise Conflict("slug_taken", "this slug is taken", field="slug")
        time.sleep(0.05)
    return _answer(once, merchant_id, finish)


def _answer(once: Once, merchant_id: UUID, finish: Finish) -> Response[Any]:
    return _inside(once, merchant_id).run(lambda unit: unit.merchant_id, finish)


def _inside(once: Once, merchant_id: UUID) -> Once:
    return replace(once, caller=replace(once.caller, merchant_id=merchant_id))
