"""Errors as problems (RFC 9457). The only file that knows both our errors and HTTP's statuses."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, ValidationException
from msgspec import Meta
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from api.frame import request_id
from api.problem_words import TITLES_ID, prefers_indonesian, words_of
from api.strict import BodyTypeError
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

_LOG = logging.getLogger("tagihan.api")

MEDIA_TYPE: Final = "application/problem+json"

_STATUSES: Final[tuple[tuple[type[EngineError], int], ...]] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Unauthenticated, 401),
    (Conflict, 409),
    (InvalidRequest, 422),
    (TooMany, 429),
    (Unavailable, 503),
)
# Where the body could not even be read, the request is malformed and not only wrong.
_MALFORMED: Final = frozenset({"malformed_json", "duplicate_key", "too_deep", "invalid_text"})
_TITLES: Final = {
    400: "The request can not be read",
    401: "Who is calling is not known",
    403: "The caller may not do this",
    404: "There is no such thing",
    405: "This address does not answer that method",
    409: "The state of things does not allow this",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Something in the request is wrong",
    429: "Too many requests",
    500: "Something broke on our side",
    503: "Not possible at the moment",
}
_FRAMEWORK_CODES: Final = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "route_not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}
_RETRY_SECONDS: Final = {
    "in_progress": 2,
    "database_busy": 2,
    "concurrent_change": 1,
    "reconciliation_busy": 5,
}
_SQLSTATE_BUSY: Final = frozenset({"55P03", "40001", "40P01"})
_SQLSTATE_DOWN: Final = ("08", "57P", "53")


class Problem(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A refusal: `code` is stable and for machines, `detail` is for people."""

    type: Annotated[str, Meta(description="A URI that names the kind of problem, made of `code`.")]
    title: Annotated[str, Meta(description="What kind of refusal this is, the same for a status.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    code: Annotated[str, Meta(description="Stable and for machines, such as `customer_not_found`.")]
    detail: Annotated[str, Meta(description="What is wrong in this case, for people.")]
    instance: Annotated[str, Meta(description="Names this one answer; logs carry the same id.")]
    field: Annotated[
        str | None, Meta(description="Path of the offending value, such as `items[0].quantity`.")
    ] = None
    values: Annotated[
        dict[str, Any] | None, Meta(description="Figures that belong to this code.")
    ] = None


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer any error as a problem; a bug is logged in full and told in general."""
    refused = _as_refusal(error)
    if refused is None:
        return _of_framework(request, error)
    status = _status(refused)
    headers = {}
    if status in (409, 503) and (status == 503 or refused.code in _RETRY_SECONDS):
        headers["Retry-After"] = str(_RETRY_SECONDS.get(refused.code, 5))
    if isinstance(refused, TooMany):
        headers["Retry-After"] = str(refused.seconds)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status >= 500:
        _LOG.warning(refused.code, extra={"request": request_id(request.scope)}, exc_info=error)
    return _answer(
        request, status, refused.code, refused.message,
        field=refused.field, values=_plain(refused.detail), headers=headers,
    )  # fmt: skip


def _status(error: EngineError) -> int:
    if error.code in _MALFORMED:
        return 400
    return next(status for kind, status in _STATUSES if isinstance(error, kind))


def _as_refusal(error: Exception) -> EngineError | None:
    if isinstance(error, EngineError):
        return error
    if isinstance(error, PoolTimeoutError):
        return Unavailable("database_busy", "the database is busy: try again")
    if isinstance(error, IntegrityError):
        # Two callers at once, and the constraint let one of them through.
        return Conflict("concurrent_change", "another request changed the same thing: try again")
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in _SQLSTATE_BUSY:
            return Unavailable("database_busy", "the database is busy: try again")
        down = isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
        if state.startswith(_SQLSTATE_DOWN) or (down and not state):
            return Unavailable("database_unavailable", "the database can not be reached")
    return None


def _of_framework(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    if isinstance(error, BodyTypeError):
        detail = "send the body as application/json in UTF-8"
        return _answer(request, 415, _FRAMEWORK_CODES[415], detail)
    if isinstance(error, ValidationException):
        return _of_validation(request, error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status >= 500:
        _LOG.error(
            "request failed",
            extra={"request": request_id(request.scope), "path": request.url.path},
            exc_info=error,
        )
        detail = "the error was recorded; give `instance` to whoever runs this installation"
        return _answer(request, 500, "internal_error", detail)
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, NotAuthorizedException):
        headers["WWW-Authenticate"] = "Bearer"
    code = _FRAMEWORK_CODES.get(status, "bad_request")
    return _answer(request, status, code, _TITLES.get(status, "refused"), headers=headers)


def _of_validation(
    request: Request[Any, Any, Any], error: ValidationException
) -> Response[Problem]:
    """What the framework refused of query, path and headers before a handler saw it."""
    told = error.extra[0] if isinstance(error.extra, list) and error.extra else {}
    # Parameters that would hide a word of Python end in an underscore in the code only.
    name = str(told.get("key") or "").rstrip("_")
    if name == "data":
        return _answer(request, 400, "missing_body", "this request needs a JSON body")
    words = str(told.get("message") or error.detail)
    field = name or None
    if "Missing required" in words:
        field = words.split("'")[1] if "'" in words else field
    return _answer(request, 422, "invalid_parameter", words.replace("`", ""), field=field)


def _answer(
    request: Request[Any, Any, Any],
    status: int,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    values: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[Problem]:
    title, detail, language = _in_language(request, status, code, detail)
    problem = Problem(
        type=f"urn:tagihan:problem:{code}",
        title=title,
        status=status,
        code=code,
        detail=detail,
        instance=f"urn:tagihan:request:{request_id(request.scope)}",
        field=field,
        values=values or None,
    )
    told = {**(headers or {}), "Content-Language": language, "Vary": "Accept-Language"}
    return Response(problem, status_code=status, media_type=MEDIA_TYPE, headers=told)


def _in_language(
    request: Request[Any, Any, Any], status: int, code: str, detail: str
) -> tuple[str, str, str]:
    """Title and detail for people: Indonesian for who asks for it; figures stay in ``values``."""
    words = words_of(code)
    if words is None or not prefers_indonesian(request.headers.get("accept-language", "")):
        return _TITLES.get(status, _TITLES[400]), detail, "en"
    return TITLES_ID.get(status, TITLES_ID[400]), words[1], "id"


def _plain(detail: dict[str, object]) -> dict[str, Any]:
    """Figures for machines; anything else that an error carries stays inside."""
    return {
        name: value for name, value in detail.items() if isinstance(value, int | str | bool | None)
    }
