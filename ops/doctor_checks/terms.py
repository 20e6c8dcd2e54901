"""Periods: none missing, none twice, each as the calendar gives it from the anchor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from billing.records import Subscription
from billing.renewals import next_at
from billing.tables import subscriptions
from core.calendars import Anchor, Interval, next_boundary
from ops.doctor_checks.check import Broken, Check, Found, Moment, by_sql, found, name_of, slugs

_BATCH = 2000
# Both kinds that carry a subscription through time, in the order they were issued.
_PERIODS = text(
    """
    WITH taken_off AS (
        -- What changes took off older lines: where it is all of an invoice, its days are the
        -- change's, and free again once that was given back.
        SELECT l.merchant_id, l.invoice_id, -sum(c.amount) AS amount
        FROM invoice_lines c
        JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
            AND i.status <> 'void'
        JOIN invoice_lines l ON l.merchant_id = c.merchant_id AND l.id = c.credits_line_id
        GROUP BY l.merchant_id, l.invoice_id
    ), given_back AS (
        -- To what was due and to the balance: an invoice that a balance paid goes back there.
        SELECT merchant_id, invoice_id, sum(total_amount) AS amount
        FROM credit_notes GROUP BY merchant_id, invoice_id
    )
    SELECT s.merchant_id, s.id, s.external_id, s.started_on, s.trial_end_on, s.billed_through,
        s.anchor_on, s.anchor_day, s.interval_unit, s.interval_count, s.status,
        i.kind, i.number, i.period_start, i.period_end,
        i.status = 'void' OR coalesce(b.amount >= i.total_amount, false)
            OR coalesce(t.amount >= (
                SELECT sum(l.amount) FROM invoice_lines l WHERE l.merchant_id = i.merchant_id
                AND l.invoice_id = i.id AND l.amount > 0), false) AS undone,
        -- What a change that nobody paid had taken off an older invoice, billed again.
        i.kind = 'period' AND EXISTS (
            SELECT 1 FROM credit_notes n
            JOIN invoices o ON o.merchant_id = n.merchant_id AND o.id = n.invoice_id
            JOIN subscription_changes h ON h.merchant_id = n.merchant_id AND h.id = n.source_id
            JOIN invoices v ON v.merchant_id = h.merchant_id AND v.id = h.invoice_id
            WHERE n.source_kind = 'change' AND n.merchant_id = i.merchant_id
            AND o.subscription_id = i.subscription_id AND o.id <> i.id AND v.status = 'void'
            AND v.closed_at <= i.issued_at AND i.period_end = o.period_end
            AND i.period_start = greatest(o.period_start, h.effective_on)) AS again
    FROM subscriptions s LEFT JOIN invoices i ON i.merchant_id = s.merchant_id
        AND i.subscription_id = s.id AND i.kind IN ('period', 'change') AND i.status <> 'draft'
    LEFT JOIN taken_off t ON t.merchant_id = i.merchant_id AND t.invoice_id = i.id
    LEFT JOIN given_back b ON b.merchant_id = i.merchant_id AND b.invoice_id = i.id
    -- One request may bill days that were late and then a change: numbers tell the order.
    ORDER BY s.merchant_id, s.id, i.issued_at, length(i.number), i.number
    """
)


@dataclass(slots=True)
class _Chain:
    """How far a subscription is invoiced, as its invoices are read in order.

    A plan change may move the anchor: from then on the next period may begin where the change's
    own period ends, as well as where the last one did. An invoice that was taken back whole may
    be followed by another for the same days. Where nobody was served until a debt was paid, the
    next period begins with the day service did (``resumed``).
    """

    ends: set[date]
    resumed: set[date]
    moved: bool = False

    def follow(self, row: Row[Any]) -> str | None:
        """Add an invoice; says what is wrong with where it begins."""
        if row.kind == "change":
            if row.period_end not in self.ends:
                self.moved = True
                self.ends = {*self.ends, row.period_end}
            return None
        if row.again and row.period_start not in self.ends:
            return None  # its days were invoiced before, and those after them since
        if row.period_start not in self.ends | self.resumed:
            ends = ", ".join(str(end) for end in sorted(self.ends))
            fault = f"{row.number} begins {row.period_start}, invoiced up to {ends}"
            self.ends = {row.period_end}
            return fault
        self.ends = {*self.ends, row.period_end} if row.undone else {row.period_end}
        return None


def _periods(session: Session, _: Moment) -> Found:
    def broken() -> Iterator[Broken]:
        names = slugs(session)
        rows = session.execute(_PERIODS.execution_options(yield_per=_BATCH))
        for (merchant_id, subscription_id), group in groupby(
            rows, key=lambda row: (row.merchant_id, row.id)
        ):
            listed = list(group)
            faults = list(_faults(listed, set()))
            if faults:
                faults = list(_faults(listed, _resumed(session, merchant_id, subscription_id)))
            for why in faults:
                what = name_of("subscription", subscription_id, listed[0].external_id)
                yield Broken(names.get(merchant_id, "-"), what, why)

    return found(broken())


def _resumed(session: Session, merchant_id: UUID, subscription_id: UUID) -> set[date]:
    """The days on which a subscription was served again after its debt was paid."""
    told = session.execute(
        text(
            "SELECT CAST(payload->>'served_from' AS date) FROM events WHERE merchant_id = :m "
            "AND subject_id = :s AND type = 'subscription.recovered' AND payload ? 'served_from'"
        ),
        {"m": merchant_id, "s": subscription_id},
    )
    return set(told.scalars())


def _faults(rows: list[Row[Any]], resumed: set[date]) -> Iterator[str]:
    first = rows[0]
    chain = _Chain({first.trial_end_on or first.started_on}, resumed)
    anchor = Anchor(first.anchor_on, first.anchor_day)
    interval = Interval(first.interval_unit, first.interval_count)
    for row in rows if first.kind is not None else ():
        fault = chain.follow(row)
        if fault:
            yield fault
        # Periods from before a moved anchor hang on one that is no longer stored.
        # So does one taken back whole: a change to another interval took its days.
        if row.kind == "period" and not row.undone and row.period_start >= first.anchor_on:
            ends = next_boundary(anchor, interval, row.period_start)
            if ends != row.period_end and not chain.moved and not row.again:
                yield f"{row.number} ends {row.period_end}, the calendar says {ends}"
    if first.billed_through not in chain.ends | resumed and not chain.moved:
        listed = ", ".join(str(end) for end in sorted(chain.ends))
        yield f"billed through {first.billed_through}, invoiced up to {listed}"


def _next_steps(session: Session, _: Moment) -> Found:
    """Compute every next step again from the agreement's own dates."""

    def broken() -> Iterator[Broken]:
        names = slugs(session)
        fields = [subscriptions.c[name] for name in Subscription.__slots__]
        rows = session.execute(
            select(subscriptions.c.merchant_id, *fields)
            .where(subscriptions.c.status != "canceled")
            .execution_options(yield_per=_BATCH)
        )
        known: dict[Any, Any] = {}
        for row in rows:
            subscription = Subscription(*row[1:])
            agreement = subscription.agreement
            # Many subscriptions share their dates, and a zone's rules are slow to ask.
            if agreement not in known:
                known[agreement] = next_at(agreement)
            if known[agreement] != subscription.next_at:
                what = name_of("subscription", subscription.id, subscription.external_id)
                why = f"next step {subscription.next_at}, its dates say {known[agreement]}"
                yield Broken(_slug(names, row.merchant_id), what, why)

    return found(broken())


