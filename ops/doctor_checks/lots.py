"""Balances by their lots: every rupiah came in one, is used of it once, and in time."""

from __future__ import annotations

from datetime import timedelta

from ops.doctor_checks.check import Check, by_sql

_NOW = "coalesce((SELECT k.at FROM clocks k WHERE k.merchant_id = l.merchant_id), :real_now)"

CHECKS: tuple[Check, ...] = (
    by_sql(
        "lots-make-the-balance",
        "What raised a balance is the sum of its lots, what lowered it the sum of what it took of "
        "lots of that customer.",
        """
        SELECT e.merchant_id, 'balance entry' AS kind, e.id, e.kind AS label,
            format('%s, lots %s, uses %s', e.amount, coalesce(l.total, 0), coalesce(u.total, 0))
                AS why
        FROM balance_entries e
        LEFT JOIN (SELECT merchant_id, entry_id, customer_id, sum(amount) AS total
            FROM balance_lots GROUP BY merchant_id, entry_id, customer_id
        ) l ON l.merchant_id = e.merchant_id AND l.entry_id = e.id
            AND l.customer_id = e.customer_id
        LEFT JOIN (SELECT s.merchant_id, s.entry_id, o.customer_id, sum(s.amount) AS total
            FROM balance_uses s JOIN balance_lots o
                ON o.merchant_id = s.merchant_id AND o.id = s.lot_id
            GROUP BY s.merchant_id, s.entry_id, o.customer_id
        ) u ON u.merchant_id = e.merchant_id AND u.entry_id = e.id
            AND u.customer_id = e.customer_id
        WHERE e.amount <> coalesce(l.total, 0) - coalesce(u.total, 0)
        """,
    ),
    by_sql(
        "lots-not-negative",
        "No more is used of a lot than came in it.",
        """
        SELECT l.merchant_id, 'lot' AS kind, l.id, l.kind AS label,
            format('came %s, used %s', l.amount, sum(u.amount)) AS why
        FROM balance_lots l JOIN balance_uses u
            ON u.merchant_id = l.merchant_id AND u.lot_id = l.id
        GROUP BY l.merchant_id, l.id, l.kind, l.amount HAVING sum(u.amount) > l.amount
        """,
    ),
    by_sql(
        "credit-is-never-money",
        "Credit that was given is in the books as that, and nothing of it was paid out.",
        """
        SELECT merchant_id, 'customer' AS kind, customer_id AS id, NULL::text AS label,
            format('credit left %s, books %s', sum(held), sum(booked)) AS why
        FROM (
            SELECT merchant_id, customer_id, amount AS held, 0 AS booked
            FROM balance_lots WHERE kind = 'promotional'
            UNION ALL
            SELECT l.merchant_id, l.customer_id, -u.amount, 0
            FROM balance_uses u JOIN balance_lots l
                ON l.merchant_id = u.merchant_id AND l.id = u.lot_id AND l.kind = 'promotional'
            UNION ALL
            SELECT merchant_id, customer_id, 0, -amount FROM postings
                WHERE account = 'promotional_credit'
        ) x GROUP BY merchant_id, customer_id HAVING sum(held) <> sum(booked)
        UNION ALL
        SELECT u.merchant_id, 'lot', l.id, l.kind, format('%s of it went out by %s', u.amount,
            e.kind)
        FROM balance_uses u
        JOIN balance_entries e ON e.merchant_id = u.merchant_id AND e.id = u.entry_id
            AND e.kind IN ('refunded', 'reversed')
        JOIN balance_lots l ON l.merchant_id = u.merchant_id AND l.id = u.lot_id
            AND l.kind = 'promotional'
        """,
    ),
    by_sql(
        "lots-end-in-time",
        "Nothing is paid with a lot that has ended, and what is left of one is booked as expired "
        "within a day.",
        f"""
        SELECT l.merchant_id, 'lot' AS kind, l.id, l.kind AS label,
            format('ended %s, used %s', l.expires_at, e.at) AS why
        FROM balance_uses u
        JOIN balance_entries e ON e.merchant_id = u.merchant_id AND e.id = u.entry_id
        JOIN balance_lots l ON l.merchant_id = u.merchant_id AND l.id = u.lot_id
        WHERE (e.kind = 'expired') IS DISTINCT FROM (e.at >= l.expires_at)
            AND (l.expires_at IS NOT NULL OR e.kind = 'expired')
        UNION ALL
        SELECT l.merchant_id, 'lot', l.id, l.kind, format('ended %s, not booked', l.expires_at)
        FROM balance_lots l
        WHERE l.expires_at < {_NOW} - CAST(:day AS interval) AND l.amount > coalesce((
            SELECT sum(u.amount) FROM balance_uses u
            WHERE u.merchant_id = l.merchant_id AND u.lot_id = l.id), 0)
        """,  # noqa: S608
        day=timedelta(days=1),
    ),
    by_sql(
        "top-ups-reach-the-balance",
        "What is paid of a top-up is on the balance, once; what is not paid waits in the books.",
        """
        SELECT a.merchant_id, 'payment' AS kind, a.payment_id AS id, i.number AS label,
            format('paid %s of a top-up, on the balance %s', a.amount, coalesce(e.amount, 0))
                AS why
        FROM allocations a
        JOIN invoices i ON i.merchant_id = a.merchant_id AND i.id = a.invoice_id
            AND i.kind = 'top_up'
        LEFT JOIN balance_entries e ON e.merchant_id = a.merchant_id AND e.kind = 'topped_up'
            AND e.source_kind = 'payment' AND e.source_id = a.payment_id
            AND e.customer_id = i.customer_id
        WHERE a.kind = 'balance' OR (a.kind = 'payment' AND a.amount <> coalesce(e.amount, 0))
        UNION ALL
        SELECT merchant_id, 'customer', customer_id, NULL, format('top-ups wait for %s, books %s',
            sum(due), sum(booked))
        FROM (
            SELECT merchant_id, customer_id, due_amount AS due, 0 AS booked
            FROM invoices WHERE status = 'open' AND kind = 'top_up'
            UNION ALL
            SELECT merchant_id, customer_id, 0, -amount FROM postings
                WHERE account = 'top_up_asked'
        ) x GROUP BY merchant_id, customer_id HAVING sum(due) <> sum(booked)
        """,
    ),
)
