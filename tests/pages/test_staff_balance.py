"""What a customer's balance is made of, before a person's eyes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pages.desk import Desk, plain
from pages.house import House

from billing import queries
from billing.flows.granting import grant
from core import ids


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", ("Kredit promosi: Selamat datang berlaku sampai", "Saldo", "tidak hangus")),
        ("en", ("Promotional credit: Selamat datang until", "Balance", "does not expire")),
    ],
)
def test_a_balance_is_shown_by_its_lots_in_the_order_they_are_used(
    house: House, desk: Desk, language: str, said: tuple[str, ...]
) -> None:
    customer, _, _ = house.subscribe(name="Dewi")
    with house.work() as unit:
        before = queries.balance(unit, customer)
        grant(unit, customer, 400_000, reason="Besar")
        grant(unit, customer, 9_000, reason="Selamat datang",
              last_day=unit.today + timedelta(days=20))  # fmt: skip
    assert before == 0
    page = plain(desk.get(f"/customers/{ids.public('customer', customer)}?lang={language}").text)
    # 387,390 of the first credit paid the open invoice at once.
    for words in (*said, "Rp12.610 / Rp400.000", "Rp9.000"):
        assert words in page
    assert page.index("Rp9.000") < page.index("Rp12.610 / Rp400.000")
