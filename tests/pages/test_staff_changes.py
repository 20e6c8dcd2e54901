"""Changing a plan and cancelling at the staff page: what is shown is what is done."""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import (
    START,
    make_customer,
    make_method,
    make_price,
    make_subscription,
    set_clock,
)
from pages.desk import Desk, plain
from pages.house import House
from sqlalchemy import select, update

from billing.flows.change_plan import change
from billing.flows.granting import grant
from billing.flows.settle import settle
from billing.queries import get_subscription, items_in_force
from billing.tables import subscription_changes
from core import ids
from core.tables import audit, merchants
from invoices.queries import list_invoices
from payments.gateway import Answer


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


def paid(house: House) -> tuple[UUID, UUID]:
    """A customer who paid the first month: (customer, subscription)."""
    customer, subscription, invoice = house.subscribe()
    house.bank_gives()
    house.client.post(f"{house.link(invoice)}/va")
    [order] = house.orders(invoice)
    answer = Answer("paid", order_id=order.order_id, amount=order.amount, paid_at=START)
    settle(house.engine, house.merchant.merchant_id, order.order_id, answer, because="test")
    return customer, subscription


def bigger(house: House, amount: int = 899_000) -> str:
    with house.work() as unit:
        return ids.public("price", make_price(unit, amount).id)


def path_of(subscription: UUID, what: str) -> str:
    return f"/subscriptions/{ids.public('subscription', subscription)}/{what}"


def test_an_upgrade_is_shown_line_by_line_and_then_done(house: House, desk: Desk) -> None:
    customer, subscription = paid(house)
    price, path = bigger(house), path_of(subscription, "change")
    # Ten days in: 21 of 31 days are left.
    set_clock(house.engine, house.merchant.merchant_id, START.replace(day=20))
    page = desk.get(f"{path}?price={price}").text
    text = plain(page)
    # 899 000 x 21/31 = 609 000; 349 000 x 21/31 = 236 419.35; 372 581 + PPN 40 984
    for wanted in (
        "Rp899.000 × 21/31 hari = Rp609.000",
        "-(Rp349.000 × 21/31 hari) = -Rp236.419,35, dibulatkan -Rp236.419",
        "Sebelum pajak Rp372.581",
        "PPN Rp40.984",
        "Ditagih sekarang Rp413.565",
        "Berlaku mulai 20 Januari 2027",
    ):
        assert wanted in text
    with house.work() as unit:
        assert len(list_invoices(unit, customer_id=customer)) == 1
    answer = desk.send(path, page, note="diminta lewat telepon")
    assert answer.status_code == 303
    assert "Paket sudah diganti." in house.client.get(answer.headers["location"]).text
    with house.work() as unit:
        newest = list_invoices(unit, customer_id=customer)[0]
        assert newest.total_amount == 413_565
        noted = unit.session.execute(
            select(audit.c.actor_kind, audit.c.actor).where(audit.c.action == "subscription.change")
        ).all()
        reason = unit.session.execute(select(subscription_changes.c.reason)).scalar_one()
    assert noted == [("staff", "owner@larasa.example")]
    assert reason == "diminta lewat telepon"


def test_a_price_by_tiers_is_told_by_its_tiers(house: House, desk: Desk) -> None:
    """The price of one seat would be no price of twelve."""
    _, subscription = paid(house)
    seats = {"tiers": [{"up_to": 10, "unit_amount": 90_000}, {"unit_amount": 80_000}]}
    with house.work() as unit:
        price = ids.public("price", make_price(unit, None, model="graduated", model_terms=seats).id)
    text = plain(desk.get(f"{path_of(subscription, 'change')}?price={price}&quantity=12").text)
    assert "s.d. 10: Rp90.000, di atasnya: Rp80.000" in text
    assert "(10 × Rp90.000 + 2 × Rp80.000) × 31/31 hari" not in text  # a whole period is no part
    assert "Rp1.060.000" in text


def test_figures_that_moved_are_shown_again_and_nothing_is_done(house: House, desk: Desk) -> None:
    customer, subscription = paid(house)
    price, path = bigger(house), path_of(subscription, "change")
    page = desk.get(f"{path}?price={price}").text
    set_clock(house.engine, house.merchant.merchant_id, START.replace(day=20))
    answer = desk.send(path, page)
    assert answer.status_code == 409
    assert "Angkanya berubah" in answer.text
    assert "× 21/31" in plain(answer.text)
    with house.work() as unit:
        assert len(list_invoices(unit, customer_id=customer)) == 1
    assert desk.send(path, answer.text).status_code == 303


def test_a_form_sent_twice_changes_once(house: House, desk: Desk) -> None:
    customer, subscription = paid(house)
    path = path_of(subscription, "change")
    page = desk.get(f"{path}?price={bigger(house)}").text
    assert desk.send(path, page).status_code == 303
    assert desk.send(path, page).status_code == 409
    with house.work() as unit:
        assert len(list_invoices(unit, customer_id=customer)) == 2


