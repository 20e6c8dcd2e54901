"""The hosted checkout a person sees: choose a way to pay, pay, go back to the merchant."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from simulator import cards, checkout, snap, snap_users, transactions
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.channels import row_of
from simulator.model import Json, SnapSession, Transaction
from simulator.notifications import common
from simulator.pages_marks import groups
from simulator.pages_shell import missing, show
from simulator.transactions import IllegalMoveError
from simulator.wire import Reply, Request, json_reply, redirect
from simulator.world import World

_SCRIPT = Path(__file__).parent / "templates" / "snap.js"
_CARD_SCRIPT = Path(__file__).parent / "templates" / "new3ds.js"
_DANGEROUS = frozenset({"", "javascript", "data", "vbscript", "file"})
_SAMPLES = ("4811111111111114", "5211111111111117", "4911111111111113", "4472429869996670")


def handle(world: World, request: Request) -> Reply | None:
    """The pages of this file, or None."""
    match (request.method, *request.segments):
        case ("GET", "snap", "snap.js"):
            return Reply(200, _SCRIPT.read_bytes(), "text/javascript; charset=utf-8")
        case ("GET", "v2", "assets", "js", "midtrans-new-3ds.min.js"):
            return Reply(200, _CARD_SCRIPT.read_bytes(), "text/javascript; charset=utf-8")
        case ("GET" | "POST", "snap", "v2" | "v3" | "v4", "redirection", token):
            found = _session(world, token)
            if found is None:
                return missing(request)
            if request.method == "POST":
                return _choose(world.base_url, request, *found)
            return _show(request, *found)
        case ("GET", "snap", _, "redirection", token, "state"):
            found = _session(world, token)
            return json_reply(200, _state(*found)) if found else missing(request)
        case ("GET", "subscriptions", ident):
            return _subscription(world, request, ident)
    return None


def waiting(book: Book) -> list[SnapSession]:
    """Hosted pages on which nobody chose a way to pay yet, the newest first."""
    return [
        session
        for session in reversed(book.snaps.values())
        if session.order_id not in book.orders and snap.state_of(book, session) == "open"
    ]


def _subscription(world: World, request: Request, ident: str) -> Reply:
    """One schedule: its rhythm, its charges, and what the merchant was told."""
    for book in world.books.values():
        known = book.subscriptions.get(ident)
        if known is not None:
            tries = [book.orders[name][-1] for name in known.order_ids if name in book.orders]
            return show(
                request,
                "subscription.html",
                book=book,
                known=known,
                tries=[book.transactions[name] for name in tries][::-1],
                notices=[book.notices[name] for name in book.notices_of.get(ident, ())],
            )
    return missing(request)


def _session(world: World, token: str) -> tuple[Book, SnapSession] | None:
    for book in world.books.values():
        if token in book.snaps:
            return book, book.snaps[token]
    return None


def _state(book: Book, session: SnapSession) -> Json:
    """What the page asks again and again, to notice that somebody paid."""
    tx = checkout.latest(book, session)
    return {"state": snap.state_of(book, session), "status": tx.status if tx else ""}


def _choose(base: str, request: Request, book: Book, session: SnapSession) -> Reply:
    form, here = request.form(), redirect(_here(request))
    if snap.state_of(book, session) != "open":
        return here
    if form.get("action") == "other":
        return _let_go(here, book, session)
    try:
        if form.get("method") == "gopay_link":
            phone, page = form.get("phone_number", ""), snap.address(base, session.token)
            phone = phone.strip().removeprefix("+62").removeprefix("62").removeprefix("0")
            return redirect(snap_users.start(book, session, phone, page + _query(request), base))
        tx = checkout.choose(book, session, form.get("method", ""), form, base)
    except RefusalError as refusal:
        return _show(request, book, session, refusal.problems or [refusal.message])
    url = str(tx.extras.get("redirect_url", ""))
    if tx.payment_type == "credit_card" and tx.status == "pending" and url:
        back = snap.address(base, session.token) + _query(request)
        return redirect(f"{url}?{urlencode({'return_url': back})}")
    return here


def _let_go(here: Reply, book: Book, session: SnapSession) -> Reply:
    """Another way to pay after all: what waits under this order is given up."""
    tx = checkout.latest(book, session)
    if tx is not None and tx.status == "pending":
        try:
            book.move(tx, "cancel", "the customer chose another way to pay")
        except IllegalMoveError:
            return here
    return here


def _here(request: Request) -> str:
    return "/" + "/".join(map(quote, request.segments)) + _query(request)


def _query(request: Request) -> str:
    return f"?{request.query_string}" if request.query_string else ""


def _show(
    request: Request, book: Book, session: SnapSession, problems: list[str] | None = None
) -> Reply:
    tx = checkout.latest(book, session)
    state = snap.state_of(book, session)
    choosing = not snap.closed(book, session)
    card = session.body.get("credit_card") or {}
    waiting = tx is not None and tx.status == "pending"
    result = _result(book, tx) if tx is not None and not choosing else None
    return show(
        request,
        "snap.html",
        book=book,
        session=session,
        tx=tx,
        row=row_of(tx) if tx is not None else None,
        state=state,
        stage="choose" if choosing else "wait" if waiting else "paid" if _good(tx) else "over",
        groups=groups(checkout.offered(book, session)) if choosing else [],
        problems=problems or (_why(tx) if choosing and tx is not None else []),
        samples=[(pan, cards.BEHAVIOURS[pan]) for pan in _SAMPLES],
        user=snap_users.user_of(session),
        linked=snap_users.account_of(book, snap_users.user_of(session)),
        enforced=snap_users.enforced(session),
        phone=snap_users.phone_of(session),
        save_card=card.get("save_card") is True,
        terms=checkout.terms(card),
        in_full=not checkout.must_be_in_parts(card),
        ends_at=checkout.ends_at(session),
        result=result,
        finish=_finish(session, tx) if tx is not None and not choosing else "",
        items=session.body.get("item_details") or [],
        popup=request.query().get("mode") == "popup",
        here=_here(request),
    )


def _good(tx: Transaction | None) -> bool:
    return tx is not None and tx.status in (*transactions.PAID, "authorize")


def _why(tx: Transaction) -> list[str]:
    """Why the try before this one came to nothing."""
    if tx.status != "deny":
        return []
    code = tx.extras.get("channel_response_code")
    words = str(tx.extras.get("channel_response_message") or tx.status_message)
    return [f"{code} {words}" if code else words]


def _result(book: Book, tx: Transaction) -> Json:
    """What snap.js hands to the merchant's page; nobody should believe it."""
    told = {
        "status_code": transactions.status_code(tx),
        "status_message": tx.status_message or "Success, transaction is found",
        **common(tx, book.account),
    }
    names = ("va_numbers", "permata_va_number", "bill_key", "biller_code", "payment_code")
    told.update({name: tx.extras[name] for name in names if name in tx.extras})
    return told


def _finish(session: SnapSession, tx: Transaction) -> str:
    """The merchant's finish address with the result behind it, or ''."""
    told = session.body.get("callbacks") or {}
    url = str((told.get("finish") if _good(tx) else told.get("error")) or told.get("finish") or "")
    if urlsplit(url).scheme.lower() in _DANGEROUS:
        return ""
    result = {
        "order_id": tx.order_id,
        "status_code": transactions.status_code(tx),
        "transaction_status": tx.status,
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(result)}"
