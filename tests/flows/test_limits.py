"""Limits on tries: the same for every process, exact under a burst, and gone with their window."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from builders import make_merchant
from fakes import MachineTime
from sqlalchemy import select

from billing.engine import Engine
from billing.flows import limits
from core.db import connect
from core.errors import TooMany
from core.merchant import Merchant
from core.tables import rate_counters

HERE = "203.0.113.7"


def tries(engine: Engine, merchant: Merchant, **subjects: str | UUID) -> int | None:
    """Seconds to wait, None when it was counted."""
    try:
        limits.count_now(engine, merchant.merchant_id, subjects)
    except TooMany as error:
        return error.seconds
    return None


def test_a_burst_over_two_processes_gets_exactly_the_free_tries(
    engine: Engine, merchant: Merchant
) -> None:
    assert engine.settings.database_url is not None
    other = replace(
        engine,
        db=connect(engine.settings.database_url, role_prefix=engine.settings.role_prefix),
    )
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(
                    lambda n: tries((engine, other)[n % 2], merchant, card_invoice="inv-1"),
                    range(40),
                )
            )
    finally:
        other.close()

    assert found.count(None) == 10
    assert set(found) - {None} == {86_400}


def test_a_window_passes_and_tries_are_free_again(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    for _ in range(10):
        assert tries(engine, merchant, card_invoice="inv-1") is None
    machine.passes(hours=23)
    assert tries(engine, merchant, card_invoice="inv-1") == 3600
    machine.passes(hours=1)
    assert tries(engine, merchant, card_invoice="inv-1") is None


def test_each_further_guess_doubles_the_wait_up_to_five_minutes(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    waits = []
    for _ in range(15):
        if (seconds := tries(engine, merchant, sign_in_account="sari@awan.example")) is not None:
            waits.append(seconds)
            machine.passes(seconds=seconds)
            assert tries(engine, merchant, sign_in_account="sari@awan.example") is None

    # 4 are free, the fifth sets the first wait
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_one_refusal_counts_for_nobody_else(engine: Engine, merchant: Merchant) -> None:
    """A blocked address must not use up the tries of an account it does not own."""
    for n in range(60):
        assert tries(engine, merchant, card_address=HERE, card_customer=f"cus-{n}") is None
    for _ in range(20):
        assert tries(engine, merchant, card_address=HERE, card_customer="cus-x") is not None
    for _ in range(15):
        assert tries(engine, merchant, card_customer="cus-x") is None
    assert tries(engine, merchant, card_customer="cus-x") is not None


def test_a_good_password_gives_back_its_own_try_only(engine: Engine, merchant: Merchant) -> None:
    """Who works here can not use a good password to go on guessing others."""
    for n in range(20):
        assert tries(engine, merchant, sign_in_address=HERE, sign_in_account=f"v{n}") is None
        assert tries(engine, merchant, sign_in_account="me") is None
        limits.passed(engine, merchant.merchant_id, account="me", address="198.51.100.9")
    # the twenty-first goes through and sets the wait; a good one takes both back
    assert tries(engine, merchant, sign_in_address=HERE, sign_in_account="me") is None
    limits.passed(engine, merchant.merchant_id, account="me", address=HERE)
    assert tries(engine, merchant, sign_in_address=HERE, sign_in_account="me") is None
    assert tries(engine, merchant, sign_in_address=HERE, sign_in_account="v") == 2


def test_merchants_count_apart(engine: Engine, merchant: Merchant) -> None:
    other = make_merchant(engine)
    for _ in range(10):
        assert tries(engine, merchant, card_invoice="inv-1") is None
    assert tries(engine, merchant, card_invoice="inv-1") is not None
    assert tries(engine, other, card_invoice="inv-1") is None


def test_a_subscriber_of_ipv6_is_one_address(engine: Engine, merchant: Merchant) -> None:
    for n in range(60):
        assert tries(engine, merchant, card_address=f"2001:db8:1:2::{n:x}") is None
    assert tries(engine, merchant, card_address="2001:db8:1:2:ffff::1") is not None
    assert tries(engine, merchant, card_address="2001:db8:1:3::1") is None


@pytest.mark.parametrize("nobody", ["", "unknown", "kantor pusat"])
def test_who_has_no_address_is_not_counted(engine: Engine, merchant: Merchant, nobody: str) -> None:
    for _ in range(61):
        assert tries(engine, merchant, card_address=nobody) is None


def test_an_installation_sets_its_own_numbers(engine: Engine, merchant: Merchant) -> None:
    strict = replace(
        engine, settings=replace(engine.settings, limits={"card_invoice": 1, "card_customer": 0})
    )
    assert tries(strict, merchant, card_invoice="inv-1", card_customer="cus-1") is None
    assert tries(strict, merchant, card_invoice="inv-1") == 86_400
    for _ in range(50):
        assert tries(strict, merchant, card_customer="cus-1") is None


def test_counters_tell_nothing_about_anybody(engine: Engine, merchant: Merchant) -> None:
    tries(engine, merchant, sign_in_account="sari@awan.example", sign_in_address=HERE)
    with engine.db.begin(merchant.merchant_id) as session:
        rows = session.execute(select(rate_counters)).all()
    assert len(rows) == 2
    assert "sari" not in str(rows)
    assert HERE not in str(rows)
    assert all(row.expires_at == engine.real_now() + timedelta(days=1) for row in rows)
