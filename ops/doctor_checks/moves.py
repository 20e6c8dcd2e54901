"""Moves of subscribers to another version: billed by what was announced, from when it was said."""

from __future__ import annotations

from ops.doctor_checks.check import Check, by_sql

CHECKS: tuple[Check, ...] = (
    by_sql(
        "moved-as-announced",
        "Whoever was moved to another version of his price is billed by the version, quantity and "
        "amount that he was told, and by no other from the announced day on.",
        """
        SELECT m.merchant_id, 'subscription' AS kind, m.subscription_id AS id,
            coalesce(i.number, '-') AS label,
            format('told %s for %s from %s, billed %s for %s', m.amount, m.quantity,
                m.effective_on, l.amount + l.discount_amount, l.quantity) AS why
        FROM price_move_members m
        JOIN price_moves v ON v.merchant_id = m.merchant_id AND v.id = m.move_id
        JOIN subscription_changes c ON c.merchant_id = m.merchant_id AND c.id = m.change_id
        LEFT JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        LEFT JOIN invoice_lines l ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id
            AND l.kind IN ('recurring', 'stub') AND l.extra_id IS NULL
        WHERE c.state = 'applied' AND (
            l.price_id IS DISTINCT FROM v.to_price_id
            OR l.quantity IS DISTINCT FROM coalesce(c.quantity, m.quantity)
            OR (l.quantity = m.quantity AND l.kind = 'recurring'
                AND l.amount + l.discount_amount <> m.amount)
            OR l.period_start < m.effective_on)
        UNION ALL
        SELECT m.merchant_id, 'subscription', m.subscription_id, i.number,
            format('told of another version from %s, billed the old one for %s',
                m.effective_on, l.period_start)
        FROM price_move_members m
        JOIN price_moves v ON v.merchant_id = m.merchant_id AND v.id = m.move_id
        JOIN subscription_changes c ON c.merchant_id = m.merchant_id AND c.id = m.change_id
            AND c.state = 'scheduled'
        JOIN invoices i ON i.merchant_id = m.merchant_id
            AND i.subscription_id = m.subscription_id AND i.status <> 'void' AND i.kind = 'period'
        JOIN invoice_lines l ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id
            AND l.kind IN ('recurring', 'stub') AND l.extra_id IS NULL
        WHERE l.price_id = v.from_price_id AND l.period_start >= m.effective_on
        """,
    ),
)
