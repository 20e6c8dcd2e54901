"""Many redemptions of one code at once: the database counts, and gives no more than there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, Event
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest
from builders import make_customer, make_merchant, make_price, working
from itemised import sound
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from billing.discounts import service
from billing.discounts.queries import DiscountRow, find_by_code, list_discounts
from billing.discounts.service import create_discount
from billing.discounts.tables import discount_grants, discounts
from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.subscribe import subscribe
from billing.queries import list_subscriptions
from core.errors import EngineError
from core.merchant import Merchant
from core.work import Work

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


def test_a_sign_up_and_the_end_of_another_with_the_same_codes_do_not_wait_crosswise(
    engine: Engine, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit, 100_000).id
        first = create_discount(unit, code="AWAL", name={"id": "Awal"}, basis_points=1_000)
        while (
            last := create_discount(
                unit, code=f"Z{uuid4().hex[:8]}", name={"id": "Akhir"}, basis_points=1_000
            )
        ).id > first.id:
            pass  # ids in the other order than codes
        who, codes = [make_customer(unit).id for _ in range(2)], [first.code, last.code]
        leaving = subscribe(
            unit, customer_id=who[0], price_id=price, codes=codes, interactive=True
        ).subscription.id  # nobody has paid it
    count_use, took_first = service.count_use, Event()

    def slow(unit: Work, discount: DiscountRow) -> None:
        count_use(unit, discount)
        if discount.code == first.code:
            took_first.set()
            sleep(0.4)  # the other one runs into what is held

    def give_up() -> None:
        assert took_first.wait(10)
        with working(engine, merchant) as unit:
            cancel(unit, leaving)

    monkeypatch.setattr(service, "count_use", slow)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(give_up)
        with working(engine, merchant) as unit:
            subscribe(unit, customer_id=who[1], price_id=price, codes=codes)
        other.result()
    with working(engine, merchant) as unit:
        assert {one.redeemed for one in list_discounts(unit) if one.code in codes} == {1}
    sound(engine, merchant)


def test_the_database_refuses_one_more_whoever_writes_it(
    engine: Engine, merchant: Merchant
) -> None:
    made(engine, merchant, max_redemptions=THERE)
    with pytest.raises(IntegrityError, match="redeemed"), working(engine, merchant) as unit:
        unit.session.execute(update(discounts).values(redeemed=THERE + 1))
    with pytest.raises(Exception, match="never edited"), working(engine, merchant) as unit:
        unit.session.execute(update(discounts).values(basis_points=9_000))
