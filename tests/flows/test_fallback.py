"""One method is refused for good, the next in the customer's order is charged: once each."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cardholder import Payer, refuse
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import cards, fallback
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.reconcile import resolve_due
from billing.flows.settle import settle
from billing.mandates.service import end_mandate
from billing.tables import subscriptions
from core.tables import messages
from dunning.tables import dunning_cases
from payments.gateway import Answer, ChargeRequest
from payments.tables import payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


@pytest.mark.parametrize("code", ["14", "54", "R1"])  # invalid, expired, stopped by its holder
def test_the_next_card_is_charged_at_once_and_nobody_is_chased(stage: Stage, code: str) -> None:
    payer = Payer(stage, 2)
    stage.decline(code)
    stage.drain()
    assert payer.charged() == [(0, "failed"), (1, "paid")]
    assert payer.newest().status == "paid"
    assert stage.rows(dunning_cases) == []
    assert stage.row(subscriptions, id=payer.subscription).status == "active"
    [first, second] = stage.rows(payment_orders, payment_orders.c.n, invoice_id=payer.newest().id)
    assert (first.amount, second.amount) == (payer.newest().total_amount,) * 2
    assert first.order_id != second.order_id
    stage.audit()


def test_the_receipt_tells_which_card_was_charged_and_why(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.decline("54")
    stage.drain()
    receipt = stage.rows(messages, messages.c.business_at, kind="invoice.paid")[-1]
    assert receipt.payload["instead_of"] == {"id": "kartu •••• 1110", "en": "card •••• 1110"}
    assert receipt.payload["from_now"] is True
    mail = stage.mailer.sent[-1]
    assert "Kami tidak dapat menagih kartu •••• 1110 (" in mail.text
    assert "•••• 1111" in mail.text
    assert payer.now_charged_to() == 1
    stage.audit()


def test_from_then_on_the_card_that_paid_is_charged_first(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.decline("54")
    stage.live_until(jakarta("2027-03-05 12:00"))
    march = [row for row in stage.rows(payment_orders) if row.opened_at >= jakarta("2027-03-05")]
    assert [payer.cards.index(row.payment_method_id) for row in march] == [1]
    stage.audit()


@pytest.mark.parametrize("code", ["51", "05", "91", "13"])  # no funds, not honoured, down, setup
def test_a_refusal_that_may_pass_stays_with_its_card(stage: Stage, code: str) -> None:
    payer = Payer(stage, 2)
    stage.decline(code)
    stage.live_until(jakarta("2027-02-07 12:00"))
    assert {card for card, _ in payer.charged()} == {0}
    assert payer.now_charged_to() == 0
    stage.audit()


def test_each_is_tried_once_in_the_customers_order_and_then_the_invoice_is_chased(
    stage: Stage,
) -> None:
    payer = Payer(stage, 3)
    payer.order(payer.cards[2], payer.cards[0], payer.cards[1])
    stage.decline("14", times=9)
    stage.live_until(jakarta("2027-02-12 12:00"))
    assert payer.charged() == [(2, "failed"), (0, "failed"), (1, "failed")]
    case = stage.row(dunning_cases)
    assert (case.decline_class, case.failures) == ("hard", 1)
    assert stage.row(subscriptions, id=payer.subscription).status == "past_due"
    stage.audit()


def test_a_card_saved_twice_is_one_card(stage: Stage) -> None:
    payer = Payer(stage, 3)
    payer.change(payer.cards[1], token_hash=hashlib.sha256(bytes([0])).digest())
    stage.decline("14")
    stage.drain()
    assert payer.charged() == [(0, "failed"), (2, "paid")]
    stage.audit()


def test_only_cards_that_may_be_charged_take_a_turn(stage: Stage) -> None:
    payer = Payer(stage, 5)
    payer.change(payer.cards[1], expires_at=jakarta("2027-02-01 00:00"))
    with stage.work() as unit:
        end_mandate(unit, payer.cards[2], because="withdrawn")
        end_mandate(unit, payer.cards[3], because="withdrawn")
        cards.end_method(unit, payer.cards[3], "lost")
    stage.decline("14")
    stage.drain()
    assert payer.charged() == [(0, "failed"), (4, "paid")]
    stage.audit()


def test_a_card_that_was_ended_is_passed_over_without_a_call(stage: Stage) -> None:
    payer = Payer(stage, 2)
    with stage.work() as unit:
        end_mandate(unit, payer.cards[0], because="withdrawn")
        cards.end_method(unit, payer.cards[0], "lost")
    stage.drain()
    assert payer.charged() == [(1, "paid")]
    assert payer.now_charged_to() == 1
    assert stage.rows(dunning_cases) == []
    stage.audit()


def test_nothing_else_is_charged_while_the_first_is_not_decided(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    assert payer.charged() == [(0, "unknown")]
    order = stage.row(payment_orders, state="unknown")
    refuse(stage, order.order_id, "14")
    stage.drain()
    assert payer.charged() == [(0, "failed"), (1, "paid")]
    stage.audit()


def test_a_crash_in_the_refusal_leaves_it_to_be_asked_about_again(
    stage: Stage, machine: MachineTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = Payer(stage, 2)
    payer.second_month()
    collect_due(stage.engine, stage.id)
    stage.decline("14")

    def crash(*_: Any, **__: Any) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(fallback, "_go_over", crash)
    with pytest.raises(KeyboardInterrupt):
        send_due(stage.engine, stage.id)
    monkeypatch.undo()
    # Nothing of the refusal was written: it is still under way, and nothing else is charged.
    assert payer.charged() == [(0, "sent")]
    stage.drain()
    assert payer.charged() == [(0, "sent")]

    machine.passes(hours=1)
    refusal = Answer("failed", transaction_status="deny", payment_type="credit_card", code="14")
    stage.gateway.status_script.append(refusal)
    resolve_due(stage.engine, stage.id)
    stage.drain()
    assert payer.charged() == [(0, "failed"), (1, "paid")]
    stage.audit()


def test_a_crash_after_the_refusal_charges_the_next_card_once(stage: Stage) -> None:
    payer = Payer(stage, 2)
    payer.second_month()
    collect_due(stage.engine, stage.id)
    stage.decline("14")
    send_due(stage.engine, stage.id)
    # The process is gone here. Whoever comes next finds the invoice due for the other card.
    assert payer.newest().payment_method_id == payer.cards[1]
    for _ in range(2):
        collect_due(stage.engine, stage.id)
    assert payer.charged() == [(0, "failed"), (1, "created")]
    stage.drain()
    assert payer.charged() == [(0, "failed"), (1, "paid")]
    stage.audit()


def test_a_refusal_told_twice_moves_on_once(stage: Stage) -> None:
    payer = Payer(stage, 3)
    stage.decline("14")
    stage.drain()
    first = stage.row(payment_orders, state="failed")
    for _ in range(3):
        refuse(stage, first.order_id, "14")
        stage.drain()
    assert payer.charged() == [(0, "failed"), (1, "paid")]
    stage.audit()


def test_when_the_policy_gives_up_on_a_card_without_funds_the_other_is_tried_once(
    stage: Stage,
) -> None:
    payer = Payer(stage, 2)
    stage.decline("51", times=20)
    stage.live_until(jakarta("2027-03-04 12:00"))
    tried = [card for card, _ in payer.charged()]
    assert tried.count(0) >= 4
    assert tried.count(1) == 1
    assert tried[-1] == 1
    # Money may be there next month: what the customer put first is asked first again.
    assert payer.now_charged_to() == 0
    stage.audit()


def test_a_card_that_was_given_up_has_no_turn_after_the_others_are_refused_for_good(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has no funds until the policy gives up; the three others are refused for good."""
    payer = Payer(stage, 4)
    real = stage.gateway.charge

    def charge(request: ChargeRequest, *, idempotency_key: str) -> Answer:
        code = "51" if request.token == "token-0" else "14"
        stage.gateway.charges.append(
            Answer("failed", transaction_status="deny", payment_type="credit_card", code=code)
        )
        return real(request, idempotency_key=idempotency_key)

    monkeypatch.setattr(stage.gateway, "charge", charge)
    stage.live_until(jakarta("2027-03-04 12:00"))
    tried = [card for card, _ in payer.charged()]
    assert tried == [0] * tried.count(0) + [1, 2, 3]
    assert tried.count(0) >= 4
    stage.audit()


