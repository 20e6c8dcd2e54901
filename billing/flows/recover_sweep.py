"""After a restore: everything that the lost time may have changed at the gateway is asked about.

Orders that are about to be sent are asked about then (`billing.flows.recover`). That is not enough:
an invoice may be paid and nothing of it ever be sent again, and a refund of the lost time is told
by nobody a second time. So all open invoices and all payments that could be given back are asked
about once, before any work is done on old knowledge, and once more before the care ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, or_, select, text, update

from billing.engine import Engine
from billing.flows.asking import settle_asked
from billing.flows.pace import take, watched
from billing.flows.recover import HOLES_MAX, insist, search
from billing.flows.reviews import open_review
from billing.tables import subscriptions
from core.actor import Actor, system
from core.tables import merchants, messages, recoveries
from core.work import Work
from dunning.tables import dunning_cases
from invoices.tables import invoices
from payments.breaker import Operation
from payments.budget import Lane
from payments.channels import wire_id
from payments.gateway import Gateway
from payments.tables import payment_orders, payments

LOG = logging.getLogger("tagihan.recover")

BATCH: Final = 200
_NAP: Final = 1  # seconds
# So long the gateway may be left alone, in one go, before the rest is put off.
_PATIENCE: Final = timedelta(minutes=2)
# How long after a payment its money may be asked back; of older ones the settlement report tells.
_GIVEN_BACK: Final = timedelta(days=180)
# So many questions without an answer: the gateway is not there, and nobody knocks on.
_SILENCE: Final = 20
# Questions for one invoice where nothing is found: so many holes of each kind.
_QUESTIONS: Final = 2 * HOLES_MAX
_BELL: Final = "order.resolve"


@dataclass(slots=True)
class Swept:
    """What came of it: how many were asked about, and how many orders were found.

    ``unanswered``: the gateway did not answer about these. ``waiting``: found, and not taken in
    while another order of the kind is open; the workers see to that one first. ``halted``: why the
    rest was not asked about, where calls were stopped for longer than one waits.
    """

    invoices: int = 0
    payments: int = 0
    found: int = 0
    unanswered: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    halted: str | None = None


class _LeftAloneError(Exception):
    """The gateway is not called now, and not soon."""

    def __init__(self, until: datetime | None) -> None:
        self.until = until
        when = f" before {until:%Y-%m-%d %H:%M:%S} UTC" if until is not None else ""
        super().__init__(f"calls to Midtrans are stopped, it is not asked again{when}")


def sweep(
    engine: Engine,
    merchant_id: UUID,
    progress: Callable[[Swept], None] = lambda _: None,
) -> Swept:
    """Ask the gateway about every open invoice and every payment; take in what is found.

    Harmless to repeat, and while workers run. Where calls are stopped for long it ends, and says
    so: the rest is asked about by the next one.
    """
    swept = Swept()
    try:
        _ask_all(engine, merchant_id, swept, progress)
    except _LeftAloneError as stopped:
        swept.halted = str(stopped)
        LOG.warning("a sweep was cut short", extra={"merchant": str(merchant_id)})
    return swept


def _ask_all(
    engine: Engine, merchant_id: UUID, swept: Swept, progress: Callable[[Swept], None]
) -> None:
    for page in _pages(engine, merchant_id, _open_invoices):
        for row in page:
            with _gateway(engine, merchant_id, _QUESTIONS) as gateway:
                found = search(engine, merchant_id, gateway, row.id)
            swept.invoices += 1
            swept.found += found.taken_in
            if found.unanswered:
                swept.unanswered.append(row.number)
            elif found.waiting:
                swept.waiting.append(row.number)
            if len(swept.unanswered) >= _SILENCE:
                return
        progress(swept)
    for page in _pages(engine, merchant_id, _payments):
        for row in page:
            with _gateway(engine, merchant_id, 1) as gateway:
                _ask(engine, merchant_id, gateway, row, swept)
            if len(swept.unanswered) >= _SILENCE:
                return
        progress(swept)
    if not swept.unanswered:
        with engine.work(merchant_id, system("recover")) as unit:
            unit.session.execute(_running(unit).values(asked_at=unit.real_now))


def resume(engine: Engine, merchant_id: UUID, actor: Actor) -> list[str]:
    """End the care, where nothing of the lost time is left to be found; else say what is.

    Everything is asked about once more, for invoices that were issued anew meanwhile.
    """
    with engine.work(merchant_id, actor) as unit:
        if unit.merchant.mode != "recovering":
            return []
    swept = sweep(engine, merchant_id)
    left = [f"{what}: Midtrans did not answer" for what in swept.unanswered]
    left += [f"{what}: an order of the lost time waits for another" for what in swept.waiting]
    left += [swept.halted] if swept.halted else []
    with engine.work(merchant_id, actor) as unit:
        left += _still_due(unit)
        if left:
            return left
        end_care(unit)
    return []


def end_care(unit: Work) -> None:
    """From here on orders are sent without asking first; who holds mail back is told to decide."""
    was = unit.merchant.mode
    unit.session.execute(
        update(merchants).where(merchants.c.merchant_id == unit.merchant_id).values(mode="running")
    )
    unit.session.execute(_running(unit).values(ended_at=unit.real_now))
    unit.audit(
        "merchant.resume", "merchant", unit.merchant_id,
        before={"mode": was}, after={"mode": "running"},
    )  # fmt: skip
    held = unit.session.execute(
        select(func.count()).where(
            messages.c.merchant_id == unit.merchant_id, messages.c.state == "held"
        )
    ).scalar_one()
    if held:
        open_review(unit, "mails_held", "merchant", unit.merchant_id, {"mails": held})


def _running(unit: Work) -> Any:
    c = recoveries.c
    return update(recoveries).where(c.merchant_id == unit.merchant_id, c.ended_at.is_(None))


def _still_due(unit: Work) -> list[str]:
    """Work of the lost time that is not done again yet; what it makes would be sent unasked."""
    mine = unit.merchant_id
    s, d, o = subscriptions.c, dunning_cases.c, payment_orders.c
    waits = {
        "subscriptions to be renewed": select(func.count()).where(
            s.merchant_id == mine, or_(s.next_at <= unit.now, s.notice_at <= unit.now)
        ),
        "dunning steps": select(func.count()).where(d.merchant_id == mine, d.next_at <= unit.now),
        "orders to be sent or asked about": select(func.count()).where(
            o.merchant_id == mine, o.state.in_(("created", "sent", "unknown"))
        ),
    }
    counted = {name: unit.session.execute(query).scalar_one() for name, query in waits.items()}
    return [f"{count} {name}" for name, count in counted.items() if count]


def _ask(engine: Engine, merchant_id: UUID, gateway: Gateway, row: Row[Any], swept: Swept) -> None:
    swept.payments += 1
    wire = wire_id(row.channel, row.order_id, row.transaction_id)
    answer = insist(gateway, wire)
    if answer.status in ("unknown", "not_found"):
        swept.unanswered.append(row.order_id)
        return
    settle_asked(
        engine, merchant_id, gateway, row.order_id, answer,
        asked_in=row.state, because="asked after a restore", wire=wire,
    )  # fmt: skip


def _open_invoices(unit: Work, after: UUID) -> Any:
    c = invoices.c
    return select(c.id, c.number).where(
        c.merchant_id == unit.merchant_id, c.id > after, c.status == "open"
    )


def _payments(unit: Work, after: UUID) -> Any:
    """Payments of which something could have gone back, with their orders."""
    c, o = payments.c, payment_orders.c
    return (
        select(c.id, c.order_id, c.transaction_id, o.channel, o.state)
        .join(payment_orders, (o.merchant_id == c.merchant_id) & (o.id == c.payment_order_id))
        .where(
            c.merchant_id == unit.merchant_id,
            c.id > after,
            c.status.in_(("captured", "settled")),
            c.refunded_amount < c.amount,
            c.paid_at >= unit.now - _GIVEN_BACK,
        )
    )


def _pages(
    engine: Engine, merchant_id: UUID, query: Callable[[Work, UUID], Any]
) -> Iterator[list[Row[Any]]]:
    after = UUID(int=0)
    while True:
        with engine.work(merchant_id, system("recover")) as unit:
            rows = unit.session.execute(query(unit, after).order_by(text("id")).limit(BATCH)).all()
        if not rows:
            return
        yield list(rows)
        after = rows[-1].id


@contextmanager
def _gateway(engine: Engine, merchant_id: UUID, calls: int) -> Iterator[Gateway]:
    """The gateway, when its pace has room for so many questions.

    Raises:
        _LeftAloneError: it has none for longer than one waits, as when it does not answer at all.
    """
    for nap in count():
        with engine.work(merchant_id, system("recover")) as unit:
            gateway = engine.gateways.of(unit.merchant)
            leave = take(engine, unit, Operation.STATUS, Lane.QUESTION, [calls], bell=_BELL)
            far = leave.again_at is not None and leave.again_at > unit.real_now + _PATIENCE
        if leave.count:
            break
        if far or nap * _NAP >= _PATIENCE.total_seconds():
            raise _LeftAloneError(leave.again_at)
        time.sleep(_NAP)
    with watched(engine, merchant_id, gateway, leave) as asked:
        yield asked
