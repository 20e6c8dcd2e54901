"""What a customer's balance is made of, before a person's eyes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from builders import make_customer
from pages.desk import Desk, plain
from pages.house import House
from pages.test_staff_money import confirm

from billing import queries
from billing.credits.queries import every_lot
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


def form_of(customer: UUID) -> str:
    return f"/customers/{ids.public('customer', customer)}/credit"


def lots(house: House, customer: UUID) -> list[tuple[str, int, int, str | None]]:
    with house.work() as unit:
        found = every_lot(unit, customer, 10)
        return [(lot.kind, lot.amount, lot.left, lot.reason) for lot in found]


def test_credit_is_shown_first_and_then_given_once(house: House, desk: Desk) -> None:
    """Rp387.390 are open: of Rp400.000 that much is used at once, and Rp12.610 are left."""
    customer, _, _ = house.subscribe(name="Dewi")
    path = form_of(customer)
    home = desk.get(f"/customers/{ids.public('customer', customer)}").text
    assert f'{path}"' in home
    page = desk.get(f"{path}?amount=400.000&reason=Maaf&expires_on=2027-02-28").text
    shown = plain(page)
    for words in (
        "Kredit promosi Rp400.000", "Alasan Maaf", "Hari terakhir 28 Februari 2027",
        "Langsung membayar invoice terbuka Rp387.390", "Saldo sesudahnya Rp12.610",
    ):  # fmt: skip
        assert words in shown, shown
    assert lots(house, customer) == []

    answers = [confirm(desk, path, page, expires_on="2027-02-28") for _ in range(2)]
    assert [one.status_code for one in answers] == [303, 303]
    assert lots(house, customer) == [("promotional", 400_000, 12_610, "Maaf")]
    done = plain(desk.get(answers[0].headers["location"].removeprefix(desk.root)).text)
    assert "Kredit sudah diberikan." in done
    assert "Kredit promosi: Maaf berlaku sampai 28 Februari 2027" in done


def test_credit_is_given_only_as_it_was_shown(house: House, desk: Desk) -> None:
    with house.work() as unit:
        customer = make_customer(unit).id
    path = form_of(customer)
    page = desk.get(f"{path}?amount=50000&reason=Maaf&lang=en").text
    assert "does not expire" in plain(page)
    for changed in ({"amount": "90000"}, {"expires_on": "2027-02-28"}, {"reason": "Lain"}):
        assert confirm(desk, path, page, **changed).status_code == 409
    assert lots(house, customer) == []
    for asked, why in (
        ("amount=&reason=Maaf", "write an amount in whole rupiah"),
        ("amount=50000&reason=%20", "say why, in a few words"),
        ("amount=50000&reason=Maaf&expires_on=2027-01-09", "its last day is today or later"),
        ("amount=50000&reason=Maaf&expires_on=besok", "its last day is today or later"),
    ):
        refused = desk.get(f"{path}?{asked}").text
        assert why in refused
        assert 'name="print"' not in refused


def test_credit_is_given_by_nobody_in_support(house: House) -> None:
    support = Desk(house, "support")
    support.enter()
    with house.work() as unit:
        customer = make_customer(unit).id
    assert support.get(form_of(customer)).status_code == 403
    home = support.get(f"/customers/{ids.public('customer', customer)}").text
    assert form_of(customer) not in home
    sent = support.send(form_of(customer), home, amount="50000", reason="Maaf", print="x")
    assert sent.status_code == 403
    assert lots(house, customer) == []
