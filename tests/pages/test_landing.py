"""The page on which a visitor of a test merchant becomes a customer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from builders import make_customer, make_merchant, make_method, make_price, make_subscription
from pages.house import VA_NUMBER, House
from sqlalchemy import func, select

from billing.tables import customers, mandates
from core import ids
from payments.gateway import Answer
from payments.service import set_channel
from payments.tables import payment_methods, payment_orders

HOSTILE = '"><script>alert(1)</script>'


def price_of(house: House, amount: int = 349_000, **terms: Any) -> str:
    with house.work() as unit:
        return ids.public("price", make_price(unit, amount, **terms).id)


def form(house: House, **fields: str) -> dict[str, str]:
    page = house.client.get("/bayar/larasa").text
    [key] = re.findall(r'name="key" value="([^"]+)"', page)
    given = {"key": key, "name": "Rina", "email": "rina@contoh.example", "how": "va"}
    return {**given, **fields}


def people(house: House) -> int:
    with house.work() as unit:
        return int(unit.session.execute(select(func.count()).select_from(customers)).scalar_one())


def test_the_page_lists_what_is_sold(house: House) -> None:
    price_of(house, 149_000)
    price_of(house, 3_490_000, interval_unit="year", trial_days=14)
    text = house.client.get("/bayar/larasa").text
    assert "Rp149.000" in text
    assert "/ bulan" in text
    assert "coba gratis 14 hari dengan kartu" in text
    assert text.index("Rp149.000") < text.index("Rp3.490.000")
    english = house.client.get("/bayar/larasa?lang=en").text
    assert "14 days free by card" in english


def test_a_visitor_subscribes_and_gets_a_number_to_pay(house: House) -> None:
    house.bank_gives()
    answer = house.client.post("/bayar/larasa", data=form(house, price=price_of(house)))
    assert answer.status_code == 303
    text = house.client.get(answer.headers["location"]).text
    assert f'data-copy="{VA_NUMBER}"' in text
    assert "Rp387.390" in text


def test_who_begins_a_trial_reads_its_last_minute_and_what_comes_after(house: House) -> None:
    with house.work() as unit:
        customer = make_customer(unit)
        method = make_method(unit, customer.id)
        made = make_subscription(
            unit, customer=customer, price=make_price(unit, 349_000), payment_method_id=method,
            trial_days=14,
        )  # fmt: skip
    path = f"/bayar/larasa/masa-coba/{ids.public('subscription', made.subscription.id)}"
    # 10 January + 14 days: the 24th is the first day that is charged, 349,000 + 11%.
    text = house.client.get(path).text
    assert "sampai 23 Januari 2027, 23.59 WIB" in text
    assert "Mulai 24 Januari 2027, kartu Anda ditagih Rp387.390" in text
    english = house.client.get(f"{path}?lang=en").text
    assert "until 23 January 2027, 23:59 WIB" in english
    assert "From 24 January 2027 your card is charged Rp387.390" in english


def test_a_form_sent_twice_is_one_customer(house: House) -> None:
    house.bank_gives()
    fields = form(house, price=price_of(house))
    first = house.client.post("/bayar/larasa", data=fields)
    second = house.client.post("/bayar/larasa", data=fields)
    assert first.headers["location"] == second.headers["location"]
    assert people(house) == 1
    assert house.gateway.count("charge") == 1


@pytest.mark.parametrize("fields", [
    {"name": ""}, {"name": "x" * 201}, {"email": "no address"}, {"email": ""}, {"price": "price_x"},
    {"price": ""}, {"price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa"}, {"email": HOSTILE}, {"name": "\x00"},
])  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_made(house: House, fields: dict[str, str]) -> None:
    given = form(house, price=price_of(house))
    answer = house.client.post("/bayar/larasa", data={**given, **fields})
    assert answer.status_code in (400, 409)
    assert 'role="alert"' in answer.text
    assert "<script>alert" not in answer.text
    assert people(house) == 0


def test_a_hostile_name_stays_text(house: House) -> None:
    house.bank_gives()
    given = form(house, price=price_of(house), name=HOSTILE, company=HOSTILE)
    answer = house.client.post("/bayar/larasa", data=given)
    assert "<script>alert" not in house.client.get(answer.headers["location"]).text


def test_a_form_on_another_site_subscribes_nobody(house: House) -> None:
    given = form(house, price=price_of(house))
    answer = house.client.post(
        "/bayar/larasa", data=given, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert people(house) == 0


@pytest.mark.parametrize("gateway", ["sandbox", "production"])
def test_a_merchant_with_a_real_gateway_has_no_such_page(house: House, gateway: str) -> None:
    make_merchant(house.engine, slug="sungguhan", gateway=gateway, client_key="C")
    assert house.client.get("/bayar/sungguhan").status_code == 404
    for how in ("va", "4811111111111114"):
        given = form(house, price=price_of(house), how=how)
        answer = house.client.post("/bayar/sungguhan", data=given)
        assert answer.status_code == 404
    assert house.gateway.count("charge") == 0


def test_a_simulator_that_is_away_makes_no_customer(house: House) -> None:
    make_merchant(house.engine, slug="jauh", gateway_url="http://127.0.0.1:9", client_key="C")
    given = form(house, price=price_of(house), how="4811111111111114")
    answer = house.client.post("/bayar/jauh", data=given)
    assert answer.status_code == 409
    assert "Coba lagi" in answer.text


def test_sign_ups_from_one_address_end_some_day(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.pages.web.source_of", lambda request: "203.0.113.7")
    limits = {"sign_up_address": 3}
    house.client.app.state["engine"] = replace(
        house.engine, settings=replace(house.engine.settings, limits=limits)
    )
    price = price_of(house)
    for n in range(3):
        fields = form(house, price=price, email=f"rina{n}@contoh.example")
        assert house.client.post("/bayar/larasa", data=fields).status_code == 303
    answer = house.client.post("/bayar/larasa", data=form(house, price=price))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "86400")
    assert "Sudah terlalu banyak percobaan" in answer.text
    assert people(house) == 3


def test_where_cards_are_left_to_the_gateways_page_none_is_asked_for_here(house: House) -> None:
    price = price_of(house, trial_days=14)
    with house.work() as unit:
        set_channel(unit, "snap", enabled=True, takes_cards=True)
    text = house.client.get("/bayar/larasa").text
    assert "4811 1111" not in text
    assert "Kartu di halaman Midtrans" in text
    assert "coba gratis 14 hari" not in text  # a page saves a card with a payment
    address = "https://app.example/snap/v4/redirection/9f"
    house.gateway.charges.append(
        Answer("pending", instructions={"redirect_url": address, "snap_token": "9f"})
    )
    answer = house.client.post("/bayar/larasa", data=form(house, price=price, how="page"))
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    with house.work() as unit:
        [order] = unit.session.execute(select(payment_orders)).all()
        [method] = unit.session.execute(select(payment_methods)).all()
        [consent] = unit.session.execute(select(mandates)).all()
    assert (order.channel, order.state, order.payment_method_id) == ("snap", "pending", method.id)
    assert (method.state, consent.payment_method_id) == ("pending", method.id)
    # A test card that somebody sends all the same is refused.
    refused = house.client.post(
        "/bayar/larasa", data=form(house, price=price, how="4811111111111114", email="b@c.example")
    )
    assert refused.status_code == 409


def test_without_that_page_nobody_is_sent_to_one(house: House) -> None:
    answer = house.client.post("/bayar/larasa", data=form(house, price=price_of(house), how="page"))
    assert answer.status_code == 409
