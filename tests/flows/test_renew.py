"""Renewal over months: diaries of periods, three zones, outages, several workers at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import (
    START,
    make_customer,
    make_merchant,
    make_method,
    make_price,
    make_subscription,
    set_clock,
    working,
)
from sqlalchemy import select, text

from billing.engine import Engine
from billing.flows.renew import renew_due
from billing.queries import get_subscription
from billing.service import after_paid
from core.calendars import civil_date
from core.merchant import Merchant
from core.tables import events
from invoices.queries import Invoice, list_invoices
from invoices.service import record_settled

D = date.fromisoformat


def at(day: str, hour: int = 2) -> datetime:
    return datetime.combine(D(day), datetime.min.time(), UTC) + timedelta(hours=hour)


def live(engine: Engine, merchant: Merchant, start: datetime, until: datetime) -> None:
    """Live day by day, an hour after midnight in Jayapura, the easternmost zone."""
    now = start
    while now <= until:
        set_clock(engine, merchant.merchant_id, now)
        renew_due(engine, merchant.merchant_id)
        now += timedelta(days=1)


def invoices_of(engine: Engine, merchant: Merchant, subscription_id: UUID) -> list[Invoice]:
    with working(engine, merchant) as unit:
        found = list_invoices(unit, subscription_id=subscription_id, limit=1000)
    return sorted(found, key=lambda invoice: str(invoice.period_start))


def diary(found: list[Invoice]) -> list[tuple[str, str, str]]:
    return [(str(one.issued_on), str(one.period_start), str(one.period_end)) for one in found]


def test_the_31st_comes_back_after_short_months(engine: Engine) -> None:
    merchant = make_merchant(engine, at=at("2027-01-31"))
    with working(engine, merchant) as unit:
        method = make_method(unit, (customer := make_customer(unit)).id)
        made = make_subscription(unit, customer=customer, payment_method_id=method)
        paid = record_settled(unit, made.invoice_id, paid=166_500)  # type: ignore[arg-type]
        after_paid(unit, paid)
    live(engine, merchant, at("2027-02-01", 17), at("2027-12-31", 17))

    # Automatic: issued on the boundary itself.
    assert diary(invoices_of(engine, merchant, made.subscription.id)) == [
        ("2027-01-31", "2027-01-31", "2027-02-28"),
        ("2027-02-28", "2027-02-28", "2027-03-31"),
        ("2027-03-31", "2027-03-31", "2027-04-30"),
        ("2027-04-30", "2027-04-30", "2027-05-31"),
        ("2027-05-31", "2027-05-31", "2027-06-30"),
        ("2027-06-30", "2027-06-30", "2027-07-31"),
        ("2027-07-31", "2027-07-31", "2027-08-31"),
        ("2027-08-31", "2027-08-31", "2027-09-30"),
        ("2027-09-30", "2027-09-30", "2027-10-31"),
        ("2027-10-31", "2027-10-31", "2027-11-30"),
        ("2027-11-30", "2027-11-30", "2027-12-31"),
        ("2027-12-31", "2027-12-31", "2028-01-31"),
    ]


def test_invoice_collection_is_issued_a_week_ahead(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit)
    live(engine, merchant, START, at("2027-03-12"))
    found = invoices_of(engine, merchant, made.subscription.id)
    assert diary(found) == [
        ("2027-01-10", "2027-01-10", "2027-02-10"),
        ("2027-02-03", "2027-02-10", "2027-03-10"),
        ("2027-03-03", "2027-03-10", "2027-04-10"),
    ]
    assert [str(one.due_on) for one in found] == ["2027-01-17", "2027-02-10", "2027-03-10"]
    assert all(one.collect_at == one.issued_at for one in found)


@pytest.mark.parametrize(
    ("zone", "boundary"),
    [
        # 1 February begins at 00:00 local: WIB +7, WITA +8, WIT +9.
        ("Asia/Jakarta", "2027-01-31T17:00:00+00:00"),
        ("Asia/Makassar", "2027-01-31T16:00:00+00:00"),
        ("Asia/Jayapura", "2027-01-31T15:00:00+00:00"),
    ],
)
def test_a_period_begins_at_midnight_where_the_customer_is(
    engine: Engine, zone: str, boundary: str
) -> None:
    merchant = make_merchant(engine, at=at("2027-01-01"))
    instant = datetime.fromisoformat(boundary)
    with working(engine, merchant) as unit:
        customer = make_customer(unit, billing_zone=zone)
        method = make_method(unit, customer.id)
        made = make_subscription(unit, customer=customer, payment_method_id=method)
        after_paid(unit, record_settled(unit, made.invoice_id, paid=166_500))  # type: ignore[arg-type]
        assert get_subscription(unit, made.subscription.id).next_at == instant

    set_clock(engine, merchant.merchant_id, instant - timedelta(seconds=1))
    assert renew_due(engine, merchant.merchant_id) == 0
    set_clock(engine, merchant.merchant_id, instant)
    assert renew_due(engine, merchant.merchant_id) == 2  # issued and entered

    [_, second] = invoices_of(engine, merchant, made.subscription.id)
    assert str(second.period_start) == "2027-02-01"
    # Charged between 08:00 and 10:00 where the payer is, not at midnight.
    assert second.collect_at is not None
    local = second.collect_at - instant
    assert timedelta(hours=8) <= local < timedelta(hours=10)
    assert civil_date(second.collect_at, zone) == D("2027-02-01")


def test_an_outage_of_100_days_is_caught_up_one_invoice_a_period(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        weekly = make_price(unit, 40_000, interval_unit="week")
        made = make_subscription(unit, price=price)
        small = make_subscription(unit, price=weekly)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=100))
    renew_due(engine, merchant.merchant_id)

    # Day 100 is 20 April: the period from 10 April runs, the next is due from 3 May.
    found = invoices_of(engine, merchant, made.subscription.id)
    assert [str(one.period_start) for one in found] == [
        "2027-01-10", "2027-02-10", "2027-03-10", "2027-04-10",
    ]  # fmt: skip
    assert len({one.number for one in found}) == 4
    assert [one.number for one in found] == sorted(str(one.number) for one in found)
    # Weekly: day 100 is the third of week 15, and week 16 is 4 days ahead: lead is 3.
    assert len(invoices_of(engine, merchant, small.subscription.id)) == 15
    with working(engine, merchant) as unit:
        now = get_subscription(unit, made.subscription.id)
    assert (str(now.current_start), str(now.current_end)) == ("2027-04-10", "2027-05-10")


def test_a_second_run_changes_nothing(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        for _ in range(3):
            make_subscription(unit, price=price)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=40))
    first = renew_due(engine, merchant.merchant_id)
    before = counts(engine, merchant)
    assert renew_due(engine, merchant.merchant_id) == 0
    assert first == 3 * 2  # 19 February: February's was issued on the 3rd, entered on the 10th
    assert counts(engine, merchant) == before


def counts(engine: Engine, merchant: Merchant) -> dict[str, int]:
    found = {}
    with working(engine, merchant) as unit:
        for table in ("invoices", "invoice_lines", "journals", "postings", "events", "messages"):
            found[table] = int(
                unit.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            )
    return found


def test_two_workers_at_once_issue_every_period_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        customer = make_customer(unit)
        for _ in range(120):
            make_subscription(unit, price=price, customer=make_customer(unit))
        for _ in range(30):  # and many of one customer, whose row both want
            make_subscription(unit, price=price, customer=customer)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=60))

    def worker(_: int) -> int:
        return sum(renew_due(engine, merchant.merchant_id, limit=17) for _ in range(3))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(worker, range(4)))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        found = unit.session.execute(
            text(
                "SELECT count(*), count(DISTINCT (subscription_id, period_start)), count(DISTINCT number), max(number) FROM invoices"
            )
        ).one()
    # 11 March: January's, February's, March's.
    assert tuple(found) == (450, 450, 450, "INV-2027-000450")


def test_a_trial_becomes_a_paid_period_at_its_end(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit)
        method = make_method(unit, customer.id)
        yearly = make_price(unit, 1_200_000, interval_unit="year", trial_days=14)
        made = make_subscription(unit, price=yearly, customer=customer, payment_method_id=method)
    assert (made.subscription.status, made.invoice_id) == ("trialing", None)
    live(engine, merchant, START, START + timedelta(days=20))

    # [10 January, 24 January) is the trial; the anchor is the first paid date.
    [first] = invoices_of(engine, merchant, made.subscription.id)
    assert (str(first.period_start), str(first.period_end)) == ("2027-01-24", "2028-01-24")
    assert first.total_amount == 1_332_000
    assert told(engine, merchant, "subscription.trial_ended") == [made.subscription.id]
    with working(engine, merchant) as unit:
        assert get_subscription(unit, made.subscription.id).status == "active"


def test_a_first_payment_that_never_comes_ends_the_sign_up(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit, interactive=True)
        assert made.subscription.status == "incomplete"
    live(engine, merchant, START, START + timedelta(days=4))
    with working(engine, merchant) as unit:
        ended = get_subscription(unit, made.subscription.id)
    [invoice] = invoices_of(engine, merchant, made.subscription.id)
    assert (ended.status, str(ended.ended_on), ended.next_at) == ("canceled", "2027-01-13", None)
    assert ended.cancel_reason == "first_payment_missing"
    assert invoice.status == "void"


def told(engine: Engine, merchant: Merchant, type_: str) -> list[Any]:
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(events.c.subject_id).where(events.c.type == type_).order_by(events.c.seq)
        )
        return list(rows.scalars())


def test_without_a_contract_for_it_a_card_is_not_charged(
    engine: Engine, merchant: Merchant
) -> None:
    from builders import OPERATOR

    from billing.flows.onboard import update_merchant

    with working(engine, merchant) as unit:
        method = make_method(unit, (customer := make_customer(unit)).id)
        made = make_subscription(unit, customer=customer, payment_method_id=method)
        after_paid(unit, record_settled(unit, made.invoice_id, paid=166_500))  # type: ignore[arg-type]
    update_merchant(engine, merchant.merchant_id, {"card_mode": "two_click"}, OPERATOR)
    live(engine, merchant, START, START + timedelta(days=32))
    [_, second] = invoices_of(engine, merchant, made.subscription.id)
    assert (second.collection, second.payment_method_id) == ("invoice", None)


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    from sqlalchemy import event

    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine.db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.db.engine, "before_cursor_execute", note)


def test_a_batch_costs_the_same_number_of_statements_however_large(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        make_subscription(unit, price=price)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=31))
    with statements(engine) as one:
        renew_due(engine, merchant.merchant_id)
    set_clock(engine, merchant.merchant_id, START)
    with working(engine, merchant) as unit:
        for _ in range(40):
            make_subscription(unit, price=price)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=31))
    with statements(engine) as many:
        renew_due(engine, merchant.merchant_id)
    assert len(many) == len(one)


def test_one_that_can_not_be_renewed_does_not_stop_the_others(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        price = make_price(unit)
        good, bad, well = (make_subscription(unit, price=price).subscription.id for _ in range(3))
        # Broken on purpose: it has nothing to bill.
        unit.session.execute(
            text("UPDATE subscription_items SET ended_on = started_on WHERE subscription_id = :id"),
            {"id": bad},
        )
    set_clock(engine, merchant.merchant_id, START + timedelta(days=26))
    assert renew_due(engine, merchant.merchant_id) == 2
    assert renew_due(engine, merchant.merchant_id) == 0
    for subscription_id, invoices in ((good, 2), (bad, 1), (well, 2)):
        assert len(invoices_of(engine, merchant, subscription_id)) == invoices
    with working(engine, merchant) as unit:
        [review] = unit.session.execute(text("SELECT kind, subject_id FROM reviews"))
        # Left alone for a day, not forgotten: mended, it is caught up.
        assert get_subscription(unit, bad).next_at == unit.now + timedelta(days=1)
        unit.session.execute(
            text("UPDATE subscription_items SET ended_on = NULL WHERE subscription_id = :id"),
            {"id": bad},
        )
    assert tuple(review) == ("renewal_failed", bad)
    set_clock(engine, merchant.merchant_id, START + timedelta(days=27))
    assert renew_due(engine, merchant.merchant_id) == 1
    assert len(invoices_of(engine, merchant, bad)) == 2
