"""What a person sees of payment links and invoices, before the hosted checkout."""

from __future__ import annotations

from simulator import invoices, links, snap
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.model import Json, PaymentLink
from simulator.pages_shell import missing, show
from simulator.wire import Reply, Request, redirect
from simulator.world import World


def handle(world: World, request: Request) -> Reply | None:
    """The pages of this file, or None."""
    match (request.method, *request.segments):
        case ("GET" | "POST", "payment-links", ident):
            for book in world.books.values():
                if ident in book.links:
                    link = book.links[ident]
                    if request.method == "POST":
                        return _go(world.base_url, request, book, link)
                    return _show(request, book, link)
            return missing(request)
        case ("GET", "invoices", ident):
            for book in world.books.values():
                if ident in book.invoices:
                    return _invoice(world.base_url, request, book, ident)
            return missing(request)
    return None


def _show(request: Request, book: Book, link: PaymentLink, problem: str = "") -> Reply:
    told = link.body.get("dynamic_amount")
    preset = told.get("preset_amount") if isinstance(told, dict) else None
    return show(
        request,
        "payment_link.html",
        book=book,
        link=link,
        state=links.state_of(book, link),
        title_of=str(link.body.get("title") or link.order_id)[:40],
        free=link.least != link.most,
        preset=preset or link.least,
        asks=link.body.get("customer_required") is True,
        items=link.body.get("item_details") or [],
        problem=problem,
    )


def _go(base: str, request: Request, book: Book, link: PaymentLink) -> Reply:
    form = request.form()
    typed = form.get("amount", "").replace(".", "").strip()
    amount = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 13 else 0
    customer: Json = {}
    if form.get("name"):
        customer["first_name"] = form["name"][:255]
    if form.get("email"):
        customer["email"] = form["email"][:255]
    if link.least == link.most:
        amount = link.least
    try:
        session = links.open_checkout(book, link, amount, customer)
    except RefusalError as refusal:
        return _show(request, book, link, refusal.message)
    query = f"?{request.query_string}" if request.query_string else ""
    return redirect(snap.address(base, session.token) + query)


def _invoice(base: str, request: Request, book: Book, ident: str) -> Reply:
    invoice = book.invoices[ident]
    told = invoices.describe(book, invoice, base)
    waiting = [
        book.transactions[name]
        for order in invoice.orders
        for name in book.orders.get(order, ())
        if book.transactions[name].status == "pending"
    ]
    return show(
        request,
        "invoice.html",
        book=book,
        invoice=invoice,
        told=told,
        state=told["status"],
        link=told.get("payment_link_url", "") if told["status"] == "pending" else "",
        waiting=waiting,
        items=invoice.body.get("item_details") or [],
        customer=(invoice.body.get("customer_details") or {}).get("name", ""),
    )
