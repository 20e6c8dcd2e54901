"""The ledger: balanced by itself, and the same story as invoices, payments and balances."""

from __future__ import annotations

from ops.doctor_checks.check import by_sql

CHECKS = (
    by_sql(
        "journal-balances",
        "Every journal has postings, and they sum to zero in each currency.",
        """
        SELECT j.merchant_id, 'journal' AS kind, j.id, j.kind || ' ' || j.key AS label,
            format('off by %s', p.off) AS why
        FROM (
            SELECT merchant_id, journal_id, sum(amount) AS off
            FROM postings GROUP BY merchant_id, journal_id, currency HAVING sum(amount) <> 0
        ) p JOIN journals j ON j.merchant_id = p.merchant_id AND j.id = p.journal_id
        UNION ALL
        SELECT j.merchant_id, 'journal', j.id, j.kind || ' ' || j.key, 'no postings'
        FROM journals j WHERE NOT EXISTS (SELECT 1 FROM postings p
            WHERE p.merchant_id = j.merchant_id AND p.journal_id = j.id)
        """,
    ),
    by_sql(
        "journal-once",
        "A fact is in the books once: one journal for each kind and key.",
        """
        SELECT merchant_id, 'journal' AS kind, NULL::uuid AS id, kind || ' ' || key AS label,
            format('%s times', count(*)) AS why
        FROM journals GROUP BY merchant_id, kind, key HAVING count(*) > 1
        """,
    ),
    by_sql(
        "issued-is-booked",
        "Every issued invoice over an amount is in the books with its total.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('total %s, booked %s', i.total_amount, coalesce(b.amount, 0)) AS why
        FROM invoices i LEFT JOIN (
            SELECT j.merchant_id, j.subject_id, sum(p.amount) AS amount
            FROM journals j JOIN postings p
                ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.kind = 'invoice_issued' AND p.account = 'receivable'
            GROUP BY j.merchant_id, j.subject_id
        ) b ON b.merchant_id = i.merchant_id AND b.subject_id = i.id
        WHERE i.status <> 'draft' AND i.total_amount <> coalesce(b.amount, 0)
        """,
    ),
    by_sql(
        "captured-is-booked",
        "Every payment is in the books with its amount.",
        """
        SELECT y.merchant_id, 'payment' AS kind, y.id, y.order_id AS label,
            format('took %s, booked %s', y.amount, coalesce(b.amount, 0)) AS why
        FROM payments y LEFT JOIN (
            SELECT j.merchant_id, j.key, sum(p.amount) AS amount
            FROM journals j JOIN postings p
                ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.kind = 'payment_captured' AND p.account = 'gateway_clearing'
            GROUP BY j.merchant_id, j.key
        ) b ON b.merchant_id = y.merchant_id AND b.key = y.order_id
        WHERE y.amount <> coalesce(b.amount, 0)
        """,
    ),
    by_sql(
        "refunded-is-booked",
        "Every refund that succeeded is in the books with its amount, and no other is.",
        """
        SELECT r.merchant_id, 'refund' AS kind, r.id, r.refund_key AS label,
            format('%s refund of %s, booked %s', r.state, r.amount, coalesce(b.amount, 0)) AS why
        FROM refunds r LEFT JOIN (
            SELECT j.merchant_id, j.subject_id, j.key, sum(p.amount) AS amount
            FROM journals j JOIN postings p
                ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.kind = 'refund_paid' AND p.account = 'customer_credit'
            GROUP BY j.merchant_id, j.subject_id, j.key
        ) b ON b.merchant_id = r.merchant_id AND b.subject_id = r.id AND b.key = r.refund_key
        WHERE coalesce(b.amount, 0) <> CASE WHEN r.state = 'succeeded' THEN r.amount ELSE 0 END
        """,
    ),
    by_sql(
        "receivable-is-due",
        "What the books say a customer owes is what is due on the customer's open invoices.",
        """
        SELECT merchant_id, 'customer' AS kind, customer_id AS id, NULL::text AS label,
            format('due %s, books %s', sum(due), sum(booked)) AS why
        FROM (
            SELECT merchant_id, customer_id, due_amount AS due, 0 AS booked
            FROM invoices WHERE status = 'open'
            UNION ALL
            SELECT merchant_id, customer_id, 0, amount FROM postings WHERE account = 'receivable'
        ) x GROUP BY merchant_id, customer_id HAVING sum(due) <> sum(booked)
        """,
    ),
    by_sql(
        "balance-is-booked",
        "What the books say we hold for a customer is the balance and the refunds on their way.",
        """
        SELECT merchant_id, 'customer' AS kind, customer_id AS id, NULL::text AS label,
            format('held %s, books %s', sum(held), sum(booked)) AS why
        FROM (
            SELECT merchant_id, customer_id, amount AS held, 0 AS booked FROM balance_entries
            UNION ALL
            SELECT r.merchant_id, p.customer_id, r.amount, 0 FROM refunds r JOIN payments p
                ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
                WHERE r.state NOT IN ('succeeded', 'failed')
            UNION ALL
            SELECT merchant_id, customer_id, 0, -amount FROM postings
                WHERE account IN ('customer_credit', 'promotional_credit')
        ) x GROUP BY merchant_id, customer_id HAVING sum(held) <> sum(booked)
        """,
    ),
    by_sql(
        "waiting-tax",
        "PPN waits in the books exactly while its invoice is unpaid: all of it on an untouched "
        "invoice, nothing on one that is closed.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('%s, waited at issue %s, waits %s', i.status, coalesce(w.began, 0),
                coalesce(w.waits, 0)) AS why
        FROM invoices i LEFT JOIN (
            SELECT j.merchant_id, coalesce(c.invoice_id, j.subject_id) AS invoice_id,
                -sum(p.amount) AS waits,
                -sum(p.amount) FILTER (WHERE j.kind = 'invoice_issued') AS began
            FROM postings p
            JOIN journals j ON j.merchant_id = p.merchant_id AND j.id = p.journal_id
            LEFT JOIN credit_notes c ON c.merchant_id = j.merchant_id AND c.id = j.subject_id
            WHERE p.account = 'vat_not_due'
            GROUP BY j.merchant_id, coalesce(c.invoice_id, j.subject_id)
        ) w ON w.merchant_id = i.merchant_id AND w.invoice_id = i.id
        WHERE i.status <> 'draft' AND (coalesce(w.began, 0) NOT IN (0, i.tax_amount) OR NOT CASE
            WHEN i.status <> 'open' THEN coalesce(w.waits, 0) = 0
            WHEN i.paid_amount + i.credited_amount = 0
                THEN coalesce(w.waits, 0) = coalesce(w.began, 0)
            ELSE coalesce(w.waits, 0) BETWEEN 0 AND coalesce(w.began, 0) END)
        """,
    ),
    by_sql(
        "gateway-clearing",
        "Money the books expect from the gateway is what was captured less what went back, by us "
        "or by the card's bank, "
        "and what was paid out.",
        """
        SELECT merchant_id, 'merchant' AS kind, merchant_id AS id, NULL::text AS label,
            format('captured less refunded %s, books %s', sum(taken), sum(booked)) AS why
        FROM (
            SELECT merchant_id, amount - charged_back_amount AS taken, 0 AS booked FROM payments
                WHERE status <> 'reversed'
            UNION ALL
            SELECT merchant_id, -amount, 0 FROM refunds
                WHERE state = 'succeeded' AND route <> 'manual'
            UNION ALL
            SELECT p.merchant_id, 0, p.amount FROM postings p
                JOIN journals j ON j.merchant_id = p.merchant_id AND j.id = p.journal_id
                WHERE p.account = 'gateway_clearing'
                AND j.kind NOT IN ('paid_out', 'gateway_fees', 'difference_booked')
        ) x GROUP BY merchant_id HAVING sum(taken) <> sum(booked)
        """,
    ),
)
