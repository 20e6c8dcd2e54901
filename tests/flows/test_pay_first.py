"""Pay first (R37): an upgrade that is charged is done with its payment, or has never been."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from offered import begun, has, in_doubt, news, offered, state_of, upgrade
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.change_plan import change, drop_change, preview
from billing.flows.renew import renew_due
from billing.tables import subscription_changes, subscriptions
from core.errors import Conflict
from dunning.tables import dunning_cases
from invoices.tables import credit_notes, invoices
from payments.tables import payments, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(
        engine, gateway, mailer, machine, at="2026-11-15 09:00", upgrade_policy="pay_first"
    )


def test_an_upgrade_is_done_once_its_invoice_is_paid(stage: Stage, mailer: FakeMailer) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    invoice = offered(done)
    row = stage.row(subscriptions, id=subscription)
    assert (state_of(stage, done), has(stage, subscription)) == ("pending", 150_000)
    assert (row.upgrade_until, row.next_at) == (date(2026, 11, 26), jakarta("2026-11-26 00:00"))
    assert (stage.invoice(invoice).total_amount, stage.invoice(invoice).is_offer) == (111_000, True)
    stage.audit()

    stage.drain()
    assert stage.invoice(invoice).status == "paid"
    assert not stage.invoice(invoice).is_offer
    assert (state_of(stage, done), has(stage, subscription)) == ("applied", 300_000)
    assert stage.row(subscriptions, id=subscription).upgrade_until is None
    told = ("subscription.upgrade_waiting", "subscription.plan_changed")
    assert [type_ for _, type_ in stage.told(*told)] == list(told)
    assert any("Perubahan paket" in one.subject for one in mailer.sent)
    stage.live_until(jakarta("2026-12-15 12:00"))
    [renewal] = stage.rows(invoices, period_start=date(2026, 12, 15))
    assert renewal.subtotal_amount == 300_000
    stage.audit()


def test_what_is_shown_before_is_what_is_offered_and_then_done(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    with stage.work() as unit:
        price = make_price(unit, 300_000).id
        shown = preview(unit, subscription, price_id=price)
        done = change(unit, subscription, price_id=price)
        # Shown again it is the same: the offer is no bill yet.
        again = preview(unit, subscription, price_id=price)
    assert done.planned == shown
    assert shown.document is not None
    assert again.document == shown.document
    assert again.quote == shown.quote
    stage.drain()
    row = stage.invoice(offered(done))
    assert (row.total_amount, row.tax_amount) == (
        shown.document.total.amount, shown.document.tax.tax.amount,
    )  # fmt: skip
    after = stage.row(subscriptions, id=subscription)
    assert after.billed_through == shown.quote.billed_through
    stage.audit()


def test_a_refusal_voids_the_invoice_and_nothing_has_changed(
    stage: Stage, mailer: FakeMailer
) -> None:
    customer, subscription, _ = begun(stage)
    before = stage.row(subscriptions, id=subscription)
    done = upgrade(stage, subscription)
    stage.decline()
    stage.drain()
    assert stage.invoice(offered(done)).status == "void"
    assert (state_of(stage, done), has(stage, subscription)) == ("lapsed", 150_000)
    after = stage.row(subscriptions, id=subscription)
    same = ("status", "current_end", "billed_through", "next_at", "anchor_on", "upgrade_until")
    assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]
    # Nobody chases it, nothing was given back, and the customer is told.
    assert stage.rows(dunning_cases, invoice_id=offered(done)) == []
    assert stage.rows(credit_notes) == []
    [mail] = [one for one in mailer.sent if "belum dilakukan" in one.subject]
    assert "Pembayarannya tidak berhasil" in mail.text
    assert stage.told("subscription.upgrade_lapsed") == [
        ("11-25 09:00", "subscription.upgrade_lapsed")
    ]
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 0
    stage.audit()

    # Asked for again it is another offer, at the same price.
    again = upgrade(stage, subscription)
    stage.drain()
    assert (state_of(stage, again), has(stage, subscription)) == ("applied", 300_000)
    stage.audit()


def test_a_charge_in_doubt_that_turns_out_paid_on_the_day_does_the_upgrade(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    order = in_doubt(stage, done)
    set_clock(stage.engine, stage.id, jakarta("2026-11-25 23:59"))
    assert has(stage, subscription) == 150_000
    news(stage, order, 111_000)
    assert (state_of(stage, done), has(stage, subscription)) == ("applied", 300_000)
    # As of the day it was asked for, not a day later.
    assert stage.row(subscription_changes, id=done.planned.change_id).effective_on == date(
        2026, 11, 25
    )
    stage.audit()


@pytest.mark.parametrize("swept", [True, False], ids=["after the sweep", "before the sweep"])
def test_a_charge_that_turns_out_paid_a_day_late_is_balance_and_no_upgrade(
    stage: Stage, mailer: FakeMailer, swept: bool
) -> None:
    customer, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    order = in_doubt(stage, done)
    set_clock(stage.engine, stage.id, jakarta("2026-11-26 00:00"))
    if swept:
        assert renew_due(stage.engine, stage.id) == 1
        assert stage.invoice(offered(done)).status == "void"
    news(stage, order, 111_000)
    assert (state_of(stage, done), has(stage, subscription)) == ("lapsed", 150_000)
    assert stage.invoice(offered(done)).status == "void"
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 111_000
    # We pulled it: a person sees to it, and the customer hears what became of it.
    assert [one.kind for one in open_reviews(stage)] == ["pulled_too_much"]
    stage.drain()
    [mail] = [one for one in mailer.sent if "belum dilakukan" in one.subject]
    assert "menjadi saldo Anda" in mail.text
    stage.audit()

    # Asked for again, what we hold pays it at once: 19 of 30 days at either price.
    again = upgrade(stage, subscription)
    assert again.applied
    assert has(stage, subscription) == 300_000
    stage.audit()


def open_reviews(stage: Stage) -> list[Any]:
    return list(stage.rows(reviews, closed_at=None))


def test_asked_twice_it_is_charged_once(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    with stage.work() as unit:
        price = make_price(unit, 300_000).id
        first = change(unit, subscription, price_id=price)
    with stage.work() as unit:
        second = change(unit, subscription, price_id=price)
    assert offered(second) == offered(first)
    assert second.planned.change_id == first.planned.change_id
    stage.drain()
    assert len(stage.rows(payments)) == 2  # the first period, and this
    stage.audit()


def test_a_change_in_its_place_waits_for_the_charge_that_is_under_way(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    # Nothing was sent yet: another wish simply takes its place.
    other = upgrade(stage, subscription, 450_000)
    assert (state_of(stage, done), stage.invoice(offered(done)).status) == ("replaced", "void")
    order = in_doubt(stage, other)
    with pytest.raises(Conflict, match="being charged"):
        upgrade(stage, subscription, 600_000)
    with stage.work() as unit, pytest.raises(Conflict, match="being charged"):
        preview(unit, subscription, price_id=make_price(unit, 600_000).id)
    # Dropped by its customer it is nothing; what the gateway took all the same is his balance.
    with stage.work() as unit:
        assert drop_change(unit, subscription)
    news(stage, order, stage.invoice(offered(other)).total_amount)
    assert has(stage, subscription) == 150_000
    stage.audit()


def test_a_downgrade_takes_the_place_of_what_is_not_charged_yet(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    later = upgrade(stage, subscription, 75_000)
    assert (state_of(stage, done), state_of(stage, later)) == ("replaced", "scheduled")
    # And an upgrade that comes to nothing leaves what waits as it was.
    stage.decline()
    up = upgrade(stage, subscription, 300_000)
    stage.drain()
    assert (state_of(stage, up), state_of(stage, later)) == ("lapsed", "scheduled")
    paid = upgrade(stage, subscription, 300_000)
    stage.drain()
    assert (state_of(stage, paid), state_of(stage, later)) == ("applied", "replaced")
    stage.audit()
