"""Refunds: money going back, with a credit note on its invoice or out of the balance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import credit_note_words, get_row, list_rows
from api.routes import get, post
from api.shapes import AmountIn, Id, In, Instant, Out, Rupiah, Short, Words, body_id, path_id
from billing.engine import Engine
from billing.flows import refund
from core import ids
from core.work import Work
from payments.tables import refunds


class PayeeIn(In):
    """The account a person transfers to, where the gateway can not send money back."""

    bank: Short
    account_number: Annotated[str, Meta(pattern=r"^[0-9-]{5,40}$")]
    account_name: Short


class RefundIn(In):
    """A refund of a payment, whole or in part."""

    payment: Annotated[str, Meta(max_length=40, description="`pay_…`")]
    amount: AmountIn | None = None
    reason: Annotated[
        str, Meta(pattern="^[a-z_]{1,40}$", description="A code for the credit note.")
    ] = "requested_by_customer"
    note: Annotated[
        Words | None, Meta(description="Words for the customer, printed on the credit note.")
    ] = None
    invoice: Annotated[
        Id | None,
        Meta(
            description="Whose money goes back, where the payment settled several invoices or was "
            "more than its invoice. Without it, what belongs to no invoice goes back first."
        ),
    ] = None
    payee: PayeeIn | None = None


class CompleteIn(In):
    """Proof of a transfer by hand."""

    proof: Short
    payee: PayeeIn | None = None


class RejectIn(In):
    """Why the transfer is not made; the credit stays as the customer's balance."""

    reason: Words


class RefundOut(Out):
    """A refund."""

    id: str
    payment: str
    source: Annotated[
        str,
        Meta(description="`invoice` (with a credit note) or `balance` (it settled no invoice)."),
    ]
    invoice: str | None
    credit_note: str | None
    amount: Rupiah
    currency: str
    reason: str
    note: Annotated[str | None, Meta(description="As it stands on the credit note.")]
    route: Annotated[
        str, Meta(description="`cancel` and `refund` by the gateway, `manual` by a person.")
    ]
    state: Annotated[
        str,
        Meta(
            description="`refund_scheduled` (waits for settlement until `due_at`), `created`, "
            "`sent`, `unknown`, `awaiting_approval`, `awaiting_transfer`, `succeeded`, `failed`."
        ),
    ]
    due_at: Instant | None
    requested_by: str
    approved_by: str | None
    proof: str | None
    code: str | None
    created_at: Instant
    closed_at: Instant | None
    bank_confirmed_at: Annotated[
        Instant | None, Meta(description="When the customer's bank confirmed that it arrived.")
    ]

    @classmethod
    def of(cls, row: Any, notes: Mapping[UUID, str | None]) -> RefundOut:
        """Shape a row, with the words of credit notes by their ids."""
        return cls(
            id=ids.public("refund", row.id), payment=ids.public("payment", row.payment_id),
            source="balance" if row.credit_note_id is None else "invoice",
            invoice=_public("invoice", row.invoice_id),
            credit_note=_public("credit_note", row.credit_note_id), amount=row.amount,
            currency=row.currency, reason=row.reason, note=notes.get(row.credit_note_id),
            route=row.route, state=row.state, due_at=row.due_at, requested_by=row.requested_by,
            approved_by=row.approved_by, proof=row.proof, code=row.code, created_at=row.created_at,
            closed_at=row.closed_at, bank_confirmed_at=row.bank_confirmed_at,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, refund_id: UUID) -> RefundOut:
        """Read one."""
        row = get_row(unit, refunds, refund_id, "refund")
        return cls.of(row, credit_note_words(unit, _notes([row])))


RefundState = Literal[
    "refund_scheduled",
    "created",
    "sent",
    "unknown",
    "awaiting_approval",
    "awaiting_transfer",
    "succeeded",
    "failed",
]


