"""Discounts through the engine: billed net, prorated, given back net, counted by date, shown."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, set_clock, working
from changes import BEGIN, CHANGE, pay
from itemised import NEXT, amounts, newest, sound

from billing.discounts.queries import find_by_code, load_grants
from billing.discounts.service import create_discount, stop_discount
from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_items import change_item, preview_item
from billing.flows.change_plan import change, preview
from billing.flows.documents import invoice_view
from billing.flows.item_quote import ItemWish
from billing.flows.redeem import give, take_away
from billing.flows.renew import renew_due
from billing.flows.subscribe import Subscribed, subscribe
from billing.queries import balance
from core.errors import Conflict, EngineError, NotFound
from core.merchant import Merchant
from core.work import Work
from invoices.derivation import arithmetic, recompute
from invoices.queries import get_invoice, lines_of, list_invoices


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=0)


def made(unit: Work, code: str = "HEMAT", **terms: Any) -> UUID:
    given = {"name": {"id": "Hemat"}, "duration": "forever", **terms}
    return create_discount(unit, code=code, **given).id


def signed_up(
    engine: Engine, merchant: Merchant, *codes: str, first: int = 150_000,
    items: tuple[tuple[int, int], ...] = (), paid: bool = True, **terms: Any,
) -> Subscribed:  # fmt: skip
    with working(engine, merchant) as unit:
        beside = [(make_price(unit, amount).id, n) for amount, n in items]
        one = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=make_price(unit, first).id,
            items=beside, codes=codes, **terms,
        )  # fmt: skip
        if paid and one.invoice_id is not None:
            pay(unit, one.invoice_id, get_invoice(unit, one.invoice_id).total_amount)
    return one


def test_a_discounted_upgrade_is_that_of_the_worked_example(
    engine: Engine, merchant: Merchant
) -> None:
    """X17: 20% for ever; 150,000 → 300,000 with 20/30 left: -80,000, 200,000 less 40,000."""
    with working(engine, merchant) as unit:
        made(unit, basis_points=2_000)
    one = signed_up(engine, merchant, "hemat")
    assert amounts(engine, merchant, one.invoice_id) == [("recurring", 120_000)]
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        new = make_price(unit, 300_000)
        shown = preview(unit, one.subscription.id, price_id=new.id)
    with working(engine, merchant) as unit:
        done = change(unit, one.subscription.id, price_id=new.id)
        assert done.planned == shown
        assert done.invoice is not None
        credit, charge = lines_of(unit, done.invoice.id)
        seen = invoice_view(unit, done.invoice.id)
    assert (credit.amount, charge.amount, charge.discount_amount) == (-80_000, 160_000, 40_000)
    assert arithmetic(charge.derivation) == (
        "(Rp300.000 − diskon HEMAT (Rp300.000 × 20%)) × 20/30 hari = Rp160.000"
    )
    assert [(line.description, line.amount) for line in seen.lines] == [
        ("Sisa masa Paket Pro, dikembalikan", "-Rp80.000"),
        ("Paket Pro (sisa periode)", "Rp200.000"),
        ("Diskon HEMAT", "-Rp40.000"),
    ]
    sound(engine, merchant)


def test_a_cancellation_gives_back_what_was_paid_and_no_discount(
    engine: Engine, merchant: Merchant
) -> None:
    """19 of 30 days of 120,000, not of 150,000."""
    with working(engine, merchant) as unit:
        made(unit, basis_points=2_000)
    one = signed_up(engine, merchant, "HEMAT")
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        cancel(unit, one.subscription.id, when="now")
        assert balance(unit, one.subscription.customer_id) == 76_000
    sound(engine, merchant)


def test_percent_goes_before_fixed_and_fixed_is_spread_over_all_items(
    engine: Engine, merchant: Merchant
) -> None:
    """10% leave 90,000, 45,000 and 9,000; 50,000 over them are 31,250, 15,625 and 3,125."""
    with working(engine, merchant) as unit:
        made(unit, "A-FIXED", amount=50_000)
        made(unit, "TEN", basis_points=1_000)
    one = signed_up(
        engine, merchant, "A-FIXED", "TEN", first=100_000, items=((50_000, 1), (10_000, 1))
    )
    with working(engine, merchant) as unit:
        assert one.invoice_id is not None
        lines = lines_of(unit, one.invoice_id)
    found = sorted((line.amount, line.discount_amount) for line in lines)
    assert found == [(5_875, 4_125), (29_375, 20_625), (58_750, 41_250)]
    assert all(recompute(line.derivation) == line.amount for line in lines)
    sound(engine, merchant)


@pytest.mark.parametrize(
    ("terms", "lowered"),
    [
        ({"duration": "once"}, 1),
        ({"duration": "periods", "count": 2}, 2),
        ({"duration": "months", "count": 3}, 3),
        ({"duration": "forever"}, 5),
    ],
)
def test_a_discount_lasts_as_long_as_it_says(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], lowered: int
) -> None:
    with working(engine, merchant) as unit:
        made(unit, amount=50_000, **terms)
    one = signed_up(engine, merchant, "HEMAT")
    for month in (12, 13, 14, 15):
        at = datetime(2026 + (month - 1) // 12, (month - 1) % 12 + 1, 15, 2, tzinfo=UTC)
        set_clock(engine, merchant.merchant_id, at)
        renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        listed = list_invoices(unit, subscription_id=one.subscription.id)
        totals = [
            one.total_amount for one in sorted(listed, key=lambda i: i.period_start or date.min)
        ]
    assert totals == [100_000] * lowered + [150_000] * (5 - lowered)
    sound(engine, merchant)


def test_periods_are_counted_through_a_trial_a_stub_and_plan_changes(
    engine: Engine, merchant: Merchant
) -> None:
    """Two periods from the trial's end, whatever is changed to in between."""
    with working(engine, merchant) as unit:
        made(unit, basis_points=5_000, duration="periods", count=2)
        dear = make_price(unit, 300_000)
    one = signed_up(engine, merchant, "HEMAT", trial_days=14)
    with working(engine, merchant) as unit:
        change(unit, one.subscription.id, price_id=dear.id)  # on trial: costs nothing
    seen = []
    for at in ("2026-11-29", "2026-12-29", "2027-01-29"):
        set_clock(engine, merchant.merchant_id, datetime.fromisoformat(f"{at}T02:00:00+00:00"))
        renew_due(engine, merchant.merchant_id)
        seen.append(newest(engine, merchant)[0][1])
        if at == "2026-12-29":
            set_clock(engine, merchant.merchant_id, datetime(2027, 1, 8, 2, tzinfo=UTC))
            with working(engine, merchant) as unit:
                dearer = make_price(unit, 620_000)
                done = change(unit, one.subscription.id, price_id=dearer.id)
                assert done.planned.document is not None
                # 21 of 31 days of half of each: 150,000 comes back on the old invoice's note,
                # 310,000 × 21/31 is charged.
                charges = [
                    line.line.amount.amount
                    for line in done.planned.document.lines
                    if line.line.kind == "charge"
                ]
                assert charges == [210_000]
    assert seen == [150_000, 150_000, 620_000]
    sound(engine, merchant)


