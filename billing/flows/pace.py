"""Keeping to the gateway's pace: calls are taken from the merchant's budget where work is leased.

One row a merchant, shared by all processes, locked last and for a moment. What a call then showed
of the gateway is noted after it; nothing is open in the database meanwhile. The rules are
`payments.budget` and `payments.breaker`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import and_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from billing.engine import Engine
from core.actor import system
from core.work import Work
from invoices.tables import invoices
from payments.breaker import Heard, Operation, heard_of, sending
from payments.budget import Budget, Forecast, Lane, forecast
from payments.gateway import AccountAnswer, Answer, ChargeRequest, Gateway, RefundAnswer
from payments.tables import gateway_budgets, payment_orders

LOG = logging.getLogger("tagihan.pace")

_Answer = TypeVar("_Answer", Answer, RefundAnswer, AccountAnswer)

# Built once: they are asked with every batch.
_MINE = (
    gateway_budgets.c.merchant_id == bindparam("of_merchant"),
    gateway_budgets.c.id == bindparam("budget"),
)
_LOCKED = select(gateway_budgets.c.state).where(*_MINE).with_for_update()
_STORED = (
    update(gateway_budgets)
    .where(*_MINE)
    .values(state=bindparam("as_told"), updated_at=bindparam("at"))
)


@dataclass(frozen=True, slots=True)
class Leave:
    """What one lease may do: ``count`` pieces of work, with ``calls`` calls taken for them.

    ``calm``: good news need not be written down. ``paced``: False where no budget is kept.
    """

    count: int
    lane: Lane = Lane.WORK
    calls: int = 0
    calm: bool = True
    paced: bool = True
    again_at: datetime | None = None


def is_paced(engine: Engine, unit: Work) -> bool:
    """Whether the merchant's calls are counted: not those of a test clock, unless asked for."""
    return engine.settings.pace_test_clocks or not unit.by_clock


def take(
    engine: Engine,
    unit: Work,
    operation: Operation,
    lane: Lane,
    costs: Sequence[int],
    *,
    bell: str,
    more: bool = False,
) -> Leave:
    """Take calls for pieces of work, in the order they stand; the last rows to be locked.

    Where not all can be done now, ``bell`` is rung again when the rest can.

    Args:
        costs: calls that each piece may make.
        more: there is more of this work than is listed.
    """
    if not costs or not is_paced(engine, unit):
        return Leave(len(costs), paced=False)
    budget = _lock(unit)
    lease = timedelta(seconds=engine.settings.lease_seconds)
    after, grant = budget.take(operation, lane, costs, unit.real_now, lease, more=more)
    _store(unit, after)
    if grant.again_at is not None:
        unit.ring_later(bell, grant.again_at)
    calm = after.is_calm(unit.real_now)
    return Leave(grant.count, lane, grant.calls, calm, again_at=grant.again_at)


@contextmanager
def watched(engine: Engine, merchant_id: UUID, gateway: Gateway, leave: Leave) -> Iterator[Gateway]:
    """Lend the gateway for a batch of calls; note afterwards what they showed and how many."""
    if not leave.paced:
        yield gateway
        return
    watch = _Watch(gateway)
    try:
        yield watch
    finally:
        _report(engine, merchant_id, watch, leave)


def _report(engine: Engine, merchant_id: UUID, watch: _Watch, leave: Leave) -> None:
    made = sum(len(words) for words in watch.heard.values())
    good = all(word == "ok" for words in watch.heard.values() for word in words)
    if good and leave.calm and made <= leave.calls:
        return
    with engine.work(merchant_id, system("pace")) as unit:
        before = budget = _lock(unit)
        for operation, words in watch.heard.items():
            budget = budget.heard(operation, words, unit.real_now)
        budget = budget.asked_for_rest(watch.rest, unit.real_now)
        _tell(unit, before, budget)
        _store(unit, budget.also_called(leave.lane, made - leave.calls, unit.real_now))


def _tell(unit: Work, before: Budget, after: Budget) -> None:
    """Say in the log what whoever runs this installation should know."""
    facts = {"merchant": unit.merchant.slug}
    if after.rest_until is not None and after.rest_until != before.rest_until:
        told = {**facts, "until": after.rest_until.isoformat()}
        LOG.warning("the gateway asks to be left alone", extra=told)
    if after.cut_at != before.cut_at:
        rate = after.rate(unit.real_now)
        LOG.warning("the gateway is called less often", extra={**facts, "per_second": rate})
    for operation in Operation:
        was, now = before.breaker(operation), after.breaker(operation)
        if now.opened > was.opened:
            until = now.again_at(unit.real_now).isoformat()
            told = {**facts, "operation": str(operation), "until": until}
            LOG.warning("the gateway does not answer: calls are stopped", extra=told)
        elif was.until is not None and now.until is None:
            LOG.info("the gateway answers again", extra={**facts, "operation": str(operation)})


