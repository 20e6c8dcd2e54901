"""Finding customers and reading about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import make_customer, make_merchant, make_method, make_price, make_subscription
from pages.desk import Desk, plain
from pages.house import VA_NUMBER, House

from api.pages.staff.finding import search
from api.pages.staff.reads import counts
from billing.flows import top_up
from billing.flows.change_plan import change
from billing.flows.granting import grant
from core import ids

HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}'


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


def test_the_first_page_has_figures_and_the_newest(house: House, desk: Desk) -> None:
    house.subscribe(name="Dewi Anggraini")
    text = plain(desk.get().text)
    # 349 000 a month; 387 390 due with PPN
    assert "MRR Rp349.000" in text
    assert "Invoice terbuka Rp387.390 1 invoice" in text
    assert "Dewi Anggraini" in text


def test_a_top_up_and_an_upgrade_nobody_paid_yet_are_neither_open_nor_late(
    house: House, desk: Desk
) -> None:
    with house.work() as unit:
        who = make_customer(unit, name="Dewi Anggraini")
        method = make_method(unit, who.id)
        grant(unit, who.id, 387_390, reason="Bulan pertama")
        made = make_subscription(
            unit, customer=who, price=make_price(unit, 349_000), payment_method_id=method
        )
        dear = make_price(unit, 899_000).id
        done = change(unit, made.subscription.id, price_id=dear, payment="pay_first")
        top_up.ask(unit, who.id, 100_000)
        assert done.planned.pays_first
    for days in (0, 60):  # long past any day on which it was to be paid
        with house.work() as unit:
            later = replace(unit, now=unit.now + timedelta(days=days))
            figures = counts(later)
            [found] = [one for one in search(later, "dewi")[0] if one.customer.id == who.id]
        assert (figures["open_count"], figures["open_amount"], figures["late_amount"]) == (0, 0, 0)
        assert found.due == 0
    house.subscribe(name="Budi")
    text = plain(desk.get().text)
    assert "Invoice terbuka Rp387.390 1 invoice" in text


@pytest.mark.parametrize(
    "question",
    ["dewi", "ANGGRAINI", "pelangi", "dewi@kopi", "crm-77", "INV-2027-000001", "000001", VA_NUMBER,
     "8077 7812 3456 7890 1"],
)  # fmt: skip
def test_a_customer_is_found_by(house: House, desk: Desk, question: str) -> None:
    _, _, invoice = house.subscribe(
        name="Dewi Anggraini", company="Warung Kopi Pelangi", email="dewi@kopi.example",
        external_id="crm-77",
    )  # fmt: skip
    house.bank_gives()
    house.client.post(f"{house.link(invoice)}/va")
    house.subscribe(name="Budi", email="budi@lain.example")
    text = plain(house.client.get(desk.root, params={"q": question}).text)
    assert "Warung Kopi Pelangi" in text
    assert "Budi" not in text


@pytest.mark.parametrize(
    "question", ["%", "_", "%%%", "'; DROP TABLE customers; --", "\\", "x" * 500]
)
def test_a_strange_question_finds_nothing_and_breaks_nothing(
    house: House, desk: Desk, question: str
) -> None:
    house.subscribe(name="Dewi")
    answer = house.client.get(desk.root, params={"q": question})
    assert answer.status_code == 200


def test_the_customers_page_tells_the_whole_story(house: House, desk: Desk) -> None:
    customer, _, invoice = house.subscribe(name="Dewi Anggraini")
    house.bank_gives()
    house.client.post(f"{house.link(invoice)}/va")
    path = f"/customers/{ids.public('customer', customer)}"
    text = plain(desk.get(path).text)
    for wanted in (
        "Dewi Anggraini",
        "Paket Pro Aktif Rp349.000 / bulan",
        "10 Jan 2027 – 9 Feb 2027",
        "INV-2027-000001",
        "Belum dibayar",
        "Mulai berlangganan Paket Pro",
        "Invoice INV-2027-000001 terbit, Rp387.390",
        "Virtual account BCA diterbitkan untuk Rp387.390",
        "Pelanggan didaftarkan",
    ):
        assert wanted in text
    english = plain(desk.get(f"{path}?lang=en").text)
    for wanted in ("Subscribed to Paket Pro", "BCA virtual account issued for Rp387.390", "Open"):
        assert wanted in english
    assert "{" not in english


def test_the_invoice_and_its_file(house: House, desk: Desk) -> None:
    _, _, invoice = house.subscribe()
    public = ids.public("invoice", invoice)
    text = plain(desk.get(f"/invoices/{public}").text)
    assert "INV-2027-000001 BELUM DIBAYAR" in text
    assert "PPN 12% × DPP Nilai Lain (11/12) Rp38.390" in text
    assert desk.get(f"/invoices/{public}/pdf").content.startswith(b"%PDF-")


@pytest.mark.parametrize("path", [
    "/customers/cus_aaaaaaaaaaaaaaaaaaaaaaaaaa", "/customers/x", "/invoices/%3Cscript%3E",
    "/invoices/inv_aaaaaaaaaaaaaaaaaaaaaaaaaa", "/subscriptions/nope/change", "/nope",
])  # fmt: skip
def test_what_is_not_there_is_a_page(house: House, desk: Desk, path: str) -> None:
    answer = desk.get(path)
    assert answer.status_code == 404
    assert "Halaman ini tidak ada" in answer.text or path == "/nope"


def test_another_merchants_customer_is_not_there(house: House, desk: Desk) -> None:
    other = House(
        house.engine, make_merchant(house.engine), house.gateway, house.machine, house.client
    )
    customer, subscription, invoice = other.subscribe(name="Rahasia")
    for path in (
        f"/customers/{ids.public('customer', customer)}",
        f"/invoices/{ids.public('invoice', invoice)}",
        f"/subscriptions/{ids.public('subscription', subscription)}/change",
    ):
        answer = desk.get(path)
        assert answer.status_code == 404
        assert "Rahasia" not in answer.text
    assert (
        "Rahasia" not in house.client.get(desk.root, params={"q": "Rahasia"}).text.split("<main")[1]
    )


def test_hostile_names_stay_text(house: House, desk: Desk) -> None:
    customer, _, _ = house.subscribe(name=HOSTILE, company=HOSTILE, external_id=HOSTILE)
    for path in ("", f"/customers/{ids.public('customer', customer)}"):
        text = desk.get(path).text
        assert "<img src=x" not in text
        assert "{{7*7}}" in text
    assert "<img src=x" not in house.client.get(desk.root, params={"q": HOSTILE}).text


def test_the_pages_load_only_what_is_ours(house: House, desk: Desk) -> None:
    answer = desk.get()
    assert "unsafe" not in answer.headers["content-security-policy"]
    for name in ("staff.css", "staff.js"):
        [address] = [a for a in answer.text.split('"') if a.endswith(name)]
        file = house.client.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
    assert house.client.get("/assets/x/../web.py").status_code == 404
    assert house.client.get("/assets/0/staff.css").headers["cache-control"] == "no-cache"
