"""Prices by tiers and packages through the engine: billed, changed, given back, explained."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from builders import make_merchant, make_price, make_subscription, set_clock, working
from changes import assert_stored, pay
from fakes import MachineTime
from itemised import replayed
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, IntegrityError

from billing.beginnings import FixedDay
from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_plan import change, preview
from billing.flows.documents import invoice_view
from billing.flows.renew import renew_due
from billing.queries import balance
from billing.reports.mrr import mrr
from core.errors import InvalidRequest
from core.merchant import Merchant
from invoices.derivation import arithmetic, recompute
from invoices.queries import get_invoice, lines_of, list_invoices
from ops.doctor import examine, render
from plans.queries import Price
from plans.tables import prices

BEGIN = datetime(2026, 11, 15, 2, tzinfo=UTC)
CHANGE = datetime(2026, 11, 25, 2, tzinfo=UTC)
# 10,000 to 10 seats, 8,000 to 50, then 5,000
SEATS = {
    "tiers": [
        {"up_to": 10, "unit_amount": 10_000},
        {"up_to": 50, "unit_amount": 8_000},
        {"unit_amount": 5_000},
    ]
}


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=0)


ABOUT_LINES = {
    "lines-compute", "lines-add-up", "notes-add-up", "content-untouched", "no-period-missing",
    "one-invoice-a-period", "served-is-billed", "one-item-in-force",
}  # fmt: skip


def by_model(unit: Any, model: str, terms: dict[str, Any], **other: Any) -> Price:
    return make_price(unit, None, model=model, model_terms=terms, **other)


def sound(engine: Engine, merchant: Merchant) -> None:
    """The doctor recomputes every line and finds nothing; nobody collects in these tests."""
    report = examine(engine.db, MachineTime().at)
    assert not ABOUT_LINES - {result.name for result in report.results}
    assert not ABOUT_LINES & {result.name for result in report.broken}, render(report)
    assert replayed(engine) == []


@pytest.mark.parametrize(
    ("model", "terms", "quantity", "amount", "sentence"),
    [
        ("graduated", SEATS, 60, 470_000, "10 × Rp10.000 + 40 × Rp8.000 + 10 × Rp5.000 = Rp470.000"),
        ("volume", SEATS, 60, 300_000, "60 × Rp5.000 = Rp300.000"),
        ("package", {"size": 1_000, "package_amount": 250_000, "free": 100}, 2_350, 750_000,
         "3 paket (2.350 − 100 gratis, @ 1.000) × Rp250.000 = Rp750.000"),
        ("per_unit", {"unit_amount": "0.5"}, 2_351, 1_176,
         "2.351 × Rp0,5 = Rp1.175,50, dibulatkan Rp1.176"),
        ("fixed", {"amount": 50_000}, 7, 50_000, "Rp50.000 = Rp50.000"),
    ],
)  # fmt: skip
def test_a_quantity_is_billed_by_the_model_of_its_price(
    engine: Engine, merchant: Merchant, *, model: str, terms: dict[str, Any], quantity: int,
    amount: int, sentence: str,
) -> None:  # fmt: skip
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=by_model(unit, model, terms), quantity=quantity)
        assert made.invoice_id is not None
        [line] = lines_of(unit, made.invoice_id)
        assert mrr(unit).amount == amount
    assert (line.amount, line.quantity) == (amount, quantity)
    assert arithmetic(line.derivation) == sentence

    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 15, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        assert [one.total_amount for one in list_invoices(unit)] == [amount, amount]
    sound(engine, merchant)


def test_seats_are_added_over_a_tier(engine: Engine, merchant: Merchant) -> None:
    """8 to 12 seats, 20/30 days left: -80,000 and 116,000 of a month are -53,333 and 77,333."""
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=by_model(unit, "graduated", SEATS), quantity=8)
        pay(unit, made.invoice_id, 80_000)
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        shown = preview(unit, made.subscription.id, quantity=12)
        done = change(unit, made.subscription.id, quantity=12)
    assert done.planned == shown
    assert_stored(engine, merchant, shown, done)
    assert shown.document is not None
    assert [line.line.amount.amount for line in shown.document.lines] == [-53_333, 77_333]
    with working(engine, merchant) as unit:
        assert done.invoice is not None
        pay(unit, done.invoice.id, done.invoice.due)
        # A day later, the day itself billed: 18 of the charge's 20 days come back.
        set_clock(engine, merchant.merchant_id, datetime(2026, 11, 26, 2, tzinfo=UTC))
    with working(engine, merchant) as unit:
        cancel(unit, made.subscription.id, when="now")
        assert balance(unit, made.subscription.customer_id) == 69_600
    sound(engine, merchant)


def test_a_part_of_a_price_finer_than_a_rupiah_is_rounded_once(
    engine: Engine, merchant: Merchant
) -> None:
    """3 × Rp0,5 is Rp1,5 a month; 16 of 30 days of it are 0.8, so 1. Of Rp2 they would be 1.07."""
    with working(engine, merchant) as unit:
        fine = by_model(unit, "per_unit", {"unit_amount": "0.5"})
        made = make_subscription(unit, price=fine, quantity=3, fixed=FixedDay(1))
        assert made.invoice_id is not None
        [line] = lines_of(unit, made.invoice_id)
    assert line.amount == recompute(line.derivation) == 1
    assert arithmetic(line.derivation) == "(3 × Rp0,5) × 16/30 hari = Rp0,80, dibulatkan Rp1"
    sound(engine, merchant)


def test_what_is_an_upgrade_follows_the_model(engine: Engine, merchant: Merchant) -> None:
    """By volume 11 seats cost less than 10: a downgrade, which waits."""
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=by_model(unit, "volume", SEATS), quantity=10)
    with working(engine, merchant) as unit:
        assert preview(unit, made.subscription.id, quantity=11).quote.mode == "at_period_end"
        assert preview(unit, made.subscription.id, quantity=13).quote.mode == "prorate"


def test_a_document_shows_no_product_that_is_none(engine: Engine, merchant: Merchant) -> None:
    """60 × Rp10.000 would be another amount: the line is one thing, explained."""
    with working(engine, merchant) as unit:
        made = make_subscription(unit, price=by_model(unit, "graduated", SEATS), quantity=60)
        flat = make_subscription(unit, price=make_price(unit, 10_000), quantity=60)
        assert made.invoice_id is not None
        assert flat.invoice_id is not None
        [tiers] = invoice_view(unit, made.invoice_id).lines
        [product] = invoice_view(unit, flat.invoice_id).lines
    assert (tiers.quantity, tiers.unit_amount, tiers.amount) == ("1", "Rp470.000", "Rp470.000")
    assert tiers.explanation.startswith("10 × Rp10.000 + 40 × Rp8.000")
    assert (product.quantity, product.unit_amount, product.amount) == (
        "60",
        "Rp10.000",
        "Rp600.000",
    )
    assert product.explanation == ""


@pytest.mark.parametrize(
    ("model", "terms", "unit_amount", "field"),
    [
        ("percentage", {"rate": "0.1"}, None, "model"),
        ("graduated", {}, None, "terms.tiers"),
        ("graduated", SEATS, 10_000, "unit_amount"),
        ("flat", SEATS, 10_000, "terms"),
        ("flat", {}, None, "unit_amount"),
    ],
)
def test_terms_that_do_not_go_with_the_model_are_refused(
    engine: Engine, merchant: Merchant, *, model: str, terms: dict[str, Any],
    unit_amount: int | None, field: str,
) -> None:  # fmt: skip
    with working(engine, merchant) as unit, pytest.raises(InvalidRequest) as refusal:
        make_price(unit, unit_amount, model=model, model_terms=terms)
    assert refusal.value.field == field


def test_terms_of_a_price_are_never_edited(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price = by_model(unit, "graduated", SEATS)
    assert price.unit_amount == 10_000  # what one comes to
    attempts: list[dict[str, Any]] = [{"model_terms": {"tiers": []}}, {"model": "volume"}]
    for values in attempts:
        with pytest.raises((IntegrityError, DBAPIError)), working(engine, merchant) as unit:
            unit.session.execute(update(prices).where(prices.c.id == price.id).values(**values))


def test_the_same_quantity_of_an_invoice_is_the_prices(engine: Engine, merchant: Merchant) -> None:
    """The total of an invoice is the sum of its lines, whatever made them."""
    ids: list[UUID] = []
    with working(engine, merchant) as unit:
        for quantity in (1, 10, 11, 50, 51):
            price = by_model(unit, "graduated", SEATS)
            made = make_subscription(unit, price=price, quantity=quantity)
            assert made.invoice_id is not None
            ids.append(made.invoice_id)
    with working(engine, merchant) as unit:
        totals = [get_invoice(unit, one).total_amount for one in ids]
    assert totals == [10_000, 100_000, 108_000, 420_000, 425_000]
