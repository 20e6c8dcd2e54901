"""Subscribing: by invoice, with a saved card, with the payer present, on trial; and refusals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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
from sqlalchemy import text

from billing.beginnings import FixedDay
from billing.engine import Engine
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.queries import get_subscription, items_of
from billing.service import after_failed, after_paid
from core.errors import EngineError, InvalidRequest
from core.ids import fresh
from core.merchant import Merchant
from invoices.queries import get_invoice, list_invoices
from invoices.service import record_settled
from plans.service import retire_plan


def test_by_invoice_it_is_active_at_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit, quantity=3, external_id="abc", metadata={"kota": "Bandung"})
        assert made.invoice_id is not None
        invoice = get_invoice(unit, made.invoice_id)
        [item] = items_of(unit, made.subscription.id)
    subscription = made.subscription
    assert (subscription.status, subscription.collection) == ("active", "invoice")
    assert (str(subscription.current_start), str(subscription.current_end)) == (
        "2027-01-10",
        "2027-02-10",
    )
    assert subscription.external_id == "abc"
    assert subscription.metadata == {"kota": "Bandung"}
    assert item.quantity == 3
    # 3 x 150,000 and PPN 49,500.
    assert (invoice.total_amount, str(invoice.due_on)) == (499_500, "2027-01-17")
    assert invoice.collect_at == START


def test_with_a_saved_card_it_waits_for_the_first_payment(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit)
        method = make_method(unit, customer.id)
        made = make_subscription(unit, customer=customer, payment_method_id=method)
        assert made.invoice_id is not None
        invoice = get_invoice(unit, made.invoice_id)
        assert made.subscription.status == "incomplete"
        assert str(made.subscription.incomplete_until) == "2027-01-13"
        assert (invoice.collect_at, invoice.payment_method_id) == (START, method)
        state = record_settled(unit, invoice.id, paid=invoice.due_amount)
        after_paid(unit, state)
        after = get_subscription(unit, made.subscription.id)
    assert (after.status, after.incomplete_until) == ("active", None)


def test_with_the_payer_present_nothing_is_started_by_us(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit)
        method = make_method(unit, customer.id, state="pending")
        made = make_subscription(
            unit, customer=customer, payment_method_id=method, interactive=True
        )
        assert made.invoice_id is not None
        assert get_invoice(unit, made.invoice_id).collect_at is None


def test_a_free_plan_is_active_without_a_payment(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit)
        made = make_subscription(
            unit, price=make_price(unit, 0), customer=customer,
            payment_method_id=make_method(unit, customer.id),
        )  # fmt: skip
    assert made.subscription.status == "active"


def test_the_same_key_finds_the_same_subscription(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price, customer = make_price(unit), make_customer(unit, key="c1")
        first = make_subscription(unit, price=price, customer=customer, key="k1")
    with working(engine, merchant) as unit:
        assert make_customer(unit, key="c1").id == customer.id
        again = make_subscription(unit, price=price, customer=customer, key="k1")
        other = make_subscription(unit, price=price, customer=customer, key="k2")
        count = unit.session.execute(text("SELECT count(*) FROM invoices")).scalar_one()
    assert (again.subscription.id, again.invoice_id) == (first.subscription.id, first.invoice_id)
    assert other.subscription.id != first.subscription.id
    assert count == 2


def test_a_decline_puts_it_behind_and_a_payment_brings_it_back(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit)
        assert made.invoice_id is not None
        after_failed(unit, made.invoice_id)
        assert get_subscription(unit, made.subscription.id).status == "past_due"
        after_failed(unit, made.invoice_id)
        after_paid(unit, record_settled(unit, made.invoice_id, paid=166_500))
        assert get_subscription(unit, made.subscription.id).status == "active"


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"quantity": 0}, "invalid_quantity"),
        ({"trial_days": 1000}, "invalid_trial_days"),
        ({"start_on": START.date().replace(day=1)}, "invalid_starts_on"),
        ({"collection": "automatic"}, "payment_method_needed"),
        ({"payment_method_id": fresh()}, "payment_method_not_usable"),
        ({"customer_id": fresh()}, "customer_not_found"),
        ({"price_id": fresh()}, "price_not_found"),
        ({"external_id": "taken"}, "external_id_taken"),
    ],
)
def test_what_is_wrong_is_refused(
    engine: Engine, merchant: Merchant, terms: dict[str, Any], code: str
) -> None:
    with working(engine, merchant) as unit:
        customer, price = make_customer(unit), make_price(unit)
        make_subscription(unit, price=price, external_id="taken")
    with pytest.raises(EngineError) as caught, working(engine, merchant) as unit:
        subscribe(unit, **{"customer_id": customer.id, "price_id": price.id, **terms})
    assert caught.value.code == code


def test_a_retired_plan_and_a_card_without_a_contract_are_refused(engine: Engine) -> None:
    merchant = make_merchant(engine, card_mode="two_click")
    with working(engine, merchant) as unit:
        customer, price = make_customer(unit), make_price(unit)
        method = make_method(unit, customer.id)
    with pytest.raises(EngineError) as caught, working(engine, merchant) as unit:
        subscribe(unit, customer_id=customer.id, price_id=price.id, payment_method_id=method)
    assert caught.value.code == "no_recurring_cards"
    with working(engine, merchant) as unit:
        retire_plan(unit, price.plan_id)
    with pytest.raises(EngineError) as caught, working(engine, merchant) as unit:
        subscribe(unit, customer_id=customer.id, price_id=price.id)
    assert caught.value.code == "price_not_sold"


@pytest.mark.parametrize(
    ("trial", "fixed", "first", "subtotal", "second"),
    [
        # X5's way: 10 January to the 1st of February, 22 of 31 days of 150,000.
        pytest.param(0, FixedDay(1), ("2027-01-10", "2027-02-01"), 106_452, "2027-03-01", id="the-first"),
        # To the last day of January: 21 of the 31 days since 31 December; then 28 February.
        pytest.param(0, FixedDay(31), ("2027-01-10", "2027-01-31"), 101_613, "2027-02-28", id="the-last"),
        pytest.param(0, FixedDay(10), ("2027-01-10", "2027-02-10"), 150_000, "2027-03-10", id="today-itself"),
        # A trial to the 20th, then 12 of 31 days.
        pytest.param(10, FixedDay(1), ("2027-01-20", "2027-02-01"), 58_065, "2027-03-01", id="after-a-trial"),
    ],
)  # fmt: skip
def test_periods_begin_on_a_fixed_day_and_the_days_before_it_are_prorated(
    engine: Engine, *, trial: int, fixed: FixedDay, first: tuple[str, str], subtotal: int, second: str,
) -> None:  # fmt: skip
    merchant = make_merchant(engine, issue_lead_days=0)
    with working(engine, merchant) as unit:
        made = make_subscription(unit, trial_days=trial, fixed=fixed).subscription
    for day in (first[0], first[1]):
        set_clock(engine, merchant.merchant_id, datetime.fromisoformat(f"{day}T02:00+00:00"))
        renew_due(engine, merchant.merchant_id)
    with working(engine, merchant) as unit:
        issued = sorted(list_invoices(unit), key=lambda one: str(one.period_start))
    assert [(str(one.period_start), str(one.period_end)) for one in issued] == [
        first, (first[1], second),
    ]  # fmt: skip
    assert [one.subtotal_amount for one in issued] == [subtotal, 150_000]
    with working(engine, merchant) as unit:
        assert str(get_subscription(unit, made.id).billed_through) == second


def test_a_fixed_day_that_does_not_go_with_the_price_is_refused(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit, pytest.raises(InvalidRequest) as refusal:
        make_subscription(unit, price=make_price(unit, interval_unit="week"), fixed=FixedDay(1))
    assert (refusal.value.code, refusal.value.field) == ("invalid_billing_day", "billing_day")
