"""Cancelling: at the period's end, now, with a paid or an unpaid invoice, and thinking better."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from builders import (
    make_merchant,
    make_price,
    make_subscription,
    set_clock,
    working,
)
from sqlalchemy import select, text

from billing.engine import Engine
from billing.flows.cancel import cancel, preview_cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.renew import renew_due
from billing.queries import balance, get_subscription, scheduled_changes
from billing.service import after_paid
from core.errors import Conflict
from core.merchant import Merchant
from core.tables import events
from core.work import Work
from invoices.queries import get_invoice, list_invoices
from invoices.service import record_settled

# X12's subscription: 99,000 a month from 10 December 2026.
BEGIN = datetime(2026, 12, 10, 2, tzinfo=UTC)
DAY = datetime(2026, 12, 21, 2, tzinfo=UTC)


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN)


def pay(unit: Work, invoice_id: UUID | None) -> None:
    assert invoice_id is not None
    state = record_settled(unit, invoice_id, paid=get_invoice(unit, invoice_id).due_amount)
    after_paid(unit, state)


def begin(
    engine: Engine, merchant: Merchant, *, paid: bool = True, **terms: Any
) -> tuple[UUID, UUID, UUID]:
    """Subscription, customer, first invoice."""
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=make_price(unit, 99_000), **terms)
        if paid:
            pay(unit, made.invoice_id)
    assert made.invoice_id is not None
    return made.subscription.id, made.subscription.customer_id, made.invoice_id


def told(engine: Engine, merchant: Merchant, subscription_id: UUID) -> list[str]:
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(events.c.type)
            .where(events.c.subject_id == subscription_id)
            .order_by(events.c.seq)
        )
        return list(rows.scalars())


@pytest.mark.parametrize(
    ("day_billed", "ended_on", "given_back"),
    [
        # X12: E = 12-22, 19/31 of 99,000 = 60,677, PPN 6,674; or E = 12-21, 63,871 + 7,026.
        (True, "2026-12-22", 67_351),
        (False, "2026-12-21", 70_897),
    ],
)
def test_cancelling_now_gives_the_unused_days_back(
    engine: Engine, day_billed: bool, ended_on: str, given_back: int
) -> None:
    merchant = make_merchant(engine, at=BEGIN, cancel_day_billed=day_billed)
    subscription, customer, first = begin(engine, merchant)
    set_clock(engine, merchant.merchant_id, DAY)
    with working(engine, merchant) as unit:
        shown = preview_cancel(unit, subscription, when="now")
    with working(engine, merchant) as unit:
        ended = cancel(unit, subscription, when="now", reason="too dear")
        assert balance(unit, customer) == given_back
        assert get_invoice(unit, first).status == "paid"
    assert (ended.status, str(ended.ended_on), ended.next_at) == ("canceled", ended_on, None)
    assert ended.cancel_reason == "too dear"
    assert shown.quote.end_on == ended.ended_on
    assert [credit.amount for credit in shown.credits] == [60_677 if day_billed else 63_871]
    assert told(engine, merchant, subscription)[-1] == "subscription.canceled"


def test_an_unpaid_invoice_is_reduced(engine: Engine, merchant: Merchant) -> None:
    subscription, customer, first = begin(engine, merchant, paid=False)
    set_clock(engine, merchant.merchant_id, DAY)
    with working(engine, merchant) as unit:
        cancel(unit, subscription, when="now")
        invoice = get_invoice(unit, first)
        # 109,890 less 67,351: the days served are owed, nothing is spendable.
        assert (invoice.status, invoice.due_amount) == ("open", 42_539)
        assert balance(unit, customer) == 0


def test_an_upgrade_can_be_cancelled_a_day_later(engine: Engine, merchant: Merchant) -> None:
    # More is given back of the upgrade's charge than its netted invoice came to.
    subscription, customer, _ = begin(engine, merchant)
    set_clock(engine, merchant.merchant_id, DAY)
    with working(engine, merchant) as unit:
        done = change(unit, subscription, price_id=make_price(unit, 249_000).id)
        assert done.invoice is not None
        pay(unit, done.invoice.id)
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 22, 2, tzinfo=UTC))
    with working(engine, merchant) as unit:
        cancel(unit, subscription, when="now")
        # 160,645 for 20 days, 18 unused: 144,580.5 -> 144,581, PPN 15,904 (15,903.91).
        assert balance(unit, customer) == 144_581 + 15_904


def test_at_the_periods_end_what_is_paid_is_served(engine: Engine, merchant: Merchant) -> None:
    subscription, customer, _ = begin(engine, merchant)
    with working(engine, merchant) as unit:
        change(unit, subscription, price_id=make_price(unit, 50_000).id)  # waits
        ending = cancel(unit, subscription, reason="moving")
        assert (ending.status, str(ending.cancel_on)) == ("active", "2027-01-10")
        assert scheduled_changes(unit, [subscription]) == {}
        assert balance(unit, customer) == 0
    set_clock(engine, merchant.merchant_id, datetime(2027, 1, 9, 16, 59, tzinfo=UTC))
    assert renew_due(engine, merchant.merchant_id) == 0
    set_clock(engine, merchant.merchant_id, datetime(2027, 1, 9, 17, 0, tzinfo=UTC))
    assert renew_due(engine, merchant.merchant_id) == 1
    with working(engine, merchant) as unit:
        ended = get_subscription(unit, subscription)
        assert len(list_invoices(unit)) == 1
    assert (ended.status, str(ended.ended_on)) == ("canceled", "2027-01-10")
    assert told(engine, merchant, subscription)[-2:] == [
        "subscription.cancel_scheduled",
        "subscription.canceled",
    ]


def test_an_invoice_issued_ahead_is_taken_back_and_comes_back(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, _, _ = begin(engine, merchant)
    set_clock(engine, merchant.merchant_id, datetime(2027, 1, 5, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        [ahead] = [one for one in list_invoices(unit) if one.status == "open"]
        cancel(unit, subscription)
        assert get_invoice(unit, ahead.id).status == "void"
    with working(engine, merchant) as unit:
        again = undo_cancel(unit, subscription)
        [new] = [one for one in list_invoices(unit) if one.status == "open"]
    assert (str(new.period_start), new.number, new.total_amount) == (
        "2027-01-10",
        "INV-2027-000002",
        109_890,
    )
    assert (str(again.billed_through), again.cancel_on) == ("2027-02-10", None)
    set_clock(engine, merchant.merchant_id, datetime(2027, 3, 1, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        starts = sorted(
            str(one.period_start) for one in list_invoices(unit) if one.status != "void"
        )
        books = unit.session.execute(
            text(
                "SELECT coalesce(sum(amount), 0) FROM postings p JOIN journals j ON j.id = p.journal_id WHERE j.subject_id = :i AND account = 'receivable'"
            ),
            {"i": ahead.id},
        ).scalar_one()
    assert starts == ["2026-12-10", "2027-01-10", "2027-02-10"]
    assert books == 0


def test_a_trial_ends_at_once_or_with_its_last_day(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit, trial_days=14)
        now = make_subscription(unit, price=price).subscription
        later = make_subscription(unit, price=price).subscription
        assert str(cancel(unit, now.id, when="now").ended_on) == "2026-12-11"
        assert str(cancel(unit, later.id).cancel_on) == "2026-12-24"
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 30, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        assert list_invoices(unit) == []
        assert get_subscription(unit, later.id).status == "canceled"


def test_a_sign_up_that_waits_for_its_payment_is_taken_back_whole(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit, interactive=True)
        assert made.invoice_id is not None
        ended = cancel(unit, made.subscription.id)
        # There is no period to be served to its end: it ends with today.
        assert (ended.status, str(ended.ended_on)) == ("canceled", "2026-12-11")
        assert get_invoice(unit, made.invoice_id).status == "void"


def test_a_cancellation_can_not_be_repeated_nor_undone_twice(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, _, _ = begin(engine, merchant)
    with working(engine, merchant) as unit:
        with pytest.raises(Conflict, match="not about to end"):
            undo_cancel(unit, subscription)
        cancel(unit, subscription, when="now")
    with pytest.raises(Conflict, match="has ended"), working(engine, merchant) as unit:
        cancel(unit, subscription, when="now")


def test_paid_ahead_is_served_to_its_end(engine: Engine, merchant: Merchant) -> None:
    subscription, _, _ = begin(engine, merchant)
    set_clock(engine, merchant.merchant_id, datetime(2027, 1, 5, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        [ahead] = [one for one in list_invoices(unit) if one.status == "open"]
        pay(unit, ahead.id)
        assert str(cancel(unit, subscription).cancel_on) == "2027-02-10"
