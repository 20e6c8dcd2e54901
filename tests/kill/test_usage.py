"""A batch client that sends a third twice, and an API that is killed under it: the sum is exact."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from api_house import new_key
from builders import make_merchant, make_subscription
from database import Database
from kill.crowd import an_engine
from kill.fleet import a_fleet
from sqlalchemy import func, select
from world import ME, START

from billing.engine import Engine
from billing.flows.metered_prices import NewPart, publish
from billing.flows.renew import renew_due
from core.ids import public
from core.tables import clocks
from ops.doctor import examine, render
from plans.service import create_plan
from usage.service import create_meter
from usage.tables import usage_closings, usage_events

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow]

BATCHES, SIZE, SENDERS, KILLS = 36, 40, 4, 3
PATIENCE_SECONDS = 60


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    made = an_engine(database)
    yield made
    made.close()


def sends_until_answered(url: str, secret: str, batch: list[dict[str, Any]]) -> int:
    """What the guide's client does; returns how often there was no answer."""
    lost = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(
                url,
                json={"events": batch},
                headers={"Authorization": f"Bearer {secret}"},
                timeout=30,
            )
        except httpx.TransportError:
            lost += 1
            time.sleep(0.05)
            continue
        if answer.status_code == 200:
            assert answer.json()["refused"] == 0, answer.text
            return lost
        lost += 1
        time.sleep(0.05)
    raise AssertionError("no answer")


def test_a_third_twice_and_a_killed_process_count_every_event_once(
    database: Database, engine: Engine, tmp_path: Path
) -> None:
    merchant = make_merchant(engine, at=START, server_key=None, pkp_since=None, issue_lead_days=0)
    secret = new_key(engine, merchant.merchant_id, "write")
    with engine.work(merchant.merchant_id, ME) as unit:
        meter = create_meter(
            unit, code="bytes", name={"id": "b"}, event_name="call", aggregation="sum", field="size"
        )
        plan = create_plan(unit, code="api", name={"id": "API"})
        part = NewPart({"id": "b"}, meter.id, "per_unit", {"unit_amount": 1})
        price = publish(unit, plan.id, unit_amount=0, interval_unit="month", usage=[part])
        subscription = public("subscription", make_subscription(unit, price=price).subscription.id)
    batches = [
        [
            {"key": f"{n}-{m}", "subscription": subscription, "name": "call",
             "at": START.isoformat(), "properties": {"size": n + m}}
            for m in range(SIZE)
        ]
        for n in range(BATCHES)
    ]  # fmt: skip
    draw = Random(5)
    sent = batches + draw.sample(batches, BATCHES // 3)
    draw.shuffle(sent)
    with a_fleet(database, tmp_path) as fleet:
        api = fleet.add("api")
        fleet.wait_for_api()
        url = f"http://127.0.0.1:{fleet.api_port}/api/v1/usage-events/batch"
        with ThreadPoolExecutor(SENDERS) as pool:
            waiting = [pool.submit(sends_until_answered, url, secret, one) for one in sent]
            for strike in range(1, KILLS + 1):
                while sum(one.done() for one in waiting) < strike * len(sent) // (KILLS + 2):
                    time.sleep(0.01)
                api.kill()
                fleet.restart(api)
            lost = sum(one.result() for one in waiting)

    assert lost >= KILLS  # each kill met somebody in the middle
    with engine.work(merchant.merchant_id, ME) as unit:
        unit.session.execute(clocks.update().values(at=START + timedelta(days=40)))
    renew_due(engine, merchant.merchant_id)
    expected = sum(n + m for n in range(BATCHES) for m in range(SIZE))
    with engine.work(merchant.merchant_id, ME) as unit:
        kept = unit.session.execute(select(func.count()).select_from(usage_events)).scalar_one()
        [closed] = unit.session.execute(select(usage_closings)).all()
    assert (kept, closed.events) == (BATCHES * SIZE, BATCHES * SIZE)
    assert (closed.quantity, closed.amount) == (str(expected), expected)
    report = examine(engine.db, engine.real_now())
    assert not report.broken, render(report)