class RefundsController(Controller):
    """Routes of refunds."""

    path = "/refunds"
    tags = ("Refunds",)

    @post("/", scope="refund", summary="Refund a payment")
    def create_refund(
        self, data: JSONBody[RefundIn], once: NamedDependency[Once]
    ) -> Response[RefundOut]:
        """Write a refund; a worker sends it, so follow its `state`.

        Money of an invoice goes back with a credit note. What a payment brought beyond its
        invoices is the customer's balance and goes back out of it; once the customer has used it,
        the answer is 409 `balance_spent`.

        A captured card is sent back whole at once; a part waits for settlement. What a virtual
        account brought is transferred by a person, above the merchant's limit after a second
        person agreed.
        """
        payment = ids.parse("payment", data.payment, field="payment")
        invoice = body_id("invoice", data.invoice, "invoice")
        return once.run(
            lambda unit: refund.request_refund(
                unit, payment, data.amount, data.reason, invoice_id=invoice,
                payee=_payee(data.payee), note=data.note, key=once.key,
            ),
            RefundOut.read,
        )  # fmt: skip

    @get("/", scope="read", summary="List refunds")
    def list_refunds(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, payment: FromQuery[str | None] = None,
        state_: StateFilter[RefundState] = None,
    ) -> Page[RefundOut]:  # fmt: skip
        """Newest first."""
        filters = {"payment_id": body_id("payment", payment, "payment"), "state": state_}
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, refunds, window, filters)
            notes = credit_note_words(unit, _notes(rows))
        return page_of(rows, window, lambda row: RefundOut.of(row, notes))

    @get("/{refund_id:str}", scope="read", summary="Get a refund")
    def get_refund(
        self, refund_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> RefundOut:  # fmt: skip
        """One refund."""
        wanted = path_id("refund", refund_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return RefundOut.read(unit, wanted)

    @post("/{refund_id:str}/approve", scope="approve", status=200, summary="Approve a refund")
    def approve_refund(
        self, refund_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[RefundOut]:
        """Agree to a transfer by hand that passes the merchant's limit, as somebody else.

        Refused (403 `second_person_needed`) where one caller stands behind both: the same key, keys
        of which one made the other or that a third one made, a person whose password it set. What
        is agreed to includes the account: without a `payee` it is refused (409 `payee_needed`).
        """
        return _then(once, refund_id, refund.approve)

    @post(
        "/{refund_id:str}/complete", scope="refund", status=200, summary="Complete a manual refund"
    )
    def complete_refund(
        self, refund_id: FromPath[str], data: JSONBody[CompleteIn], once: NamedDependency[Once]
    ) -> Response[RefundOut]:
        """Record a transfer that a person made, with the bank's reference."""
        return _then(
            once, refund_id, refund.complete_manual, proof=data.proof, payee=_payee(data.payee)
        )

    @post("/{refund_id:str}/reject", scope="refund", status=200, summary="Reject a manual refund")
    def reject_refund(
        self, refund_id: FromPath[str], data: JSONBody[RejectIn], once: NamedDependency[Once]
    ) -> Response[RefundOut]:
        """Decide against a transfer by hand; the money becomes the customer's balance."""
        return _then(once, refund_id, refund.reject, because=data.reason)


def _public(kind: str, row_id: UUID | None) -> str | None:
    return None if row_id is None else ids.public(kind, row_id)


def _notes(rows: Iterable[Any]) -> list[UUID]:
    return [row.credit_note_id for row in rows if row.credit_note_id is not None]


def _then(once: Once, refund_id: str, act: Any, **more: Any) -> Response[RefundOut]:
    wanted = path_id("refund", refund_id)

    def begin(unit: Work) -> UUID:
        act(unit, wanted, **more)
        return wanted

    return once.run(begin, RefundOut.read, status=200)


def _payee(data: PayeeIn | None) -> dict[str, str] | None:
    if data is None:
        return None
    return {
        "bank": data.bank,
        "account_number": data.account_number,
        "account_name": data.account_name,
    }
