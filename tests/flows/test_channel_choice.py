"""Which number goes onto an invoice: what works, what the customer wants, the merchant's order."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.offers import offer
from billing.flows.orders import withdraw
from billing.service import update_customer
from core.errors import InvalidRequest
from payments.gateway import Answer
from payments.health import ASKED_LEAST, WINDOW
from payments.queries import channel_health
from payments.service import set_channel
from payments.tables import payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    made = make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")
    with made.work() as unit:
        for rank, channel in enumerate(("bni_va", "bri_va", "permata_va")):
            set_channel(unit, channel, enabled=True, rank=rank)
        set_channel(unit, "bca_va", enabled=False)
    return made


def number_of(stage: Stage, invoice_id: UUID) -> str:
    """The channel of the newest order of an invoice."""
    found = stage.rows(payment_orders, payment_orders.c.n, invoice_id=invoice_id)[-1].channel
    return str(found)


def prefers(stage: Stage, customer: UUID, channel: str | None) -> None:
    with stage.work() as unit:
        update_customer(unit, customer, {"preferred_channel": channel})


def fails(stage: Stage, channel: str, times: int) -> None:
    """So many requests for this channel go unanswered, as if its bank were away."""
    for _ in range(times):
        customer, _, invoice = stage.invoice_customer()
        prefers(stage, customer, channel)
        stage.gateway.charges.append(Answer("failed", code="505", message="no number"))
        stage.drain()
        assert number_of(stage, invoice) == channel


def test_the_merchants_order_decides_where_the_customer_says_nothing(stage: Stage) -> None:
    _, _, invoice = stage.invoice_customer()
    stage.drain()
    assert number_of(stage, invoice) == "bni_va"
    stage.audit()


def test_what_the_customer_wants_comes_first_at_issue_and_on_request(stage: Stage) -> None:
    customer, _, first = stage.invoice_customer()
    prefers(stage, customer, "permata_va")
    stage.drain()
    assert number_of(stage, first) == "permata_va"

    stage.live_until(jakarta("2027-02-03 12:00"))
    second = stage.rows(payment_orders, payment_orders.c.opened_at)[-1]
    assert (second.channel, second.invoice_id != first) == ("permata_va", True)
    with stage.work() as unit:
        assert offer(unit, second.invoice_id) == second.id
    stage.audit()


def test_what_is_not_offered_or_is_no_number_is_no_choice(stage: Stage) -> None:
    customer, _, invoice = stage.invoice_customer()
    prefers(stage, customer, "cimb_va")
    stage.drain()
    assert number_of(stage, invoice) == "bni_va"
    for channel in ("qris", "card", "nothing"):
        with pytest.raises(InvalidRequest, match="number"):
            prefers(stage, customer, channel)


def test_a_channel_that_fails_now_stands_behind_the_next_until_it_is_tried_again(
    stage: Stage, machine: MachineTime
) -> None:
    fails(stage, "bni_va", ASKED_LEAST - 1)
    _, _, before = stage.invoice_customer()
    stage.gateway.charges.append(Answer("failed", code="505", message="no number"))
    stage.drain()
    assert number_of(stage, before) == "bni_va"  # too few to say

    customer, _, after = stage.invoice_customer()
    prefers(stage, customer, "bni_va")
    stage.drain()
    assert number_of(stage, after) == "bri_va"

    machine.passes(seconds=(WINDOW + timedelta(minutes=1)).total_seconds())
    with stage.work() as unit:
        withdraw(unit, after)
    _, _, later = stage.invoice_customer()
    stage.drain()
    assert number_of(stage, later) == "bni_va"


#  code   the gateway's word   does it speak for the channel
PUSHES_REFUSED = [("26", "deny", 0), ("202", "failure", 0), ("17", "deny", 2), ("40", "deny", 2)]


@pytest.mark.parametrize(("code", "word", "answered"), PUSHES_REFUSED)
def test_a_push_whose_line_was_down_speaks_against_the_channel_and_a_payers_no_does_not(
    stage: Stage, code: str, word: str, answered: int
) -> None:
    with stage.work() as unit:
        set_channel(unit, "ovo", enabled=True)
    for n in range(2):
        customer, _, invoice = stage.invoice_customer()
        stage.drain()
        stage.gateway.charges.append(
            Answer(
                "failed", code=code, transaction_id=f"tx-{n}", transaction_status=word,
                payment_type="ovo", raw={"transaction_status": word},
            )
        )  # fmt: skip
        with stage.work() as unit:
            update_customer(unit, customer, {"phone": "0812-3456-7890"})
            offer(unit, invoice, "ovo")
        stage.drain()
    with stage.work() as unit:
        found = channel_health(unit)["ovo"]
    assert (found.asked, found.answered) == (2, answered)


def test_cards_whose_bank_was_down_speak_against_cards(stage: Stage) -> None:
    for code in ("91", "51"):
        stage.gateway.charges.append(
            Answer("failed", code=code, transaction_id=f"tx-{code}", transaction_status="deny",
                   payment_type="credit_card")
        )  # fmt: skip
        stage.card_customer()
        stage.drain()
    with stage.work() as unit:
        found = channel_health(unit)["card"]
    failed = stage.rows(payment_orders, channel="card", state="failed")
    assert {row.code for row in failed} == {"91", "51"}
    assert (found.asked, found.answered) == (2, 1)
