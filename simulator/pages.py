"""Web pages: what waits to be paid, one payment, the 3DS page, a card form, QR codes."""

from __future__ import annotations

import contextlib
import io
from urllib.parse import urlsplit

import segno

from simulator import cards, operations, pages_app, pages_checkout, pages_links
from simulator.book import Book
from simulator.channels import card, row_of
from simulator.model import Notice, Transaction
from simulator.pages_shell import missing, show
from simulator.transactions import IllegalMoveError
from simulator.wire import Reply, Request, redirect
from simulator.world import World

OTP = "112233"
_LATEST, _MOST_OPEN = 20, 50


def owns(request: Request) -> bool:
    """Pages that live under /v2, beside the API."""
    segments = request.segments
    if segments[:3] in (("v2", "3ds", "redirect"), ("v2", "assets", "js")):
        return True
    return segments[-1:] == ("qr-code",)


def handle(world: World, request: Request) -> Reply:
    """Any page. Unknown addresses get a page too, with 404."""
    match (request.method, *request.segments):
        case ("GET",):
            return _home(world, request)
        case ("GET", "pay", ident):
            return _payment(world, request, ident)
        case ("POST", "pay", ident):
            return _pay(world, request, ident)
        case ("GET", "v2", "3ds", "redirect", ident):
            return _three_ds(world, request, ident, "")
        case ("POST", "v2", "3ds", "redirect", ident):
            return _three_ds_answer(world, request, ident)
        case ("GET", "v2", "qris" | "gopay", ident, "qr-code"):
            return _qr_code(world, request, ident)
        case ("GET", "card"):
            return _card_form(world, request)
    return (
        pages_checkout.handle(world, request)
        or pages_links.handle(world, request)
        or pages_app.handle(world, request)
        or missing(request)
    )


def _found(world: World, ident: str) -> tuple[Book, Transaction] | None:
    found = world.find(ident)
    return (found[0], found[0].transactions[ident]) if found else None


def _home(world: World, request: Request) -> Reply:
    books = list(world.books.values())
    sought = request.query().get("q", "").strip()
    for book in books if sought else ():
        found = _sought(book, sought)
        if found is not None:
            return redirect(f"/pay/{found.transaction_id}" + _only_language(request))
    wanted = request.query().get("merchant", "")
    chosen = next((book for book in books if book.account.merchant_id == wanted), None)
    # An account where something waits to be paid is what somebody comes here for.
    books.sort(key=lambda book: not _pending(book))
    chosen = chosen or next(iter(books), None)
    transactions = list(chosen.transactions.values())[::-1] if chosen else []
    return show(
        request,
        "home.html",
        books=books,
        book=chosen,
        open=_pending(chosen)[: -_MOST_OPEN - 1 : -1] if chosen else [],
        further=max(0, len(_pending(chosen)) - _MOST_OPEN) if chosen else 0,
        sought=sought,
        checkouts=pages_checkout.waiting(chosen)[:_LATEST] if chosen else [],
        subscriptions=list(chosen.subscriptions.values())[::-1][:_LATEST] if chosen else [],
        recent=[tx for tx in transactions if tx.status != "pending"][:_LATEST],
    )


def _sought(book: Book, text: str) -> Transaction | None:
    """By order id, transaction id, or a number that somebody pays or paid to."""
    number = text.replace(" ", "")
    waiting = book.payable(number)
    if waiting:
        return waiting[0]
    return book.find(text) or next(
        (
            tx
            for tx in reversed(book.transactions.values())
            if number in [known for _, known in book.numbers_of(tx)]
        ),
        None,
    )


def _only_language(request: Request) -> str:
    return "?lang=en" if request.query().get("lang") == "en" else ""


def _pending(book: Book) -> list[Transaction]:
    return [tx for tx in book.transactions.values() if tx.status == "pending"]


def _payment(world: World, request: Request, ident: str) -> Reply:
    found = _found(world, ident)
    if found is None:
        return missing(request)
    book, tx = found
    notices: list[Notice] = [book.notices[n] for n in book.notices_of.get(ident, ())]
    return show(
        request,
        "payment.html",
        book=book,
        tx=tx,
        notices=notices[::-1],
        row=row_of(tx),
        payable=tx.status == "pending" and row_of(tx).page == "number",
        in_app=tx.status == "pending" and row_of(tx).page not in ("number", "card"),
        in_flight=any(notice.state == "queued" for notice in notices),
        three_ds=tx.extras.get("redirect_url") if tx.status == "pending" else None,
    )


def _pay(world: World, request: Request, ident: str) -> Reply:
    found = _found(world, ident)
    if found is None:
        return missing(request)
    book, tx = found
    if request.form().get("action") == "resend":
        book.notify(tx)
    else:
        with contextlib.suppress(IllegalMoveError):  # somebody was faster; the page shows it
            operations.pay(book, tx, "paid on the simulator's page")
    query = f"?{request.query_string}" if request.query_string else ""
    return redirect(f"/pay/{ident}{query}")


def _return_url(request: Request) -> str:
    """Where to go afterwards, if the merchant's page put it behind the address."""
    url = request.query().get("return_url", "")
    return url if urlsplit(url).scheme in ("http", "https") else ""


def _three_ds(world: World, request: Request, ident: str, problem: str) -> Reply:
    found = _found(world, ident)
    if found is None:
        return missing(request)
    book, tx = found
    behaviour = cards.behaviour_of(book.account, tx.pan, tx.token_used, book.now())
    return show(
        request,
        "three_ds.html",
        book=book,
        tx=tx,
        problem=problem,
        asks=cards.needs_otp(behaviour),
        query=request.query_string,
        return_url=_return_url(request),
        finished=_finished(tx),
    )


def _finished(tx: Transaction) -> str:
    """Which closing sentence the 3DS page shows, or '' while it is open."""
    if tx.status == "pending":
        return ""
    names = {"capture": "done_ok", "settlement": "done_ok", "authorize": "done_hold"}
    return names.get(tx.status, "done_bad" if tx.status == "deny" else "done_over")


def _three_ds_answer(world: World, request: Request, ident: str) -> Reply:
    found = _found(world, ident)
    if found is None:
        return missing(request)
    book, tx = found
    form = request.form()
    behaviour = cards.behaviour_of(book.account, tx.pan, tx.token_used, book.now())
    refused = form.get("action") == "refuse"
    if not refused and cards.needs_otp(behaviour) and form.get("otp", "").strip() != OTP:
        return _three_ds(world, request, ident, "otp_wrong")
    with contextlib.suppress(IllegalMoveError):  # finished or expired meanwhile; the page says so
        card.finish_3ds(book, tx, confirmed=not refused)
    query = f"?{request.query_string}" if request.query_string else ""
    return redirect(f"/v2/3ds/redirect/{ident}{query}")


def _card_form(world: World, request: Request) -> Reply:
    book = next(iter(world.books.values()), None)
    client_key = request.query().get("client_key", book.account.client_key if book else "")
    shown = ("4811111111111114", "5211111111111117", "4911111111111113", "4472429869996670")
    samples = [(pan, cards.BEHAVIOURS[pan]) for pan in shown]
    return show(request, "card.html", client_key=client_key, samples=samples)


def _qr_code(world: World, request: Request, ident: str) -> Reply:
    found = _found(world, ident)
    if found is None:
        return missing(request)
    picture = io.BytesIO()
    text = found[1].qr
    if not text:
        return missing(request)
    segno.make(text, error="m").save(picture, kind="png", scale=6)
    return Reply(200, picture.getvalue(), "image/png")
