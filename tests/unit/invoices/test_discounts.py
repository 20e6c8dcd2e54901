"""Discounts: worked examples as rows, and what holds for any of them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import Period
from core.errors import InvalidRequest
from core.money import Money, zero
from invoices.derivation import arithmetic, recompute
from invoices.discounts import (
    Discount,
    Item,
    discount_shown,
    ends_on,
    lowers,
    net_prices,
    use_voucher,
)

D = date.fromisoformat


def percent(points: int, place: int = 0, *only: str) -> Discount:
    return Discount(basis_points=points, place=place, only=frozenset(only) or None)


def off(amount: int, place: int = 0, *only: str) -> Discount:
    return Discount(amount=Money(amount), place=place, only=frozenset(only) or None)


def items(*prices: int) -> list[Item]:
    """Items called a, b, c …"""
    return [Item(chr(ord("a") + index), Money(price)) for index, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("prices", "discounts", "nets"),
    [
        pytest.param([99_999], [percent(1_500)], [84_999], id="X19: 14,999.85 is 15,000"),
        pytest.param([150_000], [percent(2_000)], [120_000], id="X17-old"),
        pytest.param([300_000], [percent(2_000)], [240_000], id="X17-new"),
        pytest.param([100_000], [off(30_000, 1), percent(1_000, 2)], [60_000], id="percent-first: 90,000 - 30,000"),
        pytest.param([100_000], [percent(1_000, 2), percent(5_000, 1)], [45_000], id="each-on-what-is-left"),
        pytest.param([100_000, 50_000], [off(30_000)], [80_000, 40_000], id="split-by-price"),
        pytest.param([100_000, 50_000], [off(30_000, 0, "b")], [100_000, 20_000], id="for-one-item"),
        pytest.param([100_000, 50_000], [off(80_000, 0, "b")], [100_000, 0], id="capped-and-not-moved-over"),
        pytest.param([10, 10, 10], [off(10)], [6, 7, 7], id="4 + 3 + 3, ties to the first"),
        pytest.param([1, 1], [percent(5_000)], [0, 0], id="each-by-itself: 0.5 is 1"),
        pytest.param([0, 0], [off(10)], [0, 0], id="free-already"),
        pytest.param([100], [], [100], id="none"),
        pytest.param([100], [percent(10_000), off(5)], [0], id="never-below-zero"),
    ],
)  # fmt: skip
def test_prices_are_lowered_in_order(
    prices: list[int], discounts: list[Discount], nets: list[int]
) -> None:
    found = net_prices(items(*prices), discounts)
    assert [one.net for one in found] == [Money(net) for net in nets]


@pytest.mark.parametrize(
    ("price", "net", "days", "of_days", "gross", "less"),
    [
        pytest.param(300_000, 240_000, 20, 30, 200_000, -40_000, id="X17"),
        pytest.param(99_999, 84_999, 10, 31, 32_258, -4_839, id="32,257.74 and 27,419.03"),
        pytest.param(100, 100, 1, 2, 50, 0, id="no-discount"),
    ],
)
def test_a_discount_is_shown_as_what_lies_between(
    *, price: int, net: int, days: int, of_days: int, gross: int, less: int
) -> None:
    assert discount_shown(Money(price), Money(net), days, of_days) == (Money(gross), Money(less))


@pytest.mark.parametrize(
    ("lines", "amount", "only", "parts", "lost"),
    [
        pytest.param([99_000, 45_000, 10_500], 50_000, None, [32_039, 14_563, 3_398], 0, id="X18"),
        pytest.param([50, 50, 50], 100, None, [34, 33, 33], 0, id="X18-equal-lines"),
        pytest.param([99_000, -20_000], 50_000, None, [50_000, 0], 0, id="a-credit-takes-no-part"),
        pytest.param([30_000], 50_000, None, [30_000], 20_000, id="the-rest-is-lost"),
        pytest.param([30_000, 40_000], 50_000, {"b"}, [0, 40_000], 10_000, id="for-some-lines"),
        pytest.param([-5], 50, None, [0], 50, id="nothing-to-lower"),
    ],
)
def test_a_voucher_lowers_one_invoice(
    lines: list[int], amount: int, only: set[str] | None, parts: list[int], lost: int
) -> None:
    found = use_voucher(items(*lines), Money(amount), None if only is None else frozenset(only))
    assert list(found.parts) == [Money(part) for part in parts]
    assert found.lost == Money(lost)


FIRST = Period(D("2026-11-30"), D("2026-12-30"))


@pytest.mark.parametrize(
    ("starts", "duration", "is_lowered"),
    [
        ("2026-11-29", "forever", False),
        ("2026-11-30", "once", True),
        ("2026-12-10", "once", True),  # an upgrade within the first period
        ("2026-12-30", "once", False),
        ("2026-12-30", "forever", True),
        ("2027-01-30", 3, True),
        ("2027-02-27", 3, True),
        ("2027-02-28", 3, False),  # 30 November + 3 months, clamped
    ],
)
def test_a_discount_lasts_as_long_as_it_says(
    starts: str, duration: int | str, is_lowered: bool
) -> None:
    since = D("2026-11-30")
    found = lowers(D(starts), since=since, first_period=FIRST, duration=duration)
    assert found == is_lowered
    assert ends_on(since, 3) == D("2027-02-28")


@pytest.mark.parametrize("duration", [0, -1, True, "twice"])
def test_a_duration_that_is_none_is_refused(duration: int | str) -> None:
    with pytest.raises(InvalidRequest):
        lowers(FIRST.start, since=FIRST.start, first_period=FIRST, duration=duration)


@pytest.mark.parametrize(
    "terms",
    [
        {}, {"basis_points": 1, "amount": Money(1)}, {"basis_points": 10_001}, {"basis_points": -1},
        {"amount": Money(-1)},
    ],
)  # fmt: skip
def test_what_is_no_discount_is_refused(terms: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Discount(**terms)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_discount"


def test_a_voucher_that_adds_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        use_voucher(items(1), Money(-1))


DISCOUNTS = st.builds(
    lambda points, amount, place, only: (
        percent(points, place, *only) if amount is None else off(amount, place, *only)
    ),
    st.integers(0, 10_000),
    st.none() | st.integers(0, 10**9),
    st.integers(0, 3),
    st.sets(st.sampled_from("abcd")),
)
PRICES = st.lists(st.integers(0, 10**9), min_size=1, max_size=4)


@given(PRICES, st.lists(DISCOUNTS, max_size=5))
def test_a_net_price_stays_between_nothing_and_its_price_and_is_derived(
    prices: list[int], discounts: list[Discount]
) -> None:
    for item, found in zip(items(*prices), net_prices(items(*prices), discounts), strict=True):
        assert zero() <= found.net <= item.price
        assert found.net + found.taken == item.price
        if isinstance(found.derivation, int):
            assert found.taken.is_zero
        else:
            assert Money(recompute(found.derivation)) == found.net
            assert arithmetic(found.derivation)


@given(PRICES, st.integers(0, 2 * 10**9))
def test_a_fixed_discount_takes_all_of_itself_or_all_there_is(
    prices: list[int], amount: int
) -> None:
    found = net_prices(items(*prices), [off(amount)])
    assert sum(one.taken.amount for one in found) == min(amount, sum(prices))


@given(PRICES, st.integers(0, 2 * 10**9))
def test_a_voucher_takes_no_more_than_a_line_has(prices: list[int], amount: int) -> None:
    found = use_voucher(items(*prices), Money(amount))
    assert all(part.amount <= price for part, price in zip(found.parts, prices, strict=True))
    assert sum(found.parts, found.lost) == Money(amount)
