"""An unpaid change is voided when chasing ends: what it had used up of an older invoice is freed."""

from __future__ import annotations

import pytest
from builders import make_price
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_plan import change
from billing.queries import balance
from billing.tables import subscriptions
from invoices.tables import credit_notes


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def test_the_rest_of_a_paid_year_comes_back_when_its_unpaid_change_is_voided(
    stage: Stage,
) -> None:
    """A paid year, changed to a dearer month that nobody pays; service ends with that month."""
    customer, subscription, year = stage.invoice_customer(1_200_000, interval_unit="year")
    stage.drain()
    stage.pays(year)
    stage.live_until(jakarta("2026-12-22 10:00"))
    with stage.work() as unit:
        price = make_price(unit, 2_000_000).id
        done = change(unit, subscription, price_id=price, mode="prorate")
    assert done.invoice is not None
    with stage.work() as unit:
        cancel(unit, subscription, when="period_end")
    stage.live_until(jakarta("2027-03-20 10:00"))
    assert stage.row(subscriptions, id=subscription).ended_on == jakarta("2027-01-22 00:00").date()
    assert stage.invoice(done.invoice.id).status == "void"
    [back] = stage.rows(credit_notes)
    # 22 January to 10 December are 322 of 365 days of 1,200,000: 1,058,630.14, PPN 116,449.
    assert (back.invoice_id, back.net_amount, back.to_balance_amount) == (
        year, 1_058_630, 1_175_079,
    )  # fmt: skip
    with stage.work() as unit:
        assert balance(unit, customer) == 1_175_079
    stage.audit()
