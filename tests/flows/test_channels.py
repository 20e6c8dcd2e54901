"""Every way a customer can push money: offered, paid, and given back; over the real wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from payers import let_it_be_collected, receive, renewal, status_body, taken
from world import World, subscribe

from billing.flows import charge
from billing.flows.ingest import ingest_due
from billing.flows.offers import offer
from billing.flows.orders import withdraw
from billing.flows.reconcile import resolve_due, resolve_one
from billing.flows.refund import request_refund, send_due
from billing.service import update_customer
from billing.tables import balance_entries
from core.errors import Conflict, EngineError, InvalidRequest
from payments.channels import PUSHES
from payments.service import set_channel
from payments.tables import merchant_channels, payment_orders, payments, refunds

pytestmark = pytest.mark.database

#  channel        what the payer is given                 waits      part back     whole back
WAYS = """
   bca_va         bank va_number                          40 days    manual        manual
   bni_va         bank va_number                          40 days    manual        manual
   bri_va         bank va_number                          40 days    manual        manual
   permata_va     bank va_number                          40 days    manual        manual
   cimb_va        bank va_number                          40 days    manual        manual
   mandiri_bill   bank biller_code,bill_key               40 days    manual        manual
   indomaret      store payment_code                      40 days    manual        manual
   alfamart       store payment_code                      40 days    manual        manual
   gopay          qr_url app_url                          15 minutes refund        refund
   qris           qr_string qr_url                        15 minutes refund        refund
   shopeepay      app_url -                               15 minutes manual        refund
   dana           app_url -                               15 minutes refund        refund
   ovo            phone -                                 65 seconds manual        refund
   akulaku        redirect_url -                          1 days     refund        refund
   kredivo        redirect_url -                          1 days     refund        refund
