"""What a change of a discounted item is shown to cost is what is invoiced, field by field."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from builders import make_merchant, set_clock, working
from changes import BEGIN, pay
from itemised import begun

from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows.change_items import change_item, preview_item
from billing.flows.item_quote import ItemWish
from core.merchant import Merchant
from invoices.derivation import recompute
from invoices.queries import lines_of, list_invoices


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=0)


@pytest.mark.parametrize(
    ("terms", "seats", "day"),
    [
        (terms, seats, day)
        for (terms, seats, day) in itertools.product(
            ({"basis_points": 3_333}, {"amount": 77_777}, {"basis_points": 10_000}),
            (2, 7),
            (15, 24, 30),
        )
    ],
)  # fmt: skip
def test_previews_are_what_is_invoiced_for_coupon_seats_and_day(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], seats: int, day: int
) -> None:
    """Field by field, twice over: to more seats, then to fewer on the same day."""
    with working(engine, merchant) as unit:
        create_discount(unit, code="HEMAT", name={"id": "Hemat"}, duration="forever", **terms)
    one = begun(engine, merchant, (33_333, 3), first=99_999, codes=["HEMAT"])
    with working(engine, merchant) as unit:
        [item] = {
            line.extra_id
            for line in lines_of(unit, one.invoice_id or UUID(int=0))
            if line.extra_id is not None
        }
    set_clock(engine, merchant.merchant_id, datetime(2026, 11, day, 9, 59, 59, tzinfo=UTC))
    for quantity in (seats, 3):
        wish = ItemWish(extra_id=item, quantity=quantity, mode="prorate")
        with working(engine, merchant) as unit:
            shown = preview_item(unit, one.subscription.id, wish)
        with working(engine, merchant) as unit:
            done = change_item(unit, one.subscription.id, wish)
            assert done.planned == shown
            if done.invoice is not None and shown.document is not None:
                stored = lines_of(unit, done.invoice.id)
                assert [(row.amount, row.discount_amount) for row in stored] == [
                    (
                        line.line.amount.amount,
                        line.line.discount.amount if line.line.discount else 0,
                    )
                    for line in shown.document.lines
                ]
                assert all(recompute(row.derivation) == row.amount for row in stored)
                if done.invoice.due:
                    pay(unit, done.invoice.id, done.invoice.due)
    with working(engine, merchant) as unit:
        for invoice in list_invoices(unit):
            assert all(line.discount_amount >= 0 for line in lines_of(unit, invoice.id))
