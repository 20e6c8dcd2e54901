"""Price models: worked examples as rows, and what holds for all of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.exact import exact
from core.money import Money
from plans.commitments import maximum_line, minimum_line
from plans.percentages import PercentageTerms
from plans.price_models import (
    Fixed,
    Graduated,
    Package,
    Percentage,
    PerUnit,
    Usage,
    Volume,
    billable,
)
from plans.tiers import Tier

F = exact


def tiers(*rows: tuple[str | None, str] | tuple[str | None, str, str]) -> tuple[Tier, ...]:
    """Bound, unit amount, flat amount."""
    return tuple(
        Tier(None if row[0] is None else F(row[0]), F(row[1]), F(row[2]) if len(row) == 3 else F(0))
        for row in rows
    )


# 10,000 to 10 units, 8,000 to 50, then 5,000
SEATS = tiers(("10", "10000"), ("50", "8000"), (None, "5000"))
# the same with 2,000 to begin with and 30,000 from the 11th on
WITH_FEES = tiers(("10", "10000", "2000"), ("50", "8000", "30000"), (None, "5000"))


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        pytest.param("0", 0, 0, id="X23-nothing"),
        pytest.param("1", 10_000, 10_000, id="X23-one"),
        pytest.param("10", 100_000, 100_000, id="X23-the-bound-is-inside"),
        pytest.param("11", 108_000, 88_000, id="X23-one-more: 100,000 + 8,000; 11 × 8,000"),
        pytest.param("50", 420_000, 400_000, id="X23-100,000 + 40 × 8,000"),
        pytest.param("51", 425_000, 255_000, id="X23-51 × 5,000"),
        pytest.param("60", 470_000, 300_000, id="X23-100,000 + 320,000 + 50,000"),
        pytest.param(
            "10.5", 104_000, 84_000, id="half-a-unit: 100,000 + 0.5 × 8,000; 10.5 × 8,000"
        ),
    ],
)
def test_tiers_price_each_unit_by_its_tier_or_all_by_the_one_reached(
    quantity: str, graduated: int, volume: int
) -> None:
    assert Graduated(SEATS).price(F(quantity)).amount() == Money(graduated)
    assert Volume(SEATS).price(F(quantity)).amount() == Money(volume)


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        pytest.param("0", 2_000, 2_000, id="the-first-fee-is-due-at-nothing"),
        pytest.param("10", 102_000, 102_000, id="the-bound-does-not-reach-the-next-fee"),
        pytest.param("11", 140_000, 118_000, id="102,000 + 30,000 + 8,000; 11 × 8,000 + 30,000"),
        pytest.param("60", 502_000, 300_000, id="the-fees-of-tiers-passed-are-due-too"),
    ],
)
def test_a_flat_fee_is_due_when_its_tier_is_reached(
    quantity: str, graduated: int, volume: int
) -> None:
    assert Graduated(WITH_FEES).price(F(quantity)).amount() == Money(graduated)
    assert Volume(WITH_FEES).price(F(quantity)).amount() == Money(volume)


@pytest.mark.parametrize(
    ("quantity", "amount"), [("0", 50_000), ("100", 50_000), ("101", 90_000), ("9999", 90_000)]
)
def test_stair_steps_are_tiers_of_flat_amounts_alone(quantity: str, amount: int) -> None:
    steps = Volume(tiers(("100", "0", "50000"), (None, "0", "90000")))
    assert steps.price(F(quantity)).amount() == Money(amount)


def test_the_whole_number_of_seats_may_choose_the_tier_of_a_part() -> None:
    assert Volume(SEATS).price(F("7.5"), F("15")).amount() == Money(60_000)


@pytest.mark.parametrize(
    ("used", "free", "size", "price", "amount"),
    [
        pytest.param("2350", "100", "1000", "250000", 750_000, id="X24"),
        pytest.param("2100", "100", "1000", "250000", 500_000, id="whole-packages"),
        pytest.param("2100.001", "100", "1000", "250000", 750_000, id="a-started-one-counts-whole"),
        pytest.param("100", "100", "1000", "250000", 0, id="only-free-units"),
        pytest.param("0", "0", "1000", "250000", 0, id="nothing"),
    ],
)
def test_started_packages_count_whole(
    used: str, free: str, size: str, price: str, amount: int
) -> None:
    assert Package(F(size), F(price), F(free)).price(F(used)).amount() == Money(amount)


LIMITED = PercentageTerms(F("0.015"), F(1_000), minimum=F(2_000), maximum=F(25_000))


@pytest.mark.parametrize(
    ("terms", "events", "exact_amount"),
    [
        pytest.param(LIMITED, ["50000", "1000000", "5000000"], "43000", id="X25: 2,000 + 16,000 + 25,000"),
        pytest.param(LIMITED, [], "0", id="no-events"),
        pytest.param(LIMITED, ["0"], "2000", id="an-event-of-nothing-pays-the-minimum"),
        pytest.param(PercentageTerms(F("0.029")), ["1", "1", "1", "1"], "0.116", id="finer-than-a-rupiah"),
        # 100,000 is free: the first event whole, 20,000 of the second; 30,000 × 1% + 500
        pytest.param(
            PercentageTerms(F("0.01"), F(500), free_amount=F(100_000)), ["80000", "50000"], "800", id="free"
        ),
        pytest.param(
            PercentageTerms(F("0.01"), F(500), free_amount=F(100_000)), ["80000", "20000"], "0", id="all-free"
        ),
    ],
)  # fmt: skip
def test_a_percentage_is_counted_by_event_and_rounded_once(
    terms: PercentageTerms, events: list[str], exact_amount: str
) -> None:
    found = Percentage(terms).price_events([F(event) for event in events])
    assert found.exact == F(exact_amount)


@pytest.mark.parametrize(
    ("quantity", "unit", "amount"),
    [("2350", "0.5", 1_175), ("3", "0.5", 2), ("1", "0.4", 0), ("7", "1/7", 1), ("0", "9", 0)],
)
def test_a_price_finer_than_a_rupiah_is_rounded_with_its_line(
    quantity: str, unit: str, amount: int
) -> None:
    assert PerUnit(F(unit)).price(F(quantity)).amount() == Money(amount)


def test_a_fixed_fee_does_not_look_at_the_quantity() -> None:
    assert {Fixed(F(50_000)).price(F(n)).amount() for n in (0, 1, 1_000)} == {Money(50_000)}


@pytest.mark.parametrize(
    ("days", "of_days", "billed", "fills", "cuts"),
    [
        pytest.param(16, 31, 120_000, 138_065, 0, id="X26: 258,064.52 - 120,000"),
        pytest.param(31, 31, 500_000, 0, 0, id="just-met"),
        pytest.param(31, 31, 700_000, 0, -200_000, id="above"),
        pytest.param(0, 31, 0, 0, 0, id="not-active"),
        pytest.param(15, 30, 300_000, 0, -50_000, id="half-a-month-halves-the-maximum"),
    ],
)
def test_commitments_count_the_days_that_were_active(
    days: int, of_days: int, billed: int, fills: int, cuts: int
) -> None:
    """Both of 500,000 a month."""
    whole, counted = Money(500_000), Money(billed)
    least = minimum_line(whole, days=days, of_days=of_days, counted=counted)
    most = maximum_line(whole, days=days, of_days=of_days, counted=counted)
    assert (least.amount, most.amount) == (Money(fills), Money(cuts))


@pytest.mark.parametrize(("whole", "days", "of_days"), [(-1, 1, 1), (1, 2, 1), (1, -1, 1)])
def test_a_commitment_over_days_that_are_none_is_an_error(
    whole: int, days: int, of_days: int
) -> None:
    with pytest.raises(ValueError):
        minimum_line(Money(whole), days=days, of_days=of_days, counted=Money(0))


def test_usage_below_zero_bills_nothing_and_is_reported() -> None:
    assert billable(F("-2")) == Usage(quantity=F(0), below_zero=F(-2))
    assert billable(F("2.5")) == Usage(quantity=F("2.5"), below_zero=F(0))


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (("10", "1"),),
        (("10", "1"), ("10", "1"), (None, "1")),
        (("10", "1"), ("5", "1"), (None, "1")),
        ((None, "1"), (None, "1")),
        (("0", "1"), (None, "1")),
        (("10", "-1"), (None, "1")),
        (*((str(n + 1), "1") for n in range(50)), (None, "1")),
    ],
)
def test_tiers_that_leave_a_quantity_in_doubt_are_refused(
    rows: tuple[tuple[str | None, str], ...],
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Graduated(tiers(*rows))
    assert refusal.value.code == "invalid_price_terms"
    assert refusal.value.field is not None


@pytest.mark.parametrize("model", [Fixed(F(1)), PerUnit(F(1)), Graduated(SEATS), Volume(SEATS)])
def test_a_negative_quantity_is_refused(model: PerUnit) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        model.price(F(-1))
    assert refusal.value.code == "invalid_quantity"


AMOUNTS = st.fractions(0, 10**6, max_denominator=1000)
QUANTITIES = st.fractions(0, 10**5, max_denominator=100)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Tier, ...]:
    """Tiers as a merchant might write them, falling prices or not."""
    bounds = sorted(draw(st.sets(st.integers(1, 10**5), max_size=5)))
    return tuple(
        Tier(None if bound is None else Fraction(bound), draw(AMOUNTS), draw(AMOUNTS))
        for bound in (*bounds, None)
    )


@given(tables(), QUANTITIES, QUANTITIES)
def test_a_graduated_price_never_falls_as_more_is_bought(
    table: tuple[Tier, ...], one: Fraction, other: Fraction
) -> None:
    less, more = sorted((one, other))
    assert Graduated(table).price(less).exact <= Graduated(table).price(more).exact


@given(tables(), QUANTITIES)
def test_one_tier_is_a_price_per_unit_with_a_fee_both_ways(
    table: tuple[Tier, ...], quantity: Fraction
) -> None:
    only = (table[-1],)
    wanted = quantity * only[0].unit_amount + only[0].flat_amount
    assert Graduated(only).price(quantity).exact == wanted
    assert Volume(only).price(quantity).exact == wanted


@given(tables(), st.integers(0, 300))
def test_a_graduated_price_is_the_sum_of_its_units(table: tuple[Tier, ...], quantity: int) -> None:
    """Counted one unit at a time, as a person would."""
    total, index = table[0].flat_amount, 0
    for unit in range(1, quantity + 1):
        bound = table[index].up_to
        if bound is not None and unit > bound:
            index += 1
            total += table[index].flat_amount
        total += table[index].unit_amount
    assert Graduated(table).price(Fraction(quantity)).exact == total


@given(
    st.lists(st.fractions(0, 10**7, max_denominator=100), max_size=20),
    st.fractions(0, 1, max_denominator=1000),
    AMOUNTS,
    AMOUNTS,
    AMOUNTS,
)
def test_a_percentage_is_the_sum_of_its_events(
    events: list[Fraction], rate: Fraction, fixed: Fraction, one: Fraction, other: Fraction
) -> None:
    least, most = sorted((one, other))
    terms = PercentageTerms(rate, fixed, minimum=least, maximum=most)
    wanted = sum((min(max(rate * event + fixed, least), most) for event in events), Fraction(0))
    assert Percentage(terms).price_events(events).exact == wanted
