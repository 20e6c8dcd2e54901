"""The Core API's routes: who asks, which operation, which fault is played, what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from simulator import answers, charges, derive, operations, refunds, tokens
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.chaos import Fault
from simulator.model import Json
from simulator.transactions import IllegalMoveError
from simulator.wire import NullBodyError, Reply, Request, json_reply
from simulator.world import World

_CORS = [(b"access-control-allow-origin", b"*")]
_PREFLIGHT = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
]
_HTML_502 = b"<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
_STUMBLE = {"message": "An unexpected error occurred"}


@dataclass(frozen=True)
class Call:
    """One understood request: operation, the id in its path, what to do."""

    op: str
    ident: str
    body: Json
    perform: Callable[[Fault | None], Json]


async def handle(world: World, request: Request) -> Reply:
    """Everything under /v2 and /v1."""
    segments, method = request.segments, request.method
    if segments in (("v2", "token"), ("v2", "card", "register")):
        return await _browser_call(world, request)
    book = world.by_basic.get(request.headers.get("authorization", ""))
    if book is None:
        return _refuse(None, RefusalError("401", answers.UNKNOWN_KEY), "/".join(segments))
    try:
        call = _understand(world, book, request)
    except NullBodyError:
        return json_reply(500, _STUMBLE)
    except RefusalError as refusal:
        return _refuse(book, refusal, "/".join(segments))
    if call is None:
        return json_reply(404, {"status_code": "404", "status_message": "Resource not found"})
    key = request.headers.get("idempotency-key", "") if method == "POST" else ""
    if key and book.memory.usable(key, call.body):
        return await _once(book, call, key)
    return await _play(book, call, "")


async def _once(book: Book, call: Call, key: str) -> Reply:
    """With an idempotency key: replay a success, tell a twin to wait."""
    known = book.memory.recall(key)
    if known is not None:
        return json_reply(known.http, known.body)
    if book.memory.is_running(key):
        body = {"status_code": "202", "status_message": answers.IN_PROGRESS}
        return json_reply(202, {**body, "id": derive.uuid_of(book.account.seed, key, "twin")})
    book.memory.begin(key)
    try:
        return await _play(book, call, key)
    finally:
        book.memory.give_up(key)


def _understand(world: World, book: Book, request: Request) -> Call | None:
    """Which operation this is. None when there is no such address."""
    match (request.method, *request.segments):
        case ("POST", "v2", "charge"):
            body = request.json()
            return Call("charge", _order_of(body), body, _charger(world, book, body, request))
        case ("POST", "v2", "capture"):
            body = request.json()
            ident = str(body.get("transaction_id", ""))
            return Call("capture", ident, body, lambda _: operations.capture(book, body))
        case ("GET", "v2", ident, "status"):
            return Call("status", ident, {}, lambda _: operations.status(book, ident))
        case ("GET", "v2", ident, "status", "b2b"):
            return Call("status", ident, {}, lambda _: operations.status_b2b(book, ident))
        case ("POST", "v2", ident, "cancel" | "expire" | "approve" | "deny" as op):
            operation = _SIMPLE[op]
            return Call(op, ident, {}, lambda _: operation(book, ident))
        case ("POST", "v2", ident, "refund"):
            return _refund_call(book, ident, request.json(), direct=False)
        case ("POST", "v2", ident, "refund", "online", "direct"):
            return _refund_call(book, ident, request.json(), direct=True)
    return None


_SIMPLE = {
    "cancel": operations.cancel,
    "expire": operations.expire,
    "approve": operations.approve,
    "deny": operations.deny,
}


def _order_of(body: Json) -> str:
    details = body.get("transaction_details")
    return str(details.get("order_id", "")) if isinstance(details, dict) else ""


def _charger(
    world: World, book: Book, body: Json, request: Request
) -> Callable[[Fault | None], Json]:
    def perform(fault: Fault | None) -> Json:
        declined = fault is not None and fault.kind == "decline"
        code = fault.code if fault is not None and declined else ""
        return charges.charge(book, body, request.headers, world.base_url, code)

    return perform


def _refund_call(book: Book, ident: str, body: Json, *, direct: bool) -> Call:
    def perform(fault: Fault | None) -> Json:
        denied = fault is not None and fault.kind == "decline"
        return refunds.refund(book, ident, body, direct=direct, denied=denied)

    return Call("refund", ident, body, perform)


# --- playing a call, with or without a fault ----------------------------------------------------


async def _play(book: Book, call: Call, key: str) -> Reply:
    """Do it, and let the fault that was ordered for it happen before or after."""
    tx = book.find(call.ident) if call.op != "charge" else None
    fault = book.chaos.pick(call.op, tx.order_id if tx else call.ident)
    if fault is None:
        return _perform(book, call, None, key)
    early = await _before(fault, call)
    if early is not None:
        return early
    return _after(fault, _perform(book, call, fault, key))


def _perform(book: Book, call: Call, fault: Fault | None, key: str) -> Reply:
    try:
        body = call.perform(fault)
    except RefusalError as refusal:
        return _refuse(book, refusal, call.op, call.ident)
    except IllegalMoveError:
        return _refuse(book, answers.cannot_change(), call.op, call.ident)
    book.memory.end(key, 200, body)
    if fault is not None and fault.kind == "wrong_amount":
        true = int(str(body.get("gross_amount", "0.00")).split(".", 1)[0])
        wrong = fault.amount if fault.amount is not None else true + 1000
        body = {**body, "gross_amount": f"{wrong}.00"}
    return json_reply(200, body)


async def _before(fault: Fault, call: Call) -> Reply | None:
    """An answer (or silence) instead of the effect; None to go on."""
    code, http = fault.body_code(), fault.http_before()
    if fault.kind == "404_on_status":
        code = "404"
    if fault.kind == "slow":
        await asyncio.sleep(fault.wait())
        return None
    if code is not None:
        text = answers.NOT_FOUND if code == "404" else "Refused on request of the control API"
        return json_reply(200, RefusalError(code, text).body(derive.uuid_of("fault", call.ident)))
    if http is not None:
        return _broken(http)
    match fault.kind:
        case "timeout_before":
            return Reply(0, hold=fault.wait(), cut=True)
        case "drop_before":
            return Reply(0, cut=True)
        case "html_502":
            return Reply(502, _HTML_502, "text/html")
        case "json_list":
            return json_reply(200, ["this is not what you expect"])
        case "not_json":
            return Reply(200, b"OK")
        case "empty":
            return Reply(200, b"")
    return None


def _after(fault: Fault, reply: Reply) -> Reply:
    """The effect is in the book; now spoil the answer."""
    http = fault.http_after()
    if http is not None:
        return _broken(http)
    match fault.kind:
        case "timeout_after":
            return Reply(0, hold=fault.wait(), cut=True)
        case "drop_after":
            return Reply(0, cut=True)
        case "html_502_after":
            return Reply(502, _HTML_502, "text/html")
        case "slow_after":
            reply.hold = fault.wait()
    return reply


def _broken(http: int) -> Reply:
    text = "Too many requests" if http == 429 else "Internal server error on request"
    body = {"status_code": str(http), "status_message": text}
    return json_reply(http, {**body, "id": derive.uuid_of("fault", http)})


def _refuse(book: Book | None, refusal: RefusalError, *about: str) -> Reply:
    seed = book.account.seed if book else "nobody"
    real = book.account.switches.errors_as_http if book else False
    body = refusal.body(derive.uuid_of(seed, refusal.code, *about))
    return json_reply(refusal.http(errors_as_http=real), body)


# --- calls from the payer's browser, by client key ----------------------------------------------


async def _browser_call(world: World, request: Request) -> Reply:
    if request.method == "OPTIONS":
        return Reply(204, headers=list(_PREFLIGHT))
    query = request.query()
    book = world.by_client.get(query.get("client_key", ""))
    if book is None:
        reply = _refuse(None, RefusalError("401", answers.UNKNOWN_KEY), "token")
    elif request.segments[-1] == "token":
        desk = book
        call = Call("token", "", {}, lambda _: tokens.create_token(desk, query))
        reply = await _play(book, call, "")
    else:
        desk = book
        call = Call("register", "", {}, lambda _: tokens.register_card(desk, query))
        reply = await _play(book, call, "")
    reply.headers += _CORS
    return reply
