"""A test merchant's clock: one jump of a year equals living it.

Time goes from due instant to due instant, of ours and of the simulated gateway, and everything
due is drained before it goes on. While it steps (``stepping``) no work of that merchant is
done, so that nothing happens between two times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, text, update
from sqlalchemy.orm import Session

from billing.engine import Engine
from core.actor import Actor, system
from core.errors import Conflict, InvalidRequest
from core.tables import clocks
from core.work import Work

# The longest jump one call may ask for.
ADVANCE_DAYS_MAX = 800

_DUE = text(
    """
    SELECT min(due) FROM (
        SELECT min(next_at) AS due FROM subscriptions WHERE merchant_id = :m
        UNION ALL SELECT min(notice_at) FROM subscriptions WHERE merchant_id = :m
        UNION ALL SELECT min(collect_at) FROM invoices WHERE merchant_id = :m
        UNION ALL SELECT min(next_at) FROM balance_lots WHERE merchant_id = :m
        UNION ALL SELECT min(next_at) FROM dunning_cases WHERE merchant_id = :m
        UNION ALL SELECT min(due_at) FROM refunds WHERE merchant_id = :m
        UNION ALL SELECT min(expires_at) FROM payment_orders
            WHERE merchant_id = :m AND state = 'pending'
        UNION ALL SELECT min(link_expires_at) FROM payment_methods WHERE merchant_id = :m
    ) AS all_due
    """
)

# Work under way that no clock must overtake: it finishes in machine time.
_BUSY = text(
    """
    SELECT
        EXISTS (SELECT 1 FROM payment_orders WHERE merchant_id = :m
            AND (state IN ('created', 'sent', 'unknown')
                -- A page on which something was chosen ends by its own time, not by our wish.
                OR (state = 'pending' AND abandoning AND (expires_at IS NULL
                    OR page_until IS NULL OR expires_at <= :at OR next_at <= :real))))
        OR EXISTS (SELECT 1 FROM notifications WHERE merchant_id = :m AND state = 'new')
        OR EXISTS (SELECT 1 FROM refunds WHERE merchant_id = :m
            AND state IN ('created', 'sent', 'unknown'))
        OR EXISTS (SELECT 1 FROM payment_methods WHERE merchant_id = :m AND next_at <= :real)
        OR EXISTS (SELECT 1 FROM messages WHERE merchant_id = :m
            AND (state = 'sending' OR (state = 'queued' AND next_at <= :soon)))
    """
)


@dataclass(frozen=True, slots=True)
class ClockState:
    """Where a test clock stands: ``ready``, ``advancing`` or ``stepping``."""

    at: datetime
    target_at: datetime | None
    state: str


def read_clock(session: Session, merchant_id: UUID) -> ClockState | None:
    """The merchant's test clock, or None where it lives in real time."""
    row = session.execute(clocks.select().where(clocks.c.merchant_id == merchant_id)).one_or_none()
    return None if row is None else ClockState(row.at, row.target_at, row.state)


def ask_advance(engine: Engine, merchant_id: UUID, to: datetime, actor: Actor) -> ClockState:
    """Ask for the clock to go to ``to``; `drive` takes it there.

    Raises:
        Conflict: ``no_test_clock``, ``clock_advancing``. InvalidRequest: ``clock_backwards``,
            ``clock_too_far``.
    """
    with engine.work(merchant_id, actor) as unit:
        clock = read_clock(unit.session, merchant_id)
        if clock is None:
            raise Conflict("no_test_clock", "this merchant lives in real time")
        if clock.state != "ready":
            raise Conflict("clock_advancing", f"the clock is on its way to {clock.target_at}")
        _check(clock, to)
        unit.session.execute(
            update(clocks)
            .where(clocks.c.merchant_id == merchant_id, clocks.c.state == "ready")
            .values(state="advancing", target_at=to)
        )
        _note(unit, "clock.advance", clock, to)
        return ClockState(clock.at, to, "advancing")