def test_a_downgrade_waits_and_may_be_dropped(house: House, desk: Desk) -> None:
    _customer, subscription = paid(house)
    path = path_of(subscription, "change")
    page = desk.get(f"{path}?price={bigger(house, 149_000)}").text
    assert "Tidak ada yang ditagih sekarang." in page
    assert "10 Februari 2027" in plain(page)
    shown = house.client.get(desk.send(path, page).headers["location"]).text
    assert "Mulai 10 Februari 2027: Paket Pro" in plain(shown)
    with house.work() as unit:
        own = audit.c
        noted = unit.session.execute(
            select(own.actor_kind, own.actor).where(own.action == "subscription.schedule_change")
        ).all()
    assert noted == [("staff", "owner@larasa.example")]
    dropped = desk.send(path_of(subscription, "drop-change"), shown)
    text = house.client.get(dropped.headers["location"]).text
    assert "Pergantian paket dibatalkan." in text
    assert "Mulai 10 Februari 2027" not in plain(text)


def test_a_cancellation_now_shows_what_is_given_back(house: House, desk: Desk) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "cancel")
    page = desk.get(f"{path}?when=now").text
    # 30 of 31 days are left: 349 000 x 30/31 = 337 741.94
    assert "Rp349.000 × 30/31 = Rp337.742" in plain(page)
    assert "hari terakhir dilayani 10 januari 2027" in plain(page).lower()
    answer = desk.send(path, page, reason="too_expensive")
    assert answer.status_code == 303
    text = plain(house.client.get(answer.headers["location"]).text)
    for wanted in ("Langganan dihentikan.", "Berakhir", "terlalu mahal", "Saldo Rp374.894"):
        assert wanted in text


def test_a_cancellation_on_a_date_shows_what_comes_back_then(house: House, desk: Desk) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "cancel")
    assert 'type="date"' in desk.get(f"{path}?when=date").text
    assert "sesudah hari ini" in desk.get(f"{path}?when=date&on=2020-01-01").text
    page = desk.get(f"{path}?when=date&on=2027-01-31").text
    assert "Rp349.000 × 10/31 = Rp112.581" in plain(page)
    answer = desk.send(path, page, reason="unused")
    assert "akan berhenti pada hari itu" in house.client.get(answer.headers["location"]).text
    with house.work() as unit:
        assert str(get_subscription(unit, subscription).cancel_on) == "2027-01-31"


def test_a_cancellation_at_the_end_can_be_undone(house: House, desk: Desk) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "cancel")
    page = desk.get(path).text
    assert "Tidak ada yang dikembalikan." in page
    assert desk.send(path, page).status_code == 409  # no reason given
    shown = house.client.get(desk.send(path, page, reason="unused").headers["location"]).text
    assert "Lanjutkan langganan" in shown
    again = desk.send(path_of(subscription, "resume"), shown)
    assert "Langganan dilanjutkan." in house.client.get(again.headers["location"]).text
    with house.work() as unit:
        assert get_subscription(unit, subscription).cancel_on is None


@pytest.mark.parametrize("fields", [
    {"price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa"}, {"quantity": "0"}, {"quantity": "-1"}, {"quantity": "1.5"},
    {"quantity": "9" * 30}, {"mode": "whenever"}, {"print": ""}, {"price": "<script>"},
])  # fmt: skip
def test_a_form_that_was_tampered_with_changes_nothing(
    house: House, desk: Desk, fields: dict[str, str]
) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "change")
    page = desk.get(f"{path}?price={bigger(house)}").text
    answer = desk.send(path, page, **fields)
    assert 400 <= answer.status_code < 500
    assert "<script>" not in answer.text.split("<main")[-1]
    with house.work() as unit:
        assert items_in_force(unit, [subscription])[subscription].quantity == 1


@pytest.mark.parametrize("what", ["change", "cancel", "resume", "drop-change"])
def test_a_form_from_elsewhere_changes_nothing(house: House, desk: Desk, what: str) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, what)
    for csrf in ("", "0" * 40):
        answer = house.client.post(
            f"{desk.root}{path}", data={"csrf": csrf, "price": bigger(house), "reason": "other"}
        )
        assert answer.status_code == 403
    with house.work() as unit:
        assert get_subscription(unit, subscription).version == 1


