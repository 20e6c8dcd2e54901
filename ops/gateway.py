"""`tagihan gateway`: how fast each merchant's gateway is called, and when what waits is through."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import click
from sqlalchemy import text

from billing.engine import Engine
from billing.flows.pace import is_paced, read_budget, read_forecast
from core.actor import system
from core.work import Work
from ops.merchant import an_engine
from payments.breaker import Operation, State
from payments.budget import Budget, Forecast

_ZONES = {"Asia/Jakarta": "WIB", "Asia/Makassar": "WITA", "Asia/Jayapura": "WIT"}


def main() -> int:
    """Print a line or more for every merchant; 1 where a gateway does not answer."""
    down = 0
    with an_engine() as engine:
        with engine.db.lookup() as session:
            found = session.execute(text("SELECT merchant_id FROM merchants ORDER BY slug"))
            merchant_ids = list(found.scalars())
        for merchant_id in merchant_ids:
            with engine.work(merchant_id, system("gateway")) as unit:
                lines = describe(engine, unit)
                down += read_forecast(unit).state is State.OPEN
            click.echo("\n".join(lines))
    return 1 if down else 0


def describe(engine: Engine, unit: Work) -> list[str]:
    """What is told of one merchant."""
    if not is_paced(engine, unit):
        return [f"{unit.merchant.slug}: lives by a test clock, its calls are not counted"]
    budget, found, zone = read_budget(unit), read_forecast(unit), unit.merchant.billing_zone
    lines = [f"{unit.merchant.slug}: {_pace(budget, unit.real_now)}; {_told(found, zone)}"]
    for operation in Operation:
        breaker = budget.breaker(operation)
        state = breaker.state(unit.real_now)
        if state is not State.CLOSED:
            again = _clock(breaker.again_at(unit.real_now), zone)
            what = "hosted page" if operation is Operation.PAGE else str(operation)
            lines.append(f"  {what} calls are stopped, the next is tried at {again}")
    return lines


def _pace(budget: Budget, now: datetime) -> str:
    rate = budget.rate(now)
    full = f"{budget.per_second} calls a second"
    return full if rate == budget.per_second else f"{rate} of {full} after a complaint"


def _told(found: Forecast, zone: str) -> str:
    if not found.waiting:
        return "no charge waits"
    charges = f"{found.waiting} charge{'s' * (found.waiting != 1)} waiting"
    if found.done_at is None:
        return f"{charges}, and Midtrans does not answer"
    return f"{charges}, done at about {_clock(found.done_at, zone)}, {found.per_minute} a minute"


def _clock(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M} {_ZONES.get(zone, zone)}"
