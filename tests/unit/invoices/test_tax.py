"""PPN: one document per row, worked by hand from the regulations' examples."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from core.money import Money
from invoices.tax import (
    TaxResult,
    TaxRow,
    TaxTerms,
    compute_tax,
    credit_note_tax,
    is_pkp,
    rounding_for,
    tax_row,
)
from invoices.tax_tables import TAX_TABLE

D = date.fromisoformat
TODAY = D("2026-11-21")


def tax_of(
    *amounts: int,
    treatment: str = "standard",
    mode: str = "exclusive",
    on: date = TODAY,
    pkp: bool = True,
) -> TaxResult:
    nets = [Money(amount) for amount in amounts]
    return compute_tax(nets, treatment=treatment, mode=mode, on=on, pkp=pkp)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on",         "treatment",         "mode",      "price",     "base",      "other",     "tax",       "total"),
    [
        ("2021-06-15", "standard",          "exclusive",     100_000,     100_000,        None,      10_000,       110_000),
        ("2022-03-31", "standard",          "exclusive",   1_000_000,   1_000_000,        None,     100_000,     1_100_000),
        ("2022-04-01", "standard",          "exclusive",   1_000_000,   1_000_000,        None,     110_000,     1_110_000),
        ("2024-12-31", "standard",          "exclusive",   1_000_000,   1_000_000,        None,     110_000,     1_110_000),
        ("2025-01-01", "standard",          "exclusive",   1_000_000,   1_000_000,     916_667,     110_000,     1_110_000),
        ("2026-11-21", "standard",          "exclusive",   3_453_454,   3_453_454,   3_165_666,     379_880,     3_833_334),
        ("2026-11-21", "standard",          "exclusive",     100_000,     100_000,      91_667,      11_000,       111_000),
        ("2026-11-21", "standard",          "exclusive",     250_000,     250_000,     229_167,      27_500,       277_500),
        ("2026-11-21", "standard",          "exclusive",  12_000_000,  12_000_000,  11_000_000,   1_320_000,    13_320_000),
        ("2026-11-21", "standard",          "exclusive",          50,          50,          46,           6,            56),
        ("2026-11-21", "standard",          "exclusive",           1,           1,           1,           0,             1),
        ("2026-11-21", "standard",          "exclusive",         250,         250,         229,          28,           278),
        ("2026-11-21", "standard",          "exclusive",   1_234_567,   1_234_567,   1_131_686,     135_802,     1_370_369),
        ("2026-11-21", "standard",          "exclusive", 999_999_999, 999_999_999, 916_666_666, 110_000_000, 1_109_999_999),
        ("2026-11-21", "luxury",            "exclusive",  10_000_000,  10_000_000,        None,   1_200_000,    11_200_000),
        ("2026-11-21", "zero_rated_export", "exclusive",  10_000_000,  10_000_000,        None,           0,    10_000_000),
        ("2021-06-15", "standard",          "inclusive",     110_000,     100_000,        None,      10_000,       110_000),
        ("2024-12-31", "standard",          "inclusive",      99_000,      89_190,        None,       9_810,        99_000),
        ("2026-11-21", "standard",          "inclusive",      99_000,      89_189,      81_757,       9_811,        99_000),
        ("2026-11-21", "standard",          "inclusive",     149_000,     134_234,     123_048,      14_766,       149_000),
        ("2026-11-21", "standard",          "inclusive",     299_000,     269_369,     246_922,      29_631,       299_000),
        ("2026-11-21", "standard",          "inclusive",      25_000,      22_523,      20_646,       2_477,        25_000),
        ("2026-11-21", "standard",          "inclusive",   1_000_000,     900_901,     825_826,      99_099,     1_000_000),
        ("2026-11-21", "standard",          "inclusive",     -99_000,     -89_189,     -81_757,      -9_811,       -99_000),
        ("2026-11-21", "soe_collector",     "exclusive",     100_000,     100_000,      91_667,      11_000,       111_000),
    ],
)  # fmt: skip
def test_ppn_of_one_amount(
    *,
    on: str,
    treatment: str,
    mode: str,
    price: int,
    base: int,
    other: int | None,
    tax: int,
    total: int,
) -> None:
    found = tax_of(price, treatment=treatment, mode=mode, on=D(on))

    assert found.base == Money(base)
    assert found.other_base == (None if other is None else Money(other))
    assert found.tax == Money(tax)
    assert found.total == Money(total)
    assert found.code == treatment


@pytest.mark.parametrize("mode", ["exclusive", "inclusive"])
def test_a_seller_who_is_no_pkp_charges_nothing(mode: str) -> None:
    found = tax_of(99_000, mode=mode, pkp=False)

    assert (found.code, found.tax, found.base, found.total) == (
        "none",
        Money(0),
        Money(99_000),
        Money(99_000),
    )
    assert found.other_base is None


@pytest.mark.parametrize("treatment", ["exempt", "not_collected"])
@pytest.mark.parametrize("mode", ["exclusive", "inclusive"])
def test_an_exempt_supply_states_the_tax_and_does_not_charge_it(treatment: str, mode: str) -> None:
    found = tax_of(100_000, treatment=treatment, mode=mode)

    assert (found.tax, found.stated, found.total) == (Money(0), Money(11_000), Money(100_000))
    assert found.base == Money(100_000)


@pytest.mark.parametrize(
    ("lines", "tax", "per_line", "total"),
    [
        # 99,999 x 11% = 10,999.89; line by line it would be 3 x 3,667 = 11,001
        ([33_333, 33_333, 33_333], 11_000, [3_667, 3_667, 3_666], 110_999),
        ([99_000, 15_000, 2_750], 12_843, [10_890, 1_650, 303], 129_593),
        # floors 1, 2, 3, 4 leave one over; the parts are .1, .2, .3, .4
        ([10, 20, 30, 40], 11, [1, 2, 3, 5], 111),
        # an upgrade: 20/30 of 150,000 back, 20/30 of 300,000 on
        ([-100_000, 200_000], 11_000, [-11_000, 22_000], 111_000),
        # 20/31 of 99,000 back, 20/31 of 249,000 on: 96,774 x 11% = 10,645.14
        ([-63_871, 160_645], 10_645, [-7_026, 17_671], 107_419),
        ([], 0, [], 0),
        ([5_000, -5_000], 0, [0, 0], 0),
    ],
)
def test_a_document_is_taxed_once_and_the_parts_add_up(
    lines: list[int], tax: int, per_line: list[int], total: int
) -> None:
    found = tax_of(*lines)

    assert found.tax == Money(tax)
    assert [part.amount for part in found.per_line] == per_line
    assert found.total == Money(total)


@pytest.mark.parametrize(
    ("on", "rounding"),
    [("2021-01-01", "down"), ("2025-05-21", "down"), ("2025-05-22", "half_up")],
)
def test_rounding_changed_on_a_day(on: str, rounding: str) -> None:
    assert rounding_for(D(on)) == rounding


@pytest.mark.parametrize(
    ("amount", "expected"), [(1_500_000_49, 1_500_000), (1_900_000_50, 1_900_001)]
)
def test_the_regulations_own_rounding_examples(amount: int, expected: int) -> None:
    """A rate of 1/100 turns the examples' sen into a fraction of a rupiah."""
    terms = TaxTerms("standard", "exclusive", Fraction(1, 100), Fraction(1), "half_up", TODAY)

    assert terms.tax_of(Money(amount)) == Money(expected)