def test_a_fixed_amount_is_given_once_a_period_also_when_an_item_is_added(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        made(unit, amount=50_000)
        seats = make_price(unit, 45_000)
    one = signed_up(engine, merchant, "HEMAT")
    assert amounts(engine, merchant, one.invoice_id) == [("recurring", 100_000)]
    set_clock(engine, merchant.merchant_id, CHANGE)
    wish = ItemWish(price_id=seats.id, quantity=2)
    with working(engine, merchant) as unit:
        shown = preview_item(unit, one.subscription.id, wish)
    with working(engine, merchant) as unit:
        done = change_item(unit, one.subscription.id, wish)
    assert done.planned == shown
    assert done.invoice is not None
    # The base has all of the 50,000: 20/30 of 90,000 are charged.
    assert amounts(engine, merchant, done.invoice.id) == [("charge", 60_000)]
    with working(engine, merchant) as unit:
        dear = make_price(unit, 300_000)
        up = change(unit, one.subscription.id, price_id=dear.id)
        assert up.planned.document is not None
        # ... and keeps it: 250,000 × 20/30.
        assert up.planned.document.lines[-1].line.amount.amount == 166_667
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    # 50,000 over 300,000 and 90,000: 38,462 and 11,538.
    assert sorted(newest(engine, merchant)) == [("recurring", 78_462), ("recurring", 261_538)]
    sound(engine, merchant)


def test_a_discount_is_given_to_and_taken_from_a_subscription_with_its_next_period(
    engine: Engine, merchant: Merchant
) -> None:
    one = signed_up(engine, merchant)
    with working(engine, merchant) as unit:
        made(unit, basis_points=1_000)
        grant = give(unit, one.subscription.id, "HEMAT")
    with pytest.raises(Conflict, match="has this discount"), working(engine, merchant) as unit:
        give(unit, one.subscription.id, "HEMAT")
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        # What starts before the discount does is not lowered, and comes back as it was billed.
        done = change(unit, one.subscription.id, quantity=2)
        assert done.planned.quote.net.amount == 100_000
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert newest(engine, merchant) == [("recurring", 270_000)]
    with working(engine, merchant) as unit:
        take_away(unit, one.subscription.id, grant)
    with pytest.raises(NotFound), working(engine, merchant) as unit:
        take_away(unit, one.subscription.id, grant)
    set_clock(engine, merchant.merchant_id, datetime(2027, 1, 15, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    assert newest(engine, merchant) == [("recurring", 300_000)]
    sound(engine, merchant)


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"starts_at": datetime(2026, 12, 1, tzinfo=UTC)}, "code_not_yet"),
        ({"ends_at": datetime(2026, 11, 15, 2, tzinfo=UTC)}, "code_over"),
        ({"plan_ids": [UUID(int=7)]}, "code_not_for_plan"),
        ({"minimum_amount": 150_001}, "code_below_minimum"),
        ({"new_customers": True}, "code_new_customers"),
        ({}, "code_used_by_customer"),
    ],
)
def test_who_may_not_have_a_code_is_told_why(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], code: str
) -> None:
    with working(engine, merchant) as unit:
        made(unit, basis_points=1_000, **terms)
        price, who = make_price(unit, 150_000), make_customer(unit)
        subscribe(unit, customer_id=who.id, price_id=price.id, codes=["HEMAT"] if not terms else ())
    with pytest.raises(EngineError) as refused, working(engine, merchant) as unit:
        subscribe(unit, customer_id=who.id, price_id=price.id, codes=["HEMAT"])
    assert refused.value.code == code


