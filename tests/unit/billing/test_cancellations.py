"""Cancellations: when the service ends and what comes back."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from billing.plan_changes import BilledLine, ChangeLine, quote_cancel, quote_end
from core.calendars import Period
from core.errors import InvalidRequest
from core.money import Money

D = date.fromisoformat


def span(start: str, end: str) -> Period:
    return Period(D(start), D(end))


def line(number: int, net: int, period: Period, credited: int = 0, **more: Any) -> BilledLine:
    return BilledLine(UUID(int=number), Money(net), period, Money(credited), **more)


def amounts(lines: tuple[ChangeLine, ...]) -> list[int]:
    return [found.amount.amount for found in lines]


DECEMBER = span("2026-12-10", "2027-01-10")  # 31 days


@pytest.mark.parametrize(
    ("mode", "bill_day", "end_on", "credit"),
    [
        pytest.param("immediate", True, "2026-12-22", [-60_677], id="X12-19/31"),
        pytest.param("immediate", False, "2026-12-21", [-63_871], id="X12-20/31"),
        pytest.param("at_period_end", True, "2027-01-10", [], id="what-is-paid-is-served"),
    ],
)
def test_a_cancellation_ends_and_gives_back(
    mode: Any, bill_day: bool, end_on: str, credit: list[int]
) -> None:
    quote = quote_cancel(
        lines=[line(1, 99_000, DECEMBER)],
        period=DECEMBER,
        on=D("2026-12-21"),
        mode=mode,
        bill_day=bill_day,
    )

    assert (quote.end_on, amounts(quote.credits)) == (D(end_on), credit)
    assert quote.net == Money(sum(credit))


@pytest.mark.parametrize(
    ("is_paid", "end_on", "credit"),
    [
        pytest.param(False, "2027-01-10", [-99_000], id="an-unpaid-invoice-ahead-is-taken-back"),
        pytest.param(True, "2027-02-10", [], id="a-period-paid-ahead-is-served"),
    ],
)
def test_a_cancellation_at_the_periods_end_looks_at_what_is_paid(
    is_paid: bool, end_on: str, credit: list[int]
) -> None:
    ahead = line(2, 99_000, span("2027-01-10", "2027-02-10"), is_paid=is_paid)
    quote = quote_cancel(
        lines=[line(1, 99_000, DECEMBER), ahead],
        period=DECEMBER,
        on=D("2027-01-05"),
        mode="at_period_end",
    )

    assert (quote.end_on, amounts(quote.credits)) == (D(end_on), credit)


def test_a_line_cut_by_a_change_does_not_prolong_a_canceled_subscription() -> None:
    """A yearly line was credited when the plan became monthly."""
    year = line(1, 1_000_000, span("2026-03-01", "2027-03-01"), credited=221_918)
    quote = quote_cancel(
        lines=[year, line(2, 99_000, DECEMBER)],
        period=DECEMBER,
        on=D("2026-12-21"),
        mode="at_period_end",
    )

    assert (quote.end_on, quote.credits) == (DECEMBER.end, ())


def test_a_cancellation_on_the_last_day_gives_nothing_back() -> None:
    quote = quote_cancel(
        lines=[line(1, 99_000, DECEMBER)],
        period=DECEMBER,
        on=DECEMBER.last_day,
        mode="immediate",
    )

    assert (quote.end_on, quote.credits) == (DECEMBER.end, ())


def test_an_end_through_dunning_credits_from_the_first_unpaid_period() -> None:
    """R41: the unpaid line is credited whole; service in it was a courtesy."""
    paid = line(1, 99_000, DECEMBER)
    unpaid = line(2, 99_000, span("2027-01-10", "2027-02-10"), is_paid=False)

    assert amounts(quote_end([paid, unpaid], D("2027-01-10"))) == [-99_000]


@pytest.mark.parametrize("on", ["2026-12-09", "2027-01-10"])
def test_a_date_outside_the_period_is_refused(on: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        quote_cancel(lines=[], period=DECEMBER, on=D(on), mode="immediate")
    assert refusal.value.code == "change_outside_period"
