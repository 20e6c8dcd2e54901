"""What a check is: a name, a sentence of what must hold, and a search for rows that break it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from core import ids

# How many broken rows are named; all of them are counted.
EXAMPLES_MAX = 10
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Moment:
    """When and as whom the doctor looks: machine time, and the prefix of the database roles."""

    real_now: datetime
    role_prefix: str


@dataclass(frozen=True, slots=True)
class Broken:
    """One row that breaks a rule: whose it is, what it is by its public id, and why."""

    merchant: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """How many rows break a rule, the first of them, and how many there are of each merchant."""

    count: int
    examples: tuple[Broken, ...] = ()
    whose: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule that must hold on a database in use, at any moment, in the middle of work.

    A ``warning`` asks a person to look; it does not say that the data is broken. What is
    ``in_sql`` keeps the server busy and not this process.
    """

    name: str
    meaning: str
    find: Callable[[Session, Moment], Found]
    warning: bool = False
    in_sql: bool = False


_KINDS = frozenset(ids.PREFIXES)


def by_sql(name: str, meaning: str, sql: str, *, warning: bool = False, **given: Any) -> Check:
    """A check that is one query.

    Args:
        sql: gives ``merchant_id, kind, id, label, why`` for each broken row; may use ``:real_now``.
        given: values of further parameters.
    """
    # Of each merchant some, so that each of very many is told of what is its own.
    query = text(
        "SELECT * FROM (SELECT m.slug, b.*, count(*) OVER (PARTITION BY m.slug) AS its, "  # noqa: S608
        f"row_number() OVER (PARTITION BY m.slug ORDER BY b.label) AS nth FROM ({sql}) b "
        "LEFT JOIN merchants m ON m.merchant_id = b.merchant_id) f "
        f"WHERE nth <= {EXAMPLES_MAX} ORDER BY slug, nth"
    )

    def find(session: Session, moment: Moment) -> Found:
        values: Mapping[str, Any] = {"real_now": moment.real_now, **given}
        wanted = {name: values[name] for name in query._bindparams}
        rows = session.execute(query, wanted).all()
        whose = {row.slug or "-": row.its for row in rows}
        return Found(
            sum(whose.values()),
            tuple(
                Broken(row.slug or "-", name_of(row.kind, row.id, row.label), row.why)
                for row in rows
            ),
            whose,
        )

    return Check(name, meaning, find, warning, in_sql=True)


def by_case(
    name: str,
    meaning: str,
    sql: str,
    judge: Callable[[Any], str | None],
) -> Check:
    """A check that judges each distinct case once, however many rows are alike.

    Args:
        sql: gives ``merchant_id, kind, id, label`` and ``said``, JSON as text, for each row; what
            it says is all that the judge needs.
        judge: gets what a row says as Python, and tells what is wrong with it.
    """
    cases = f"SELECT b.said, count(*) AS times FROM ({sql}) b GROUP BY b.said"  # noqa: S608
    whose = text(
        f"SELECT m.slug, count(*) AS its FROM ({sql}) b LEFT JOIN merchants m "  # noqa: S608
        "ON m.merchant_id = b.merchant_id WHERE b.said = ANY (:saids) GROUP BY m.slug"
    )
    rows = text(
        f"SELECT m.slug, b.* FROM ({sql}) b LEFT JOIN merchants m "  # noqa: S608 - constants
        f"ON m.merchant_id = b.merchant_id WHERE b.said = :said LIMIT {EXAMPLES_MAX}"
    )

    def find(session: Session, _: Moment) -> Found:
        wrong = [
            (said, times, why)
            for said, times in stream(session, cases)
            if (why := judge(json.loads(said))) is not None
        ]
        examples: list[Broken] = []
        for said, _times, why in wrong[:EXAMPLES_MAX]:
            for row in session.execute(rows, {"said": said}):
                what = name_of(row.kind, row.id, row.label)
                examples.append(Broken(row.slug or "-", what, why))
        saids = [said for said, _, _ in wrong]
        counts = session.execute(whose, {"saids": saids}).all() if saids else ()
        return Found(
            sum(times for _, times, _ in wrong),
            tuple(examples[:EXAMPLES_MAX]),
            {row.slug or "-": row.its for row in counts},
        )

    return Check(name, meaning, find)


def stream(session: Session, sql: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a query without parameters, one by one, however many.

    Not by a cursor of the server: that would give up its other processors for the query.
    """
    driver = session.connection().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is gone")
    chunks = {"size": _CHUNK} if psycopg.Capabilities().has_stream_chunked() else {}
    with driver.cursor() as cursor:
        yield from cursor.stream(sql, **chunks)


def found(broken: Iterable[Broken]) -> Found:
    """Count what a search in Python gives, and keep the first."""
    whose: Counter[str] = Counter()
    examples = []
    for one in broken:
        whose[one.merchant] += 1
        if whose[one.merchant] <= EXAMPLES_MAX:
            examples.append(one)
    return Found(whose.total(), tuple(examples), whose)


def name_of(kind: str, row_id: UUID | None, label: str | None) -> str:
    """Name a row as people and the API do: ``invoice INV-2026-000042 (inv_…)``."""
    parts = [kind.replace("_", " ")]
    if label:
        parts.append(label)
    if row_id is not None:
        parts.append(f"({ids.public(kind, row_id) if kind in _KINDS else row_id})")
    return " ".join(parts)


def slugs(session: Session) -> dict[UUID, str]:
    """The short name of every merchant."""
    return {
        row.merchant_id: row.slug
        for row in session.execute(text("SELECT merchant_id, slug FROM merchants"))
    }
