"""What a person decides about an order that the gateway told something strange about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, select

from billing.engine import Engine
from billing.flows.hold_wishes import wish_review
from billing.flows.order_rows import as_taken, this_order, write_outcome
from billing.flows.orders import TAKEN_BACK, record_steps
from billing.flows.page_news import leads_nowhere
from billing.flows.part_reversal import book_part
from billing.flows.reviews import close_review
from billing.flows.settle import react
from billing.queries import lock_customers
from core.actor import Actor
from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from invoices.tables import invoices
from payments.adapters.midtrans.answers import order_answer
from payments.attempts import AttemptState
from payments.gateway import Answer
from payments.review_kinds import Decision, decisions
from payments.tables import payment_orders, reviews


def decide_order(
    engine: Engine,
    merchant_id: UUID,
    payment_order_id: UUID,
    *,
    outcome: Literal["paid", "failed"],
    note: str,
    actor: Actor,
) -> str:
    """Take an order out of review: its amount was taken after all, or nothing was.

    Everything follows as if the gateway had said so; who decided and why is kept. A hosted page
    that nobody shall pay any more is closed first: its order fails when it is over.

    Raises:
        NotFound: ``payment_order_not_found``. Conflict: ``not_in_review``.
    """
    with engine.work(merchant_id, actor) as unit:
        return decide_in(unit, payment_order_id, outcome=outcome, note=note)


def resolve_review(
    unit: Work, review_id: UUID, *, decision: Decision, reason: str, amount: int | None = None
) -> UUID:
    """Close an open matter with what was decided and why; of a parked order, whether money came.

    Args:
        amount: whole rupiah that a card's bank took back; for ``charged_back`` only.

    Raises:
        NotFound: ``review_not_found``.
        Conflict: ``review_closed``.
        InvalidRequest: ``decision_not_possible``, naming the ones that are;
            ``refund_exceeds_payment``.
    """
    c = reviews.c
    row = unit.session.execute(
        select(reviews).where(c.merchant_id == unit.merchant_id, c.id == review_id)
    ).one_or_none()
    if row is None:
        raise NotFound("review_not_found", "there is no such matter")
    if row.closed_at is not None:
        raise Conflict("review_closed", f"this was decided already: {row.resolution}")
    possible = decisions(row.kind, order_states(unit, [row]).get(row.subject_id), row.detail)
    if decision not in possible:
        raise InvalidRequest(
            "decision_not_possible", f"here it is one of: {', '.join(possible)}", field="decision"
        )
    if (decision == "charged_back") != (amount is not None):
        raise InvalidRequest(
            "decision_not_possible", "an amount goes with charged_back only", field="amount"
        )
    if amount is not None:
        book_part(unit, row.subject_id, amount)
        close_review(unit, review_id, f"charged_back {amount}: {reason}")
    elif decision == "done":
        close_review(unit, review_id, f"done: {reason}")
    elif decision in ("approve", "deny"):
        wish_review(unit, row.subject_id, accept=decision == "approve", reason=reason)
    elif decision == "taken_back":
        _take_back(unit, row.subject_id, note=reason)
    else:
        outcome: Literal["paid", "failed"] = "paid" if decision == "paid" else "failed"
        missing = row.kind == "order_missing"
        decide_in(unit, row.subject_id, outcome=outcome, note=reason, missing=missing)
    return review_id


def order_states(unit: Work, rows: Sequence[Row[Any]]) -> dict[UUID, str]:
    """The states of the orders that matters are about, by the orders' ids."""
    c = payment_orders.c
    wanted = [row.subject_id for row in rows if row.subject_kind == "payment_order"]
    found = unit.session.execute(
        select(c.id, c.state).where(c.merchant_id == unit.merchant_id, c.id.in_(wanted))
    )
    return {row.id: row.state for row in found}


