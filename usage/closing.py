"""Which spans of a subscription's usage are still to be billed, and what a correction adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from core.calendars import Period
from usage.meters import Aggregation


@dataclass(frozen=True, slots=True)
class ServedItem:
    """An item while it was served: ``[start, end)``, without end while it is in force.

    ``id`` is that of its first version, ``versions`` are those of all.
    """

    id: UUID
    start: date
    end: date | None
    versions: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """Days ``[start, end)`` of an item whose usage no invoice holds yet."""

    item_id: UUID
    start: date
    end: date


def joined(versions: Iterable[ServedItem]) -> list[ServedItem]:
    """Make one of the versions of an item that follow each other without a gap, at one price.

    Another quantity begins another version and no other usage: tiers go on, and a peak is one.

    Args:
        versions: of one item and one price, by their start; one that ends as it begins is none.
    """
    found: list[ServedItem] = []
    for one in versions:
        if one.end is not None and one.end <= one.start:
            continue
        if found and found[-1].end == one.start:
            last = found.pop()
            found.append(ServedItem(last.id, last.start, one.end, (*last.versions, one.id)))
        else:
            found.append(ServedItem(one.id, one.start, one.end, (one.id,)))
    return found


def share_of(
    aggregation: Aggregation, span: OpenSpan, whole: Period, *, lasts_to: date
) -> tuple[int, int] | None:
    """Say which share of its price a span takes, in days of so many; None is all of it.

    Counts and sums are what happened: each is billed once. The other figures say what a whole
    period was like and are priced for one: where another price has the rest of the period, or it
    begins late or ends early, the price is shared by days as a base price is.

    Args:
        whole: the period that the span lies in.
        lasts_to: exclusive; how far its figure reaches, beyond the span while nothing cuts it.
    """
    if aggregation in ("count", "sum"):
        return None
    days = (lasts_to - span.start).days
    return None if days >= whole.days else (days, whole.days)


def open_spans(
    items: Iterable[ServedItem],
    closed: dict[UUID, date],
    *,
    paid_from: date,
    through: date,
) -> Sequence[OpenSpan]:
    """List what is to be billed up to ``through``, oldest first; each day of an item once.

    A change on a date ends one item and begins another, so each bills its own days by its own
    prices. Days of a trial, before ``paid_from``, are not billed.

    Args:
        items: of one subscription and one metered price.
        closed: up to which date each item was billed.
        paid_from: the first paid date.
        through: exclusive.
    """
    found = []
    for item in items:
        start = max(item.start, paid_from, closed.get(item.id, item.start))
        end = through if item.end is None else min(item.end, through)
        if start < end:
            found.append(OpenSpan(item.id, start, end))
    return sorted(found, key=lambda span: (span.start, str(span.item_id)))
