"""Promises about what came before what: asked of the order in which the database committed.

Our clocks may differ by hours; `track_commit_timestamp` tells which of two rows was first, where
neither is written again (or a later writing makes no difference).
"""

from __future__ import annotations

from typing import Any, Final

from ops.prove.checks import Violation
from payments.declines import decline

# Rule, what, why and order id of each broken row.
_RULES: Final[dict[str, str]] = {
    "a charge under way is waited for": """
        SELECT 'invoice ' || i.number, format('paid out of a balance while %%s was not decided',
            o.order_id), o.order_id
        FROM allocations a
        JOIN invoices i ON i.merchant_id = a.merchant_id AND i.id = a.invoice_id
        JOIN payment_orders o ON o.merchant_id = a.merchant_id AND o.invoice_id = a.invoice_id
            AND o.kind = 'attempt'
        JOIN payment_order_steps first ON first.merchant_id = o.merchant_id
            AND first.payment_order_id = o.id AND first.from_state IS NULL
        LEFT JOIN payment_order_steps last ON last.merchant_id = o.merchant_id
            AND last.payment_order_id = o.id AND last.to_state IN ('paid', 'failed')
        WHERE a.kind = 'balance'
            AND pg_xact_commit_timestamp(first.xmin) < pg_xact_commit_timestamp(a.xmin)
            AND (CASE WHEN last.id IS NULL THEN o.closed_at IS NULL
                ELSE pg_xact_commit_timestamp(a.xmin) < pg_xact_commit_timestamp(last.xmin) END)
    """,
    "what is paid for an invoice goes to it": """
        SELECT 'invoice ' || i.number, format('%%s of %%s is due, and %%s went past it',
            i.due_amount, i.total_amount, p.amount), o.order_id
        FROM payments p
        JOIN payment_orders o ON o.merchant_id = p.merchant_id AND o.id = p.payment_order_id
        JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        WHERE i.status IN ('open', 'uncollectible') AND i.due_amount > 0
            AND p.status IN ('captured', 'settled') AND p.refunded_amount = 0
            AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.merchant_id = p.merchant_id
                AND a.payment_id = p.id)
            -- Due once more, after the bank took back what had paid it.
            AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.merchant_id = i.merchant_id
                AND a.invoice_id = i.id AND a.kind = 'reversal')
    """,
    "what was asked last holds": """
        SELECT 'subscription ' || later.subscription_id, format('changed at %%s, and what was asked'
            ' at %%s is %%s', later.created_at, first.created_at, first.state), NULL
        FROM subscription_changes first JOIN subscription_changes later
            ON later.merchant_id = first.merchant_id
            AND later.subscription_id = first.subscription_id
            AND later.kind = 'plan' AND later.mode <> 'at_period_end' AND later.state = 'applied'
            -- An upgrade whose invoice is voided is taken out again: nobody asked for that plan.
            AND later.reason IS NULL
            -- Two at once may come in either order.
            AND later.created_at > first.created_at + interval '3 minutes'
        WHERE first.kind = 'plan' AND first.mode = 'at_period_end'
            AND (first.state = 'scheduled' OR first.closed_at > later.created_at + CASE
                WHEN first.state = 'applied' THEN interval '3 hours'
                ELSE interval '3 minutes' END)
    """,
    # Whoever pays a number that nobody withdrew could have paid it a second time.
    "what is paid can not be paid again": """
        SELECT 'order ' || o.order_id, format('could be paid until %%s, %%s was %%s at %%s',
            o.closed_at, i.number, i.status, coalesce(i.paid_at, i.closed_at)), o.order_id
        FROM payment_orders o
        JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        WHERE o.kind = 'instrument' AND o.state IN ('failed', 'paid') AND NOT o.abandoning
            AND i.status IN ('paid', 'void')
            AND o.closed_at > coalesce(i.paid_at, i.closed_at) + interval '3 hours'
    """,
    "who is told gets a mail": """
        SELECT 'invoice ' || i.number, format('told of %%s at %%s by no mail',
            t.detail->>'key', t.at), NULL
        FROM dunning_steps t
        JOIN dunning_cases c ON c.merchant_id = t.merchant_id AND c.id = t.case_id
        JOIN invoices i ON i.merchant_id = c.merchant_id AND i.id = c.invoice_id
        WHERE t.kind = 'notice' AND NOT EXISTS (SELECT 1 FROM messages m
            WHERE m.merchant_id = t.merchant_id AND m.subject_id = i.id
            AND m.kind LIKE 'dunning.%%' AND m.business_at = t.at)
    """,
    # Worked out of days, apart from the engine: what was billed for days that were not served is
    # given back, but for a rounding of each line. Who owes is left out: a debt that is given up is
    # not credited.
    "what is not served is given back": """
        SELECT 'subscription ' || id, format('ended %%s: %%s is kept, %%s was served', ended_on,
            kept - back, round(served)), NULL
        FROM (
            SELECT s.id, s.ended_on, count(*) AS lines,
                sum(l.amount - l.discount_amount) AS kept,
                sum((l.amount - l.discount_amount) * CASE
                    WHEN l.period_start IS NULL OR l.period_end <= l.period_start THEN 1
                    ELSE greatest(0, least(l.period_end, s.ended_on) - l.period_start)::numeric
                        / (l.period_end - l.period_start) END) AS served,
                coalesce(sum((SELECT sum(n.net_amount) FROM credit_note_lines n
                    WHERE n.merchant_id = l.merchant_id AND n.invoice_line_id = l.id)), 0) AS back
            FROM subscriptions s
            JOIN invoices i ON i.merchant_id = s.merchant_id AND i.subscription_id = s.id
                AND i.status <> 'void'
            JOIN invoice_lines l ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id
            WHERE s.status = 'canceled' AND s.ended_on IS NOT NULL AND l.kind <> 'usage'
                AND NOT EXISTS (SELECT 1 FROM invoices o WHERE o.merchant_id = s.merchant_id
                    AND o.subscription_id = s.id AND o.status IN ('open', 'uncollectible'))
            GROUP BY s.merchant_id, s.id, s.ended_on
        ) ends
        WHERE kept - back > served + 2 * lines + 2
    """,
    "a period is billed by its own line": """
        SELECT 'invoice ' || i.number, format('for %%s to %%s, its line for %%s to %%s',
            i.period_start, i.period_end, l.period_start, l.period_end), NULL
        FROM invoices i JOIN invoice_lines l
            ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id
        WHERE i.kind = 'period' AND l.kind = 'recurring' AND l.extra_id IS NULL
            AND (l.period_start, l.period_end) <> (i.period_start, i.period_end)
    """,
    "a price buys its own interval": """
        SELECT 'invoice ' || i.number, format('%%s to %%s at the price of %%s %%s', l.period_start,
            l.period_end, p.interval_count, p.interval_unit), NULL
        FROM invoice_lines l JOIN invoices i
            ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
        JOIN prices p ON p.merchant_id = l.merchant_id AND p.id = l.price_id
        WHERE l.kind = 'recurring' AND abs(l.period_end
            - CAST(l.period_start + p.interval_count * CAST('1 ' || p.interval_unit AS interval)
                AS date)) > CASE WHEN p.interval_unit IN ('month', 'year') THEN 3 ELSE 0 END
    """,
    # Worked out day by day, apart from the engine. What staff took out is billed no more; what a
    # cancellation took back is, where it was thought better of.
    "every day that is served is billed": """
        SELECT 'subscription ' || s.id, format('%%s, nothing bills %%s', s.status, min(d.day)),
            NULL
        FROM subscriptions s CROSS JOIN LATERAL generate_series(
            coalesce(s.trial_end_on, s.started_on), s.current_end - 1, interval '1 day') AS d(day)
        WHERE s.status IN ('active', 'past_due') AND NOT EXISTS (SELECT 1 FROM events e
                WHERE e.merchant_id = s.merchant_id AND e.subject_id = s.id
                AND (e.payload ? 'served_from' OR e.type IN (
                    'subscription.paused', 'subscription.trial_moved')))
            AND NOT EXISTS (SELECT 1 FROM invoices i JOIN invoice_lines l
                ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id AND l.kind <> 'credit'
                WHERE i.merchant_id = s.merchant_id AND i.subscription_id = s.id
                AND d.day >= l.period_start AND d.day < l.period_end
                AND NOT EXISTS (SELECT 1 FROM audit a WHERE a.merchant_id = i.merchant_id
                    AND a.subject_id = i.id AND a.action = 'invoice.void'
                    AND a.after->>'reason' = 'cancellation'))
        GROUP BY s.id, s.status
    """,
}
# Broken for a moment in the middle of work.
_TIMELY: Final = (
    "what is paid for an invoice goes to it", "what is not served is given back",
    "every day that is served is billed",
)  # fmt: skip
# What was sent before, and may have arrived, is sent again as it was.
_MORE: Final = """
    SELECT i.number, i.due_amount, o.amount FROM payment_orders o
    JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
    JOIN LATERAL (SELECT s.from_state, s.xmin FROM payment_order_steps s
        WHERE s.merchant_id = o.merchant_id AND s.payment_order_id = o.id AND s.to_state = 'sent'
        ORDER BY s.at DESC LIMIT 1) s ON s.from_state = 'created'
    WHERE o.order_id = %s AND o.amount > i.due_amount
        AND pg_xact_commit_timestamp(i.xmin) < pg_xact_commit_timestamp(s.xmin)
"""
# What the book's banks say when they refuse.
_REFUSALS: Final = ("51", "05", "61", "91", "54", "41", "43")