@pytest.mark.parametrize(
    ("since", "until", "on", "expected"),
    [
        (None, None, "2026-01-01", False),
        ("2026-01-01", None, "2025-12-31", False),
        ("2026-01-01", None, "2026-01-01", True),
        ("2026-01-01", "2027-01-01", "2026-12-31", True),
        ("2026-01-01", "2027-01-01", "2027-01-01", False),
    ],
)
def test_only_a_pkp_charges_ppn(
    since: str | None, until: str | None, on: str, expected: bool
) -> None:
    start, end = (D(day) if day else None for day in (since, until))

    assert is_pkp(start, end, D(on)) is expected


def test_an_operator_can_add_a_rate_without_a_release() -> None:
    table = (*TAX_TABLE, TaxRow(D("2027-01-01"), "standard", Fraction(10, 100), Fraction(1)))

    assert tax_row("standard", D("2026-12-31"), table).effective == Fraction(11, 100)
    assert tax_row("standard", D("2027-01-01"), table).effective == Fraction(10, 100)


@pytest.mark.parametrize(("treatment", "mode"), [("vat", "exclusive"), ("standard", "gross")])
def test_an_unknown_treatment_or_mode_is_refused(treatment: str, mode: str) -> None:
    with pytest.raises(InvalidRequest):
        tax_of(1, treatment=treatment, mode=mode)


