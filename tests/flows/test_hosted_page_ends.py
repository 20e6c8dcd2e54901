"""How a hosted page ends: by its own time, by our wish, before a pull; and who is faster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hosted_page import ask_around, open_page, order_of, told, tries_of, visitor
from payers import receive, renewal, status_body, taken, va_customer
from world import ME, START, World

from billing.flows import charge
from billing.flows.at_once import pay_invoice, press
from billing.flows.clock import jump
from billing.flows.make_room import make_room
from billing.flows.means import Means
from billing.flows.one_order import ask_now, withdraw_order
from billing.flows.orders import open_orders
from billing.flows.reconcile import resolve_due
from billing.tables import balance_entries
from core.errors import Conflict
from core.tables import events
from ops.doctor import examine, render
from payments.adapters.midtrans.gateways import MidtransGateway
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database

PAGE = timedelta(hours=1)
GRACE = timedelta(minutes=10)  # the quarantine of these tests


@pytest.fixture(autouse=True)
def _whole(world: World) -> Any:
    """Every test ends with books and states that agree."""
    yield
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def gateway(world: World) -> MidtransGateway:
    """The one gateway of this world's merchant, whose calls a test may come before."""
    with world.work() as unit:
        return world.engine.gateways.of(unit.merchant)  # type: ignore[return-value]


