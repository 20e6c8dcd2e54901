"""An order's own row: the outcome and what came with it, and when it is asked about again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, select, update

from billing.flows.orders import record_steps
from core.work import Work
from payments.attempts import next_poll_after
from payments.gateway import Answer
from payments.hosted import PAGE_OVER
from payments.tables import payment_orders


def write_outcome(unit: Work, order: Row[Any], state: str, answer: Answer, because: str) -> None:
    """Store the new state with what came with it."""
    values: dict[str, Any] = {"state": state, "answer": answer.raw or None}
    if answer.transaction_id:
        values["transaction_id"] = answer.transaction_id
    if code := _code(answer):
        values["code"] = code
    if answer.instructions:
        values["instructions"] = {**order.instructions, **answer.instructions}
    if answer.expires_at:
        values["expires_at"] = answer.expires_at
    if state == "unknown":
        values["in_doubt"] = True
    if order.first_sent_at is None and state != "failed":
        # It was sent before a restore: the gateway knows what the backup does not.
        values["first_sent_at"] = unit.real_now
    if state != "pending":
        values.update(held=None, wish=None)
    if state == "paid" and order.authorize_only:
        values["capture_amount"] = answer.amount
    if state in ("unknown", "pending"):
        values["next_at"] = _next_poll(unit, order)
        values["lease_until"] = None
    else:
        values.update(
            next_at=None, lease_until=None, closed_at=unit.now, attested=True, request_sealed=None
        )
    unit.session.execute(this_order(unit, order).values(**values))
    record_steps(unit, [(order.id, order.state, state, because, answer.raw or None)])


def _code(answer: Answer) -> str | None:
    """Why it came to this: the bank's yes to what was denied or ran out afterwards is not."""
    if answer.code == PAGE_OVER:
        return PAGE_OVER
    if answer.fraud == "deny":
        return "fraud"
    return "407" if answer.transaction_status == "expire" else answer.code


def _next_poll(unit: Work, order: Row[Any]) -> datetime:
    """When an order without an outcome is asked about again, in machine time.

    One that was withdrawn since the question was asked is still due: it has to be ended.
    """
    if order.abandoning and order.next_at is not None and order.next_at <= unit.real_now:
        return unit.real_now
    age = unit.real_now - (order.last_sent_at or unit.real_now)
    return unit.real_now + next_poll_after(age)


def note_again(unit: Work, order: Row[Any], answer: Answer) -> None:
    """No new state; an open order is asked about again later."""
    if order.state not in ("unknown", "pending"):
        return
    values: dict[str, Any] = {"next_at": _next_poll(unit, order)}
    if answer.instructions:
        values["instructions"] = {**order.instructions, **answer.instructions}
    if order.expires_at is not None and order.expires_at <= unit.now:
        # Its time has come and the gateway still waits: from here on only the polls ask.
        values["expires_at"] = None
    unit.session.execute(this_order(unit, order).values(**values))


def as_taken() -> Select[Any]:
    """Orders whose ``amount`` is what was taken: of a hold that was captured, maybe a part.

    Of one that is not decided it is what was asked for.
    """
    c = payment_orders.c
    is_decided = c.state.in_(("paid", "reversed", "review"))
    taken = case((is_decided, func.coalesce(c.capture_amount, c.amount)), else_=c.amount)
    return select(*(one for one in c if one.name != "amount"), taken.label("amount"))


def stop_sending(unit: Work, order: Row[Any]) -> None:
    """From now on it is only asked about."""
    unit.session.execute(this_order(unit, order).values(abandoning=True))


def this_order(unit: Work, order: Row[Any]) -> Any:
    """A statement that changes this row."""
    return update(payment_orders).where(
        payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == order.id
    )