def broken(connection: Any, *, at_once: bool = False) -> list[Violation]:
    """Every promise that a row breaks, at most five times each; ``at_once`` in the middle."""
    found = []
    for rule, query in _RULES.items():
        if at_once and rule in _TIMELY:
            continue
        listed = f"SELECT * FROM ({query}) broken ORDER BY 1, 2 LIMIT 5"  # noqa: S608 - constants
        for what, why, order_id in connection.execute(listed, {}):
            found.append(Violation(rule, what, why, order_id))
    return found + _last_refusals(connection)


def _last_refusals(connection: Any) -> list[Violation]:
    """How often is tried, and what the payer is told, is what the last refusal says."""
    found = []
    cases = "SELECT id, decline_code, memory FROM dunning_cases WHERE decline_code = ANY(%s)"
    for case_id, code, memory in connection.execute(cases, [list(_REFUSALS)]):
        means, reason = decline(code), (memory.get("reason") or {}).get("id")
        if reason != means.reason_id or memory.get("tries_max") != means.tries_max:
            why = f"refused with {code}, and it is told {reason!r}, {memory.get('tries_max')} tries"
            found.append(Violation("the last refusal counts", f"case {case_id}", why))
    return found


def more_than_due(connection: Any, order_id: str) -> list[Violation]:
    """A charge leaves us over more than was due when it was marked as sent."""
    return [
        Violation("I2 no more than is due", f"invoice {number}", f"{due} is due, not {amount}",
                  order_id)
        for number, due, amount in connection.execute(_MORE, [order_id])
    ]  # fmt: skip
