"""The only writer of outcomes: whatever the gateway says of an order ends here.

The answer to a charge, the answer to a status call, the reaper and a notification all come through
`settle`; `payments.attempts.decide` says which news wins. Everything that follows from an outcome
(money booked, invoice paid, case opened or closed, mail queued) commits with it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select
from sqlalchemy.exc import OperationalError

from billing.engine import Engine
from billing.flows import book, cards, holds, reversal
from billing.flows.card_checks import page_brought_none
from billing.flows.confirming import confirm_needed
from billing.flows.order_rows import (
    as_taken,
    note_again,
    stop_sending,
    this_order,
    write_outcome,
)
from billing.flows.orders import record_steps
from billing.flows.page_news import keep_page, note_try, paid_twice, read_page
from billing.flows.part_reversal import note_given_back
from billing.flows.reviews import open_review
from billing.tables import customers
from core.actor import Actor, system
from core.work import Work
from invoices.tables import invoices
from payments.attempts import (
    CANCELED_ELSEWHERE,
    OPEN_STATES,
    Accept,
    AttemptState,
    Ignore,
    News,
    NewsStatus,
    Park,
    after_unsent,
    decide,
    is_overtaken,
)
from payments.backoff import send_again_after
from payments.gateway import Answer
from payments.tables import payment_orders, refunds

# In place of the number of a send: the news holds only while the order was not sent.
NEVER_SENT = 0
# What `settle` returns where the order was closed while the gateway answered: it is asked again.
OVERTAKEN = "overtaken"
_RETRIES = 4

# Built once: they are asked at every piece of news.
_BY_NAME = (
    payment_orders.c.merchant_id == bindparam("of_merchant"),
    payment_orders.c.order_id == bindparam("named"),
)
_WHOSE = select(payment_orders.c.customer_id, payment_orders.c.invoice_id).where(*_BY_NAME)
_ORDER = as_taken().where(*_BY_NAME).with_for_update()
_CUSTOMER = (
    select(customers.c.id)
    .where(customers.c.merchant_id == bindparam("of_merchant"), customers.c.id == bindparam("one"))
    .with_for_update(key_share=True)
)
_INVOICE = (
    select(invoices)
    .where(invoices.c.merchant_id == bindparam("of_merchant"), invoices.c.id == bindparam("one"))
    .with_for_update()
)
_CANCEL = (
    select(refunds.c.id)
    .where(
        refunds.c.merchant_id == bindparam("of_merchant"),
        refunds.c.payment_id == bindparam("one"),
        refunds.c.route == "cancel",
    )
    .limit(1)
)

_NEWS = {
    "paid": NewsStatus.PAID,
    "reversed": NewsStatus.REVERSED,
    "pending": NewsStatus.PENDING,
    "authorized": NewsStatus.PENDING,
    "failed": NewsStatus.FAILED,
    "unknown": NewsStatus.UNKNOWN,
    "duplicate": NewsStatus.UNKNOWN,
    "not_found": NewsStatus.NOT_FOUND,
}


def settle(
    engine: Engine,
    merchant_id: UUID,
    order_id: str,
    answer: Answer,
    *,
    because: str,
    send: int | None = None,
    asked_in: str | None = None,
    actor: Actor | None = None,
) -> str:
    """Take one piece of news about an order; returns the state it is in afterwards.

    Harmless to repeat, in any order, from any number of processes. ``unknown_order`` is returned
    for an order that is not ours. ``send`` is the number of the send that the news answers.
    ``asked_in`` is the state the order was in when the question left: where another outcome was
    written since, the answer may be older than that, and ``OVERTAKEN`` says to ask again.
    """
    for left in reversed(range(_RETRIES)):
        try:
            with engine.work(merchant_id, actor or system("settle")) as unit:
                return settle_in(
                    engine, unit, order_id, answer,
                    because=because, send=send, asked_in=asked_in,
                )  # fmt: skip
        except OperationalError:
            # A deadlock or a lock wait that ran out: nothing was written, the news is still news.
            if not left:
                raise
    raise AssertionError("the loop returns or raises")


def settle_in(
    engine: Engine,
    unit: Work,
    order_id: str,
    answer: Answer,
    *,
    because: str,
    send: int | None = None,
    asked_in: str | None = None,
) -> str:
    """The same inside a transaction of the caller."""
    order, invoice = _lock(unit, order_id)
    if order is None:
        return "unknown_order"
    if send == NEVER_SENT and order.state != "created":
        return str(order.state)  # found moot by one, sent by another since
    if answer.status in ("not_sent", "refused"):
        return _put_back(unit, order, answer, because, send)
    if send is not None and order.in_doubt and _attests_only_this_send(answer):
        # What a later send is refused for says nothing about an earlier one that may be on its
        # way. It is not sent again, and asked about until that is certain.
        stop_sending(unit, order)
        answer = Answer("unknown", code=answer.code, message=answer.message, raw=answer.raw)
    answer = read_page(engine, unit, order, answer)
    current = AttemptState(order.state)
    move = paid_twice(engine, order, answer) or decide(
        current,
        _news(order, answer),
        holds.expected(order, answer),
        order_id=order.order_id,
        currency=order.currency,
        cancel_asked=_cancel_asked(unit, order),
        pulled=order.initiated_by == "merchant" and not order.abandoning,
    )
    if is_overtaken(asked_in, current, move, inferred=answer.inferred):
        return OVERTAKEN
    match move:
        case Accept(state):
            write_outcome(unit, order, str(state), answer, because)
            if state in OPEN_STATES:
                keep_page(engine, unit, order, answer)
            holds.follow(unit, order, answer, state)
            _keep_card(engine, unit, order, answer)
            react(unit, order, invoice, state, answer)
            if state not in OPEN_STATES:
                page_brought_none(unit, order)
            if state is AttemptState.PAID:
                note_given_back(unit, order, invoice, answer)
            return str(state)
        case Park(state, reason):
            _park(unit, order, answer, state=str(state), reason=reason, because=because)
            return str(state)
        case Ignore(state, _):
            note_again(unit, order, answer)
            if state in OPEN_STATES:
                keep_page(engine, unit, order, answer)
                note_try(unit, order, answer, because)
            holds.follow(unit, order, answer, state)
            _keep_card(engine, unit, order, answer)
            if state is AttemptState.PAID:
                book.follow_settlement(unit, order, answer)
                note_given_back(unit, order, invoice, answer)
            return str(state)


def _lock(unit: Work, order_id: str) -> tuple[Row[Any] | None, Row[Any] | None]:
    """Lock customer, invoice, order, in that order."""
    mine = {"of_merchant": unit.merchant_id}
    named = {**mine, "named": order_id}
    found = unit.session.execute(_WHOSE, named).one_or_none()
    if found is None:
        return None, None
    unit.session.execute(_CUSTOMER, {**mine, "one": found.customer_id})
    invoice = None
    if found.invoice_id is not None:
        invoice = unit.session.execute(_INVOICE, {**mine, "one": found.invoice_id}).one()
    order = unit.session.execute(_ORDER, named).one()
    return order, invoice


def _news(order: Row[Any], answer: Answer) -> News:
    return News(
        order_id=answer.order_id or order.order_id,
        # A check is never meant to take money: what is held or captured for it is released.
        status=NewsStatus.PENDING if is_held(order, answer) else _NEWS[answer.status],
        amount=answer.amount,
        currency=answer.currency,
        transaction_status=answer.transaction_status,
        payment_type=answer.payment_type,
        store=answer.instructions.get("bank"),
    )


def is_held(order: Row[Any], answer: Answer) -> bool:
    """Whether money is held that a cancel can still let go: authorised, or a check captured."""
    captured = answer.status == "paid" and not answer.settled
    return answer.status == "authorized" or (order.kind == "check" and captured)


def _cancel_asked(unit: Work, order: Row[Any]) -> bool:
    """Whether a refund of ours cancels this captured order."""
    payment = unit.derive("payment", order.order_id)
    told = unit.session.execute(_CANCEL, {"of_merchant": unit.merchant_id, "one": payment})
    return told.one_or_none() is not None


def _attests_only_this_send(answer: Answer) -> bool:
    return answer.status == "failed" and not answer.transaction_status


def _keep_card(engine: Engine, unit: Work, order: Row[Any], answer: Answer) -> None:
    """A token is kept of a card that was charged or held for this very order, and of no other."""
    if answer.status not in ("paid", "authorized") or answer.order_id != order.order_id:
        return
    if answer.saved_token:
        cards.keep_token(engine, unit, order, answer)
    wanted = order.authorize_only and order.state in OPEN_STATES
    if is_held(order, answer) and not order.abandoning and not wanted:
        cards.release(unit, order)


def _put_back(unit: Work, order: Row[Any], answer: Answer, because: str, send: int | None) -> str:
    """This send was proven not to have been taken: it may be made again, later and later.

    Where an earlier send may have arrived, the order is in doubt again and not merely unsent.
    """
    if order.state != "sent" or (send is not None and send != order.sends):
        return str(order.state)
    wait = send_again_after(order.sends, order.order_id, answer.retry_after)
    state = str(after_unsent(1 if order.in_doubt else 0))
    unit.session.execute(
        this_order(unit, order).values(
            state=state,
            lease_until=None,
            next_at=unit.real_now + wait,
            code=answer.code,
            reason=order.reason if order.abandoning else answer.message,
        )
    )
    record_steps(unit, [(order.id, "sent", state, f"{because}: {answer.status}", None)])
    if answer.code in ("401", "410"):
        open_review(unit, "gateway_refuses", "payment_order", order.id, {"code": answer.code})
    return state


def _park(
    unit: Work, order: Row[Any], answer: Answer, *, state: str, reason: str, because: str
) -> None:
    if state != order.state:
        unit.session.execute(
            this_order(unit, order).values(
                state=state,
                next_at=None,
                lease_until=None,
                held=None,
                wish=None,
                capture_amount=holds.taken_of_hold(order, answer),
                reason=reason,
                answer=answer.raw,
                first_sent_at=order.first_sent_at or unit.real_now,
            )
        )
        record_steps(unit, [(order.id, order.state, state, f"{because}: {reason}", answer.raw)])
    open_review(
        unit,
        "canceled_elsewhere" if reason == CANCELED_ELSEWHERE else "answer_differs",
        "payment_order",
        order.id,
        {"reason": reason, "amount": answer.amount, "expected": holds.expected(order, answer)},
        anew=state != order.state,
    )


def _as_it_is(unit: Work, order: Row[Any]) -> Row[Any]:
    """The order once its outcome is written: of a hold, over what was taken of it."""
    if not order.authorize_only:
        return order
    c = payment_orders.c
    mine = (c.merchant_id == unit.merchant_id, c.id == order.id)
    return unit.session.execute(as_taken().where(*mine)).one()


def react(
    unit: Work,
    order: Row[Any],
    invoice: Row[Any] | None,
    state: AttemptState,
    answer: Answer,
) -> None:
    """What follows from an outcome, in the same transaction."""
    match state:
        case AttemptState.PAID if invoice is not None:
            taken = _as_it_is(unit, order)
            book.paid(unit, taken, invoice, answer)
            holds.credit_the_rest(unit, order, taken, invoice)
        case AttemptState.PAID:
            open_review(unit, "check_charged", "payment_order", order.id, {"amount": order.amount})
        case AttemptState.FAILED:
            book.failed(unit, order, invoice, answer)
        case AttemptState.REVERSED if invoice is not None:
            reversal.take_back(unit, order, invoice, answer)
        case AttemptState.PENDING if order.kind == "instrument":
            book.offered(unit, order, answer)
        case AttemptState.PENDING:
            confirm_needed(unit, order, invoice)
        case AttemptState.UNKNOWN:
            unit.event(
                "payment.unknown",
                "payment_order",
                order.id,
                {"order_id": order.order_id, "amount": order.amount},
                customer_id=order.customer_id,
            )
        case _:
            pass
