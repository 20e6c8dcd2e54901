"""Invoices: a bill the gateway writes, sums up, and collects by link or virtual accounts."""

from __future__ import annotations

from simulator import charges, derive, invoice_requests, links
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.clock import wib
from simulator.invoice_requests import Asked
from simulator.model import Invoice, Json, PaymentLink

_LONGEST = 180 * 86400


def create(book: Book, body: Json, notify: list[str], base: str) -> Json:
    """POST /v1/invoices. Raises the 400 with every problem, 409 for an order id in use."""
    asked = invoice_requests.read(body, book.now())
    known = any(invoice.order_id == asked.order_id for invoice in book.invoices.values())
    if known or asked.order_id in book.orders:
        raise RefusalError("409", "Duplicate order id")
    invoice = Invoice(
        invoice_id=derive.uuid_of(book.account.seed, asked.order_id, "invoice"),
        order_id=asked.order_id,
        number=asked.number,
        body=body,
        created_at=book.now(),
        due_at=asked.due_at,
        gross_amount=asked.total,
    )
    metadata = body.get("metadata") if isinstance(body.get("metadata"), dict) else {}
    told = {"metadata": {**(metadata or {}), "midtrans_invoice_id": invoice.invoice_id}}
    if body.get("document_type") != "quotation":
        if asked.by_link:
            _open_link(book, invoice, asked, notify, told)
        else:
            _open_accounts(book, invoice, asked, notify, told)
    keep(book, invoice)
    return describe(book, invoice, base)


def keep(book: Book, invoice: Invoice) -> None:
    book.invoices[invoice.invoice_id] = invoice
    book.save("invoice", invoice)


def _open_link(book: Book, invoice: Invoice, asked: Asked, notify: list[str], told: Json) -> None:
    link = PaymentLink(
        link_id=derive.uuid_of(book.account.seed, asked.order_id, "link"),
        order_id=asked.order_id,
        body={**asked.link, "customer_details": asked.customer},
        created_at=invoice.created_at,
        ends_at=asked.due_at,
        least=asked.total,
        most=asked.total,
        notify=notify,
        told=told,
    )
    links.keep(book, link)
    invoice.link_id = link.link_id
    invoice.orders = [asked.order_id]


def _open_accounts(
    book: Book, invoice: Invoice, asked: Asked, notify: list[str], told: Json
) -> None:
    """The first account has the invoice's order id, each further one that and its bank."""
    seconds = int((asked.due_at - book.now()).total_seconds())
    for place, (bank, number) in enumerate(asked.accounts):
        order_id = f"{asked.order_id}-{bank}" if place else asked.order_id
        transfer: Json = {"bank": bank, **({"va_number": number} if number else {})}
        request: Json = {
            "payment_type": "bank_transfer",
            "transaction_details": {"order_id": order_id, "gross_amount": asked.total},
            "customer_details": asked.customer,
            "bank_transfer": transfer,
            "custom_expiry": {"expiry_duration": min(seconds, _LONGEST), "unit": "second"},
        }
        charges.create(book, request, "", notify=notify, from_snap=True, told=told)
        invoice.orders.append(order_id)


def find(book: Book, ident: str) -> Invoice:
    """The invoice of this id, or the 404."""
    invoice = book.invoices.get(ident)
    if invoice is None:
        raise RefusalError("404", "Invoice doesn't exist.")
    return invoice


def state_of(book: Book, invoice: Invoice) -> str:
    """One of pending, paid, expired, void."""
    if any(
        book.transactions[ident].times_taken
        for order in invoice.orders
        for ident in book.orders.get(order, ())
    ):
        return "paid"
    if invoice.state == "pending" and book.now() >= invoice.due_at:
        return "expired"
    return invoice.state


def void(book: Book, ident: str, body: Json) -> Json:
    """PATCH with status void: what waits under it is cancelled. Raises the 400."""
    invoice = find(book, ident)
    if body.get("status") != "void":
        raise RefusalError("400", "status must be void")
    reason = body.get("void_reason", "")
    if not isinstance(reason, str) or len(reason) > 255:
        raise RefusalError("400", "void_reason too long, max 255 characters")
    if state_of(book, invoice) not in ("pending", "expired"):
        raise RefusalError("400", f"an invoice that is {state_of(book, invoice)} cannot be voided")
    for order in invoice.orders:
        for tx in [book.transactions[name] for name in book.orders.get(order, ())]:
            if tx.status == "pending":
                book.move(tx, "cancel", "its invoice was voided")
    if invoice.link_id:
        book.links[invoice.link_id].state = "deleted"
        book.save("link", book.links[invoice.link_id])
    invoice.state, invoice.void_reason = "void", reason
    book.save("invoice", invoice)
    return {"id": ident, "status": "void", "void_reason": reason}


def describe(book: Book, invoice: Invoice, base: str) -> Json:
    """The invoice as creating and asking answer it."""
    body: Json = {
        "id": invoice.invoice_id,
        "order_id": invoice.order_id,
        "invoice_number": invoice.number,
        "status": state_of(book, invoice),
        "gross_amount": invoice.gross_amount,
        "currency": "IDR",
        "invoice_date": invoice.body.get("invoice_date"),
        "due_date": invoice.body.get("due_date"),
        "created_at": wib(invoice.created_at),
        "pdf_url": f"{base}/invoices/{invoice.invoice_id}",
        "customer_details": invoice.body.get("customer_details"),
        "item_details": invoice.body.get("item_details"),
    }
    if invoice.link_id:
        body["payment_link_url"] = links.address(base, book.links[invoice.link_id])
    numbers = [number for order in invoice.orders for number in _numbers(book, order)]
    if numbers:
        body["virtual_accounts"] = numbers
    if invoice.void_reason:
        body["void_reason"] = invoice.void_reason
    return body


def _numbers(book: Book, order: str) -> list[Json]:
    found = []
    for ident in book.orders.get(order, ()):
        extras = book.transactions[ident].extras
        found += [
            {"name": f"{known['bank']}_va", "number": known["va_number"]}
            for known in extras.get("va_numbers", ())
        ]
        if "permata_va_number" in extras:
            found.append({"name": "permata_va", "number": extras["permata_va_number"]})
    return found
