"""Sending refunds: the protocol of a charge, turned round.

Claimed under a lease and committed before the call; no transaction is open while the gateway
thinks. Once a send may have reached it, its status is asked before anything is sent again, and
every send of a refund carries the same key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import case, func, select, update

from billing.engine import Engine
from billing.flows.pace import Leave, take, watched
from billing.flows.refund_found import known_keys
from billing.flows.refund_outcomes import (
    REFUNDED_SINCE_BACKUP,
    give_up,
    lock_refund,
    succeed,
    tell,
)
from core import ids
from core.actor import system
from core.work import Work
from payments.breaker import Operation
from payments.budget import Lane
from payments.channels import wire_id
from payments.gateway import Answer, Gateway, RefundAnswer
from payments.order_ids import idempotency_key
from payments.tables import payments, refunds

BATCH: Final = 20
# Machine time between the questions about a refund whose outcome nobody knows.
_ASK: Final = tuple(timedelta(seconds=s) for s in (30, 120, 300, 900, 3600, 6 * 3600, 86400))
# The gateway would not take it now: no balance at the gateway, no bank, too many calls.
_RETRY: Final = timedelta(hours=1)
_REFUSED: Final = timedelta(minutes=1)
# A refund that keeps being put off may be repeated under its key for seven days.
_RETRY_FOR: Final = timedelta(days=7)
# A settlement that is late is asked about every hour, half a day long, then every day.
_NOT_SETTLED_YET: Final = (timedelta(hours=1), timedelta(days=1))
_HOURLY_ASKS: Final = 12

# settled: the money is on its way to the merchant, so a cancel becomes a refund; waiting: it is
# not, so a partial refund goes on waiting.
Verdict = Literal[
    "succeeded", "failed", "unknown", "again", "later", "refused", "settled", "waiting"
]


@dataclass(frozen=True, slots=True)
class Leased:
    """A refund that is ours to send until the lease ends."""

    id: UUID
    payment_id: UUID
    order_id: str
    wire_id: str
    road: str
    refund_key: str
    amount: int
    reason: str
    send: int
    ask_first: bool
    # After a restore: the keys we know of; another at the gateway is a refund the backup lost.
    known: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one exchange with the gateway showed."""

    verdict: Verdict
    code: str | None
    raw: dict[str, Any]
    saw_settlement: bool = False


def send_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Send the refunds of a merchant that are due; returns how many were tried."""
    with engine.work(merchant_id, system("refunds")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        leased, leave = _lease(engine, unit, limit)
    with watched(engine, merchant_id, gateway, leave) as asked:
        for refund in leased:
            outcome = exchange(asked, refund)
            _record(engine, merchant_id, refund, outcome)
    return len(leased)


def exchange(gateway: Gateway, refund: Leased) -> Outcome:
    """Talk to the gateway about one refund; nothing of ours is locked meanwhile."""
    settled = False
    if refund.ask_first:
        found = judge(refund, gateway.status(refund.wire_id))
        if found.verdict != "again":
            return found
        settled = found.saw_settlement
    answer = _send(gateway, refund)
    outcome = _outcome(answer)
    if outcome.verdict in ("failed", "unknown") and answer.code is not None:
        # It answered and would not: it may have done it before, or stand elsewhere than we think.
        found = judge(refund, gateway.status(refund.wire_id))
        if found.verdict in ("succeeded", "settled", "waiting"):
            return found
    return replace(outcome, saw_settlement=settled)


def judge(refund: Leased, answer: Answer) -> Outcome:
    """Read from an order's status whether this refund happened, and whether it still can."""
    if answer.status in ("unknown", "not_found", "refused", "not_sent"):
        return Outcome("unknown", answer.code, answer.raw)
    word = answer.transaction_status

    def is_(verdict: Verdict) -> Outcome:
        return Outcome(verdict, answer.code, answer.raw, saw_settlement=answer.settled)

    if answer.status == "reversed":
        return is_("failed")  # the holder's bank has given it back itself
    if refund.road == "cancel":
        if word == "cancel":
            return is_("succeeded")
        return is_("settled" if answer.settled else "again")
    keys = {str(one.get("refund_key")) for one in answer.refunds}
    if refund.refund_key in keys:
        return is_("succeeded")
    if refund.known is not None and keys - refund.known:
        # This may be what was given back already: a person decides, nothing is sent.
        return replace(is_("failed"), code=REFUNDED_SINCE_BACKUP)
    if word in ("capture", "pending"):
        return is_("waiting")
    if answer.settled:
        return is_("again")
    return is_("failed")


def _send(gateway: Gateway, refund: Leased) -> RefundAnswer:
    operation = f"{refund.road}:{refund.refund_key}"
    key = idempotency_key(refund.order_id, operation, refund.send)
    if refund.road == "cancel":
        return gateway.cancel(refund.wire_id, idempotency_key=key)
    return gateway.refund(
        refund.wire_id,
        refund_key=refund.refund_key,
        amount=refund.amount,
        reason=refund.reason[:255],
        idempotency_key=key,
    )


def _outcome(answer: RefundAnswer) -> Outcome:
    words: dict[str, Verdict] = {
        "succeeded": "succeeded",
        "failed": "failed",
        "unknown": "unknown",
        "not_sent": "refused",
        "refused": "refused",
        "retry": "later",
    }
    return Outcome(words[answer.status], answer.code, answer.raw)


