"""Usage: sums are what the events come to, and every day that is over is billed once."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from ops.doctor_checks.check import Broken, Check, Found, Moment, by_sql, found, slugs
from usage.service import COUNTED

# More events than this are counted again in as many days as there are shares of them.
_COUNTED_A_DAY = 500_000
_RECOUNTED = text(
    f"""
    WITH counted AS (
        SELECT merchant_id, subscription_id, meter_id, day, count(*) AS events,
            coalesce(sum(value), 0) AS total,
            coalesce(sum(value * trunc(extract(epoch FROM at) * 1000000)), 0) AS moment,
            max(value) AS top, count(DISTINCT seen) AS different,
            (array_agg(value ORDER BY at DESC, seq DESC))[1] AS last_value
        FROM ({COUNTED}) c WHERE abs(hashtext(subscription_id::text)) % :shares = :share
        GROUP BY 1, 2, 3, 4
    ), kept AS (
        SELECT d.*, (SELECT count(*) FROM usage_values v WHERE v.merchant_id = d.merchant_id
            AND v.subscription_id = d.subscription_id AND v.meter_id = d.meter_id
            AND v.day = d.day) AS different
        FROM usage_days d WHERE abs(hashtext(subscription_id::text)) % :shares = :share
    )
    SELECT coalesce(k.merchant_id, c.merchant_id) AS merchant_id,
        coalesce(k.subscription_id, c.subscription_id) AS subscription_id,
        coalesce(k.day, c.day) AS day, m.code, m.version,
        coalesce(k.events, 0) AS kept, coalesce(c.events, 0) AS counted,
        coalesce(k.total, 0) AS kept_total, coalesce(c.total, 0) AS counted_total
    FROM kept k FULL JOIN counted c ON c.merchant_id = k.merchant_id
        AND c.subscription_id = k.subscription_id AND c.meter_id = k.meter_id AND c.day = k.day
    JOIN meters m ON m.id = coalesce(k.meter_id, c.meter_id)
        AND m.merchant_id = coalesce(k.merchant_id, c.merchant_id)
    WHERE (coalesce(k.events, 0), coalesce(k.total, 0), coalesce(k.moment, 0), k.top,
            k.last_value, coalesce(k.different, 0))
        IS DISTINCT FROM (coalesce(c.events, 0), coalesce(c.total, 0), coalesce(c.moment, 0),
            c.top, c.last_value, coalesce(c.different, 0))
    """  # noqa: S608 - constants
)


def _counted(session: Session, moment: Moment) -> Found:
    """Count the events again: all of them, or of very many a share that changes every day."""
    many = session.execute(text("SELECT count(*) FROM usage_events")).scalar_one()
    shares = 1 + many // _COUNTED_A_DAY
    given = {"shares": shares, "share": moment.real_now.toordinal() % shares}
    names = slugs(session)
    return found(
        Broken(
            names.get(row.merchant_id, "-"),
            f"meter {row.code} version {row.version} on {row.day}",
            f"{row.kept} events over {row.kept_total}, counted again {row.counted} over "
            f"{row.counted_total}",
        )
        for row in session.execute(_RECOUNTED, given)
    )


CHECKS = (
    Check(
        "usage-is-counted",
        "What a meter counted of a subscription on a day is what its events come to.",
        _counted,
    ),
    by_sql(
        "usage-is-billed-once",
        "What was added for a span of usage stands on its invoice, on one line or taken off by a "
        "note, and what was added comes to what the span comes to.",
        """
        WITH line AS (
            SELECT merchant_id, invoice_id, CAST(derivation -> 'usage' ->> 'closing' AS uuid)
                AS closing, sum(amount) AS amount, count(*) AS lines
            FROM invoice_lines WHERE kind = 'usage' GROUP BY 1, 2, 3
        ), span AS (
            SELECT c.*, first_value(c.id) OVER w AS first_id, sum(c.added) OVER w AS so_far
            FROM usage_closings c
            WINDOW w AS (PARTITION BY c.merchant_id, c.item_id, c.usage_price_id, c.period_start
                ORDER BY c.n)
        )
        SELECT s.merchant_id, 'subscription' AS kind, s.subscription_id AS id, NULL::text AS label,
            format('%s to %s: %s added, %s on its invoice', s.period_start, s.period_end, s.added,
                coalesce(l.amount, 0)) AS why
        FROM span s LEFT JOIN line l ON l.merchant_id = s.merchant_id
            AND l.invoice_id = s.invoice_id AND l.closing = s.first_id
        WHERE s.added > 0 AND (l.amount IS DISTINCT FROM s.added OR l.lines <> 1)
        UNION ALL
        SELECT merchant_id, 'subscription', subscription_id, NULL,
            format('%s to %s comes to %s, added %s', period_start, period_end, amount, so_far)
        FROM span WHERE amount <> so_far
        UNION ALL
        SELECT l.merchant_id, 'invoice', l.invoice_id, NULL,
            format('a line of usage over %s that no closing knows', l.amount)
        FROM line l WHERE l.amount > 0 AND NOT EXISTS (SELECT 1 FROM span s
            WHERE s.merchant_id = l.merchant_id AND s.invoice_id = l.invoice_id
            AND s.first_id = l.closing AND s.added > 0)
        """,
    ),
    by_sql(
        "meter-billed-by-one-item",
        "No two items of a subscription bill what one meter counts of the same day.",
        """
        WITH billed AS (
            SELECT i.merchant_id, i.subscription_id, i.extra_id, i.started_on, i.ended_on, m.code
            FROM usage_prices p
            JOIN meters m ON m.merchant_id = p.merchant_id AND m.id = p.meter_id
            JOIN subscription_items i ON i.merchant_id = p.merchant_id AND i.price_id = p.price_id
            WHERE i.ended_on IS NULL OR i.ended_on > i.started_on
        )
        SELECT DISTINCT a.merchant_id, 'subscription' AS kind, a.subscription_id AS id,
            NULL::text AS label, format('two items bill what %s counts', a.code) AS why
        FROM billed a JOIN billed b ON b.merchant_id = a.merchant_id
            AND b.subscription_id = a.subscription_id AND b.code = a.code
            AND coalesce(b.extra_id, b.subscription_id) > coalesce(a.extra_id, a.subscription_id)
            AND b.started_on < coalesce(a.ended_on, 'infinity')
            AND a.started_on < coalesce(b.ended_on, 'infinity')
        """,
    ),
    by_sql(
        "usage-is-closed",
        "Every day of a metered price that lies before the current period, or before the end, is "
        "closed.",
        """
        SELECT s.merchant_id, 'subscription' AS kind, s.id, s.external_id AS label,
            format('%s of %s is open up to %s', greatest(i.started_on, s.trial_end_on),
                p.name ->> 'id', o.over) AS why
        FROM subscriptions s
        JOIN subscription_items i ON i.merchant_id = s.merchant_id AND i.subscription_id = s.id
        JOIN usage_prices p ON p.merchant_id = i.merchant_id AND p.price_id = i.price_id
        CROSS JOIN LATERAL (
            SELECT least(coalesce(s.ended_on, s.current_start), i.ended_on) AS over
        ) o
        -- One that was never paid for was never billed; its first payment is still awaited.
        WHERE s.incomplete_until IS NULL
            AND (s.status = 'canceled'
                OR s.status IN ('active', 'past_due') AND s.billed_through > s.current_start)
            AND greatest(i.started_on, s.trial_end_on) < o.over
            -- The versions of an item that follow each other are closed as one.
            AND NOT EXISTS (
                SELECT 1 FROM usage_closings c
                JOIN subscription_items v ON v.merchant_id = c.merchant_id AND v.id = c.item_id
                WHERE c.merchant_id = s.merchant_id AND c.subscription_id = s.id
                    AND c.usage_price_id = p.id AND v.extra_id IS NOT DISTINCT FROM i.extra_id
                    AND c.period_start < o.over AND c.period_end >= o.over)
        """,
    ),
)
