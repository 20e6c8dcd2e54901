"""What may have arrived is never forgotten: no second pull beside a first one in doubt."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from payers import (
    credited,
    first_payment,
    let_it_be_collected,
    paid_answer,
    renewal,
    replaced,
    va_customer,
)
from world import ME, World

from billing.flows import charge, clock, settle
from billing.flows.collect import collect_due
from billing.flows.offers import offer
from billing.flows.orders import open_attempt, withdraw
from billing.flows.reconcile import resolve_due
from billing.tables import subscriptions
from core.errors import EngineError
from core.tables import clocks
from ops.worker import run_bell
from payments.gateway import Answer
from payments.order_ids import order_id as derive_order_id
from payments.tables import payment_orders, reviews

pytestmark = pytest.mark.database


def test_an_order_whose_first_send_may_have_arrived_is_never_dropped(world: World) -> None:
    """Send 1 is lost, send 2 is refused at the door, then the invoice's amount changes."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.extend([Answer("unknown", message="time-out"), Answer("not_sent")])
    charge.send_due(world.engine, world.merchant_id)
    world.wait(minutes=11)
    resolve_due(world.engine, world.merchant_id)  # 404 after the quarantine: sent again
    assert gateway.count("charge") == 2
    state = world.order_of(invoice_id).state
    credited(world, invoice_id, 9_000)
    world.wait(minutes=1)
    charge.send_due(world.engine, world.merchant_id)
    order = world.order_of(invoice_id)

    assert (state, order.state, order.code) != ("created", "failed", "moot"), "not attested at all"


def test_a_withdrawn_first_send_that_may_have_arrived_leads_to_no_second_order(
    world: World,
) -> None:
    """The whole way: what the first send took late is taken beside a second order."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.extend([Answer("unknown", message="time-out"), Answer("not_sent")])
    charge.send_due(world.engine, world.merchant_id)
    first = world.order_of(invoice_id)
    world.wait(minutes=11)
    resolve_due(world.engine, world.merchant_id)
    credited(world, invoice_id, 9_000)
    for _ in range(3):
        world.wait(minutes=1)
        charge.send_due(world.engine, world.merchant_id)
        collect_due(world.engine, world.merchant_id)
    gateway.has_order(first.order_id, first.amount, settled=False)  # the bank was slow

    assert sorted(gateway.orders) == [first.order_id], "one pull, not two"


def test_a_charge_is_not_sent_again_once_nothing_is_due(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.append(Answer("unknown", message="time-out"))
    charge.send_due(world.engine, world.merchant_id)
    credited(world, invoice_id, None)
    assert world.invoice(invoice_id).due_amount == 0
    for _ in range(8):
        world.wait(minutes=10)
        resolve_due(world.engine, world.merchant_id)

    assert gateway.count("charge") == 1


def test_the_order_id_of_a_pull_does_not_hang_on_what_the_payer_asked_for(world: World) -> None:
    """A backup from before the payer asked for a number derives another id for the same pull."""
    invoice_id = renewal(world, "Budi")
    with world.work() as unit:
        offer(unit, invoice_id)
        withdraw(unit, invoice_id)
    charge.send_due(world.engine, world.merchant_id)  # dropped before it was sent
    let_it_be_collected(world, invoice_id)
    pulled = world.order_of(invoice_id)
    assert pulled.kind == "attempt"
    with world.work() as unit:
        after_restore = derive_order_id(
            unit.merchant.namespace, str(invoice_id),
            str(world.invoice(invoice_id).period_start), "attempt", 1,
        )  # fmt: skip

    assert pulled.order_id == after_restore


def test_a_late_word_of_an_older_send_does_not_take_back_the_present_one(world: World) -> None:
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.append(Answer("unknown"))
    charge.send_due(world.engine, world.merchant_id)
    with world.work() as unit:
        unit.session.execute(
            payment_orders.update()
            .where(payment_orders.c.invoice_id == invoice_id)
            .values(state="sent", sends=2, lease_until=unit.real_now + timedelta(seconds=40))
        )
    order = world.order_of(invoice_id)
    settle.settle(
        world.engine, world.merchant_id, order.order_id, Answer("not_sent"),
        because="answer to send 1",
    )  # fmt: skip

    assert world.order_of(invoice_id).state != "created"


def test_the_quarantine_runs_from_the_last_send_not_from_the_first(world: World) -> None:
    """429 for half an hour, then a send whose answer is lost: a 404 a minute later is no proof."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.extend([Answer("refused", code="429"), Answer("unknown", message="time-out")])
    charge.send_due(world.engine, world.merchant_id)
    world.wait(minutes=59, seconds=30)
    charge.send_due(world.engine, world.merchant_id)
    assert gateway.count("charge") == 2
    world.wait(minutes=2)
    resolve_due(world.engine, world.merchant_id)

    assert gateway.count("charge") == 2, "sent again two minutes after a send nobody answered"


