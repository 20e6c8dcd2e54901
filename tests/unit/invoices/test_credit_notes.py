"""Credit notes: what may still go back, and that every rupiah of it is accounted for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import Conflict, InvalidRequest
from core.money import Money
from invoices.credit_notes import (
    CreditableDocument,
    CreditableLine,
    CreditNoteDraft,
    credit_amount,
    credit_lines,
    credit_whole,
    creditable,
    split_by_source,
    with_recorded_tax,
)
from invoices.tax import TaxMode, compute_tax

TODAY = date(2026, 11, 21)
MODES: tuple[TaxMode, ...] = ("exclusive", "inclusive")


def document(*amounts: int, mode: TaxMode = "exclusive", pkp: bool = True) -> CreditableDocument:
    prices = [Money(amount) for amount in amounts]
    tax = compute_tax(prices, treatment="standard", mode=mode, on=TODAY, pkp=pkp)
    nothing = Money(0)
    return CreditableDocument(
        tuple(
            CreditableLine(UUID(int=place), price, part, nothing, nothing, nothing)
            for place, (price, part) in enumerate(zip(prices, tax.per_line, strict=True))
        ),
        tax.terms,
    )


def after(before: CreditableDocument, note: CreditNoteDraft) -> CreditableDocument:
    given_back = {line.line_id: line for line in note.lines}
    return replace(
        before,
        lines=tuple(
            replace(
                line,
                credited=line.credited + given_back[line.line_id].amount,
                tax_credited=line.tax_credited + given_back[line.line_id].tax,
            )
            if line.line_id in given_back
            else line
            for line in before.lines
        ),
    )


@pytest.mark.parametrize(
    ("mode", "amounts", "net", "tax", "total"),
    [
        ("exclusive", [99_000], 99_000, 10_890, 109_890),
        ("inclusive", [99_000], 89_189, 9_811, 99_000),
        ("exclusive", [33_333, 33_333, 33_333], 99_999, 11_000, 110_999),
        ("exclusive", [-100_000, 200_000], 100_000, 11_000, 111_000),
    ],
)
def test_a_full_credit_gives_back_exactly_what_was_charged(
    *, mode: TaxMode, amounts: list[int], net: int, tax: int, total: int
) -> None:
    note = credit_whole(document(*amounts, mode=mode))

    assert (note.net, note.tax, note.total) == (Money(net), Money(tax), Money(total))


@pytest.mark.parametrize(
    ("mode", "price", "total", "net", "tax"),
    [
        # 50,000 x 11/111 = 4,954.95
        ("exclusive", 99_000, 50_000, 45_045, 4_955),
        ("inclusive", 99_000, 50_000, 45_045, 4_955),
        # X12: 60,677 of 99,000 is 6,674 of tax, 67,351 in all
        ("exclusive", 99_000, 67_351, 60_677, 6_674),
        # 5 is no price plus its rounded tax (4 + 0, 5 + 1): the price is the rest
        ("exclusive", 99_000, 5, 5, 0),
        ("exclusive", 99_000, 1, 1, 0),
    ],
)
def test_a_part_is_split_into_net_and_tax(
    *, mode: TaxMode, price: int, total: int, net: int, tax: int
) -> None:
    note = credit_amount(document(price, mode=mode), Money(total))

    assert (note.net, note.tax, note.total) == (Money(net), Money(tax), Money(total))


def test_a_part_is_spread_over_the_lines_by_what_is_left_of_them() -> None:
    charged = document(99_000, 15_000, 2_750)  # 12,843 of tax, 129,593 in all

    note = credit_amount(charged, Money(60_000))  # tax 60,000 x 11/111 = 5,945.95

    assert note.tax == Money(5_946)
    # 54,054 x 99,000/116,750 = 45,835.9; x 15,000 = 6,944.8; x 2,750 = 1,273.2
    assert [line.net.amount for line in note.lines] == [45_836, 6_945, 1_273]
    assert [line.tax.amount for line in note.lines] == [5_042, 764, 140]


def test_one_line_can_be_credited_alone() -> None:
    charged = document(99_000, 15_000)

    note = credit_lines(charged, {UUID(int=1): Money(5_000)})

    assert [(line.line_id.int, line.net, line.tax) for line in note.lines] == [
        (1, Money(5_000), Money(550))
    ]
    assert note.total == Money(5_550)


def test_what_a_later_invoice_gave_back_is_not_given_back_again() -> None:
    charged = document(99_000)
    line = replace(charged.lines[0], credited_elsewhere=Money(63_871))
    charged = replace(charged, lines=(line,))

    assert creditable(charged) == Money(35_129 + 3_864)  # 35,129 x 11% = 3,864.19
    assert credit_whole(charged).net == Money(35_129)


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        ({}, "nothing_to_credit"),
        ({UUID(int=0): Money(0)}, "nothing_to_credit"),
        ({UUID(int=0): Money(99_001)}, "credit_exceeds_line"),
        ({UUID(int=7): Money(1)}, "unknown_line"),
    ],
)
def test_a_wrong_line_credit_is_refused(amounts: dict[UUID, Money], code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        credit_lines(document(99_000), amounts)

    assert caught.value.code == code


def test_lines_of_a_change_cannot_give_back_more_than_the_document() -> None:
    with pytest.raises(Conflict) as caught:
        credit_lines(document(-100_000, 200_000), {UUID(int=1): Money(100_001)})

    assert caught.value.code == "credit_exceeds_document"


@pytest.mark.parametrize(
    ("total", "code"),
    [(0, "nothing_to_credit"), (-1, "nothing_to_credit"), (109_891, "credit_exceeds_document")],
)
def test_a_wrong_total_is_refused(total: int, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        credit_amount(document(99_000), Money(total))

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("total", "due", "to_invoice", "to_balance"),
    [
        (67_351, 109_890, 67_351, 0),  # unpaid: only the debt shrinks
        (67_351, 0, 0, 67_351),  # paid: balance, or a refund from it
        (67_351, 20_000, 20_000, 47_351),  # part paid
    ],
)
def test_a_credit_goes_to_the_debt_first(
    total: int, due: int, to_invoice: int, to_balance: int
) -> None:
    assert split_by_source(Money(total), Money(due)) == (Money(to_invoice), Money(to_balance))


amounts = st.lists(st.integers(1, 30_000_000), min_size=1, max_size=6)


@given(amounts, st.sampled_from(MODES), st.booleans())
def test_a_full_credit_returns_every_line_and_all_tax(
    prices: list[int], mode: TaxMode, pkp: bool
) -> None:
    charged = document(*prices, mode=mode, pkp=pkp)

    note = credit_whole(charged)

    assert note.tax == charged.tax
    assert [line.amount.amount for line in note.lines] == prices
    assert [line.tax for line in note.lines] == [line.tax for line in charged.lines]


@given(
    amounts,
    st.sampled_from(MODES),
    st.booleans(),
    st.lists(st.integers(1, 1_000), max_size=6),
)
def test_any_series_of_notes_ends_with_everything_given_back(
    prices: list[int], mode: TaxMode, pkp: bool, cuts: list[int]
) -> None:
    charged = document(*prices, mode=mode, pkp=pkp)
    everything, now, total = creditable(charged), charged, 0
    for cut in cuts:
        part = creditable(now).share(cut, 1_000)
        if part.is_zero or part >= creditable(now):
            continue
        note = credit_amount(now, part)
        assert note.net + note.tax == part
        assert note.net.amount >= 0
        assert note.tax.amount >= 0
        assert all(line.net.amount >= 0 and line.tax.amount >= 0 for line in note.lines)
        now, total = after(now, note), total + part.amount
        assert creditable(now) == everything - Money(total)
    if not creditable(now).is_zero:
        note = credit_whole(now)
        now, total = after(now, note), total + note.total.amount

    assert total == everything.amount
    assert now.tax_credited == charged.tax
    assert [line.credited.amount for line in now.lines] == prices
    assert creditable(now).is_zero


few_rupiah = st.lists(
    st.one_of(st.integers(1, 120), st.integers(1, 200_000)), min_size=1, max_size=6
)
a_cut = st.tuples(st.integers(1, 1_000), st.one_of(st.none(), st.integers(0, 5)))


@example(
    [57, 67, 4_568, 36_765, 154_316],
    "inclusive",
    [(307, None), (58, None), (888, None), (751, None), (73, None), (443, None)],
)
# All but a rupiah, and then the rupiah, which is nothing but tax.
@example([100], "exclusive", [(991, None)])
@given(few_rupiah, st.sampled_from(MODES), st.lists(a_cut, max_size=8))
def test_no_line_of_any_note_gives_back_less_than_nothing(
    prices: list[int], mode: TaxMode, cuts: list[tuple[int, int | None]]
) -> None:
    """Notes over amounts and notes over lines in any order, down to single rupiah."""
    now = document(*prices, mode=mode)
    tax = now.tax
    for cut, place in [*cuts, (1_000, None)]:
        if place is None:
            part = creditable(now).share(cut, 1_000)
            note = None if part.is_zero else credit_amount(now, part)
            if note is not None:
                assert note.total == part
        else:
            line = now.lines[place % len(prices)]
            part = line.left.share(cut, 1_000)
            note = None if part.is_zero else credit_lines(now, {line.line_id: part})
        if note is None:
            continue
        assert all(line.net.amount >= 0 and line.tax.amount >= 0 for line in note.lines)
        assert sum((line.net for line in note.lines), Money(0)) == note.net
        assert sum((line.tax for line in note.lines), Money(0)) == note.tax
        assert note.net + note.tax == note.total
        for given_back in note.lines:
            told = given_back.net + given_back.tax if mode == "inclusive" else given_back.net
            assert given_back.amount == told
        now = after(now, note)
    assert (creditable(now), now.tax_credited) == (Money(0), tax)
    assert [line.credited.amount for line in now.lines] == prices


@given(few_rupiah, st.sampled_from(MODES), st.integers(0, 200), st.integers(1, 1_000))
def test_tax_that_was_recorded_otherwise_leaves_no_line_below_nothing(
    prices: list[int], mode: TaxMode, permille: int, cut: int
) -> None:
    charged = document(*prices, mode=mode)
    part = creditable(charged).share(cut, 1_000)
    if part.is_zero:
        return
    note = with_recorded_tax(credit_amount(charged, part), part.share(permille, 1_000))
    assert all(line.net.amount >= 0 and line.tax.amount >= 0 for line in note.lines)
    assert sum((line.net + line.tax for line in note.lines), Money(0)) == part


@given(amounts, st.lists(st.tuples(st.integers(0, 5), st.integers(1, 1_000)), max_size=6))
def test_crediting_line_by_line_never_exceeds_the_tax(
    prices: list[int], cuts: list[tuple[int, int]]
) -> None:
    now = document(*prices)
    for place, cut in cuts:
        line = now.lines[place % len(prices)]
        part = line.left.share(cut, 1_000)
        if part.is_zero:
            continue
        now = after(now, credit_lines(now, {line.line_id: part}))
    if not creditable(now).is_zero:
        now = after(now, credit_whole(now))

    assert now.tax_credited == now.tax
