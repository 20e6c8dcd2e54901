"""Many redemptions of one code at once: the database counts, and gives no more than there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, working
from itemised import sound
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from billing.discounts.queries import find_by_code
from billing.discounts.service import create_discount
from billing.discounts.tables import discount_grants, discounts
from billing.engine import Engine
from billing.flows.subscribe import subscribe
from billing.queries import list_subscriptions
from core.errors import EngineError
from core.merchant import Merchant

AT = datetime(2026, 11, 15, 2, tzinfo=UTC)
ASKED, THERE = 50, 10


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=AT, pkp_since=None)


def asked_at_once(engine: Engine, merchant: Merchant, price: UUID, who: list[UUID]) -> list[str]:
    """Each in a transaction of its own, eight at a time, all beginning together."""
    gate = Barrier(8)

    def ask(n: int) -> str:
        if n < 8:
            gate.wait()
        try:
            with working(engine, merchant) as unit:
                subscribe(unit, customer_id=who[n], price_id=price, codes=["SEPULUH"])
        except EngineError as refused:
            return refused.code
        return "given"

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ask, range(len(who))))


def counted(engine: Engine, merchant: Merchant) -> tuple[int, int]:
    with working(engine, merchant) as unit:
        found = find_by_code(unit, "SEPULUH")
        assert found is not None
        rows = unit.session.execute(select(func.count()).select_from(discount_grants))
        return found.redeemed, int(rows.scalar_one())


def made(engine: Engine, merchant: Merchant, **terms: Any) -> UUID:
    with working(engine, merchant) as unit:
        create_discount(unit, code="SEPULUH", name={"id": "Sepuluh"}, basis_points=1_000, **terms)
        return make_price(unit, 100_000).id


def test_fifty_redemptions_of_a_ten_use_code_give_ten(engine: Engine, merchant: Merchant) -> None:
    price = made(engine, merchant, max_redemptions=THERE)
    with working(engine, merchant) as unit:
        who = [make_customer(unit).id for _ in range(ASKED)]
    told = asked_at_once(engine, merchant, price, who)
    assert sorted(told) == ["code_used_up"] * (ASKED - THERE) + ["given"] * THERE
    assert counted(engine, merchant) == (THERE, THERE)
    with working(engine, merchant) as unit:
        # Who got none has no subscription either: the sign-up is whole or not at all.
        assert len(list_subscriptions(unit, limit=100)) == THERE
    sound(engine, merchant)


def test_one_customer_at_many_desks_gets_what_one_may(engine: Engine, merchant: Merchant) -> None:
    price = made(engine, merchant, per_customer=2)
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
    told = asked_at_once(engine, merchant, price, [customer] * 8)
    assert sorted(told) == ["code_used_by_customer"] * 6 + ["given"] * 2
    assert counted(engine, merchant) == (2, 2)


def test_the_database_refuses_one_more_whoever_writes_it(
    engine: Engine, merchant: Merchant
) -> None:
    made(engine, merchant, max_redemptions=THERE)
    with pytest.raises(IntegrityError, match="redeemed"), working(engine, merchant) as unit:
        unit.session.execute(update(discounts).values(redeemed=THERE + 1))
    with pytest.raises(Exception, match="never edited"), working(engine, merchant) as unit:
        unit.session.execute(update(discounts).values(basis_points=9_000))
