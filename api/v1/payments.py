"""Payments: money that the gateway took."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Meta

from api.auth import Caller
from api.pagination import Page, Window, page_of
from api.queries import get_row, list_rows, rows_of
from api.routes import get
from api.shapes import Instant, Out, Rupiah, body_id, path_id
from billing.engine import Engine
from core import ids
from payments.tables import allocations, payments


class PaymentOut(Out):
    """A payment."""

    id: str
    customer: str
    channel: str
    order_id: Annotated[str, Meta(description="As Midtrans knows it.")]
    transaction_id: str | None
    amount: Rupiah
    refunded: Rupiah
    currency: str
    status: Annotated[
        str,
        Meta(
            description="`captured`, `settled` (on its way to your bank), `canceled`, `reversed`."
        ),
    ]
    paid_at: Instant
    settled_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, row: Any) -> PaymentOut:
        """Shape a row."""
        return cls(
            id=ids.public("payment", row.id), customer=ids.public("customer", row.customer_id),
            channel=row.channel, order_id=row.order_id, transaction_id=row.transaction_id,
            amount=row.amount, refunded=row.refunded_amount, currency=row.currency,
            status=row.status, paid_at=row.paid_at, settled_at=row.settled_at,
            created_at=row.created_at,
        )  # fmt: skip


class SettledOut(Out):
    """What of a payment settled which invoice; negative undoes."""

    invoice: str
    amount: Rupiah
    at: Instant


class PaymentDetailOut(Out):
    """A payment and the invoices it settled."""

    payment: PaymentOut
    allocations: list[SettledOut]


StatusFilter = Literal["captured", "settled", "canceled", "reversed"]


class PaymentsController(Controller):
    """Routes of payments."""

    path = "/payments"
    tags = ("Payments",)

    @get("/", scope="read", summary="List payments")
    def list_payments(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, customer: FromQuery[str | None] = None,
        status: FromQuery[StatusFilter | None] = None, order_id: FromQuery[str | None] = None,
    ) -> Page[PaymentOut]:  # fmt: skip
        """Newest first."""
        filters = {
            "customer_id": body_id("customer", customer, "customer"),
            "status": status,
            "order_id": order_id,
        }
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, payments, window, filters), window, PaymentOut.of)

    @get("/{payment_id:str}", scope="read", summary="Get a payment")
    def get_payment(
        self, payment_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PaymentDetailOut:  # fmt: skip
        """One payment and what it settled."""
        wanted = path_id("payment", payment_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            row = get_row(unit, payments, wanted, "payment")
            settled = rows_of(unit, allocations, "payment_id", wanted, by="at")
        return PaymentDetailOut(
            payment=PaymentOut.of(row),
            allocations=[
                SettledOut(
                    invoice=ids.public("invoice", one.invoice_id), amount=one.amount, at=one.at
                )
                for one in settled
            ],
        )
