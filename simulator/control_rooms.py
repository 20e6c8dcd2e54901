"""The control API's hosted pages: what is open, and a person who chooses without a browser."""

from __future__ import annotations

from simulator import checkout, control_book, invoices, links, snap
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.clock import iso
from simulator.control_accounts import Handler, WrongError
from simulator.model import Json, SnapSession
from simulator.world import World

_CARD = {
    "card_number": "4811111111111114",
    "card_exp_month": "12",
    "card_exp_year": "2030",
    "card_cvv": "123",
}


def _session(book: Book, body: Json) -> SnapSession:
    """By token, or the newest of an order id."""
    session = book.snaps.get(str(body.get("token", "")))
    if session is None and body.get("order_id"):
        of_order = [one for one in book.snaps.values() if one.order_id == str(body["order_id"])]
        session = of_order[-1] if of_order else None
    if session is None:
        raise WrongError(404, "no such Snap transaction: give token or order_id")
    return session


def _shown(book: Book, session: SnapSession) -> Json:
    return {
        "token": session.token,
        "order_id": session.order_id,
        "gross_amount": session.gross_amount,
        "state": snap.state_of(book, session),
        "created_at": iso(session.created_at),
        "ends_at": iso(checkout.ends_at(session)),
        "methods": [method.name for method in checkout.offered(book, session)],
        "transactions": list(book.orders.get(session.order_id, ())),
    }


async def _snaps(_world: World, book: Book, _body: Json) -> Json:
    return {"snap": [_shown(book, session) for session in book.snaps.values()]}


async def _choose(world: World, book: Book, body: Json) -> Json:
    """A person takes a way to pay; for cards the number and so on may be given."""
    session = _session(book, body)
    if snap.state_of(book, session) != "open":
        raise WrongError(409, "this page has ended")
    form = {**_CARD, **{name: str(value) for name, value in body.items()}}
    try:
        tx = checkout.choose(book, session, str(body.get("method", "")), form, world.base_url)
    except RefusalError as refusal:
        raise WrongError(409, "; ".join(refusal.problems or [refusal.message])) from refusal
    return control_book.transaction(book, tx)


async def _links(world: World, book: Book, _body: Json) -> Json:
    return {"links": [links.describe(book, link, world.base_url) for link in book.links.values()]}


async def _invoices(world: World, book: Book, _body: Json) -> Json:
    known = book.invoices.values()
    return {"invoices": [invoices.describe(book, one, world.base_url) for one in known]}


async def _subscriptions(_world: World, book: Book, _body: Json) -> Json:
    known = book.subscriptions.values()
    return {"subscriptions": [control_book.subscription(book, one) for one in known]}


ROUTES: dict[tuple[str, ...], Handler] = {
    ("GET", "subscriptions"): _subscriptions,
    ("GET", "snap"): _snaps,
    ("GET", "payment-links"): _links,
    ("GET", "invoices"): _invoices,
    ("POST", "snap"): _choose,
}