@pytest.mark.parametrize(
    "role, may_change, may_cancel",
    [
        ("owner", True, True),
        ("billing", True, True),
        ("support", False, True),
        ("finance", False, False),
        ("read_only", False, False),
    ],
)
def test_roles(house: House, role: str, may_change: bool, may_cancel: bool) -> None:
    customer, subscription = paid(house)
    desk = Desk(house, role)
    desk.enter()
    page = desk.get(f"/customers/{ids.public('customer', customer)}").text
    assert ("Ganti paket" in page) is may_change
    assert ("Hentikan" in page) is may_cancel
    for what, allowed in (("change", may_change), ("cancel", may_cancel)):
        assert desk.get(path_of(subscription, what)).status_code == (200 if allowed else 403)
        if not allowed:
            assert desk.send(path_of(subscription, what), page, reason="other").status_code == 403
    with house.work() as unit:
        assert get_subscription(unit, subscription).version == 1


def test_a_pause_shows_what_comes_back_and_its_end_what_is_billed(house: House, desk: Desk) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "pause")
    page = desk.get(f"{path}?policy=give_back").text
    assert "Rp349.000 × 31/31 = Rp349.000" in plain(page)
    answer = desk.send(path, page, resume_on="kapan-kapan")
    assert answer.status_code == 409
    shown = house.client.get(desk.send(path, page).headers["location"]).text
    assert "Langganan dijeda." in shown
    assert "saat diminta" in shown
    back = desk.get(path_of(subscription, "unpause")).text
    assert "Ditagih sekarang Rp387.390" in plain(back)
    told = house.client.get(
        desk.send(path_of(subscription, "unpause"), back).headers["location"]
    ).text
    assert "Langganan berjalan lagi." in told
    with house.work() as unit:
        assert get_subscription(unit, subscription).status == "active"


def test_a_pause_that_has_not_begun_is_undone(house: House, desk: Desk) -> None:
    _, subscription = paid(house)
    path = path_of(subscription, "pause")
    shown = house.client.get(desk.send(path, desk.get(path).text).headers["location"]).text
    assert "Batalkan jeda" in shown
    again = desk.send(path_of(subscription, "undo-pause"), shown)
    assert "Langganan dilanjutkan." in house.client.get(again.headers["location"]).text


def test_a_trial_is_extended_as_shown(house: House, desk: Desk) -> None:
    with house.work() as unit:
        made = make_subscription(unit, price=make_price(unit, 349_000), trial_days=30)
    path = path_of(made.subscription.id, "trial")
    page = desk.get(f"{path}?ends_on=2027-03-01").text
    assert "Hari pertama yang dibayar 1 Maret 2027" in plain(page)
    assert "Total Rp387.390" in plain(page)
    assert desk.send(path, page, ends_on="2027-01-02").status_code == 409
    told = house.client.get(desk.send(path, page, ends_on="2027-03-01").headers["location"]).text
    assert "Akhir masa coba sudah diubah." in told
    assert "1 Maret 2027" in plain(told)


def test_an_upgrade_that_waits_to_be_paid_is_told_and_can_be_dropped(
    house: House, desk: Desk
) -> None:
    with house.work() as unit:
        who = make_customer(unit)
        made = make_subscription(
            unit, customer=who, price=make_price(unit, 349_000),
            payment_method_id=make_method(unit, who.id),
        )  # fmt: skip
        grant(unit, who.id, 387_390, reason="Bulan pertama")
    customer, subscription = who.id, made.subscription.id
    with house.work() as unit:
        dear = make_price(unit, 899_000).id
        done = change(unit, subscription, price_id=dear, payment="pay_first")
    assert done.planned.pays_first
    assert done.planned.invoice_id is not None
    home = f"/customers/{ids.public('customer', customer)}"
    page = desk.get(home).text
    assert f'/invoices/{ids.public("invoice", done.planned.invoice_id)}"' in page
    assert "Menunggu pembayaran untuk" in plain(page)
    assert "Rp349.000" in plain(page)
    assert "Waits to be paid for" in plain(desk.get(f"{home}?lang=en").text)

    dropped = desk.send(path_of(subscription, "drop-change"), desk.get(home).text)
    assert dropped.status_code == 303
    assert "Waits to be paid for" not in plain(desk.get(home).text)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("id", "Saldo Rp1.000 lebih kecil dari tagihan ini, jadi tidak dipakai."),
        ("en", "The balance of Rp1.000 is smaller than this and is not used for it."),
    ],
)
def test_a_balance_that_an_upgrade_paid_first_does_not_use_is_told(
    house: House, desk: Desk, language: str, said: str
) -> None:
    with house.work() as unit:
        unit.session.execute(update(merchants).values(upgrade_policy="pay_first"))
        who = make_customer(unit)
        made = make_subscription(
            unit, customer=who, price=make_price(unit, 349_000),
            payment_method_id=make_method(unit, who.id),
        )  # fmt: skip
        grant(unit, who.id, 388_390, reason="Bulan pertama")
    path = path_of(made.subscription.id, "change")
    shown = desk.get(f"{path}?price={bigger(house)}&lang={language}").text
    assert said in plain(shown), plain(shown)
