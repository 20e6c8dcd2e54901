"""Orders at the gateway: what Midtrans knows by an order id, its history, asked about or ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import list_rows, rows_of
from api.routes import get, post
from api.shapes import AmountIn, In, Instant, Out, body_id, path_id, public
from api.v1.invoices import ReasonIn
from api.v1.orders import OrderOut
from billing.engine import Engine
from billing.flows.hold_wishes import Rest, wish_capture, wish_review
from billing.flows.one_order import ask_now, get_order, withdraw_order
from core.work import Work
from payments.attempts import RANK, AttemptState
from payments.tables import payment_order_steps, payment_orders

OrderState = Literal[
    "created", "sent", "unknown", "pending", "paid", "failed", "review", "reversed"
]
KindFilter = Literal["attempt", "instrument", "check"]


class CaptureIn(In):
    """How much of a hold is taken."""

    amount: Annotated[
        AmountIn | None,
        Meta(description="Whole rupiah; by default what is held, at most what is due."),
    ] = None
    rest: Annotated[
        Rest | None,
        Meta(
            description="Needed where less than is due is taken: the rest stays `due`, or is taken "
            "back by a credit note (`credit`)."
        ),
    ] = None


class OrderLineOut(Out):
    """An order with whom and what it is for."""

    order: OrderOut
    customer: str
    invoice: str | None
    initiated_by: Annotated[str, Meta(description="`customer` or `merchant`.")]
    transaction_id: str | None
    withdrawn: Annotated[bool, Meta(description="Nobody wants it any more; it may still be paid.")]
    opened_at: Instant
    closed_at: Instant | None

    @classmethod
    def of(cls, row: Any) -> OrderLineOut:
        """Shape a row."""
        return cls(
            order=OrderOut.of(row), customer=public("customer", row.customer_id) or "",
            invoice=public("invoice", row.invoice_id), initiated_by=row.initiated_by,
            transaction_id=row.transaction_id, withdrawn=row.abandoning,
            opened_at=row.opened_at, closed_at=row.closed_at,
        )  # fmt: skip


class StepOut(Out):
    """One step of an order: nothing of its history is ever changed."""

    at: Annotated[Instant, Meta(description="Machine time.")]
    from_state: str | None
    to_state: str
    because: str
    answer: Annotated[
        dict[str, Any] | None, Meta(description="The gateway's own words, without secrets.")
    ]


class OrderDetailOut(Out):
    """An order and all its steps, the first one first."""

    payment_order: OrderLineOut
    steps: list[StepOut]

    @classmethod
    def read(cls, unit: Work, order_id: Any) -> OrderDetailOut:
        """Read one."""
        rows = rows_of(unit, payment_order_steps, "payment_order_id", order_id, by="at")
        steps = sorted(rows, key=lambda one: (one.at, RANK[AttemptState(one.to_state)]))
        return cls(
            payment_order=OrderLineOut.of(get_order(unit, order_id)),
            steps=[
                StepOut(
                    at=one.at, from_state=one.from_state, to_state=one.to_state,
                    because=one.because, answer=one.answer,
                )
                for one in steps
            ],
        )  # fmt: skip


class PaymentOrdersController(Controller):
    """Routes of orders at the gateway."""

    path = "/payment-orders"
    tags = ("Payments",)

    @get("/", scope="read", summary="List orders at the gateway")
    def list_payment_orders(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, customer: FromQuery[str | None] = None,
        invoice: FromQuery[str | None] = None, order_id: FromQuery[str | None] = None,
        transaction_id: FromQuery[str | None] = None, channel: FromQuery[str | None] = None,
        state_: StateFilter[OrderState] = None, kind: FromQuery[KindFilter | None] = None,
    ) -> Page[OrderLineOut]:  # fmt: skip
        """Newest first: what was tried with a customer or an invoice, and what became of it.

        Find one by Midtrans' ids with `order_id` or `transaction_id`.
        """
        filters = {
            "customer_id": body_id("customer", customer, "customer"),
            "invoice_id": body_id("invoice", invoice, "invoice"),
            "order_id": order_id,
            "transaction_id": transaction_id,
            "channel": channel,
            "state": state_,
            "kind": kind,
        }
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, payment_orders, window, filters, at="opened_at")
            return page_of(rows, window, OrderLineOut.of)

    @get("/{payment_order_id:str}", scope="read", summary="Get an order at the gateway")
    def get_payment_order(
        self, payment_order_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> OrderDetailOut:  # fmt: skip
        """One order with its history."""
        wanted = path_id("payment_order", payment_order_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return OrderDetailOut.read(unit, wanted)

    @post(
        "/{payment_order_id:str}/refresh", scope="write", status=200,
        summary="Ask Midtrans about an order now",
    )  # fmt: skip
    def refresh_payment_order(
        self, payment_order_id: FromPath[str], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[OrderDetailOut]:  # fmt: skip
        """Take in what Midtrans says of it; workers ask by themselves, only not at this moment."""
        wanted = path_id("payment_order", payment_order_id)
        return once.run(
            lambda unit: get_order(unit, wanted).id, OrderDetailOut.read, status=200,
            call=lambda one: ask_now(engine, caller.merchant, one),
        )  # fmt: skip

    @post(
        "/{payment_order_id:str}/end", scope="write", status=200,
        summary="Cancel or expire an open order",
    )  # fmt: skip
    def end_payment_order(
        self, payment_order_id: FromPath[str], once: NamedDependency[Once],
        engine: NamedDependency[Engine], caller: NamedDependency[Caller],
    ) -> Response[OrderDetailOut]:  # fmt: skip
        """Take it back at Midtrans: an attempt is canceled, a way to pay is expired.

        The answer tells where it stands: `failed` once Midtrans attests the end, `paid` where the
        payer was faster, `pending` with `withdrawn` while nobody knows. Nothing is charged at once
        in its place: an open dunning case takes its next step when it was planned, and without a
        case an automatic charge comes when it was due, or else on the next day at 08:00 where the
        payer is. An invoice the customer pays by himself is offered a new number. To end what is
        owed, void or credit the invoice.
        """
        wanted = path_id("payment_order", payment_order_id)
        return once.run(
            lambda unit: withdraw_order(unit, wanted), OrderDetailOut.read, status=200,
            call=lambda one: ask_now(engine, caller.merchant, one),
        )  # fmt: skip

    @post(
        "/{payment_order_id:str}/capture", scope="write", status=200,
        summary="Capture a hold, whole or in part",
    )  # fmt: skip
    def capture_payment_order(
        self, payment_order_id: FromPath[str], data: JSONBody[CaptureIn],
        once: NamedDependency[Once], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[OrderDetailOut]:  # fmt: skip
        """Take what is held on a card (`held` is `authorized`); it can be done once.

        The answer tells where it stands: `paid` with `captured_amount`, or `pending`: with
        `captured_amount` while nobody knows yet (workers find out), without it where the bank
        refused (its `code`) and the hold stays. To release a hold, end the order. One that nobody
        captures lapses after about seven days; what is owed stays owed.
        """
        wanted = path_id("payment_order", payment_order_id)
        return once.run(
            lambda unit: wish_capture(unit, wanted, amount=data.amount, rest=data.rest),
            OrderDetailOut.read, status=200,
            call=lambda one: ask_now(engine, caller.merchant, one),
        )  # fmt: skip

    @post(
        "/{payment_order_id:str}/approve", scope="refund", status=200,
        summary="Accept a charge that the fraud system questions",
    )  # fmt: skip
    def approve_payment_order(
        self, payment_order_id: FromPath[str], data: JSONBody[ReasonIn],
        once: NamedDependency[Once], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[OrderDetailOut]:  # fmt: skip
        """Take the money of an order whose `held` is `challenge`; who decided and why is kept."""
        return _review(once, engine, caller, payment_order_id, data, accept=True)

    @post(
        "/{payment_order_id:str}/deny", scope="refund", status=200,
        summary="Deny a charge that the fraud system questions",
    )  # fmt: skip
    def deny_payment_order(
        self, payment_order_id: FromPath[str], data: JSONBody[ReasonIn],
        once: NamedDependency[Once], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[OrderDetailOut]:  # fmt: skip
        """Let the money of an order whose `held` is `challenge` go back to the card's holder.

        The card is not charged again for this invoice; what is owed stays owed.
        """
        return _review(once, engine, caller, payment_order_id, data, accept=False)


def _review(
    once: Once, engine: Engine, caller: Caller, order_id: str, data: ReasonIn, *, accept: bool
) -> Response[OrderDetailOut]:
    wanted = path_id("payment_order", order_id)
    return once.run(
        lambda unit: wish_review(unit, wanted, accept=accept, reason=data.reason),
        OrderDetailOut.read,
        status=200,
        call=lambda one: ask_now(engine, caller.merchant, one),
    )
