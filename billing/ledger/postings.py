"""From a fact to its entries. Amounts go in positive; debits come out positive.

PPN on an unpaid prepaid invoice is not owed yet: it waits on *PPN belum terutang* and moves to
*PPN keluaran* at the tax point. Voiding an unpaid invoice therefore touches no tax report.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind, Posting
from core.money import Money, zero

_A = Account
_K = JournalKind


def invoice_issued(
    invoice_id: UUID,
    on: date,
    *,
    total: Money,
    tax: Money,
    customer_id: UUID,
    one_off: Money | None = None,
    tax_due_now: bool = False,
    top_up: bool = False,
) -> Journal:
    """Post an issued invoice: the customer owes its total.

    Args:
        total: tax included.
        tax: of the invoice.
        one_off: the part of the price that is earned at once; the rest is deferred.
        tax_due_now: the tax point is the invoice (postpaid), not the payment.
        top_up: nothing is sold; what is paid of it becomes the customer's balance.
    """
    if top_up:
        asked = (
            Posting(_A.RECEIVABLE, total, customer_id),
            Posting(_A.TOP_UP_ASKED, -total, customer_id),
        )
        return Journal(_K.INVOICE_ISSUED, str(invoice_id), on, asked)
    earned = one_off or zero(total.currency)
    return Journal(
        _K.INVOICE_ISSUED,
        str(invoice_id),
        on,
        (
            Posting(_A.RECEIVABLE, total, customer_id),
            Posting(_A.DEFERRED_REVENUE, -(total - tax - earned)),
            Posting(_A.ONE_OFF_REVENUE, -earned),
            Posting(_A.OUTPUT_VAT if tax_due_now else _A.VAT_NOT_DUE, -tax),
        ),
    )


def invoice_voided(issued: Journal, on: date) -> Journal:
    """Take an unpaid invoice out of the books: the opposite of its own journal."""
    return issued.undone(_K.INVOICE_VOIDED, issued.key, on)


def tax_due_on_payment(tax: Money, *, total: Money, paid: Money, due_before: Money) -> Money:
    """Say how much tax a part payment makes due; over all payments exactly ``tax``.

    Args:
        tax: of the invoice.
        total: of the invoice, tax included.
        paid: all payments so far, this one included.
        due_before: what earlier payments made due.
    """
    if total.is_zero or paid >= total:
        return tax - due_before
    return tax.share(paid.amount, total.amount) - due_before


def tax_became_due(
    key: str, on: date, *, issued: Money, due: Money | None = None, earned: bool = False
) -> Journal:
    """Move PPN to the tax owed, at the tax point.

    Args:
        key: the invoice, or the invoice and the payment where it is paid in parts.
        issued: the PPN that waited.
        due: the PPN by the rules of the tax point, where they changed in between; what the
            customer paid does not change, so the price gives way.
        earned: the price was revenue at once (one-off work), so the revenue gives way.
    """
    owed = issued if due is None else due
    return Journal(
        _K.TAX_BECAME_DUE,
        key,
        on,
        (
            Posting(_A.VAT_NOT_DUE, issued),
            Posting(_A.OUTPUT_VAT, -owed),
            Posting(_A.ONE_OFF_REVENUE if earned else _A.DEFERRED_REVENUE, owed - issued),
        ),
    )


def tax_point_reversed(became_due: Journal, on: date) -> Journal:
    """Take a tax point back whose payment the bank took back."""
    return became_due.undone(_K.TAX_POINT_REVERSED, became_due.key, on)


def payment_captured(
    order_id: str, on: date, *, amount: Money, allocated: Money, customer_id: UUID
) -> Journal:
    """Post money the gateway took: what is allocated pays invoices, the rest is balance.

    Raises:
        ValueError: more is allocated than was paid.
    """
    excess = amount - allocated
    if excess.is_negative:
        raise ValueError(f"{allocated} is allocated of a payment over {amount}")
    return Journal(
        _K.PAYMENT_CAPTURED,
        order_id,
        on,
        (
            Posting(_A.GATEWAY_CLEARING, amount),
            Posting(_A.RECEIVABLE, -allocated, customer_id),
            Posting(_A.CUSTOMER_CREDIT, -excess, customer_id),
        ),
    )


def payment_reversed(
    captured: Journal, on: date, *, before: Money | None = None, customer_id: UUID | None = None
) -> Journal:
    """Take back a payment that the bank took back: the debt stands again.

    Args:
        before: what was taken back of it in parts before, of an invoice of ``customer_id``.
    """
    whole = captured.undone(_K.PAYMENT_REVERSED, captured.key, on)
    if before is None or before.is_zero:
        return whole
    done = (
        Posting(_A.GATEWAY_CLEARING, before),
        Posting(_A.RECEIVABLE, -before, customer_id),
    )
    return Journal(whole.kind, whole.key, on, (*whole.postings, *done))


def payment_taken_back(key: str, on: date, *, amount: Money, customer_id: UUID) -> Journal:
    """Take back a part of a payment that the card's bank took back: that much is owed again."""
    return Journal(
        _K.PAYMENT_REVERSED,
        key,
        on,
        (
            Posting(_A.GATEWAY_CLEARING, -amount),
            Posting(_A.RECEIVABLE, amount, customer_id),
        ),
    )


