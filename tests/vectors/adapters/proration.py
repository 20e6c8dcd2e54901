"""Prorations of others, answered by our rules on the dates of their instants."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from vectors.adapters.cycles import INTERVALS, anchored
from vectors.cases import Answer, Case, Near, adapter, instant, major, minor

from billing.plan_changes import BilledLine, Offer, quote_change
from billing.proration import charge_for_rest, unused_credit
from core.calendars import (
    Anchor,
    Interval,
    Period,
    boundary,
    next_boundary,
    period_containing,
    stub_before,
)
from core.exact import rounded
from core.money import Money, zero
from invoices.discounts import Discount, Item, net_prices
from plans.catalogue import PriceVersion

D = date.fromisoformat
ONE = Money(1)
EARLY = date(2001, 1, 1)


def nine(fraction: Fraction) -> Fraction:
    """A fraction of a period as its source writes it: nine decimals."""
    return Fraction(rounded(fraction * 10**9), 10**9)


@adapter("proration", "cycles_sum", "kb-days-actual")
def cycles_sum(case: Case) -> Answer:
    """Our lines from the start to the period of the target, cut where service ends."""
    given = case.given
    interval, start = INTERVALS[given["period"]], D(given["start"])
    anchor = anchored(start, interval, given["anchor_day"])
    end = date.max if given["end"] is None else D(given["end"])
    stub = stub_before(start, anchor, interval)
    whole = stub.whole if stub else period_containing(anchor, interval, start)
    total, since = Fraction(0), start
    while since < end and since <= max(D(given["target"]), start):
        until = min(end, whole.end)
        line = charge_for_rest(ONE, whole, since)
        total += nine(Fraction(line.numerator - (whole.end - until).days, line.denominator))
        since = whole.end
        whole = period_containing(anchor, interval, since)
    return {"cycles": total}


@adapter("proration", "fraction", "kb-days-actual", "kb-days-fixed")
def fraction(case: Case) -> Answer:
    """Days over the days of the period that ends, or starts, at the boundary."""
    given = case.given
    interval, start, end = INTERVALS[given["period"]], D(given["from"]), D(given["to"])
    if given["function"] == "before_first_boundary":
        whole = Period(boundary(Anchor.at(end), interval, -1), end)
    else:
        whole = period_containing(Anchor.at(start), interval, start)
    return {"fraction": nine(Fraction((end - start).days, whole.days))}


@adapter("proration", "prorated_amount", "kb-amount", "kb-amount-fixed30")
def prorated_amount(case: Case) -> Answer:
    given = case.given
    price = Money(minor(given["price"], case.digits))
    whole = Period(D(given["period_from"]), D(given["period_to"]))
    start, end = D(given["from"]), D(given["to"])
    if end != whole.end:
        amount = price.share(Period(start, end).days, whole.days)
    elif given["direction"] == "credit":
        amount = unused_credit(price, whole, start).amount
    else:
        amount = charge_for_rest(price, whole, start).amount
    signed = -amount if given["direction"] == "credit" else amount
    return {"amount": major(signed.amount, case.digits)}


@adapter("proration", "fee_inclusive_days", "lago-days")
def fee_inclusive_days(case: Case) -> Answer:
    given = case.given
    days = (D(given["bill_to_inclusive"]) - D(given["bill_from"])).days + 1
    price, of_days = given["plan_amount_minor"], given["period_days"]
    return {
        "amount_minor": Money(price).share(days, of_days).amount,
        "precise_minor": Near(Fraction(price * days, of_days)),
    }


def discount_of(given: Any) -> list[Discount]:
    if given is None:
        return []
    if given["type"] == "basis_points":
        return [Discount(basis_points=given["value"])]
    return [Discount(amount=Money(given["value"]))]


def nets(prices: list[int], discount: Any) -> list[Money]:
    """Net prices of several items under one discount."""
    items = [Item(str(place), Money(price)) for place, price in enumerate(prices)]
    return [one.net for one in net_prices(items, discount_of(discount))]


def change(case: Case, old: tuple[Money, Interval], new: tuple[Money, Interval]) -> Answer:
    """Change at once from one net price to another, the first billed whole from its start."""
    anchor = Anchor.at(instant(case.given["period_start"]).date())
    period = Period(anchor.on, next_boundary(anchor, old[1], anchor.on))
    was, becomes = (
        Offer(PriceVersion(code, 1, "IDR", net.amount, interval), 1)
        for code, (net, interval) in (("old", old), ("new", new))
    )
    quote = quote_change(
        old=was,
        new=becomes,
        lines=[BilledLine(UUID(int=0), old[0], period, zero())],
        anchor=anchor,
        period=period,
        billed_through=period.end,
        on=instant(case.given["change_at"]).date(),
        mode="prorate",
    )
    served = quote.new_period or period
    ends = [f"{on.isoformat()}T00:00:00Z" for on in (served.start, served.end)]
    net = quote.net.amount
    return {
        "credit_minor": -sum(line.amount.amount for line in quote.credits),
        "debit_minor": sum(line.amount.amount for line in quote.charges),
        "period_restarts": quote.new_anchor is not None,
        "anchor_day": (quote.new_anchor or anchor).day,
        "period": ends,
        "amount_minor": abs(net),
        "direction": "debit" if net >= 0 else "credit",
    }


@adapter("proration", "plan_change", "polar-seconds")
def plan_change(case: Case) -> Answer:
    old, new = (
        (nets([one["price_minor"]], one.get("discount"))[0], INTERVALS[one["interval"]])
        for one in (case.given["old"], case.given["new"])
    )
    return change(case, old, new)


adapter("proration", "reset", "polar-seconds")(plan_change)


@adapter("proration", "quantity_change", "polar-seconds")
def quantity_change(case: Case) -> Answer:
    given = case.given
    interval, price = INTERVALS[given["interval"]], Money(given["unit_price_minor"])
    return change(
        case,
        (price.times(given["old_quantity"]), interval),
        (price.times(given["new_quantity"]), interval),
    )


@adapter("proration", "quantity_change_discounted", "polar-seconds")
def quantity_change_discounted(case: Case) -> Answer:
    """The seats change; the fixed price beside them is billed already and stays as it was."""
    given = case.given
    seats, taken = [], []
    for quantity in (given["old_quantity"], given["new_quantity"]):
        prices = [given["fixed_price_minor"], given["unit_price_minor"] * quantity]
        left = nets(prices, given["discount"])
        taken.append([price - net.amount for price, net in zip(prices, left, strict=True)])
        seats.append(left[1])
    interval = INTERVALS[given["interval"]]
    answer = change(case, (seats[0], interval), (seats[1], interval))
    return {**answer, "old_allocation": taken[0], "new_allocation": taken[1]}


@adapter("proration", "multi_price_change", "polar-seconds")
def multi_price_change(case: Case) -> Answer:
    given = case.given
    interval = INTERVALS[given["interval"]]
    start = instant(given["period_start"]).date()
    period, on = period_containing(Anchor.at(start), interval, start), instant(given["change_at"])
    old, new = (nets(given[name], given["discount"]) for name in _BOTH)
    return {
        "credits_minor": [unused_credit(net, period, on.date()).amount.amount for net in old],
        "debits_minor": [charge_for_rest(net, period, on.date()).amount.amount for net in new],
    }


_BOTH = ("old_prices_minor", "new_prices_minor")


@adapter("proration", "doc_plan_change", "simple-fraction", "per-day-rounded")
def doc_plan_change(case: Case) -> Answer:
    """So many units of time left of so many: any dates with these distances will do."""
    given = case.given
    period = Period(EARLY, EARLY + timedelta(days=given["period"]))
    on = period.end - timedelta(days=given["remaining"])
    old, new = (Money(minor(given[name], case.digits)) for name in ("old_price", "new_price"))
    credit = unused_credit(old, period, on).amount
    charge = charge_for_rest(new, period, on).amount
    found = {"credit": credit, "charge": charge, "net": charge - credit}
    return {name: major(amount.amount, case.digits) for name, amount in found.items()}


adapter("proration", "restart", "restart-full")(doc_plan_change)


@adapter("proration", "seconds_credit", "stripe-seconds")
def seconds_credit(case: Case) -> Answer:
    given = case.given
    start, on, end = (instant(given[name]).date() for name in ("period_start", "from", "to"))
    credit = unused_credit(Money(given["price_minor"]), Period(start, end), on)
    return {"credit_minor": credit.amount.amount}


@adapter("proration", "silver_prorated", "silver-months")
def silver_prorated(case: Case) -> Answer:
    """A price to four decimals is a price in hundredths of a cent."""
    given = case.given
    price = Money(minor(given["price"], 4))
    start, end = D(given["from"]), D(given["to_inclusive"]) + timedelta(days=1)
    interval = INTERVALS[given["interval"]]
    fixed = Anchor.at(start.replace(day=1)) if interval.months else Anchor.at(end)
    whole = period_containing(fixed, interval, start)
    return {"amount": major(price.share((end - start).days, whole.days).amount, 4)}
