"""The next invoice of a subscription, shown before it is issued."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from api.auth import Caller
from api.routes import get
from api.shapes import Day, Instant, Out, Rupiah, path_id
from api.v1.change_shapes import QuotedLineOut, shape_quoted
from billing.credits.lots import spendable
from billing.credits.queries import lots_of
from billing.engine import Engine
from billing.flows.next_bill import NextBill, next_invoice
from core import ids
from core.work import Work


class NextInvoiceOut(Out):
    """An invoice that is not issued yet, to the last rupiah if nothing changes any more."""

    issued_at: Annotated[Instant, Meta(description="When it is issued; now, where it is overdue.")]
    due_on: Day
    collection: str
    period_start: Day
    period_end: Day
    lines: Annotated[
        list[QuotedLineOut],
        Meta(
            description="As if nothing more were used. Where the invoice goes out ahead of its "
            "period, usage comes on one of its own when that begins."
        ),
    ]
    subtotal: Rupiah
    tax: Rupiah
    total: Rupiah
    from_balance: Annotated[
        int,
        Meta(
            description="Whole rupiah that the customer's balance of today would pay; what ends "
            "before the invoice is issued pays nothing."
        ),
    ]
    due: Annotated[int, Meta(description="Whole rupiah that are left to be paid.")]


class NextOut(Out):
    """What a subscription is billed next."""

    subscription: str
    invoice: Annotated[
        NextInvoiceOut | None,
        Meta(description="Null where none follows: it ends or pauses first, or is not paid yet."),
    ]


class NextInvoicesController(Controller):
    """Routes of what is billed next."""

    path = "/subscriptions"
    tags = ("Subscriptions",)

    @get("/{subscription_id:str}/next-invoice", scope="read", summary="Preview the next invoice")
    def get_next_invoice(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> NextOut:  # fmt: skip
        """Say what the next invoice comes to, with the change that waits and what was used.

        The renewal's own functions work it out; nothing is written.
        """
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            bill = next_invoice(unit, wanted)
            return NextOut(
                subscription=ids.public("subscription", wanted),
                invoice=None if bill is None else _shape(unit, bill),
            )


def _shape(unit: Work, bill: NextBill) -> NextInvoiceOut:
    document, who = bill.document, bill.draft.customer.id
    total = document.total.amount
    # What has ended by then pays nothing of it.
    paid = min(max(total, 0), spendable(lots_of(unit, [who]).get(who, ()), bill.at))
    return NextInvoiceOut(
        issued_at=bill.at,
        due_on=bill.draft.due_on,
        collection=bill.draft.collection,
        period_start=bill.period.start,
        period_end=bill.period.end,
        lines=shape_quoted(document),
        subtotal=document.subtotal.amount,
        tax=document.tax.tax.amount,
        total=total,
        from_balance=paid,
        due=total - paid,
    )
