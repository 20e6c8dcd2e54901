"""Refunds: each road there is, what the gateway may answer, and one refund whatever happens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime, RefundScript
from sqlalchemy import Row
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import refund
from billing.tables import balance_entries
from core.errors import InvalidRequest
from core.tables import messages
from invoices.tables import credit_notes
from payments.tables import payments, refunds, reviews

PRICE, TOTAL = 150_000, 166_500


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def card_payment(stage: Stage, *, settled: bool = False) -> UUID:
    stage.card_customer(PRICE)
    stage.drain()
    payment = stage.row(payments)
    if settled:
        stage.settles(payment.id)
    found: UUID = payment.id
    return found


def ask(stage: Stage, payment_id: UUID, amount: int | None = None, **how: Any) -> UUID:
    with stage.work("billing@awan.example") as unit:
        return refund.request_refund(unit, payment_id, amount, **how)


def state(stage: Stage) -> tuple[str, str]:
    row = stage.row(refunds)
    return row.route, row.state


def the(stage: Stage) -> Row[Any]:
    return stage.row(refunds)


def send(stage: Stage) -> None:
    refund.send_due(stage.engine, stage.id)


def test_the_whole_of_a_captured_card_is_cancelled(stage: Stage) -> None:
    payment_id = card_payment(stage)
    ask(stage, payment_id)
    assert state(stage) == ("cancel", "created")
    stage.drain()
    assert state(stage) == ("cancel", "succeeded")
    paid = stage.row(payments)
    assert (paid.status, paid.refunded_amount) == ("canceled", TOTAL)
    assert stage.gateway.orders[paid.order_id].state == "cancel"
    assert stage.gateway.count("refund") == 0
    stage.audit()


def test_a_part_of_a_captured_card_waits_for_settlement_and_says_so(stage: Stage) -> None:
    payment_id = card_payment(stage)
    ask(stage, payment_id, 55_500)
    waiting = the(stage)
    assert (waiting.route, waiting.state) == ("refund", "refund_scheduled")
    # Captured on the 5th: settles on the 6th at 16:00 WIB, and a little.
    assert waiting.due_at == jakarta("2027-01-06 16:10")
    stage.drain()
    assert stage.gateway.count("refund") == 0
    assert stage.row(messages, kind="credit_note.issued").payload == {"when": "2027-01-06"}
    stage.settles(payment_id)
    stage.drain()
    assert state(stage) == ("refund", "succeeded")
    assert stage.row(payments).refunded_amount == 55_500
    stage.audit()


def test_a_scheduled_refund_asks_for_the_settlement_itself_when_no_news_came(
    stage: Stage,
) -> None:
    payment_id = card_payment(stage)
    ask(stage, payment_id, 55_500)
    order_id = stage.row(payments).order_id
    stage.live_until(jakarta("2027-01-06 16:30"))
    assert state(stage) == ("refund", "refund_scheduled")  # not settled yet: asked, not sent
    assert stage.gateway.count("refund") == 0
    stage.gateway.orders[order_id].state = "settlement"
    stage.live_until(jakarta("2027-01-06 18:00"))
    assert state(stage) == ("refund", "succeeded")
    assert stage.row(payments).status == "settled"
    stage.audit()


def test_a_part_of_a_settled_card_goes_back_at_once(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)
    stage.drain()
    assert state(stage) == ("refund", "succeeded")
    note = stage.row(credit_notes)
    assert (note.total_amount, note.tax_amount, note.to_balance_amount) == (55_500, 5_500, 55_500)
    assert stage.rows(balance_entries) == []
    stage.audit()


def test_refunds_never_exceed_their_payment(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 100_000)
    with pytest.raises(InvalidRequest) as caught:
        ask(stage, payment_id, 66_501)
    assert caught.value.code == "refund_exceeds_payment"
    ask(stage, payment_id, 66_500)
    stage.drain()
    with pytest.raises(InvalidRequest) as caught:
        ask(stage, payment_id)
    assert caught.value.code == "nothing_to_refund"
    assert stage.row(payments).refunded_amount == TOTAL
    assert sum(note.tax_amount for note in stage.rows(credit_notes)) == 16_500
    stage.audit()


@pytest.mark.parametrize("amount", [0, -5])
def test_a_refund_of_nothing_is_refused(stage: Stage, amount: int) -> None:
    payment_id = card_payment(stage, settled=True)
    with pytest.raises(InvalidRequest) as caught:
        ask(stage, payment_id, amount)
    assert caught.value.code == "nothing_to_refund"
    assert stage.rows(credit_notes) == []


def test_the_same_key_is_the_same_refund(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    assert ask(stage, payment_id, 1_000, key="k") == ask(stage, payment_id, 1_000, key="k")
    assert len(stage.rows(refunds)) == 1


# What the gateway may do on the first sends: the refund happens once, with one key, in the end.
@pytest.mark.parametrize(
    "script",
    [
        ["lost_after_effect"],
        ["lost_before_effect"],
        ["lost_before_effect", "lost_after_effect"],
        ["lost_before_effect", "lost_before_effect", "lost_after_effect"],
        ["not_sent", "refused", "lost_after_effect"],
        ["retry", "lost_before_effect"],
    ],
)
@pytest.mark.parametrize("whole", [False, True], ids=["refund", "cancel"])
def test_a_lost_answer_never_makes_two_refunds(
    stage: Stage, script: list[RefundScript], whole: bool
) -> None:
    payment_id = card_payment(stage, settled=not whole)
    ask(stage, payment_id, None if whole else 55_500)
    stage.gateway.refund_script.extend(script)
    for _ in range(12):
        send(stage)
        stage.machine.passes(hours=7)
    assert the(stage).state == "succeeded"
    order = stage.gateway.orders[stage.row(payments).order_id]
    if whole:
        assert order.state == "cancel"
    else:
        assert order.refunds == {the(stage).refund_key: 55_500}
    assert stage.row(payments).refunded_amount == the(stage).amount
    stage.audit()


def test_after_a_lost_answer_the_status_is_asked_before_anything_is_sent(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)
    stage.gateway.refund_script.append("lost_after_effect")
    send(stage)
    assert the(stage).state == "unknown"
    stage.gateway.calls.clear()
    stage.machine.passes(minutes=1)
    send(stage)
    assert [name for name, _ in stage.gateway.calls] == ["status"]
    assert the(stage).state == "succeeded"


def test_a_worker_that_died_in_the_call_is_followed_by_one_that_asks(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)

    class Killed(BaseException):
        """What a SIGKILL looks like from inside."""

    real = stage.gateway.refund

    def dies(*args: Any, **named: Any) -> Any:
        real(*args, **named)
        raise Killed

    stage.gateway.refund = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        send(stage)
    stage.gateway.refund = real  # type: ignore[method-assign]
    assert the(stage).state == "sent"
    send(stage)
    assert the(stage).state == "sent"  # the lease is still good: nobody else touches it
    stage.machine.passes(minutes=5)
    send(stage)
    assert the(stage).state == "succeeded"
    assert stage.gateway.count("refund") == 1
    stage.audit()


def test_a_cancel_that_came_too_late_becomes_a_refund(stage: Stage) -> None:
    payment_id = card_payment(stage)
    ask(stage, payment_id)
    paid = stage.row(payments)
    stage.gateway.orders[paid.order_id].state = "settlement"
    for _ in range(4):
        send(stage)
        stage.machine.passes(hours=1)
    assert state(stage) == ("refund", "succeeded")
    paid = stage.row(payments)
    assert (paid.status, paid.refunded_amount) == ("settled", TOTAL)
    stage.audit()


def test_what_the_gateway_refuses_for_good_stays_as_balance_and_a_person_looks(
    stage: Stage,
) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)
    stage.gateway.refund_script.append("failed")
    send(stage)
    assert the(stage).state == "failed"
    assert stage.row(balance_entries).amount == 55_500
    assert stage.row(reviews).kind == "refund_failed"
    assert stage.row(payments).refunded_amount == 0
    stage.audit()


def test_a_refund_put_off_for_a_week_is_given_up(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)
    stage.gateway.refund_script.extend(["retry"] * 9)
    for _ in range(9):
        send(stage)
        stage.machine.passes(days=1)
    assert the(stage).state == "failed"
    stage.audit()


def test_every_send_carries_the_same_refund_key(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500)
    key = the(stage).refund_key
    stage.gateway.refund_script.extend(["lost_before_effect", "lost_before_effect"])
    for _ in range(6):
        send(stage)
        stage.machine.passes(hours=7)
    assert list(stage.gateway.orders[stage.row(payments).order_id].refunds) == [key]


def test_a_refund_always_makes_a_credit_note_and_tells(stage: Stage) -> None:
    payment_id = card_payment(stage, settled=True)
    ask(stage, payment_id, 55_500, note="Kelebihan bayar")
    stage.drain()
    note = stage.row(credit_notes)
    assert (note.source_kind, note.source_id, note.note) == (
        "refund",
        the(stage).id,
        "Kelebihan bayar",
    )
    told = [
        type_ for _, type_ in stage.told("credit_note.issued", "refund.sent", "refund.succeeded")
    ]
    assert told == ["credit_note.issued", "refund.sent", "refund.succeeded"]
