"""All flows take their rows in the house's order; and the one that watches them sees who does not."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from lock_order import Watch, watched
from sqlalchemy import select, text
from stage import Stage, jakarta, make_stage

from billing.discounts.queries import list_discounts
from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows import refund
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.flows.credit_balance import add_balance
from billing.flows.offers import offer
from billing.flows.redeem import give
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.flows.subscribe import Subscribed, subscribe
from billing.flows.void import mark_uncollectible, void_invoice
from billing.tables import customers, subscriptions
from core import ids
from invoices.service import take_numbers
from invoices.tables import credit_notes, invoices
from payments.gateway import Answer
from payments.tables import payments


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-29 09:00")


@pytest.fixture
def watch(stage: Stage) -> Iterator[Watch]:
    made = Watch()
    with watched(stage.engine.db.engine, made):
        yield made


def open_invoice(stage: Stage, subscription: UUID) -> UUID:
    found: UUID = stage.rows(
        invoices, invoices.c.issued_at.desc(), subscription_id=subscription, status="open"
    )[0].id
    return found


def test_codes_are_counted_before_anything_is_numbered(stage: Stage, watch: Watch) -> None:
    with stage.work() as unit:
        price = make_price(unit, 100_000).id
        for code in ("AWAL", "AKHIR", "NANTI"):
            create_discount(unit, code=code, name={"id": code}, basis_points=500)
        people = [make_customer(unit).id for _ in range(3)]
    made: list[Subscribed] = []
    for one in people:
        with stage.work() as unit:
            made.append(
                subscribe(
                    unit, customer_id=one, price_id=price, codes=["AWAL", "AKHIR"],
                    interactive=bool(made),
                )
            )  # fmt: skip
    stage.drain()
    assert made[0].invoice_id is not None
    stage.pays(made[0].invoice_id)
    with stage.work() as unit:
        cancel(unit, made[1].subscription.id)
    # Its next period is due, and billed before the code is given; the third comes to nothing.
    set_clock(stage.engine, stage.id, jakarta("2027-02-28 12:00"))
    with stage.work() as unit:
        give(unit, made[0].subscription.id, "NANTI")
    stage.drain()

    with stage.work() as unit:
        counts = {one.code: one.redeemed for one in list_discounts(unit)}
    assert counts == {"AWAL": 1, "AKHIR": 1, "NANTI": 1}
    assert not watch.faults, "\n".join(watch.faults)


def test_a_year_of_everything_waits_in_one_order_only(stage: Stage, watch: Watch) -> None:
    with stage.work() as unit:
        dearer, cheaper = (make_price(unit, amount).id for amount in (900_000, 90_000))
    card, by_card, _ = stage.card_customer()
    pusher, by_hand, first = stage.invoice_customer()
    _, leaving, _ = stage.card_customer(120_000)
    stage.live_until(jakarta("2027-02-03 09:00"))
    stage.pays(first)

    # Dearer now, cheaper at the period's end.
    for subscription, price in ((by_card, dearer), (by_hand, dearer), (by_card, cheaper)):
        with stage.work() as unit:
            change(unit, subscription, price_id=price)
        stage.drain()
    with stage.work() as unit:
        cancel(unit, leaving)
    with stage.work() as unit:
        undo_cancel(unit, leaving)
    stage.decline("51", times=3)
    stage.live_until(jakarta("2027-03-05 12:00"))
    with stage.work() as unit:
        cancel(unit, leaving, when="now")

    [paid, *_] = stage.rows(payments, payments.c.created_at, customer_id=card)
    with stage.work() as unit:
        refund.request_refund(unit, paid.id, 20_000)
    stage.settles(paid.id)
    stage.drain()
    for payment in stage.rows(payments, customer_id=card)[-1:]:
        settle(
            stage.engine, stage.id, payment.order_id,
            Answer("reversed", order_id=payment.order_id, amount=payment.amount,
                   transaction_status="chargeback", settled=True),
            because="notification",
        )  # fmt: skip
    owed = open_invoice(stage, by_hand)
    with stage.work() as unit:
        offer(unit, owed)
    with stage.work() as unit:
        credit_invoice(
            unit, owed, reason="mistake", gross_amount=5_000, source_kind="request",
            source_id=ids.fresh(),
        )  # fmt: skip
    with stage.work() as unit:
        mark_uncollectible(unit, owed, reason="lost")
    stage.live_until(jakarta("2027-05-01 12:00"))
    newer = stage.rows(
        invoices, customer_id=pusher, status="open", paid_amount=0, credited_amount=0
    )
    for invoice in newer[-1:]:
        with stage.work() as unit:
            void_invoice(unit, invoice.id, reason="mistake")
    stage.live_until(jakarta("2027-06-01 12:00"))

    assert not watch.faults, "\n".join(watch.faults)
    assert watch.transactions > 100


def test_a_batch_that_issues_and_credits_holds_both_counters_in_their_order(
    stage: Stage, watch: Watch
) -> None:
    """One sign-up, paid in part by a balance, runs out while another subscription is renewed."""
    with stage.work() as unit:
        late = make_customer(unit)
        price = make_price(unit)
        add_balance(
            unit, late.id, 50_000, kind="credited", source_kind="test", source_id=ids.fresh()
        )
    method = stage.card(late.id)
    with stage.work() as unit:
        made = make_subscription(unit, customer=late, price=price, payment_method_id=method)
    _, weekly, _ = stage.invoice_customer(interval_unit="week")
    assert made.subscription.status == "incomplete"
    set_clock(stage.engine, stage.id, jakarta("2027-02-02 09:00"))

    renew_due(stage.engine, stage.id)

    assert stage.row(subscriptions, id=made.subscription.id).status == "canceled"
    assert len(stage.rows(invoices, subscription_id=weekly)) == 2
    assert len(stage.rows(credit_notes)) == 1
    assert not watch.faults, "\n".join(watch.faults)


@pytest.mark.parametrize(
    ("then", "waits"),
    [
        pytest.param("customers", True, id="the customer behind the invoice"),
        pytest.param("invoices", False, id="another invoice"),
    ],
)
def test_a_row_taken_against_the_order_is_seen(
    stage: Stage, watch: Watch, then: str, waits: bool
) -> None:
    stage.card_customer()
    table = {"customers": customers, "invoices": invoices}[then]
    with stage.work() as unit:
        unit.session.execute(select(invoices.c.id).with_for_update())
        unit.session.execute(select(table.c.id).with_for_update())
    assert bool(watch.faults) is waits


@pytest.mark.parametrize(("skips", "seen"), [(False, True), (True, False)])
def test_who_takes_only_what_is_free_waits_for_nobody(
    stage: Stage, watch: Watch, skips: bool, seen: bool
) -> None:
    stage.card_customer()
    with stage.work() as unit:
        unit.session.execute(text("UPDATE invoices SET collect_at = collect_at"))
        unit.session.execute(select(customers.c.id).with_for_update(skip_locked=skips))
    assert bool(watch.faults) is seen


def test_counters_taken_the_wrong_way_round_are_seen(stage: Stage, watch: Watch) -> None:
    with stage.work() as unit:
        take_numbers(unit, "credit_note", 2027, 1)
        take_numbers(unit, "invoice", 2027, 1)
    assert not watch.faults
    with stage.work() as unit:
        take_numbers(unit, "invoice", 2027, 1)
        take_numbers(unit, "credit_note", 2027, 1)
    assert watch.faults
