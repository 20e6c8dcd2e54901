"""Upgrades that wait to be paid: what is offered is owed by nobody, and done with its payment."""

from __future__ import annotations

from ops.doctor_checks.check import Check, by_sql

CHECKS: tuple[Check, ...] = (
    by_sql(
        "offer-is-one",
        "An upgrade that waits to be paid, its open invoice and the day its price holds until are "
        "there together, and nobody is chased for it.",
        """
        SELECT c.merchant_id, 'subscription' AS kind, c.subscription_id AS id, i.number AS label,
            format('an upgrade of %s waits for invoice %s (%s), its price holds until %s',
                c.effective_on, i.number, i.status, s.upgrade_until) AS why
        FROM subscription_changes c
        JOIN subscriptions s ON s.merchant_id = c.merchant_id AND s.id = c.subscription_id
        LEFT JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        WHERE c.state = 'pending' AND (i.id IS NULL OR i.status <> 'open' OR NOT i.is_offer
            OR s.upgrade_until IS DISTINCT FROM c.effective_on + 1)
        UNION ALL
        SELECT i.merchant_id, 'invoice', i.id, i.number, 'offers an upgrade that does not wait'
        FROM invoices i WHERE i.is_offer AND i.status = 'open' AND NOT EXISTS (
            SELECT 1 FROM subscription_changes c WHERE c.merchant_id = i.merchant_id
            AND c.invoice_id = i.id AND c.state = 'pending')
        UNION ALL
        SELECT s.merchant_id, 'subscription', s.id, s.external_id,
            format('the price of an upgrade holds until %s, and none waits', s.upgrade_until)
        FROM subscriptions s WHERE s.upgrade_until IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM subscription_changes c WHERE c.merchant_id = s.merchant_id
            AND c.subscription_id = s.id AND c.state = 'pending')
        UNION ALL
        SELECT i.merchant_id, 'invoice', i.id, i.number, 'is offered, and chased'
        FROM invoices i JOIN dunning_cases d ON d.merchant_id = i.merchant_id
            AND d.invoice_id = i.id WHERE i.is_offer
        """,
    ),
    by_sql(
        "upgrade-was-paid-first",
        "An upgrade that was to be paid first was done with a payment, and what came to nothing "
        "left an invoice that is void.",
        """
        SELECT c.merchant_id, 'subscription' AS kind, c.subscription_id AS id, i.number AS label,
            format('%s on %s, its invoice %s is %s', c.state, c.closed_at, i.number, i.status)
            AS why
        FROM subscription_changes c
        LEFT JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        WHERE c.quote ->> 'payment' = 'pay_first/1' AND (
            (c.state = 'applied' AND (i.is_offer OR NOT EXISTS (SELECT 1 FROM allocations a
                WHERE a.merchant_id = c.merchant_id AND a.invoice_id = c.invoice_id)))
            OR (c.state IN ('lapsed', 'replaced') AND i.status IS DISTINCT FROM 'void'))
        """,
    ),
)
