"""The wire between engine and gateway: it loses, delays, cuts and garbles, and keeps the truth."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ops.prove.rough.ledger import Call, Dice, Json, Ledger

_SLOW_SECONDS = (0.2, 2.0)
_LOST_TOO = 0.4
_LATE_NEWS_SECONDS = (0.5, 3.0)
_LATE_SECONDS = (3.5, 6.0)  # after the caller has given up, before the quarantine is over
_HTML = b"<html><body>502 Bad Gateway</body></html>"
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})


class Wire:
    """Two doors: the engine calls the gateway through one, the gateway tells us by the other."""

    def __init__(
        self, *, seed: str, gateway: int, api: int, port: int, news_port: int, file: Path
    ) -> None:
        self.dice, self.ledger = Dice(f"{seed}:wire"), Ledger(file)
        # Asked at every charge before it goes on: whether we have written that it is being sent.
        self.witness: Callable[[Call], None] = lambda _: None
        self._doors = [
            self._door(port, lambda *told: self._call(gateway, *told)),
            self._door(news_port, lambda *told: self._news(api, *told)),
        ]

    def close(self) -> None:
        """Nobody is let through any more."""
        for door in self._doors:
            door.shutdown()
            door.server_close()

    def _door(self, port: int, answer: Callable[..., None]) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                with contextlib.suppress(OSError):
                    answer(self, self.rfile.read(length))

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - their names

            def log_message(self, *_: Any) -> None:
                """The ledger is the log."""

        class Door(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                """A caller who hangs up, or was killed, is no news."""

        door = Door(("127.0.0.1", port), Handler)
        threading.Thread(
            target=door.serve_forever, args=(0.05,), daemon=True, name=f"wire-{port}"
        ).start()
        return door

    def _call(self, port: int, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        op, order_id, body = _read(handler.path, raw)
        if op is None:  # its clock, tokens, pages: no money
            _reply(handler, *_forward(port, handler, raw))
            return
        fault, dice = self.dice.draw(op)
        call = self.ledger.asked(op, order_id, body, handler.headers.get("Idempotency-Key"))
        call.fault = fault
        if fault:
            self.ledger.strike(op, fault)
        try:
            self._pass_on(port, handler, raw, call, dice)
        finally:
            self.ledger.write(call)

    def _pass_on(
        self, port: int, handler: BaseHTTPRequestHandler, raw: bytes, call: Call, dice: Any
    ) -> None:
        fault = call.fault or ""
        if fault == "lost_before":
            _hold(handler)
            return
        if fault == "reset_before":
            _reset(handler)
            return
        if fault == "502_before":
            _reply(handler, 502, [("Content-Type", "text/html")], _HTML)
            return
        if fault == "slow":
            time.sleep(dice.uniform(*_SLOW_SECONDS))
        if fault == "late":
            time.sleep(dice.uniform(*_LATE_SECONDS))
        if call.op == "charge":
            self.witness(call)
        status, headers, answer = _forward(port, handler, raw)
        self.ledger.answered(call, status, _json(answer))
        if fault == "lost_after":
            _hold(handler)
        elif fault in ("reset_after", "late"):
            _reset(handler)
        elif fault == "502_after":
            _reply(handler, 502, [("Content-Type", "text/html")], _HTML)
        elif fault == "garbled":
            _reply(handler, status, headers, answer[: len(answer) // 2])
        else:
            _reply(handler, status, headers, answer)
            call.was_told = True

    def _news(self, port: int, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        fault, dice = self.dice.draw("news")
        if self.dice.trouble and self.ledger.is_lost(str(_json(raw).get("order_id"))):
            # Where the line is bad both ways nobody hears of a charge until we ask.
            fault = "lost_too" if dice.random() < _LOST_TOO else fault
        if fault:
            self.ledger.strike("news", fault)
        if fault in ("lost", "lost_too"):  # the gateway believes that we have heard
            _reply(handler, 200, [], b"{}")
            return
        if fault == "refused":  # it tries again in two minutes of its own time
            _reply(handler, 503, [], b"{}")
            return
        if fault == "late_news":  # behind those that come after it, and lost where we are down
            _reply(handler, 200, [], b"{}")
            handler.wfile.flush()
            time.sleep(dice.uniform(*_LATE_NEWS_SECONDS))
            with contextlib.suppress(OSError, http.client.HTTPException):
                _forward(port, handler, raw)
            return
        if fault == "doubled":
            with contextlib.suppress(OSError, http.client.HTTPException):
                _forward(port, handler, raw)
        try:
            told = _forward(port, handler, raw)
        except (OSError, http.client.HTTPException):
            _reply(handler, 502, [], b"{}")
            return
        _reply(handler, *told)


def _read(path: str, raw: bytes) -> tuple[str | None, str, Json]:
    """Operation, order id and body of a call that may move money; None for all others."""
    parts = path.partition("?")[0].strip("/").split("/")
    if parts[0] != "v2" or len(parts) < 2:
        return None, "", {}
    body = _json(raw)
    if parts[1:] == ["charge"]:
        return "charge", str(body["transaction_details"]["order_id"]), body
    if parts[-1] == "direct" and parts[-2] == "refund":
        parts.pop()
    if len(parts) == 3 and parts[2] in ("status", "cancel", "expire", "refund"):
        return parts[2], parts[1], body
    return None, "", {}


def _json(raw: bytes) -> Json:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _forward(
    port: int, handler: BaseHTTPRequestHandler, raw: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in _HOP}
        line.request(handler.command, handler.path, raw or None, headers)
        answer = line.getresponse()
        content = answer.read()
        kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP]
        return answer.status, kept, content
    finally:
        line.close()


def _reply(
    handler: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], content: bytes
) -> None:
    handler.send_response_only(status)
    for name, value in headers:
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def _hold(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the caller has given up."""
    handler.connection.settimeout(30)
    with contextlib.suppress(OSError):
        handler.connection.recv(1)
    handler.close_connection = True


def _reset(handler: BaseHTTPRequestHandler) -> None:
    """Cut the line without a goodbye."""
    linger = struct.pack("ii", 1, 0)
    with contextlib.suppress(OSError):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.shutdown(socket.SHUT_RD)
    handler.close_connection = True
    handler.connection.close()
