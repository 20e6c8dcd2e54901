"""Meters: which events one counts, and what it takes from each.

    count          how many events
    sum            the values of a field added up; values below zero take off
    max            the largest value
    last           the value of the event that happened last, of equal ones the one received last
    unique         how many different values
    weighted_sum   each value is a change of a level (+3 seats, -1 seat); billed is the level's mean
                   over the period, so that a seat of half a month is half a seat

A filter names a property and the values it may have; an event must pass all of them. Values are
exact: whole numbers, or text such as ``"0.5"``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from core.errors import InvalidRequest

Aggregation = Literal["count", "sum", "max", "last", "unique", "weighted_sum"]
Late = Literal["next_invoice", "refuse"]
Scalar = str | int | bool
Properties = Mapping[str, Scalar]

CODE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
VALUE: Final = re.compile(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,9})?")
"""Thirteen digits before the point and nine after it: more than anybody meters."""
UNIQUE_MAX: Final = 200
FILTERS_MAX: Final = 10
CHOICES_MAX: Final = 100
LATE_DAYS_MAX: Final = 366
LATE_DAYS: Final = 35


class UnusableValueError(ValueError):
    """An event that a meter counts has no value it can take."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A property of the event and the values it may have."""

    property: str
    choices: tuple[Scalar, ...]

    def passes(self, properties: Properties) -> bool:
        """Whether the event has one of the values; a missing property has none.

        ``1`` and ``true`` are different values, as they are in JSON.
        """
        found = properties.get(self.property)
        return any(found == one and type(found) is type(one) for one in self.choices)

    def to_json(self) -> dict[str, Any]:
        """Write it for a row or an answer."""
        return {"property": self.property, "in": list(self.choices)}


@dataclass(frozen=True, slots=True)
class Meter:
    """One immutable version of a meter.

    ``late`` says what becomes of events of a period that is billed: on the next invoice, or
    refused; those older than ``late_days`` are always refused.
    """

    code: str
    version: int
    event_name: str
    aggregation: Aggregation
    field: str | None = None
    filters: tuple[Filter, ...] = ()
    late: Late = "next_invoice"
    late_days: int = LATE_DAYS

    def counts(self, name: str, properties: Properties) -> bool:
        """Whether an event is one of its own."""
        return name == self.event_name and all(one.passes(properties) for one in self.filters)

    def value_of(self, properties: Properties) -> str:
        """Give what it takes from an event it counts: a number as text, of unique ones any text.

        Raises:
            UnusableValueError: the field is missing or no exact number.
        """
        if self.field is None:
            return "1"
        found = properties.get(self.field)
        if found is None:
            raise UnusableValueError(f"{self.field!r} is missing")
        if self.aggregation == "unique":
            return _unique_text(self.field, found)
        text = str(found)
        if isinstance(found, bool) or VALUE.fullmatch(text) is None:
            raise UnusableValueError(
                f"{self.field!r} is no exact number: a whole one, or text such as '0.5'"
            )
        return text


def new_meter(
    *,
    code: str,
    version: int,
    event_name: str,
    aggregation: str,
    field: str | None = None,
    filters: Sequence[Mapping[str, Any]] = (),
    late: str = "next_invoice",
    late_days: int = LATE_DAYS,
) -> Meter:
    """Check the terms of a new version and give it.

    Raises:
        InvalidRequest: ``invalid_meter``, naming the field that is wrong.
    """
    if CODE.fullmatch(code) is None:
        raise _wrong("A code is 1 to 64 of a-z, 0-9, '_' and '-'.", "code")
    if NAME.fullmatch(event_name) is None:
        raise _wrong("A name is 1 to 100 letters, digits, '.', '_', ':', '/', '-'.", "event_name")
    if aggregation not in get_args(Aggregation):
        raise _wrong(f"There is no aggregation {aggregation!r}.", "aggregation")
    if (aggregation == "count") != (field is None):
        raise _wrong("Every aggregation but count takes its values from a field.", "field")
    if field is not None and NAME.fullmatch(field) is None:
        raise _wrong("A field is named by 1 to 100 letters, digits, '.', '_', '-'.", "field")
    if late not in get_args(Late):
        raise _wrong("Late events come on the next invoice or are refused.", "late")
    if not 1 <= late_days <= LATE_DAYS_MAX:
        raise _wrong(f"late_days is 1 to {LATE_DAYS_MAX}.", "late_days")
    if len(filters) > FILTERS_MAX:
        raise _wrong(f"A meter has at most {FILTERS_MAX} filters.", "filters")
    return Meter(
        code=code,
        version=version,
        event_name=event_name,
        aggregation=cast(Aggregation, aggregation),
        field=field,
        filters=tuple(_filter(one, f"filters[{index}]") for index, one in enumerate(filters)),
        late=cast(Late, late),
        late_days=late_days,
    )


def read_filters(stored: Sequence[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """Read filters as they are kept."""
    return tuple(Filter(one["property"], tuple(one["in"])) for one in stored)


def _filter(given: Mapping[str, Any], place: str) -> Filter:
    name, choices = given.get("property"), given.get("in")
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise _wrong("A filter names a property.", f"{place}.property")
    if not isinstance(choices, Sequence) or isinstance(choices, str):
        raise _wrong("A filter lists the values that pass.", f"{place}.in")
    if not 1 <= len(choices) <= CHOICES_MAX:
        raise _wrong(f"A filter lists 1 to {CHOICES_MAX} values.", f"{place}.in")
    for one in choices:
        if not isinstance(one, str | int) or len(str(one)) > UNIQUE_MAX:
            raise _wrong("A value is a text, a whole number, true or false.", f"{place}.in")
    return Filter(name, tuple(choices))


def _unique_text(field: str, found: Scalar) -> str:
    text = str(found).lower() if isinstance(found, bool) else str(found)
    if not 1 <= len(text) <= UNIQUE_MAX:
        raise UnusableValueError(f"{field!r} has 1 to {UNIQUE_MAX} characters")
    return text


def _wrong(message: str, field: str) -> InvalidRequest:
    return InvalidRequest("invalid_meter", message, field=field)
