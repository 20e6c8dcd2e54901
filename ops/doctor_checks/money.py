"""Money against money: invoices, allocations, payments, credit notes, refunds, balances."""

from __future__ import annotations

from ops.doctor_checks.check import by_sql

CHECKS = (
    by_sql(
        "paid-is-allocated",
        "What an invoice says is paid is the sum of what was allocated to it.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('paid %s, allocated %s', i.paid_amount, coalesce(a.total, 0)) AS why
        FROM invoices i LEFT JOIN (
            SELECT merchant_id, invoice_id, sum(amount) AS total
            FROM allocations GROUP BY merchant_id, invoice_id
        ) a ON a.merchant_id = i.merchant_id AND a.invoice_id = i.id
        WHERE i.paid_amount <> coalesce(a.total, 0)
        """,
    ),
    by_sql(
        "credited-is-noted",
        "What an invoice says is credited is the sum of its credit notes' unpaid parts.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('credited %s, notes say %s', i.credited_amount, coalesce(c.total, 0)) AS why
        FROM invoices i LEFT JOIN (
            SELECT merchant_id, invoice_id, sum(to_invoice_amount) AS total
            FROM credit_notes GROUP BY merchant_id, invoice_id
        ) c ON c.merchant_id = i.merchant_id AND c.invoice_id = i.id
        WHERE i.credited_amount <> coalesce(c.total, 0)
        """,
    ),
    by_sql(
        "due-and-status-agree",
        "Nothing is due on a paid invoice, something is due on an open one, and due is the total "
        "less what was paid and credited.",
        """
        SELECT merchant_id, 'invoice' AS kind, id, number AS label,
            format('%s with %s due of %s', status, due_amount, total_amount) AS why
        FROM invoices
        WHERE due_amount <> total_amount - paid_amount - credited_amount
            OR (status = 'paid' AND (due_amount <> 0 OR paid_at IS NULL))
            OR (status = 'open' AND due_amount <= 0)
            OR total_amount <> subtotal_amount + tax_amount
        """,
    ),
    by_sql(
        "paid-by-something",
        "A paid invoice over an amount was paid by a payment, a balance or a credit note.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('paid %s without a source', i.total_amount) AS why
        FROM invoices i
        WHERE i.status = 'paid' AND i.total_amount > 0
            AND NOT EXISTS (SELECT 1 FROM allocations a
                WHERE a.merchant_id = i.merchant_id AND a.invoice_id = i.id)
            AND NOT EXISTS (SELECT 1 FROM credit_notes c
                WHERE c.merchant_id = i.merchant_id AND c.invoice_id = i.id)
        """,
    ),
    by_sql(
        "payment-is-spent-once",
        "A payment is the sum of what it was allocated and what became the customer's balance.",
        """
        SELECT p.merchant_id, 'payment' AS kind, p.id, p.order_id AS label,
            format('took %s, allocated %s, to balance %s', p.amount, coalesce(a.total, 0),
                coalesce(b.total, 0)) AS why
        FROM payments p
        LEFT JOIN (SELECT merchant_id, payment_id,
                sum(amount) FILTER (WHERE kind = 'payment') AS total, sum(amount) AS net
            FROM allocations WHERE payment_id IS NOT NULL GROUP BY merchant_id, payment_id
        ) a ON a.merchant_id = p.merchant_id AND a.payment_id = p.id
        LEFT JOIN (SELECT merchant_id, source_id, sum(amount) AS total FROM balance_entries
            WHERE kind = 'overpaid' AND source_kind = 'payment' GROUP BY merchant_id, source_id
        ) b ON b.merchant_id = p.merchant_id AND b.source_id = p.id
        WHERE p.amount <> coalesce(a.total, 0) + coalesce(b.total, 0)
            OR (p.status = 'reversed' AND coalesce(a.net, 0) <> 0)
        """,
    ),
    by_sql(
        "pulled-at-most-once",
        "What we pulled for an invoice and did not give back is never more than its total.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('%s charges took %s of %s', x.times, x.total, i.total_amount) AS why
        FROM (
            SELECT o.merchant_id, o.invoice_id, count(*) AS times,
                sum(p.amount - p.refunded_amount - p.charged_back_amount) AS total
            FROM payment_orders o JOIN payments p
                ON p.merchant_id = o.merchant_id AND p.payment_order_id = o.id
            WHERE o.kind = 'attempt' AND p.status IN ('captured', 'settled')
            GROUP BY o.merchant_id, o.invoice_id
        ) x JOIN invoices i ON i.merchant_id = x.merchant_id AND i.id = x.invoice_id
        WHERE x.total > i.total_amount
        """,
    ),
    by_sql(
        "refunds-within-payment",
        "Refunds asked for never exceed their payment, and what the payment says went back is "
        "the sum of those that succeeded.",
        """
        SELECT p.merchant_id, 'payment' AS kind, p.id, p.order_id AS label,
            format('took %s, refunds %s, gone back %s, counted %s', p.amount,
                coalesce(r.alive, 0), coalesce(r.done, 0), p.refunded_amount) AS why
        FROM payments p LEFT JOIN (
            SELECT merchant_id, payment_id, sum(amount) FILTER (WHERE state <> 'failed') AS alive,
                sum(amount) FILTER (WHERE state = 'succeeded') AS done
            FROM refunds GROUP BY merchant_id, payment_id
        ) r ON r.merchant_id = p.merchant_id AND r.payment_id = p.id
        WHERE coalesce(r.alive, 0) > p.amount - p.charged_back_amount
            OR coalesce(r.done, 0) <> p.refunded_amount
        """,
    ),
    by_sql(
        "refund-has-its-source",
        "Every refund gives back a credit note over its amount, or took its amount from the "
        "customer's balance, and what failed was given to the balance again.",
        """
        SELECT r.merchant_id, 'refund' AS kind, r.id, r.refund_key AS label,
            format('%s refund of %s, note over %s, balance took %s and got %s', r.state, r.amount,
                coalesce(c.total_amount, 0), coalesce(b.took, 0), coalesce(b.got, 0)) AS why
        FROM refunds r LEFT JOIN credit_notes c
            ON c.merchant_id = r.merchant_id AND c.id = r.credit_note_id
        LEFT JOIN (SELECT merchant_id, source_id,
                -sum(amount) FILTER (WHERE kind = 'refunded') AS took,
                sum(amount) FILTER (WHERE amount > 0) AS got
            FROM balance_entries WHERE source_kind = 'refund' GROUP BY merchant_id, source_id
        ) b ON b.merchant_id = r.merchant_id AND b.source_id = r.id
        WHERE coalesce(c.total_amount, 0) + coalesce(b.took, 0) <> r.amount
            OR coalesce(b.got, 0) <> CASE WHEN r.state = 'failed' THEN r.amount ELSE 0 END
        """,
    ),
    by_sql(
        "balance-refund-within-excess",
        "Refunds from the balance never give back more of a payment than belonged to no invoice.",
        """
        SELECT p.merchant_id, 'payment' AS kind, p.id, p.order_id AS label,
            format('without an invoice %s, refunded from the balance %s',
                coalesce(o.total, 0) + r.came_back, r.went) AS why
        FROM payments p JOIN (
            SELECT merchant_id, payment_id,
                coalesce(sum(amount) FILTER (WHERE state <> 'failed'
                    AND credit_note_id IS NULL), 0) AS went,
                coalesce(sum(amount) FILTER (WHERE state = 'failed'
                    AND credit_note_id IS NOT NULL), 0) AS came_back
            FROM refunds GROUP BY merchant_id, payment_id
        ) r ON r.merchant_id = p.merchant_id AND r.payment_id = p.id
        LEFT JOIN (SELECT merchant_id, source_id, sum(amount) AS total FROM balance_entries
            WHERE kind IN ('overpaid', 'topped_up') AND source_kind = 'payment'
            GROUP BY merchant_id, source_id
        ) o ON o.merchant_id = p.merchant_id AND o.source_id = p.id
        WHERE r.went > coalesce(o.total, 0) + r.came_back
        """,
    ),
    by_sql(
        "given-back-within-paid",
        "What credit notes gave back of an invoice's money is never more than was paid.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('paid %s, given back %s', i.paid_amount, c.back) AS why
        FROM invoices i JOIN (
            SELECT merchant_id, invoice_id, sum(to_balance_amount) AS back
            FROM credit_notes GROUP BY merchant_id, invoice_id
        ) c ON c.merchant_id = i.merchant_id AND c.invoice_id = i.id
        WHERE c.back > i.paid_amount AND NOT EXISTS (SELECT 1 FROM allocations a
            WHERE a.merchant_id = i.merchant_id AND a.invoice_id = i.id AND a.kind = 'reversal')
        """,
    ),
    by_sql(
        "balance-not-negative",
        "No customer's balance is below zero.",
        """
        SELECT merchant_id, 'customer' AS kind, customer_id AS id, NULL::text AS label,
            format('balance %s', sum(amount)) AS why
        FROM balance_entries GROUP BY merchant_id, customer_id, currency HAVING sum(amount) < 0
        """,
    ),
)
