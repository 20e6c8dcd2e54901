"""A card's bank takes a part back: that part is owed again, the card is never charged again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from lived import ask
from payers import first_payment
from stage import Stage, jakarta, make_stage
from world import World

from billing.engine import Engine
from billing.flows import refund
from billing.flows.decide import resolve_review
from billing.flows.settle import settle
from billing.flows.void import mark_uncollectible
from billing.tables import subscriptions
from core.errors import EngineError
from core.tables import events
from dunning.tables import dunning_cases
from invoices.tables import tax_points
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders, payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def paid_by_card(stage: Stage) -> str:
    """A card paid 166,500 (150,000 and PPN of 16,500) and the gateway settled it."""
    stage.card_customer()
    stage.drain()
    payment = stage.row(payments)
    stage.settles(payment.id)
    return str(payment.order_id)


def taken(stage: Stage, order_id: str, so_far: int, *, whole: bool = False) -> None:
    """The gateway tells how much the card's bank has taken back so far."""
    said = Answer(
        "reversed" if whole else "paid", order_id=order_id, amount=166_500, currency="IDR",
        settled=not whole, transaction_status="chargeback" if whole else "partial_chargeback",
        charged_back=so_far,
    )  # fmt: skip
    settle(stage.engine, stage.id, order_id, said, because="notification")


def test_a_part_is_owed_again_and_asked_for_and_the_card_is_left_alone(stage: Stage) -> None:
    order_id = paid_by_card(stage)
    for _ in range(2):
        taken(stage, order_id, 55_500)
    payment = stage.row(payments)
    invoice = stage.row_of_invoice(payment.id)
    assert (payment.status, payment.charged_back_amount) == ("settled", 55_500)
    assert (invoice.status, invoice.paid_amount, invoice.due_amount) == ("open", 111_000, 55_500)
    method = stage.row(payment_methods)
    assert (method.state, method.ended_because) == ("ended", "charged_back")
    assert stage.row(reviews).detail == {
        "amount": 55_500, "booked": True, "taken_before": 0, "invoice": invoice.number,
    }  # fmt: skip
    [told] = stage.rows(events, type="payment.reversed")
    assert (told.payload["amount"], told.payload["in_part"]) == (55_500, True)
    assert stage.row(dunning_cases).decline_class == "customer_action"
    assert stage.row(subscriptions).status == "past_due"
    # 16,500 of PPN were owed; 11,000 are owed of what is left of the payment.
    points = stage.rows(tax_points, tax_points.c.n)
    assert [(one.kind, one.owed_amount) for one in points] == [
        ("payment", 16_500), ("reversal", -16_500), ("payment", 11_000),
    ]  # fmt: skip
    stage.audit()

    charges = stage.gateway.count("charge")
    stage.live_until(jakarta("2027-01-20 09:00"))
    assert stage.gateway.count("charge") == charges
    with stage.work() as unit, pytest.raises(EngineError) as caught:
        refund.request_refund(unit, payment.id, 111_001)
    assert caught.value.code == "refund_exceeds_payment"
    stage.audit()


def test_parts_add_up_and_the_rest_goes_with_the_whole(stage: Stage) -> None:
    order_id = paid_by_card(stage)
    taken(stage, order_id, 55_500)
    taken(stage, order_id, 100_000)
    taken(stage, order_id, 55_500)  # late and old: nothing new
    invoice = stage.row_of_invoice(stage.row(payments).id)
    assert (invoice.paid_amount, invoice.due_amount) == (66_500, 100_000)
    stage.audit()
    taken(stage, order_id, 166_500, whole=True)
    invoice = stage.row_of_invoice(stage.row(payments).id)
    assert (invoice.paid_amount, invoice.due_amount) == (0, 166_500)
    assert stage.row(payments).status == "reversed"
    assert sum(one.owed_amount for one in stage.rows(tax_points)) == 0
    stage.audit()


def test_a_part_whose_amount_nobody_tells_goes_to_a_person_unbooked(stage: Stage) -> None:
    order_id = paid_by_card(stage)
    taken(stage, order_id, 0)
    assert stage.row(reviews).detail["booked"] is False
    assert stage.row(payment_methods).state == "ended"
    payment = stage.row(payments)
    assert stage.row_of_invoice(payment.id).status == "paid"
    stage.audit()

    matter = stage.row(reviews).id
    for amount, code in ((None, "decision_not_possible"), (166_501, "refund_exceeds_payment")):
        with stage.work() as unit, pytest.raises(EngineError) as caught:
            resolve_review(
                unit, matter, decision="charged_back", reason="mutasi bank", amount=amount
            )
        assert caught.value.code == code
    with stage.work() as unit:
        resolve_review(unit, matter, decision="charged_back", reason="mutasi bank", amount=50_000)
    assert stage.row(payments).charged_back_amount == 50_000
    assert stage.row_of_invoice(payment.id).due_amount == 50_000
    assert stage.row(reviews).resolution == "charged_back 50000: mutasi bank"
    stage.audit()


def test_a_second_part_without_an_amount_is_put_before_a_person_again(stage: Stage) -> None:
    order_id = paid_by_card(stage)
    taken(stage, order_id, 0)
    matter = stage.row(reviews).id
    with stage.work() as unit:
        resolve_review(unit, matter, decision="charged_back", reason="mutasi", amount=40_000)
    taken(stage, order_id, 0)
    again = stage.row(reviews)
    assert (again.id, again.closed_at, again.detail["taken_before"]) == (matter, None, 40_000)
    with stage.work() as unit:
        resolve_review(unit, matter, decision="charged_back", reason="mutasi", amount=30_000)
    assert stage.row(payments).charged_back_amount == 70_000
    # The old news told again is looked at once, and then it is enough.
    taken(stage, order_id, 0)
    with stage.work() as unit:
        resolve_review(unit, matter, decision="done", reason="kabar lama")
    taken(stage, order_id, 0)
    assert stage.row(reviews).closed_at is not None
    stage.audit()


def test_the_first_news_of_a_written_off_invoice_may_be_that_a_part_was_taken_back(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        mark_uncollectible(unit, invoice_id, reason="lost")
    [order] = stage.rows(payment_orders, invoice_id=invoice_id)
    taken(stage, order.order_id, 40_000)
    invoice = stage.invoice(invoice_id)
    assert (invoice.status, invoice.paid_amount, invoice.due_amount) == ("open", 126_500, 40_000)
    assert invoice.collect_at is not None, "the part is asked for"
    stage.audit()


def test_the_simulators_part_is_understood_and_paid_by_another_way(world: World) -> None:
    _, invoice_id = first_payment(world, "Sari")
    order_id = world.order_of(invoice_id).order_id
    world.desk.control("POST", "settle", order_id=order_id)
    ask(world, order_id)
    world.desk.control("POST", "chargeback", order_id=order_id, amount=40_000)
    ask(world, order_id)
    assert world.invoice(invoice_id).due_amount == 40_000
    assert [one.kind for one in world.rows(reviews)] == ["chargeback_part"]
    world.advance(world.clock_at() + timedelta(days=3))
    assert list(world.desk.book()) == [order_id]
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)
