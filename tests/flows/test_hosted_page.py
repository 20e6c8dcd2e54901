"""A page of the gateway's on which the payer chooses: its tries, and what was paid on it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import full
import pytest
from hosted_page import (
    BROKE,
    DENIED,
    Visitor,
    ask_around,
    open_page,
    order_of,
    told,
    tries_of,
    visitor,
)
from payers import receive, status_body, va_customer
from sqlalchemy import update
from world import START, World

from billing.flows.refund import request_refund, send_due
from billing.flows.settle import settle
from billing.tables import balance_entries
from core.tables import merchants
from ops.doctor import examine, render
from payments.adapters.midtrans.answers import order_answer
from payments.channels import HOSTED, PUSHES
from payments.service import set_channel
from payments.tables import payment_order_steps, payment_orders, payments, refunds, reviews

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def _whole(world: World) -> Any:
    """Every test ends with books and states that agree."""
    yield
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


def steps(world: World, order: Any) -> list[tuple[str, str | None]]:
    """An order's history: the state it came to, and the gateway's own word."""
    rows = world.rows(payment_order_steps, payment_order_id=order.id)
    rows.sort(key=lambda row: row.at)
    return [(row.to_state, (row.answer or {}).get("transaction_status")) for row in rows]


def paid_once(world: World, invoice: Any, channel: str) -> Any:
    """The one payment of an invoice that is paid."""
    assert world.invoice(invoice).status == "paid"
    [payment] = world.rows(payments)
    assert (payment.channel, payment.amount) == (channel, 99_000)
    return payment


def test_nothing_is_known_of_an_order_until_something_was_chosen(world: World) -> None:
    order = open_page(world, va_customer(world))
    assert (order.state, order.page_until) == ("pending", START + timedelta(hours=1))
    for hours in (1, 5, 25, 24 * 5):
        ask_around(world, hours=hours)
        assert order_of(world, order.id).state == "pending"
    assert order_of(world, order.id).sends == 1
    assert visitor(order).state() == "open"


def test_a_denied_card_then_a_number_is_paid_under_one_order(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va")
    page = visitor(order)
    for number in (DENIED, BROKE):
        page.card(number)
        world.desk.confirm(order.order_id)
        ask_around(world)
        seen = order_of(world, order.id)
        assert (seen.state, seen.transaction_id) == (
            "pending",
            tries_of(world, order.order_id)[-1]["transaction_id"],
        )
    assert seen.code == "51"
    page.choose("bni_va")
    ask_around(world)
    # The page keeps its address, whatever a try would show.
    assert order_of(world, order.id).instructions == order.instructions
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    assert steps(world, order) == [
        ("created", None), ("sent", None), ("pending", None),
        ("pending", "deny"), ("pending", "deny"), ("pending", "pending"),
        ("paid", "settlement"),
    ]  # fmt: skip
    payment = paid_once(world, invoice, "bni_va")
    assert payment.transaction_id == tries_of(world, order.order_id)[-1]["transaction_id"]


def test_a_payer_who_changes_his_mind_pays_by_what_he_took_last(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "bni_va", "qris")
    page = visitor(order)
    page.choose("bni_va")
    ask_around(world)
    page.change_mind()
    ask_around(world)
    assert order_of(world, order.id).state == "pending"
    page.choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    paid_once(world, invoice, "qris")
    assert ("pending", "cancel") in steps(world, order)


#  chosen on the page  how it is paid  booked as     whole back  part back
CHOICES = """
   bca_va              -               bca_va        manual      manual
   echannel            -               mandiri_bill  manual      manual
   indomaret           -               indomaret     manual      manual
   gopay               -               gopay         refund      refund
   gopay               qris            qris          refund      refund
   other_qris          -               qris          refund      refund
   shopeepay           -               shopeepay     refund      manual
   akulaku             -               akulaku       refund      refund
