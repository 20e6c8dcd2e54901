"""From the sums of days to a quantity, and the same from the events themselves.

What is billed is read from sums that were written with the events. ``measure_events`` adds up the
events instead, one after the other, and is what the sums are tested against.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from usage.meters import Aggregation, Meter, Properties

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Civil dates ``[start, end)`` and the instants they stand for."""

    start: date
    end: date
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Sums:
    """What a meter counted over some days, added up.

    ``moment`` is the sum of value × microseconds since 1970, ``before`` the total of all earlier
    days, ``different`` how many different values there were.
    """

    events: int = 0
    total: Fraction = Fraction(0)
    moment: Fraction = Fraction(0)
    before: Fraction = Fraction(0)
    top: Fraction | None = None
    last: Fraction | None = None
    different: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """How many events were counted, and what they come to; it may lie below zero."""

    events: int
    quantity: Fraction


def measured(aggregation: Aggregation, sums: Sums, span: Span) -> Measured:
    """Give the quantity of a span.

    A level of ``before`` that changed by ``v`` at ``t`` has a mean over ``[S, E)`` of
    ``before + Σ v × (E - t) / (E - S)``: with the sums of the days that needs no event.
    """
    match aggregation:
        case "count":
            quantity = Fraction(sums.events)
        case "sum":
            quantity = sums.total
        case "max":
            quantity = sums.top or Fraction(0)
        case "last":
            quantity = sums.last or Fraction(0)
        case "unique":
            quantity = Fraction(sums.different)
        case "weighted_sum":
            starts, ends = micros(span.begins), micros(span.ends)
            lasted = sums.total * ends - sums.moment
            quantity = sums.before + lasted / (ends - starts)
    return Measured(sums.events, quantity)


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it came; ``corrects`` names the key it takes the place of, or only voids."""

    key: str
    name: str
    at: datetime
    day: date
    properties: Properties
    corrects: str | None = None
    is_void: bool = False


def measure_events(meter: Meter, received: Iterable[Event], span: Span) -> Measured:
    """Measure a span from events in the order they were received, repetitions and all.

    The first of a key counts; one that was corrected does not, and nothing that only voids.
    """
    known: dict[str, Event] = {}
    for event in received:
        known.setdefault(event.key, event)
    gone = {event.corrects for event in known.values() if event.corrects is not None}
    events, quantity = 0, Fraction(0)
    top: Fraction | None = None
    last: tuple[datetime, Fraction] | None = None
    different: set[str] = set()
    for event in known.values():
        if event.is_void or event.key in gone or event.day >= span.end:
            continue
        if not meter.counts(event.name, event.properties):
            continue
        is_earlier = event.day < span.start
        text = meter.value_of(event.properties)
        if meter.aggregation == "weighted_sum":
            lasts = span.ends - (span.begins if is_earlier else event.at)
            quantity += Fraction(text) * Fraction(lasts // _MICROSECOND, _length(span))
        if is_earlier:
            continue
        events += 1
        if meter.aggregation == "unique":
            different.add(text)
            continue
        value = Fraction(text)
        if meter.aggregation in ("count", "sum"):
            quantity += value
        top = value if top is None else max(top, value)
        if last is None or event.at >= last[0]:
            last = (event.at, value)
    match meter.aggregation:
        case "max":
            quantity = top or Fraction(0)
        case "last":
            quantity = last[1] if last else Fraction(0)
        case "unique":
            quantity = Fraction(len(different))
    return Measured(events, quantity)


def micros(instant: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (instant - _EPOCH) // _MICROSECOND


def _length(span: Span) -> int:
    return micros(span.ends) - micros(span.begins)
