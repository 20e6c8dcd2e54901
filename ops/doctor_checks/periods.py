"""Periods: none missing, none twice, each as the calendar gives it from the anchor.

Thousands of subscriptions have the same life, so each life is judged once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from core.calendars import Anchor, Interval, next_boundary
from ops.doctor_checks.check import (
    Broken,
    Check,
    Found,
    Moment,
    found,
    name_of,
    slugs,
    stream,
)

_TOGETHER = 1000
_NAMED = 100
_LIVES = """
    WITH taken_off AS (
        -- What changes took off older lines: where it is all of an invoice, its days are the
        -- change's, and free again once that was given back.
        SELECT x.merchant_id, x.invoice_id, x.amount, (SELECT sum(l.amount) FROM invoice_lines l
            WHERE l.merchant_id = x.merchant_id AND l.invoice_id = x.invoice_id AND l.amount > 0
            ) AS positive
        FROM (
            SELECT l.merchant_id, l.invoice_id, -sum(c.amount) AS amount
            FROM invoice_lines c
            JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
                AND i.status <> 'void'
            JOIN invoice_lines l ON l.merchant_id = c.merchant_id AND l.id = c.credits_line_id
            WHERE c.credits_line_id IS NOT NULL
            GROUP BY l.merchant_id, l.invoice_id
        ) x
    ), given_back AS (
        -- To what was due and to the balance: an invoice that a balance paid goes back there.
        SELECT merchant_id, invoice_id, sum(total_amount) AS amount
        FROM credit_notes GROUP BY merchant_id, invoice_id
    ), again AS (
        -- What a change that nobody paid had taken off an older invoice, billed again.
        SELECT DISTINCT i.merchant_id, i.id
        FROM credit_notes n
        JOIN invoices o ON o.merchant_id = n.merchant_id AND o.id = n.invoice_id
        JOIN subscription_changes h ON h.merchant_id = n.merchant_id AND h.id = n.source_id
        JOIN invoices v ON v.merchant_id = h.merchant_id AND v.id = h.invoice_id
            AND v.status = 'void'
        JOIN invoices i ON i.merchant_id = o.merchant_id AND i.subscription_id = o.subscription_id
            AND i.kind = 'period' AND i.id <> o.id AND v.closed_at <= i.issued_at
            AND i.period_end = o.period_end
            AND i.period_start = greatest(o.period_start, h.effective_on)
        WHERE n.source_kind = 'change'
    ), overtaken AS (
        -- Billed ahead for nothing: a change that moved the anchor had nothing to give back of it.
        SELECT DISTINCT i.merchant_id, i.id
        FROM subscription_changes h
        JOIN invoices i ON i.merchant_id = h.merchant_id AND i.subscription_id = h.subscription_id
            AND i.kind = 'period' AND i.total_amount = 0 AND i.issued_at <= h.created_at
            AND i.period_start >= h.effective_on
        WHERE h.state = 'applied' AND h.quote->>'new_anchor' IS NOT NULL
    ), told AS (
        SELECT i.merchant_id, i.subscription_id, json_agg(json_build_array(
            i.kind, i.period_start, i.period_end, i.status = 'void'
                OR coalesce(b.amount >= i.total_amount, false)
                OR coalesce(t.amount >= t.positive, false) OR f.id IS NOT NULL, a.id IS NOT NULL)
            -- One request may bill days that were late and then a change: numbers tell the order.
            ORDER BY i.issued_at, length(i.number), i.number) AS invoices
        FROM invoices i
        LEFT JOIN taken_off t ON t.merchant_id = i.merchant_id AND t.invoice_id = i.id
        LEFT JOIN given_back b ON b.merchant_id = i.merchant_id AND b.invoice_id = i.id
        LEFT JOIN again a ON a.merchant_id = i.merchant_id AND a.id = i.id
        LEFT JOIN overtaken f ON f.merchant_id = i.merchant_id AND f.id = i.id
        WHERE i.subscription_id IS NOT NULL AND i.kind IN ('period', 'change')
            AND i.status <> 'draft'
        GROUP BY i.merchant_id, i.subscription_id
    ), lives AS (
        SELECT s.merchant_id, s.id, json_build_array(
            coalesce(s.trial_end_on, s.started_on), s.billed_through, s.anchor_on, s.anchor_day,
            s.interval_unit, s.interval_count, coalesce(i.invoices, '[]'))::text AS life
        FROM subscriptions s LEFT JOIN told i
            ON i.merchant_id = s.merchant_id AND i.subscription_id = s.id
    )
    SELECT life, merchant_id, array_agg(id) AS ids FROM lives GROUP BY life, merchant_id
