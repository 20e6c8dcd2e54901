"""Items beside the first: setup fees, own prices, what is refused, how lines name them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_price, set_clock, working
from changes import BEGIN, CHANGE, pay
from itemised import NEXT, amounts, begun, extra_of, newest, sound
from sqlalchemy import select

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_items import change_item, preview_item
from billing.flows.change_plan import change
from billing.flows.item_quote import ItemWish
from billing.flows.overrides import end_override, make_override, overrides_of
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.reports.mrr import mrr
from core.errors import Conflict, InvalidRequest
from core.merchant import Merchant
from invoices.queries import lines_of, list_invoices
from invoices.tables import invoice_lines


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=0)


def test_a_setup_fee_is_billed_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        base = make_price(unit, 150_000, setup_amount=500_000)
        beside = make_price(unit, 45_000, setup_amount=30_000)
        made = subscribe(unit, customer_id=make_customer(unit).id, price_id=base.id)
        pay(unit, made.invoice_id, 650_000)
    assert amounts(engine, merchant, made.invoice_id) == [
        ("recurring", 150_000), ("setup", 500_000),
    ]  # fmt: skip
    set_clock(engine, merchant.merchant_id, CHANGE)
    with working(engine, merchant) as unit:
        done = change_item(unit, made.subscription.id, ItemWish(price_id=beside.id, quantity=2))
        assert done.invoice is not None
        pay(unit, done.invoice.id, 90_000)
    assert amounts(engine, merchant, done.invoice.id) == [("charge", 60_000), ("setup", 30_000)]
    with working(engine, merchant) as unit:
        wish = ItemWish(extra_id=done.planned.extra_id, quantity=3)
        more = change_item(unit, made.subscription.id, wish)
        assert more.invoice is not None
    # The day's own charge comes back whole; the setup fee does not come again.
    assert amounts(engine, merchant, more.invoice.id) == [("credit", -60_000), ("charge", 90_000)]
    set_clock(engine, merchant.merchant_id, NEXT)
    renew_due(engine, merchant.merchant_id)
    assert sorted(newest(engine, merchant)) == [("recurring", 135_000), ("recurring", 150_000)]
    sound(engine, merchant)


def test_a_setup_fee_waits_for_the_trials_end_and_for_an_items_first_period(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        base = make_price(unit, 150_000, setup_amount=500_000)
        on_trial = make_price(unit, 45_000, setup_amount=30_000)
        later = make_price(unit, 20_000, setup_amount=7_000)
        who = make_customer(unit)
        made = subscribe(unit, customer_id=who.id, price_id=base.id, trial_days=14)
        assert made.invoice_id is None
        done = change_item(unit, made.subscription.id, ItemWish(price_id=on_trial.id))
        assert done.invoice is None
    set_clock(engine, merchant.merchant_id, datetime(2026, 11, 29, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    assert newest(engine, merchant) == [
        ("recurring", 150_000), ("recurring", 45_000), ("setup", 500_000), ("setup", 30_000),
    ]  # fmt: skip
    with working(engine, merchant) as unit:
        wish = ItemWish(price_id=later.id, mode="at_period_end")
        waiting = change_item(unit, made.subscription.id, wish).planned
        with pytest.raises(Conflict, match="begins with the next period"):
            preview_item(
                unit, made.subscription.id,
                ItemWish(extra_id=waiting.extra_id, quantity=2, mode="prorate"),
            )  # fmt: skip
        # Changed while it waits: it is still its first version that sets it up.
        change_item(unit, made.subscription.id, ItemWish(extra_id=waiting.extra_id, quantity=2))
    for month in (12, 1):
        set_clock(
            engine, merchant.merchant_id, datetime(2027 - month // 12, month, 29, 2, tzinfo=UTC)
        )
        renew_due(engine, merchant.merchant_id)
        setups = [line for line in newest(engine, merchant) if line[0] == "setup"]
        assert setups == ([("setup", 7_000)] if month == 12 else [])
    sound(engine, merchant)


def test_what_can_not_stand_on_one_invoice_is_refused(engine: Engine, merchant: Merchant) -> None:
    made = begun(engine, merchant, (45_000, 1))
    with working(engine, merchant) as unit:
        yearly = make_price(unit, 900_000, interval_unit="year")
        inside = make_price(unit, 45_000, tax_mode="inclusive")
        cheap = make_price(unit, 10_000)
    wanted: list[tuple[UUID, str]] = [(yearly.id, "one interval"), (inside.id, "tax inside")]
    for price, words in wanted:
        with working(engine, merchant) as unit, pytest.raises(InvalidRequest, match=words):
            change_item(unit, made.subscription.id, ItemWish(price_id=price))
        with working(engine, merchant) as unit, pytest.raises(Conflict, match="Other items"):
            change(unit, made.subscription.id, price_id=price)
    with working(engine, merchant) as unit, pytest.raises(InvalidRequest, match="which price"):
        change_item(unit, made.subscription.id, ItemWish(quantity=2))
    with working(engine, merchant) as unit:
        change(unit, made.subscription.id, price_id=cheap.id)  # a downgrade waits
    with working(engine, merchant) as unit, pytest.raises(Conflict, match="waits"):
        change_item(unit, made.subscription.id, ItemWish(price_id=cheap.id))


def test_what_was_issued_ahead_and_taken_back_is_billed_again_with_all_items(
    engine: Engine,
) -> None:
    merchant = make_merchant(engine, at=BEGIN, pkp_since=None, issue_lead_days=7)
    made = begun(engine, merchant, (45_000, 2))
    set_clock(engine, merchant.merchant_id, datetime(2026, 12, 10, 2, tzinfo=UTC))
    renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        cancel(unit, made.subscription.id)
    with working(engine, merchant) as unit:
        undo_cancel(unit, made.subscription.id)
        [again] = [one for one in list_invoices(unit) if one.status == "open"]
    assert again.total_amount == 240_000
    sound(engine, merchant)


def test_a_customer_has_a_price_of_his_own(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        listed = make_price(unit, 150_000)
        who, other = make_customer(unit), make_customer(unit)
        made = make_override(unit, who.id, listed.id, name="Mitra 2026", unit_amount=99_000)
        assert (made.name, made.made_by) == ("Mitra 2026", "test")
        mine = subscribe(unit, customer_id=who.id, price_id=listed.id)
        theirs = subscribe(unit, customer_id=other.id, price_id=listed.id)
    assert amounts(engine, merchant, mine.invoice_id) == [("recurring", 99_000)]
    assert amounts(engine, merchant, theirs.invoice_id) == [("recurring", 150_000)]
    with working(engine, merchant) as unit, pytest.raises(Conflict, match="retired"):
        # It is sold to nobody by its own name, not to him either.
        subscribe(unit, customer_id=other.id, price_id=made.own_price_id)
    with working(engine, merchant) as unit:
        better = make_override(unit, who.id, listed.id, name="Mitra 2027", unit_amount=90_000)
        assert [one.id for one in overrides_of(unit, who.id)] == [better.id]
        waiting = change(unit, mine.subscription.id, price_id=listed.id)
        assert not waiting.applied  # it is worth less, so it begins with the next period
        end_override(unit, who.id, better.id)
        assert not overrides_of(unit, who.id)
        assert subscribe(unit, customer_id=who.id, price_id=listed.id).invoice_id
        assert mrr(unit).amount == 99_000 + 2 * 150_000
    sound(engine, merchant)


def test_a_line_says_which_item_it_is_of(engine: Engine, merchant: Merchant) -> None:
    made = begun(engine, merchant, (45_000, 2))
    extra = extra_of(engine, merchant, made)
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(invoice_lines.c.amount, invoice_lines.c.extra_id).where(
                invoice_lines.c.invoice_id == made.invoice_id
            )
        )
        assert {row.amount: row.extra_id for row in rows} == {150_000: None, 90_000: extra}


def test_a_part_of_a_plan_is_named_on_its_line(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        seats = make_price(unit, 45_000, component={"id": "Kursi", "en": "Seats"})
        base = make_price(unit, 150_000)
        made = subscribe(
            unit, customer_id=make_customer(unit).id, price_id=base.id, items=[(seats.id, 2)]
        )
        assert made.invoice_id is not None
        described = [line.description for line in lines_of(unit, made.invoice_id)]
    assert described == [
        {"id": "Paket Pro", "en": "Paket Pro"},
        {"id": "Paket Pro · Kursi", "en": "Paket Pro · Seats"},
    ]
