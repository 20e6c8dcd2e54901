"""Routes of merchants: the operator makes them, a merchant's own key reads and changes its one."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from api.auth import Caller
from api.idempotency import Once
from api.merchant_once import create_once
from api.pagination import Page, Window, page_of
from api.queries import list_merchants
from api.routes import get, patch, post
from api.shapes import given, path_id
from api.v1.merchants import MerchantLineOut, MerchantOut, MerchantPatch, NewMerchantIn
from billing.engine import Engine
from billing.flows.onboard import MerchantDraft, update_merchant
from core.errors import InvalidRequest, NotFound


class MerchantsController(Controller):
    """Routes of merchants."""

    path = "/merchants"
    tags = ("Merchants",)

    @post("/", scope="operator", summary="Create a merchant")
    def create_merchant(
        self, data: JSONBody[NewMerchantIn], once: NamedDependency[Once]
    ) -> Response[MerchantOut]:
        """Create a merchant; then make its first key with the header `Tagihan-Merchant`."""
        fields = given(data)
        clock_at = fields.pop("clock_at")
        if clock_at is not None and data.gateway != "simulator":
            raise InvalidRequest(
                "clock_needs_simulator", "a real gateway lives in real time", field="clock_at"
            )
        return create_once(
            once, MerchantDraft(**fields), clock_at, lambda unit, _: MerchantOut.of(unit.merchant)
        )

    @get("/", scope="operator", summary="List merchants")
    def list_merchants(
        self, engine: NamedDependency[Engine], window: NamedDependency[Window],
        slug: FromQuery[str | None] = None,
    ) -> Page[MerchantLineOut]:  # fmt: skip
        """All merchants of this installation, newest first."""
        return page_of(list_merchants(engine, window, slug), window, MerchantLineOut.of)

    @get("/{merchant_id:str}", scope="read", any_merchant=True, summary="Get a merchant")
    def get_merchant(
        self, merchant_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> MerchantOut:  # fmt: skip
        """One merchant; for a key its own."""
        with engine.work(_which(caller, merchant_id), caller.actor) as unit:
            return MerchantOut.of(unit.merchant)

    @patch("/{merchant_id:str}", scope="admin", any_merchant=True, summary="Change a merchant")
    def change_merchant(
        self, merchant_id: FromPath[str], data: JSONBody[MerchantPatch],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> MerchantOut:  # fmt: skip
        """Change what is sent; the rest stays.

        A merchant makes its limit of refunds by one person tighter by itself. Only the operator
        raises `refund_approval_above` or lowers `refund_approval_days` (403 `operator_needed`).
        """
        wanted, fields = _which(caller, merchant_id), given(data)
        return MerchantOut.of(update_merchant(engine, wanted, fields, caller.actor))


def _which(caller: Caller, merchant_id: str) -> UUID:
    wanted = path_id("merchant", merchant_id)
    if caller.merchant_id is not None and caller.merchant_id != wanted:
        raise NotFound("merchant_not_found", "there is no such merchant")
    return wanted
