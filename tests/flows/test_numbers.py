"""Documents from eight threads, a fifth of them rolled back: no number is missing."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import full
import pytest
from builders import OPERATOR, make_customer, make_merchant, set_clock, working
from sqlalchemy import text

from billing.engine import Engine
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.void import void_invoice
from core.merchant import Merchant
from invoices.queries import list_invoices
from invoices.service import take_numbers

DOCUMENTS = full.of(1_000, 240)
THREADS = 8


class Stumble(Exception):  # noqa: N818
    """A test makes a transaction fail after its number was taken."""


@pytest.mark.slow
def test_no_number_is_missing_or_doubled(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customers = [make_customer(unit).id for _ in range(20)]

    def worker(seed: int) -> int:
        dice = random.Random(seed)
        done = rolled_back = 0
        while done < DOCUMENTS // THREADS:
            fate = dice.random()
            try:
                with engine.work(merchant.merchant_id, OPERATOR) as unit:
                    pay_once(unit, dice.choice(customers), [OneOffLine("Jasa", 10_000)])
                    if fate < 0.15:
                        raise Stumble
                    if fate < 0.2:
                        # The connection breaks: the server ends it under us.
                        unit.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            except Stumble:
                rolled_back += 1
                continue
            except Exception as error:
                if "terminat" not in str(error):
                    raise
                rolled_back += 1
                continue
            done += 1
        return rolled_back

    with ThreadPoolExecutor(THREADS) as pool:
        rolled_back = sum(pool.map(worker, range(THREADS)))
    with working(engine, merchant) as unit:
        count, distinct, highest, last = unit.session.execute(
            text(
                "SELECT count(*), count(DISTINCT number), max(number),"
                " (SELECT last_number FROM number_series) FROM invoices"
            )
        ).one()
    assert rolled_back > DOCUMENTS // 10
    assert (count, distinct, highest, last) == (
        DOCUMENTS,
        DOCUMENTS,
        f"INV-2027-{DOCUMENTS:06}",
        DOCUMENTS,
    )


def test_the_count_starts_again_with_the_year_where_the_merchant_is(engine: Engine) -> None:
    # 17:30 UTC on 31 December is 00:30 on 1 January in Jakarta.
    merchant = make_merchant(engine, at=datetime(2026, 12, 31, 16, 30, tzinfo=UTC))
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        old = pay_once(unit, customer, [OneOffLine("Jasa", 1)]).number
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 31, 17, 30, tzinfo=UTC))
    with working(engine, merchant) as unit:
        new = pay_once(unit, customer, [OneOffLine("Jasa", 1)]).number
    assert (old, new) == ("INV-2026-000001", "INV-2027-000001")


def test_series_are_apart_and_a_void_invoice_keeps_its_number(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        assert take_numbers(unit, "credit_note", 2027, 3) == range(1, 4)
        assert take_numbers(unit, "credit_note", 2027, 0) == range(0)
        customer = make_customer(unit).id
        first = pay_once(unit, customer, [OneOffLine("Jasa", 5_000)])
        void_invoice(unit, first.id, reason="mistake")
        pay_once(unit, customer, [OneOffLine("Jasa", 5_000)])
        numbers = sorted(str(one.number) for one in list_invoices(unit))
    assert numbers == ["INV-2027-000001", "INV-2027-000002"]


@pytest.mark.parametrize("key", ["a", "b"])
def test_a_key_makes_a_one_off_once(engine: Engine, merchant: Merchant, key: str) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        first = pay_once(unit, customer, [OneOffLine("Jasa", 5_000)], key=key)
        again = pay_once(unit, customer, [OneOffLine("Jasa", 5_000)], key=key)
    assert first.id == again.id
