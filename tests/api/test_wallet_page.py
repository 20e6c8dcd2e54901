"""GoPay on the customer's page: linked with consent, come back from, paid with, confirmed by PIN."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from api_house import Counter
from api_things import MANDATE

from billing.flows.documents import Links
from billing.tables import mandates
from core import ids
from core.tables import audit
from invoices.queries import get_invoice
from payments.tables import payment_methods, payment_orders

PHONE = "0821-5023424"


@pytest.fixture
def page(counter: Counter) -> str:
    """The page of an open invoice that is charged by itself: its card was declined."""
    return unpaid(counter, 99_000)


def unpaid(counter: Counter, amount: int) -> str:
    """An invoice whose card's bank said no."""
    counter.door.call("POST", "/payment-channels/gopay_linked", {"enabled": True})
    made = counter.door.post(
        "/subscriptions",
        {
            "customer": counter.customer(), "price": counter.price(amount),
            "payment": {
                "card_token": counter.world.desk.card_token("4911 1111 1111 1113"),
                "mandate": MANDATE,
            },
        },
    )  # fmt: skip
    counter.world.desk.confirm(made["payment"]["order_id"], "deny")
    counter.door.call("POST", f"/payment-orders/{made['payment']['id']}/refresh")
    invoice_id = ids.parse("invoice", made["invoice"])
    with counter.world.work() as unit:
        due_on = get_invoice(unit, invoice_id).due_on
        assert due_on is not None
        url = Links.of(counter.world.engine).invoice(unit.merchant_id, invoice_id, due_on)
    return urlsplit(url).path


def press(counter: Counter, path: str, **data: str) -> str:
    """Send a form of the page; where it leads."""
    answer = counter.client.post(path, data=data, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def in_the_app(counter: Counter, action: str) -> None:
    counter.world.desk.control("POST", "pay-accounts", phone="628215023424", action=action)


def see(counter: Counter, path: str) -> str:
    answer = counter.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_payer_links_gopay_with_his_consent_and_pays(counter: Counter, page: str) -> None:
    assert "Hubungkan GoPay" in see(counter, page)
    assert press(counter, f"{page}/gopay", phone=PHONE, agree="1") == f"{page}#gopay"

    shown = see(counter, page)
    assert "GoPay menunggu persetujuan Anda" in shown
    assert f'href="{counter.world.desk.url}/gopay/link/' in shown
    [consent] = counter.world.rows(mandates, text_version="gopay-2026-11")
    assert "menagih GoPay ini secara otomatis" in consent.text

    in_the_app(counter, "link")
    shown = see(counter, f"{page}?gopay=1")
    assert "Bayar dengan GoPay •••• 3424" in shown
    [wallet] = counter.world.rows(payment_methods, kind="gopay")
    assert wallet.state == "active"

    method = ids.public("payment_method", wallet.id)
    press(counter, f"{page}/gopay/pay", method=method)
    counter.work_off()
    assert "GoPay" in see(counter, page)
    paid = [row for row in counter.world.rows(payment_orders) if row.state == "paid"]
    assert [row.channel for row in paid] == ["gopay_linked"]
    # The forms of this page, for the walk in tests/pages/test_audited_forms.py.
    told = [row for row in counter.world.rows(audit) if row.actor_kind == "customer"]
    assert {"method.create", "mandate.record", "invoice.charge"} <= {row.action for row in told}
    assert {row.source for row in told} == {"testclient"}
    assert all(row.actor.startswith("link inv_") and row.after for row in told)


def test_where_gopay_asks_for_a_pin_the_page_leads_there(counter: Counter) -> None:
    page = unpaid(counter, 150_000)
    press(counter, f"{page}/gopay", phone=PHONE, agree="1")
    in_the_app(counter, "link")
    see(counter, f"{page}?gopay=1")
    [wallet] = counter.world.rows(payment_methods, kind="gopay")
    press(counter, f"{page}/gopay/pay", method=ids.public("payment_method", wallet.id))
    shown = see(counter, page)
    assert "GoPay menunggu PIN Anda" in shown
    assert f'href="{counter.world.desk.url}/app/' in shown


def test_a_dead_link_to_the_pin_is_not_shown_and_the_page_says_what_to_do(counter: Counter) -> None:
    """It lives for five minutes and the charge for fifteen: then the page lets him pay anew."""
    page = unpaid(counter, 150_000)
    press(counter, f"{page}/gopay", phone=PHONE, agree="1")
    in_the_app(counter, "link")
    see(counter, f"{page}?gopay=1")
    [wallet] = counter.world.rows(payment_methods, kind="gopay")
    press(counter, f"{page}/gopay/pay", method=ids.public("payment_method", wallet.id))
    lives = state(counter, page)
    counter.world.advance(counter.world.clock_at() + timedelta(minutes=4))
    assert "/app/" in see(counter, page)
    assert state(counter, page) == lives

    counter.world.advance(counter.world.clock_at() + timedelta(minutes=2))
    shown = see(counter, page)
    assert "Tautan ke GoPay sudah kedaluwarsa" in shown
    assert "/app/" not in shown
    assert "berakhir sendiri (" in shown
    assert "WIB" in shown.split("berakhir sendiri (")[1][:40]
    assert f'action="{page}/gopay/pay"' not in shown, "nothing is charged beside it"
    assert state(counter, page) != lives, "an open page loads itself anew"

    counter.world.advance(counter.world.clock_at() + timedelta(minutes=15))
    counter.work_off()
    shown = see(counter, page)
    assert "Tautan ke GoPay sudah kedaluwarsa" not in shown
    assert "Bayar dengan GoPay" in shown


def state(counter: Counter, page: str) -> str:
    """What the page asks every two seconds."""
    return str(counter.client.get(f"{page}/status").json()["version"])


@pytest.mark.parametrize("form", [{"phone": PHONE}, {"phone": "12", "agree": "1"}, {}])
def test_without_consent_or_phone_nothing_is_linked(
    counter: Counter, page: str, form: dict[str, str]
) -> None:
    assert "problem=1" in press(counter, f"{page}/gopay", **form)
    assert counter.world.rows(payment_methods, kind="gopay") == []


def test_another_customers_wallet_pays_nothing_here(counter: Counter, page: str) -> None:
    other = counter.customer()
    made = counter.door.call(
        "POST", f"/customers/{other}/wallets", {"phone": PHONE, "return_url": "https://a.example"}
    ).json()
    in_the_app(counter, "link")
    counter.door.call("POST", f"/payment-methods/{made['id']}/refresh")
    assert "problem=1" in press(counter, f"{page}/gopay/pay", method=made["id"])


def test_coming_back_without_having_agreed_changes_nothing(counter: Counter, page: str) -> None:
    press(counter, f"{page}/gopay", phone=PHONE, agree="1")
    assert "menunggu persetujuan" in see(counter, f"{page}?gopay=1")


def test_a_merchant_without_it_offers_no_link(counter: Counter, page: str) -> None:
    counter.door.call("POST", "/payment-channels/gopay_linked", {"enabled": False})
    assert "Hubungkan GoPay" not in see(counter, page)
