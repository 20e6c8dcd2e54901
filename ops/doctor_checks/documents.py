"""Documents: numbers without gaps, lines that compute, sums that agree, content untouched."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Text, cast, func, select, text
from sqlalchemy.orm import Session

from billing.flows.issue_rows import HASHED, HASHED_LINE, content_hash
from invoices.derivation import recompute
from invoices.tables import invoice_lines, invoices
from ops.doctor_checks.check import (
    Broken,
    Check,
    Found,
    Moment,
    by_case,
    by_sql,
    found,
    name_of,
    slugs,
)

_BATCH = 2000
_HASHED_A_DAY = 20_000
_GAPS = text("SELECT merchant_id, kind, year, first_number, last_number FROM number_gaps")
_SERIES = text(
    """
    SELECT d.merchant_id, d.kind, d.year, d.numbers, coalesce(s.last_number, 0) AS last_number,
        m.number_pattern
    FROM (
        SELECT merchant_id, 'invoice' AS kind, CAST(extract(year FROM issued_on) AS int) AS year,
            array_agg(number) AS numbers
        FROM invoices WHERE number IS NOT NULL GROUP BY 1, 2, 3
        UNION ALL
        SELECT merchant_id, 'credit_note', CAST(extract(year FROM issued_on) AS int),
            array_agg(number)
        FROM credit_notes GROUP BY 1, 2, 3
    ) d
    JOIN merchants m ON m.merchant_id = d.merchant_id
    LEFT JOIN number_series s ON s.merchant_id = d.merchant_id AND s.kind = d.kind
        AND s.year = d.year AND s.branch = ''
    UNION ALL
    SELECT s.merchant_id, s.kind, s.year, ARRAY[]::text[], s.last_number, m.number_pattern
    FROM number_series s JOIN merchants m ON m.merchant_id = s.merchant_id
    WHERE s.last_number > 0 AND NOT EXISTS (
        SELECT 1 FROM invoices i WHERE s.kind = 'invoice' AND i.merchant_id = s.merchant_id
            AND extract(year FROM i.issued_on) = s.year
        UNION ALL
        SELECT 1 FROM credit_notes c WHERE s.kind = 'credit_note'
            AND c.merchant_id = s.merchant_id AND extract(year FROM c.issued_on) = s.year)
    """
)


def _numbers(session: Session, _: Moment) -> Found:
    def broken() -> Iterator[Broken]:
        names = slugs(session)
        gaps: defaultdict[tuple[UUID, str, int], set[int]] = defaultdict(set)
        for merchant_id, kind, year, first, last in session.execute(_GAPS):
            gaps[merchant_id, kind, year].update(range(first, last + 1))
        for row in session.execute(_SERIES.execution_options(yield_per=10)):
            left_out = gaps[row.merchant_id, row.kind, row.year]
            why = _series_fault(row.number_pattern, row.numbers, row.last_number, left_out)
            if why:
                what = f"{row.kind.replace('_', ' ')} series {row.year}"
                yield Broken(names.get(row.merchant_id, "-"), what, why)

    return found(broken())


def _series_fault(pattern: str, numbers: list[str], last: int, left_out: set[int]) -> str | None:
    """Say what is wrong with a series: its count, its highest and its counter are one figure.

    Of the numbers ``left_out`` it is on record that no document has them: a restore skipped them.
    """
    count = len(numbers)
    if len(set(numbers)) != count:
        return f"{count} documents share {len(set(numbers))} numbers"
    shape = _shape(pattern)
    read = [shape.fullmatch(number) for number in numbers]
    if all(read):
        counted = {int(match["n"]) for match in read if match}
        missing = sorted(set(range(1, last + 1)) - counted - left_out)
        if missing:
            shown = ", ".join(str(n) for n in missing[:5])
            return f"{count} documents, counter at {last}, missing {shown}"
        reused = sorted(counted & left_out)
        if reused:
            return f"number {reused[0]} was given though it may stand on a paper of a lost time"
        if len(counted) != count or max(counted | left_out, default=0) != last:
            return f"{count} documents, highest {max(counted, default=0)}, counter at {last}"
        return None
    # Numbers written by an earlier pattern are only counted.
    return None if count + len(left_out) == last else f"{count} documents, counter at {last}"


def _shape(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\{[^{}]*\})", pattern)
    return re.compile(
        "".join(
            "(?P<n>[0-9]+)"
            if re.fullmatch(r"\{n(:0[1-9]d)?\}", part)
            else ("[0-9]+" if part in ("{year}", "{month}") else "[A-Za-z0-9/._-]*?")
            if part.startswith("{")
            else re.escape(part)
            for part in parts
        )
    )


def _computes(said: list[Any]) -> str | None:
    amount, derivation = said
    try:
        computed: int | str = recompute(derivation)
    except ValueError as error:
        computed = str(error)
    return None if computed == amount else f"{amount}, its derivation says {computed}"


def _hashes(session: Session, moment: Moment) -> Found:
    """Hash issued invoices again: all of them, or of very many a share that changes every day."""

    def broken() -> Iterator[Broken]:
        names = slugs(session)
        for batch in _batches(session, moment):
            lines = _lines_of(session, batch)
            for row in batch:
                said = {name: row._mapping[name] for name in HASHED}
                if content_hash(said, lines[row.merchant_id, row.id]) != bytes(row.content_hash):
                    what = name_of("invoice", row.id, row.number)
                    why = "its content is not what was issued"
                    yield Broken(names.get(row.merchant_id, "-"), what, why)

    return found(broken())


def _batches(session: Session, moment: Moment) -> Iterator[list[Row[Any]]]:
    issued = invoices.c.content_hash.is_not(None)
    count = session.execute(select(func.count()).where(issued)).scalar_one()
    # In as many days as there are shares every invoice has been hashed again.
    shares = 1 + count // _HASHED_A_DAY
    share = func.abs(func.hashtext(cast(invoices.c.id, Text))) % shares
    columns = [invoices.c[name] for name in ("merchant_id", *HASHED, "content_hash")]
    rows = session.execute(
        select(*columns)
        .where(issued, share == moment.real_now.toordinal() % shares)
        .execution_options(yield_per=_BATCH)
    )
    for partition in rows.partitions():
        yield list(partition)


def _lines_of(
    session: Session, batch: list[Row[Any]]
) -> dict[tuple[UUID, UUID], list[dict[str, Any]]]:
    rows = session.execute(
        select(
            invoice_lines.c.merchant_id,
            invoice_lines.c.invoice_id,
            *(invoice_lines.c[name] for name in HASHED_LINE),
        )
        .where(
            invoice_lines.c.merchant_id.in_({row.merchant_id for row in batch}),
            invoice_lines.c.invoice_id.in_([row.id for row in batch]),
        )
        .order_by(invoice_lines.c.merchant_id, invoice_lines.c.invoice_id, invoice_lines.c.position)
    )
    listed: dict[tuple[UUID, UUID], list[dict[str, Any]]] = defaultdict(list)
    for key, group in groupby(rows, key=lambda row: (row.merchant_id, row.invoice_id)):
        listed[key] = [dict(row._mapping) for row in group]
    return listed


CHECKS = (
    Check(
        "numbers-without-gaps",
        "Documents of a series are numbered 1, 2, 3 up to its counter, none missing, none twice.",
        _numbers,
    ),
    by_case(
        "lines-compute",
        "Every line's amount is what its stored derivation computes to.",
        """
        SELECT l.merchant_id, 'invoice' AS kind, l.invoice_id AS id,
            concat(i.number, ' line ', l.position) AS label,
            concat('[', l.amount, ',', l.derivation, ']') AS said
        FROM invoice_lines l LEFT JOIN invoices i
            ON i.merchant_id = l.merchant_id AND i.id = l.invoice_id
        """,
        _computes,
    ),
    by_sql(
        "lines-add-up",
        "An invoice's lines add up to its subtotal (or its total, where prices hold the tax), and "
        "their tax to its tax.",
        """
        SELECT i.merchant_id, 'invoice' AS kind, i.id, i.number AS label,
            format('lines %s and tax %s, invoice %s and %s', coalesce(l.net, 0),
                coalesce(l.tax, 0), i.subtotal_amount, i.tax_amount) AS why
        FROM invoices i LEFT JOIN (
            SELECT merchant_id, invoice_id, sum(amount) AS net, sum(tax_amount) AS tax
            FROM invoice_lines GROUP BY merchant_id, invoice_id
        ) l ON l.merchant_id = i.merchant_id AND l.invoice_id = i.id
        WHERE coalesce(l.net, 0) NOT IN (i.subtotal_amount, i.total_amount)
            OR coalesce(l.tax, 0) <> i.tax_amount
        """,
    ),
    by_sql(
        "notes-add-up",
        "A credit note's lines add up to it, and never exceed the lines they credit.",
        """
        SELECT c.merchant_id, 'credit_note' AS kind, c.id, c.number AS label,
            format('lines %s and %s, note %s and %s', coalesce(l.net, 0), coalesce(l.tax, 0),
                c.net_amount, c.tax_amount) AS why
        FROM credit_notes c LEFT JOIN (
            SELECT merchant_id, credit_note_id, sum(net_amount) AS net, sum(tax_amount) AS tax
            FROM credit_note_lines GROUP BY merchant_id, credit_note_id
        ) l ON l.merchant_id = c.merchant_id AND l.credit_note_id = c.id
        WHERE coalesce(l.net, 0) <> c.net_amount OR coalesce(l.tax, 0) <> c.tax_amount
        UNION ALL
        SELECT i.merchant_id, 'invoice', i.invoice_id, NULL,
            format('line %s over %s, credited %s', i.position, i.amount, l.given)
        FROM invoice_lines i JOIN (
            SELECT merchant_id, invoice_line_id,
                sum(CAST(derivation ->> 'amount' AS bigint)) AS given
            FROM credit_note_lines GROUP BY merchant_id, invoice_line_id
        ) l ON l.merchant_id = i.merchant_id AND l.invoice_line_id = i.id
        WHERE l.given > i.amount
        """,
    ),
    Check(
        "content-untouched",
        "Every issued invoice still hashes to what was issued.",
        _hashes,
    ),
)
