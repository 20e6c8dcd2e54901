"""Which operation of the Core API a request means."""

from __future__ import annotations

from simulator import (
    charges,
    gopay_accounts,
    link_routes,
    operations,
    refunds,
    snap,
    snap_users,
    subscription_requests,
    subscriptions,
    tokens,
)
from simulator.answers import SNAP, SUBSCRIPTIONS
from simulator.book import Book
from simulator.calls import Call, read_body
from simulator.chaos import Fault
from simulator.idempotency import SUBSCRIPTION_MEMORY
from simulator.model import Json
from simulator.wire import Request

_SIMPLE = {
    "cancel": operations.cancel,
    "expire": operations.expire,
    "approve": operations.approve,
    "deny": operations.deny,
}


def understand(base: str, book: Book, request: Request) -> Call | None:
    """Which operation this is. None when there is no such address."""
    if request.segments[0] == "snap":
        return _snap(base, book, request)
    if request.segments[:2] in (("v1", "payment-links"), ("v1", "invoices")):
        return link_routes.understand(base, book, request)
    if request.segments[:2] == ("v1", "subscriptions"):
        return _subscription(book, request)
    match (request.method, *request.segments):
        case ("POST", "v2", "charge"):
            return _charge(base, book, request)
        case ("POST", "v2", "capture"):
            body = request.json()
            ident = str(body.get("transaction_id", ""))
            return Call("capture", ident, body, lambda f: operations.capture(book, body, _no(f)))
        case ("GET", "v2", "point_inquiry", token):
            return Call("points", "", {}, lambda _: tokens.point_inquiry(book, token))
        case (_, "v2", "pay", "account", *_) | (_, "v2", "gopay", "promo", _):
            return _pay_account(base, book, request)
        case ("GET", "v2", ident, "status"):
            return Call("status", ident, {}, lambda _: operations.status(book, ident))
        case ("GET", "v2", ident, "status", "b2b"):
            return Call("status", ident, {}, lambda _: operations.status_b2b(book, ident))
        case ("POST", "v2", ident, "cancel" | "expire" | "approve" | "deny" as op):
            operation = _SIMPLE[op]
            return Call(op, ident, {}, lambda _: operation(book, ident))
        case ("POST", "v2", ident, "refund"):
            return _refund(book, ident, request.json(), direct=False)
        case ("POST", "v2", ident, "refund", "online", "direct"):
            return _refund(book, ident, request.json(), direct=True)
    return None


def methods_of(segments: tuple[str, ...]) -> str:
    """The method this address knows, or '' when there is no such address."""
    match segments:
        case ("snap", "v3", "users", _, "gopay"):
            return "GET, DELETE"
        case ("snap", "v1", "transactions"):
            return "POST"
        case ("snap", "v1", "transactions", _, "cancel" | "expire"):
            return "POST"
        case ("v1", "subscriptions") | ("v1", "subscriptions", _, "disable" | "enable" | "cancel"):
            return "POST"
        case ("v1", "payment-links" | "invoices"):
            return "POST"
        case ("v1", "payment-links", _):
            return "GET, DELETE"
        case ("v1", "invoices", _):
            return "GET, PATCH"
        case ("v1", "subscriptions", _):
            return "GET, PATCH"
        case ("v2", "charge") | ("v2", "capture") | ("v2", "pay", "account"):
            return "POST"
        case ("v2", _, "cancel" | "expire" | "approve" | "deny" | "refund"):
            return "POST"
        case ("v2", _, "refund", "online", "direct") | ("v2", "pay", "account", _, "unbind"):
            return "POST"
        case ("v2", "token") | ("v2", "card", "register"):
            return "GET"
        case ("v2", _, "status") | ("v2", _, "status", "b2b") | ("v2", "point_inquiry", _):
            return "GET"
        case ("v2", "pay", "account", _) | ("v2", "gopay", "promo", _) | ("v1", "bins", _):
            return "GET"
    return ""