"""
ROWS = [line.split() for line in WAYS.strip().splitlines()]


def test_the_table_holds_every_push_but_the_hosted_page() -> None:
    assert {row[0] for row in ROWS} == PUSHES - {"snap"}


def invoice_of(world: World, *channels: str) -> UUID:
    """An open invoice of a customer with a telephone; the merchant offers only ``channels``."""
    price = world.plan("plan", 99_000)
    customer = world.customer("Dewi")
    with world.work() as unit:
        update_customer(unit, customer, {"phone": "0812-3456-7890"})
        for rank, key in enumerate(channels):
            set_channel(unit, key, enabled=True, rank=rank)
        if "bca_va" not in channels:
            set_channel(unit, "bca_va", enabled=False)
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    assert made.invoice_id is not None
    return made.invoice_id


def offered(world: World, invoice_id: UUID, channel: str) -> Any:
    """Ask for a way to pay as a customer does; the order as the gateway has answered it."""
    with world.work() as unit:
        order_id = offer(unit, invoice_id, channel)
    charge.send_one(world.engine, world.merchant_id, order_id)
    return world.rows(payment_orders, id=order_id)[0]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_customer_pays_this_way_and_the_money_finds_its_way_back(
    world: World, row: list[str]
) -> None:
    channel, first, second, count, unit_of_time, part_back, whole_back = row
    invoice_id = invoice_of(world, channel)
    order = offered(world, invoice_id, channel)
    assert (order.state, order.channel) == ("pending", channel)
    for name in (first, *second.split(",")):
        assert name == "-" or order.instructions[name]
    wait = order.expires_at - order.opened_at
    expected = timedelta(**{unit_of_time: int(count)})
    assert expected - timedelta(days=4) * (unit_of_time == "days") <= wait <= expected

    world.desk.pay(order_id=order.order_id)
    world.wait(hours=1)
    resolve_due(world.engine, world.merchant_id)
    invoice = world.invoice(invoice_id)
    assert (invoice.status, invoice.due_amount) == ("paid", 0)
    [payment] = world.rows(payments)
    assert (payment.channel, payment.status) == (channel, "settled")
    assert [one["order_id"] for one in taken(world, invoice_id)] == [order.order_id]

    for amount, road in ((9_900, part_back), (None, whole_back)):
        if amount is not None and part_back == "manual" and whole_back == "refund":
            continue  # a part by hand would spend the one whole refund; it has a test of its own
        with world.work() as unit:
            refund_id = request_refund(unit, payment.id, amount, "requested_by_customer")
        send_due(world.engine, world.merchant_id)
        [refund] = world.rows(refunds, id=refund_id)
        assert refund.route == road
        assert refund.state == ("succeeded" if road == "refund" else "awaiting_transfer")


def test_a_part_of_what_can_only_go_back_whole_is_transferred_by_hand(world: World) -> None:
    invoice_id = invoice_of(world, "shopeepay")
    pay(world, offered(world, invoice_id, "shopeepay"))
    [payment] = world.rows(payments)
    with world.work() as unit:
        refund_id = request_refund(unit, payment.id, 9_900, "requested_by_customer")
    assert world.rows(refunds, id=refund_id)[0].route == "manual"


def pay(world: World, order: Any, **how: Any) -> None:
    """The payer pays; no notification arrives, the reaper asks."""
    world.desk.pay(order_id=order.order_id, **how)
    world.wait(hours=1)
    resolve_due(world.engine, world.merchant_id)


def test_what_is_paid_first_withdraws_the_other_ways(world: World) -> None:
    invoice_id = invoice_of(world, "bca_va", "qris")
    number = offered(world, invoice_id, "bca_va")
    qr = offered(world, invoice_id, "qris")
    assert {number.state, qr.state} == {"pending"}
    pay(world, qr)
    world.wait(hours=1)
    resolve_due(world.engine, world.merchant_id)
    assert world.invoice(invoice_id).status == "paid"
    assert world.rows(payment_orders, id=number.id)[0].state == "failed"
    assert world.desk.book()[number.order_id]["status"] == "expire"


def test_a_payer_who_pays_twice_has_the_second_as_balance(world: World) -> None:
    invoice_id = invoice_of(world, "bca_va", "qris")
    orders = [offered(world, invoice_id, one) for one in ("bca_va", "qris")]
    for order in orders:
        world.desk.pay(order_id=order.order_id)
    world.wait(hours=1)
    resolve_due(world.engine, world.merchant_id)
    assert len(world.rows(payments)) == 2
    [entry] = world.rows(balance_entries)
    assert (entry.kind, entry.amount) == ("overpaid", 99_000)


def test_the_same_way_asked_for_twice_is_one_order(world: World) -> None:
    invoice_id = invoice_of(world, "qris")
    assert offered(world, invoice_id, "qris").id == offered(world, invoice_id, "qris").id


def test_a_qr_that_ran_out_gives_way_to_the_number_on_the_invoice(world: World) -> None:
    """10.00 QRIS asked for, 10.15 it ends unpaid: the invoice has its virtual account again."""
    invoice_id = invoice_of(world, "bca_va", "qris")
    qr = offered(world, invoice_id, "qris")
    world.advance(qr.expires_at + timedelta(minutes=1))
    states = {row.channel: row.state for row in world.rows(payment_orders, invoice_id=invoice_id)}
    assert states == {"qris": "failed", "bca_va": "pending"}


def test_gopay_scanned_as_a_qr_is_booked_and_given_back_as_qris(world: World) -> None:
    invoice_id = invoice_of(world, "gopay")
    pay(world, offered(world, invoice_id, "gopay"), via="qris", issuer="dana")
    [payment] = world.rows(payments)
    assert (payment.channel, world.invoice(invoice_id).status) == ("qris", "paid")


@pytest.mark.parametrize("channel", ["ovo", "qris", "gopay"])
def test_a_wallet_whose_request_was_lost_is_not_asked_again_half_an_hour_later(
    world: World, channel: str
) -> None:
    """The payer has gone: a push on a phone at 3 a.m. frightens people. It is offered anew."""
    invoice_id = invoice_of(world, channel)
    world.desk.fault("charge", "timeout_before")
    order = offered(world, invoice_id, channel)
    assert order.state == "unknown"
    for _ in range(3):
        world.wait(hours=1)
        resolve_due(world.engine, world.merchant_id)
    assert world.rows(payment_orders, id=order.id)[0].state == "failed"
    assert world.desk.book() == {}
    assert offered(world, invoice_id, channel).state == "pending"


def test_dana_whose_answer_was_lost_is_found_by_its_notification(world: World) -> None:
    """DANA is known by the gateway's id alone; the notification brings it."""
    invoice_id = invoice_of(world, "dana")
    world.desk.fault("charge", "timeout_after")
    order = offered(world, invoice_id, "dana")
    assert (order.state, order.transaction_id) == ("unknown", None)
    [found] = world.desk.book().values()
    world.desk.pay(transaction_id=found["transaction_id"])
    receive(world, status_body(world, found["transaction_id"]))
    ingest_due(world.engine, world.merchant_id)
    assert world.invoice(invoice_id).status == "paid"


