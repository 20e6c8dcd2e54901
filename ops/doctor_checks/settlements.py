"""Reconciliation: what reports told is what was booked of them; differences have their story."""

from __future__ import annotations

from ops.doctor_checks.check import by_sql

CHECKS = (
    by_sql(
        "report-fees-are-booked",
        "Fees and payouts in the books are those of the rows of reports, journal by journal.",
        """
        SELECT merchant_id, 'journal' AS kind, NULL::uuid AS id, key AS label,
            format('reports %s, books %s', sum(told), sum(booked)) AS why
        FROM (
            SELECT merchant_id, booked_key AS key,
                CASE WHEN kind = 'payout' THEN greatest(-gross, -net)
                    ELSE fee + ppn + rounding END AS told,
                0 AS booked
            FROM settlement_rows WHERE booked_key IS NOT NULL
            UNION ALL
            SELECT j.merchant_id, j.key, 0, -p.amount
            FROM journals j JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.kind IN ('gateway_fees', 'paid_out') AND p.account = 'gateway_clearing'
        ) x GROUP BY merchant_id, key HAVING sum(told) <> sum(booked)
        """,
    ),
    by_sql(
        "matched-row-is-its-payment",
        "A row of a report whose fee is booked is about the payment, the amount and the refund it "
        "was matched to.",
        """
        SELECT r.merchant_id, 'settlement_row' AS kind, r.id, r.order_id AS label,
            format('%s of %s, ours %s', r.kind, r.gross,
                CASE WHEN r.kind = 'refund' THEN -f.amount ELSE p.amount END) AS why
        FROM settlement_rows r
        LEFT JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        LEFT JOIN refunds f ON f.merchant_id = r.merchant_id AND f.id = r.refund_id
        WHERE r.booked_key IS NOT NULL AND (
            (r.kind = 'payment' AND r.gross IS DISTINCT FROM p.amount)
            OR (r.kind = 'refund' AND r.gross IS DISTINCT FROM -f.amount)
            OR (r.kind = 'refund' AND f.payment_id IS DISTINCT FROM r.payment_id)
        )
        """,
    ),
    by_sql(
        "fee-is-booked-once",
        "The fee of a payment is booked by one row of a report; another is shown to a person.",
        """
        SELECT r.merchant_id, 'settlement_row' AS kind, r.id, r.order_id AS label,
            format('payment %s, booked in %s too', r.payment_id, r.booked_key) AS why
        FROM settlement_rows r
        WHERE r.same_as IS NOT NULL AND r.booked_key IS NOT NULL AND NOT EXISTS (
            SELECT FROM differences d WHERE d.merchant_id = r.merchant_id AND d.row_id = r.id)
        """,
    ),
    by_sql(
        "agreeing-row-is-booked",
        "No row of a report waits for three days while both books know its payment and amount.",
        """
        SELECT r.merchant_id, 'settlement_row' AS kind, r.id, r.order_id AS label,
            format('line %s of a report of %s, paid %s', r.line, f.closed_at, p.created_at) AS why
        FROM settlement_rows r
        JOIN settlement_files f ON f.merchant_id = r.merchant_id AND f.id = r.file_id
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.order_id = r.order_id
        LEFT JOIN clocks k ON k.merchant_id = r.merchant_id
        WHERE r.kind = 'payment' AND r.booked_key IS NULL AND r.same_as IS NULL
            AND p.status IN ('captured', 'settled') AND p.amount = r.gross
            AND greatest(p.created_at, f.closed_at)
                < coalesce(k.at, :real_now) - interval '3 days'
            AND NOT EXISTS (SELECT FROM differences d JOIN difference_steps s
                ON s.merchant_id = d.merchant_id AND s.difference_id = d.id
                WHERE d.merchant_id = r.merchant_id AND d.row_id = r.id
                    AND s.step = 'resolved' AND s.detail->>'resolution' = 'booked')
        """,
        warning=True,
    ),
    by_sql(
        "row-is-booked-by-one",
        "A row of a report that the machine booked was not booked by hand besides.",
        """
        SELECT r.merchant_id, 'settlement_row' AS kind, r.id, r.order_id AS label,
            format('booked in %s, and by hand as %s', r.booked_key, d.kind) AS why
        FROM differences d
        JOIN settlement_rows r ON r.merchant_id = d.merchant_id AND r.id = d.row_id
        WHERE r.booked_key IS NOT NULL
            AND d.kind IN ('not_ours', 'amount_differs', 'status_differs', 'refund_differs')
            AND EXISTS (SELECT FROM difference_steps s
                WHERE s.merchant_id = d.merchant_id AND s.difference_id = d.id
                    AND s.step = 'resolved' AND s.detail->>'resolution' = 'booked')
        """,
    ),
    by_sql(
        "booked-difference-is-booked",
        "Each correction that somebody decided is in the books with its account and amount, "
        "however often a difference came back, and no other is.",
        """
        SELECT merchant_id, 'difference' AS kind, NULL::uuid AS id, key AS label,
            format('%s: decided %s, booked %s', account, sum(decided), sum(booked)) AS why
        FROM (
            SELECT merchant_id, difference_id::text AS key, detail->>'account' AS account,
                CAST(detail->>'amount' AS bigint) AS decided, 0 AS booked
            FROM difference_steps
            WHERE step = 'resolved' AND detail->>'resolution' = 'booked'
            UNION ALL
            SELECT j.merchant_id, split_part(j.key, ':', 1), p.account, 0, p.amount
            FROM journals j JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.kind = 'difference_booked' AND p.account <> 'gateway_clearing'
        ) x GROUP BY merchant_id, key, account HAVING sum(decided) <> sum(booked)
        """,
    ),
    by_sql(
        "difference-has-its-story",
        "A difference stands where its last step left it, with the amount that was decided, and a "
        "correction above the limit has two people.",
        """
        SELECT d.merchant_id, 'difference' AS kind, d.id, d.order_id AS label,
            format('%s, last step %s', d.state, coalesce(s.step, 'none')) AS why
        FROM differences d LEFT JOIN LATERAL (
            SELECT step, detail FROM difference_steps s
            WHERE s.merchant_id = d.merchant_id AND s.difference_id = d.id
            ORDER BY n DESC LIMIT 1
        ) s ON true
        WHERE (d.state = 'resolved') <> coalesce(s.step = 'resolved', false)
            OR (d.state = 'awaiting_approval') <> coalesce(s.step = 'proposed', false)
            OR (d.resolution = 'booked' AND (s.detail->>'account', s.detail->>'amount')
                IS DISTINCT FROM (d.account, d.amount::text))
            OR (d.resolution = 'booked' AND d.closed_by = d.asked_by AND EXISTS (
                SELECT FROM difference_steps p WHERE p.merchant_id = d.merchant_id
                    AND p.difference_id = d.id AND p.step = 'approved'))
        """,
    ),
    by_sql(
        "differences-are-answered",
        "No severe difference between the gateway's book and ours waits more than three days.",
        """
        SELECT d.merchant_id, 'difference' AS kind, d.id, d.order_id AS label,
            format('%s, found %s', d.kind, d.found_at) AS why
        FROM differences d LEFT JOIN clocks k ON k.merchant_id = d.merchant_id
        WHERE d.state <> 'resolved' AND d.severity = 'high'
            AND d.found_at < coalesce(k.at, :real_now) - interval '3 days'
        """,
        warning=True,
    ),
)
