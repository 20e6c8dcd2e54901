"""HTTP on the smallest ASGI footing: a request read whole, a reply, a line that can be cut."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
from msgspec import Struct, field

from simulator.answers import RefusalError
from simulator.model import Json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 1 << 20
DEEPEST = 100  # levels of a JSON body; far below what reading and writing it again can take
_CUT_SECONDS = 0.02  # the server must have seen the line go, or it complains that nothing was sent
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Request(Struct):
    """One request, body and all. Path segments are split first and unquoted then."""

    method: str
    segments: tuple[str, ...]
    query_string: str
    headers: dict[str, str]
    body: bytes

    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    def json(self) -> Json:
        """The body as an object. Raises the gateway's refusals for anything else."""
        try:
            value = _decode(self.body) if self.body else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusalError(
                "413", "The request cannot be processed: malformed syntax"
            ) from error
        if value is None:
            raise NullBodyError
        if _too_deep(self.body, value):
            raise RefusalError("413", "The request cannot be processed: nested too deeply")
        if not isinstance(value, dict):
            raise RefusalError("413", "The request cannot be processed: not a JSON object")
        return value

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


def _too_deep(body: bytes, value: object) -> bool:
    """More than DEEPEST levels? Most bodies have too few brackets to look at all."""
    if body.count(b"{") + body.count(b"[") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for one in level:
            if isinstance(one, (dict, list)):
                inner += one.values() if isinstance(one, dict) else one
        if not inner:
            return False
        level = inner
    return any(isinstance(one, (dict, list)) for one in level)


class NullBodyError(Exception):
    """A JSON null where an object belongs; the gateway itself stumbles over it."""


class Reply(Struct):
    """What goes back. `cut` closes the line unanswered; `hold` waits first (real seconds)."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    hold: float = 0.0
    cut: bool = False


def json_reply(status: int, body: object) -> Reply:
    """Any JSON value."""
    return Reply(status, _encode(body))


def html_reply(text: str, status: int = 200) -> Reply:
    return Reply(status, text.encode(), "text/html; charset=utf-8")


def redirect(location: str) -> Reply:
    """After a form: look at this page."""
    return Reply(303, headers=[(b"location", location.encode())])


async def read_request(scope: Scope, receive: Receive) -> Request | None:
    """The whole request, or None when the client left. Raises ValueError when it is too large."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise ValueError("too large")
        if not message.get("more_body", False):
            break
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.split(b"?", 1)[0].decode("latin-1")
    segments = tuple(unquote(part) for part in path.split("/") if part)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], segments, query, headers, body)


async def _hold(seconds: float, receive: Receive) -> bool:
    """Wait; false when the client hung up or the server is closing before the time was over."""
    gone = asyncio.ensure_future(receive())
    try:
        done, _ = await asyncio.wait({gone}, timeout=seconds)
    except asyncio.CancelledError:  # the server is closing and waits for nobody
        return False
    finally:
        gone.cancel()
    return not done


async def write_reply(reply: Reply, receive: Receive, send: Send) -> None:
    """Send it, after `hold` seconds; or cut the line."""
    if reply.hold and not await _hold(reply.hold, receive):
        reply.cut = True
    if reply.cut:
        _cut(send)
        await asyncio.sleep(_CUT_SECONDS)
        return
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


class LineCutError(Exception):
    """No transport to cut was found; the server answers 500 instead."""


def _cut(send: Send) -> None:
    # Uvicorn hands us a bound method of the object that owns the socket. ASGI itself has no way to
    # drop a connection, and a simulator has to.
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is None:
        raise LineCutError
    transport.abort()
