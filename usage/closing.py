"""Which spans of a subscription's usage are still to be billed, and what a correction adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ServedItem:
    """An item while it was served: ``[start, end)``, without end while it is in force."""

    id: UUID
    start: date
    end: date | None


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """Days ``[start, end)`` of an item whose usage no invoice holds yet."""

    item_id: UUID
    start: date
    end: date


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
