"""Documents with several rates: each taxed once."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from invoices.tax_groups import tax_by_groups
from invoices.tax_terms import TaxMode, TaxTerms


def rate(percent: str, mode: TaxMode = "exclusive") -> TaxTerms:
    return TaxTerms("standard", mode, Fraction(percent) / 100, Fraction(1), "half_up", date.min)


@pytest.mark.parametrize(
    ("lines", "taxes", "tax", "total"),
    [
        pytest.param([(1_000, ["10"]), (2_000, ["10", "12"])], [300, 240], 540, 3_540, id="one-line-with-two"),
        pytest.param([(33_333, ["11"])] * 3, [11_000], 11_000, 110_999, id="X20-one-rate"),
        pytest.param([(50, ["11"]), (50, ["12"])], [6, 6], 12, 112, id="each-rounded-by-itself: 5.5 and 6"),
        pytest.param([(100, [])], [], 0, 100, id="untaxed"),
        pytest.param([], [], 0, 0, id="no-lines"),
        pytest.param([(1_000, ["10"]), (-400, ["10"])], [60], 60, 660, id="a-credit-lowers-its-rate"),
    ],
)  # fmt: skip
def test_each_rate_is_taxed_once(
    lines: list[tuple[int, list[str]]], taxes: list[int], tax: int, total: int
) -> None:
    found = tax_by_groups([(Money(net), [rate(one) for one in rates]) for net, rates in lines])
    assert [group.tax.amount for group in found.groups] == taxes
    assert (found.tax, found.total) == (Money(tax), Money(total))


def test_a_tax_inside_does_not_raise_the_total() -> None:
    found = tax_by_groups(
        [(Money(99_000), [rate("11", "inclusive")]), (Money(1_000), [rate("12")])]
    )
    assert found.tax == Money(9_811 + 120)
    assert found.total == Money(100_120)


@pytest.mark.parametrize("terms", [[rate("10"), rate("10")], [rate("10"), rate("12", "inclusive")]])
def test_taxes_of_one_line_that_contradict_each_other_are_an_error(terms: list[TaxTerms]) -> None:
    with pytest.raises(ValueError):
        tax_by_groups([(Money(1), terms)])


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.sets(st.sampled_from(["10", "11", "12"]))), max_size=6
    )
)
def test_the_tax_shown_adds_up(lines: list[tuple[int, set[str]]]) -> None:
    found = tax_by_groups(
        [(Money(net), [rate(one) for one in sorted(rates)]) for net, rates in lines]
    )
    assert sum(part.amount for part in found.per_line) == found.tax.amount
    assert found.total.amount == sum(net for net, _ in lines) + found.tax.amount