def test_a_notification_that_names_another_transaction_moves_no_money(world: World) -> None:
    """Its signature does not cover the transaction id: somebody may have swapped it."""
    first = invoice_of(world, "dana")
    order = offered(world, first, "dana")
    with world.work() as unit:
        made = subscribe(
            unit, customer_id=world.customers["Dewi"], collection="invoice",
            price_id=world.plan("other", 99_000),
        )  # fmt: skip
    assert made.invoice_id is not None
    world.desk.fault("charge", "timeout_after")
    lost = offered(world, made.invoice_id, "dana")
    pay(world, order)
    body = status_body(world, world.rows(payment_orders, id=order.id)[0].transaction_id)
    forged = {**body, "order_id": lost.order_id}
    with world.work() as unit:
        gateway = world.engine.gateways.of(unit.merchant)
    assert not gateway.verify_notification(forged)
    assert world.invoice(made.invoice_id).status == "open"


REFUSED = [
    ("qris", None, Conflict, "channel_not_offered"),
    ("snap", None, Conflict, "channel_not_offered"),
    ("nonsense", None, Conflict, "channel_not_offered"),
    ("card", None, Conflict, "channel_not_pushed"),
    ("gopay_linked", None, Conflict, "channel_not_pushed"),
    ("ovo", None, InvalidRequest, "phone_needed"),
    ("indomaret", 5_000, Conflict, "amount_outside_limits"),
]


@pytest.mark.parametrize("channel, amount, error, code", REFUSED, ids=str)
def test_what_can_not_be_offered_is_refused_with_a_reason(
    world: World, channel: str, amount: int | None, error: type[EngineError], code: str
) -> None:
    price = world.plan("plan", amount or 99_000)
    customer = world.customer("Dewi")
    with world.work() as unit:
        for key in ("ovo", "indomaret"):
            set_channel(unit, key, enabled=True)
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
        assert made.invoice_id is not None
        with pytest.raises(error) as refused:
            offer(unit, made.invoice_id, channel)
    assert refused.value.code == code


def test_a_merchant_who_offers_no_number_gets_none_at_issue(world: World) -> None:
    invoice_id = invoice_of(world, "qris")
    world.drain()
    assert world.rows(payment_orders, invoice_id=invoice_id) == []
    assert world.invoice(invoice_id).collect_at is None


def test_the_first_number_that_takes_the_amount_goes_onto_the_invoice(world: World) -> None:
    """Rp9.000 is below BCA's least (Rp10.000): BNI, the next one, takes it."""
    price = world.plan("plan", 9_000)
    customer = world.customer("Dewi")
    with world.work() as unit:
        set_channel(unit, "bni_va", enabled=True, rank=5)
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    world.drain()
    assert made.invoice_id is not None
    assert [row.channel for row in world.rows(payment_orders)] == ["bni_va"]
    assert {row.channel for row in world.rows(merchant_channels)} == {"bca_va", "bni_va"}


def test_no_way_to_pay_is_offered_while_the_card_is_being_charged(world: World) -> None:
    """Both could succeed: the payer waits for the charge's outcome first."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    with world.work() as unit, pytest.raises(Conflict) as refused:
        offer(unit, invoice_id, "bca_va")
    assert refused.value.code == "attempt_open"
    assert [row.kind for row in world.rows(payment_orders, invoice_id=invoice_id)] == ["attempt"]


def test_a_number_withdrawn_while_it_is_asked_about_is_ended_at_once(world: World) -> None:
    """The question left before the withdrawal; its answer "pending" puts nothing off."""
    invoice_id = invoice_of(world, "bca_va")
    asked = offered(world, invoice_id, "bca_va")
    with world.work() as unit:
        withdraw(unit, invoice_id)
        gateway = world.engine.gateways.of(unit.merchant)
    resolve_one(world.engine, world.merchant_id, gateway, asked, passed=0)
    resolve_due(world.engine, world.merchant_id)
    assert world.rows(payment_orders, id=asked.id)[0].state == "failed"
