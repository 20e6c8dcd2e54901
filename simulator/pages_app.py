"""The payer's own side: the wallet's app, the provider's page, and linking a GoPay account."""

from __future__ import annotations

import contextlib
from urllib.parse import urlencode, urlsplit

from simulator import gopay_accounts, operations, wallets
from simulator.book import Book
from simulator.channels import row_of
from simulator.model import PayAccount, Transaction
from simulator.pages_shell import missing, show
from simulator.transactions import IllegalMoveError
from simulator.wire import Reply, Request, redirect
from simulator.world import World

ISSUERS = ("gopay", "dana", "ovo", "shopeepay", "linkaja", "bca", "bni", "bri", "mandiri")
_DANGEROUS = frozenset({"", "javascript", "data", "vbscript", "file"})


def handle(world: World, request: Request) -> Reply | None:
    """The pages of this file, or None."""
    match request.segments:
        case ("app", ident):
            found = world.find(ident)
            if found is None:
                return missing(request)
            book = found[0]
            tx = book.transactions[ident]
            if row_of(tx).page in ("number", "card"):
                return missing(request)
            return (
                _answer(request, book, tx) if request.method == "POST" else _app(request, book, tx)
            )
        case ("gopay", "link", ident):
            return _link(world, request, ident)
        case ("scan",):
            return _scan(world, request)
    return None


def _app(request: Request, book: Book, tx: Transaction, problem: str = "") -> Reply:
    row = row_of(tx)
    done = tx.status != "pending"
    return show(
        request,
        "app.html",
        book=book,
        tx=tx,
        row=row,
        problem=problem,
        done=done,
        issuers=ISSUERS if row.page == "qr" or row.name == "gopay" else (),
        phone=str(tx.extras.get("payer_phone_number", "")),
        return_url=_return_url(tx) if done else "",
        good=tx.status in ("settlement", "authorize", "capture"),
    )


def _return_url(tx: Transaction) -> str:
    """The merchant's address with the result behind it; nobody should believe that result."""
    if urlsplit(tx.callback_url).scheme.lower() in _DANGEROUS:
        return ""
    good = tx.status in ("settlement", "authorize", "capture")
    told = urlencode({"order_id": tx.order_id, "result": "success" if good else "failure"})
    return f"{tx.callback_url}{'&' if '?' in tx.callback_url else '?'}{told}"


def _answer(request: Request, book: Book, tx: Transaction) -> Reply:
    form, row = request.form(), row_of(tx)
    here = redirect(f"/app/{tx.transaction_id}" + _query(request))
    if form.get("action") == "refuse":
        with contextlib.suppress(IllegalMoveError):  # already over; the page says so
            operations.refuse(book, tx)
        return here
    how = {"issuer": form["issuer"]} if form.get("issuer") in ISSUERS else {}
    elsewhere = row.name == "gopay" and how.get("issuer", "gopay") != "gopay"
    if elsewhere:
        how["via"] = "qris"
    asks = tx.status == "pending" and row.page == "pin" and not elsewhere
    if asks and form.get("pin", "").strip() != wallets.PIN:
        return _app(request, book, tx, "pin_wrong")
    try:
        operations.pay(book, tx, "confirmed by the payer", how)
    except IllegalMoveError:
        if tx.status == "pending":
            return _app(request, book, tx, "too_late")
    return here


def _query(request: Request) -> str:
    return f"?{request.query_string}" if request.query_string else ""


# --- linking ------------------------------------------------------------------------------------


def _link(world: World, request: Request, ident: str) -> Reply:
    for book in world.books.values():
        account = book.pay_accounts.get(ident)
        if account is not None:
            if request.method == "POST":
                return _confirm(request, book, account)
            return _show_link(request, book, account)
    return missing(request)


def _show_link(request: Request, book: Book, account: PayAccount, problem: str = "") -> Reply:
    url = account.redirect_url
    return show(
        request,
        "link.html",
        book=book,
        account=account,
        problem=problem,
        return_url="" if urlsplit(url).scheme.lower() in _DANGEROUS else url,
        wallet=wallets.wallet_of(book, account.phone),
        notices=[book.notices[name] for name in book.notices_of.get(account.account_id, ())],
    )


def _confirm(request: Request, book: Book, account: PayAccount) -> Reply:
    form = request.form()
    here = redirect(f"/gopay/link/{account.account_id}" + _query(request))
    if form.get("action") == "unlink":
        with contextlib.suppress(IllegalMoveError):  # ended meanwhile; the page says so
            gopay_accounts.unlink(book, account)
        return here
    if account.status == "PENDING":
        if form.get("otp", "").strip() != wallets.OTP:
            return _show_link(request, book, account, "otp_wrong")
        if form.get("pin", "").strip() != wallets.PIN:
            return _show_link(request, book, account, "pin_wrong")
        gopay_accounts.link(book, account)
    return here


# --- scanning -----------------------------------------------------------------------------------


def _scan(world: World, request: Request) -> Reply:
    """The text of a QR code instead of a camera."""
    text = request.query().get("qr", "").strip()
    for book in world.books.values():
        waiting = book.payable(text, "qr")
        if waiting:
            return redirect(f"/app/{waiting[0].transaction_id}")
    return show(request, "scan.html", problem="qr_unknown" if text else "")
