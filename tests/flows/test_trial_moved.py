"""Trials that are extended or ended early, and whether the service may be used meanwhile."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows.access import access_of
from billing.flows.cancel import cancel
from billing.flows.pause import pause
from billing.flows.trial import move_trial, preview_trial
from billing.tables import subscriptions
from core.errors import EngineError
from invoices.tables import invoices
from payments.tables import payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-11-21 09:00")


def begin(stage: Stage, *, by_card: bool = False, days: int = 14, **terms: object) -> UUID:
    """On trial for 14 days, up to 5 December."""
    with stage.work() as unit:
        customer, price = make_customer(unit), make_price(unit, 150_000)
    method = stage.card(customer.id) if by_card else None
    with stage.work() as unit:
        return make_subscription(
            unit, customer=customer, price=price, trial_days=days, payment_method_id=method, **terms
        ).subscription.id


def billed(stage: Stage) -> list[tuple[str, str, str, int]]:
    return [
        (str(row.period_start), str(row.period_end), row.status, row.subtotal_amount)
        for row in stage.rows(invoices, invoices.c.number)
    ]


def test_a_longer_trial_takes_back_what_was_sent_ahead_and_moves_the_first_period(
    stage: Stage,
) -> None:
    subscription = begin(stage)
    stage.live_until(jakarta("2026-12-01 10:00"))
    assert billed(stage) == [("2026-12-05", "2027-01-05", "open", 150_000)]
    with stage.work() as unit:
        shown = preview_trial(unit, subscription, to=date(2026, 12, 20))
        moved = move_trial(unit, subscription, to=date(2026, 12, 20), reason="asked nicely")
    assert (moved.status, moved.current_end, moved.anchor_on) == (
        "trialing", date(2026, 12, 20), date(2026, 12, 20)
    )  # fmt: skip
    assert shown.moved.agreement == moved.agreement
    stage.live_until(jakarta("2026-12-20 12:00"))
    assert billed(stage) == [
        ("2026-12-05", "2027-01-05", "void", 150_000),
        ("2026-12-20", "2027-01-20", "open", 150_000),
    ]
    assert stage.row(subscriptions, id=subscription).status == "active"
    assert len(stage.told("subscription.trial_ended")) == 1
    stage.audit()


@pytest.mark.parametrize("by_card", [True, False])
def test_a_trial_that_ends_today_is_billed_today(stage: Stage, by_card: bool) -> None:
    subscription = begin(stage, by_card=by_card)
    stage.live_until(jakarta("2026-11-25 10:30"))
    with stage.work() as unit:
        shown = preview_trial(unit, subscription)
        ended = move_trial(unit, subscription)
    assert (ended.status, ended.trial_end_on) == ("active", date(2026, 11, 25))
    assert shown.bill is not None
    assert billed(stage) == [
        ("2026-11-25", "2026-12-25", "open", shown.bill.document.subtotal.amount)
    ]
    stage.live_until(jakarta("2026-11-26 12:00"))
    [order] = stage.rows(payment_orders)
    assert order.kind == ("attempt" if by_card else "instrument")
    stage.audit()


def test_a_trial_that_ends_on_its_first_day_begins_the_first_period_with_it(stage: Stage) -> None:
    subscription = begin(stage)
    with stage.work() as unit:
        ended = move_trial(unit, subscription)
    assert (ended.status, ended.current_start) == ("active", date(2026, 11, 21))
    assert billed(stage)[0][:2] == ("2026-11-21", "2026-12-21")
    assert [what for _, what in stage.told("subscription.trial_ended")] == [
        "subscription.trial_ended"
    ]
    stage.audit()


def test_a_discount_begins_with_the_first_paid_day_wherever_that_moves(stage: Stage) -> None:
    """20% of the first period: 120,000, and the whole price from the second on."""
    with stage.work() as unit:
        create_discount(
            unit, code="COBA20", name={"id": "Coba"}, basis_points=2_000, duration="once"
        )
    subscription = begin(stage, codes=["COBA20"])
    with stage.work() as unit:
        move_trial(unit, subscription, to=date(2026, 12, 15))
    stage.live_until(jakarta("2026-12-16 10:00"))
    [(*_, first)] = billed(stage)
    stage.live_until(jakarta("2027-01-10 10:00"))
    assert (first, billed(stage)[1][3]) == (120_000, 150_000)
    stage.audit()


def test_what_is_refused(stage: Stage) -> None:
    subscription, leaving = begin(stage), begin(stage)
    with stage.work() as unit:
        running = make_subscription(unit).subscription.id
        cancel(unit, leaving)
    refused = [
        (running, None, "not_on_trial"),
        (leaving, None, "cancel_scheduled"),
        (subscription, date(2026, 11, 30), "invalid_trial_end"),
        (subscription, date(2026, 11, 20), "invalid_trial_end"),
        (subscription, date(2028, 11, 25), "invalid_trial_end"),
    ]
    for one, to, code in refused:
        with pytest.raises(EngineError) as told, stage.work() as unit:
            move_trial(unit, one, to=to)
        assert told.value.code == code
    stage.audit()


def test_who_may_use_the_service(stage: Stage) -> None:
    """On trial, paid, late within seven days of grace, late beyond it, paused, gone."""
    trying = begin(stage)
    _, late, first = stage.invoice_customer()
    stage.drain()

    def told(subscription: UUID) -> tuple[bool, str]:
        with stage.work() as unit:
            found = access_of(unit, subscription).access
        return found.allowed, found.reason

    assert (told(trying), told(late)) == ((True, "trial"), (True, "active"))
    due = stage.invoice(first).due_on
    stage.live_until(jakarta(f"{due} 10:00"))
    assert told(late) == (True, "active")
    seen = []
    for day in range(1, 10):
        stage.live_until(jakarta(f"{date.fromordinal(due.toordinal() + day)} 10:00"))
        seen.append(told(late))
    # Whether it is chased from the first day or the second, the grace ends seven days after it.
    assert [allowed for allowed, _ in seen] == [True] * 6 + [False] * 3
    assert (seen[5][1], seen[6][1]) == ("grace", "grace_over")
    stage.pays(first)
    assert told(late) == (True, "active")
    with stage.work() as unit:
        pause(unit, late, policy="forfeit")
    assert told(late) == (False, "paused")
    with stage.work() as unit:
        cancel(unit, late)
    assert told(late) == (False, "ended")
    stage.audit()
