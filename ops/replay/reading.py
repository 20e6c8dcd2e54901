"""Stored invoices in batches, with their lines and all that these name: memory stays flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, cast
from uuid import UUID

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy.orm import Session

from core.calendars import Interval
from ops.replay.facts import Credited, Document, Given, Line, Metered, Sold, Sources
from ops.replay.lines import wanted_of
from plans.catalogue import PriceVersion, TaxMode

BATCH = 2_000
# So many rows of prices are kept between batches.
PRICES_KEPT = 20_000
_NONE = UUID(int=0)
_INVOICES = """
    SELECT merchant_id, id, number, subtotal_amount, tax_amount, total_amount, tax::text AS tax
    FROM invoices WHERE (merchant_id, id) > (%s, %s) ORDER BY merchant_id, id LIMIT %s
"""
_LINES = """
    SELECT l.merchant_id, l.invoice_id, l.id, l.position, l.kind, l.quantity, l.amount,
        l.tax_amount, l.discount_amount, l.period_start, l.period_end, l.price_id,
        l.credits_line_id, l.derivation::text AS derivation
    FROM unnest(%s::uuid[], %s::uuid[]) AS w (merchant_id, invoice_id)
    JOIN invoice_lines l USING (merchant_id, invoice_id)
    ORDER BY l.merchant_id, l.invoice_id, l.position
"""
_PRICES = """
    SELECT p.id, p.version, p.currency, p.unit_amount, p.interval_unit, p.interval_count,
        p.trial_days, p.tax_mode, p.model, p.model_terms, p.setup_amount, n.code
    FROM prices p JOIN plans n ON n.merchant_id = p.merchant_id AND n.id = p.plan_id
    WHERE p.merchant_id = %s AND p.id = ANY (%s)
"""
_CREDITED = """
    SELECT id, amount, period_start, period_end FROM invoice_lines
    WHERE merchant_id = %s AND id = ANY (%s)
"""
_METERED = """
    SELECT c.id, p.model, p.model_terms, c.quantity, c.events
    FROM usage_closings c
    JOIN usage_prices p ON p.merchant_id = c.merchant_id AND p.id = c.usage_price_id
    WHERE c.merchant_id = %s AND c.id = ANY (%s)
"""
_DISCOUNTS = """
    SELECT id, basis_points, amount FROM discounts WHERE merchant_id = %s AND id = ANY (%s)
"""


class Reader:
    """Reads in the snapshot of a session; what a batch leaves behind is a bounded set of prices."""

    def __init__(self, session: Session, batch: int = BATCH) -> None:
        driver = session.connection().connection.driver_connection
        if driver is None:
            raise RuntimeError("the connection is gone")
        self._connection = cast("psycopg.Connection[Any]", driver)
        self._batch = batch
        self._prices: dict[tuple[UUID, UUID], Sold] = {}

    def about(self) -> int:
        """How many lines there are, as the server's statistics have it."""
        [(many,)] = self._rows(
            "SELECT greatest(reltuples, 0)::bigint FROM pg_class "
            "WHERE oid = 'invoice_lines'::regclass",
            (),
        )
        return int(many)

    def batches(self) -> Iterator[tuple[list[Document], dict[UUID, Sources]]]:
        """Documents in the order of their keys, with what their lines name by merchant."""
        at = (_NONE, _NONE)
        while heads := self._rows(_INVOICES, (*at, self._batch)):
            at = (heads[-1].merchant_id, heads[-1].id)
            lines = self._lines(heads)
            documents = [
                Document(
                    one.merchant_id, one.id, one.number, one.subtotal_amount, one.tax_amount,
                    one.total_amount, one.tax, tuple(lines.get((one.merchant_id, one.id), ())),
                )
                for one in heads
            ]  # fmt: skip
            yield documents, self._sources(documents)

    def _lines(self, heads: list[Any]) -> dict[tuple[UUID, UUID], list[Line]]:
        found: defaultdict[tuple[UUID, UUID], list[Line]] = defaultdict(list)
        wanted = ([one.merchant_id for one in heads], [one.id for one in heads])
        for merchant_id, invoice_id, *rest in self._rows(_LINES, wanted):
            found[merchant_id, invoice_id].append(Line(*rest))
        return found

    def _sources(self, documents: Iterable[Document]) -> dict[UUID, Sources]:
        by_merchant: defaultdict[UUID, list[Line]] = defaultdict(list)
        for document in documents:
            by_merchant[document.merchant_id].extend(document.lines)
        return {one: self._of(one, lines) for one, lines in by_merchant.items()}

    def _of(self, merchant_id: UUID, lines: list[Line]) -> Sources:
        closings: set[UUID] = set()
        discounts: set[UUID] = set()
        for line in lines:
            closing, by = wanted_of(line)
            discounts |= by
            if closing is not None:
                closings.add(closing)
        credited = {line.credits_line_id for line in lines if line.credits_line_id}
        return Sources(
            prices=self._sold(merchant_id, {line.price_id for line in lines if line.price_id}),
            metered={
                one.id: Metered(one.model, one.model_terms, one.quantity, one.events)
                for one in self._by_id(_METERED, merchant_id, closings)
            },
            discounts={
                one.id: Given(one.basis_points, one.amount)
                for one in self._by_id(_DISCOUNTS, merchant_id, discounts)
            },
            credited={
                one.id: Credited(one.amount, one.period_start, one.period_end)
                for one in self._by_id(_CREDITED, merchant_id, credited)
            },
        )

    def _sold(self, merchant_id: UUID, wanted: set[UUID]) -> dict[UUID, Sold]:
        if len(self._prices) > PRICES_KEPT:
            self._prices.clear()
        missing = {one for one in wanted if (merchant_id, one) not in self._prices}
        for row in self._by_id(_PRICES, merchant_id, missing):
            terms = PriceVersion(
                plan_code=row.code, version=row.version, currency=row.currency,
                unit_amount=row.unit_amount,
                interval=Interval(row.interval_unit, row.interval_count),
                trial_days=row.trial_days, tax_mode=cast(TaxMode, row.tax_mode), model=row.model,
                model_terms=row.model_terms,
            )  # fmt: skip
            self._prices[merchant_id, row.id] = Sold(terms, row.setup_amount)
        found = ((one, self._prices.get((merchant_id, one))) for one in wanted)
        return {one: sold for one, sold in found if sold is not None}

    def _by_id(self, query: str, merchant_id: UUID, wanted: Iterable[UUID]) -> list[Any]:
        listed = sorted(wanted)
        return self._rows(query, (merchant_id, listed)) if listed else []

    def _rows(self, query: str, given: tuple[Any, ...]) -> list[Any]:
        with self._connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(query.encode(), given).fetchall()