def credit_note_issued(
    note_id: UUID,
    on: date,
    *,
    net: Money,
    tax: Money,
    to_invoice: Money,
    to_balance: Money,
    customer_id: UUID,
    tax_not_due: Money | None = None,
    recognised: Money | None = None,
) -> Journal:
    """Post a credit note: the price and its PPN come back, the debt shrinks or balance grows.

    Args:
        net: before tax.
        tax: the note's PPN.
        to_invoice: what lowers the debt of the source invoice.
        to_balance: what becomes the customer's balance (the source was paid).
        tax_not_due: the part of ``tax`` whose tax point never came; by default the tax of the
            unpaid part, that is all of it where nothing goes to the balance and none where
            everything does.
        recognised: the part of ``net`` that was already revenue; the deferred part goes first.

    Raises:
        UnbalancedJournal: the two destinations do not add up to net and tax.
    """
    if tax_not_due is None:
        total = to_invoice + to_balance
        tax_not_due = (
            zero(tax.currency) if total.is_zero else tax.share(to_invoice.amount, total.amount)
        )
    returned = recognised or zero(net.currency)
    return Journal(
        _K.CREDIT_NOTE_ISSUED,
        str(note_id),
        on,
        (
            Posting(_A.DEFERRED_REVENUE, net - returned),
            Posting(_A.RETURNS, returned),
            Posting(_A.VAT_NOT_DUE, tax_not_due),
            Posting(_A.OUTPUT_VAT, tax - tax_not_due),
            Posting(_A.RECEIVABLE, -to_invoice, customer_id),
            Posting(_A.CUSTOMER_CREDIT, -to_balance, customer_id),
        ),
    )


def refund_paid(
    refund_key: str, on: date, *, amount: Money, customer_id: UUID, by_hand: bool = False
) -> Journal:
    """Post money that went back: from the gateway, or by hand from the bank.

    A refund always has its credit note, which made the balance this takes from.
    """
    return Journal(
        _K.REFUND_PAID,
        refund_key,
        on,
        (
            Posting(_A.CUSTOMER_CREDIT, amount, customer_id),
            Posting(_A.BANK if by_hand else _A.GATEWAY_CLEARING, -amount),
        ),
    )


def written_off(
    key: str, on: date, *, due: Money, tax_not_due: Money, customer_id: UUID
) -> Journal:
    """Give up what is still due of an invoice; PPN whose tax point never came is not a loss."""
    return Journal(
        _K.WRITTEN_OFF,
        key,
        on,
        (
            Posting(_A.BAD_DEBT, due - tax_not_due),
            Posting(_A.VAT_NOT_DUE, tax_not_due),
            Posting(_A.RECEIVABLE, -due, customer_id),
        ),
    )


def write_off_reversed(off: Journal, on: date) -> Journal:
    """Put a written-off debt back, because its money came after all; then post the payment."""
    return off.undone(_K.WRITE_OFF_REVERSED, off.key, on)


def tax_withheld(key: str, on: date, *, amount: Money, customer_id: UUID) -> Journal:
    """Settle a part of an invoice by the customer's proof of withheld PPh 23."""
    return Journal(
        _K.TAX_WITHHELD,
        key,
        on,
        (
            Posting(_A.PREPAID_PPH23, amount),
            Posting(_A.RECEIVABLE, -amount, customer_id),
        ),
    )


def paid_out(
    key: str, on: date, *, gross: Money, fee: Money, fee_vat: Money, rounding: Money
) -> Journal:
    """Post the gateway's payout to the bank, less its fee and the PPN on it.

    Args:
        gross: what left the gateway's balance.
        rounding: what the report's own figures are off by, at most a rupiah.
    """
    return Journal(
        _K.PAID_OUT,
        key,
        on,
        (
            Posting(_A.BANK, gross - fee - fee_vat - rounding),
            Posting(_A.GATEWAY_FEE, fee),
            Posting(_A.INPUT_VAT, fee_vat),
            Posting(_A.ROUNDING, rounding),
            Posting(_A.GATEWAY_CLEARING, -gross),
        ),
    )


def gateway_fees(key: str, on: date, *, fee: Money, fee_vat: Money, rounding: Money) -> Journal:
    """Post what the gateway kept of a day's payments, by its report; it shrinks what it holds.

    Args:
        fee_vat: PPN on it that we may claim; what we may not is a part of ``fee``.
        rounding: what the report's own figures are off by, at most a rupiah a row.
    """
    return Journal(
        _K.GATEWAY_FEES,
        key,
        on,
        (
            Posting(_A.GATEWAY_FEE, fee),
            Posting(_A.INPUT_VAT, fee_vat),
            Posting(_A.ROUNDING, rounding),
            Posting(_A.GATEWAY_CLEARING, -(fee + fee_vat + rounding)),
        ),
    )


def difference_booked(key: str, on: date, *, account: Account, amount: Money) -> Journal:
    """Post what two books differ by, as a person decided: positive shrinks the gateway's debt."""
    return Journal(
        _K.DIFFERENCE_BOOKED,
        key,
        on,
        (Posting(account, amount), Posting(_A.GATEWAY_CLEARING, -amount)),
    )


def revenue_recognised(key: str, on: date, *, amount: Money) -> Journal:
    """Turn served days into revenue."""
    return Journal(
        _K.REVENUE_RECOGNISED,
        key,
        on,
        (
            Posting(_A.DEFERRED_REVENUE, amount),
            Posting(_A.REVENUE, -amount),
        ),
    )