"""


@pytest.mark.parametrize(
    "row", CHOICES.strip().splitlines(), ids=lambda row: "-".join(row.split()[:2])
)
@pytest.mark.parametrize("part", [False, True], ids=["whole", "part"])
def test_money_goes_back_by_the_rules_of_what_was_paid_with(
    world: World, row: str, part: bool
) -> None:
    chosen, via, channel, whole_back, part_back = row.split()
    invoice = va_customer(world)
    order = open_page(world, invoice, *sorted(PUSHES - HOSTED))
    visitor(order).choose(chosen)
    world.desk.pay(order_id=order.order_id, **({} if via == "-" else {"via": via}))
    ask_around(world)
    payment = paid_once(world, invoice, channel)
    with world.work() as unit:
        made = request_refund(unit, payment.id, 9_900 if part else None, "requested_by_customer")
    send_due(world.engine, world.merchant_id)
    [refund] = world.rows(refunds, id=made)
    assert refund.route == (part_back if part else whole_back)
    assert refund.state == ("succeeded" if refund.route == "refund" else "awaiting_transfer")


def card_paid(world: World) -> Any:
    """A card that was paid with on a page; its payment is captured."""
    invoice = va_customer(world)
    order = open_page(world, invoice)
    visitor(order).card()
    world.desk.confirm(order.order_id)
    ask_around(world)
    payment = paid_once(world, invoice, "card")
    assert payment.status == "captured"
    return payment


def test_a_card_that_has_not_settled_is_canceled_whole(world: World) -> None:
    payment = card_paid(world)
    with world.work() as unit:
        made = request_refund(unit, payment.id, None, "requested_by_customer")
    send_due(world.engine, world.merchant_id)
    [refund] = world.rows(refunds, id=made)
    assert (refund.route, refund.state) == ("cancel", "succeeded")
    [held] = tries_of(world, payment.order_id)
    assert held["status"] == "cancel"


def test_a_part_of_a_card_waits_until_it_settles(world: World) -> None:
    payment = card_paid(world)
    with world.work() as unit:
        made = request_refund(unit, payment.id, 9_900, "requested_by_customer")
    assert world.rows(refunds, id=made)[0].state == "refund_scheduled"
    world.advance(START + timedelta(days=2))
    told(world)
    world.drain()
    [refund] = world.rows(refunds, id=made)
    assert (refund.route, refund.state) == ("refund", "succeeded")
    assert world.rows(payments)[0].status == "settled"


def lives_of_two_tries(world: World, order: Any) -> list[dict[str, Any]]:
    """A card is denied, then a QR is paid: every word of it, as it was when it was true."""
    page, words = visitor(order), []
    page.card(DENIED)
    words.append(status_body(world, order.order_id))
    world.desk.confirm(order.order_id)
    words.append(status_body(world, order.order_id))
    page.choose("other_qris")
    words.append(status_body(world, order.order_id))
    world.desk.pay(order_id=order.order_id)
    words.append(status_body(world, order.order_id))
    assert [one["transaction_status"] for one in words] == [
        "pending", "deny", "pending", "settlement",
    ]  # fmt: skip
    return words


def test_in_whatever_order_the_news_come_twice_the_end_is_the_same(world: World) -> None:
    orders = full.some(list(itertools.permutations(range(4))), 6, "news")
    for n, places in enumerate(orders):
        invoice = va_customer(world, f"Dewi{n}")
        order = open_page(world, invoice, "qris")
        words = lives_of_two_tries(world, order)
        for place in places:
            for _ in range(2):
                receive(world, words[place])
                told(world)
        assert world.invoice(invoice).status == "paid"
        [payment] = world.rows(payments, order_id=order.order_id)
        assert (payment.channel, payment.amount) == ("qris", 99_000), places
    assert len(world.rows(payments)) == len(orders)
    assert not world.rows(reviews)


def test_a_late_word_of_a_try_before_touches_nothing_that_is_paid(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "qris")
    words = lives_of_two_tries(world, order)
    ask_around(world)
    before = paid_once(world, invoice, "qris")
    for word in words:
        receive(world, word)
    told(world)
    assert paid_once(world, invoice, "qris") == before
    assert not world.rows(reviews)


def test_another_amount_on_a_try_is_for_a_person(world: World) -> None:
    invoice = va_customer(world)
    order = open_page(world, invoice, "qris")
    visitor(order).choose("other_qris")
    world.desk.pay(order_id=order.order_id)
    world.desk.fault("status", "wrong_amount", amount=98_000, order_id=order.order_id)
    ask_around(world)
    assert order_of(world, order.id).state == "review"
    assert [one.kind for one in world.rows(reviews)] == ["answer_differs"]
    assert not world.rows(payments)


# --- what answers only to an id of its own -------------------------------------------------------


def all_that_is_switched_on(world: World, invoice: Any) -> Visitor:
    """A merchant without any other way shows all that his account has, DANA too."""
    with world.work() as unit:
        unit.session.execute(
            update(merchants)
            .where(merchants.c.merchant_id == world.merchant_id)
            .values(card_mode="none")
        )
    with world.work() as unit:
        set_channel(unit, "bca_va", enabled=False)
    return visitor(open_page(world, invoice))


def test_dana_on_a_page_is_found_by_what_its_news_say(world: World) -> None:
    invoice = va_customer(world)
    page = all_that_is_switched_on(world, invoice)
    [order] = [row for row in world.rows(payment_orders) if row.channel == "snap"]
    page.choose("dana")
    [chosen] = tries_of(world, order.order_id)
    body = status_body(world, chosen["transaction_id"])
    assert status_body(world, order.order_id)["status_code"] == "404"
    receive(world, body)
    told(world)
    seen = order_of(world, order.id)
    assert (seen.state, seen.transaction_id) == ("pending", chosen["transaction_id"])
    world.desk.pay(order_id=order.order_id)
    # From now on the reaper asks by that id too.
    ask_around(world)
    payment = paid_once(world, invoice, "dana")
    with world.work() as unit:
        made = request_refund(unit, payment.id, None, "requested_by_customer")
    send_due(world.engine, world.merchant_id)
    assert world.rows(refunds, id=made)[0].state == "succeeded"


def test_a_payment_that_no_news_told_of_is_booked_when_they_come_after_the_end(
    world: World,
) -> None:
    invoice = va_customer(world)
    page = all_that_is_switched_on(world, invoice)
    [order] = [row for row in world.rows(payment_orders) if row.channel == "snap"]
    page.choose("dana")
    world.desk.pay(order_id=order.order_id)
    [chosen] = tries_of(world, order.order_id)
    body = status_body(world, chosen["transaction_id"])
    world.desk.control(
        "POST", "notifications", order_id=order.order_id, action="lose_next", times=10
    )
    world.advance(START + timedelta(hours=2))
    assert order_of(world, order.id).state == "failed"
    receive(world, body)
    told(world)
    assert order_of(world, order.id).state == "paid"
    paid_once(world, invoice, "dana")


def test_a_second_payment_under_one_order_is_for_a_person(world: World) -> None:
    """Midtrans should never take it: where it does, nobody keeps the money unseen."""
    invoice = va_customer(world)
    order = open_page(world, invoice, "qris")
    words = lives_of_two_tries(world, order)
    ask_around(world)
    before = paid_once(world, invoice, "qris")
    other = replace(order_answer(words[-1]), transaction_id="another")
    settle(world.engine, world.merchant_id, order.order_id, other, because="test")
    assert paid_once(world, invoice, "qris") == before
    [matter] = world.rows(reviews)
    assert (matter.kind, matter.detail["reason"]) == (
        "answer_differs",
        "another try on the page was paid too",
    )


def test_money_that_comes_after_another_way_was_paid_is_the_customers(world: World) -> None:
    invoice = va_customer(world)
    [number] = [row for row in world.rows(payment_orders) if row.channel == "bca_va"]
    order = open_page(world, invoice, "qris")
    visitor(order).choose("other_qris")
    world.desk.pay(order_id=number.order_id)
    world.desk.pay(order_id=order.order_id)
    ask_around(world)
    ask_around(world)
    assert {row.state for row in world.rows(payment_orders)} == {"paid"}
    [entry] = world.rows(balance_entries)
    assert (entry.kind, entry.amount) == ("overpaid", 99_000)
