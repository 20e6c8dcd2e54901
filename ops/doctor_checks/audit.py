"""The audit trail: every row has its seal or waits for it, and none waits long.

These count, and need no key. Whether a row was changed is asked by `tagihan audit verify`.
"""

from __future__ import annotations

from datetime import timedelta

from ops.doctor_checks.check import by_sql

_HOUR = timedelta(hours=1)

CHECKS = (
    by_sql(
        "audit-adds-up",
        "Every row of the audit is sealed or waits for its seal; no place of the trail is missing.",
        """
        SELECT m.merchant_id, 'merchant' AS kind, m.merchant_id AS id, m.slug AS label,
            format('%s rows, %s sealed up to place %s, %s wait, anchored up to %s', a.rows,
                s.rows, s.last, u.rows, n.last) AS why
        FROM merchants m
        CROSS JOIN LATERAL (SELECT count(*) AS rows FROM audit t
            WHERE t.merchant_id = m.merchant_id) a
        CROSS JOIN LATERAL (SELECT count(*) AS rows, coalesce(max(t.place), 0) AS last
            FROM audit_seals t WHERE t.merchant_id = m.merchant_id) s
        CROSS JOIN LATERAL (SELECT count(*) AS rows FROM audit_unsealed t
            WHERE t.merchant_id = m.merchant_id) u
        CROSS JOIN LATERAL (SELECT coalesce(max(t.last_place), 0) AS last FROM audit_anchors t
            WHERE t.merchant_id = m.merchant_id) n
        WHERE a.rows <> s.rows + u.rows OR s.rows <> s.last OR n.last <> s.last
        """,
    ),
    by_sql(
        "audit-is-sealed",
        "No row of the audit waits for its seal for more than an hour (is a scheduler running?).",
        """
        SELECT t.merchant_id, 'merchant' AS kind, t.merchant_id AS id, NULL AS label,
            format('%s rows wait, the oldest since %s', count(*), min(t.at)) AS why
        FROM audit_unsealed t
        GROUP BY t.merchant_id HAVING min(t.at) < :real_now - CAST(:hour AS interval)
        """,
        warning=True,
        hour=_HOUR,
    ),
)