def decide_in(
    unit: Work,
    payment_order_id: UUID,
    *,
    outcome: Literal["paid", "failed"],
    note: str,
    missing: bool = False,
) -> str:
    """`decide_order` in a transaction of the caller.

    Args:
        missing: the gateway told of it and does not find it any more: it need not be parked.
    """
    order, invoice = _locked(unit, payment_order_id)
    if order.state != "review" and not (missing and order.state == "pending"):
        raise Conflict("not_in_review", f"order {order.order_id} is {order.state}")
    is_page = order.state == "review" and order.page_until is not None
    if outcome == "failed" and is_page and not leads_nowhere(order, unit.now):
        _watch_to_its_end(unit, order, note)
        return outcome
    word = "capture" if outcome == "paid" else "cancel"
    _decided(unit, order, invoice, _said(order, outcome, word), state=outcome, note=note)
    return outcome


def _watch_to_its_end(unit: Work, order: Row[Any], note: str) -> None:
    """No money came yet, and none shall: the page is closed like one that a person takes back.

    Until that is attested its order is open, and nothing is charged beside it.
    """
    unit.session.execute(
        this_order(unit, order).values(
            state="pending", abandoning=True, next_at=unit.real_now, reason=TAKEN_BACK
        )
    )
    because = f"decided by {unit.actor}: failed, to be closed: {note}"
    record_steps(unit, [(order.id, order.state, "pending", because, None)])
    unit.ring("order.resolve")
    _close_matters(unit, order, "pending", f"failed: {note}", note)


def _take_back(unit: Work, payment_order_id: UUID, *, note: str) -> None:
    """A payment that was canceled behind us is undone: its invoice is due and chased again."""
    order, invoice = _locked(unit, payment_order_id)
    if order.state != "paid":
        raise Conflict("not_in_review", f"order {order.order_id} is {order.state}")
    _decided(unit, order, invoice, _said(order, "failed", "cancel"), state="reversed", note=note)


def _locked(unit: Work, payment_order_id: UUID) -> tuple[Row[Any], Row[Any] | None]:
    """Lock customer, invoice, order, in that order."""
    c = payment_orders.c
    mine = (c.merchant_id == unit.merchant_id, c.id == payment_order_id)
    found = unit.session.execute(select(c.customer_id, c.invoice_id).where(*mine)).one_or_none()
    if found is None:
        raise NotFound("payment_order_not_found", "there is no such order")
    lock_customers(unit, [found.customer_id])
    invoice = unit.session.execute(
        select(invoices)
        .where(invoices.c.merchant_id == unit.merchant_id, invoices.c.id == found.invoice_id)
        .with_for_update()
    ).one_or_none()
    return unit.session.execute(as_taken().where(*mine).with_for_update()).one(), invoice


def _said(order: Row[Any], status: Literal["paid", "failed"], word: str) -> Answer:
    """What a person decided, as if the gateway had said so.

    What it did say stays, but for the amount: by which channel and transaction money came is asked
    for when it goes back.
    """
    decided = Answer(
        status,
        order_id=order.order_id,
        amount=order.amount,
        currency=order.currency,
        code="decided",
        transaction_status=word,
    )
    heard = order_answer(order.answer or {})
    if status == "failed" or heard.transaction_id is None:
        return decided
    told = replace(
        decided,
        transaction_id=heard.transaction_id,
        payment_type=heard.payment_type,
        channel=heard.channel,
        masked=heard.masked,
        bank=heard.bank,
        raw=heard.raw,
    )
    if heard.status != "paid":
        return told
    return replace(
        told,
        transaction_status=heard.transaction_status,
        paid_at=heard.paid_at,
        settled=heard.settled,
        settled_at=heard.settled_at,
    )


def _decided(
    unit: Work, order: Row[Any], invoice: Row[Any] | None, said: Answer, *, state: str, note: str
) -> None:
    """Write an outcome that a person decided, with all that follows; close what asked for it."""
    write_outcome(unit, order, state, said, f"decided by {unit.actor}: {note}")
    react(unit, order, invoice, AttemptState(state), said)
    _close_matters(unit, order, state, f"{state}: {note}", note)


def _close_matters(unit: Work, order: Row[Any], state: str, resolution: str, note: str) -> None:
    for review in unit.session.execute(
        select(reviews.c.id).where(
            reviews.c.merchant_id == unit.merchant_id,
            reviews.c.subject_id == order.id,
            reviews.c.closed_at.is_(None),
        )
    ).scalars():
        close_review(unit, review, resolution)
    unit.audit(
        "order.decide", "payment_order", order.id,
        before={"state": order.state}, after={"state": state, "note": note},
    )  # fmt: skip
