"""Pay first (R37): what comes between, whom it is for, and what stands beside it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from offered import begun, has, in_doubt, news, offered, state_of, upgrade
from sqlalchemy import update
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.access import access_of
from billing.flows.cancel import cancel
from billing.flows.credit_balance import add_balance
from billing.flows.pause import pause
from billing.flows.take_out import take_out
from billing.flows.void import mark_uncollectible
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.errors import Conflict
from core.tables import audit, merchants
from dunning.tables import dunning_cases
from invoices.tables import credit_notes, invoices

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(
        engine, gateway, mailer, machine, at="2026-11-15 09:00", upgrade_policy="pay_first"
    )


@pytest.mark.parametrize("when", ["period_end", "now"])
def test_a_cancellation_lets_go_of_it(stage: Stage, when: str) -> None:
    customer, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    order = in_doubt(stage, done)
    with stage.work() as unit:
        cancel(unit, subscription, when=when)  # type: ignore[arg-type]
    assert (state_of(stage, done), stage.invoice(offered(done)).status) == ("lapsed", "void")
    news(stage, order, 111_000)
    with stage.work() as unit:
        assert queries.balance(unit, customer) >= 111_000
    stage.audit()


def test_a_pause_lets_go_of_it(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    with stage.work() as unit:
        pause(unit, subscription, policy="give_back")
    assert (state_of(stage, done), stage.invoice(offered(done)).status) == ("lapsed", "void")
    stage.audit()


def test_a_renewal_finds_nothing_that_waits(stage: Stage) -> None:
    """Asked for on the last day of a period and never decided: the next one is the old plan's."""
    _, subscription, _ = begun(stage)
    stage.live_until(jakarta("2026-12-14 22:00"))
    done = upgrade(stage, subscription)
    in_doubt(stage, done)
    stage.live_until(jakarta("2026-12-15 12:00"))
    assert state_of(stage, done) == "lapsed"
    [renewal] = stage.rows(invoices, period_start=date(2026, 12, 15))
    assert (renewal.subtotal_amount, renewal.status) == (150_000, "paid")
    stage.audit()


def test_the_access_is_what_it_was_until_it_is_paid(stage: Stage) -> None:
    _, subscription, _ = begun(stage)

    def shown() -> tuple[bool, str, int]:
        with stage.work() as unit:
            found = access_of(unit, subscription)
        return found.access.allowed, str(found.access.reason), has(stage, subscription)

    before = shown()
    done = upgrade(stage, subscription)
    assert shown() == before
    stage.drain()
    assert state_of(stage, done) == "applied"
    assert shown() == (*before[:2], 300_000)


def test_apply_first_is_done_at_once_and_charged_afterwards(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription, payment="apply_first")
    assert done.applied
    assert has(stage, subscription) == 300_000
    row = stage.row(subscription_changes, id=done.planned.change_id)
    assert row.quote["payment"] == "apply_first/1"
    stage.decline()
    stage.drain()
    # It is owed, and chased.
    assert len(stage.rows(dunning_cases, invoice_id=done.planned.invoice_id)) == 1


def test_whoever_pays_invoices_has_it_at_once(stage: Stage) -> None:
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    assert upgrade(stage, subscription).applied


def test_what_we_hold_pays_before_anything_is_offered(stage: Stage) -> None:
    customer, subscription, _ = begun(stage)
    with stage.work() as unit:
        add_balance(
            unit, customer, 200_000, kind="credited", source_kind="credit_note",
            source_id=ids.fresh(),
        )  # fmt: skip
    assert upgrade(stage, subscription).applied
    # Held money that does not reach is left for the next invoice, and the method pays it all.
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 89_000
    more = upgrade(stage, subscription, 900_000)
    assert stage.invoice(offered(more)).due_amount == stage.invoice(offered(more)).total_amount
    stage.drain()
    assert state_of(stage, more) == "applied"


def test_what_is_not_paid_yet_is_credited_only_once_the_upgrade_is_paid(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    stage.live_until(jakarta("2026-12-14 12:00"))
    stage.decline()
    stage.live_until(jakarta("2026-12-15 12:00"))
    [first] = [row.id for row in stage.rows(invoices, period_start=date(2026, 12, 15))]
    assert stage.invoice(first).status == "open"
    done = upgrade(stage, subscription)
    assert [one.invoice_id for one in done.planned.credits] == [first]
    assert stage.rows(credit_notes) == []
    stage.drain()
    assert state_of(stage, done) == "applied"
    [note] = stage.rows(credit_notes)
    assert (note.invoice_id, note.to_invoice_amount) == (first, done.planned.credits[0].to_invoice)
    stage.audit()


def test_a_restart_moves_the_period_once_it_is_paid(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription, mode="restart")
    before = stage.row(subscriptions, id=subscription)
    assert before.current_start == date(2026, 11, 15)
    stage.drain()
    after = stage.row(subscriptions, id=subscription)
    assert state_of(stage, done) == "applied"
    assert (after.current_start, after.current_end, after.anchor_day) == (
        date(2026, 11, 25), date(2026, 12, 25), 25,
    )  # fmt: skip
    stage.audit()


def test_staff_void_it_and_nobody_writes_it_off(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    with stage.work() as unit, pytest.raises(Conflict, match="void it instead"):
        mark_uncollectible(unit, offered(done), reason="lost")
    with stage.work() as unit:
        assert take_out(unit, offered(done), reason="mistake").status == "void"
    assert (state_of(stage, done), has(stage, subscription)) == ("lapsed", 150_000)
    kinds = {row.action for row in stage.rows(audit) if row.action.startswith("subscription.")}
    assert {"subscription.offer_upgrade", "subscription.drop_upgrade"} <= kinds
    stage.audit()


def test_a_card_that_may_not_be_charged_any_more_is_a_refusal(stage: Stage) -> None:
    _, subscription, _ = begun(stage)
    done = upgrade(stage, subscription)
    with stage.work() as unit:
        mine = merchants.c.merchant_id == stage.id
        unit.session.execute(update(merchants).where(mine).values(card_mode="two_click"))
    stage.drain()
    assert (state_of(stage, done), stage.invoice(offered(done)).status) == ("lapsed", "void")
    stage.audit()


def test_days_are_those_of_the_customers_zone(stage: Stage) -> None:
    """Offered at 23:30 in Jakarta it holds half an hour."""
    _, subscription, _ = begun(stage)
    set_clock(stage.engine, stage.id, jakarta("2026-11-25 23:30"))
    upgrade(stage, subscription)
    row = stage.row(subscriptions, id=subscription)
    assert row.next_at == jakarta("2026-11-25 23:30") + timedelta(minutes=30)
