"""Metered subscriptions for tests: sold, used, brought to a day, and their bills read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from builders import make_subscription, set_clock, working
from fakes import MachineTime
from itemised import replayed

from billing.engine import Engine
from billing.flows.metered_prices import NewPart, publish
from billing.flows.renew import renew_due
from billing.flows.usage_events import Sent, take_events
from core import ids
from core.actor import system
from core.merchant import Merchant
from core.work import Work
from invoices.queries import InvoiceLine, lines_of, list_invoices
from ops.doctor import examine, render
from plans.queries import Price
from plans.service import create_plan
from usage.service import create_meter

ME: Final = system("test")
JANUARY: Final = datetime(2027, 1, 1, 3, tzinfo=UTC)  # 10:00 in Jakarta
FEBRUARY: Final = datetime(2027, 2, 1, 3, tzinfo=UTC)
MARCH: Final = datetime(2027, 3, 1, 3, tzinfo=UTC)
CALLS: Final = {"tiers": [{"up_to": 10, "unit_amount": 1_000}, {"unit_amount": "0.5"}]}
WATCHED: Final = {
    "lines-compute", "lines-add-up", "notes-add-up", "content-untouched", "no-period-missing",
    "one-invoice-a-period", "served-is-billed", "one-item-in-force", "usage-is-counted",
    "usage-is-billed-once", "usage-is-closed", "meter-billed-by-one-item",
}  # fmt: skip


def sold(
    unit: Work, *parts: dict[str, Any], base: int = 100_000, late: str = "next_invoice", **more: Any
) -> Price:
    """A plan with a base price, a meter of calls and one of megabytes, and metered parts."""
    plan = create_plan(unit, code=f"p{base}{late[:1]}{len(parts)}", name={"id": "Paket"})
    made = []
    for number, part in enumerate(parts):
        aggregation = part.pop("aggregation", "sum")
        meter = create_meter(
            unit, code=f"m{base}-{number}", name={"id": "m"}, event_name="call", late=late,
            aggregation=aggregation, field=None if aggregation == "count" else "size",
        )  # fmt: skip
        made.append(NewPart({"id": "panggilan"}, meter.id, **part))
    return publish(
        unit, plan.id, unit_amount=base, interval_unit="month", usage=made, **more
    )  # fmt: skip


GRADUATED: Final = {"model": "graduated", "terms": CALLS}


def begin(engine: Engine, merchant: Merchant, *parts: dict[str, Any], **more: Any) -> UUID:
    terms = {name: more.pop(name) for name in ("trial_days",) if name in more}
    with working(engine, merchant) as unit:
        price = sold(unit, *(dict(part) for part in parts), **more)
        return make_subscription(unit, price=price, **terms).subscription.id


def use(engine: Engine, merchant: Merchant, subscription: UUID, *sent: tuple[str, datetime, Any],
        **more: Any) -> list[str]:  # fmt: skip
    public = ids.public("subscription", subscription)
    events = [Sent(key, public, "call", at, {"size": size}, **more) for key, at, size in sent]
    told = take_events(engine, merchant.merchant_id, ME, events)
    return [one.refusal.code if one.refusal else one.state for one in told]


def to(engine: Engine, merchant: Merchant, at: datetime) -> None:
    set_clock(engine, merchant.merchant_id, at)
    renew_due(engine, merchant.merchant_id)


def bills(engine: Engine, merchant: Merchant, subscription: UUID) -> list[list[InvoiceLine]]:
    """The lines of every invoice, oldest first."""
    with working(engine, merchant) as unit:
        found = list_invoices(unit, subscription_id=subscription, limit=50)
        return [lines_of(unit, one.id) for one in sorted(found, key=lambda one: one.number or "")]


def told(lines: list[InvoiceLine]) -> list[tuple[str, int, date | None, date | None]]:
    return [(one.kind, one.amount, one.period_start, one.period_end) for one in lines]


def sound(engine: Engine) -> None:
    report = examine(engine.db, MachineTime().at)
    assert not WATCHED - {result.name for result in report.results}
    assert not WATCHED & {result.name for result in report.broken}, render(report)
    assert replayed(engine) == []


def day(month: int, number: int) -> datetime:
    return datetime(2027, month, number, 3, tzinfo=UTC)
