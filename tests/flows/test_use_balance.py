"""A balance that comes to be pays what is open, oldest first; nobody is asked for it twice."""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import make_price, make_subscription
from database import Database
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.credit import credit_invoice
from billing.flows.reconcile import resolve_due
from billing.flows.settle import settle
from billing.tables import balance_entries, subscriptions
from core import ids
from core.db import make_engine
from core.tables import events
from dunning.tables import dunning_cases
from invoices.tables import credit_notes, invoices, tax_points
from ops.doctor import examine
from payments.gateway import Answer
from payments.tables import allocations, payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def paid_customer(stage: Stage, amount: int = 300_000) -> tuple[UUID, UUID]:
    """A customer with one paid invoice: (customer, invoice)."""
    customer, _, first = stage.invoice_customer(amount)
    stage.drain()
    stage.pays(first)
    return customer, first


def another(stage: Stage, customer: UUID, amount: int, **terms: object) -> tuple[UUID, UUID]:
    """One more subscription of the customer, with its open invoice."""
    with stage.work() as unit:
        made = make_subscription(
            unit, customer=queries.get_customer(unit, customer), price=make_price(unit, amount),
            **terms,
        )  # fmt: skip
    assert made.invoice_id is not None
    stage.drain()
    return made.subscription.id, made.invoice_id


def goodwill(stage: Stage, invoice: UUID, amount: int) -> None:
    with stage.work() as unit:
        credit_invoice(
            unit, invoice, reason="goodwill", gross_amount=amount, source_kind="request",
            source_id=ids.fresh(),
        )  # fmt: skip


def held(stage: Stage, customer: UUID) -> int:
    with stage.work() as unit:
        return queries.balance(unit, customer)


def test_a_credit_lowers_what_another_open_invoice_asks_for(
    stage: Stage, machine: MachineTime
) -> None:
    customer, first = paid_customer(stage)
    _, second = another(stage, customer, 100_000)
    [number] = stage.rows(payment_orders, invoice_id=second)
    goodwill(stage, first, 50_000)

    invoice = stage.invoice(second)
    assert (invoice.status, invoice.paid_amount, invoice.due_amount) == ("open", 50_000, 61_000)
    assert held(stage, customer) == 0
    [point] = stage.rows(tax_points, invoice_id=second)
    assert (point.kind, point.gross_amount, point.owed_amount) == ("balance", 50_000, 4_955)
    assert stage.row(payment_orders, id=number.id).abandoning
    # The old number ends at the gateway, and one for the rest follows.
    stage.gateway.status_script.append(Answer("failed", transaction_status="expire"))
    machine.passes(seconds=30)
    resolve_due(stage.engine, stage.id)
    stage.drain()
    _, rest = stage.rows(payment_orders, payment_orders.c.n, invoice_id=second)
    assert (rest.state, rest.amount) == ("pending", 61_000)
    stage.audit()

    # More comes: the same invoice takes it again.
    goodwill(stage, first, 1_000)
    assert stage.invoice(second).due_amount == 60_000
    assert len(stage.rows(allocations, invoice_id=second, kind="balance")) == 2
    stage.audit()


def test_it_goes_to_the_oldest_due_date_first_and_what_is_left_to_the_next(stage: Stage) -> None:
    customer, first = paid_customer(stage)
    _, sooner = another(stage, customer, 100_000)
    stage.live_until(jakarta("2027-01-06 09:00"))
    _, later = another(stage, customer, 100_000)
    goodwill(stage, first, 150_000)
    assert (stage.invoice(sooner).status, stage.invoice(sooner).due_amount) == ("paid", 0)
    assert (stage.invoice(later).status, stage.invoice(later).due_amount) == ("open", 72_000)
    assert held(stage, customer) == 0
    stage.audit()


def test_an_overdue_invoice_that_the_balance_pays_recovers_its_subscription(
    stage: Stage, mailer: FakeMailer
) -> None:
    customer, first = paid_customer(stage)
    subscription, second = another(stage, customer, 100_000)
    stage.live_until(jakarta("2027-01-14 12:00"))
    assert stage.row(subscriptions, id=subscription).status == "past_due"
    goodwill(stage, first, 200_000)
    stage.drain()
    assert stage.invoice(second).status == "paid"
    assert stage.row(subscriptions, id=subscription).status == "active"
    assert stage.row(dunning_cases, invoice_id=second).state == "recovered"
    assert held(stage, customer) == 200_000 - 111_000
    assert [row.payload["amount"] for row in stage.rows(events) if row.type == "balance.applied"
            ] == [111_000]  # fmt: skip
    assert any("Saldo pelanggan" in mail.text for mail in mailer.sent)
    stage.audit()


