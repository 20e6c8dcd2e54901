"""What every answer carries: a request id, security headers, one summary line in the log."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any, Final

from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import Message, Scope

_LOG = logging.getLogger("tagihan.api")
_ID: Final = "tagihan_request"
_STARTED: Final = "tagihan_started"

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
# Only for our own name: what else the business has under it is not ours to decide.
_HTTPS_ONLY: Final = "max-age=31536000"


def request_id(scope: Scope) -> str:
    """The id of this request: in the answer's header, in problems, in the log."""
    state: dict[str, Any] = scope.setdefault("state", {})
    if _ID not in state:
        state[_ID] = secrets.token_hex(8)
    found: str = state[_ID]
    return found


def mark_start(scope: Scope) -> None:
    """Note when the request was routed, for the milliseconds in its summary line."""
    scope.setdefault("state", {})[_STARTED] = time.perf_counter()


async def before_send(message: Message, scope: Scope) -> None:
    """Add the headers that are not there yet, and write the summary line."""
    if message["type"] != "http.response.start" or scope["type"] != ScopeType.HTTP:
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _HEADERS.items():
        if name not in headers:
            headers[name] = value
    headers["Tagihan-Request-Id"] = request_id(scope)
    if scope["app"].state["engine"].settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = _HTTPS_ONLY
    state: dict[str, Any] = scope["state"]
    started = state.get(_STARTED)
    caller = state.get("caller")
    _LOG.info(
        "request",
        extra={
            "request": request_id(scope),
            "method": scope.get("method"),
            "route": scope.get("path_template") or "-",
            "status": message["status"],
            "milliseconds": round((time.perf_counter() - started) * 1000) if started else None,
            "caller": str(caller.actor) if caller is not None else None,
        },
    )