def test_a_payers_own_charge_is_not_called_failed_a_minute_after_its_last_send(
    world: World,
) -> None:
    invoice_id = renewal(world, "Sari")
    with world.work() as unit:
        open_attempt(unit, invoice_id, initiated_by="customer")
    gateway = replaced(world)
    gateway.charges.extend([Answer("refused", code="429"), Answer("unknown", message="time-out")])
    charge.send_due(world.engine, world.merchant_id)
    world.wait(minutes=59, seconds=30)
    charge.send_due(world.engine, world.merchant_id)
    world.wait(minutes=2)
    resolve_due(world.engine, world.merchant_id)

    assert world.order_of(invoice_id).state == "unknown", "failed and attested: n + 1 may be sent"


def test_a_refusal_of_a_second_send_does_not_attest_the_first(world: World) -> None:
    """Send 1 is still on its way to the bank; the card's token ends; send 2 answers 411."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    gateway = replaced(world)
    gateway.charges.extend([Answer("unknown", message="time-out"), Answer("failed", code="411")])
    charge.send_due(world.engine, world.merchant_id)
    first = world.order_of(invoice_id)
    world.wait(minutes=11)
    answers = gateway.status

    def status(order_id: str) -> Answer:
        found = answers(order_id)
        if gateway.count("status") == 1:  # it arrives between the question and the second send
            gateway.has_order(first.order_id, first.amount, settled=False)
        return found

    gateway.status = status  # type: ignore[method-assign]
    resolve_due(world.engine, world.merchant_id)

    assert world.order_of(invoice_id).state != "failed", "the gateway's book has it: taken"


def test_what_was_parked_can_be_decided_by_a_person(world: World) -> None:
    """Money of another amount was taken. Nothing of ours moves an order out of review."""
    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    other = replace(paid_answer(order), amount=order.amount - 1)
    settle.settle(world.engine, world.merchant_id, order.order_id, other, because="test")
    assert world.order_of(invoice_id).state == "review"
    settle.settle(
        world.engine, world.merchant_id, order.order_id, paid_answer(order), because="asked again"
    )
    if world.order_of(invoice_id).state == "review":
        from billing.flows import reviews as flows

        assert any(hasattr(flows, n) for n in ("close_review", "resolve_review", "decide_review"))


def test_a_subscription_that_can_not_be_renewed_does_not_stop_the_clock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billing.flows import renew

    first_payment(world, "Sari")

    def trip(unit: Any, rows: Any) -> int:
        raise EngineError("poison", "this one can not be renewed") if rows else AssertionError

    monkeypatch.setattr(renew, "run_steps", trip)
    clock.ask_advance(world.engine, world.merchant_id, world.machine.at + timedelta(days=45), ME)
    arrived = False
    for _ in range(60):
        arrived = arrived or clock.drive(world.engine, world.merchant_id, lambda _: 0)
        for kind in ("subscription.renew", "message.send"):
            with contextlib.suppress(EngineError):
                run_bell(world.engine, world.merchant_id, kind)

    [at] = world.rows(clocks)
    [due] = world.rows(subscriptions)
    assert arrived, (at.at, due.next_at, [r.kind for r in world.rows(reviews)])