def test_a_stopped_code_is_given_no_more_and_kept_by_who_has_it(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        discount = made(unit, basis_points=1_000)
    one = signed_up(engine, merchant, "HEMAT")
    with working(engine, merchant) as unit:
        stop_discount(unit, discount)
        for code, told in (("HEMAT", "code_stopped"), ("NONE", "code_not_found")):
            with pytest.raises(EngineError) as refused:
                give(unit, one.subscription.id, code)
            assert refused.value.code == told
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert newest(engine, merchant) == [("recurring", 135_000)]


def test_a_sign_up_that_comes_to_nothing_gives_its_use_back(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        made(unit, basis_points=1_000, max_redemptions=1, new_customers=True)
        who, price = make_customer(unit), make_price(unit, 150_000)
        gone = subscribe(
            unit, customer_id=who.id, price_id=price.id, codes=["HEMAT"],
            collection="automatic", interactive=True,
        )  # fmt: skip
        assert gone.subscription.status == "incomplete"
    with pytest.raises(Conflict, match="new customers"), working(engine, merchant) as unit:
        subscribe(unit, customer_id=who.id, price_id=price.id, codes=["HEMAT"])
    set_clock(engine, merchant.merchant_id, datetime(2026, 11, 19, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        assert not load_grants(unit, [gone.subscription.id])
        again = subscribe(unit, customer_id=who.id, price_id=price.id, codes=["HEMAT"])
        found = find_by_code(unit, "HEMAT")
        assert found is not None
        assert found.redeemed == 1
    assert amounts(engine, merchant, again.invoice_id) == [("recurring", 135_000)]
    sound(engine, merchant)
