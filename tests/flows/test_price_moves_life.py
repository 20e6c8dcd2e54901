"""Moves of subscribers who are paused, cancelled or go on after all before their day."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from builders import make_merchant, make_price, make_subscription, working
from changes import pay
from metered import FEBRUARY, JANUARY, sound, to
from sqlalchemy import update

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.move_rows import progress_of
from billing.flows.moves import move_due, preview_move, start_move, undo_move
from billing.flows.pause import pause, undo_pause
from billing.moves.queries import get_move
from billing.tables import subscription_changes
from core.errors import Conflict
from core.merchant import Merchant
from core.work import Work
from invoices.queries import get_invoice, list_invoices
from plans.queries import Price
from plans.service import publish_price

pytestmark = pytest.mark.database

LATE_JANUARY = datetime(2027, 1, 26, 3, tzinfo=UTC)


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=7)


@pytest.fixture
def versions(engine: Engine, merchant: Merchant) -> tuple[Price, Price]:
    """A plan of 150,000 a month, and its next version of 175,000."""
    with working(engine, merchant) as unit:
        old = make_price(unit, 150_000)
        new = publish_price(unit, old.plan_id, unit_amount=175_000, interval_unit="month")
    return old, new


def test_who_is_about_to_be_paused_is_left_out_and_goes_on_at_his_price(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=old)
        assert made.invoice_id is not None
        pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
    to(engine, merchant, LATE_JANUARY)
    with working(engine, merchant) as unit:
        pause(unit, made.subscription.id)
        move = start_move(unit, old.id, new.id, notice_days=0)
    while move_due(engine, merchant.merchant_id):
        pass
    with working(engine, merchant) as unit:
        assert progress_of(unit, get_move(unit, move.id)).excepted == {"paused": 1}
        undo_pause(unit, made.subscription.id)
    assert _billed(engine, merchant, made.subscription.id)[-1] == 150_000
    sound(engine)


def test_what_was_announced_is_billed_anew_after_a_pause_that_was_undone(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    """A change that waits beside a pause, as moves of before left it."""
    old, new = versions
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=old)
        assert made.invoice_id is not None
        pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
        start_move(unit, old.id, new.id, notice_days=30)
    while move_due(engine, merchant.merchant_id):
        pass
    with working(engine, merchant) as unit:
        _state(unit, made.subscription.id, "replaced")
    to(engine, merchant, LATE_JANUARY)
    with working(engine, merchant) as unit:
        pause(unit, made.subscription.id)
        _state(unit, made.subscription.id, "scheduled")
    with working(engine, merchant) as unit:
        undo_pause(unit, made.subscription.id)
    assert _billed(engine, merchant, made.subscription.id)[-1] == 175_000
    to(engine, merchant, FEBRUARY)
    sound(engine)


def test_who_cancels_and_goes_on_after_all_has_the_version_he_was_told(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    with working(engine, merchant) as unit:
        goes_on, leaves = (make_subscription(unit, price=old) for _ in range(2))
        for made in (goes_on, leaves):
            assert made.invoice_id is not None
            pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
        move = start_move(unit, old.id, new.id, notice_days=30)
    while move_due(engine, merchant.merchant_id):
        pass
    with working(engine, merchant) as unit:
        cancel(unit, leaves.subscription.id)
        cancel(unit, goes_on.subscription.id)
        done = progress_of(unit, get_move(unit, move.id))
        assert (done.waiting, done.replaced, done.escaped) == (0, 2, 2)
        undo_cancel(unit, goes_on.subscription.id)
        done = progress_of(unit, get_move(unit, move.id))
        assert (done.waiting, done.replaced, done.escaped) == (1, 1, 1)
    to(engine, merchant, LATE_JANUARY)
    assert _billed(engine, merchant, goes_on.subscription.id) == [150_000, 175_000]
    assert _billed(engine, merchant, leaves.subscription.id) == [150_000]
    to(engine, merchant, FEBRUARY)
    sound(engine)


def test_a_move_that_was_undone_meanwhile_is_not_put_back(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=old)
        move = start_move(unit, old.id, new.id, notice_days=30)
    while move_due(engine, merchant.merchant_id):
        pass
    with working(engine, merchant) as unit:
        cancel(unit, made.subscription.id)
        undo_move(unit, move.id)
    while move_due(engine, merchant.merchant_id):
        pass
    with working(engine, merchant) as unit:
        undo_cancel(unit, made.subscription.id)
        assert not queries.scheduled_changes(unit, [made.subscription.id])
    to(engine, merchant, LATE_JANUARY)
    assert _billed(engine, merchant, made.subscription.id) == [150_000, 150_000]
    sound(engine)


def test_a_price_of_another_part_of_the_plan_is_no_later_version(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, _ = versions
    with working(engine, merchant) as unit:
        seats = publish_price(
            unit, old.plan_id, unit_amount=25_000, interval_unit="month",
            component={"id": "Pengguna", "en": "Seats"},
        )  # fmt: skip
        with pytest.raises(Conflict, match="one plan"):
            preview_move(unit, old.id, seats.id)
        with pytest.raises(Conflict, match="one plan"):
            start_move(unit, old.id, seats.id)


def _state(unit: Work, subscription: UUID, state: str) -> None:
    table = subscription_changes.c
    unit.session.execute(
        update(subscription_changes)
        .where(
            table.merchant_id == unit.merchant_id,
            table.subscription_id == subscription,
            table.reason == "price_move",
        )
        .values(state=state, closed_at=None if state == "scheduled" else unit.now)
    )


def _billed(engine: Engine, merchant: Merchant, subscription: UUID) -> list[int]:
    with working(engine, merchant) as unit:
        found = list_invoices(unit, subscription_id=subscription)
        return [one.total_amount for one in sorted(found, key=lambda one: one.number or "")]