def _lease(engine: Engine, unit: Work, limit: int) -> tuple[list[Leased], Leave]:
    """Free what has waited long enough, then claim what is due and the gateway's pace allows."""
    c = refunds.c
    mine = c.merchant_id == unit.merchant_id
    unit.session.execute(
        update(refunds)
        .where(mine, c.state == "refund_scheduled", c.due_at <= unit.now)
        .values(state="created", due_at=None, next_at=unit.real_now)
    )
    rows = unit.session.execute(
        select(
            refunds,
            payments.c.order_id,
            payments.c.customer_id,
            payments.c.status,
            payments.c.channel,
            payments.c.transaction_id,
        )
        .join(payments, (payments.c.merchant_id == c.merchant_id) & (payments.c.id == c.payment_id))
        .where(mine, c.state.in_(("created", "sent", "unknown")), c.next_at <= unit.real_now)
        .order_by(c.next_at, c.id)
        .limit(limit)
        .with_for_update(of=refunds, skip_locked=True)
    ).all()
    # A question before or after it, besides the refund.
    leave = take(
        engine, unit, Operation.REFUND, Lane.WORK, [2] * len(rows),
        bell="refund.send", more=len(rows) == limit,
    )  # fmt: skip
    rows = rows[: leave.count]
    if not rows:
        return [], leave
    recovering = unit.merchant.mode == "recovering"
    keys = known_keys(unit, [row.payment_id for row in rows]) if recovering else {}
    until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
    unit.session.execute(
        update(refunds)
        .where(mine, c.id.in_([row.id for row in rows]))
        .values(
            state="sent",
            sends=c.sends + 1,
            first_sent_at=func.coalesce(c.first_sent_at, unit.real_now),
            lease_until=until,
            next_at=until,
            polls=case((c.state == "unknown", c.polls + 1), else_=c.polls),
        )
    )
    for row in rows:
        if row.first_sent_at is None:
            tell(unit, "refund.sent", dict(row._mapping), row.customer_id)
    return [
        Leased(
            id=row.id,
            payment_id=row.payment_id,
            order_id=row.order_id,
            wire_id=wire_id(row.channel, row.order_id, row.transaction_id),
            road=row.route,
            refund_key=row.refund_key,
            amount=row.amount,
            reason=row.reason,
            send=row.sends + 1,
            # Also when we have not heard of the settlement: the gateway knows.
            ask_first=recovering
            or row.sends > 0
            or (row.route == "refund" and row.status != "settled"),
            known=frozenset(keys[row.payment_id]) if recovering else None,
        )
        for row in rows
    ], leave


def _record(engine: Engine, merchant_id: UUID, leased: Leased, outcome: Outcome) -> None:
    with engine.work(merchant_id, system("refunds")) as unit:
        refund = lock_refund(unit, leased.id)
        # Whoever sent after us knows more than we do.
        if refund.state != "sent" or refund.sends != leased.send:
            return
        if outcome.saw_settlement:
            _note_settlement(unit, leased)
        match outcome.verdict:
            case "succeeded":
                succeed(unit, refund, code=outcome.code, raw=outcome.raw)
            case "failed":
                give_up(unit, refund, code=outcome.code, raw=outcome.raw)
            case "settled":
                _set(unit, leased.id, route="refund", state="created", next_at=unit.real_now)
                unit.ring("refund.send")
            case "waiting":
                _set(
                    unit, leased.id, state="refund_scheduled", next_at=None,
                    due_at=unit.now + _NOT_SETTLED_YET[refund.sends > _HOURLY_ASKS],
                )  # fmt: skip
            case "later" if unit.real_now - refund.first_sent_at >= _RETRY_FOR:
                give_up(unit, refund, code=outcome.code, raw=outcome.raw)
            case "later":
                _set(unit, leased.id, state="created", next_at=unit.real_now + _RETRY)
            case "refused":
                _set(unit, leased.id, state="created", next_at=unit.real_now + _REFUSED)
            case _:
                wait = _ASK[min(refund.polls, len(_ASK) - 1)]
                _set(unit, leased.id, state="unknown", next_at=unit.real_now + wait)


def _note_settlement(unit: Work, leased: Leased) -> None:
    """The status told us, before any notification did, that the payment settled."""
    changed = unit.session.execute(
        update(payments)
        .where(
            payments.c.merchant_id == unit.merchant_id,
            payments.c.id == leased.payment_id,
            payments.c.status == "captured",
        )
        .values(status="settled", settled_at=unit.now)
        .returning(payments.c.customer_id, payments.c.amount)
    ).one_or_none()
    if changed is not None:
        unit.event(
            "payment.settled",
            "payment",
            leased.payment_id,
            {"payment": ids.public("payment", leased.payment_id), "amount": changed.amount},
            customer_id=changed.customer_id,
        )


def _set(unit: Work, refund_id: UUID, **values: Any) -> None:
    unit.session.execute(
        update(refunds)
        .where(refunds.c.merchant_id == unit.merchant_id, refunds.c.id == refund_id)
        .values(lease_until=None, **values)
    )
