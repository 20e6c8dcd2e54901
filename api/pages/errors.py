"""Errors as pages: a sentence and what to do next, never a stack trace or a bare code."""

from __future__ import annotations

import logging
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import OperationalError

from api.pages.portal_words import MESSAGES
from api.pages.staff.session import SignInNeeded
from api.pages.web import page, see_other
from core.errors import (
    Conflict,
    EngineError,
    Forbidden,
    InvalidRequest,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)

_LOG = logging.getLogger("tagihan.pages")

_STATUSES: tuple[tuple[type[EngineError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Unauthenticated, 404),
    (Conflict, 409),
    (InvalidRequest, 400),
    (Unavailable, 503),
)


def message(key: str, status: int) -> Response[str]:
    """One message in both languages."""
    indonesian, english = MESSAGES.get(key, MESSAGES["not_found"])
    return page("message.html", {"indonesian": indonesian, "english": english}, status=status)


def on_engine_error(_request: Request[Any, Any, Any], error: EngineError) -> Response[str]:
    """A deliberate refusal."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)
    if error.code == "link_expired":
        return message("link_expired", 410)
    if error.code == "invalid_id":
        return message("not_found", 404)
    if isinstance(error, Unavailable):
        return message("unavailable", 503)
    if isinstance(error, TooMany):
        answer = message("too_many_tries", 429)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    return message(error.code if error.code in MESSAGES else "not_found", status)


def on_http_error(_request: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
    """What the framework refused: no such page, a form it could not read."""
    if error.status_code >= 500:
        return message("unavailable", error.status_code)
    return message("not_found", error.status_code)


def on_sign_in_needed(_request: Request[Any, Any, Any], error: SignInNeeded) -> Response[Any]:
    """Nobody is signed in: on to the form."""
    return see_other(f"/staff/{error.slug}/sign-in")


def on_database_error(_request: Request[Any, Any, Any], _error: OperationalError) -> Response[str]:
    """The database can not be reached."""
    return message("unavailable", 503)


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """A mistake of ours: logged in full, told in general."""
    _LOG.error("page failed", extra={"path": _safe_path(request)}, exc_info=error)
    return message("unavailable", 500)


def _safe_path(request: Request[Any, Any, Any]) -> str:
    """The path without what is secret in it: whoever holds a link may open it."""
    parts = request.url.path.split("/")
    return "/i/…" if parts[1:2] == ["i"] else request.url.path


HANDLERS: dict[int | type[Exception], Any] = {
    EngineError: on_engine_error,
    SignInNeeded: on_sign_in_needed,
    HTTPException: on_http_error,
    OperationalError: on_database_error,
    Exception: on_any_error,
}
