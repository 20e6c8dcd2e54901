"""Pages by cursor: newest first, stable while rows are added."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta

from core.errors import InvalidRequest

LIMIT_MAX: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Beyond them a zone's offset can leave the calendar.
_FIRST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2999, 12, 31, tzinfo=UTC)
_LENGTH: Final = 8 + 16
T = TypeVar("T")

Limit = Annotated[
    int, QueryParameter(ge=1, le=LIMIT_MAX, description="How many rows, 1 to 100; 20 by default.")
]
After = Annotated[
    str | None, QueryParameter(description="`next_after` of the page before.", max_length=64)
]
CreatedFrom = Annotated[
    datetime | None,
    QueryParameter(description="Only what was created at or after this instant, with its offset."),
]
CreatedBefore = Annotated[
    datetime | None, QueryParameter(description="Only what was created before this instant.")
]


StateFilter = Annotated[T | None, QueryParameter(name="state", description="Its state.")]


class Page(msgspec.Struct, Generic[T]):
    """One page of a list, newest first."""

    data: list[T]
    next_after: Annotated[
        str | None, Meta(description="Send it as `after` for the next page; null on the last.")
    ]


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list was asked for; ``after`` is the last row's (created_at, id)."""

    limit: int
    after: tuple[datetime, UUID] | None
    created_from: datetime | None
    created_before: datetime | None


def provide_window(
    limit: Limit = 20,
    after: After = None,
    created_from: CreatedFrom = None,
    created_before: CreatedBefore = None,
) -> Window:
    """Read the part of the query string that every list has."""
    for name, value in (("created_from", created_from), ("created_before", created_before)):
        if value is not None and value.tzinfo is None:
            raise InvalidRequest("invalid_parameter", "an instant needs its offset", field=name)
        if value is not None and not _FIRST <= value <= _LAST:
            raise InvalidRequest("invalid_parameter", "from year 1900 to year 2999", field=name)
    return Window(limit, read_cursor(after), created_from, created_before)


def page_of(rows: Sequence[Any], window: Window, shape: Callable[[Any], T]) -> Page[T]:
    """Shape rows that were read with a limit one above the window's."""
    shown = rows[: window.limit]
    more = len(rows) > window.limit
    last = write_cursor(shown[-1].created_at, shown[-1].id) if more else None
    return Page([shape(row) for row in shown], last)


def write_cursor(at: datetime, row_id: UUID) -> str:
    """A cursor of 32 characters for a row's place in the order of creation."""
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(microseconds.to_bytes(8, signed=True) + row_id.bytes).decode()


def read_cursor(text: str | None) -> tuple[datetime, UUID] | None:
    """Read what `write_cursor` made.

    Raises:
        InvalidRequest: ``invalid_cursor``.
    """
    if text is None:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        if len(raw) != _LENGTH:
            raise ValueError(len(raw))  # noqa: TRY301 - one way out for every wrong cursor
        at = _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], signed=True))
    except (binascii.Error, ValueError, OverflowError):
        raise InvalidRequest("invalid_cursor", "not a cursor of ours", field="after") from None
    return at, UUID(bytes=raw[8:])
