"""Work that waits: messages, notifications, reminders, and rows whose time has long come."""

from __future__ import annotations

from datetime import timedelta

from ops.doctor_checks.check import by_sql

_DAY = timedelta(hours=24)
# Business time of a row's merchant: a test clock where there is one.
_NOW = "coalesce((SELECT c.at FROM clocks c WHERE c.merchant_id = t.merchant_id), :real_now)"


CHECKS = (
    by_sql(
        "nobody-forgotten",
        "Every subscription that is served, or paused until a date, has a next step, and its time "
        "is not a day past.",
        f"""
        SELECT t.merchant_id, 'subscription' AS kind, t.id, t.external_id AS label,
            format('%s, next step %s', t.status, coalesce(t.next_at::text, 'never')) AS why
        FROM subscriptions t
        WHERE (t.status IN ('trialing', 'incomplete', 'active', 'past_due')
                OR t.status = 'paused' AND coalesce(t.resume_on, t.cancel_on) IS NOT NULL)
            AND (t.next_at IS NULL OR t.next_at < {_NOW} - CAST(:day AS interval))
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "charges-are-announced",
        "No announcement of a charge waits more than a day beyond its time.",
        f"""
        SELECT t.merchant_id, 'subscription' AS kind, t.id, t.external_id AS label,
            format('was due to be announced %s', t.notice_at) AS why
        FROM subscriptions t
        WHERE t.notice_at < {_NOW} - CAST(:day AS interval)
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "collecting-goes-on",
        "No invoice waits more than a day beyond the time it was to be collected.",
        f"""
        SELECT t.merchant_id, 'invoice' AS kind, t.id, t.number AS label,
            format('was due to be collected %s', t.collect_at) AS why
        FROM invoices t
        WHERE t.collect_at < {_NOW} - CAST(:day AS interval)
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "unpaid-is-watched",
        "An unpaid invoice of a served subscription has an order open, a case, a review or a day "
        "to be collected.",
        f"""
        SELECT t.merchant_id, 'invoice' AS kind, t.id, t.number AS label,
            format('%s due since %s and nobody asks for it', t.due_amount, t.due_on) AS why
        FROM invoices t JOIN subscriptions s
            ON s.merchant_id = t.merchant_id AND s.id = t.subscription_id
        WHERE t.status = 'open' AND t.kind = 'period' AND t.collect_at IS NULL
            AND s.status IN ('active', 'past_due')
            AND t.due_on < CAST({_NOW} - CAST(:day AS interval) AS date)
            AND NOT EXISTS (SELECT 1 FROM payment_orders o WHERE o.merchant_id = t.merchant_id
                AND o.invoice_id = t.id
                AND o.state IN ('created', 'sent', 'unknown', 'pending', 'review'))
            AND NOT EXISTS (SELECT 1 FROM dunning_cases d WHERE d.merchant_id = t.merchant_id
                AND d.invoice_id = t.id AND d.state = 'open')
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "case-has-next-step",
        "An open dunning case is about an open invoice and has exactly one next step, not a day "
        "past.",
        f"""
        SELECT t.merchant_id, 'case' AS kind, t.id, i.number AS label,
            format('invoice %s, next step %s', i.status, coalesce(t.next_at::text, 'never')) AS why
        FROM dunning_cases t
        JOIN invoices i ON i.merchant_id = t.merchant_id AND i.id = t.invoice_id
        WHERE t.state = 'open' AND (t.next_at IS NULL OR i.status <> 'open'
            OR t.next_at < {_NOW} - CAST(:day AS interval))
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "mail-goes-out",
        "No message was given up.",
        """
        SELECT merchant_id, 'message' AS kind, id, kind AS label,
            format('%s sends: %s', sends, coalesce(failure, 'no reason kept')) AS why
        FROM messages WHERE state = 'dead'
        """,
    ),
    by_sql(
        "notifications-are-read",
        "No notification of the gateway has waited for more than 24 hours.",
        f"""
        SELECT t.merchant_id, 'notification' AS kind, t.id, t.order_id AS label,
            format('since %s, %s tries', t.received_at, t.tries) AS why
        FROM notifications t
        WHERE t.state = 'new' AND t.received_at < {_NOW} - CAST(:day AS interval)
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "issued-is-told",
        "Every issued invoice and every payment has its event.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label, 'no event' AS why
        FROM invoices i WHERE i.status <> 'draft' AND NOT EXISTS (
            SELECT 1 FROM events e WHERE e.merchant_id = i.merchant_id AND e.subject_id = i.id
                AND e.type = 'invoice.issued')
        UNION ALL
        SELECT p.merchant_id, 'payment', p.id, p.order_id, 'no event'
        FROM payments p WHERE NOT EXISTS (
            SELECT 1 FROM events e WHERE e.merchant_id = p.merchant_id AND e.subject_id = p.id
                AND e.type = 'payment.captured')
        """,
    ),
    by_sql(
        "reviews-are-answered",
        "No matter for a person waits more than a day for an answer (GET /api/v1/reviews).",
        f"""
        SELECT t.merchant_id, 'review' AS kind, t.id, t.kind AS label,
            format('open since %s', t.opened_at) AS why
        FROM reviews t
        WHERE t.closed_at IS NULL AND t.opened_at < {_NOW} - CAST(:day AS interval)
        """,  # noqa: S608
        warning=True,
        day=_DAY,
    ),
)
