"""Plan changes and cancellations, with the workings an accountant can check."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from billing.plan_changes import (
    BilledLine,
    ChangeLine,
    ChangeQuote,
    Offer,
    quote_change,
)
from core.calendars import Anchor, Interval, Period, Unit
from core.errors import Conflict, InvalidRequest
from core.money import Money, zero
from plans.catalogue import PriceVersion

D = date.fromisoformat
MONTH = Interval("month", 1)


def offer(amount: int, quantity: int = 1, unit: Unit = "month", count: int = 1) -> Offer:
    interval = Interval(unit, count)
    return Offer(PriceVersion(f"plan-{amount}", 1, "IDR", amount, interval), quantity)


def span(start: str, end: str) -> Period:
    return Period(D(start), D(end))


def line(number: int, net: int, period: Period, credited: int = 0, **more: Any) -> BilledLine:
    return BilledLine(UUID(int=number), Money(net), period, Money(credited), **more)


DECEMBER = span("2026-12-10", "2027-01-10")  # 31 days
NOVEMBER = span("2026-11-15", "2026-12-15")  # 30 days


def change(old: Offer, new: Offer, period: Period, on: str, **more: Any) -> ChangeQuote:
    """Quote for a subscription on whole periods whose current one was billed at full price."""
    terms: dict[str, Any] = {
        "lines": [line(1, old.amount.amount, period)],
        "anchor": Anchor.at(period.start),
        "billed_through": period.end,
        "mode": "prorate",
    }
    return quote_change(old=old, new=new, period=period, on=D(on), **(terms | more))


def amounts(lines: tuple[ChangeLine, ...]) -> list[int]:
    return [found.amount.amount for found in lines]


@pytest.mark.parametrize(
    ("old", "new", "period", "on", "credit", "charge", "net"),
    [
        pytest.param(offer(150_000), offer(300_000), NOVEMBER, "2026-11-25", -100_000, 200_000, 100_000, id="X8"),
        pytest.param(offer(99_000), offer(249_000), DECEMBER, "2026-12-21", -63_871, 160_645, 96_774, id="X9"),
        pytest.param(offer(45_000, 3), offer(45_000, 4), DECEMBER, "2026-12-31", -43_548, 58_065, 14_517, id="X13"),
        pytest.param(offer(100_000), offer(1_000_000, unit="year"), span("2026-12-05", "2027-01-05"), "2026-12-20", -51_613, 1_000_000, 948_387, id="X14"),
        pytest.param(offer(300_000), offer(150_000), NOVEMBER, "2026-11-25", -200_000, 100_000, -100_000, id="X16"),
        pytest.param(offer(99_000), offer(249_000), DECEMBER, "2026-12-10", -99_000, 249_000, 150_000, id="R34-first-day"),
        pytest.param(offer(99_000), offer(249_000), DECEMBER, "2027-01-09", -3_194, 8_032, 4_838, id="last-day"),
    ],
)  # fmt: skip
def test_a_change_credits_what_is_unused_and_charges_what_is_left(
    *, old: Offer, new: Offer, period: Period, on: str, credit: int, charge: int, net: int
) -> None:
    quote = change(old, new, period, on)

    assert (amounts(quote.credits), amounts(quote.charges)) == ([credit], [charge])
    assert quote.net == Money(net)
    assert (quote.mode, quote.effective_on) == ("prorate", D(on))
    assert quote.credits[0].credits_line_id == UUID(int=1)


def test_every_line_carries_its_arithmetic() -> None:
    quote = change(offer(99_000), offer(249_000), DECEMBER, "2026-12-21")
    left = span("2026-12-21", "2027-01-10")

    assert quote.credits == (
        ChangeLine("credit", Money(-63_871), 20, 31, Money(99_000), left, UUID(int=1)),
    )
    assert quote.charges == (ChangeLine("charge", Money(160_645), 20, 31, Money(249_000), left),)
    assert (quote.billed_through, quote.new_anchor, quote.new_period) == (DECEMBER.end, None, None)


def test_a_second_change_credits_the_line_of_the_first() -> None:
    """X10: after X9, 249,000 -> 199,000 on 27 December."""
    lines = [
        line(1, 99_000, DECEMBER, credited=63_871),
        line(2, 160_645, span("2026-12-21", "2027-01-10")),
    ]
    quote = change(offer(249_000), offer(199_000), DECEMBER, "2026-12-27", lines=lines)

    assert (amounts(quote.credits), amounts(quote.charges)) == ([-112_452], [89_871])
    assert quote.credits[0].credits_line_id == UUID(int=2)
    assert quote.net == Money(-22_581)


def test_the_net_price_of_a_discounted_line_is_what_comes_back() -> None:
    """X17, the credit side: 20% off 150,000 was billed as 120,000."""
    lines = [line(1, 120_000, NOVEMBER)]
    quote = change(offer(150_000), offer(300_000), NOVEMBER, "2026-11-25", lines=lines)

    assert amounts(quote.credits) == [-80_000]


def test_a_changed_interval_moves_the_anchor_and_charges_a_whole_period() -> None:
    """X14."""
    period = span("2026-12-05", "2027-01-05")
    quote = change(offer(100_000), offer(1_000_000, unit="year"), period, "2026-12-20")

    assert quote.new_anchor == Anchor(D("2026-12-20"), 20)
    assert quote.new_period == span("2026-12-20", "2027-12-20")
    assert quote.billed_through == D("2027-12-20")


def test_twelve_months_are_a_year_and_keep_the_anchor() -> None:
    period = span("2026-12-05", "2027-12-05")
    quote = change(offer(1_000_000, unit="year"), offer(1_200_000, count=12), period, "2027-09-01")

    assert (quote.new_anchor, quote.billed_through) == (None, D("2027-12-05"))
    assert [(found.days, found.of_days) for found in quote.charges] == [(95, 365)]


def test_a_fixed_day_turns_the_new_interval_into_a_stub() -> None:
    """R33: 1,000,000 a year to the 1st; 365 days from 1 December 2026."""
    period = span("2026-12-01", "2027-01-01")
    quote = change(offer(100_000), offer(1_000_000, unit="year"), period, "2026-12-20", fixed_day=1)

    assert quote.new_anchor == Anchor(D("2027-12-01"), 1)
    assert quote.new_period == span("2026-12-20", "2027-12-01")
    assert [(found.days, found.of_days) for found in quote.charges] == [(346, 365)]
    assert amounts(quote.charges) == [947_945]


def test_a_change_inside_a_stub_is_measured_by_the_whole_period() -> None:
    """R32: paid from 17 January towards the 1st; the stub is the end of 31 days."""
    stub = span("2027-01-17", "2027-02-01")
    quote = change(
        offer(100_000),
        offer(200_000),
        stub,
        "2027-01-22",
        lines=[line(1, 48_387, stub)],
        anchor=Anchor(D("2027-02-01"), 1),
    )

    assert amounts(quote.credits) == [-32_258]  # 48,387 x 10/15
    assert amounts(quote.charges) == [64_516]  # 200,000 x 10/31


def test_periods_invoiced_ahead_are_changed_too() -> None:
    """An invoice payer whose January is already invoiced when December changes."""
    january = span("2027-01-10", "2027-02-10")
    quote = change(
        offer(99_000),
        offer(249_000),
        DECEMBER,
        "2027-01-05",
        lines=[line(1, 99_000, DECEMBER), line(2, 99_000, january, is_paid=False)],
        billed_through=january.end,
    )

    assert amounts(quote.credits) == [-15_968, -99_000]  # 5/31, and all of January
    assert amounts(quote.charges) == [40_161, 249_000]
    assert quote.charges[1].period == january
    assert quote.billed_through == january.end


@pytest.mark.parametrize(
    ("old", "new", "mode"),
    [
        pytest.param(offer(99_000), offer(249_000), "prorate", id="upgrade"),
        pytest.param(offer(249_000), offer(99_000), "at_period_end", id="downgrade"),
        pytest.param(offer(45_000, 3), offer(45_000, 4), "prorate", id="R35-one-seat-more"),
        pytest.param(offer(45_000, 4), offer(45_000, 3), "at_period_end", id="R35-one-seat-less"),
        pytest.param(offer(100_000), offer(1_000_000, unit="year"), "at_period_end", id="cheaper-a-year"),
        pytest.param(offer(100_000), offer(1_200_000, unit="year"), "prorate", id="same-a-year"),
    ],
)  # fmt: skip
def test_upgrades_are_now_and_downgrades_wait(old: Offer, new: Offer, mode: str) -> None:
    assert change(old, new, DECEMBER, "2026-12-21", mode=None).mode == mode


def test_a_change_at_the_periods_end_costs_nothing_now() -> None:
    quote = change(offer(249_000), offer(99_000), DECEMBER, "2026-12-21", mode="at_period_end")

    assert (quote.credits, quote.charges, quote.net) == ((), (), zero())
    assert quote.effective_on == quote.billed_through == DECEMBER.end
    assert (quote.new_anchor, quote.new_period) == (None, None)


def test_a_change_at_the_periods_end_waits_for_what_is_invoiced_ahead() -> None:
    quote = change(
        offer(249_000),
        offer(99_000),
        DECEMBER,
        "2027-01-05",
        mode="at_period_end",
        billed_through=D("2027-02-10"),
    )

    assert quote.effective_on == D("2027-02-10")


def test_another_interval_at_the_periods_end_keeps_the_wanted_day() -> None:
    quote = quote_change(
        old=offer(100_000),
        new=offer(1_000_000, unit="year"),
        lines=[line(1, 100_000, span("2027-01-31", "2027-02-28"))],
        anchor=Anchor(D("2027-01-31"), 31),
        period=span("2027-01-31", "2027-02-28"),
        billed_through=D("2027-02-28"),
        on=D("2027-02-10"),
        mode="at_period_end",
    )

    assert quote.new_anchor == Anchor(D("2027-02-28"), 31)
    assert quote.new_period == span("2027-02-28", "2028-02-29")


TRIAL = span("2026-11-21", "2026-12-05")


@pytest.mark.parametrize("new", [offer(249_000), offer(49_000)])
def test_a_change_during_the_trial_costs_nothing_and_is_done_at_once(new: Offer) -> None:
    quote = quote_change(
        old=offer(99_000),
        new=new,
        lines=[],
        anchor=Anchor.at(TRIAL.end),
        period=TRIAL,
        billed_through=TRIAL.end,
        on=D("2026-11-25"),
        paid_from=TRIAL.end,
    )

    assert (quote.net, quote.credits, quote.charges) == (zero(), (), ())
    assert (quote.effective_on, quote.billed_through) == (D("2026-11-25"), TRIAL.end)
    assert (quote.new_anchor, quote.new_period) == (None, None)


@pytest.mark.parametrize(
    ("ahead", "credit", "charge", "billed_through"),
    [
        pytest.param(None, [], [], "2026-12-05", id="nothing-invoiced"),
        pytest.param("2027-01-05", [-99_000], [999_000], "2027-12-05", id="first-period-invoiced"),
    ],
)
def test_a_yearly_plan_chosen_on_trial_starts_when_the_trial_ends(
    ahead: str | None, credit: list[int], charge: list[int], billed_through: str
) -> None:
    first = None if ahead is None else Period(TRIAL.end, D(ahead))
    quote = quote_change(
        old=offer(99_000),
        new=offer(999_000, unit="year"),
        lines=[] if first is None else [line(1, 99_000, first, is_paid=False)],
        anchor=Anchor.at(TRIAL.end),
        period=TRIAL,
        billed_through=TRIAL.end if first is None else first.end,
        on=D("2026-11-25"),
        paid_from=TRIAL.end,
    )

    assert (amounts(quote.credits), amounts(quote.charges)) == (credit, charge)
    assert quote.new_anchor == Anchor(TRIAL.end, 5)
    assert (quote.billed_through, quote.new_period) == (D(billed_through), None)


@pytest.mark.parametrize("on", ["2026-12-09", "2027-01-10"])
def test_a_date_outside_the_period_is_refused(on: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        change(offer(1), offer(2), DECEMBER, on)
    assert refusal.value.code == "change_outside_period"


def test_a_change_to_the_same_thing_is_refused() -> None:
    with pytest.raises(Conflict) as refusal:
        change(offer(99_000), offer(99_000), DECEMBER, "2026-12-21")
    assert refusal.value.code == "nothing_to_change"


def test_a_change_of_currency_is_refused() -> None:
    dollars = Offer(replace(offer(10).price, currency="USD"), 1)

    with pytest.raises(InvalidRequest) as refusal:
        change(offer(99_000), dollars, DECEMBER, "2026-12-21")
    assert refusal.value.code == "currency_mismatch"
