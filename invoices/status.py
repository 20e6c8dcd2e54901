"""The life of an invoice: draft → open → paid | void | uncollectible."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from core.errors import Conflict, IllegalMove
from core.money import Money, zero


class InvoiceStatus(StrEnum):
    """Where an invoice stands."""

    DRAFT = "draft"  # no number yet; may change or vanish
    OPEN = "open"  # issued: a legal document, waiting for its money
    PAID = "paid"  # nothing is due any more, by money or by credit
    VOID = "void"  # issued by mistake; never paid nor credited
    UNCOLLECTIBLE = "uncollectible"  # written off; still payable


LEGAL_MOVES: Final[dict[InvoiceStatus, frozenset[InvoiceStatus]]] = {
    InvoiceStatus.DRAFT: frozenset({InvoiceStatus.OPEN}),
    InvoiceStatus.OPEN: frozenset(
        {InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE}
    ),
    # A bank may take a payment back: what was paid is due again.
    InvoiceStatus.PAID: frozenset({InvoiceStatus.OPEN}),
    InvoiceStatus.VOID: frozenset(),
    # Money may still come after the books gave up hope.
    InvoiceStatus.UNCOLLECTIBLE: frozenset({InvoiceStatus.PAID}),
}


def move(current: InvoiceStatus, to: InvoiceStatus) -> InvoiceStatus:
    """Make a move of the table.

    Raises:
        IllegalMove: ``illegal_invoice_move``.
    """
    if to not in LEGAL_MOVES[current]:
        raise IllegalMove(
            "illegal_invoice_move", f"an invoice that is {current} cannot become {to}"
        )
    return to


def due(total: Money, paid: Money, credited: Money) -> Money:
    """Say what is still owed: ``total`` less payments and credits, never below zero.

    ``paid`` holds what was allocated to this invoice, gateway money and balance alike.
    """
    open_amount = total - paid - credited
    return zero(total.currency) if open_amount.is_negative else open_amount


def owed(status: str, due_amount: int) -> int:
    """Say what a reader is told is owed: nothing of a void invoice.

    Of one that is written off it is what was given up: the debt stands, and may be paid all the
    same.
    """
    return 0 if status == InvoiceStatus.VOID else due_amount


def is_only_credited(status: str, paid: int, credited: int) -> bool:
    """Whether nothing is due because it was given back, and no money ever came.

    Such an invoice is ``paid`` in the table of moves; nobody is told that it was.
    """
    return status == InvoiceStatus.PAID and credited > 0 and paid == 0


def require_voidable(status: InvoiceStatus, paid: Money, credited: Money) -> None:
    """Refuse to void anything but an open invoice that was never paid nor credited.

    Raises:
        Conflict: ``invoice_not_voidable``; a credit note is the way then.
    """
    if status is not InvoiceStatus.OPEN:
        raise Conflict("invoice_not_voidable", f"an invoice that is {status} cannot be voided")
    if not paid.is_zero or not credited.is_zero:
        raise Conflict(
            "invoice_not_voidable",
            "an invoice with payments or credits is corrected by a credit note, not voided",
        )


def status_after_allocation(
    current: InvoiceStatus, total: Money, paid: Money, credited: Money
) -> InvoiceStatus:
    """Say what an invoice is after its payments or credits changed.

    Args:
        current: the status so far.
        total: of the invoice, tax included.
        paid: sum of all allocations, the new one and reversals included.
        credited: sum of all credit notes against it.

    Returns:
        ``paid`` once nothing is due, ``open`` again when a payment was taken back; a draft or
        void invoice stays as it is, a written-off one stays so until everything is paid.
    """
    if current in {InvoiceStatus.DRAFT, InvoiceStatus.VOID}:
        return current
    if due(total, paid, credited).is_zero:
        return InvoiceStatus.PAID
    return InvoiceStatus.OPEN if current is InvoiceStatus.PAID else current