def read_budget(unit: Work) -> Budget:
    """The budget as it stands, without locking it."""
    stored = unit.session.execute(
        select(gateway_budgets.c.state).where(
            gateway_budgets.c.merchant_id == unit.merchant_id, gateway_budgets.c.id == _id(unit)
        )
    ).scalar_one_or_none()
    return Budget.from_json(unit.merchant.gateway_rps, stored or {})


def read_forecast(unit: Work) -> Forecast:
    """How many charges wait to be sent, and when they will be through."""
    orders, due = payment_orders.c, invoices.c
    ready = select(func.count()).where(
        orders.merchant_id == unit.merchant_id,
        orders.state == "created",
        or_(orders.next_at <= unit.real_now, orders.sends > 0),
    )
    uncollected = select(func.count()).where(
        and_(due.merchant_id == unit.merchant_id, due.status == "open", due.collect_at <= unit.now)
    )
    waiting = (
        unit.session.execute(ready).scalar_one() + unit.session.execute(uncollected).scalar_one()
    )
    return forecast(read_budget(unit), waiting, unit.real_now)


def _lock(unit: Work) -> Budget:
    table, key = gateway_budgets, {"of_merchant": unit.merchant_id, "budget": _id(unit)}
    stored = unit.session.execute(_LOCKED, key).scalar_one_or_none()
    if stored is None:
        unit.session.execute(
            insert(table)
            .values(merchant_id=unit.merchant_id, id=_id(unit), state={}, updated_at=unit.real_now)
            .on_conflict_do_nothing()
        )
        stored = unit.session.execute(_LOCKED, key).scalar_one()
    return Budget.from_json(unit.merchant.gateway_rps, stored)


def _store(unit: Work, budget: Budget) -> None:
    key = {"of_merchant": unit.merchant_id, "budget": _id(unit)}
    unit.session.execute(_STORED, {**key, "as_told": budget.to_json(), "at": unit.real_now})


def _id(unit: Work) -> UUID:
    # Of one merchant at one address: what one gateway shows says nothing of another.
    return unit.derive("gateway_budget", unit.merchant.gateway, unit.merchant.gateway_url or "")


@dataclass(slots=True)
class _Watch:
    """The port, noting of every call what it showed of the gateway; from any thread."""

    _gateway: Gateway
    heard: dict[Operation, list[Heard]] = field(default_factory=dict)
    # The longest pause that any answer asked for, in seconds.
    rest: int | None = None
    _lock: Any = field(default_factory=threading.Lock)

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        return self._note(
            sending(request.channel),
            lambda: self._gateway.charge(request, idempotency_key=idempotency_key),
        )

    def status(self, order_id: str) -> Answer:
        return self._note(Operation.STATUS, lambda: self._gateway.status(order_id))

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        return self._note(
            Operation.REFUND,
            lambda: self._gateway.cancel(order_id, idempotency_key=idempotency_key),
        )

    def expire(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        return self._note(
            Operation.REFUND,
            lambda: self._gateway.expire(order_id, idempotency_key=idempotency_key),
        )

    def refund(
        self, order_id: str, *, refund_key: str, amount: int, reason: str, idempotency_key: str
    ) -> RefundAnswer:
        return self._note(
            Operation.REFUND,
            lambda: self._gateway.refund(
                order_id,
                refund_key=refund_key,
                amount=amount,
                reason=reason,
                idempotency_key=idempotency_key,
            ),
        )

    def capture(self, order_id: str, *, amount: int, idempotency_key: str) -> Answer:
        return self._note(
            Operation.CHARGE,
            lambda: self._gateway.capture(order_id, amount=amount, idempotency_key=idempotency_key),
        )

    def review(self, order_id: str, *, accept: bool, idempotency_key: str) -> Answer:
        return self._note(
            Operation.CHARGE,
            lambda: self._gateway.review(order_id, accept=accept, idempotency_key=idempotency_key),
        )

    def link_account(self, *, phone: str, return_url: str) -> AccountAnswer:
        return self._note(
            Operation.CHARGE,
            lambda: self._gateway.link_account(phone=phone, return_url=return_url),
        )

    def account(self, account_id: str) -> AccountAnswer:
        return self._note(Operation.STATUS, lambda: self._gateway.account(account_id))

    def unlink_account(self, account_id: str) -> AccountAnswer:
        return self._note(Operation.STATUS, lambda: self._gateway.unlink_account(account_id))

    def close_page(self, token: str) -> bool:
        return self._gateway.close_page(token)

    def verify_notification(self, body: dict[str, Any]) -> bool:
        return self._gateway.verify_notification(body)

    def set_time(self, to: datetime) -> datetime | None:
        return self._gateway.set_time(to)

    def next_due(self) -> datetime | None:
        return self._gateway.next_due()

    def _note(self, operation: Operation, call: Callable[[], _Answer]) -> _Answer:
        try:
            answer = call()
        except Exception:
            self._add(operation, "down")
            raise
        self._add(operation, heard_of(answer.status, answer.code), answer.retry_after)
        return answer

    def _add(self, operation: Operation, word: Heard, rest: int | None = None) -> None:
        with self._lock:
            self.heard.setdefault(operation, []).append(word)
            if rest is not None:
                self.rest = max(rest, self.rest or 0)
