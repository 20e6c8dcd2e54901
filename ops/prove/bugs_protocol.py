"""Known mistakes of charging: time-outs, sends, answers, leases, notifications."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final
from unittest.mock import patch

from billing import jobs
from billing.flows import charge, ingest, reconcile, settle
from core.actor import system
from ops.prove.planting import Bug, Life, edit, swap
from payments.adapters.midtrans.answers import order_answer
from payments.attempts import Accept, AttemptState, Ignore, decide

_MONEY: Final = ("I2", "I4", "I5", "I9", "doctor:pulled-at-most-once")
_settle, _react = settle.settle, settle.react
LONG: Final = Life(4, 8, 3)


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
        if hasattr(module, "settle"):
            stack.enter_context(patch.object(module, "settle", settled))


def _always_paid(*args: Any, **kwargs: Any) -> Any:
    move = decide(*args, **kwargs)
    if isinstance(move, Ignore) and move.state is AttemptState.PAID:
        return Accept(AttemptState.PAID)
    return move


def _nobody_looks(stack: ExitStack) -> None:
    stack.enter_context(patch.dict(jobs.FLOWS, {"order.resolve": lambda *_: 0}))


_ANSWERS: Final = "payments.adapters.midtrans.answers"
_BELIEVED: Final = swap("billing.flows.ingest", "_ingest_one", _news_is_believed)

BUGS: Final[dict[str, Bug]] = {
    "timeout-is-failure": Bug(
        "a charge that was not answered in time counts as failed, and another is made",
        "django-subscription-midtrans; killbill#1015; many",
        (*_MONEY, "nothing is left open at the gateway"),
        (edit(f"{_ANSWERS}:charge_answer", {
            '"unknown", code=_code(raw), message=raw.detail,':
            '"failed", code="408", message="time-out",',
        }),),
    ),
    "not-found-is-failure": Bug(
        "404 from the status call counts as proof that nothing was taken",
        "own",
        (*_MONEY, "what is paid can not be paid again"),
        (edit(f"{_ANSWERS}:status_answer", {'"not_found", code="404"': '"failed", code="404"'}),),
    ),
    "on-process-is-failure": Bug(
        "202, the twin of this call still runs, counts as failed",
        "own; Midtrans documents it for repeated keys",
        _MONEY,
        (edit(f"{_ANSWERS}:charge_answer", {
            '"unknown", code=_code(raw), message="on process"':
            '"failed", code="408", message="on process"',
        }),),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "duplicate-is-failure": Bug(
        "406, this order exists already, counts as failed, and another is made",
        "midtrans-php#115; own",
        _MONEY,
        (edit("billing.flows.charge:exchange", {
            "answer = gateway.status(leased.order_id)\n    elif":
            'answer = Answer("failed", code="406", message="duplicate")\n    elif',
        }),),
        life=LONG,
    ),
    "order-id-per-send": Bug(
        "every send of a charge has an order id of its own",
        "django-subscription-midtrans",
        ("I4",),
        (edit("billing.flows.charge:_request", {
            "order_id=row.order_id,": 'order_id=f"{row.order_id[:-2]}x{row.sends}"[:36],',
        }),),
    ),
    "order-id-without-a-number": Bug(
        "the next attempt has the order id of the one that was declined",
        "larzsubscription; plugins that use the invoice number",
        ("no flow fails",),
        (edit("billing.flows.orders:last_numbers", {"row[2] for row": "row[2] - 1 for row"}),),
        life=Life(histories=8, scene="refused again"),
    ),
    "declined-is-sent-again": Bug(
        "an order whose end the gateway attested is sent again under its id",
        "own; Midtrans takes a denied id once more",
        ("I9", "I2", "nothing is left open"),
        (edit("billing.flows.reconcile:resolve_one", {
            'answer.status != "not_found" or passed < 1:':
            'answer.status not in ("not_found", "failed"):',
        }),),
        life=LONG,
    ),
    "not-written-ahead": Bug(
        "the charge is sent before a committed row says that it is being sent",
        "django-subscription-midtrans; most plugins",
        ("I4",),
        (edit("billing.flows.charge:lease", {
            "mark_sent(engine, unit, [row.id for row in alive])": "None",
        }),),
    ),
    "call-inside-a-transaction": Bug(
        "the gateway is called while a transaction is open",
        "django-subscription-midtrans; Vindicia's lessons",
        ("no transaction across a call",),
        (edit("billing.flows.charge:exchange", {
            "        answer = gateway.charge(":
            '        with engine.work(merchant_id, system("charge")):\n'
            "            answer = gateway.charge(",
        }),),
    ),
    "notification-believed": Bug(
        "what a notification says is booked without asking the gateway",
        "most plugins for Midtrans",
        ("I2", "I5", "no flow fails", "nothing is left open"),
        (_BELIEVED,),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "forged-notification-believed": Bug(
        "a notification is believed whoever signed it",
        "midtrans-php#63's answers; own (the signature and the question are gone)",
        ("I2", "I5", "no flow fails", "nothing is left open"),
        (
            _BELIEVED,
            edit("billing.flows.ingest:take_in", {
                "genuine = engine.gateways.of(unit.merchant).verify_notification(body)":
                "genuine = True",
            }),
        ),
        life=Life(histories=8, scene="answers get lost"),
        pair=True,
    ),
    "no-reaper": Bug(
        "nobody looks for charges whose outcome is not known",
        "killbill#229 before its janitor",
        ("doctor:nothing-unknown-for-a-day", "nothing is left open", "I2"),
        (_nobody_looks,),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "lease-end-is-failure": Bug(
        "the reaper fails what a dead worker had sent, and does not ask the gateway",
        "queues that time jobs out: pg-boss, River",
        _MONEY,
        (edit("billing.flows.reconcile:resolve_one", {
            "answer = gateway.status(wire)\n    if order.abandoning":
            'answer = gateway.status(wire)\n    if order.state == "sent":\n'
            '        answer = Answer("failed", code="408", message="lease over")\n'
            "    if order.abandoning",
        }),),
        life=LONG,
    ),
    "lease-shorter-than-the-call": Bug(
        "a lease ends before the client's time-out, and what it held counts as never sent",
        "own; procrastinate's stalled jobs (lease and quarantine are gone)",
        _MONEY,
        (
            edit("billing.flows.charge_rows:mark_sent", {
                "seconds=engine.settings.lease_seconds": "milliseconds=20",
            }),
            edit("billing.flows.reconcile:resolve_one", {
                "passed >= GIVE_UP or": 'order.state == "sent" or',
                "or passed < 1": "or False",
            }),
        ),
        pair=True,
        life=Life(histories=8, scene="answers get lost"),
    ),
    "no-quarantine": Bug(
        "what the gateway does not know yet is given up within minutes",
        "own",
        _MONEY,
        (edit("billing.flows.reconcile:quarantines", {
            "seconds=engine.settings.quarantine_seconds": "seconds=1",
        }),),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "given-up-too-early": Bug(
        "a charge the gateway does not know after half an hour is given up, and another is made",
        "own",
        _MONEY,
        (swap("billing.flows.reconcile", "GIVE_UP", 1),),
        life=LONG,
    ),
    "booked-in-another-transaction": Bug(
        "the outcome is committed first, the money booked in a second transaction",
        "polar: lock first, send later",
        ("I2 money is booked", "doctor:", "no flow fails"),
        (_booked_later,),
    ),
    "lease-without-end": Bug(
        "what a dead process held stays held for ever",
        "polar; procrastinate without its retry task",
        ("no flow fails",),
        (edit("billing.flows.charge_rows:mark_sent", {"next_at=until,": "next_at=None,"}),),
    ),
    "late-truth-dropped": Bug(
        "money that arrives after a failure was noted is not booked",
        "killbill#1015",
        ("I2 money is booked", "I5"),
        (edit("payments.attempts:_on_paid", {
            "    return _climb(current, AttemptState.PAID)":
            "    if current is AttemptState.FAILED:\n"
            '        return Ignore(current, "it had failed")\n'
            "    return _climb(current, AttemptState.PAID)",
        }),),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "stale-status-downgrades": Bug(
        "an older status overrules what is known (the database refuses it)",
        "django-subscription-midtrans",
        ("no flow fails",),
        (edit("payments.attempts:_climb", {"if RANK[state] < RANK[current]:": "if False:"}),),
        life=Life(histories=8, scene="answers get lost"),
    ),
    "stale-status-downgrades-all": Bug(
        "an older status overrules what is known (the trigger is gone too)",
        "django-subscription-midtrans",
        ("I2", "I5", "doctor:", "no flow fails", "nothing is left open"),
        (edit("payments.attempts:_climb", {"if RANK[state] < RANK[current]:": "if False:"}),),
        ("ALTER TABLE payment_orders DISABLE TRIGGER payment_orders_climb",),
        pair=True,
        life=Life(histories=8, scene="answers get lost"),
    ),
    "any-amount-goes": Bug(
        "the amount and order of an answer are not compared with ours",
        "own (two guards taken away)",
        ("I2", "I5", "I10"),
        (
            swap("payments.attempts", "_mismatch", lambda *_: None),
            swap("billing.flows.charge", "_speaks_of_another", lambda *_: False),
        ),
        life=Life(histories=8, scene="answers get lost"),
        pair=True,
    ),
    "paid-twice-is-twice": Bug(
        "the same payment told twice is booked twice",
        "lago#3223; larzsubscription",
        ("no flow fails",),
        (swap("billing.flows.settle", "decide", _always_paid),),
    ),
    "two-attempts-at-once": Bug(
        "an invoice may have two charges under way (the code's guard and the index are gone)",
        "lago#5708, lago#5547; a double click",
        ("doctor:pulled-at-most-once", "doctor:next-try-after-attested-failure", "I2"),
        (swap("billing.flows.orders", "open_orders", lambda *_: []),),
        ("DROP INDEX uq_payment_orders_one_open_attempt",),
        pair=True,
    ),
}  # fmt: skip
