"""Numbers without a gap while connections are cut from outside, at any statement and at commits.

That rollbacks and broken connections leave no gap is in tests/flows; here somebody else breaks them,
so a worker can not know whether its last document was kept.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import full
import pytest
from builders import make_customer, make_merchant, working
from database import Database
from kill.crowd import an_engine
from kill.observer import Observer
from sqlalchemy.exc import DBAPIError
from world import ME

from billing.engine import Engine
from billing.flows.pay_once import OneOffLine, pay_once
from core.merchant import Merchant

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow, pytest.mark.timeout(900)]

DOCUMENTS = full.of(1_000, 250)
BROKEN_MIN = full.of(20, 5)
WORKERS = 8
ROLLED_BACK = 0.2
SEED = int(os.environ.get("TAGIHAN_TEST_SEED", "20261121"))

_CUT_ONE = """
    SELECT count(pg_terminate_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
            AND backend_type = 'client backend'
        ORDER BY md5(pid::text || %(salt)s) LIMIT 1
    ) AS one
"""


class Stumble(Exception):  # noqa: N818
    """A test makes a transaction fail after its number was taken."""


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    made = an_engine(database)
    yield made
    made.close()


def test_no_number_is_missing_when_connections_are_cut(engine: Engine, database: Database) -> None:
    merchant = make_merchant(engine)
    with working(engine, merchant) as unit:
        customers = [make_customer(unit).id for _ in range(WORKERS)]
    eye = Observer.of(database)
    enough = threading.Event()
    cuts = 0

    def issue(number: int) -> tuple[int, int]:
        dice = random.Random(SEED + number)
        stumbled = broken = 0
        while not enough.is_set():
            try:
                with engine.work(merchant.merchant_id, ME) as unit:
                    pay_once(unit, customers[number], [OneOffLine("Jasa", 10_000)])
                    if dice.random() < ROLLED_BACK:
                        raise Stumble
            except Stumble:
                stumbled += 1
            except DBAPIError:
                broken += 1
        return stumbled, broken

    dice = random.Random(SEED)
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            results = [pool.submit(issue, number) for number in range(WORKERS)]
            while _documents(eye) < DOCUMENTS and not any(one.done() for one in results):
                enough.wait(dice.uniform(0.1, 0.3))
                cuts += eye.one(_CUT_ONE, salt=str(dice.random()))
        finally:
            enough.set()
        stumbled, broken = (sum(pair) for pair in zip(*(r.result() for r in results), strict=True))
    print(
        f"\n{_documents(eye)} documents, {stumbled} rolled back, {cuts} cuts met {broken} workers"
    )
    assert broken >= BROKEN_MIN
    assert stumbled > DOCUMENTS * ROLLED_BACK / 2
    _check_numbers(eye, merchant)
    eye.close()


def _check_numbers(eye: Observer, merchant: Merchant) -> None:
    """Count, highest and distinct are one number."""
    mine = "FROM invoices WHERE merchant_id = %(m)s"
    count = eye.one(f"SELECT count(*) {mine}", m=merchant.merchant_id)
    numbers = [
        int(row["number"].rpartition("-")[2])
        for row in eye.all(f"SELECT number {mine}", m=merchant.merchant_id)
    ]
    last = eye.one("SELECT last_number FROM number_series")
    assert (len(set(numbers)), max(numbers), last) == (count, count, count)
    assert count >= DOCUMENTS


def _documents(eye: Observer) -> int:
    return int(eye.one("SELECT count(*) FROM invoices"))
