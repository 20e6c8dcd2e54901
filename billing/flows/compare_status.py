"""Once a day: what we think of the orders of the last days beside what the gateway says of them.

Orders that are open are asked about anyway (`billing.flows.reconcile`); this is about closed ones,
where nobody would ask again. What the protocol can mend goes through `settle`, like any other news;
what is left after that is a difference for a person.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, text, update

from billing.engine import Engine
from billing.flows.asking import settle_asked
from billing.flows.found import Found, heal, one_at_a_time, write_found
from billing.flows.pace import take, watched
from billing.flows.report_late import heal_agreeing
from billing.flows.reviews import open_review
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.matching import Finding
from billing.reconciliation.statuses import Book, compare
from billing.reconciliation.tables import differences, status_sweeps
from core.actor import system
from core.bulk import insert_rows
from core.work import Work
from payments.breaker import Operation
from payments.budget import Lane
from payments.channels import wire_id
from payments.gateway import Answer, Gateway
from payments.report_cells import WIB
from payments.tables import payment_orders, payments, refunds

LOG = logging.getLogger("tagihan.compare")

BATCH: Final = 16
JOB: Final = "status.compare"
# When a day's questions begin, in Jakarta: after the settlement of the evening, before the day's
# charges at eight.
HOUR: Final = 5
_CLOSED: Final = ("paid", "failed", "reversed")
# No answer at all: asked again tomorrow, as long as the order is within the days.
_WORDS: Final = ("agreed", "mended", "differing", "silent")
_SILENT: Final = ("unknown", "not_sent", "refused", "duplicate")

_WITHOUT_CLOCK = text(
    "SELECT m.merchant_id FROM merchants m WHERE NOT EXISTS "
    "(SELECT FROM clocks k WHERE k.merchant_id = m.merchant_id) ORDER BY 1"
)


def begin_day(engine: Engine) -> int:
    """Open today's questions for every merchant in real time; returns how many are new.

    A merchant with a test clock lives in days of its own and is asked on demand only. Any number of
    processes may do this at any moment: a day is opened once.
    """
    now = engine.real_now().astimezone(WIB)
    if now.hour < HOUR:
        return 0
    with engine.db.lookup() as session:
        merchants = list(session.execute(_WITHOUT_CLOCK).scalars())
    return sum(open_day(engine, merchant_id, now.date()) for merchant_id in merchants)


def open_day(engine: Engine, merchant_id: UUID, day: date) -> bool:
    """Open the questions of one day (Jakarta's) about the days before it; whether that is new."""
    with engine.work(merchant_id, system("compare")) as unit:
        end = datetime(day.year, day.month, day.day, tzinfo=WIB) + timedelta(days=1)
        row = {
            "merchant_id": merchant_id, "id": unit.derive("status_sweep", day.isoformat()),
            "day": day, "state": "open",
            "since": end - timedelta(days=engine.settings.reconcile_days + 1),
            "next_at": unit.real_now, "started_at": unit.real_now,
        }  # fmt: skip
        made = insert_rows(unit.session, status_sweeps, [row], skip_existing=True)
        if made:
            unit.ring(JOB)
        return bool(made)


def compare_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Ask about the next few orders of a day that is open; returns how many, 0 when all is done."""
    with engine.work(merchant_id, system("compare")) as unit:
        sweep = _sweep(unit)
        if sweep is None:
            return 0
        rows = _next(unit, sweep, limit)
        if not rows:
            _finish(unit, sweep)
            return 0
        gateway = engine.gateways.of(unit.merchant)
        leave = take(
            engine, unit, Operation.STATUS, Lane.QUESTION, [1] * len(rows), bell=JOB, more=True
        )
        rows = rows[: leave.count]
        if not rows:
            return 0
        # Whoever dies now has asked for nothing: the cursor moves with the answers.
        lease = timedelta(seconds=engine.settings.lease_seconds)
        _set(unit, sweep, next_at=unit.real_now + lease)
    with (
        watched(engine, merchant_id, gateway, leave) as asked,
        ThreadPoolExecutor(len(rows)) as pool,
    ):
        told = list(pool.map(lambda row: _ask(engine, merchant_id, asked, row), rows))
    with engine.work(merchant_id, system("compare")) as unit:
        _set(
            unit, sweep, next_at=unit.real_now, last_order=rows[-1].id,
            **{word: status_sweeps.c[word] + told.count(word) for word in _WORDS},
            asked=status_sweeps.c.asked + len(told),
        )  # fmt: skip
        unit.ring(JOB)
    return len(rows)


def _sweep(unit: Work) -> Row[Any] | None:
    """The oldest open day whose turn it is, for us alone."""
    c = status_sweeps.c
    return unit.session.execute(
        select(status_sweeps)
        .where(
            c.merchant_id == unit.merchant_id, c.state == "open", c.next_at <= unit.real_now
        )
        .order_by(c.day)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()  # fmt: skip


def _next(unit: Work, sweep: Row[Any], limit: int) -> list[Row[Any]]:
    c = payment_orders.c
    query = select(payment_orders).where(
        c.merchant_id == unit.merchant_id,
        c.kind != "check",
        c.state.in_(_CLOSED),
        c.last_sent_at >= sweep.since,
    )
    if sweep.last_order is not None:
        query = query.where(c.id > sweep.last_order)
    return list(unit.session.execute(query.order_by(c.id).limit(limit)))


def _finish(unit: Work, sweep: Row[Any]) -> None:
    one_at_a_time(unit)
    heal_agreeing(unit)
    _set(unit, sweep, state="done", next_at=None, finished_at=unit.real_now)
    told = {name: getattr(sweep, name) for name in ("asked", *_WORDS)}
    unit.audit("status_sweep.finish", "status_sweep", sweep.id, after=told)


def _set(unit: Work, sweep: Row[Any], **values: Any) -> None:
    c = status_sweeps.c
    unit.session.execute(
        update(status_sweeps)
        .where(c.merchant_id == unit.merchant_id, c.id == sweep.id)
        .values(**values)
    )


def _ask(engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any]) -> str:
    try:
        return compare_one(engine, merchant_id, gateway, order)
    except Exception:
        # The others of its batch are not held up; tomorrow it is asked about again.
        LOG.exception("an order was not compared", extra={"order_id": order.order_id})
        return "silent"


def compare_one(engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any]) -> str:
    """Ask about one closed order: agreed, mended, differing or silent."""
    wire = wire_id(order.channel, order.order_id, order.transaction_id)
    answer = gateway.status(wire)
    if answer.status in _SILENT:
        return "silent"
    with engine.work(merchant_id, system("compare")) as unit:
        before = compare(_book(unit, order.order_id), answer)
    if before is not None and answer.status != "not_found":
        settle_asked(
            engine, merchant_id, gateway, order.order_id, answer,
            asked_in=order.state, because="daily comparison", wire=wire,
        )  # fmt: skip
    with engine.work(merchant_id, system("compare")) as unit:
        after = compare(_book(unit, order.order_id), answer)
        if after is not None:
            _keep(unit, order, after, answer)
            return "differing"
        _heal(unit, order)
    return "agreed" if before is None else "mended"


def _book(unit: Work, order_id: str) -> Book:
    o, p, r = payment_orders.c, payments.c, refunds.c
    row = unit.session.execute(
        select(
            o.order_id, o.state, p.id, p.amount, p.status, p.charged_back_amount,
            _refunds(unit, r.state == "succeeded").label("refunded"),
            _refunds(unit, r.state.in_(("created", "sent", "unknown"))).label("on_way"),
        )
        .select_from(payment_orders)
        .outerjoin(payments, (p.merchant_id == o.merchant_id) & (p.order_id == o.order_id))
        .where(o.merchant_id == unit.merchant_id, o.order_id == order_id)
    ).one()  # fmt: skip
    return Book(
        row.order_id, row.state, row.id, row.amount, row.status, row.refunded,
        row.charged_back_amount or 0, row.on_way,
    )  # fmt: skip


def _refunds(unit: Work, *which: Any) -> Any:
    """What went back by the gateway, whole rupiah, of the payment of the row around."""
    r = refunds.c
    return (
        select(func.coalesce(func.sum(r.amount), 0))
        .where(
            r.merchant_id == unit.merchant_id, r.payment_id == payments.c.id, r.route == "refund"
        )
        .where(*which)
        .scalar_subquery()
    )


def _keep(unit: Work, order: Row[Any], finding: Finding, answer: Answer) -> None:
    payment_id = _book(unit, order.order_id).payment_id
    day = (answer.settled_at or answer.paid_at or unit.real_now).astimezone(WIB).date()
    found = Found(
        finding, _key(order), day, source="status", order_id=order.order_id, payment_id=payment_id
    )
    if write_found(unit, [found]) and KINDS[finding.kind].severity == "high":
        about = unit.derive("difference", finding.kind, _key(order))
        detail = {"order_id": order.order_id, "kind": finding.kind}
        open_review(unit, "books_differ", "difference", about, detail)


def _heal(unit: Work, order: Row[Any]) -> None:
    """Close what the last days found about an order over which both books agree today."""
    c = differences.c
    ids = unit.session.execute(
        select(c.id)
        .where(
            c.merchant_id == unit.merchant_id, c.source == "status", c.state != "resolved",
            c.key == _key(order),
        )
        .order_by(c.id)
    ).scalars()  # fmt: skip
    heal(unit, list(ids))


def _key(order: Row[Any]) -> str:
    return f"order:{order.order_id}"
