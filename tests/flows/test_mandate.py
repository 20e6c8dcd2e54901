"""A card is charged without its holder only while his consent is in force."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep
from uuid import UUID

import pytest
from builders import CONSENT, make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.at_once import save_card, subscribe_now
from billing.flows.cards import end_method
from billing.flows.change_plan import change
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.consents import consent, consent_later
from billing.flows.means import Means
from billing.flows.pay_once import OneOffLine, pay_once
from billing.mandates import service
from billing.mandates.service import end_mandate
from billing.tables import mandates, subscriptions
from core.errors import EngineError
from core.tables import audit, messages
from core.work import Work
from dunning.tables import dunning_cases
from invoices.tables import invoices
from payments.tables import payment_orders


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 10:00")


def test_nobody_subscribes_to_automatic_charges_without_a_consent(stage: Stage) -> None:
    with stage.work() as unit:
        customer, price = make_customer(unit), make_price(unit)
    card = stage.card(customer.id, mandate=None)
    for interactive in (False, True):
        with pytest.raises(EngineError) as caught, stage.work() as unit:
            make_subscription(
                unit, customer=customer, price=price, payment_method_id=card,
                interactive=interactive,
            )  # fmt: skip
        assert (caught.value.code, caught.value.field) == ("mandate_needed", "payment.mandate")
    with pytest.raises(EngineError) as caught, stage.work() as unit:
        pay_once(
            unit, customer.id, [OneOffLine("Impor", 1_000)], collection="automatic",
            payment_method_id=card,
        )  # fmt: skip
    assert caught.value.code == "mandate_needed"
    assert stage.rows(subscriptions) == stage.rows(invoices) == []

    with stage.work() as unit:
        consent(unit, customer.id, card, CONSENT)
        make_subscription(unit, customer=customer, price=price, payment_method_id=card)
    given = stage.row(mandates)
    assert (given.text_version, given.source, given.accepted_at) == (
        "2026-11", "203.0.113.9", jakarta("2027-01-05 10:00"),
    )  # fmt: skip
    [noted] = stage.rows(audit, action="mandate.record")
    assert (noted.actor, noted.after["from"]) == ("test", "203.0.113.9")


def test_the_request_of_a_card_that_ended_is_no_new_consent_when_it_comes_again(
    stage: Stage,
) -> None:
    with stage.work() as unit:
        customer = make_customer(unit).id

    def ask() -> UUID:
        with stage.work() as unit:
            return save_card(
                stage.engine, unit, customer, "tok-1", key="form-1", mandate=CONSENT
            )  # fmt: skip

    card = ask()
    with stage.work() as unit:
        end_method(unit, card, "not_confirmed")
    assert ask() == card

    [given] = stage.rows(mandates)
    assert (given.payment_method_id, given.ended_because) == (card, "not_confirmed")
    with pytest.raises(EngineError) as caught, stage.work() as unit:
        consent(unit, customer, card, CONSENT)
    assert caught.value.code == "payment_method_not_usable"
    stage.audit()


def test_a_consent_that_ended_stops_the_charges_and_the_customer_is_asked(stage: Stage) -> None:
    _, subscription, _ = stage.card_customer()
    stage.drain()
    sent = stage.gateway.count("charge")
    with stage.work() as unit:
        end_mandate(unit, stage.row(mandates).payment_method_id, because="requested")
    stage.live_until(jakarta("2027-02-05 12:00"))

    assert stage.gateway.count("charge") == sent
    [renewal] = stage.rows(invoices, status="open")
    assert (renewal.collect_at, stage.rows(payment_orders, invoice_id=renewal.id)) == (None, [])
    case = stage.row(dunning_cases)
    assert (case.decline_code, case.decline_class) == ("no_mandate", "customer_action")
    [mail] = stage.rows(messages, kind="dunning.payment_failed")
    assert "consent" in mail.payload["reason"]["en"]
    assert stage.row(subscriptions, id=subscription).status == "past_due"

    stage.live_until(jakarta("2027-02-20 12:00"))
    assert stage.gateway.count("charge") == sent, "nothing is tried again"
    with stage.work() as unit:
        consent_later(unit, renewal.payment_method_id, CONSENT)
    stage.drain()
    assert stage.invoice(renewal.id).status == "paid"
    stage.audit()


def test_a_holder_who_stops_us_at_the_bank_is_asked_from_then_on(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("R1")
    stage.live_until(jakarta("2027-03-05 12:00"))
    assert stage.row(mandates).ended_because == "stopped_by_holder"
    assert stage.gateway.count("charge") == 2
    assert [day[:5] for day, _ in stage.told("payment.declined")] == ["02-05"]
    stage.audit()


def test_a_charge_written_before_the_consent_ended_is_not_sent(stage: Stage) -> None:
    _, _, first = stage.card_customer()
    assert collect_due(stage.engine, stage.id) == 1
    with stage.work() as unit:
        end_mandate(unit, stage.row(mandates).payment_method_id, because="requested")
    send_due(stage.engine, stage.id)
    stage.drain()

    assert stage.gateway.count("charge") == 0
    assert stage.row(payment_orders, invoice_id=first).state == "failed"
    assert stage.invoice(first).status == "open"
    stage.audit()


def test_of_two_consents_at_once_one_is_in_force(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.work() as unit:
        holder = make_customer(unit).id
    card, gate = stage.card(holder, mandate=None), Barrier(2)

    def slow(unit: Work, method_id: UUID, *, because: str) -> None:
        end_mandate(unit, method_id, because=because)
        sleep(0.3)  # the other one comes in between

    def agree(_: int) -> None:
        gate.wait()
        with stage.work() as unit:
            consent(unit, holder, card, CONSENT)

    monkeypatch.setattr(service, "end_mandate", slow)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(agree, range(2)))
    assert sorted(row.ended_because or "" for row in stage.rows(mandates)) == ["", "replaced"]


def test_an_upgrade_without_a_consent_is_asked_for_and_not_charged(stage: Stage) -> None:
    _, subscription, _ = stage.card_customer()
    stage.drain()
    sent = stage.gateway.count("charge")
    with stage.work() as unit:
        end_mandate(unit, stage.row(mandates).payment_method_id, because="requested")
        change(unit, subscription, price_id=make_price(unit, 900_000).id)
    stage.drain()
    assert stage.gateway.count("charge") == sent
    stage.audit()


def test_nobody_is_subscribed_with_the_card_of_another_customer(stage: Stage) -> None:
    """Neither charged automatically nor for the first invoice of an agreement by invoice."""
    with stage.work() as unit:
        holder, other, price = make_customer(unit), make_customer(unit), make_price(unit)
    means = Means(payment_method_id=stage.card(holder.id))
    for collection in ("automatic", "invoice", None):
        with pytest.raises(EngineError) as caught, stage.work() as unit:
            subscribe_now(
                stage.engine, unit, customer_id=other.id, price_id=price.id, means=means,
                key="k", collection=collection,
            )  # fmt: skip
        assert caught.value.code == "payment_method_not_usable"
    assert stage.rows(subscriptions) == stage.rows(payment_orders) == []

    for _ in range(2):  # the same request again finds what it made
        with stage.work() as unit:
            subscribe_now(
                stage.engine, unit, customer_id=holder.id, price_id=price.id, means=means,
                key="k", collection="invoice",
            )  # fmt: skip
    stage.drain()
    assert stage.gateway.count("charge") == 1
    assert stage.row(invoices).status == "paid"
    stage.audit()


def test_a_charge_can_not_be_written_for_another_customers_card(stage: Stage) -> None:
    _, _, first = stage.card_customer()
    assert collect_due(stage.engine, stage.id) == 1
    with stage.work() as unit:
        other = make_customer(unit).id
    foreign = stage.card(other)
    with pytest.raises(IntegrityError, match="payment_method_id"), stage.work() as unit:
        unit.session.execute(
            update(payment_orders)
            .where(payment_orders.c.invoice_id == first)
            .values(payment_method_id=foreign)
        )
    send_due(stage.engine, stage.id)
    assert stage.row(payment_orders).payment_method_id != foreign
    stage.audit()
