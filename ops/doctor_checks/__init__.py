"""The doctor's checks, one file per part of the business; `ALL` is the order they are run in."""

from __future__ import annotations

from ops.doctor_checks import (
    audit,
    belonging,
    books,
    discounts,
    documents,
    lots,
    methods,
    money,
    moves,
    offers,
    orders,
    periods,
    queues,
    settlements,
    tax,
    terms,
    usage,
    walls,
)
from ops.doctor_checks.check import Check

ALL: tuple[Check, ...] = (
    *money.CHECKS,
    *lots.CHECKS,
    *belonging.CHECKS,
    *books.CHECKS,
    *tax.CHECKS,
    *orders.CHECKS,
    *methods.CHECKS,
    *moves.CHECKS,
    *offers.CHECKS,
    *documents.CHECKS,
    *periods.CHECKS,
    *terms.CHECKS,
    *discounts.CHECKS,
    *usage.CHECKS,
    *queues.CHECKS,
    *settlements.CHECKS,
    *audit.CHECKS,
    *walls.CHECKS,
)
