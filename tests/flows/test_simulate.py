"""A simulation without chance is what the engine does: the same invoices on the same days."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from builders import make_customer, make_merchant, make_price, set_clock, working
from itemised import replayed
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from billing.beginnings import FixedDay
from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.reports.mrr import mrr
from billing.tables import subscriptions
from core import ids
from core.merchant import Merchant
from core.work import Work
from dunning.policies import DEFAULT_POLICY
from invoices.tables import invoices
from ops.simulate.people import CERTAIN, Offer, Person
from ops.simulate.playing import play
from ops.simulate.portfolio import read_only, seller_of, standing
from ops.simulate.world import Bill

BEGIN = datetime(2026, 12, 31, 2, tzinfo=UTC)  # a wanted day that February has not
UNTIL = datetime(2027, 5, 31, 16, 59, tzinfo=UTC)
SEATS = {"tiers": [{"up_to": 10, "unit_amount": "9999.5"}, {"unit_amount": 8_000}]}
Told = tuple[str, str, date, date, date, int, int, int]


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN)


def test_without_chance_it_issues_the_engines_invoices(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        signed_up = _sign_ups(unit)
    with working(engine, merchant) as unit:
        read_only(unit)
        there = standing(unit)
        seller = seller_of(unit)
    _live_on(engine, merchant, UNTIL)
    with working(engine, merchant) as unit:
        stored = _stored(unit)
        worth = mrr(unit)

    future = _played(there, seller)
    whole = _played(signed_up, seller)

    assert (len(there), len({one[0] for one in future[1]})) == (6, 5)  # a year is not over
    first_day = date(2026, 12, 31)
    # What was issued at sign-up was there already; an invoice of its first day is no news.
    assert future[1] == [one for one in stored if one[4] > first_day]
    mine = {person.id for person in signed_up}
    assert whole[1] == [one for one in stored if one[0] in mine]
    assert (future[0].months[-1].mrr, future[0].months[-1].running) == (
        worth.amount, worth.subscriptions,
    )  # fmt: skip
    assert replayed(engine) == []


def test_it_reads_and_cannot_write(engine: Engine, merchant: Merchant) -> None:
    def write() -> None:
        with working(engine, merchant) as unit:
            read_only(unit)
            assert standing(unit) == []
            make_customer(unit)

    with pytest.raises(DBAPIError, match="read-only"):
        write()


def _sign_ups(unit: Work) -> list[Person]:
    """Flat, by tiers with a setup fee beside a base, yearly, weekly with tax inside; discounts."""
    create_discount(
        unit, code="HEMAT", name={"id": "Hemat"}, duration="periods", count=2, basis_points=1_500
    )  # fmt: skip
    seats = make_price(unit, None, model="graduated", model_terms=SEATS, setup_amount=50_000)
    base = make_price(unit, 150_000)
    plain = [
        Offer(base), Offer(base, ((seats, 12),)),
        Offer(make_price(unit, 1_500_000, interval_unit="year")),
        Offer(make_price(unit, 33_333, interval_unit="week", tax_mode="inclusive")),
    ]  # fmt: skip
    people = [_signed_up(unit, offer, n) for n, offer in enumerate(plain, 1)]
    _signed_up(unit, Offer(base), 3, codes=["HEMAT"])
    _signed_up(unit, Offer(make_price(unit, 99_000, trial_days=14)), 1, fixed=FixedDay(day=1))
    return people


def _signed_up(unit: Work, offer: Offer, quantity: int, **terms: Any) -> Person:
    beside = [(price.id, n) for price, n in offer.beside]
    made = subscribe(
        unit, customer_id=make_customer(unit).id, price_id=offer.price.id, quantity=quantity,
        items=beside, collection="invoice", **terms,
    )  # fmt: skip
    return Person(
        ids.public("subscription", made.subscription.id), BEGIN, offer, quantity, "invoice"
    )


def _played(people: list[Person], seller: Any) -> tuple[Any, list[Told]]:
    found: list[Told] = []

    def keep(person: Person, bill: Bill) -> None:
        document = bill.document
        found.append((
            person.id, bill.kind, bill.start, bill.end, bill.issued_on, bill.net,
            document.tax.tax.amount, bill.total,
        ))  # fmt: skip

    figures = play(
        people, seed="1", seller=seller, chances=CERTAIN, policy=DEFAULT_POLICY,
        first=BEGIN.date(), months=6, keep=keep,
    )  # fmt: skip
    return figures, sorted(found)


def _live_on(engine: Engine, merchant: Merchant, until: datetime) -> None:
    """From one due instant to the next; nobody collects."""
    while True:
        with working(engine, merchant) as unit:
            due = unit.session.execute(
                select(func.min(subscriptions.c.next_at)).where(
                    subscriptions.c.merchant_id == unit.merchant_id
                )
            ).scalar_one()
        set_clock(engine, merchant.merchant_id, min(due, until))
        if due > until:
            return
        renew_due(engine, merchant.merchant_id)


def _stored(unit: Work) -> list[Told]:
    rows = unit.session.execute(select(invoices).where(invoices.c.merchant_id == unit.merchant_id))
    return sorted(
        (
            ids.public("subscription", row.subscription_id), row.kind, row.period_start,
            row.period_end, row.issued_on, row.subtotal_amount, row.tax_amount, row.total_amount,
        )
        for row in rows
    )  # fmt: skip
