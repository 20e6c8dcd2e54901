"""Entries of a diary, and the folding of what one moment brought to one customer.

A renewal is an invoice, a charge, a payment, a paid invoice and a longer subscription: five facts
for the books, two sentences for a reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from ops import diary


@dataclass(frozen=True, slots=True)
class Entry:
    """One event with what a sentence needs of the customer, never stored in the event."""

    at: datetime
    type: str
    facts: dict[str, Any]
    who: str | None
    own_zone: str | None = None

    @property
    def number(self) -> str | None:
        """The invoice it is about, where it is about one."""
        return self.facts.get("number") or self.facts.get("invoice")

    def line(self, locale: str, zone: str) -> str:
        """The entry as a dated sentence."""
        told = diary.sentence(self.type, self.facts, who=self.who, locale=locale, zone=zone)
        return diary.dated(self.at, told, locale=locale, zone=zone, own_zone=self.own_zone)


def fold(entries: Iterable[Entry]) -> list[Entry]:
    """Join what belongs together at one instant of one customer; nothing else moves."""
    told: list[Entry] = []
    for _, group in groupby(entries, key=lambda one: (one.at, one.who)):
        told += _fold_one(list(group))
    return told


def _fold_one(group: list[Entry]) -> list[Entry]:
    """Within one instant of one customer: drop what another sentence says along."""
    found: list[Entry] = []
    for entry in group:
        about = [other for other in group if other is not entry and other.number == entry.number]
        if entry.number is not None and _is_said_by(entry, about):
            continue
        if entry.type == "subscription.renewed" and _types(group, "invoice.issued"):
            continue
        found.append(_with_more(entry, about, group))
    return found


def _is_said_by(entry: Entry, about: Sequence[Entry]) -> bool:
    match entry.type:
        case "invoice.paid":
            return bool(_types(about, "payment.captured"))
        case "dunning.opened" | "dunning.retry_scheduled":
            return bool(_types(about, "payment.declined"))
        case "instrument.offered":
            return bool(_types(about, "invoice.issued"))
        case "instrument.expired":
            return bool(_types(about, "invoice.voided", "invoice.paid", "instrument.offered"))
        case _:
            return False


def _with_more(entry: Entry, about: Sequence[Entry], group: Sequence[Entry]) -> Entry:
    more: dict[str, Any] = {}
    match entry.type:
        case "payment.captured":
            more = {"paid": True} if _types(about, "invoice.paid") else {}
        case "payment.declined":
            more = _facts(_types(about, "dunning.retry_scheduled"), "retry_at")
        case "instrument.offered":
            more = {"again": True} if _types(about, "instrument.expired") else {}
        case "invoice.issued":
            more = _facts(_types(about, "instrument.offered"), "bank", "channel")
            # The invoice's own period may be any; only a renewal at this moment is told with it.
            renewed = _facts(_types(group, "subscription.renewed"), "period_end")
            if renewed:
                more["renewed_until"] = renewed["period_end"]
        case _:
            return entry
    return replace(entry, facts={**entry.facts, **more}) if more else entry


def _types(entries: Sequence[Entry], *types: str) -> list[Entry]:
    return [one for one in entries if one.type in types]


def _facts(entries: Sequence[Entry], *names: str) -> dict[str, Any]:
    return {name: one.facts[name] for one in entries for name in names if one.facts.get(name)}
