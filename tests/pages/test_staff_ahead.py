"""What the first staff page says of the gateway's work to come."""

from __future__ import annotations

from datetime import date

import pytest
from builders import make_customer, make_price, make_subscription
from pages.desk import Desk, plain
from pages.house import House
from sqlalchemy import select, update

from billing.reports import busy_days as report
from billing.reports.busy_days import busiest_day, busy_days
from billing.tables import subscriptions
from invoices.wording import weekday_date


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


def agreements(house: House, count: int) -> None:
    with house.work() as unit:
        price = make_price(unit, 50_000)
        for _ in range(count):
            make_subscription(unit, customer=make_customer(unit), price=price)


def test_nothing_is_said_where_nothing_comes(house: House, desk: Desk) -> None:
    assert "tersibuk" not in plain(desk.get().text)


ID = (
    "Hari tersibuk sebulan ke depan: {day}, 3 penagihan. Dengan {rps} panggilan per detik selesai "
    "sekitar 10.00 WIB."
)
EN = (
    "Charges on the busiest day of the coming month, {day}: 3. At {rps} calls a second the last is "
    "sent at about 10:00 WIB."
)


@pytest.mark.parametrize("language, sentence", [("id", ID), ("en", EN)])
def test_the_busiest_day_is_told_with_the_hour_it_is_through(
    house: House, desk: Desk, language: str, sentence: str
) -> None:
    agreements(house, 3)
    with house.work() as unit:
        [(day, count)] = busy_days(unit).items()
        found = busiest_day(unit)
    assert found is not None
    assert (count, found.day) == (3, day)

    text = plain(desk.get(f"?lang={language}").text)

    rps = house.merchant.gateway_rps
    assert sentence.format(day=weekday_date(day, language), rps=rps) in text


def test_a_day_that_does_not_end_in_time_asks_for_a_higher_limit(
    house: House, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreements(house, 1)
    many = dict.fromkeys(_days(house), 4_000_000)
    monkeypatch.setattr(report, "busy_days", lambda _: many)
    text = plain(desk.get().text)
    assert "4.000.000 penagihan" in text
    assert "mintalah batas yang lebih tinggi ke Midtrans" in text


def test_what_is_canceled_for_that_day_is_not_counted(house: House) -> None:
    agreements(house, 2)
    with house.work() as unit:
        [day] = busy_days(unit)
        one = unit.session.execute(select(subscriptions.c.id).limit(1)).scalar_one()
        unit.session.execute(
            update(subscriptions).where(subscriptions.c.id == one).values(cancel_on=day)
        )
        assert list(busy_days(unit).values()) == [1]


def _days(house: House) -> list[date]:
    with house.work() as unit:
        return list(busy_days(unit))
