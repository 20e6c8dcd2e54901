"""How a route is declared: its scope, its words for the documentation, what it may refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import litestar
from litestar.datastructures import ResponseHeader
from litestar.openapi.datastructures import ResponseSpec

from api.errors import MEDIA_TYPE, Problem
from api.scopes import OPEN, Scope

F = TypeVar("F", bound=Callable[..., Any])

_WORDS = {
    400: "The request can not be read: malformed JSON, a key twice, no body.",
    401: "No key, or one that ended.",
    403: "The key lacks the scope of this route.",
    404: "There is no such thing for this merchant.",
    409: "The state of things does not allow it, or the Idempotency-Key is in use.",
    413: "The body is larger than 256 KiB.",
    415: "The body is not `application/json`.",
    422: "A value is wrong; `field` says where.",
    429: "Tried too often: again after `Retry-After` seconds.",
    503: "Not possible at the moment: try again after `Retry-After` seconds.",
}


def get(path: str, *, scope: Scope, summary: str, **options: Any) -> Callable[[F], Any]:
    """A read."""
    return litestar.get(
        path,
        scope=scope,
        summary=summary,
        sync_to_thread=True,
        responses=_problems(scope, 404, 422, 503),
        **options,
    )


def post(
    path: str, *, scope: Scope, summary: str, status: int = 201, **options: Any
) -> Callable[[F], Any]:
    """A write, or something that is asked for with a body."""
    return litestar.post(
        path,
        scope=scope,
        summary=summary,
        status_code=status,
        sync_to_thread=True,
        responses=_problems(scope, 400, 404, 409, 413, 415, 422, 429, 503),
        **options,
    )


def patch(path: str, *, scope: Scope, summary: str, **options: Any) -> Callable[[F], Any]:
    """A change of the fields that are sent; the others stay."""
    return litestar.patch(
        path,
        scope=scope,
        summary=summary,
        sync_to_thread=True,
        responses=_problems(scope, 400, 404, 409, 413, 415, 422, 429, 503),
        **options,
    )


def replayed_header() -> ResponseHeader:
    """The header that tells a repetition from the first answer."""
    return ResponseHeader(
        name="Idempotency-Replayed",
        description="`true` when this is the stored answer of an earlier request.",
        documentation_only=True,
    )


def _problems(scope: Scope, *statuses: int) -> dict[int, ResponseSpec]:
    known = statuses if scope in OPEN else (401, 403, *statuses)
    return {
        status: ResponseSpec(
            data_container=Problem,
            description=_WORDS[status],
            media_type=MEDIA_TYPE,
            generate_examples=False,
        )
        for status in sorted(known)
    }
