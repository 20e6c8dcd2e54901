"""Types that the shapes of many resources share, with their words for the documentation."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from api.strict import normal
from core import ids
from core.errors import InvalidRequest, NotFound

AMOUNT_MAX: Final = 999_999_999_999
_METADATA_KEYS_MAX: Final = 50

# Answers.
Rupiah = Annotated[
    int,
    Meta(description="Whole rupiah: 99000 is Rp99.000.", extra_json_schema={"examples": [99000]}),
]
Instant = Annotated[datetime, Meta(description="An instant, ISO 8601 in UTC.")]
Day = Annotated[date, Meta(description="A civil date, YYYY-MM-DD.")]
Metadata = Annotated[
    dict[str, Any], Meta(description="Yours: up to 50 keys; never read by Tagihan.")
]

# Requests.
AmountIn = Annotated[
    int,
    Meta(
        ge=1,
        le=AMOUNT_MAX,
        description="Whole rupiah, an integer: 99000 is Rp99.000. Strings and numbers with a point "
        "are refused.",
        extra_json_schema={"examples": [99000]},
    ),
]
PriceIn = Annotated[
    int,
    Meta(
        ge=0,
        le=AMOUNT_MAX,
        description="Whole rupiah, an integer: 99000 is Rp99.000; 0 is free.",
        extra_json_schema={"examples": [99000]},
    ),
]
ExternalId = Annotated[
    str, Meta(min_length=1, max_length=255, description="Your own id; unique among its kind.")
]
MetadataIn = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=40)], Annotated[str, Meta(max_length=500)]],
    Meta(max_length=_METADATA_KEYS_MAX, description="Yours: up to 50 texts by key."),
]
Id = Annotated[str, Meta(max_length=40, description="A public id.")]
Short = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[str, Meta(min_length=1, max_length=500)]


class In(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A request's body: fields that are not named here are refused."""


class Out(msgspec.Struct, kw_only=True):
    """An answer's body: every field is always there."""


def path_id(kind: str, text: str) -> UUID:
    """Read the id in an address; what is no id of that kind does not exist.

    Raises:
        NotFound: ``<kind>_not_found``.
    """
    try:
        return ids.parse(kind, text)
    except InvalidRequest:
        raise NotFound(f"{kind}_not_found", f"there is no such {kind.replace('_', ' ')}") from None


def body_id(kind: str, text: str | None, field: str) -> UUID | None:
    """Read an id in a body or a query; None stays None.

    Raises:
        InvalidRequest: ``invalid_id``.
    """
    return None if text is None else ids.parse(kind, text, field=field)


def public(kind: str, value: UUID | None) -> str | None:
    """Write an id that may be missing."""
    return None if value is None else ids.public(kind, value)


def given(data: msgspec.Struct) -> dict[str, Any]:
    """The fields that a PATCH sent, texts in their composed form."""
    return {
        name: normal(value) if isinstance(value, str) else value
        for name in data.__struct_fields__
        if (value := getattr(data, name)) is not msgspec.UNSET
    }