def test_a_charge_under_way_is_decided_first(stage: Stage) -> None:
    customer, _, first = stage.card_customer(300_000)
    stage.drain()
    stage.live_until(jakarta("2027-01-06 12:00"))
    assert stage.invoice(first).status == "paid"
    [method] = [stage.invoice(first).payment_method_id]
    stage.gateway.charges.append(Answer("unknown"))
    _, second = another(stage, customer, 100_000, payment_method_id=method)
    stage.live_until(jakarta("2027-01-07 12:00"))
    [charge] = stage.rows(payment_orders, invoice_id=second)
    assert charge.state == "unknown"
    goodwill(stage, first, 50_000)
    assert (stage.invoice(second).due_amount, held(stage, customer)) == (111_000, 50_000)

    declined = Answer("failed", transaction_status="deny", payment_type="credit_card", code="51")
    settle(stage.engine, stage.id, charge.order_id, declined, because="test")
    assert (stage.invoice(second).due_amount, held(stage, customer)) == (61_000, 0)
    stage.audit()


def test_what_is_paid_too_much_on_one_invoice_pays_another(stage: Stage) -> None:
    customer, first = paid_customer(stage)
    _, second = another(stage, customer, 100_000)
    goodwill(stage, first, 1_000)
    # The number for the old amount was faster than its end.
    stage.pays(second)
    assert held(stage, customer) == 1_000
    _, third = another(stage, customer, 100_000)
    assert (stage.invoice(third).paid_amount, held(stage, customer)) == (1_000, 0)
    stage.audit()


def test_what_a_cancellation_gives_back_pays_what_was_served(stage: Stage) -> None:
    customer, first = paid_customer(stage)
    subscription = stage.invoice(first).subscription_id
    _, second = another(stage, customer, 50_000)
    with stage.work() as unit:
        cancel(unit, subscription, when="now")
    [note] = stage.rows(credit_notes)
    assert stage.invoice(second).status == "paid"
    assert held(stage, customer) == note.total_amount - 55_500
    kinds = [(row.kind, row.source_kind) for row in stage.rows(balance_entries)]
    assert sorted(kinds) == [("applied", "allocation"), ("credited", "credit_note")]
    stage.audit()


def billed_again(stage: Stage) -> None:
    """A customer with Rp20.000 whose next invoice was given back, and billed again."""
    customer, first = paid_customer(stage)
    [subscription] = stage.rows(subscriptions, customer_id=customer)
    goodwill(stage, first, 20_000)
    stage.live_until(jakarta("2027-02-01 09:00"))
    [ahead] = stage.rows(invoices, customer_id=customer, status="open")
    assert ahead.paid_amount == 20_000
    with stage.work() as unit:
        cancel(unit, subscription.id)
    assert held(stage, customer) == 20_000
    with stage.work() as unit:
        undo_cancel(unit, subscription.id)
    [again] = stage.rows(invoices, customer_id=customer, status="open")

    assert (again.period_start, again.total_amount) == (ahead.period_start, ahead.total_amount)
    assert (again.paid_amount, held(stage, customer)) == (20_000, 0)


def test_a_period_given_back_to_invoice_and_balance_is_billed_again_once(stage: Stage) -> None:
    """Rp20.000 of the next invoice came out of the balance: that part goes back there."""
    billed_again(stage)
    stage.audit()


def test_a_period_given_back_in_part_and_billed_again_is_found(
    stage: Stage, database: Database
) -> None:
    """The sabotage of the row above: one rupiah of the period was kept."""
    billed_again(stage)
    engine = make_engine(database.admin_url, pool_size=1)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text(
                "UPDATE credit_notes SET net_amount = net_amount - 1, total_amount = total_amount "
                "- 1, to_balance_amount = to_balance_amount - 1 WHERE reason = 'cancellation'"
            )
        )
    engine.dispose()
    report = examine(stage.engine.db, stage.machine.at)
    assert "no-period-missing" in {one.name for one in report.broken}
