"""The Core API's routes: who asks, which operation, which fault is played, what is answered."""

from __future__ import annotations

import asyncio
import base64

from simulator import answers, bins, derive, tokens
from simulator.answers import BINS, RefusalError, Room
from simulator.book import Book
from simulator.calls import Call
from simulator.chaos import Fault
from simulator.core_routes import methods_of, understand
from simulator.model import Json
from simulator.notifications import signature
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


async def handle(world: World, request: Request) -> Reply:
    """Everything under /v2, /v1 and /snap/v1."""
    segments = request.segments
    if segments in (("v2", "token"), ("v2", "card", "register")):
        return await _browser_call(world, request)
    if segments[:2] == ("v1", "bins") and len(segments) == 3:
        return await _bin(world, request)
    room, about = answers.room_of(segments), "/".join(segments)
    basic = request.headers.get("authorization", "")
    book = world.by_basic.get(basic) or world.books.get(_user_of(basic))
    if book is None:
        return _refuse(room, None, RefusalError("401", answers.UNKNOWN_KEY), about)
    try:
        _check_size(book, request)
        if room is answers.CORE:
            _check_accept(request.headers.get("accept", ""))
        call = understand(world.base_url, book, request)
    except NullBodyError:
        return json_reply(500, _STUMBLE)
    except RefusalError as refusal:
        return _refuse(room, book, refusal, about)
    if call is None:
        return _no_such_address(room, request)
    return _slowed(book, await _answer(book, call, request))


def _slowed(book: Book, reply: Reply) -> Reply:
    """The same, after the latency that is set."""
    latency = book.account.latency
    if latency is not None:
        reply.hold += book.chaos.delay(latency)
    return reply


async def _answer(book: Book, call: Call, request: Request) -> Reply:
    """With an idempotency key, or without."""
    method = request.method
    key = request.headers.get(call.key_header, "") if method == "POST" and call.keyed else ""
    if key and book.memory.usable(key, call.body):
        return await _once(book, call, key)
    return await _play(book, call, "")


def _check_size(book: Book, request: Request) -> None:
    limit = book.account.switches.max_request_bytes
    if limit and len(request.body) > limit:
        raise RefusalError("413", "The request is too large")


def _check_accept(wanted: str) -> None:
    """Code 403 of the table is about the content type that is asked for, not about rights."""
    if wanted and not any(kind in wanted.lower() for kind in ("json", "*/*", "application/*")):
        raise RefusalError("403", "The requested content type cannot be served")


def _no_such_address(room: Room, request: Request) -> Reply:
    """405 where another method would do, else 404."""
    known = bool(methods_of(request.segments))
    code, words = ("405", "Method not allowed") if known else ("404", "Resource not found")
    if room is not answers.CORE:
        return json_reply(int(code), room.say(RefusalError(code, words), ""))
    return json_reply(int(code), {"status_code": code, "status_message": words})


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
    return _after(fault, call, _perform(book, call, fault, key))


def _perform(book: Book, call: Call, fault: Fault | None, key: str) -> Reply:
    try:
        body = call.perform(fault)
    except RefusalError as refusal:
        return _refuse(call.room, book, refusal, call.op, call.ident)
    except IllegalMoveError:
        return _refuse(call.room, book, answers.cannot_change(), call.op, call.ident)
    book.memory.end(key, call.good, body, call.remembered)
    if fault is not None and fault.kind == "wrong_amount":
        body = _with_wrong_amount(book, body, fault)
    return json_reply(call.good, body)


def _with_wrong_amount(book: Book, body: Json, fault: Fault) -> Json:
    """The gateway is wrong about the amount and signs what it says: nobody can call it forged."""
    true = int(str(body.get("gross_amount", "0.00")).split(".", 1)[0])
    wrong = f"{fault.amount if fault.amount is not None else true + 1000}.00"
    told = {**body, "gross_amount": wrong}
    if "signature_key" in body:
        key = book.account.server_key
        told["signature_key"] = signature(body["order_id"], body["status_code"], wrong, key)
    return told


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
        refusal = RefusalError(code, text)
        http = int(code) if call.room.always_http and code >= "400" else 200
        return json_reply(http, call.room.say(refusal, derive.uuid_of("fault", call.ident)))
    if http is not None:
        return _broken(call, http, fault)
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


def _after(fault: Fault, call: Call, reply: Reply) -> Reply:
    """The effect is in the book; now spoil the answer."""
    http = fault.http_after()
    if http is not None:
        return _broken(call, http, fault)
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


def _broken(call: Call, http: int, fault: Fault) -> Reply:
    text = "Too many requests" if http == 429 else "Internal server error on request"
    refusal = RefusalError(str(http), text)
    reply = json_reply(http, call.room.say(refusal, derive.uuid_of("fault", http)))
    if fault.retry_after is not None:
        reply.headers.append((b"retry-after", str(fault.retry_after).encode()))
    return reply


def _refuse(room: Room, book: Book | None, refusal: RefusalError, *about: str) -> Reply:
    seed = book.account.seed if book else "nobody"
    real = book.account.switches.errors_as_http if book else False
    ident = derive.uuid_of(seed, refusal.code, *about)
    return json_reply(*room.refuse(refusal, ident, errors_as_http=real))


# --- BINs, by either key --------------------------------------------------------------------------


async def _bin(world: World, request: Request) -> Reply:
    """Errors have shapes of their own here, and real HTTP codes."""
    basic = request.headers.get("authorization", "")
    user = _user_of(basic)
    book = world.books.get(user) or world.by_client.get(user)
    if book is None:
        return Reply(401, b"Unauthorized", "text/plain")
    if request.method != "GET":
        return _no_such_address(answers.CORE, request)
    digits, desk = request.segments[2], book
    call = Call("bin", digits, {}, lambda _: bins.answer(desk.bins, desk.now(), digits), room=BINS)
    return _slowed(book, await _play(book, call, ""))


def _user_of(basic: str) -> str:
    """The user name of a Basic header without a password, or ''."""
    scheme, _, told = basic.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(told.strip(), validate=True).decode()
    except ValueError:
        return ""
    user, colon, password = text.partition(":")
    return user if colon and not password else ""


# --- calls from the payer's browser, by client key ----------------------------------------------


async def _browser_call(world: World, request: Request) -> Reply:
    if request.method == "OPTIONS":
        return Reply(204, headers=list(_PREFLIGHT))
    if request.method not in ("GET", "HEAD"):
        return _no_such_address(answers.CORE, request)
    query = request.query()
    book = world.by_client.get(query.get("client_key", ""))
    if book is None:
        reply = _refuse(answers.CORE, None, RefusalError("401", answers.UNKNOWN_KEY), "token")
    elif request.segments[-1] == "token":
        desk = book
        call = Call("token", "", {}, lambda _: tokens.create_token(desk, query))
        reply = _slowed(book, await _play(book, call, ""))
    else:
        desk = book
        call = Call("register", "", {}, lambda _: tokens.register_card(desk, query))
        reply = _slowed(book, await _play(book, call, ""))
    reply.headers += _CORS
    return reply