def _snap(base: str, book: Book, request: Request) -> Call | None:
    """Hosted checkouts: open one, cancel it, let it expire."""
    match (request.method, *request.segments[1:]):
        case ("POST", "v1", "transactions"):
            body = read_body(SNAP, request)
            details = body.get("transaction_details")
            order_id = str(details.get("order_id", "")) if isinstance(details, dict) else ""

            def perform(_: Fault | None) -> Json:
                return snap.create(book, body, charges.addresses(request.headers), base)

            return Call("snap", order_id, body, perform, good=201, room=SNAP)
        case ("POST", "v1", "transactions", token, "cancel" | "expire" as what):
            return Call("snap", token, {}, lambda _: snap.end(book, token, what), room=SNAP)
        case ("GET", "v3", "users", user, "gopay"):
            return Call("snap", user, {}, lambda _: snap_users.describe(book, user), room=SNAP)
        case ("DELETE", "v3", "users", user, "gopay"):
            return Call("snap", user, {}, lambda _: snap_users.forget(book, user), room=SNAP)
    return None


_SWITCHES = {
    "disable": subscriptions.disable,
    "enable": subscriptions.enable,
    "cancel": subscriptions.cancel,
}


def _subscription(book: Book, request: Request) -> Call | None:
    """Schedules of the gateway's own. A creation is checked first, then its key is looked at."""
    op, room = "subscription", SUBSCRIPTIONS
    match (request.method, *request.segments[2:]):
        case ("POST",):
            body = read_body(room, request)
            asked = subscription_requests.read(book, body)
            return Call(
                op,
                asked.name,
                body,
                lambda _: subscriptions.create(book, asked),
                remembered=SUBSCRIPTION_MEMORY,
                room=room,
            )
        case ("GET", ident):

            def ask(_: Fault | None) -> Json:
                return subscriptions.describe(subscriptions.find(book, ident))

            return Call(op, ident, {}, ask, room=room)
        case ("PATCH", ident):
            body = read_body(room, request)
            return Call(
                op, ident, body, lambda _: subscriptions.change(book, ident, body), room=room
            )
        case ("POST", ident, "disable" | "enable" | "cancel" as what):
            switch = _SWITCHES[what]
            return Call(op, ident, {}, lambda _: switch(book, ident), room=room)
    return None


def _no(fault: Fault | None) -> str:
    """The code with which bank or provider says no, or ''."""
    return fault.code if fault is not None and fault.kind == "decline" else ""


def _charge(base: str, book: Book, request: Request) -> Call:
    body = request.json()
    details = body.get("transaction_details")
    order_id = str(details.get("order_id", "")) if isinstance(details, dict) else ""

    def perform(fault: Fault | None) -> Json:
        return charges.charge(book, body, request.headers, base, _no(fault))

    return Call("charge", order_id, body, perform)


def _refund(book: Book, ident: str, body: Json, *, direct: bool) -> Call:
    def perform(fault: Fault | None) -> Json:
        return refunds.refund(book, ident, body, direct=direct, denied=bool(_no(fault)))

    return Call("refund", ident, body, perform)


def _pay_account(base: str, book: Book, request: Request) -> Call | None:
    """GoPay linking; these addresses never honour an Idempotency-Key."""
    locale = request.headers.get("x-payment-locale", "")
    match (request.method, *request.segments[1:]):
        case ("POST", "pay", "account"):
            body = request.json()
            return Call(
                "link",
                "",
                body,
                lambda _: gopay_accounts.create(book, body, base, locale),
                keyed=False,
            )
        case ("GET", "pay", "account", ident):

            def ask(_: Fault | None) -> Json:
                account = gopay_accounts.known(book, ident)
                return gopay_accounts.describe(book, account, base, locale)

            return Call("account", ident, {}, ask)
        case ("POST", "pay", "account", ident, "unbind"):
            return Call(
                "unbind",
                ident,
                {},
                lambda fault: gopay_accounts.unbind(book, ident, _no(fault)),
                keyed=False,
            )
        case ("GET", "gopay", "promo", ident):
            query = request.query()
            return Call("account", ident, {}, lambda _: _promotions(book, ident, query))
    return None


def _promotions(book: Book, ident: str, query: dict[str, str]) -> Json:
    return gopay_accounts.promotions(book, ident, query)
