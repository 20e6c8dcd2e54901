"""Whose it is: money, papers and entries stay with one customer, and name what they are about.

Sums alone do not show two things that changed places.
"""

from __future__ import annotations

from ops.doctor_checks.check import by_sql

CHECKS = (
    by_sql(
        "money-stays-with-its-customer",
        "What a customer paid settles only his own invoices; his orders, notes and refunds are "
        "about his own invoices and payments.",
        """
        SELECT a.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('%s settled by the payment %s of another customer', a.amount, p.order_id) AS why
        FROM allocations a
        JOIN invoices i ON i.merchant_id = a.merchant_id AND i.id = a.invoice_id
        JOIN payments p ON p.merchant_id = a.merchant_id AND p.id = a.payment_id
        WHERE i.customer_id <> p.customer_id
        UNION ALL
        SELECT p.merchant_id, 'payment', p.id, p.order_id, 'its order is another customer''s'
        FROM payments p JOIN payment_orders o
            ON o.merchant_id = p.merchant_id AND o.id = p.payment_order_id
        WHERE o.customer_id <> p.customer_id
        UNION ALL
        SELECT o.merchant_id, 'payment_order', o.id, o.order_id,
            format('asks for %s of another customer', i.number)
        FROM payment_orders o JOIN invoices i
            ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        WHERE o.customer_id <> i.customer_id
        UNION ALL
        SELECT c.merchant_id, 'credit_note', c.id, c.number,
            format('credits %s of another customer', i.number)
        FROM credit_notes c JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        WHERE c.customer_id <> i.customer_id
        UNION ALL
        SELECT i.merchant_id, 'invoice', i.id, i.number, 'its subscription is another customer''s'
        FROM invoices i JOIN subscriptions s
            ON s.merchant_id = i.merchant_id AND s.id = i.subscription_id
        WHERE s.customer_id <> i.customer_id
        UNION ALL
        SELECT r.merchant_id, 'refund', r.id, r.refund_key, 'of another invoice than its note'
        FROM refunds r JOIN credit_notes c
            ON c.merchant_id = r.merchant_id AND c.id = r.credit_note_id
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE r.invoice_id <> c.invoice_id OR p.customer_id <> c.customer_id
        """,
    ),
    by_sql(
        "entries-name-their-subject",
        "Every entry in the books bears the key of what it is about, and the customer of that.",
        """
        SELECT j.merchant_id, 'journal' AS kind, j.id, j.kind || ' ' || j.key AS label,
            'its subject has another key' AS why
        FROM journals j LEFT JOIN payments p
            ON j.kind = 'payment_captured' AND p.merchant_id = j.merchant_id AND p.id = j.subject_id
        WHERE (j.kind IN ('invoice_issued', 'invoice_voided', 'credit_note_issued')
                AND j.key <> j.subject_id::text)
            OR (j.kind = 'payment_captured' AND j.key IS DISTINCT FROM p.order_id)
        UNION ALL
        SELECT x.merchant_id, 'journal', x.id, x.kind || ' ' || x.key,
            format('%s of another customer', x.account)
        FROM (
            SELECT j.merchant_id, j.id, j.kind, j.key, e.account, e.customer_id,
                coalesce(i.customer_id, p.customer_id, c.customer_id) AS whose
            FROM postings e
            JOIN journals j ON j.merchant_id = e.merchant_id AND j.id = e.journal_id
            LEFT JOIN invoices i ON j.subject_kind = 'invoice'
                AND i.merchant_id = j.merchant_id AND i.id = j.subject_id
            LEFT JOIN payments p ON j.subject_kind = 'payment'
                AND p.merchant_id = j.merchant_id AND p.id = j.subject_id
            LEFT JOIN credit_notes c ON j.subject_kind = 'credit_note'
                AND c.merchant_id = j.merchant_id AND c.id = j.subject_id
            WHERE e.customer_id IS NOT NULL
        ) x WHERE x.customer_id <> x.whose
        """,
    ),
    by_sql(
        "entries-are-of-their-day",
        "What is in the books is there on the day it happened: documents on the day of issue, "
        "money on the day it came or went.",
        """
        SELECT j.merchant_id, 'journal' AS kind, j.id, j.kind || ' ' || j.key AS label,
            format('booked on %s, issued on %s', j.occurred_on, i.issued_on) AS why
        FROM journals j JOIN invoices i ON i.merchant_id = j.merchant_id AND i.id = j.subject_id
        WHERE j.kind = 'invoice_issued' AND j.occurred_on <> i.issued_on
        UNION ALL
        SELECT j.merchant_id, 'journal', j.id, j.kind || ' ' || j.key,
            format('booked on %s, issued on %s', j.occurred_on, c.issued_on)
        FROM journals j JOIN credit_notes c ON c.merchant_id = j.merchant_id AND c.id = j.subject_id
        WHERE j.kind = 'credit_note_issued' AND j.occurred_on <> c.issued_on
        UNION ALL
        -- A zone may put an instant on the day before or after.
        SELECT j.merchant_id, 'journal', j.id, j.kind || ' ' || j.key,
            format('booked on %s, paid at %s', j.occurred_on, p.paid_at)
        FROM journals j JOIN payments p ON p.merchant_id = j.merchant_id AND p.id = j.subject_id
        WHERE j.kind = 'payment_captured'
            AND abs(j.occurred_on - CAST(timezone('Asia/Jakarta', p.paid_at) AS date)) > 1
        UNION ALL
        SELECT j.merchant_id, 'journal', j.id, j.kind || ' ' || j.key,
            format('booked on %s, given back at %s', j.occurred_on, r.closed_at)
        FROM journals j JOIN refunds r ON r.merchant_id = j.merchant_id AND r.id = j.subject_id
            AND r.refund_key = j.key
        WHERE j.kind = 'refund_paid'
            AND abs(j.occurred_on - CAST(timezone('Asia/Jakarta', r.closed_at) AS date)) > 1
        """,
    ),
    by_sql(
        "refund-keys-derived",
        "The key of a refund that we made says its order and its amount.",
        """
        SELECT r.merchant_id, 'refund' AS kind, r.id, r.refund_key AS label,
            format('%s of order %s', r.amount, p.order_id) AS why
        FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE r.refund_key ~ '^[a-z2-7]{28}-[0-9]+-r[0-9]+-[0-9]+$'
            AND r.refund_key !~ ('^' || p.order_id || '-r[0-9]+-' || r.amount || '$')
        """,
    ),
    by_sql(
        "paid-says-when",
        "An invoice says when it was paid where it is, and the day is that of the instant.",
        """
        SELECT merchant_id, 'invoice' AS kind, id, number AS label,
            format('%s, paid at %s, on %s', status, paid_at, paid_on) AS why
        FROM invoices
        WHERE (status = 'paid') <> (paid_at IS NOT NULL AND paid_on IS NOT NULL)
            OR abs(paid_on - CAST(timezone(billing_zone, paid_at) AS date)) > 1
            OR paid_at < issued_at - interval '1 minute'
        """,
    ),
)
