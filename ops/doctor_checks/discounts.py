"""Discounts and items: codes counted, what was taken explained, every line with its own item."""

from __future__ import annotations

from typing import Any

from invoices.derivation import recompute
from invoices.discounts import gross_of
from ops.doctor_checks.check import Check, by_case, by_sql


def _taken(said: list[Any]) -> str | None:
    amount, taken, derivation = said
    try:
        gross = recompute(gross_of(derivation))
    except ValueError as error:
        return str(error)
    if not 0 < taken <= gross or gross - taken != amount:
        return f"{taken} taken off {gross} is not {amount}"
    return None


CHECKS: tuple[Check, ...] = (
    by_sql(
        "codes-are-counted",
        "A code was given as often as its counter says, and no oftener than it may, in all and to "
        "one customer.",
        """
        SELECT d.merchant_id, 'discount' AS kind, d.id, d.code AS label,
            format('counted %s, given %s, to one customer up to %s', d.redeemed,
                coalesce(sum(g.uses), 0), coalesce(max(g.uses), 0)) AS why
        FROM discounts d LEFT JOIN (
            SELECT merchant_id, discount_id, customer_id, count(*) AS uses
            FROM discount_grants WHERE released_at IS NULL
            GROUP BY merchant_id, discount_id, customer_id
        ) g ON g.merchant_id = d.merchant_id AND g.discount_id = d.id
        GROUP BY d.merchant_id, d.id, d.code, d.redeemed, d.max_redemptions, d.per_customer
        HAVING d.redeemed <> coalesce(sum(g.uses), 0)
            OR d.redeemed > coalesce(d.max_redemptions, d.redeemed)
            OR coalesce(max(g.uses), 0) > d.per_customer
        """,
    ),
    by_case(
        "discounts-compute",
        "What a discount took off a line is what its derivation says, and no more than the line.",
        """
        SELECT l.merchant_id, 'invoice' AS kind, l.invoice_id AS id,
            concat(i.number, ' line ', l.position) AS label,
            concat('[', l.amount, ',', l.discount_amount, ',', l.derivation, ']') AS said
        FROM invoice_lines l LEFT JOIN invoices i
            ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
        WHERE l.discount_amount <> 0
        """,
        _taken,
    ),
    by_sql(
        "lines-have-their-item",
        "A line of an item beside the first is of its invoice's own subscription, and a credit is "
        "of the item whose line it credits.",
        """
        SELECT l.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('line %s names an item of another', l.position) AS why
        FROM invoice_lines l
        JOIN invoices i ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
        LEFT JOIN subscription_items s ON s.merchant_id = l.merchant_id AND s.id = l.extra_id
        LEFT JOIN invoice_lines o ON o.merchant_id = l.merchant_id AND o.id = l.credits_line_id
        WHERE (l.extra_id IS NOT NULL AND s.subscription_id IS DISTINCT FROM i.subscription_id)
            OR (o.id IS NOT NULL AND o.extra_id IS DISTINCT FROM l.extra_id)
        """,
    ),
)