def test_terms_survive_being_stored() -> None:
    found = tax_of(99_000, mode="inclusive")

    assert TaxTerms.from_json(found.to_json()) == found.terms


# Credit notes


@pytest.mark.parametrize(
    ("mode", "document", "notes", "taxes"),
    [
        # 109,890 paid for 99,000; 19/31 back (60,677 -> 6,674.47), then the rest
        ("exclusive", 99_000, [60_677, 38_323], [6_674, 4_216]),
        # ended a day earlier: 20/31 (63,871 -> 7,025.81)
        ("exclusive", 99_000, [63_871], [7_026]),
        ("exclusive", 99_000, [99_000], [10_890]),
        # thirds of 100: 3.63, 7.26, 11 -> 4, 3, 4
        ("exclusive", 100, [33, 33, 34], [4, 3, 4]),
        ("inclusive", 99_000, [99_000], [9_811]),
        ("inclusive", 99_000, [49_500, 49_500], [4_905, 4_906]),
    ],
)
def test_credit_notes_give_back_the_tax_cumulatively(
    mode: str, document: int, notes: list[int], taxes: list[int]
) -> None:
    assert _credited(tax_of(document, mode=mode), Money(document), notes) == taxes


def _credited(charged: TaxResult, price: Money, notes: list[int]) -> list[int]:
    given_back: list[int] = []
    before = 0
    for note in notes:
        tax = credit_note_tax(
            Money(note),
            terms=charged.terms,
            document_price=price,
            document_tax=charged.tax,
            credited_before=Money(before),
            tax_credited_before=Money(sum(given_back)),
        )
        given_back.append(tax.amount)
        before += note
    return given_back


def test_more_than_the_document_cannot_be_credited() -> None:
    with pytest.raises(InvalidRequest, match="would be credited"):
        _credited(tax_of(100), Money(100), [60, 41])


@given(
    st.lists(st.integers(1, 50_000_000), min_size=1, max_size=8),
    st.sampled_from(["exclusive", "inclusive"]),
    st.sampled_from(["2021-06-15", "2023-01-01", "2025-03-01", "2026-11-21"]),
    st.sampled_from(["standard", "luxury", "exempt"]),
)
def test_notes_over_everything_return_exactly_the_tax_charged(
    notes: list[int], mode: str, on: str, treatment: str
) -> None:
    price = sum(notes)
    charged = tax_of(price, mode=mode, on=D(on), treatment=treatment)

    given_back = _credited(charged, Money(price), notes)

    assert sum(given_back) == charged.tax.amount
    assert min(given_back) >= 0


# Properties


@given(
    st.lists(st.integers(-50_000_000, 50_000_000), max_size=12),
    st.sampled_from(["exclusive", "inclusive"]),
    st.dates(D("2015-01-01"), D("2030-01-01")),
    st.sampled_from(["standard", "luxury", "zero_rated_export", "exempt", "government_collector"]),
    st.booleans(),
)
def test_everything_adds_up(
    amounts: list[int], mode: str, on: date, treatment: str, pkp: bool
) -> None:
    found = tax_of(*amounts, treatment=treatment, mode=mode, on=on, pkp=pkp)

    assert sum((part.amount for part in found.per_line), 0) == found.tax.amount
    assert found.base + found.tax == found.total
    if found.terms.is_inside or not pkp:
        assert found.total.amount == sum(amounts)
    else:
        assert found.base.amount == sum(amounts)


@given(st.integers(1, 10**9), st.dates(D("2015-01-01"), D("2030-01-01")))
def test_a_refund_mirrors_its_invoice(amount: int, on: date) -> None:
    for mode in ("exclusive", "inclusive"):
        there, back = tax_of(amount, mode=mode, on=on), tax_of(-amount, mode=mode, on=on)
        assert (-back.tax, -back.base, -back.total) == (there.tax, there.base, there.total)


@given(st.integers(1, 10**9))
def test_tax_first_and_base_first_agree_at_eleven_percent(gross: int) -> None:
    found = tax_of(gross, mode="inclusive")
    exact_base = Fraction(gross) * 100 / 111

    assert abs(found.base.amount - exact_base) <= Fraction(1, 2)


@given(st.dates(D("2015-01-01"), D("2029-12-31")))
def test_every_day_has_a_rate_and_a_rounding(on: date) -> None:
    assert tax_row("standard", on).valid_from <= on
    assert rounding_for(on + timedelta(days=1)) in {"down", "half_up"}
