"""What a subscription has, through a pause: what waited, what was changed, what was never paid."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, working
from changes import pay
from fakes import FakeGateway, FakeMailer, MachineTime
from metered import JANUARY, sound, to
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.change_plan import change
from billing.flows.pause import pause, preview_resume, resume
from billing.flows.pause_quote import PausePolicy
from billing.flows.subscribe import subscribe
from billing.tables import subscriptions
from core.merchant import Merchant
from invoices.queries import get_invoice, list_invoices
from invoices.tables import invoices
from plans.service import publish_price

pytestmark = pytest.mark.database


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=7)


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def items(
    engine: Engine, merchant: Merchant, subscription: UUID, old: UUID
) -> list[tuple[str, str | None, bool]]:
    """(from, to, whether at the old price), those that were served."""
    with working(engine, merchant) as unit:
        return [
            (str(one.started_on), str(one.ended_on) if one.ended_on else None, one.price_id == old)
            for one in queries.items_of(unit, subscription)
            if one.ended_on != one.started_on
        ]


@pytest.mark.parametrize(
    ("how", "served", "billed"),
    [
        # A new period begins on 28 January, and is billed at the price that waited for 1 February.
        (("give_back", False), [("2027-01-01", "2027-01-26", True), ("2027-01-28", None, False)],
         [("2027-01-01", 150_000), ("2027-01-28", 90_000)]),
        # January goes on: the other price keeps its day.
        (("forfeit", False), [("2027-01-01", "2027-01-26", True), ("2027-01-28", "2027-02-01", True),
                            ("2027-02-01", None, False)],
         [("2027-01-01", 150_000), ("2027-02-01", 90_000)]),
        (("forfeit", True), [("2027-01-01", "2027-01-26", True), ("2027-01-28", "2027-02-01", True),
                           ("2027-02-01", None, False)],
         [("2027-01-01", 150_000), ("2027-02-01", 90_000)]),
    ],
)  # fmt: skip
def test_a_price_taken_up_ahead_of_a_pause_begins_with_what_is_billed_at_it(
    engine: Engine,
    merchant: Merchant,
    how: tuple[PausePolicy, bool],
    served: list[tuple[str, str | None, bool]],
    billed: list[tuple[str, int]],
) -> None:
    policy, paid_ahead = how
    with working(engine, merchant) as unit:
        old = make_price(unit, 150_000)
        new = publish_price(unit, old.plan_id, unit_amount=90_000, interval_unit="month")
        made = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=old.id, collection="invoice"
        )
        assert made.invoice_id is not None
        pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
        change(unit, made.subscription.id, price_id=new.id)
    subscription = made.subscription.id
    to(engine, merchant, datetime(2027, 1, 26, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        if paid_ahead:
            [ahead] = [one for one in list_invoices(unit, subscription_id=subscription)
                       if one.status == "open"]  # fmt: skip
            pay(unit, ahead.id, ahead.total_amount)
        pause(unit, subscription, policy=policy)
    to(engine, merchant, datetime(2027, 1, 28, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        shown = preview_resume(unit, subscription)
        resume(unit, subscription)
    assert items(engine, merchant, subscription, old.id) == served
    with working(engine, merchant) as unit:
        made_out = sorted(
            (str(one.period_start), one.total_amount)
            for one in list_invoices(unit, subscription_id=subscription)
            if one.status != "void"
        )
    assert made_out == billed
    assert (shown.document is None) == paid_ahead
    to(engine, merchant, datetime(2027, 1, 31, 3, tzinfo=UTC))
    sound(engine)


def test_an_upgrade_nobody_paid_is_undone_though_a_pause_came_between(stage: Stage) -> None:
    _, subscription, year = stage.invoice_customer(1_200_000, interval_unit="year")
    stage.drain()
    stage.pays(year)
    stage.live_until(jakarta("2026-12-22 10:00"))
    with stage.work() as unit:
        before = queries.items_in_force(unit, [subscription])[subscription].price_id
        price = make_price(unit, 2_400_000, interval_unit="year").id
        done = change(unit, subscription, price_id=price, mode="prorate")
    stage.live_until(jakarta("2026-12-24 10:00"))
    with stage.work() as unit:
        pause(unit, subscription, policy="forfeit", resume_on=date(2026, 12, 28))
    stage.live_until(jakarta("2027-03-20 10:00"))
    assert done.invoice is not None
    assert stage.row(invoices, id=done.invoice.id).status == "void"
    assert stage.row(subscriptions, id=subscription).status == "active"
    with stage.work() as unit:
        assert queries.items_in_force(unit, [subscription])[subscription].price_id == before
    stage.audit()
