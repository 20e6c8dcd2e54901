"""Facts and their entries, as a bookkeeper would write them; debits positive."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.ledger import balance_postings, postings
from billing.ledger.chart import CHART, Account
from billing.ledger.journal import Journal, JournalKind, Posting, UnbalancedJournal
from core.money import Money

ON = date(2026, 11, 21)
CUSTOMER = UUID(int=7)
INVOICE, NOTE = UUID(int=1), UUID(int=2)


def M(amount: int) -> Money:
    return Money(amount)


def issued(total: int = 1_110_000, tax: int = 110_000) -> Journal:
    return postings.invoice_issued(INVOICE, ON, total=M(total), tax=M(tax), customer_id=CUSTOMER)


def entries(journal: Journal) -> dict[str, int]:
    return {posting.account.value: posting.amount.amount for posting in journal.postings}


CAPTURED = postings.payment_captured(
    "a-1", ON, amount=M(1_200_000), allocated=M(1_110_000), customer_id=CUSTOMER
)
BECAME_DUE = postings.tax_became_due("1", ON, issued=M(110_000))
OFF = postings.written_off("1", ON, due=M(1_110_000), tax_not_due=M(110_000), customer_id=CUSTOMER)


@pytest.mark.parametrize(
    ("journal", "kind", "expected"),
    [
        pytest.param(
            issued(),
            "invoice_issued",
            {"receivable": 1_110_000, "deferred_revenue": -1_000_000, "vat_not_due": -110_000},
            id="a prepaid invoice",
        ),
        pytest.param(
            postings.invoice_issued(
                INVOICE, ON, total=M(555_000), tax=M(55_000), customer_id=CUSTOMER,
                one_off=M(500_000), tax_due_now=True,
            ),
            "invoice_issued",
            {"receivable": 555_000, "one_off_revenue": -500_000, "output_vat": -55_000},
            id="one-off work on account",
        ),
        pytest.param(
            postings.invoice_voided(issued(), ON),
            "invoice_voided",
            {"receivable": -1_110_000, "deferred_revenue": 1_000_000, "vat_not_due": 110_000},
            id="voided: no tax report is touched",
        ),
        pytest.param(BECAME_DUE, "tax_became_due", {"vat_not_due": 110_000, "output_vat": -110_000}, id="the tax point"),
        pytest.param(
            postings.tax_became_due("1", ON, issued=M(100_000), due=M(109_009)),
            "tax_became_due",
            {"vat_not_due": 100_000, "output_vat": -109_009, "deferred_revenue": 9_009},
            id="the rate rose before the payment",
        ),
        pytest.param(
            postings.tax_point_reversed(BECAME_DUE, ON),
            "tax_point_reversed",
            {"vat_not_due": -110_000, "output_vat": 110_000},
            id="a tax point taken back",
        ),
        pytest.param(
            CAPTURED,
            "payment_captured",
            {"gateway_clearing": 1_200_000, "receivable": -1_110_000, "customer_credit": -90_000},
            id="paid with something over",
        ),
        pytest.param(
            postings.payment_captured("a-2", ON, amount=M(50_000), allocated=M(0), customer_id=CUSTOMER),
            "payment_captured",
            {"gateway_clearing": 50_000, "customer_credit": -50_000},
            id="late money for a void invoice",
        ),
        pytest.param(
            postings.payment_reversed(CAPTURED, ON),
            "payment_reversed",
            {"gateway_clearing": -1_200_000, "receivable": 1_110_000, "customer_credit": 90_000},
            id="the bank took it back",
        ),
        pytest.param(
            balance_postings.balance_used("1", ON, amount=M(111_000), customer_id=CUSTOMER),
            "balance_used",
            {"customer_credit": 111_000, "receivable": -111_000},
            id="X16: the balance pays",
        ),
        pytest.param(
            postings.credit_note_issued(
                NOTE, ON, net=M(60_677), tax=M(6_674), to_invoice=M(67_351), to_balance=M(0),
                customer_id=CUSTOMER,
            ),
            "credit_note_issued",
            {"deferred_revenue": 60_677, "vat_not_due": 6_674, "receivable": -67_351},
            id="X12, unpaid source",
        ),
        pytest.param(
            postings.credit_note_issued(
                NOTE, ON, net=M(60_677), tax=M(6_674), to_invoice=M(0), to_balance=M(67_351),
                customer_id=CUSTOMER,
            ),
            "credit_note_issued",
            {"deferred_revenue": 60_677, "output_vat": 6_674, "customer_credit": -67_351},
            id="X12, paid source",
        ),
        pytest.param(
            postings.credit_note_issued(
                NOTE, ON, net=M(100_000), tax=M(11_000), to_invoice=M(11_000), to_balance=M(100_000),
                customer_id=CUSTOMER, tax_not_due=M(1_090), recognised=M(40_000),
            ),
            "credit_note_issued",
            {
                "deferred_revenue": 60_000, "returns": 40_000, "vat_not_due": 1_090,
                "output_vat": 9_910, "receivable": -11_000, "customer_credit": -100_000,
            },
            id="part paid, part served",
        ),
        pytest.param(
            postings.refund_paid("a-1-r1-50000", ON, amount=M(50_000), customer_id=CUSTOMER),
            "refund_paid",
            {"customer_credit": 50_000, "gateway_clearing": -50_000},
            id="refunded by the gateway",
        ),
        pytest.param(
            postings.refund_paid("a-1-r1-50000", ON, amount=M(50_000), customer_id=CUSTOMER, by_hand=True),
            "refund_paid",
            {"customer_credit": 50_000, "bank": -50_000},
            id="refunded by hand",
        ),
        pytest.param(OFF, "written_off", {"bad_debt": 1_000_000, "vat_not_due": 110_000, "receivable": -1_110_000}, id="given up"),
        pytest.param(
            postings.write_off_reversed(OFF, ON),
            "write_off_reversed",
            {"bad_debt": -1_000_000, "vat_not_due": -110_000, "receivable": 1_110_000},
            id="paid after all",
        ),
        pytest.param(
            postings.tax_withheld("1", ON, amount=M(20_000), customer_id=CUSTOMER),
            "tax_withheld",
            {"prepaid_pph23": 20_000, "receivable": -20_000},
            id="PPh 23 withheld",
        ),
        pytest.param(
            postings.paid_out(
                "p-1", ON, gross=M(1_110_000), fee=M(4_000), fee_vat=M(440), rounding=M(0)
            ),
            "paid_out",
            {"bank": 1_105_560, "gateway_fee": 4_000, "input_vat": 440, "gateway_clearing": -1_110_000},
            id="payout less the VA fee",
        ),
        pytest.param(
            postings.revenue_recognised("1:2026-11", ON, amount=M(33_000)),
            "revenue_recognised",
            {"deferred_revenue": 33_000, "revenue": -33_000},
            id="ten of thirty days served",
        ),
    ],
)  # fmt: skip
def test_a_fact_is_posted(journal: Journal, kind: str, expected: dict[str, int]) -> None:
    assert journal.kind == kind
    assert entries(journal) == expected
    assert sum(expected.values()) == 0


def test_the_customer_is_named_on_what_the_customer_owes_or_has() -> None:
    named = {posting.account for posting in CAPTURED.postings if posting.customer_id == CUSTOMER}

    assert named == {Account.RECEIVABLE, Account.CUSTOMER_CREDIT}


def test_an_unbalanced_journal_does_not_exist() -> None:
    with pytest.raises(UnbalancedJournal, match="off by IDR 1"):
        Journal(
            JournalKind.PAID_OUT,
            "p-1",
            ON,
            (Posting(Account.BANK, M(100)), Posting(Account.GATEWAY_CLEARING, M(-99))),
        )


def test_currencies_balance_each_for_itself() -> None:
    with pytest.raises(UnbalancedJournal):
        Journal(
            JournalKind.PAID_OUT,
            "p-1",
            ON,
            (Posting(Account.BANK, Money(100, "USD")), Posting(Account.GATEWAY_CLEARING, M(-100))),
        )


def test_a_journal_needs_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        Journal(JournalKind.PAID_OUT, "", ON)


def test_postings_on_one_account_are_added_up_and_nothing_is_left_out() -> None:
    journal = Journal(
        JournalKind.BALANCE_USED,
        "1",
        ON,
        (
            Posting(Account.CUSTOMER_CREDIT, M(30), CUSTOMER),
            Posting(Account.CUSTOMER_CREDIT, M(20), CUSTOMER),
            Posting(Account.RECEIVABLE, M(-50), CUSTOMER),
            Posting(Account.ROUNDING, M(0)),
        ),
    )

    assert entries(journal) == {"customer_credit": 50, "receivable": -50}
    assert journal.on(Account.RECEIVABLE) == M(-50)
    assert journal.on(Account.BANK) == M(0)


def test_an_invoice_over_nothing_has_no_postings() -> None:
    assert issued(0, 0).is_empty
    assert not issued().is_empty


def test_no_more_is_allocated_than_was_paid() -> None:
    with pytest.raises(ValueError, match="allocated"):
        postings.payment_captured("a-1", ON, amount=M(1), allocated=M(2), customer_id=CUSTOMER)


def test_destinations_of_a_credit_must_add_up() -> None:
    with pytest.raises(UnbalancedJournal):
        postings.credit_note_issued(
            NOTE,
            ON,
            net=M(100),
            tax=M(11),
            to_invoice=M(110),
            to_balance=M(0),
            customer_id=CUSTOMER,
        )


def test_every_account_is_in_the_chart_with_a_code_of_its_own() -> None:
    assert set(CHART) == set(Account)
    assert len({info.code for info in CHART.values()}) == len(Account)
    assert len({info.name_id for info in CHART.values()}) == len(Account)
    assert CHART[Account.VAT_NOT_DUE].name_id == "PPN Belum Terutang"


money = st.integers(0, 10**12).map(Money)


@given(total=money, tax=money, one_off=money, due=st.booleans())
def test_an_issued_and_voided_invoice_leaves_nothing(
    total: Money, tax: Money, one_off: Money, due: bool
) -> None:
    first = postings.invoice_issued(
        INVOICE, ON, total=total, tax=tax, customer_id=CUSTOMER, one_off=one_off, tax_due_now=due
    )
    second = postings.invoice_voided(first, ON)

    for account in Account:
        assert (first.on(account) + second.on(account)).is_zero


@given(net=money, tax=money, share=st.integers(0, 1_000))
def test_every_credit_note_balances(net: Money, tax: Money, share: int) -> None:
    total = net + tax
    to_invoice = total.share(share, 1_000)

    journal = postings.credit_note_issued(
        NOTE,
        ON,
        net=net,
        tax=tax,
        to_invoice=to_invoice,
        to_balance=total - to_invoice,
        customer_id=CUSTOMER,
    )

    assert sum((posting.amount.amount for posting in journal.postings), 0) == 0


@given(
    tax=st.integers(0, 10**9),
    parts=st.lists(st.integers(1, 10**9), min_size=1, max_size=6),
)
def test_part_payments_make_the_whole_tax_due(tax: int, parts: list[int]) -> None:
    total, paid, due = sum(parts), 0, Money(0)
    tax = min(tax, total)
    for part in parts:
        paid += part
        step = postings.tax_due_on_payment(M(tax), total=M(total), paid=M(paid), due_before=due)
        assert step.amount >= 0
        due += step

    assert due == M(tax)
