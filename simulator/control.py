"""The control API under /_sim: accounts, clock, payments, cards, faults, messages, the book."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from simulator import cards, chaos, control_book, control_people, control_rooms, settlement_report
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.chaos import Fault, NewsRule
from simulator.clock import iso, parse_iso, within_calendar
from simulator.control_accounts import Handler, WrongError, add_account
from simulator.model import Json, Latency
from simulator.transactions import IllegalMoveError
from simulator.wire import NullBodyError, Reply, Request, json_reply
from simulator.world import World

Span = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


async def handle(world: World, request: Request) -> Reply:
    """One instruction. Errors are `{"error": sentence}` with a fitting HTTP status."""
    try:
        body: Json = dict(request.query()) if request.method == "GET" else request.json()
        route = (request.method, *request.segments[1:])
        if route == ("POST", "accounts"):
            return json_reply(200, add_account(world, body))
        if route == ("GET", "accounts"):
            accounts = [control_book.account(book) for book in world.books.values()]
            return json_reply(200, {"accounts": accounts})
        if route == ("GET", "health"):
            return json_reply(200, {"status": "ok", "accounts": len(world.books)})
        if route == ("GET",):
            return json_reply(200, {"instructions": _listed(world.base_url)})
        if route == ("GET", "settlement-report"):
            report = settlement_report.write(_book(world, request, body), body)
            return Reply(200, report.encode(), "text/csv; charset=utf-8")
        handler = _ROUTES.get(route)
        if handler is None:
            return json_reply(404, {"error": f"no such instruction: {' '.join(route)}"})
        book = _book(world, request, body)
        return json_reply(200, await handler(world, book, body))
    except WrongError as wrong:
        return json_reply(wrong.status, {"error": wrong.message})
    except IllegalMoveError as illegal:
        return json_reply(409, {"error": f"not possible now: {illegal}"})
    except (NullBodyError, RefusalError):
        return json_reply(400, {"error": "the body must be a JSON object"})
    except (ValueError, TypeError, OverflowError, msgspec.ValidationError) as error:
        return json_reply(400, {"error": str(error)})


def _listed(base: str) -> list[str]:
    """Every instruction there is, for who looks around."""
    further = (("GET", "accounts"), ("POST", "accounts"), ("GET", "health"),
               ("GET", "settlement-report"))  # fmt: skip
    routes = sorted((*_ROUTES, *further), key=lambda route: (route[1:], route[0]))
    return [f"{method} {base}/_sim/{'/'.join(rest)}" for method, *rest in routes]


def _book(world: World, request: Request, body: Json) -> Book:
    """The account that is meant: by header, by body, or the only one there is."""
    key = request.headers.get("x-sim-server-key") or body.get("server_key")
    if key is None and len(world.books) == 1:
        return next(iter(world.books.values()))
    book = world.books.get(str(key))
    if book is None:
        raise WrongError(
            404 if key else 400, "unknown server_key" if key else "server_key is required"
        )
    return book


# --- clock --------------------------------------------------------------------------------------


def _clock(world: World, book: Book) -> Json:
    return {
        "mode": book.account.clock_mode,
        "now": iso(book.now()),
        "next": iso(world.next_due(book)),
    }


async def _get_clock(world: World, book: Book, _body: Json) -> Json:
    return _clock(world, book)


_SPANS = ("seconds", "minutes", "hours", "days", "weeks")


def _goal(book: Book, body: Json) -> datetime | None:
    """The instant to go to: `to`, or so much later than now."""
    if body.get("to") is not None:
        return parse_iso(body["to"])
    spans = {name: msgspec.convert(body[name], Span) for name in _SPANS if name in body}
    return within_calendar(book.now() + timedelta(**spans)) if spans else None


async def _set_clock(world: World, book: Book, body: Json) -> Json:
    happened, mode = 0, body.get("mode")
    if mode is not None and mode not in ("real", "running", "fixed"):
        raise WrongError(400, "mode is real, fixed or running")
    moving = book.account.clock_mode != "fixed"
    to = _goal(book, body)
    try:
        if to is not None:
            happened = await world.advance(book, to)
            if mode is None and moving and body.get("to") is None:
                mode = "running"  # a clock that was sent forward by a span goes on from there
        if mode is not None:
            world.set_mode(book, str(mode))
    except ValueError as error:
        raise WrongError(409, str(error)) from error
    return {**_clock(world, book), "happened": happened}


async def _get_next(world: World, book: Book, _body: Json) -> Json:
    return {"next": iso(world.next_due(book)), "now": iso(book.now())}


async def _drain(world: World, book: Book, _body: Json) -> Json:
    await world.courier.drain(book)
    return {"drained": True}


# --- trouble ------------------------------------------------------------------------------------


async def _add_fault(_world: World, book: Book, body: Json) -> Json:
    told = {name: value for name, value in body.items() if name != "server_key"}
    told.setdefault("op", "any")
    fault = msgspec.convert({"fault_id": "", **told}, Fault)
    if fault.op not in chaos.OPS:
        raise WrongError(400, f"op is one of {', '.join(sorted(chaos.OPS))}")
    if not chaos.known_kind(fault.kind):
        raise WrongError(400, f"no such kind of fault: {fault.kind}")
    if fault.kind == "decline" and not cards.is_code(fault.code):
        raise WrongError(400, "code is an answer code such as 51")
    return control_book.fault(book.chaos.add(fault))


async def _get_faults(_world: World, book: Book, _body: Json) -> Json:
    return {"faults": [control_book.fault(fault) for fault in book.chaos.faults]}


async def _clear_faults(_world: World, book: Book, _body: Json) -> Json:
    return {"removed": book.chaos.clear()}


async def _news(_world: World, book: Book, body: Json) -> Json:
    action, order_id = body.get("action"), str(body.get("order_id", ""))
    if body.get("notice_id") is not None:
        return _one_notice(book, str(body["notice_id"]), action)
    if action == "resend":
        tx = control_people.transaction_of(book, body)
        times = msgspec.convert(body.get("times", 1), int)
        made = [notice for _ in range(min(times, 100)) for notice in book.notify(tx)]
        return {"notices": [notice.notice_id for notice in made]}
    if action not in ("lose_next", "delay", "alter", "duplicate", "reorder"):
        raise WrongError(400, "action is resend, lose_next, delay, alter, duplicate or reorder")
    told: Json = {name: body[name] for name in ("times", "probability") if name in body}
    told |= {"seconds": body.get("seconds", 60), "changes": body.get("set", {})}
    rule = msgspec.convert({"order_id": order_id, "action": action, **told}, NewsRule)
    book.chaos.news.append(rule)
    return {"waiting": len(book.chaos.news)}


def _one_notice(book: Book, ident: str, action: object) -> Json:
    """One message as it was made: send it again, or lose it while it waits."""
    notice = book.notices.get(ident)
    if notice is None:
        raise WrongError(404, "no such notice")
    if action == "resend":
        if notice.state == "queued":
            raise WrongError(409, "this notice is on its way")
        book.send(notice)
    elif action == "lose":
        if notice.state not in ("waiting", "held"):
            raise WrongError(409, "only a notice that waits can be lost")
        notice.state, notice.due_at = "lost", None
        book.save("notice", notice)
    else:
        raise WrongError(400, "action is resend or lose")
    return control_book.notice(notice)


async def _latency(_world: World, book: Book, body: Json) -> Json:
    """How long answers take from now on; without milliseconds none is added."""
    told = {name: value for name, value in body.items() if name != "server_key"}
    latency = msgspec.convert(told, Latency) if told.get("milliseconds") else None
    book.account.latency = latency
    book.save_account()
    return {"latency": msgspec.to_builtins(latency)}


# --- the book -----------------------------------------------------------------------------------


async def _get_book(_world: World, book: Book, body: Json) -> Json:
    return control_book.whole(book, body)


async def _get_summary(_world: World, book: Book, _body: Json) -> Json:
    return control_book.summary(book)


_ROUTES: dict[tuple[str, ...], Handler] = {
    **control_people.ROUTES,
    **control_rooms.ROUTES,
    ("GET", "clock"): _get_clock,
    ("POST", "clock"): _set_clock,
    ("GET", "next"): _get_next,
    ("POST", "drain"): _drain,
    ("GET", "faults"): _get_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "notifications"): _news,
    ("POST", "latency"): _latency,
    ("GET", "book"): _get_book,
    ("GET", "book", "summary"): _get_summary,
}
