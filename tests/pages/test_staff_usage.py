"""What a subscription uses and what it costs now, before a person's eyes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from builders import START, set_clock
from metered import CALLS, begin, to, use
from pages.desk import Desk, plain
from pages.house import House

from billing.queries import get_subscription
from core import ids

EACH = {"model": "per_unit", "terms": {"unit_amount": 100}}


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house, "read_only")
    made.enter()
    return made


def page_of(desk: Desk, subscription: UUID, language: str = "id") -> str:
    path = f"/subscriptions/{ids.public('subscription', subscription)}/usage?lang={language}"
    answer = desk.get(path)
    assert answer.status_code == 200, answer.text
    return plain(answer.text)


def customer_page(house: House, desk: Desk, subscription: UUID) -> str:
    with house.work() as unit:
        customer = get_subscription(unit, subscription).customer_id
    return str(desk.get(f"/customers/{ids.public('customer', customer)}").text)


SAID = {
    "id": (
        "panggilan Rp10.006", "panggilan Rp200", "jumlah nilai: 21 dari 2 peristiwa",
        "jumlah peristiwa: 2 dari 2 peristiwa", "10 Jan 2027", "Tidak ada koreksi",
        "10 × Rp1.000 + 11 × Rp0,5 = Rp10.005,50, dibulatkan Rp10.006",
        "Akan ditagih, sejauh ini sebelum PPN Rp10.206",
    ),
    "en": (
        "sum of values: 21 from 2 events", "number of events: 2 from 2 events",
        "rounded Rp10.006", "To be billed, so far before PPN Rp10.206", "No corrections",
    ),
}  # fmt: skip


def test_usage_is_told_by_meter_with_its_price_now(house: House, desk: Desk) -> None:
    subscription = begin(
        house.engine, house.merchant, {"model": "graduated", "terms": CALLS},
        {"aggregation": "count", **EACH},
    )  # fmt: skip
    assert use(
        house.engine, house.merchant, subscription, ("a", START, 12), ("b", START, 9)
    ) == ["accepted", "accepted"]  # fmt: skip
    for language, said in SAID.items():
        page = page_of(desk, subscription, language)
        for words in said:
            assert words in page, page
    assert "/usage" in customer_page(house, desk, subscription)


def test_corrections_are_listed_with_what_was_and_what_is(house: House, desk: Desk) -> None:
    subscription = begin(house.engine, house.merchant, EACH)
    use(house.engine, house.merchant, subscription, ("a", START, 12), ("b", START, 30))
    use(house.engine, house.merchant, subscription, ("fix", START, 20), corrects="a")
    use(house.engine, house.merchant, subscription, ("gone", START, 0), corrects="b", void=True)
    page = page_of(desk, subscription)
    assert "panggilan Rp2.000" in page
    assert "fix mengganti a (call) size: 12 → 20 terjadi 10 Jan 2027 09.00" in page
    assert "gone menghapus b (call) terjadi" in page
    assert page.index("gone menghapus") < page.index("fix mengganti")
    assert "fix takes the place of a" in page_of(desk, subscription, "en")


def test_what_changed_after_it_was_billed_is_told_apart(house: House, desk: Desk) -> None:
    """Rp1.000 were billed for 10; five more came late, and seven belong to the new period."""
    subscription = begin(house.engine, house.merchant, EACH)
    use(house.engine, house.merchant, subscription, ("a", START, 10))
    february = START + timedelta(days=31, hours=3)
    to(house.engine, house.merchant, february)
    use(house.engine, house.merchant, subscription, ("late", START + timedelta(days=5), 5))
    use(house.engine, house.merchant, subscription, ("new", february, 7))
    page = page_of(desk, subscription, "en")
    assert "Changed after it was billed" in page
    assert "Billed: 10, Rp1.000. Now: 15, Rp1.500." in page
    assert "panggilan Rp500" in page
    assert "panggilan Rp700" in page
    assert "To be billed, so far before PPN Rp1.200" in page
    set_clock(house.engine, house.merchant.merchant_id, february + timedelta(hours=1))
    use(house.engine, house.merchant, subscription, ("less", START, 1), corrects="a")
    assert "panggilan -Rp400" in page_of(desk, subscription, "en")


def test_a_subscription_without_meters_shows_no_usage(house: House, desk: Desk) -> None:
    _, subscription, _ = house.subscribe()
    assert "/usage" not in customer_page(house, desk, subscription)
    assert "Tidak ada pemakaian yang belum ditagih." in page_of(desk, subscription)
