"""Rounding, splits and the walls around money."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.money import EXPONENTS, Money, exponent_of, round_down, round_half_away, zero

AMOUNTS = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("n", "d", "rounded", "cut"),
    [
        pytest.param(0, 1, 0, 0, id="nothing"),
        pytest.param(150_001 * 15, 30, 75_001, 75_000, id="X11-a-tie-goes-up-where-python-goes-down"),
        pytest.param(-150_001 * 15, 30, -75_001, -75_000, id="X11-a-credit-mirrors-its-charge"),
        pytest.param(1_500_000_49, 100, 1_500_000, 1_500_000, id="PER-11-below-half"),
        pytest.param(1_900_000_50, 100, 1_900_001, 1_900_000, id="PER-11-half"),
        pytest.param(64_410 * 21, 28, 48_308, 48_307, id="a-tie-a-float-day-price-misses"),
        pytest.param(-1, 2, -1, 0, id="minus-a-half"),
        pytest.param(-1, 3, 0, 0, id="no-negative-zero"),
        pytest.param(1999 * 10, 31, 645, 644, id="X29-euro-cents"),
        pytest.param(99_999 * 1500, 10_000, 15_000, 14_999, id="X19-fifteen-percent"),
    ],
)  # fmt: skip
def test_a_fraction_is_rounded_once_with_ties_away_from_zero(
    n: int, d: int, rounded: int, cut: int
) -> None:
    assert (round_half_away(n, d), round_down(n, d)) == (rounded, cut)


@given(AMOUNTS, st.integers(1, 10**9))
def test_rounding_stays_within_half_a_unit_and_mirrors(n: int, d: int) -> None:
    assert abs(Fraction(n, d) - round_half_away(n, d)) <= Fraction(1, 2)
    assert round_half_away(-n, d) == -round_half_away(n, d)
    assert abs(round_down(n, d)) <= abs(Fraction(n, d))


@pytest.mark.parametrize("d", [0, -1])
@pytest.mark.parametrize("rounding", [round_half_away, round_down])
def test_a_denominator_must_be_positive(rounding: Callable[[int, int], int], d: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        rounding(1, d)


@pytest.mark.parametrize("wrong", [1.0, True, "99000", None])
def test_only_integers_become_money(wrong: object) -> None:
    calls: list[Callable[[], object]] = [
        lambda: Money(wrong),  # type: ignore[arg-type]
        lambda: Money(1).times(wrong),  # type: ignore[arg-type]
        lambda: Money(1).share(wrong, 2),  # type: ignore[arg-type]
        lambda: Money(1).share(1, wrong),  # type: ignore[arg-type]
        lambda: Money(1).allocate([1, wrong]),  # type: ignore[list-item]
        lambda: round_half_away(wrong, 1),  # type: ignore[arg-type]
        lambda: Money(1) + wrong,  # type: ignore[operator]
        lambda: Money(1) < wrong,  # type: ignore[operator]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()


def test_amounts_of_one_currency_add_and_compare() -> None:
    assert Money(2) + Money(3) - Money(1) == Money(4)
    assert -Money(5) == Money(-5)
    assert abs(Money(-5)) == Money(5)
    assert Money(1) < Money(2) <= Money(2)
    assert Money(3) > Money(2) >= Money(2)
    assert sum([Money(1), Money(2)], zero()) == Money(3)
    assert (zero().is_zero, Money(-1).is_negative, Money(1).is_negative) == (True, True, False)
    assert str(Money(99_000)) == "IDR 99000"


def test_two_currencies_do_not_mix_and_are_never_equal() -> None:
    assert Money(0, "IDR") != Money(0, "USD")
    with pytest.raises(ValueError, match="do not mix"):
        Money(1, "IDR") + Money(1, "USD")
    with pytest.raises(ValueError, match="do not mix"):
        assert Money(1, "IDR") < Money(1, "USD")


def test_the_rupiah_has_no_decimals_and_unknown_currencies_are_refused() -> None:
    assert [exponent_of(code) for code in ("IDR", "USD", "KWD")] == [0, 2, 3]
    assert set(EXPONENTS.values()) == {0, 2, 3}
    for code in ("XYZ", "idr", ""):
        with pytest.raises(InvalidRequest) as refusal:
            Money(1, code)
        assert refusal.value.code == "unknown_currency"


def test_times_rounds_the_product_and_never_the_unit_price() -> None:
    assert Money(45_000).times(4) == Money(180_000)
    assert Money(3).times(Fraction(1, 2)) == Money(2)
    assert Money(-3).times(Fraction(1, 2)) == Money(-2)


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        pytest.param(50_000, [99_000, 45_000, 10_500], [32_039, 14_563, 3_398], id="X18-voucher"),
        pytest.param(100, [1, 1, 1], [34, 33, 33], id="X18-ties-go-to-the-first"),
        pytest.param(11_000, [33_333, 33_333, 33_333], [3_667, 3_667, 3_666], id="X20-tax-shown"),
        pytest.param(-100, [1, 1, 1], [-33, -33, -34], id="a-negative-amount-floors-down"),
        pytest.param(10_645, [160_645, -63_871], [17_671, -7_026], id="X9-a-credit-among-charges"),
        pytest.param(-11_000, [-200_000, 100_000], [-22_000, 11_000], id="X16-weights-below-zero"),
        pytest.param(0, [0, 0], [0, 0], id="nothing-over-nothing"),
        pytest.param(0, [5, -5], [0, 0], id="nothing-over-weights-that-cancel"),
        pytest.param(7, [0, 1], [0, 7], id="a-zero-weight-gets-nothing"),
    ],
)  # fmt: skip
def test_an_allocation_follows_its_weights(
    amount: int, weights: list[int], parts: list[int]
) -> None:
    assert [part.amount for part in Money(amount).allocate(weights)] == parts


@given(AMOUNTS, st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=12))
def test_an_allocation_adds_up_and_each_part_is_within_one_unit(
    amount: int, weights: list[int]
) -> None:
    whole = sum(weights)
    if whole == 0:
        amount = 0
    parts = Money(amount).allocate(weights)

    assert sum(parts, zero()) == Money(amount)
    for part, weight in zip(parts, weights, strict=True):
        exact = Fraction(amount * weight, whole or 1)
        assert abs(part.amount - exact) < 1


def test_money_is_not_split_over_nothing() -> None:
    for weights in ([], [0, 0], [3, -3]):
        with pytest.raises(ValueError, match="add up to 0"):
            Money(1).allocate(weights)


@given(AMOUNTS, st.integers(1, 366), st.data())
def test_splitting_a_span_changes_the_sum_by_at_most_one(
    amount: int, days: int, data: st.DataObject
) -> None:
    """Invariant I4."""
    whole = data.draw(st.integers(0, days))
    first = data.draw(st.integers(0, whole))
    money = Money(amount)

    in_two = money.share(first, days) + money.share(whole - first, days)
    assert abs((in_two - money.share(whole, days)).amount) <= 1
