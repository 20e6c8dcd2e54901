"""Which operation of payment links or invoices a request means."""

from __future__ import annotations

from simulator import charges, invoices, links
from simulator.answers import LINKS
from simulator.book import Book
from simulator.calls import Call, read_body
from simulator.chaos import Fault
from simulator.model import Json
from simulator.wire import Request


def understand(base: str, book: Book, request: Request) -> Call | None:
    """None when there is no such address."""
    if request.segments[1] == "invoices":
        return _invoice(base, book, request)
    match (request.method, *request.segments[2:]):
        case ("POST",):
            body, notify = read_body(LINKS, request), charges.addresses(request.headers)
            return Call(
                "payment_link",
                "",
                body,
                lambda _: links.create(book, body, notify, base),
                room=LINKS,
            )
        case ("GET", order_id):

            def ask(_: Fault | None) -> Json:
                return links.describe(book, links.find(book, order_id), base)

            return Call("payment_link", order_id, {}, ask, room=LINKS)
        case ("DELETE", order_id):
            return Call(
                "payment_link", order_id, {}, lambda _: links.delete(book, order_id), room=LINKS
            )
    return None


def _invoice(base: str, book: Book, request: Request) -> Call | None:
    """Creation looks at a key under another header name."""
    match (request.method, *request.segments[2:]):
        case ("POST",):
            body, notify = read_body(LINKS, request), charges.addresses(request.headers)
            return Call(
                "invoice",
                "",
                body,
                lambda _: invoices.create(book, body, notify, base),
                key_header="x-idempotency-key",
                good=201,
                room=LINKS,
            )
        case ("GET", ident):

            def ask(_: Fault | None) -> Json:
                return invoices.describe(book, invoices.find(book, ident), base)

            return Call("invoice", ident, {}, ask, room=LINKS)
        case ("PATCH", ident):
            body = read_body(LINKS, request)
            return Call(
                "invoice", ident, body, lambda _: invoices.void(book, ident, body), room=LINKS
            )
    return None