def _slug(names: dict[UUID, str], merchant_id: UUID) -> str:
    return names.get(merchant_id, "-")


CHECKS = (
    Check(
        "no-period-missing",
        "The invoices of a subscription follow one another without a hole or an overlap, up to "
        "where it says it is billed.",
        _periods,
    ),
    by_sql(
        "one-invoice-a-period",
        "A subscription has at most one invoice for a period.",
        """
        SELECT merchant_id, 'subscription' AS kind, subscription_id AS id, NULL::text AS label,
            format('%s invoices of kind %s from %s', count(*), kind, period_start) AS why
        FROM invoices WHERE subscription_id IS NOT NULL
        GROUP BY merchant_id, subscription_id, kind, period_start, change_id HAVING count(*) > 1
        """,
    ),
    by_sql(
        "served-is-billed",
        "What a change took off an unpaid invoice is billed again when nobody paid the change.",
        """
        SELECT o.merchant_id, 'invoice' AS kind, o.id, o.number AS label,
            format('%s given back for %s, which is void, and served from %s on',
                n.to_invoice_amount, v.number, greatest(o.period_start, h.effective_on)) AS why
        FROM credit_notes n
        JOIN invoices o ON o.merchant_id = n.merchant_id AND o.id = n.invoice_id
        JOIN subscription_changes h ON h.merchant_id = n.merchant_id AND h.id = n.source_id
        JOIN invoices v ON v.merchant_id = h.merchant_id AND v.id = h.invoice_id
            AND v.status = 'void'
        JOIN subscriptions s ON s.merchant_id = o.merchant_id AND s.id = o.subscription_id
        WHERE n.source_kind = 'change' AND n.to_invoice_amount > 0 AND s.ended_on IS NULL
            AND (s.cancel_on IS NULL OR greatest(o.period_start, h.effective_on) < s.cancel_on)
            AND NOT EXISTS (
                SELECT 1 FROM invoices r WHERE r.merchant_id = o.merchant_id
                AND r.subscription_id = o.subscription_id AND r.issued_at >= v.closed_at
                AND r.id <> o.id AND r.kind = o.kind AND r.period_end <= o.period_end
                AND r.period_end > greatest(o.period_start, h.effective_on)
                AND NOT EXISTS (SELECT 1 FROM subscription_changes x
                    WHERE x.merchant_id = r.merchant_id AND x.invoice_id = r.id))
        """,
    ),
    Check(
        "next-step-computes",
        "Every subscription's next step is the one its own dates lead to.",
        _next_steps,
    ),
    by_sql(
        "one-item-in-force",
        "Every subscription that is not ended has exactly one first item in force.",
        """
        SELECT s.merchant_id, 'subscription' AS kind, s.id, s.external_id AS label,
            format('%s items in force', count(i.id)) AS why
        FROM subscriptions s LEFT JOIN subscription_items i ON i.merchant_id = s.merchant_id
            AND i.subscription_id = s.id AND i.ended_on IS NULL AND i.extra_id IS NULL
        WHERE s.status <> 'canceled'
        GROUP BY s.merchant_id, s.id, s.external_id HAVING count(i.id) <> 1
        """,
    ),
)