def jump(engine: Engine, merchant_id: UUID, to: datetime, actor: Actor) -> None:
    """Move time and do nothing: what a dark data centre lives through. Work piles up."""
    with engine.work(merchant_id, actor) as unit:
        clock = read_clock(unit.session, merchant_id)
        if clock is None or clock.state != "ready":
            raise Conflict("no_test_clock", "there is no test clock that stands still")
        _check(clock, to)
        gateway = engine.gateways.of(unit.merchant)
        _note(unit, "clock.jump", clock, to)
    _move(engine, merchant_id, clock.at, to)
    gateway.set_time(to)
    _arrive(engine, merchant_id, to, done=True)


def drive(engine: Engine, merchant_id: UUID, ring: Callable[[UUID], int]) -> bool:
    """Take one step of an advancing clock if nothing is left to do at its present time.

    Safe from any number of processes: a step is taken by one conditional update. ``ring`` wakes the
    workers for what is due.

    Returns:
        Whether the clock has arrived.
    """
    with engine.work(merchant_id, system("clock")) as unit:
        clock = read_clock(unit.session, merchant_id)
        if clock is None or clock.state == "ready":
            return True
        gateway = engine.gateways.of(unit.merchant)
        m = {"m": merchant_id}
        due = unit.session.execute(_DUE, m).scalar_one()
        busy = unit.session.execute(
            _BUSY,
            {
                **m,
                "at": clock.at,
                "real": unit.real_now,
                "soon": unit.real_now + timedelta(seconds=2),
            },
        ).scalar_one()
    if clock.state == "stepping":
        # Whoever began this step did not finish it; moving the gateway's clock again is harmless.
        gateway.set_time(clock.at)
        return _arrive(engine, merchant_id, clock.at, done=clock.target_at is None)
    if busy or (due is not None and due <= clock.at):
        ring(merchant_id)
        return False
    if clock.target_at is None or clock.at >= clock.target_at:
        return _arrive(engine, merchant_id, clock.at, done=True)
    theirs = gateway.next_due()
    to = min(t for t in (clock.target_at, due, theirs) if t is not None and t > clock.at)
    if _move(engine, merchant_id, clock.at, to):
        gateway.set_time(to)
        _arrive(engine, merchant_id, to, done=False)
        ring(merchant_id)
    return False


def _move(engine: Engine, merchant_id: UUID, old: datetime, to: datetime) -> bool:
    """Set the new time and stop all work; only one process gets this."""
    with engine.work(merchant_id, system("clock")) as unit:
        result = unit.session.execute(
            update(clocks)
            .where(
                clocks.c.merchant_id == merchant_id,
                clocks.c.at == old,
                clocks.c.state.in_(("advancing", "ready")),
            )
            .values(at=to, state="stepping", target_at=clocks.c.target_at)
        )
        return int(result.rowcount) == 1  # type: ignore[attr-defined]


def _arrive(engine: Engine, merchant_id: UUID, at: datetime, *, done: bool) -> bool:
    """End a step. A driver that comes late finds another state and changes nothing."""
    c = clocks.c
    here = [c.merchant_id == merchant_id, c.at == at]
    if done:
        here += [c.state != "ready", or_(c.target_at.is_(None), c.target_at <= at)]
        values = {"state": "ready", "target_at": None}
    else:
        here += [c.state == "stepping", c.target_at.is_not(None)]
        values = {"state": "advancing"}
    with engine.work(merchant_id, system("clock")) as unit:
        unit.session.execute(update(clocks).where(*here).values(**values))
    return done


def _note(unit: Work, action: str, clock: ClockState, to: datetime) -> None:
    before, after = {"at": clock.at.isoformat()}, {"to": to.isoformat()}
    unit.audit(action, "clock", unit.merchant_id, before=before, after=after)


def _check(clock: ClockState, to: datetime) -> None:
    if to < clock.at:
        raise InvalidRequest("clock_backwards", f"it is {clock.at} already", field="to")
    if to - clock.at > timedelta(days=ADVANCE_DAYS_MAX):
        raise InvalidRequest(
            "clock_too_far", f"at most {ADVANCE_DAYS_MAX} days at a time", field="to"
        )
