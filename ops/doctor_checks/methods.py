"""Saved methods: charged by the channel of their kind, with a consent that ends when they do."""

from __future__ import annotations

from datetime import timedelta

from ops.doctor_checks.check import by_sql
from payments.method_kinds import KINDS

_DAY = timedelta(hours=24)
_LINKED = ", ".join(f"('{row.key}', '{row.channel}')" for row in KINDS.values() if row.linked)
# So often an account is asked about before somebody should look: some four days.
_POLLS = 10

CHECKS = (
    by_sql(
        "consent-ends-with-its-method",
        "No consent is in force for a method that has ended.",
        """
        SELECT m.merchant_id, 'payment_method' AS kind, m.id, m.external_id AS label,
            format('ended because %s, its consent of %s is in force', m.ended_because,
                g.accepted_at) AS why
        FROM payment_methods m JOIN mandates g
            ON g.merchant_id = m.merchant_id AND g.payment_method_id = m.id
        WHERE m.state = 'ended' AND g.ended_at IS NULL
        """,
    ),
    by_sql(
        "wallets-are-charged-as-wallets",
        "A linked wallet is charged by its own channel, and nothing else is.",
        f"""
        SELECT o.merchant_id, 'payment_order' AS kind, o.id, o.order_id AS label,
            format('%s by %s', m.kind, o.channel) AS why
        FROM payment_orders o JOIN payment_methods m
            ON m.merchant_id = o.merchant_id AND m.id = o.payment_method_id
        LEFT JOIN (VALUES {_LINKED}) w (kind, channel) ON w.kind = m.kind
        WHERE (w.channel IS NOT NULL AND o.channel <> w.channel)
            OR (w.channel IS NULL AND o.channel IN (SELECT v.channel FROM (VALUES {_LINKED})
                v (kind, channel)))
        """,  # noqa: S608
    ),
    by_sql(
        "wallets-are-asked-about",
        "Every account that is linked, or may be, is asked about when its time comes.",
        """
        SELECT merchant_id, 'payment_method' AS kind, id, external_id AS label,
            format('%s, was due %s', state, next_at) AS why
        FROM payment_methods WHERE next_at < :real_now - CAST(:day AS interval)
        """,
        day=_DAY,
    ),
    by_sql(
        "ended-wallets-are-unlinked",
        "The account of a wallet that has ended is unlinked within days.",
        f"""
        SELECT merchant_id, 'payment_method' AS kind, id, external_id AS label,
            format('ended because %s, asked about %s times since', ended_because, polls) AS why
        FROM payment_methods
        WHERE state = 'ended' AND next_at IS NOT NULL AND polls > {_POLLS}
        """,  # noqa: S608
    ),
)