"""
# The days on which subscriptions were served again after their debt was paid or after a pause, and
# those up to which a pause left them billed, or on which a trial was to end that was moved; days
# they were to end on, and from which or up to which one that begun in the past was billed at first.
_RESUMED = text(
    "SELECT subject_id, CAST(coalesce(payload->>'served_from', payload->>'billed_through', "
    "payload->>'was', payload->>'ends_on') AS date) AS day, "
    "type = 'subscription.cancel_scheduled' AS ends FROM events "
    "WHERE merchant_id = :merchant AND subject_id = ANY (:ids) AND "
    "(type IN ('subscription.recovered', 'subscription.resumed') AND payload ? 'served_from' "
    "OR type = 'subscription.created' AND payload ?| array['served_from', 'billed_through'] "
    "OR type IN ('subscription.paused', 'subscription.trial_moved', "
    "'subscription.cancel_scheduled'))"
)
_NUMBERS = text(
    "SELECT number FROM invoices WHERE merchant_id = :merchant AND subscription_id = :id "
    "AND kind IN ('period', 'change') AND status <> 'draft' "
    "ORDER BY issued_at, length(number), number"
)


class _Said(NamedTuple):
    """Days that events name: service began on some, and was to end on others."""

    begins: set[date]
    ends: set[date]


class _Period(NamedTuple):
    """An invoice of a life: what it is for, whether it was taken back whole, billed again."""

    kind: str
    start: date
    end: date
    undone: bool
    again: bool


@dataclass(frozen=True, slots=True)
class _Life:
    """All that a subscription's periods depend on; its invoices in their order."""

    first_on: date
    billed_through: date
    anchor: Anchor
    interval: Interval
    periods: tuple[_Period, ...]

    @classmethod
    def read(cls, said: str) -> _Life:
        first, through, anchor_on, day, unit, count, periods = json.loads(said)
        on = date.fromisoformat
        return cls(
            on(first),
            on(through),
            Anchor(on(anchor_on), day),
            Interval(unit, count),
            tuple(_Period(kind, on(start), on(end), *how) for kind, start, end, *how in periods),
        )


@dataclass(slots=True)
class _Chain:
    """How far a subscription is invoiced, as its invoices are read in order.

    A plan change may move the anchor: from then on the next period may begin where the change's
    own period ends, as well as where the last one did. An invoice that was taken back whole may
    be followed by another for the same days. Where nobody was served until a debt was paid, or
    while it was paused, the next period begins with the day service did (``resumed``).
    """

    ends: set[date]
    resumed: set[date]
    moved: bool = False

    def follow(self, row: _Period) -> str | None:
        """Add an invoice; says what is wrong with where it begins."""
        if row.kind == "change":
            if row.end not in self.ends:
                self.moved = True
                self.ends = {*self.ends, row.end}
            return None
        if row.again and row.start not in self.ends:
            return None  # its days were invoiced before, and those after them since
        if row.start not in self.ends | self.resumed:
            ends = ", ".join(str(end) for end in sorted(self.ends))
            self.ends = {row.end}
            return f"begins {row.start}, invoiced up to {ends}"
        self.ends = {*self.ends, row.end} if row.undone else {row.end}
        return None


def _faults(life: _Life, said: _Said, numbers: Sequence[str] = ()) -> Iterator[str]:
    chain = _Chain({life.first_on}, said.begins)
    for place, row in enumerate(life.periods):
        number = numbers[place] if place < len(numbers) else f"invoice {place + 1}"
        fault = chain.follow(row)
        if fault:
            yield f"{number} {fault}"
        # Periods from before a moved anchor hang on one that is no longer stored.
        # So does one taken back whole: a change to another interval took its days.
        if row.kind == "period" and not row.undone and row.start >= life.anchor.on:
            ends = next_boundary(life.anchor, life.interval, row.start)
            if ends != row.end and row.end not in said.ends and not chain.moved and not row.again:
                yield f"{number} ends {row.end}, the calendar says {ends}"
    if life.billed_through not in chain.ends | said.begins and not chain.moved:
        listed = ", ".join(str(end) for end in sorted(chain.ends))
        yield f"billed through {life.billed_through}, invoiced up to {listed}"


def _missing(session: Session, _: Moment) -> Found:
    doubtful = [
        (life, merchant_id, list(ids))
        for said, merchant_id, ids in stream(session, _LIVES)
        if any(_faults(life := _Life.read(said), _Said(set(), set())))
    ]
    return found(_broken(session, doubtful))


def _broken(session: Session, doubtful: list[tuple[_Life, UUID, list[UUID]]]) -> Iterator[Broken]:
    names, told = slugs(session), 0
    for life, merchant_id, ids in doubtful:
        for subscription_id, said in _said(session, merchant_id, ids):
            if not any(_faults(life, said)):
                continue
            told += 1
            numbers: Sequence[str] = ()
            if told <= _NAMED:  # the rest is counted, and told without numbers
                values = {"merchant": merchant_id, "id": subscription_id}
                numbers = session.execute(_NUMBERS, values).scalars().all()
            what = name_of("subscription", subscription_id, None)
            why = "; ".join(_faults(life, said, numbers))
            yield Broken(names.get(merchant_id, "-"), what, why)


def _said(session: Session, merchant_id: UUID, ids: list[UUID]) -> Iterator[tuple[UUID, _Said]]:
    for start in range(0, len(ids), _TOGETHER):
        listed = ids[start : start + _TOGETHER]
        days: dict[UUID, _Said] = defaultdict(lambda: _Said(set(), set()))
        values: dict[str, Any] = {"merchant": merchant_id, "ids": listed}
        for row in session.execute(_RESUMED, values):
            (days[row.subject_id].ends if row.ends else days[row.subject_id].begins).add(row.day)
        yield from ((one, days[one]) for one in listed)


CHECKS = (
    Check(
        "no-period-missing",
        "The invoices of a subscription follow one another without a hole or an overlap, up to "
        "where it says it is billed.",
        _missing,
    ),
)
