"""Orders at the gateway: derived ids, one pull at a time, no second try without an attestation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from ops.doctor_checks.check import (
    Broken,
    Check,
    Found,
    Moment,
    by_sql,
    found,
    name_of,
    slugs,
    stream,
)
from ops.doctor_checks.derived import Derived
from payments.order_ids import order_id

_OPEN = "('created', 'sent', 'unknown', 'pending')"
_DAY = timedelta(hours=24)
_OVERLAP = timedelta(minutes=1)


# One long text for many rows: a row at a time takes the driver longer than judging it. What is
# between them occurs in no order id that anybody would type.
_ORDERS = """
    SELECT merchant_id, string_agg(
        concat_ws(chr(31), id, order_id, kind, n, coalesce(owner, 'None'), period), chr(30))
    FROM (
        SELECT o.merchant_id, o.id, o.order_id, o.kind, o.n,
            coalesce(o.invoice_id, o.payment_method_id)::text AS owner,
            coalesce(i.period_start::text, '-') AS period,
            hashtext(o.id::text) % greatest(1, (count(*) OVER ()) / 20000) AS part
        FROM payment_orders o
        LEFT JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
    ) x GROUP BY merchant_id, part
"""
_NAMESPACES = text("SELECT merchant_id, namespace FROM merchants")


def _order_ids(session: Session, _: Moment) -> Found:
    def broken() -> Iterator[Broken]:
        names = slugs(session)
        spaces = {one: bytes(space) for one, space in session.execute(_NAMESPACES)}
        for merchant_id, said in stream(session, _ORDERS):
            derived = Derived(spaces[merchant_id])
            for line in said.split("\x1e"):
                row_id, name, kind, n, owner, period = line.split("\x1f")
                if derived.fits(name, owner, period, kind, n):
                    if derived.is_row_of(name, row_id):
                        continue
                    why = "the row's id is not derived from the order id"
                else:
                    why = f"should be {order_id(spaces[merchant_id], owner, period, kind, int(n))}"
                what = name_of("payment_order", UUID(row_id), name)
                yield Broken(names.get(merchant_id, "-"), what, why)

    return found(broken())


CHECKS = (
    Check(
        "order-ids-derived",
        "Every order id is the one that its invoice, period and number lead to.",
        _order_ids,
    ),
    by_sql(
        "next-try-after-attested-failure",
        "A charge is tried again only after the gateway attested that the one before came to "
        "nothing, or to less than is due.",
        """
        SELECT b.merchant_id, 'payment_order' AS kind, b.id, b.order_id AS label,
            format('follows %s, which is %s and was never attested as failed', a.order_id,
                a.state) AS why
        FROM payment_orders a JOIN payment_orders b ON b.merchant_id = a.merchant_id
            AND b.invoice_id = a.invoice_id
            -- Each kind counts by itself: of two kinds the one written first came first. One
            -- that tells nothing of its writing is taken for the later.
            AND CASE WHEN a.kind = b.kind THEN b.n > a.n ELSE (
                SELECT coalesce(min(s.at), 'infinity') FROM payment_order_steps s
                WHERE s.merchant_id = b.merchant_id AND s.payment_order_id = b.id
            ) > (
                SELECT min(s.at) FROM payment_order_steps s
                WHERE s.merchant_id = a.merchant_id AND s.payment_order_id = a.id
            ) END
        WHERE (a.kind = 'attempt' OR b.kind = 'attempt') AND NOT EXISTS (
            SELECT 1 FROM payment_order_steps s WHERE s.merchant_id = a.merchant_id
                AND s.payment_order_id = a.id AND s.to_state IN ('failed', 'reversed'))
            -- Of a hold a part was captured, or the bank took a part back: the rest is due.
            AND NOT (a.state = 'paid' AND coalesce(a.capture_amount, a.amount) < a.amount)
            AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.merchant_id = a.merchant_id
                AND p.payment_order_id = a.id AND p.charged_back_amount > 0)
        """,
    ),
    by_sql(
        "card-pays-for-its-holder",
        "A saved method pays only for its holder, and nothing else names it.",
        """
        SELECT t.merchant_id, t.kind, t.id, t.label,
            format('%s, by the saved method of another customer', t.state) AS why
        FROM (
            SELECT merchant_id, 'payment_order' AS kind, id, order_id AS label, state,
                customer_id, payment_method_id FROM payment_orders
            UNION ALL SELECT merchant_id, 'invoice', id, number, status,
                customer_id, payment_method_id FROM invoices
            UNION ALL SELECT merchant_id, 'subscription', id, NULL, status,
                customer_id, payment_method_id FROM subscriptions
            UNION ALL SELECT merchant_id, 'mandate', id, text_version, 'consent',
                customer_id, payment_method_id FROM mandates
        ) t JOIN payment_methods m
            ON m.merchant_id = t.merchant_id AND m.id = t.payment_method_id
        WHERE m.customer_id <> t.customer_id
        """,
    ),
    by_sql(
        "one-open-pull",
        "At most one pull of an invoice is open.",
        f"""
        SELECT o.merchant_id, 'invoice' AS kind, o.invoice_id AS id, i.number AS label,
            format('%s charges are open', count(*)) AS why
        FROM payment_orders o JOIN invoices i
            ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        WHERE o.kind = 'attempt' AND o.state IN {_OPEN}
        GROUP BY o.merchant_id, o.invoice_id, i.number HAVING count(*) > 1
        """,  # noqa: S608
    ),
    by_sql(
        "nothing-unknown-for-a-day",
        "No order's outcome has been unknown for more than 24 hours.",
        """
        SELECT merchant_id, 'payment_order' AS kind, id, order_id AS label,
            format('%s since %s', state, first_sent_at) AS why
        FROM payment_orders
        WHERE state IN ('sent', 'unknown')
            AND first_sent_at < :real_now - CAST(:day AS interval)
        """,
        day=_DAY,
    ),
    by_sql(
        "nothing-stuck",
        "Every open order is looked at when its time comes; none waits a day longer.",
        f"""
        SELECT merchant_id, 'payment_order' AS kind, id, order_id AS label,
            format('%s, was due %s', state, next_at) AS why
        FROM payment_orders
        WHERE state IN {_OPEN} AND next_at < :real_now - CAST(:day AS interval)
        """,  # noqa: S608
        day=_DAY,
    ),
    by_sql(
        "paid-order-has-payment",
        "Every order the gateway took money for has one payment over its amount, and the reverse.",
        """
        SELECT coalesce(o.merchant_id, p.merchant_id) AS merchant_id, 'payment_order' AS kind,
            coalesce(o.id, p.payment_order_id) AS id, coalesce(o.order_id, p.order_id) AS label,
            format('order %s over %s, payment over %s', o.state, o.amount, p.amount) AS why
        FROM (
            SELECT merchant_id, id, order_id, state, coalesce(capture_amount, amount) AS amount
            FROM payment_orders WHERE state IN ('paid', 'reversed') AND invoice_id IS NOT NULL
        ) o
            FULL JOIN payments p ON p.merchant_id = o.merchant_id AND p.payment_order_id = o.id
        WHERE o.id IS NULL OR p.id IS NULL OR o.amount <> p.amount OR o.order_id <> p.order_id
        """,
    ),
    by_sql(
        "holds-are-captured-once",
        "Only what was asked for as a hold is captured in part, and where less was captured than "
        "held and the rest was to be taken back, a credit note does.",
        """
        SELECT o.merchant_id, 'payment_order' AS kind, o.id, o.order_id AS label,
            format('%s of %s captured, rest %s, credited %s', o.capture_amount, o.amount,
                coalesce(o.capture_rest, '-'), coalesce(c.total_amount, 0)) AS why
        FROM payment_orders o LEFT JOIN credit_notes c ON c.merchant_id = o.merchant_id
            AND c.source_kind = 'capture' AND c.source_id = o.id
        WHERE (o.capture_amount IS NOT NULL AND NOT o.authorize_only)
            OR (o.state = 'paid' AND o.authorize_only AND o.capture_amount IS NULL)
            OR (o.state = 'paid' AND o.capture_rest = 'credit' AND o.capture_amount < o.amount
                AND c.id IS NULL)
            OR coalesce(c.total_amount, 0) > o.amount - coalesce(o.capture_amount, o.amount)
        """,
    ),
    by_sql(
        "holds-end",
        "No card holds money, and no charge is questioned, longer than the gateway keeps it.",
        """
        SELECT merchant_id, 'payment_order' AS kind, id, order_id AS label,
            format('%s since %s', held, first_sent_at) AS why
        FROM payment_orders
        WHERE held IS NOT NULL AND first_sent_at < :real_now - CAST(:longest AS interval)
        """,
        longest=timedelta(days=10),
    ),
    by_sql(
        "pages-end",
        "No hosted page is waited for a day after its end, unless something chosen on it waits.",
        """
        SELECT t.merchant_id, 'payment_order' AS kind, t.id, t.order_id AS label,
            format('%s, its page ended %s', t.state, t.page_until) AS why
        FROM payment_orders t LEFT JOIN clocks c ON c.merchant_id = t.merchant_id
        WHERE t.state IN ('created', 'sent', 'unknown', 'pending')
            AND coalesce(t.answer->>'transaction_status', '') <> 'pending'
            AND t.page_until < coalesce(c.at, :real_now) - CAST(:day AS interval)
        """,
        day=_DAY,
    ),
    by_sql(
        "steps-tell-the-state",
        "An order's history begins with being written ahead and leads to the state it is in.",
        """
        SELECT o.merchant_id, 'payment_order' AS kind, o.id, o.order_id AS label,
            format('%s has no such step', o.state) AS why
        FROM payment_orders o LEFT JOIN (
            SELECT merchant_id, payment_order_id, array_agg(to_state) AS states,
                bool_or(from_state IS NULL AND to_state = 'created') AS begun
            FROM payment_order_steps GROUP BY merchant_id, payment_order_id
        ) s ON s.merchant_id = o.merchant_id AND s.payment_order_id = o.id
        WHERE NOT coalesce(s.begun AND o.state = ANY (s.states), false)
        """,
    ),
    by_sql(
        "sent-before-called",
        "No order left us without a committed step that says it was being sent.",
        """
        SELECT o.merchant_id, 'payment_order' AS kind, o.id, o.order_id AS label,
            format('sends %s, steps say %s', o.sends, coalesce(s.times, 0)) AS why
        FROM payment_orders o LEFT JOIN (
            SELECT merchant_id, payment_order_id, count(*) AS times FROM payment_order_steps
            WHERE to_state = 'sent' GROUP BY merchant_id, payment_order_id
        ) s ON s.merchant_id = o.merchant_id AND s.payment_order_id = o.id
        WHERE o.sends <> coalesce(s.times, 0)
        """,
    ),
    by_sql(
        "closed-invoices-are-left-alone",
        "Nobody is charged for an invoice after it was paid, voided or given up.",
        """
        SELECT o.merchant_id, 'payment_order' AS kind, o.id, o.order_id AS label,
            format('sent %s, but %s was %s', s.business_at, i.number, i.status) AS why
        FROM payment_orders o
        JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
        JOIN payment_order_steps s ON s.merchant_id = o.merchant_id AND s.payment_order_id = o.id
        WHERE o.kind = 'attempt' AND s.from_state = 'created' AND s.to_state = 'sent'
            AND i.status IN ('paid', 'void', 'uncollectible')
            -- A transaction carries the time it began at: one that waited for the other's row comes
            -- later and says an earlier time. No lock is waited for as long as this.
            AND s.business_at > coalesce(i.paid_at, i.closed_at) + CAST(:overlap AS interval)
        """,
        overlap=_OVERLAP,
    ),
)
