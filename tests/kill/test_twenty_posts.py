"""Twenty POSTs under one key, and a SIGKILL after the gateway accepted: one effect, one answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_house import new_key
from builders import make_customer
from database import Database
from kill.crowd import a_merchant, an_engine
from kill.fleet import Fleet, a_fleet
from simulated import Desk, open_desk, running_simulator
from sqlalchemy import select
from world import ME, START

from billing.engine import Engine
from core.ids import public
from core.tables import idempotency_keys
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.tables import payment_orders

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow]

TWINS = 20
PATIENCE_SECONDS = 60


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running_simulator() as url:
        yield open_desk(url)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    made = an_engine(database)
    yield made
    made.close()


def asks_until_answered(url: str, secret: str, body: dict[str, Any]) -> tuple[int, bytes, int]:
    """What a client does that follows the rules: the same request and key again, until an answer."""
    again = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "order-17"}
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(url, json=body, headers=headers, timeout=30)
        except httpx.TransportError:
            pass  # it was killed, or is not up again yet
        else:
            if answer.status_code not in (409, 503):
                return answer.status_code, answer.content, again
        again += 1
        time.sleep(0.3)
    raise AssertionError("no answer")


def kill_when_accepted(fleet: Fleet, desk: Desk) -> None:
    """SIGKILL the API while the gateway has the charge and its answer is not there yet."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not desk.book():
        assert time.monotonic() < deadline, "the gateway never got the charge"
        time.sleep(0.02)
    [api] = fleet.processes
    api.kill()
    fleet.restart(api)


def test_twenty_posts_and_a_kill_have_one_effect_and_one_answer(
    database: Database, engine: Engine, desk: Desk, tmp_path: Path
) -> None:
    merchant_id = a_merchant(engine, desk, START)
    secret = new_key(engine, merchant_id, "write")
    with engine.work(merchant_id, ME) as unit:
        customer = public("customer", make_customer(unit).id)
    desk.fault("charge", "timeout_after")  # it takes effect, and nobody hears of it
    body = {
        "customer": customer,
        "lines": [{"description": {"id": "Impor data"}, "unit_amount": 250_000}],
        "payment": {"card_token": desk.card_token()},
    }
    with a_fleet(database, tmp_path, TAGIHAN_GATEWAY_READ_SECONDS="5") as fleet:
        fleet.add("api")
        fleet.wait_for_api()
        url = f"http://127.0.0.1:{fleet.api_port}/api/v1/one-off-payments"
        killer = threading.Thread(target=kill_when_accepted, args=(fleet, desk))
        killer.start()
        with ThreadPoolExecutor(TWINS) as pool:
            answers = list(pool.map(lambda _: asks_until_answered(url, secret, body), range(TWINS)))
        killer.join()

        assert {status for status, _, _ in answers} == {201}, answers
        assert len({content for _, content, _ in answers}) == 1
        # All of them lost their connection at least once: the kill met them in the middle.
        assert min(again for _, _, again in answers) >= 1
        late = asks_until_answered(url, secret, body)
        assert late[1] == answers[0][1]

    assert len(desk.book()) == 1
    with engine.db.begin(merchant_id) as session:
        [order] = session.execute(select(payment_orders)).all()
        [key] = session.execute(select(idempotency_keys)).all()
        assert len(session.execute(select(invoices)).all()) == 1
    assert (order.sends, key.recovery_point, key.response_status) == (1, "finished", 201)
    report = examine(engine.db, engine.real_now())
    assert not report.broken, render(report)
