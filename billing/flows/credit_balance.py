"""What is given back onto a balance: money as money, promotional credit as what it was."""

from __future__ import annotations

from uuid import UUID

from billing.credits import queries
from billing.credits.lots import PROMOTIONAL, restored_parts
from billing.credits.service import NewLot, raise_balance
from billing.flows.credit_rows import CreditNote, given_back_of_paid
from billing.ledger.balance_postings import credit_restored
from billing.ledger.service import post
from core import ids
from core.money import Money
from core.work import Work
from invoices.queries import Invoice


def add_balance(
    unit: Work, customer_id: UUID, amount: int, *, kind: str, source_kind: str, source_id: UUID
) -> None:
    """Add money to what we hold for a customer, under his row's lock; once for each source."""
    _add(unit, customer_id, amount, kind, (source_kind, source_id))


def money_left(unit: Work, invoice: Invoice) -> int:
    """What of an invoice was paid in money and not given back yet, in whole rupiah."""
    used = sum(amount for _, amount in queries.promotional_uses(unit, invoice.id))
    restored = queries.promotional_restored(unit, invoice.id)
    given_back = given_back_of_paid(unit, invoice.id)
    return invoice.paid_amount - used - (given_back - restored)


def give_back(unit: Work, invoice: Invoice, issued: CreditNote, money_before: int) -> None:
    """Put what a credit note gives back of a paid invoice on the balance.

    Money comes first. What is beyond it was paid with credit that had been given: it comes back
    as that, in lots that end when those did which had paid.

    Args:
        money_before: `money_left` before the note was written.
    """
    money, credit = restored_parts(issued.to_balance, money_before)
    who, source = issued.customer_id, ("credit_note", issued.id)
    if money:
        _add(unit, who, money, "credited", source)
    if not credit:
        return
    lots = _lots_again(unit, invoice.id, credit)
    _add(unit, who, credit, "restored", source, lots=lots)
    amount = Money(credit, invoice.currency)
    post(unit, [credit_restored(str(issued.id), unit.today, amount=amount, customer_id=who)])


def _lots_again(unit: Work, invoice_id: UUID, amount: int) -> tuple[NewLot, ...]:
    """New lots for credit that comes back: of the lots that end last first, as that is the best."""
    before = queries.promotional_restored(unit, invoice_id)
    made: list[NewLot] = []
    for lot, used in reversed(queries.promotional_uses(unit, invoice_id)):
        # What earlier notes gave back came out of the same row of lots.
        skipped = min(before, used)
        before -= skipped
        part = min(used - skipped, amount)
        if part > 0:
            made.append(NewLot(part, PROMOTIONAL, lot.expires_at, lot.reason))
            amount -= part
    if amount:
        raise ValueError(f"{amount} is given back that no lot had paid")
    return tuple(made)


def _add(
    unit: Work,
    customer_id: UUID,
    amount: int,
    kind: str,
    source: tuple[str, UUID],
    *,
    lots: tuple[NewLot, ...] = (),
) -> None:
    source_kind, source_id = source
    written = raise_balance(
        unit,
        {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("balance", kind, source_kind, source_id),
            "customer_id": customer_id,
            "amount": amount,
            "kind": kind,
            "source_kind": source_kind,
            "source_id": source_id,
            "at": unit.now,
        },
        lots,
        once=True,
    )
    if written:
        unit.event(
            "balance.credited",
            source_kind,
            source_id,
            {"amount": amount, "because": kind, "customer": ids.public("customer", customer_id)},
            customer_id=customer_id,
        )
