"""What was agreed: one invoice a period, one item in force, the next step its dates lead to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.records import Subscription
from billing.renewals import next_at
from billing.tables import subscriptions
from ops.doctor_checks.check import Broken, Check, Found, Moment, by_sql, found, name_of, slugs

_BATCH = 2000


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
            -- A pause took both back: nothing is served from the day on which it begins.
            AND NOT EXISTS (SELECT 1 FROM subscription_changes p
                WHERE p.merchant_id = s.merchant_id AND p.subscription_id = s.id
                AND p.kind = 'pause' AND p.quote->>'policy' LIKE 'give_back/%'
                AND p.created_at = v.closed_at
                AND p.effective_on <= greatest(o.period_start, h.effective_on))
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
        "paused-is-not-billed",
        "Nothing is asked for time in which a subscription is paused.",
        """
        SELECT s.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('%s due for a period from %s, paused from %s', i.due_amount, i.period_start,
                s.pause_on) AS why
        FROM subscriptions s JOIN invoices i ON i.merchant_id = s.merchant_id
            AND i.subscription_id = s.id AND i.kind = 'period'
        WHERE s.status = 'paused' AND i.status = 'open' AND i.period_start > s.pause_on
            -- What was used before it stays owed, whatever it was billed beside.
            AND NOT EXISTS (SELECT 1 FROM invoice_lines l WHERE l.merchant_id = i.merchant_id
                AND l.invoice_id = i.id AND l.kind = 'usage')
        """,
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
