"""Lines and what they come to; the workings are those of the billing rules."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import Period
from core.errors import InvalidRequest
from core.money import Money
from invoices.derivation import arithmetic, recompute
from invoices.lines import (
    DraftLine,
    LineKind,
    PricedDocument,
    credit_line,
    describe,
    full_line,
    price_document,
    share_line,
)
from invoices.tax import TaxMode

D = date.fromisoformat
LINE_ID = UUID("11111111-1111-5111-8111-111111111111")
MODES: tuple[TaxMode, ...] = ("exclusive", "inclusive")
NOVEMBER = Period(D("2026-11-15"), D("2026-12-15"))


def priced(*lines: DraftLine) -> PricedDocument:
    return price_document(
        lines, treatment="standard", mode="exclusive", on=D("2026-11-25"), pkp=True
    )


def whole(price: int, quantity: int = 1, period: Period = NOVEMBER) -> DraftLine:
    kind = LineKind.RECURRING
    return full_line(
        kind, describe(kind, "Pro"), unit_amount=Money(price), quantity=quantity, period=period
    )


def part(price: int, days: int, of_days: int, quantity: int = 1) -> DraftLine:
    kind = LineKind.CHARGE
    return share_line(
        kind,
        describe(kind, "Pro"),
        unit_amount=Money(price),
        quantity=quantity,
        period=NOVEMBER,
        numerator=days,
        denominator=of_days,
    )


def back(billed: int, days: int, of_days: int, before: int = 0, manual: int = 0) -> DraftLine:
    return credit_line(
        describe(LineKind.CREDIT, "Dasar"),
        billed=Money(billed),
        numerator=days,
        denominator=of_days,
        period=NOVEMBER,
        credits_line_id=LINE_ID,
        already_credited=Money(before),
        manual_credits=Money(manual),
    )


@pytest.mark.parametrize(
    ("old", "new", "days", "of_days", "credit", "charge", "base", "other", "tax", "total"),
    [
        pytest.param(150_000, 300_000, 20, 30, -100_000, 200_000, 100_000, 91_667, 11_000, 111_000, id="X8"),
        pytest.param(99_000, 249_000, 20, 31, -63_871, 160_645, 96_774, 88_710, 10_645, 107_419, id="X9"),
        pytest.param(150_001, 150_001, 15, 30, -75_001, 75_001, 0, 0, 0, 0, id="X11"),
        pytest.param(300_000, 150_000, 20, 30, -200_000, 100_000, -100_000, -91_667, -11_000, -111_000, id="X16"),
    ],
)  # fmt: skip
def test_a_change_of_plan(
    *,
    old: int,
    new: int,
    days: int,
    of_days: int,
    credit: int,
    charge: int,
    base: int,
    other: int,
    tax: int,
    total: int,
) -> None:
    document = priced(part(new, days, of_days), back(old, days, of_days))

    assert [placed.line.amount.amount for placed in document.lines] == [credit, charge]
    assert document.subtotal == Money(base)
    assert document.tax.other_base == Money(other)
    assert (document.tax.tax, document.total) == (Money(tax), Money(total))


@pytest.mark.parametrize(
    ("line", "amount"),
    [
        pytest.param(back(160_645, 14, 20), -112_452, id="X10: 112,451.5 goes away from zero"),
        pytest.param(part(199_000, 14, 31), 89_871, id="X10: 14/31 of 199,000"),
        pytest.param(part(150_001, 15, 30), 75_001, id="X11"),
        pytest.param(back(99_000, 19, 31), -60_677, id="X12: the day used is billed"),
        pytest.param(back(99_000, 20, 31), -63_871, id="X12: the day used is given back"),
        pytest.param(part(45_000, 10, 31, quantity=3), 43_548, id="X13: three seats"),
        pytest.param(part(45_000, 10, 31, quantity=4), 58_065, id="X13: four seats"),
        pytest.param(back(100_000, 16, 31), -51_613, id="X14"),
        pytest.param(back(1_200_000, 92, 366), -301_639, id="X15"),
        pytest.param(back(99_000, 31, 31, before=63_871), -35_129, id="the rest of a cut line"),
        pytest.param(back(99_000, 10, 31, before=63_871), 0, id="nothing is owed twice"),
        pytest.param(back(99_000, 31, 31, manual=90_000), -9_000, id="manual credits come first"),
        pytest.param(whole(45_000, quantity=3), 135_000, id="three whole seats"),
    ],
)
def test_an_amount_comes_from_its_derivation(line: DraftLine, amount: int) -> None:
    assert line.amount == Money(amount)
    assert recompute(json.loads(json.dumps(line.derivation))) == amount


def test_the_renewal_after_a_credit_is_taxed_on_its_own() -> None:
    # X16: balance 111,000; the next invoice is 150,000 + 16,500
    assert priced(whole(150_000)).total == Money(166_500)


def test_three_equal_lines_show_a_tax_that_adds_up() -> None:
    document = priced(whole(33_333), whole(33_333), whole(33_333))

    assert [placed.tax.amount for placed in document.lines] == [3_667, 3_667, 3_666]
    assert [placed.position for placed in document.lines] == [1, 2, 3]


@given(st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_depend_on_how_they_came(shuffler: random.Random) -> None:
    lines = [
        whole(99_000),
        back(99_000, 20, 31),
        back(99_000, 10, 31),
        part(249_000, 20, 31),
        whole(99_000, period=Period(D("2026-12-15"), D("2027-01-15"))),
        full_line(LineKind.ONE_OFF, describe(LineKind.ONE_OFF, "Pemasangan"), unit_amount=Money(5)),
    ]
    expected = priced(*lines)
    shuffler.shuffle(lines)

    assert priced(*lines) == expected
    kinds = [placed.line.kind for placed in expected.lines]
    assert kinds == ["recurring", "recurring", "credit", "credit", "charge", "one_off"]


def test_a_line_that_its_derivation_does_not_make_is_refused() -> None:
    wrong = replace(whole(99_000), amount=Money(99_001))

    with pytest.raises(InvalidRequest, match="is derived as 99000"):
        priced(wrong)


def test_a_line_needs_a_quantity() -> None:
    with pytest.raises(InvalidRequest):
        whole(99_000, quantity=0)


def test_inclusive_prices_keep_the_total_and_show_the_base() -> None:
    document = price_document(
        [whole(99_000)], treatment="standard", mode="inclusive", on=D("2026-11-25"), pkp=True
    )

    assert (document.subtotal, document.tax.tax, document.total) == (
        Money(89_189),
        Money(9_811),
        Money(99_000),
    )


def test_descriptions_are_in_both_languages() -> None:
    assert describe(LineKind.CREDIT, "Pro") == {
        "id": "Sisa masa Pro, dikembalikan",
        "en": "Unused time on Pro",
    }
    assert describe(LineKind.ONE_OFF, {"id": "Pemasangan"}) == {
        "id": "Pemasangan",
        "en": "Pemasangan",
    }
    assert describe(LineKind.RECURRING, "{id}")["id"] == "{id}"


@pytest.mark.parametrize(
    ("line", "language", "sentence"),
    [
        (part(150_000, 20, 30), "id", "Rp150.000 × 20/30 hari = Rp100.000"),
        (part(150_000, 20, 30), "en", "Rp150.000 × 20/30 days = Rp100.000"),
        (part(99_000, 20, 31), "id", "Rp99.000 × 20/31 hari = Rp63.870,97, dibulatkan Rp63.871"),
        (
            part(45_000, 10, 31, quantity=3),
            "id",
            "3 × Rp45.000 × 10/31 hari = Rp43.548,39, dibulatkan Rp43.548",
        ),
        (whole(45_000, quantity=3), "id", "3 × Rp45.000 = Rp135.000"),
        (back(150_000, 20, 30), "id", "-(Rp150.000 × 20/30 hari) = -Rp100.000"),
        (
            back(99_000, 31, 31, before=63_871),
            "id",
            "-(Rp99.000 × 31/31 hari − Rp63.871 sudah dikembalikan) = -Rp35.129",
        ),
        (
            back(99_000, 31, 31, manual=90_000),
            "en",
            "-(Rp99.000 × 31/31 days (limited by credit notes Rp90.000)) = -Rp9.000",
        ),
    ],
)
def test_the_arithmetic_is_told_in_a_sentence(
    line: DraftLine, language: str, sentence: str
) -> None:
    assert arithmetic(line.derivation, language) == sentence


@pytest.mark.parametrize(
    ("derivation", "amount", "sentence"),
    [
        # X19: 15% of 99,999
        (
            {"rule": "percent", "of": 99_999, "basis_points": 1_500},
            15_000,
            "Rp99.999 × 15% = Rp14.999,85, dibulatkan Rp15.000",
        ),
        # X17: 20% off 300,000, then 20/30
        (
            {
                "rule": "share",
                "of": {
                    "rule": "minus",
                    "of": 300_000,
                    "less": {"rule": "percent", "of": 300_000, "basis_points": 2_000},
                },
                "numerator": 20,
                "denominator": 30,
            },
            160_000,
            "(Rp300.000 − (Rp300.000 × 20%)) × 20/30 hari = Rp160.000",
        ),
        # X18: a voucher of 50,000 over three lines, the third part
        (
            {"rule": "part", "of": 50_000, "weights": [99_000, 45_000, 10_500], "index": 2},
            3_398,
            "bagian dari Rp50.000 = Rp3.398",
        ),
        (
            {"rule": "sum", "parts": [1_000, {"rule": "product", "unit_amount": 5, "quantity": 2}]},
            1_010,
            "Rp1.000 + 2 × Rp5 = Rp1.010",
        ),
    ],
)
def test_other_rules_can_be_recomputed_and_read(
    derivation: dict[str, object], amount: int, sentence: str
) -> None:
    assert recompute(derivation) == amount
    assert arithmetic(derivation) == sentence


@pytest.mark.parametrize(
    "derivation",
    [
        {},
        {"rule": "magic"},
        {"rule": "product", "unit_amount": 1},
        {"rule": "product", "unit_amount": "1", "quantity": 1},
        {"rule": "product", "unit_amount": 1.0, "quantity": 1},
        {"rule": "product", "unit_amount": True, "quantity": 1},
        {"rule": "share", "of": 1, "numerator": 1, "denominator": 0},
        {"rule": "share", "numerator": 1, "denominator": 1},
        {"rule": "part", "of": 1, "weights": [1], "index": 1},
        {"rule": "sum", "parts": "12"},
        {"rule": "sum", "parts": [None]},
    ],
)
def test_a_derivation_that_cannot_be_understood_is_an_error(derivation: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        recompute(derivation)


@given(
    billed=st.integers(0, 10**9),
    of_days=st.integers(1, 366),
    cuts=st.lists(st.integers(0, 366), min_size=1, max_size=5),
)
def test_credits_of_a_line_never_exceed_it(billed: int, of_days: int, cuts: list[int]) -> None:
    given_back = 0
    for cut in cuts:
        line = back(billed, min(cut, of_days), of_days, before=given_back)
        assert line.amount.amount <= 0
        given_back -= line.amount.amount
        assert given_back <= billed
    rest = back(billed, of_days, of_days, before=given_back)
    assert given_back - rest.amount.amount == billed


@given(
    st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 31), st.booleans()), max_size=8),
    st.sampled_from(MODES),
    st.booleans(),
)
def test_a_document_adds_up(rows: list[tuple[int, int, bool]], mode: TaxMode, pkp: bool) -> None:
    lines = [back(a, d, 31) if credit else part(a, d, 31) for a, d, credit in rows]

    document = price_document(
        lines,
        treatment="standard",
        mode=mode,
        on=D("2026-11-25"),
        pkp=pkp,
    )

    tax = sum((placed.tax.amount for placed in document.lines), 0)
    assert tax == document.tax.tax.amount
    assert document.subtotal + document.tax.tax == document.total