def before(monkeypatch: pytest.MonkeyPatch, world: World, call: str, deed: Any) -> None:
    """Once, the payer is faster than this call of ours."""
    known = gateway(world)
    real = getattr(known, call)

    def first(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(known, call, real)
        deed()
        return real(*args, **kwargs)

    monkeypatch.setattr(known, call, first)


def take_back(world: World, order: Any) -> Any:
    """A person ends an order; what it then is."""
    with world.work() as unit:
        withdraw_order(unit, order.id)
    ask_now(world.engine, world.merchant_id, order.id)
    return order_of(world, order.id)


# --- by its own time -----------------------------------------------------------------------------


def test_a_page_on_which_nothing_was_chosen_ends_after_its_time_and_a_quarantine(
    world: World,
) -> None:
    order = open_page(world, va_customer(world))
    world.advance(START + PAGE + GRACE - timedelta(seconds=1))
    assert order_of(world, order.id).state == "pending"
    assert visitor(order).state() == "expired"
    world.advance(START + PAGE + GRACE)
    ended = order_of(world, order.id)
    assert (ended.state, ended.code, ended.attested) == ("failed", "page_over", True)
    assert [one.type for one in world.rows(events) if one.subject_id == order.id][-1] == (
        "instrument.expired"
    )
    assert not world.rows(reviews)
    # The number on the invoice stands as before, and another page may be asked for.
    assert {row.state for row in world.rows(payment_orders, channel="bca_va")} == {"pending"}
    assert open_page(world, order.invoice_id).id != order.id


def test_a_page_whose_last_try_was_denied_ends_with_the_words_of_that(world: World) -> None:
    order = open_page(world, va_customer(world))
    visitor(order).card("4911111111111113")
    world.desk.confirm(order.order_id)
    ask_around(world)
    world.advance(START + PAGE + GRACE)
    assert order_of(world, order.id).state == "failed"


def test_a_number_taken_on_a_page_outlives_it(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    visitor(order).choose("bni_va")
    ask_around(world, hours=1)
    world.advance(START + timedelta(hours=23))
    assert order_of(world, order.id).state == "pending"
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    assert world.rows(payments)[0].channel == "bni_va"


def test_a_number_taken_on_a_page_ends_a_day_after_the_page_was_opened(world: World) -> None:
    order = open_page(world, va_customer(world), "bni_va")
    world.advance(START + timedelta(minutes=50))
    visitor(order).choose("bni_va")
    ask_around(world, minutes=2)
    assert order_of(world, order.id).expires_at == START + timedelta(days=1)
    world.advance(START + timedelta(days=1, minutes=1))
    ended = order_of(world, order.id)
    assert (ended.state, ended.attested) == ("failed", True)


def test_money_after_the_end_still_pays_the_invoice(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    visitor(order).choose("bni_va")
    world.desk.fault("status", "404_on_status", times=99, order_id=order.order_id)
    world.advance(START + PAGE + GRACE)
    assert order_of(world, order.id).state == "failed"
    world.desk.control("DELETE", "faults")
    world.desk.pay(order_id=order.order_id)
    receive(world, status_body(world, order.order_id))
    told(world)
    assert order_of(world, order.id).state == "paid"
    assert world.invoice(invoice).status == "paid"


# --- a page whose address was lost ---------------------------------------------------------------


@pytest.mark.parametrize("trouble", ["drop_before", "drop_after", "500_after", "html_502"])
def test_a_page_whose_address_was_lost_is_over_and_offered_anew_under_another_id(
    world: World, trouble: str
) -> None:
    invoice = va_customer(world)
    world.desk.fault("snap", trouble)
    lost = open_page(world, invoice)
    assert (lost.state, lost.sends) == ("unknown", 1)
    world.wait(minutes=2)
    resolve_due(world.engine, world.merchant_id)
    ended = order_of(world, lost.id)
    assert (ended.state, ended.sends) == ("failed", 1)
    again = open_page(world, invoice)
    assert again.order_id != lost.order_id
    visitor(again).choose("bca_va")
    world.desk.pay(order_id=again.order_id)
    ask_around(world)
    assert [one["order_id"] for one in taken(world, invoice)] == [again.order_id]
    assert not world.rows(reviews)


def test_a_page_that_was_refused_for_now_is_opened_once_under_the_same_id(world: World) -> None:
    invoice = va_customer(world)
    world.desk.fault("snap", "429")
    order = open_page(world, invoice)
    assert order.state == "created"
    world.wait(minutes=2)
    charge.send_due(world.engine, world.merchant_id)
    opened = order_of(world, order.id)
    assert (opened.state, opened.sends) == ("pending", 2)
    assert visitor(opened).state() == "open"


def test_a_page_is_not_opened_when_its_time_is_over(world: World) -> None:
    world.desk.fault("snap", "429", times=99)
    order = open_page(world, va_customer(world))
    jump(world.engine, world.merchant_id, START + PAGE, ME)
    world.wait(hours=1)
    charge.send_due(world.engine, world.merchant_id)
    assert (order_of(world, order.id).state, order_of(world, order.id).sends) == ("failed", 1)


# --- by our wish ---------------------------------------------------------------------------------


def test_a_page_on_which_nothing_was_chosen_is_closed_at_once(world: World) -> None:
    order = open_page(world, va_customer(world))
    ended = take_back(world, order)
    assert (ended.state, ended.attested, ended.code) == ("failed", True, "page_over")
    assert visitor(order).state() == "canceled"


def test_what_was_chosen_is_expired_and_the_page_watched_to_its_end(world: World) -> None:
    order = open_page(world, va_customer(world), "bni_va")
    page = visitor(order)
    page.choose("bni_va")
    ended = take_back(world, order)
    assert [one["status"] for one in tries_of(world, order.order_id)] == ["expire"]
    # Somebody may still choose on it, so nothing is pulled meanwhile.
    assert (ended.state, ended.abandoning, page.state()) == ("pending", True, "open")
    page.choose("bni_va")
    ask_around(world, minutes=5)
    assert [one["status"] for one in tries_of(world, order.order_id)] == ["expire", "expire"]
    # No clock is held up by it.
    world.advance(START + PAGE + GRACE)
    assert order_of(world, order.id).state == "failed"


def test_what_waits_when_the_page_is_over_ends_at_once(world: World) -> None:
    order = open_page(world, va_customer(world), "bni_va")
    visitor(order).choose("bni_va")
    world.advance(START + timedelta(hours=3))
    ended = take_back(world, order)
    assert (ended.state, ended.attested) == ("failed", True)
    assert [one["status"] for one in tries_of(world, order.order_id)] == ["expire"]


def test_a_payer_who_chooses_while_the_page_is_closed_is_asked_about_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    before(monkeypatch, world, "close_page", lambda: visitor(order).choose("bni_va"))
    assert take_back(world, order).state == "pending"
    world.desk.pay(order_id=order.order_id)
    ask_around(world, minutes=5)
    assert order_of(world, order.id).state == "paid"
    assert world.invoice(invoice).status == "paid"


def test_a_payer_who_pays_while_his_number_is_ended_is_booked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    visitor(order).choose("bni_va")
    before(monkeypatch, world, "expire", lambda: world.desk.pay(order_id=order.order_id))
    assert take_back(world, order).state == "paid"
    assert world.invoice(invoice).status == "paid"


def test_whatever_else_pays_closes_the_page(world: World) -> None:
    invoice = va_customer(world)
    [number] = world.rows(payment_orders)
    order = open_page(world, invoice)
    world.desk.pay(order_id=number.order_id)
    ask_around(world, minutes=5)
    ask_around(world, minutes=5)
    assert order_of(world, order.id).state == "failed"
    assert visitor(order).state() == "canceled"
    assert not world.rows(balance_entries)


# --- before a pull -------------------------------------------------------------------------------


def test_a_page_is_closed_before_a_card_is_charged(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice)
    make_room(world.engine, world.merchant_id, ME, invoice)
    assert order_of(world, order.id).state == "failed"
    with world.work() as unit:
        assert not open_orders(unit, invoice)
        pay_invoice(world.engine, unit, invoice, Means(card_token=world.desk.card_token()), key="k")
    press(world.engine, world.merchant_id, invoice_id=invoice)
    world.desk.confirm(world.order_of(invoice).order_id)
    ask_around(world, minutes=5)
    assert [row.channel for row in world.rows(payments)] == ["card"]


def test_nothing_is_pulled_while_somebody_may_choose_again_on_a_page(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice)
    visitor(order).card("4911111111111113")
    world.desk.confirm(order.order_id)
    make_room(world.engine, world.merchant_id, ME, invoice)
    means = Means(card_token=world.desk.card_token())
    with world.work() as unit, pytest.raises(Conflict) as refused:
        pay_invoice(world.engine, unit, invoice, means, key="k")
    assert refused.value.code == "instrument_open"
    world.advance(START + PAGE + GRACE)
    with world.work() as unit:
        assert not [one for one in open_orders(unit, invoice) if one.id == order.id]


def test_a_renewal_waits_for_the_end_of_a_page_and_is_then_charged_once(world: World) -> None:
    invoice = renewal(world, "Sari")
    order = open_page(world, invoice)
    page = visitor(order)
    page.card("4911111111111113")
    world.desk.confirm(order.order_id)
    world.advance(world.clock_at() + timedelta(days=1))
    assert world.invoice(invoice).status == "paid"
    assert [
        row.state for row in world.rows(payment_orders, invoice_id=invoice, channel="snap")
    ] == ["failed"]
    assert len(taken(world, invoice)) == 1
    assert page.state() != "open"
