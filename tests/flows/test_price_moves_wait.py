"""A price that was announced waits on: neither a pause, a trial nor another quantity drops it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, make_subscription, working
from changes import pay
from metered import FEBRUARY, JANUARY, MARCH, sound, to

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_items import change_item
from billing.flows.change_plan import change, drop_change
from billing.flows.item_quote import ItemWish
from billing.flows.move_rows import progress_of
from billing.flows.moves import move_due, start_move, undo_move
from billing.flows.pause import pause, resume
from billing.flows.take_out import take_out
from billing.flows.trial import move_trial
from billing.moves.queries import get_move
from core.merchant import Merchant
from invoices.queries import get_invoice, list_invoices
from plans.queries import Price
from plans.service import publish_price

pytestmark = pytest.mark.database


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=JANUARY, pkp_since=None, issue_lead_days=0)


@pytest.fixture
def versions(engine: Engine, merchant: Merchant) -> tuple[Price, Price]:
    """A plan of 150,000 a month, and its next version of 175,000."""
    with working(engine, merchant) as unit:
        old = make_price(unit, 150_000)
        new = publish_price(unit, old.plan_id, unit_amount=175_000, interval_unit="month")
    return old, new


def announced(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price], *, notice_days: int = 0,
    **terms: object,
) -> tuple[UUID, UUID]:  # fmt: skip
    """A subscription of the old version, paid for, that is told of the new one; and the move."""
    old, new = versions
    with working(engine, merchant) as unit:
        made = make_subscription(unit, customer=make_customer(unit), price=old, **terms)
        if made.invoice_id is not None:
            pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
        move = start_move(unit, old.id, new.id, notice_days=notice_days)
    while move_due(engine, merchant.merchant_id):
        pass
    return made.subscription.id, move.id


def billed(engine: Engine, merchant: Merchant, subscription: UUID) -> list[tuple[str, int]]:
    with working(engine, merchant) as unit:
        return sorted(
            (str(one.period_start), one.total_amount)
            for one in list_invoices(unit, subscription_id=subscription)
            if one.status != "void" and one.kind == "period"
        )


def test_who_takes_more_at_once_pays_the_announced_price_for_all_of_them(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, move = announced(engine, merchant, versions)
    to(engine, merchant, datetime(2027, 1, 10, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        change(unit, subscription, quantity=3, mode="prorate")
        done = progress_of(unit, get_move(unit, move))
        assert (done.waiting, done.replaced) == (1, 0)
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription) == [
        ("2027-01-01", 150_000), ("2027-02-01", 525_000),
    ]  # fmt: skip
    sound(engine)


def test_fewer_from_the_day_the_price_changes_are_billed_at_the_new_one(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions, quantity=3)
    with working(engine, merchant) as unit:
        assert not change(unit, subscription, quantity=2, mode="at_period_end").applied
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 350_000)]
    sound(engine)


@pytest.mark.parametrize(("drops", "sums"), [(False, (300, 350)), (True, (450, 525))])
def test_a_price_announced_for_later_waits_behind_fewer_from_the_next_period(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price],
    drops: bool, sums: tuple[int, int],
) -> None:  # fmt: skip
    subscription, move = announced(engine, merchant, versions, quantity=3, notice_days=45)
    with working(engine, merchant) as unit:
        change(unit, subscription, quantity=2, mode="at_period_end")
        if drops:
            assert drop_change(unit, subscription)
    to(engine, merchant, FEBRUARY)
    with working(engine, merchant) as unit:
        assert progress_of(unit, get_move(unit, move)).waiting == 1
    to(engine, merchant, MARCH)
    assert billed(engine, merchant, subscription)[1:] == [
        ("2027-02-01", sums[0] * 1_000), ("2027-03-01", sums[1] * 1_000),
    ]  # fmt: skip
    sound(engine)


def test_a_move_undone_while_fewer_wait_is_not_put_back(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, move = announced(engine, merchant, versions, quantity=3, notice_days=45)
    with working(engine, merchant) as unit:
        change(unit, subscription, quantity=2, mode="at_period_end")
        undo_move(unit, move)
    while move_due(engine, merchant.merchant_id):
        pass
    to(engine, merchant, MARCH)
    assert [one[1] for one in billed(engine, merchant, subscription)] == [450_000, 300_000, 300_000]
    sound(engine)


def test_another_plan_takes_the_place_of_a_price_that_was_announced(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, move = announced(engine, merchant, versions)
    with working(engine, merchant) as unit:
        change(unit, subscription, price_id=make_price(unit, 300_000).id)
        assert progress_of(unit, get_move(unit, move)).replaced == 1
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 300_000)]


def test_who_pauses_comes_back_to_the_price_he_was_told(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    """Back before its day he pays the old one first, from its day on the new one."""
    early, _ = announced(engine, merchant, versions)
    with working(engine, merchant) as unit:
        pause(unit, early, policy="give_back", resume_on=date(2027, 1, 20))
    to(engine, merchant, datetime(2027, 1, 20, 3, tzinfo=UTC))
    to(engine, merchant, datetime(2027, 2, 20, 3, tzinfo=UTC))
    # What was given back of January pays for it.
    assert billed(engine, merchant, early)[1:] == [
        ("2027-01-20", 150_000), ("2027-02-20", 175_000),
    ]  # fmt: skip
    with working(engine, merchant) as unit:
        pause(unit, early, policy="forfeit")
        resume(unit, early)
    sound(engine)


def test_a_trial_is_moved_and_a_thing_beside_is_taken_while_a_price_waits(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions, trial_days=10)
    with working(engine, merchant) as unit:
        move_trial(unit, subscription, to=date(2027, 1, 21))
        change_item(unit, subscription, ItemWish(price_id=make_price(unit, 10_000).id))
        assert queries.scheduled_changes(unit, [subscription])
    to(engine, merchant, datetime(2027, 1, 21, 3, tzinfo=UTC))
    assert billed(engine, merchant, subscription) == [("2027-01-21", 185_000)]
    sound(engine)


def test_more_that_nobody_paid_for_is_not_billed_at_the_announced_price(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions)
    to(engine, merchant, datetime(2027, 1, 10, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        taken = change(unit, subscription, quantity=3, mode="prorate").planned.invoice_id
    assert taken is not None
    to(engine, merchant, datetime(2027, 1, 11, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        take_out(unit, taken, reason="mistake")
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 175_000)]
    sound(engine)


def test_fewer_asked_for_since_stay_fewer_when_more_are_taken_out(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions, quantity=4)
    to(engine, merchant, datetime(2027, 1, 10, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        taken = change(unit, subscription, quantity=5, mode="prorate").planned.invoice_id
        change(unit, subscription, quantity=2, mode="at_period_end")
    assert taken is not None
    with working(engine, merchant) as unit:
        take_out(unit, taken, reason="mistake")
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 350_000)]
    sound(engine)


def test_fewer_asked_for_and_dropped_leave_the_announced_price_waiting_for_all(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions, quantity=3)
    with working(engine, merchant) as unit:
        change(unit, subscription, quantity=1, mode="at_period_end")
    with working(engine, merchant) as unit:
        assert drop_change(unit, subscription)
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 525_000)]
    sound(engine)


def test_an_upgrade_that_is_voided_leaves_the_announced_price_waiting(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, move = announced(engine, merchant, versions)
    with working(engine, merchant) as unit:
        dearer = make_price(unit, 300_000).id
        taken = change(unit, subscription, price_id=dearer, mode="prorate").planned.invoice_id
    assert taken is not None
    with working(engine, merchant) as unit:
        take_out(unit, taken, reason="mistake")
        assert progress_of(unit, get_move(unit, move)).waiting == 1
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 175_000)]
    sound(engine)


def test_a_downgrade_asked_for_and_dropped_leaves_the_announced_price_waiting(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, _ = announced(engine, merchant, versions)
    with working(engine, merchant) as unit:
        for amount in (120_000, 90_000):
            wanted = make_price(unit, amount).id
            assert not change(unit, subscription, price_id=wanted, mode="at_period_end").applied
    with working(engine, merchant) as unit:
        assert drop_change(unit, subscription)
    to(engine, merchant, FEBRUARY)
    assert billed(engine, merchant, subscription)[1:] == [("2027-02-01", 175_000)]
    sound(engine)


def test_a_downgrade_that_came_leaves_nothing_of_the_announced_price(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    subscription, move = announced(engine, merchant, versions)
    with working(engine, merchant) as unit:
        wanted = make_price(unit, 90_000).id
        change(unit, subscription, price_id=wanted, mode="at_period_end")
    to(engine, merchant, MARCH)
    with working(engine, merchant) as unit:
        assert progress_of(unit, get_move(unit, move)).replaced == 1
    assert [one[1] for one in billed(engine, merchant, subscription)] == [150_000, 90_000, 90_000]
    sound(engine)


@pytest.mark.parametrize(("until", "undone"), [("04-10", True), ("02-03", True), ("04-10", False)])
def test_an_end_that_is_put_off_keeps_the_announced_price(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price], until: str, undone: bool
) -> None:
    """Also where it is to end before its day first, and not at all then."""
    subscription, move = announced(engine, merchant, versions, notice_days=45)
    with working(engine, merchant) as unit:
        cancel(unit, subscription)
    to(engine, merchant, datetime(2027, 1, 5, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        cancel(unit, subscription, when="date", to=date.fromisoformat(f"2027-{until}"))
        waiting = progress_of(unit, get_move(unit, move)).waiting
    assert waiting == (0 if until == "02-03" else 1)
    to(engine, merchant, datetime(2027, 1, 6, 3, tzinfo=UTC))
    if undone:
        with working(engine, merchant) as unit:
            undo_cancel(unit, subscription)
    to(engine, merchant, MARCH)
    assert billed(engine, merchant, subscription)[1:] == [
        ("2027-02-01", 150_000), ("2027-03-01", 175_000),
    ]  # fmt: skip
    sound(engine)
