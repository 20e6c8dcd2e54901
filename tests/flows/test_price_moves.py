"""Subscribers moved to a new version: shown, announced in time, billed so, left out, undone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, set_clock, working
from changes import pay
from fakes import MachineTime
from sqlalchemy import select, update

from billing import queries
from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_items import change_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish
from billing.flows.move_rows import Progress, progress_of
from billing.flows.moves import move_due, preview_move, start_move, undo_move
from billing.flows.overrides import make_override
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.moves.queries import Move, get_move
from billing.moves.rules import first_period
from billing.moves.tables import price_moves
from billing.renewals import Agreement
from billing.tables import subscription_changes
from core.errors import Conflict, InvalidRequest
from core.merchant import Merchant
from core.tables import messages
from invoices.queries import get_invoice, lines_of, list_invoices
from ops.doctor import examine, render
from payments.tables import reviews
from plans.queries import Price
from plans.service import publish_price

BEGIN = datetime(2026, 11, 15, 2, tzinfo=UTC)


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, issue_lead_days=0)


@pytest.fixture
def versions(engine: Engine, merchant: Merchant) -> tuple[Price, Price]:
    """A plan of 150,000 a month, and its next version of 175,000."""
    with working(engine, merchant) as unit:
        old = make_price(unit, 150_000)
        new = publish_price(unit, old.plan_id, unit_amount=175_000, interval_unit="month")
    return old, new


def begun(engine: Engine, merchant: Merchant, price: Price, **more: object) -> UUID:
    with working(engine, merchant) as unit:
        made = subscribe(unit, customer_id=make_customer(unit).id, price_id=price.id, **more)  # type: ignore[arg-type]
        if made.invoice_id is not None:
            pay(unit, made.invoice_id, get_invoice(unit, made.invoice_id).total_amount)
    return made.subscription.id


def moved(engine: Engine, merchant: Merchant, old: Price, new: Price, **more: object) -> Move:
    with working(engine, merchant) as unit:
        move = start_move(unit, old.id, new.id, **more)  # type: ignore[arg-type]
    while move_due(engine, merchant.merchant_id):
        pass
    return move


def progress(engine: Engine, merchant: Merchant, move: Move) -> tuple[str, Progress]:
    with working(engine, merchant) as unit:
        now = get_move(unit, move.id)
        return now.state, progress_of(unit, now)


def mails(engine: Engine, merchant: Merchant) -> list[tuple[str, str, dict[str, object]]]:
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(messages.c.kind, messages.c.locale, messages.c.payload)
            .where(
                messages.c.merchant_id == unit.merchant_id,
                messages.c.kind.like("subscription.price%"),
            )
            .order_by(messages.c.kind, messages.c.locale)
        )
        return [(row.kind, row.locale, row.payload) for row in rows]


def billed(engine: Engine, merchant: Merchant, subscription: UUID) -> list[tuple[date, int]]:
    with working(engine, merchant) as unit:
        found = list_invoices(unit, subscription_id=subscription)
        return sorted(
            (one.period_start, lines_of(unit, one.id)[0].amount)
            for one in found
            if one.period_start is not None
        )


def live(engine: Engine, merchant: Merchant, day: date) -> None:
    set_clock(engine, merchant.merchant_id, datetime(day.year, day.month, day.day, 2, tzinfo=UTC))
    while renew_due(engine, merchant.merchant_id):
        pass


def matters(engine: Engine, merchant: Merchant, move: Move) -> list[tuple[str, bool]]:
    """The matters about a move that were put before a person, and whether they are open."""
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(reviews.c.kind, reviews.c.closed_at).where(
                reviews.c.merchant_id == unit.merchant_id, reviews.c.subject_id == move.id
            )
        )
        return [(row.kind, row.closed_at is None) for row in rows]


def sound(engine: Engine) -> None:
    report = examine(engine.db, MachineTime().at)
    names = {"moved-as-announced", "lines-compute", "lines-add-up", "no-period-missing",
             "one-invoice-a-period", "served-is-billed", "one-item-in-force"}  # fmt: skip
    assert not names - {result.name for result in report.results}
    assert not names & {result.name for result in report.broken}, render(report)


def test_a_subscriber_is_told_first_and_billed_what_he_was_told_from_the_first_period_after(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    mine = begun(engine, merchant, old, quantity=2)
    with working(engine, merchant) as unit:
        # Thirty days of notice: the period of 15 December is 30 days ahead, and is the first.
        [shown] = preview_move(unit, old.id, new.id)
        assert shown.period is not None
        assert shown.old is not None
        assert shown.new is not None
        assert shown.period.start == date(2026, 12, 15)
        assert (shown.old.total.amount, shown.new.total.amount) == (333_000, 388_500)
        assert list(queries.scheduled_changes(unit, [mine])) == []
    move = moved(engine, merchant, old, new)
    assert progress(engine, merchant, move) == ("announced", Progress(1, 0, 0, {}, 0))
    assert mails(engine, merchant) == [
        ("subscription.price_changes", "id", {
            "when": "2026-12-15", "plan": {"id": "Paket Pro × 2"},
            "amount": 388_500, "charged": 333_000,
        }),
    ]  # fmt: skip
    live(engine, merchant, date(2026, 12, 15))
    live(engine, merchant, date(2027, 1, 15))
    assert billed(engine, merchant, mine) == [
        (date(2026, 11, 15), 300_000), (date(2026, 12, 15), 350_000), (date(2027, 1, 15), 350_000),
    ]  # fmt: skip
    assert progress(engine, merchant, move) == ("announced", Progress(0, 1, 0, {}, 0))
    with working(engine, merchant) as unit:
        [renewal] = [
            one for one in list_invoices(unit, subscription_id=mine)
            if one.period_start == date(2026, 12, 15)
        ]  # fmt: skip
        assert renewal.total_amount == shown.new.total.amount
    sound(engine)


def test_a_later_day_waits_and_a_day_within_the_notice_is_put_off(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    mine = begun(engine, merchant, old)
    move = moved(engine, merchant, old, new, not_before=date(2026, 11, 20), notice_days=31)
    assert move.not_before == date(2026, 12, 16)
    live(engine, merchant, date(2026, 12, 15))
    live(engine, merchant, date(2027, 1, 15))
    assert [amount for _, amount in billed(engine, merchant, mine)] == [150_000, 150_000, 175_000]
    sound(engine)


def test_a_worker_that_was_away_gives_the_notice_from_the_day_it_tells(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    mine = begun(engine, merchant, old)
    with working(engine, merchant) as unit:
        start_move(unit, old.id, new.id)
    live(engine, merchant, date(2026, 12, 1))
    while move_due(engine, merchant.merchant_id):
        pass
    live(engine, merchant, date(2026, 12, 15))
    live(engine, merchant, date(2027, 1, 15))
    assert [amount for _, amount in billed(engine, merchant, mine)] == [150_000, 150_000, 175_000]
    sound(engine)


def test_a_move_is_undone_for_all_whose_day_has_not_come(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    first = begun(engine, merchant, old)
    set_clock(engine, merchant.merchant_id, BEGIN + timedelta(days=5))
    later = begun(engine, merchant, old)
    move = moved(engine, merchant, old, new, notice_days=1)
    live(engine, merchant, date(2026, 12, 15))
    with working(engine, merchant) as unit:
        undo_move(unit, move.id)
    while move_due(engine, merchant.merchant_id):
        pass
    assert progress(engine, merchant, move) == ("undone", Progress(0, 1, 1, {}, 0))
    assert mails(engine, merchant)[-1] == (
        "subscription.price_kept", "id", {"plan": {"id": "Paket Pro"}, "amount": 166_500},
    )  # fmt: skip
    live(engine, merchant, date(2026, 12, 20))
    assert billed(engine, merchant, first)[-1] == (date(2026, 12, 15), 175_000)
    assert billed(engine, merchant, later)[-1] == (date(2026, 12, 20), 150_000)
    with working(engine, merchant) as unit:
        assert undo_move(unit, move.id).state == "undone"
        again = preview_move(unit, old.id, new.id)
        assert [one.case.row.id for one in again] == [later]
    sound(engine)


def test_who_can_not_be_moved_by_himself_is_left_out_with_the_reason(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    ending, waits, own = (begun(engine, merchant, old) for _ in range(3))
    with working(engine, merchant) as unit:
        other = make_price(unit, 50_000)
        beside = subscribe(unit, customer_id=make_customer(unit).id, price_id=other.id)
        assert beside.invoice_id is not None
        pay(unit, beside.invoice_id, 55_500)
        added = change_item(unit, beside.subscription.id, ItemWish(price_id=old.id))
        assert added.invoice is not None
        pay(unit, added.invoice.id, added.invoice.due)
        cancel(unit, ending, reason="too_expensive")
        change(unit, waits, quantity=None, price_id=other.id)
        who = queries.get_subscription(unit, own).customer_id
        make_override(unit, who, new.id, name="Mitra", unit_amount=160_000)
        yet_to_pay = make_customer(unit).id
        subscribe(
            unit, customer_id=yet_to_pay, price_id=old.id, collection="automatic", interactive=True
        )
    move = moved(engine, merchant, old, new)
    left_out = {"ending": 1, "change_waits": 1, "own_price": 1, "beside_first": 1, "not_served": 1}
    assert progress(engine, merchant, move) == ("announced", Progress(0, 0, 0, left_out, 0))
    assert mails(engine, merchant) == []
    with working(engine, merchant) as unit:
        changes = unit.session.execute(
            select(subscription_changes.c.reason).where(
                subscription_changes.c.merchant_id == unit.merchant_id
            )
        ).scalars()
        assert "price_move" not in set(changes)
    sound(engine)


def test_versions_that_differ_in_more_than_the_price_are_refused(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    begun(engine, merchant, old)
    with working(engine, merchant) as unit:
        yearly = publish_price(unit, old.plan_id, unit_amount=1, interval_unit="year")
        for other in (yearly, make_price(unit, 1), old):
            with pytest.raises(Conflict, match="one plan"):
                preview_move(unit, old.id, other.id)
        with pytest.raises(InvalidRequest, match="notice_days"):
            start_move(unit, old.id, new.id, notice_days=366)
        start_move(unit, old.id, new.id, key="once")
        assert start_move(unit, old.id, new.id, key="once").state == "running"
        with pytest.raises(Conflict, match="not finished"):
            start_move(unit, old.id, new.id)


def test_a_move_to_a_day_years_ahead_is_refused_before_anybody_is_told(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    begun(engine, merchant, old)
    for day in (date(9999, 12, 31), date(2028, 11, 16)):
        with working(engine, merchant) as unit:
            with pytest.raises(InvalidRequest, match="two years"):
                preview_move(unit, old.id, new.id, not_before=day)
            with pytest.raises(InvalidRequest, match="two years"):
                start_move(unit, old.id, new.id, not_before=day)
    with working(engine, merchant) as unit:
        start_move(unit, old.id, new.id, not_before=date(2028, 11, 15))


def test_a_move_that_trips_is_put_before_a_person_and_holds_up_no_other(
    engine: Engine, merchant: Merchant, versions: tuple[Price, Price]
) -> None:
    old, new = versions
    begun(engine, merchant, old)
    with working(engine, merchant) as unit:
        other = make_price(unit, 50_000)
        dearer = publish_price(unit, other.plan_id, unit_amount=60_000, interval_unit="month")
    begun(engine, merchant, other)
    with working(engine, merchant) as unit:
        good = start_move(unit, old.id, new.id)
    set_clock(engine, merchant.merchant_id, BEGIN + timedelta(days=1))
    with working(engine, merchant) as unit:
        # Newer, so first in turn; the day is one that was taken before it was refused.
        bad = start_move(unit, other.id, dearer.id)
        unit.session.execute(
            update(price_moves)
            .where(price_moves.c.merchant_id == unit.merchant_id, price_moves.c.id == bad.id)
            .values(not_before=date(9999, 12, 31))
        )
    while move_due(engine, merchant.merchant_id):
        pass
    assert progress(engine, merchant, good) == ("announced", Progress(1, 0, 0, {}, 0))
    assert progress(engine, merchant, bad)[0] == "running"
    assert matters(engine, merchant, bad) == [("move_failed", True)]
    with working(engine, merchant) as unit:
        undo_move(unit, bad.id)
    while move_due(engine, merchant.merchant_id):
        pass
    assert progress(engine, merchant, bad)[0] == "undone"
    assert matters(engine, merchant, bad) == [("move_failed", False)]
    sound(engine)


def test_the_first_period_is_the_first_that_is_not_billed_and_not_too_early() -> None:
    from billing.lifecycle import SubscriptionStatus
    from core.calendars import Anchor, Interval, Period

    agreement = Agreement(
        status=SubscriptionStatus.ACTIVE, collection="invoice", zone="Asia/Jakarta",
        anchor=Anchor(date(2026, 1, 31), 31), interval=Interval("month", 1), lead_days=7,
        current=Period(date(2026, 1, 31), date(2026, 2, 28)), billed_through=date(2026, 3, 31),
        trial_end_on=None, cancel_on=None, incomplete_until=None,
    )  # fmt: skip
    assert first_period(agreement, date(2026, 2, 1)) == Period(date(2026, 3, 31), date(2026, 4, 30))
    assert first_period(agreement, date(2026, 4, 1)) == Period(date(2026, 4, 30), date(2026, 5, 31))
