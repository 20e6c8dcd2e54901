"""The tax point: what was asked stays, the PPN in it is that of the day the money came."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import Money
from invoices.tax_points import (
    TaxPart,
    amounts_differ,
    has_changed,
    tax_at_payment,
    tax_given_back,
    terms_at_tax_point,
)
from invoices.tax_tables import TAX_TABLE, TaxRow
from invoices.tax_terms import TaxTerms, terms_for

D = date.fromisoformat
# A rate that does not exist: 13% on 11/12 from 2028 on.
FUTURE = (*TAX_TABLE, TaxRow(D("2028-01-01"), "standard", Fraction(13, 100), Fraction(11, 12)))


def terms(on: str, mode: str = "exclusive", *, pkp: bool = True, of: str = "standard") -> TaxTerms:
    return terms_for(of, mode, D(on), pkp=pkp, table=FUTURE)  # type: ignore[arg-type]


def pay(
    amounts: list[tuple[str, int]], *, total: int, tax: int, document: TaxTerms, pkp: bool = True
) -> list[TaxPart]:
    """Pay an invoice in parts: (day, amount)."""
    parts: list[TaxPart] = []
    due, waiting = Money(total), Money(tax)
    for day, amount in amounts:
        rules = terms_at_tax_point(document, D(day), pkp=pkp, treatment="standard", table=FUTURE)
        part = tax_at_payment(
            Money(amount), D(day), due_before=due, waiting=waiting, document=document,
            rules=rules, earlier=parts,
        )  # fmt: skip
        parts.append(part)
        due, waiting = due - part.gross, waiting - part.waited
    return parts


@pytest.mark.parametrize(
    ("issued_on", "paid_on", "mode", "total", "tax", "owed", "told"),
    [
        # 12% on 11/12 is the 11% of before: the same amount under another name
        ("2024-12-20", "2025-01-03", "exclusive", 1_110_000, 110_000, 110_000, True),
        # 1,100,000 was asked at 10%; at 11% its tax is 1,100,000 x 11/111 = 109,009.01 (cut)
        ("2022-03-25", "2022-04-02", "exclusive", 1_100_000, 100_000, 109_009, True),
        ("2022-03-25", "2022-04-02", "inclusive", 1_100_000, 100_000, 109_009, True),
        # the cut became half up: 109,890 x 11/111 = 10,890 either way
        ("2025-05-20", "2025-05-22", "exclusive", 109_890, 10_890, 10_890, False),
        # 99,000 x 11/111 = 9,810.81: cut 9,810, half up 9,811
        ("2025-05-20", "2025-05-22", "inclusive", 99_000, 9_810, 9_811, True),
        ("2026-11-21", "2026-12-01", "exclusive", 278, 28, 28, False),
        # 13% on 11/12 is 11.9166%: 1,110,000 x 143/1343 = 118,190.61
        ("2027-12-28", "2028-01-04", "exclusive", 1_110_000, 110_000, 118_191, True),
    ],
)
def test_the_day_of_the_payment_rules(
    *, issued_on: str, paid_on: str, mode: str, total: int, tax: int, owed: int, told: bool
) -> None:
    document = terms(issued_on, mode)
    [part] = pay([(paid_on, total)], total=total, tax=tax, document=document)
    assert (part.waited, part.owed) == (Money(tax), Money(owed))
    assert part.base + part.owed == Money(total), "what was paid does not change"
    assert has_changed(document, [part]) is told
    assert amounts_differ([part]) is (owed != tax)


def test_a_payment_by_other_words_shows_the_base_of_its_day() -> None:
    [part] = pay([("2025-01-03", 111_000)], total=111_000, tax=11_000, document=terms("2024-12-20"))
    assert (part.base, part.other_base) == (Money(100_000), Money(91_667))


def test_parts_on_both_sides_of_the_change_each_follow_their_day() -> None:
    # 1,110,000 with 110,000 of tax. Before: 400,000/1,110,000 of it = 39,639.64 -> 39,640.
    # After, at 143/1343 inside: 300,000 -> 31,943.41 -> 31,943; 710,000 together -> 75,599.40
    # -> 75,599, less 31,943.
    parts = pay(
        [("2027-12-30", 400_000), ("2028-01-02", 300_000), ("2028-01-09", 410_000)],
        total=1_110_000, tax=110_000, document=terms("2027-12-28"),
    )  # fmt: skip
    assert [part.owed.amount for part in parts] == [39_640, 31_943, 43_656]
    assert sum(part.waited.amount for part in parts) == 110_000


def test_a_seller_who_is_no_longer_pkp_owes_no_tax() -> None:
    [part] = pay(
        [("2026-12-01", 166_500)], total=166_500, tax=16_500, document=terms("2026-11-21"),
        pkp=False,
    )  # fmt: skip
    assert (part.waited, part.owed, part.base) == (Money(16_500), Money(0), Money(166_500))


def test_a_seller_who_became_pkp_owes_the_tax_inside_what_is_paid() -> None:
    document = terms("2026-11-21", pkp=False)
    [part] = pay([("2026-12-01", 111_000)], total=111_000, tax=0, document=document)
    assert (part.waited, part.owed, part.base) == (Money(0), Money(11_000), Money(100_000))


def test_what_was_never_charged_is_not_owed_by_a_new_rate() -> None:
    [part] = pay(
        [("2028-01-04", 100_000)], total=100_000, tax=0, document=terms("2027-12-28", of="exempt")
    )
    assert part.owed == Money(0)


@given(
    st.lists(st.integers(1, 3_000_000), min_size=1, max_size=8),
    st.integers(0, 8),
    st.sampled_from(["exclusive", "inclusive"]),
)
def test_ten_parts_owe_what_their_sums_owe(amounts: list[int], before: int, mode: str) -> None:
    document = terms("2027-12-28", mode)
    total = sum(amounts)
    tax = (total * 11 + 55) // 111
    days = ["2027-12-30"] * min(before, len(amounts)) + ["2028-01-02"] * len(amounts)
    parts = pay(list(zip(days, amounts, strict=False)), total=total, tax=tax, document=document)

    after = [part for part in parts if part.on == D("2028-01-02")]
    assert sum(part.waited.amount for part in parts) == tax
    exact = Fraction(sum(part.gross.amount for part in after)) * Fraction(143, 1343)
    assert abs(sum(part.owed.amount for part in after) - exact) <= Fraction(1, 2)


@given(
    st.integers(1, 5_000_000),
    st.integers(0, 100),
    st.lists(st.integers(1, 2_000_000), min_size=1, max_size=6),
)
def test_notes_give_back_exactly_the_tax_that_became_owed(
    total: int, percent_paid: int, notes: list[int]
) -> None:
    tax = (total * 11 + 55) // 111
    paid = total * percent_paid // 100
    document = terms("2027-12-28")
    parts = pay([("2028-01-02", paid)], total=total, tax=tax, document=document) if paid else []
    waiting = Money(tax) - sum((part.waited for part in parts), Money(0))
    owed = sum((part.owed for part in parts), Money(0))
    due, given_back, tax_back, freed = Money(total - paid), Money(0), Money(0), Money(0)
    for wanted in [*notes, total]:
        note = min(Money(wanted), Money(paid) - given_back + due)
        if note.is_zero:
            continue
        to_invoice = min(note, due)
        not_due, back = tax_given_back(
            parts, waiting=waiting, due=due, to_invoice=to_invoice,
            to_balance=note - to_invoice, balance_before=given_back, tax_before=tax_back,
        )  # fmt: skip
        assert Money(0) <= not_due + back <= note
        waiting, due, freed = waiting - not_due, due - to_invoice, freed + not_due
        given_back, tax_back = given_back + note - to_invoice, tax_back + back
    assert (tax_back, waiting) == (owed, Money(0))
