"""Taking an unpaid invoice out: voided where it was a mistake, written off where it is lost."""

from __future__ import annotations

from uuid import UUID

from billing import queries
from billing.flows.book_journals import write_off_key
from billing.flows.orders import withdraw
from billing.flows.tax_points import tax_waiting
from billing.ledger.journal import JournalKind
from billing.ledger.postings import invoice_voided, written_off
from billing.ledger.service import post, posted
from billing.service import after_written_off
from core.errors import Conflict
from core.money import Money
from core.work import Work
from invoices.queries import Invoice, get_invoice
from invoices.service import close_unpaid


def void_invoice(unit: Work, invoice_id: UUID, *, reason: str) -> Invoice:
    """Void an open invoice that was never paid nor credited; its number stays used.

    Open virtual accounts are withdrawn; what a customer pays all the same becomes balance.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: ``invoice_not_voidable``; a credit note is the way then.
    """
    queries.lock_customers(unit, [get_invoice(unit, invoice_id).customer_id])
    before = close_unpaid(unit, invoice_id, "void")
    issued = posted(unit, JournalKind.INVOICE_ISSUED, str(invoice_id))
    if issued is not None:
        post(unit, [invoice_voided(issued, unit.today)])
    _stop_collecting(unit, invoice_id, because="voided")
    unit.audit(
        "invoice.void",
        "invoice",
        invoice_id,
        before={"status": before.status},
        after={"status": "void", "reason": reason},
    )
    return get_invoice(unit, invoice_id)


def mark_uncollectible(unit: Work, invoice_id: UUID, *, reason: str) -> Invoice:
    """Write off what is still due of an open invoice; it may be paid all the same, later.

    Of a subscription that is paused, a period that is written off is not served after the pause.

    Raises:
        NotFound: ``invoice_not_found``.
        Conflict: an illegal move; ``top_up_is_no_debt``.
    """
    queries.lock_customers(unit, [get_invoice(unit, invoice_id).customer_id])
    invoice = get_invoice(unit, invoice_id)
    if invoice.kind == "top_up":
        raise Conflict("top_up_is_no_debt", "nobody owes a top-up: void it")
    served = invoice.subscription_id if invoice.kind == "period" else None
    if served is not None:
        queries.lock_subscription(unit, served)
    waiting = tax_waiting(unit, invoice_id)
    before = close_unpaid(unit, invoice_id, "uncollectible")
    post(
        unit,
        [
            written_off(
                write_off_key(unit, invoice_id, new=True),
                unit.today,
                due=Money(before.due_amount, before.currency),
                tax_not_due=waiting,
                customer_id=before.customer_id,
            )
        ],
    )
    _stop_collecting(unit, invoice_id, because="written_off")
    if served is not None:
        after_written_off(unit, served)
    unit.audit(
        "invoice.mark_uncollectible",
        "invoice",
        invoice_id,
        before={"status": before.status, "due": before.due_amount},
        after={"status": "uncollectible", "reason": reason},
    )
    return get_invoice(unit, invoice_id)


def _stop_collecting(unit: Work, invoice_id: UUID, *, because: str) -> None:
    # Lazy: chasing an invoice may end its subscription, which may void an invoice.
    from billing.flows.chase import stop

    withdraw(unit, invoice_id, kinds=("instrument", "attempt"))
    stop(unit, invoice_id, because=because)
