"""What people would call a promise broken though every sum agrees: looked for after the quiet.

These ask the engine's own rows and are written apart from its rules, so that a rule that is wrong
does not excuse itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ops.prove.checks import Violation

# Rule, what, why and order id of each broken row; `%(now)s` is the end of the quiet phase.
_RULES: Final[dict[str, str]] = {
    "a cancellation is kept": """
        SELECT 'subscription ' || id, format('%%s, was to end %%s', status, cancel_on), NULL
        FROM subscriptions
        WHERE cancel_on < CAST(%(now)s AS date) - 1 AND status <> 'canceled'
        UNION ALL
        SELECT 'subscription ' || s.id, format('ended %%s, before %%s', e.occurred_at, s.ended_on),
            NULL
        FROM subscriptions s JOIN events e ON e.merchant_id = s.merchant_id
            AND e.subject_id = s.id AND e.type = 'subscription.canceled'
        WHERE s.status = 'canceled' AND e.payload->>'ended_on' = s.ended_on::text
            AND e.occurred_at < (s.ended_on::timestamp AT TIME ZONE s.billing_zone)
                - interval '30 hours'
        UNION ALL
        SELECT 'invoice ' || i.number, format('for %%s, service ended %%s, %%s of %%s given back',
            i.period_start, s.ended_on, coalesce(c.total, 0), i.total_amount), NULL
        FROM subscriptions s JOIN invoices i ON i.merchant_id = s.merchant_id
            AND i.subscription_id = s.id AND i.kind = 'period' AND i.period_start >= s.ended_on
        LEFT JOIN (SELECT merchant_id, invoice_id, sum(total_amount) AS total
            FROM credit_notes GROUP BY merchant_id, invoice_id
        ) c ON c.merchant_id = i.merchant_id AND c.invoice_id = i.id
        WHERE s.status = 'canceled' AND i.status NOT IN ('void', 'uncollectible')
            AND coalesce(c.total, 0) < i.total_amount AND i.total_amount > 0
            -- What a change took off an older line is on the change's invoice.
            AND NOT EXISTS (SELECT 1 FROM invoice_lines l JOIN invoice_lines k
                ON k.merchant_id = l.merchant_id AND k.credits_line_id = l.id
                WHERE l.merchant_id = i.merchant_id AND l.invoice_id = i.id)
    """,
    "who pays is served": """
        SELECT 'subscription ' || s.id,
            format('%%s, paid %%s at %%s', s.status, i.number, i.paid_at), NULL
        FROM subscriptions s JOIN invoices i ON i.merchant_id = s.merchant_id
            AND i.subscription_id = s.id AND i.kind = 'period' AND i.status = 'paid'
            AND i.paid_amount > 0
        WHERE (s.status = 'incomplete')
            OR (s.cancel_reason = 'first_payment_missing' AND i.paid_at < s.canceled_at)
        UNION ALL
        SELECT 'subscription ' || s.id, s.status || ', and nothing is due', NULL
        FROM subscriptions s WHERE s.status = 'past_due' AND NOT EXISTS (
            SELECT 1 FROM invoices i WHERE i.merchant_id = s.merchant_id
            AND i.subscription_id = s.id AND i.status IN ('open', 'uncollectible'))
    """,
    "nothing to pay is left on a closed invoice": """
        SELECT 'order ' || o.order_id, format('can be paid, %%s is %%s', i.number, i.status),
            o.order_id
        FROM payment_orders o JOIN invoices i
            ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        WHERE o.kind = 'instrument' AND o.state = 'pending' AND NOT o.abandoning
            AND i.status IN ('paid', 'void')
    """,
    "dunning keeps to its plan": """
        SELECT 'invoice ' || i.number, format('%%s tries by the plan', t.times), NULL
        FROM (SELECT merchant_id, case_id, count(*) AS times FROM dunning_steps
            WHERE kind = 'retry' AND detail->>'because' IN ('planned', 'payday')
            GROUP BY merchant_id, case_id HAVING count(*) > 4
        ) t JOIN dunning_cases c ON c.merchant_id = t.merchant_id AND c.id = t.case_id
        JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
    """,
    "dunning keeps to its hours": """
        SELECT 'invoice ' || i.number,
            format('%%s at %%s', t.kind, t.at AT TIME ZONE i.billing_zone), NULL
        FROM dunning_steps t JOIN dunning_cases c
            ON c.merchant_id = t.merchant_id AND c.id = t.case_id
        JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        WHERE (t.kind = 'notice' OR (t.kind = 'retry'
                AND t.detail->>'because' IN ('planned', 'payday')))
            AND extract(hour FROM t.at AT TIME ZONE i.billing_zone) NOT BETWEEN 8 AND 19
    """,
    "nobody is told twice": """
        SELECT 'case ' || case_id, format('%%s times %%s', count(*), detail->>'key'), NULL
        FROM dunning_steps WHERE kind = 'notice'
        GROUP BY merchant_id, case_id, detail->>'key' HAVING count(*) > 1
    """,
    "a hard refusal is the last": """
        SELECT 'order ' || later.order_id, format('the card was refused with %%s as %%s',
            first.code, first.order_id), later.order_id
        FROM payment_orders first JOIN payment_orders later
            ON later.merchant_id = first.merchant_id AND later.invoice_id = first.invoice_id
            AND later.payment_method_id = first.payment_method_id
            AND later.kind = 'attempt' AND later.initiated_by = 'merchant' AND later.n > first.n
        WHERE first.kind = 'attempt' AND first.state = 'failed'
            AND first.code IN ('54', '41', '43') AND later.first_sent_at > first.closed_at
            -- A payer who paid with it since brought another card under the same name.
            AND NOT EXISTS (SELECT 1 FROM payment_orders p
                WHERE p.merchant_id = first.merchant_id AND p.initiated_by = 'customer'
                AND p.payment_method_id = first.payment_method_id AND p.state = 'paid')
    """,
    "one request, one effect": """
        SELECT 'invoice', format('%%s credit notes of one request', count(*)), NULL
        FROM credit_notes GROUP BY merchant_id, source_kind, source_id, invoice_id
        HAVING count(*) > 1
    """,
    "who did it is noted": """
        SELECT 'refund ' || r.refund_key, 'nobody asked for it', NULL
        FROM refunds r WHERE NOT EXISTS (SELECT 1 FROM audit a
            WHERE a.merchant_id = r.merchant_id AND a.subject_id = r.id
            AND a.action = 'refund.request')
        UNION ALL
        SELECT 'invoice ' || i.number, 'nobody voided it', NULL
        FROM invoices i WHERE i.status = 'void' AND NOT EXISTS (SELECT 1 FROM audit a
            WHERE a.merchant_id = i.merchant_id AND a.subject_id = i.id
            AND a.action = 'invoice.void')
        UNION ALL
        SELECT 'credit note ' || c.number, 'nobody wrote it', NULL
        FROM credit_notes c WHERE NOT EXISTS (SELECT 1 FROM audit a
            WHERE a.merchant_id = c.merchant_id AND a.subject_id = c.id
            AND a.action = 'credit_note.create')
    """,
    # 12% on 11/12 of the price, of the whole invoice, half a rupiah up: what the law says of
    # every invoice of this shop, whose prices are without tax.
    "I20 the tax is the law's": """
        SELECT 'invoice ' || number, format('%%s on %%s', tax_amount, subtotal_amount), NULL
        FROM invoices WHERE status <> 'draft' AND tax_amount <> round(subtotal_amount * 0.11)
    """,
    "I7 every day is billed once": """
        SELECT 'invoice ' || i.number, format('%%s days of %%s to %%s', l.derivation->>'numerator',
            l.period_start, l.period_end), NULL
        FROM invoice_lines l JOIN invoices i
            ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
        WHERE l.derivation->>'numerator' IS NOT NULL AND l.period_start IS NOT NULL
            AND CAST(l.derivation->>'numerator' AS int) <> l.period_end - l.period_start
    """,
}


# Broken for a while wherever nothing ran for a while.
_TIMELY: Final = ("a cancellation is kept",)


def unmannerly(connection: Any, now: datetime, *, at_once: bool = False) -> list[Violation]:
    """Every rule of manners that a row breaks, at most five times each.

    ``at_once`` leaves out what may be so in the middle of work.
    """
    found = []
    for rule, query in _RULES.items():
        if at_once and rule in _TIMELY:
            continue
        listed = f"SELECT * FROM ({query}) broken ORDER BY 1, 2 LIMIT 5"  # noqa: S608 - constants
        for what, why, order_id in connection.execute(listed, {"now": now}):
            found.append(Violation(rule, what, why, order_id))
    return found


_MADE: Final = {
    "customer": "SELECT count(*) FROM customers",
    "subscription": "SELECT count(*) FROM subscriptions",
    "one_off": "SELECT count(*) FROM invoices WHERE kind = 'one_off'",
    "refund": "SELECT count(*) FROM refunds",
}


def once_each(connection: Any, asked: dict[str, set[str]]) -> list[Violation]:
    """A request that was made again, under the same key, did nothing again."""
    found = []
    for kind, query in _MADE.items():
        made, keys = int(connection.execute(query).fetchone()[0]), len(asked.get(kind, ()))
        if made > keys:
            why = f"{made} were made of {keys} requests"
            found.append(Violation("one request, one effect", kind, why))
    return found


_BESIDE: Final = """
    SELECT other.order_id FROM payment_orders mine JOIN payment_orders other
        ON other.merchant_id = mine.merchant_id AND other.invoice_id = mine.invoice_id
        AND other.kind = 'instrument' AND other.id <> mine.id
        AND other.state IN ('sent', 'unknown', 'pending')
    WHERE mine.order_id = %s AND mine.kind = 'attempt' AND mine.sends <= 1
"""


def beside(connection: Any, order_id: str) -> list[str]:
    """Numbers of the same invoice that can be paid at the moment a charge leaves."""
    return [row[0] for row in connection.execute(_BESIDE, [order_id])]