def test_a_card_that_the_policy_still_tries_has_a_turn_when_a_newer_one_is_refused_for_good(
    stage: Stage,
) -> None:
    payer = Payer(stage, 2)
    stage.decline("51")
    stage.drain()
    assert payer.charged() == [(0, "failed")]
    stage.decline("14")
    with stage.work() as unit:
        cards.use_method(unit, payer.customer.id, payer.cards[1])
    stage.live_until(jakarta("2027-02-20 12:00"))
    assert payer.charged() == [(0, "failed"), (1, "failed"), (0, "paid")]
    stage.audit()


def test_a_card_denied_as_fraud_is_not_followed_by_the_next(stage: Stage) -> None:
    payer = Payer(stage, 2)
    questioned = Answer(
        "pending", transaction_status="capture", fraud="challenge", payment_type="credit_card"
    )
    stage.gateway.charges.append(questioned)
    stage.drain()
    order = stage.row(payment_orders, state="pending")
    denied = Answer(
        "failed", order_id=order.order_id, amount=order.amount, transaction_status="deny",
        fraud="deny", payment_type="credit_card", code="00",
    )  # fmt: skip
    settle(stage.engine, stage.id, order.order_id, denied, because="status asked")
    stage.live_until(jakarta("2027-02-20 12:00"))
    assert payer.charged() == [(0, "failed")]
    case = stage.row(dunning_cases)
    assert (case.decline_class, case.decline_code) == ("hard", "fraud")
    stage.audit()


def test_a_charge_that_a_person_took_back_is_not_made_with_another_card(stage: Stage) -> None:
    payer = Payer(stage, 2)
    stage.gateway.charges.append(Answer("unknown", message="time-out"))
    stage.drain()
    order = stage.row(payment_orders, state="unknown")
    with stage.work() as unit:
        unit.session.execute(
            update(payment_orders)
            .where(payment_orders.c.id == order.id)
            .values(abandoning=True, reason="taken back by a person")
        )
    refuse(stage, order.order_id, "14")
    stage.drain()
    assert payer.charged() == [(0, "failed")]
    stage.audit()
