"""Known mistakes, planted on purpose: each must be found, or the harness proves nothing.

A bug is a patch of the engine while it runs, or SQL that takes a guard of the database away. Where
a second guard would hide the first, both go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from sqlalchemy import update

from billing import jobs
from billing.flows import charge, charge_rows, ingest, issue, orders, reconcile, settle
from core.actor import system
from invoices import service
from ops.prove import place
from payments import attempts
from payments.adapters.midtrans import answers, gateways
from payments.adapters.midtrans.answers import order_answer
from payments.attempts import Accept, AttemptState, Ignore
from payments.gateway import Answer
from payments.tables import payment_orders


@dataclass(frozen=True, slots=True)
class Bug:
    """What is wrong, who had it, and how it is planted."""

    what: str
    had_by: str
    plant: Callable[[ExitStack], None]
    sql: tuple[str, ...] = ()


def _swap(module: object, name: str, other: Any) -> Callable[[ExitStack], None]:
    return lambda stack: stack.enter_context(patch.object(module, name, other))


def _both(*plants: Callable[[ExitStack], None]) -> Callable[[ExitStack], None]:
    def plant(stack: ExitStack) -> None:
        for one in plants:
            one(stack)

    return plant


_charge_answer, _status_answer = answers.charge_answer, answers.status_answer
_request, _mark_sent = charge._request, charge_rows.mark_sent
_settle, _react, _decide = settle.settle, settle.react, attempts.decide


def _timeout_fails(raw: Any) -> Answer:
    answer = _charge_answer(raw)
    return (
        Answer("failed", code="408", message="time-out") if answer.status == "unknown" else answer
    )


def _not_found_fails(raw: Any) -> Answer:
    answer = _status_answer(raw)
    return Answer("failed", code="404") if answer.status == "not_found" else answer


def _id_per_send(engine: Any, unit: Any, row: Any, card: Any) -> Any:
    made = _request(engine, unit, row, card)
    return replace(made, order_id=f"{made.order_id[:-2]}x{row.sends}"[:36])


def _news_is_believed(engine: Any, merchant_id: Any, gateway: Any, row: Any) -> str:  # noqa: ARG001
    told = order_answer(row.body)
    return settle.settle(engine, merchant_id, row.order_id or "", told, because="notification")


def _booked_later(stack: ExitStack) -> None:
    """The outcome in one transaction, the money in another."""
    owed: list[Any] = []

    def react(unit: Any, order: Any, invoice: Any, state: Any, answer: Any) -> None:
        if state is AttemptState.PAID and unit.actor.name == "settle":
            owed.append((order, invoice, state, answer))
        else:
            _react(unit, order, invoice, state, answer)

    def settled(engine: Any, merchant_id: Any, *args: Any, **kwargs: Any) -> str:
        state = _settle(engine, merchant_id, *args, **kwargs)
        while owed:
            mine = owed.pop()
            with engine.work(merchant_id, system("booking")) as unit:
                _react(unit, *mine)
        return state

    stack.enter_context(patch.object(settle, "react", react))
    for module in (settle, charge, reconcile, ingest):
        stack.enter_context(patch.object(module, "settle", settled))


def _lease_without_end(engine: Any, unit: Any, order_ids: list[Any]) -> None:
    _mark_sent(engine, unit, order_ids)
    unit.session.execute(
        update(payment_orders).where(payment_orders.c.id.in_(order_ids)).values(next_at=None)
    )


def _late_truth_dropped(current: AttemptState) -> Any:
    if current is AttemptState.FAILED:
        return Ignore(current, "it had failed")
    return attempts._climb(current, AttemptState.PAID)


def _refund_key_per_send(stack: ExitStack) -> None:
    real, n = gateways.MidtransGateway.refund, [0]

    def refund(self: Any, order_id: str, *, refund_key: str, **more: Any) -> Any:
        n[0] += 1
        return real(self, order_id, refund_key=f"{refund_key}-{n[0]}", **more)

    stack.enter_context(patch.object(gateways.MidtransGateway, "refund", refund))


def _any_amount(*_: Any) -> None:
    return None


def _numbers_burnt(stack: ExitStack) -> None:
    """Numbers from memory, as from a sequence: a roll-back leaves a gap."""
    last: dict[tuple[str, int], int] = {}

    def take(unit: Any, kind: Any, year: int, count: int) -> range:
        stored = service._raise(unit, kind, year, 0)
        mine = max(last.get((kind, year), 0), stored) + count
        last[kind, year] = mine
        service._raise(unit, kind, year, mine - stored)
        return range(mine - count + 1, mine + 1)

    stack.enter_context(patch.object(issue, "take_numbers", take))


def _refund_answered(stack: ExitStack) -> None:
    """A refund whose answer was lost is taken as failed, and the customer asks again."""
    real = answers.refund_answer

    def answer(raw: Any, **more: Any) -> Any:
        told = real(raw, **more)
        return replace(told, status="failed") if told.status == "unknown" else told

    stack.enter_context(patch.object(gateways, "refund_answer", answer))


def _always_paid(*args: Any, **kwargs: Any) -> Any:
    move = _decide(*args, **kwargs)
    if isinstance(move, Ignore) and move.state is AttemptState.PAID:
        return Accept(AttemptState.PAID)
    return move


BUGS: dict[str, Bug] = {
    "timeout-is-failure": Bug(
        "a charge that was not answered in time counts as failed, and another is made",
        "django-subscription-midtrans; killbill#1015; many",
        _swap(gateways, "charge_answer", _timeout_fails),
    ),
    "not-found-is-failure": Bug(
        "404 from the status call counts as proof that nothing was taken",
        "own",
        _swap(gateways, "status_answer", _not_found_fails),
    ),
    "order-id-per-send": Bug(
        "every send of a charge has an order id of its own",
        "django-subscription-midtrans",
        _swap(charge, "_request", _id_per_send),
    ),
    "notification-believed": Bug(
        "what a notification says is booked without asking the gateway",
        "most plugins for Midtrans",
        _swap(ingest, "_ingest_one", _news_is_believed),
    ),
    "no-reaper": Bug(
        "nobody looks for charges whose outcome is not known",
        "killbill#229 before its janitor",
        lambda stack: stack.enter_context(patch.dict(jobs.FLOWS, {"order.resolve": lambda *_: 0})),
    ),
    "booked-in-another-transaction": Bug(
        "the outcome is committed first, the money booked in a second transaction",
        "polar: lock first, send later",
        _booked_later,
    ),
    "lease-without-end": Bug(
        "what a dead process held stays held for ever",
        "polar; procrastinate without its retry task",
        _swap(charge, "mark_sent", _lease_without_end),
    ),
    "late-truth-dropped": Bug(
        "money that arrives after a failure was noted is not booked",
        "killbill#1015",
        _swap(attempts, "_on_paid", _late_truth_dropped),
    ),
    "refund-key-per-send": Bug(
        "a refund that is sent again has another key, and is paid out twice",
        "own",
        _refund_key_per_send,
    ),
    "refund-timeout-is-failure": Bug(
        "a refund whose answer was lost counts as failed",
        "own",
        _refund_answered,
    ),
    "any-amount-goes": Bug(
        "the amount and order of an answer are not compared with ours",
        "own (two guards taken away)",
        _both(
            _swap(attempts, "_mismatch", _any_amount),
            _swap(charge, "_speaks_of_another", lambda *_: False),
        ),
    ),
    "numbers-from-a-sequence": Bug(
        "an invoice number is used up though its transaction rolled back",
        "lago#5523; every sequence",
        _numbers_burnt,
    ),
    "paid-twice-is-twice": Bug(
        "the same payment told twice is booked twice (the row's guard and the key's are gone)",
        "lago#3223; larzsubscription",
        _swap(settle, "decide", _always_paid),
    ),
    "two-attempts-at-once": Bug(
        "an invoice may have two charges under way (the code's guard and the index are gone)",
        "lago#5708, lago#5547; a double click",
        _swap(orders, "open_orders", lambda *_: []),
        ("DROP INDEX uq_payment_orders_one_open_attempt",),
    ),
    "given-up-too-early": Bug(
        "a charge the gateway does not know after half an hour is given up, and another is made",
        "own",
        _swap(reconcile, "GIVE_UP", 1),
    ),
}


@contextmanager
def planted(name: str) -> Iterator[Bug]:
    """The engine has this bug until the end of the block."""
    bug = BUGS[name]
    with ExitStack() as stack:
        bug.plant(stack)
        stack.enter_context(patch.object(place, "SPOILED", bug.sql))
        yield bug
