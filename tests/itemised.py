"""Subscriptions with several items, and what is read of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from builders import make_customer, make_price, working
from changes import pay
from fakes import MachineTime

from billing.engine import Engine
from billing.flows.item_rows import load_extras
from billing.flows.subscribe import Subscribed, subscribe
from core.merchant import Merchant
from invoices.queries import get_invoice, lines_of, list_invoices
from ops.doctor import examine, render
from ops.replay.command import run

NEXT = datetime(2026, 12, 15, 2, tzinfo=UTC)
ABOUT_LINES = {
    "lines-compute", "lines-add-up", "notes-add-up", "content-untouched", "no-period-missing",
    "one-invoice-a-period", "served-is-billed", "one-item-in-force",
}  # fmt: skip


def sound(engine: Engine, merchant: Merchant) -> None:
    report = examine(engine.db, MachineTime().at)
    assert not ABOUT_LINES - {result.name for result in report.results}
    assert not ABOUT_LINES & {result.name for result in report.broken}, render(report)
    assert replayed(engine) == []


def replayed(engine: Engine) -> list[str]:
    """Every stored line worked out again from what was sold: what differs."""
    found: list[str] = []
    run(engine.db, lambda one: found.append(str(one)))
    return found


def begun(
    engine: Engine, merchant: Merchant, *items: tuple[int, int], first: int = 150_000, **terms: Any
) -> Subscribed:
    """A base of 150,000 with items of (unit amount, quantity), paid."""
    with working(engine, merchant) as unit:
        base = make_price(unit, first, **terms.pop("base", {}))
        beside = [(make_price(unit, amount).id, n) for amount, n in items]
        who = make_customer(unit)
        made = subscribe(unit, customer_id=who.id, price_id=base.id, items=beside, **terms)
        if made.invoice_id is not None:
            pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
    return made


def amounts(engine: Engine, merchant: Merchant, invoice_id: UUID | None) -> list[tuple[str, int]]:
    assert invoice_id is not None
    with working(engine, merchant) as unit:
        return [(line.kind, line.amount) for line in lines_of(unit, invoice_id)]


def extra_of(engine: Engine, merchant: Merchant, made: Subscribed) -> UUID:
    with working(engine, merchant) as unit:
        found = load_extras(unit, [made.subscription.id])[made.subscription.id]
        assert found[0].item.extra_id is not None
        return found[0].item.extra_id


def newest(engine: Engine, merchant: Merchant) -> list[tuple[str, int]]:
    """The lines of the youngest period's invoice."""
    with working(engine, merchant) as unit:
        periods = [one for one in list_invoices(unit) if one.kind == "period"]
        last = max(periods, key=lambda one: one.period_start or date.min)
    return amounts(engine, merchant, last.id)
