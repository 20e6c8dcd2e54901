"""Many from few: every row a merchant's life left behind, told again under other ids, many times.

A database as large as wanted, as true as the small one it is made of: keys, order ids, numbers and
hashes of each copy are derived as the engine derives them. For benchmarks and tests only; it writes
as a superuser, past triggers and foreign keys.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from billing.flows.issue_rows import HASHED, HASHED_LINE, content_text
from core import ids
from payments.order_ids import STEM_LENGTH, order_id

# A merchant has these once, however many customers it has; a chain of seals is made by the sealer.
ONCE: Final = frozenset({
    "merchants", "clocks", "api_keys", "staff", "staff_sessions", "rate_counters", "plans",
    "prices", "jobs", "idempotency_keys", "number_series", "merchant_channels", "gateway_budgets",
    "dunning_policies", "audit_unsealed", "audit_seals", "audit_anchors", "verdicts",
})  # fmt: skip
_TOGETHER: Final = 20
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_STEM: Final = rf"(?<![a-z2-7])[a-z2-7]{{{STEM_LENGTH}}}(?=-[1-9])"
# A place that must differ from copy to copy, though nothing is derived from it.
_OWN: Final = "~own~"
_COLUMNS = """
    SELECT c.table_name, array_agg(c.column_name::text ORDER BY c.ordinal_position)
        FILTER (WHERE c.is_generated = 'NEVER' AND c.is_identity = 'NO')
    FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
    GROUP BY c.table_name
    HAVING count(*) FILTER (WHERE c.column_name IN ('merchant_id', 'id')) = 2
    ORDER BY c.table_name
"""


@dataclass(frozen=True, slots=True)
class _Order:
    """What an order id is derived from."""

    id: str
    order_id: str
    owner: str
    period: str
    kind: str
    n: int

    @property
    def stem(self) -> str:
        return self.order_id[:STEM_LENGTH]


@dataclass(frozen=True, slots=True)
class _Text:
    """Text with places to fill: literals and, between two of them, the index of a token."""

    literals: tuple[str, ...]
    places: tuple[int, ...]

    def fill(self, values: Sequence[str]) -> str:
        parts = [""] * (len(self.literals) + len(self.places))
        parts[0::2] = self.literals
        parts[1::2] = [values[place] for place in self.places]
        return "".join(parts)


@dataclass(slots=True)
class _Mould:
    """Everything a copy is cast from."""

    namespace: bytes
    rows: set[str]
    orders: dict[str, _Order]
    numbers: dict[str, tuple[str, int, int, int]]  # text → before, width, number, numbers in all
    hashes: dict[str, _Text] = field(default_factory=dict)
    tables: dict[str, tuple[list[str], _Text]] = field(default_factory=dict)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    known: dict[tuple[str, str], int] = field(default_factory=dict)

    def token(self, kind: str, text: str) -> int:
        """The index of a token; those a hash is made of come before it."""
        key = (kind, text)
        if key not in self.known:
            self.known[key] = len(self.tokens)
            self.tokens.append(key)
        return self.known[key]


def multiply(connection: psycopg.Connection[Any], merchant_id: UUID, copies: int) -> int:
    """Add ``copies`` of all that a merchant's customers have; returns how many rows.

    Args:
        connection: of a superuser, in autocommit; each table of some copies is one transaction.
    """
    connection.execute("SET session_replication_role = replica")
    connection.execute("SET synchronous_commit = off")
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('events', 'seq'), coalesce(max(seq), 1)) FROM events"
    )
    mould = _mould(connection, merchant_id)
    written = 0
    for start in range(1, copies + 1, _TOGETHER):
        casts = [_values(mould, n) for n in range(start, min(start + _TOGETHER, copies + 1))]
        for table, (columns, text) in mould.tables.items():
            written += _write(connection, table, columns, text, casts)
    connection.execute(
        "UPDATE number_series SET last_number = last_number * %s WHERE merchant_id = %s",
        [copies + 1, merchant_id],
    )
    connection.execute("SET session_replication_role = origin")
    return written


def _write(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[str],
    text: _Text,
    casts: Sequence[Sequence[str]],
) -> int:
    into = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor:
        with cursor.copy(into) as copy:
            for values in casts:
                copy.write(text.fill(values))
        return cursor.rowcount


# --- the mould ----------------------------------------------------------------------------------


def _mould(connection: psycopg.Connection[Any], merchant_id: UUID) -> _Mould:
    tables = {name: columns for name, columns in connection.execute(_COLUMNS) if name not in ONCE}
    mine = {"merchant": merchant_id}
    rows = {
        str(row[0])
        for table in tables
        for row in connection.execute(
            sql.SQL("SELECT id FROM {} WHERE merchant_id = %(merchant)s").format(
                sql.Identifier(table)
            ),
            mine,
        )
    }
    found = connection.execute("SELECT namespace FROM merchants WHERE merchant_id = %(merchant)s",
                               mine).fetchone()  # fmt: skip
    if found is None:
        raise ValueError(f"there is no merchant {merchant_id}")
    mould = _Mould(bytes(found[0]), rows, _orders(connection, mine), _numbers(connection, mine))
    _hash(connection, mould, mine)
    for table, columns in tables.items():
        mould.tables[table] = columns, _tokens(mould, _text_of(connection, table, columns, mine))
    waiting = ["merchant_id", "id", "at"]
    text = _tokens(mould, _text_of(connection, "audit", waiting, mine))
    mould.tables["audit_unsealed"] = waiting, text
    return mould


def _orders(connection: psycopg.Connection[Any], mine: dict[str, Any]) -> dict[str, _Order]:
    found = connection.execute(
        "SELECT o.id::text, o.order_id, coalesce(o.invoice_id, o.payment_method_id)::text, "
        "coalesce(i.period_start::text, '-'), o.kind, o.n FROM payment_orders o "
        "LEFT JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id "
        "WHERE o.merchant_id = %(merchant)s",
        mine,
    )
    return {row[0]: _Order(*row) for row in found}


def _numbers(
    connection: psycopg.Connection[Any], mine: dict[str, Any]
) -> dict[str, tuple[str, int, int, int]]:
    found = connection.execute(
        "SELECT d.number, s.last_number FROM (SELECT merchant_id, 'invoice' AS kind, issued_on, "
        "number FROM invoices WHERE number IS NOT NULL UNION ALL SELECT merchant_id, 'credit_note',"
        " issued_on, number FROM credit_notes) d JOIN number_series s "
        "ON s.merchant_id = d.merchant_id AND s.kind = d.kind AND s.branch = '' "
        "AND s.year = extract(year FROM d.issued_on) WHERE d.merchant_id = %(merchant)s",
        mine,
    )
    listed = {}
    for text, last in found:
        digits = re.search(r"[0-9]+$", text)
        if digits is None:
            raise ValueError(f"number {text!r} does not end in its count")
        listed[text] = (text[: digits.start()], len(digits[0]), int(digits[0]), int(last))
    return listed


def _text_of(
    connection: psycopg.Connection[Any], table: str, columns: Sequence[str], mine: dict[str, Any]
) -> str:
    chosen: list[sql.Composable] = []
    for name in columns:
        column = sql.Identifier(name)
        if name == "external_id":
            chosen.append(sql.SQL("{} || {}").format(column, _OWN))
        elif name == "dedupe_key":
            chosen.append(sql.SQL(r"'\x' || {} || encode({}, 'hex')").format(_OWN, column))
        else:
            chosen.append(column)
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE merchant_id = {}) TO STDOUT").format(
        sql.SQL(", ").join(chosen), sql.Identifier(table), sql.Literal(mine["merchant"])
    )
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(part) for part in copy).decode()


def _hash(connection: psycopg.Connection[Any], mould: _Mould, mine: dict[str, Any]) -> None:
    """Keep what each invoice's hash is made of, so that a copy has the hash of its own content."""
    lines: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("SELECT * FROM invoice_lines WHERE merchant_id = %(merchant)s "
                       "ORDER BY position", mine)  # fmt: skip
        for line in cursor:
            lines[line["invoice_id"]].append({name: line[name] for name in HASHED_LINE})
        cursor.execute("SELECT * FROM invoices WHERE merchant_id = %(merchant)s "
                       "AND content_hash IS NOT NULL", mine)  # fmt: skip
        for row in cursor:
            text = content_text({name: row[name] for name in HASHED}, lines[row["id"]])
            hashed = hashlib.sha256(text.encode()).digest()
            if hashed != bytes(row["content_hash"]):
                raise ValueError(f"invoice {row['number']} is not what was issued")
            mould.hashes[hashed.hex()] = _tokens(mould, text)


def _tokens(mould: _Mould, text: str) -> _Text:
    numbers = "|".join(re.escape(one) for one in sorted(mould.numbers, key=len, reverse=True))
    shapes = [f"(?P<uuid>{_UUID})", f"(?P<stem>{_STEM})", r"(?<=\\x)(?P<hash>[0-9a-f]{64})",
              f"(?P<own>{_OWN})"]  # fmt: skip
    shapes += [rf"(?P<number>(?:{numbers})(?![0-9]))"] if numbers else []
    stems = {one.stem for one in mould.orders.values()}
    known = {"uuid": mould.rows, "stem": stems, "hash": mould.hashes, "own": {_OWN}}
    literals, places, end = list[str](), list[int](), 0
    for match in re.finditer("|".join(shapes), text):
        kind, said = str(match.lastgroup), match[0]
        if kind != "number" and said not in known[kind]:
            continue
        if kind == "uuid" and said in mould.orders:
            kind = "order"
        literals.append(text[end : match.start()])
        places.append(mould.token(kind, said))
        end = match.end()
    return _Text((*literals, text[end:]), tuple(places))


# --- a cast -------------------------------------------------------------------------------------


def _values(mould: _Mould, n: int) -> list[str]:
    """What the tokens are in copy ``n``."""
    # All ids of a copy begin alike and copies lie apart, as in an index of derived ids. An odd
    # factor gives every copy another beginning.
    first = f"{n * 2_654_435_761 % 2**32:08x}"
    stems: dict[str, str] = {}
    derived: dict[str, str] = {}
    for one in mould.orders.values():
        owner = first + one.owner[8:]
        name = order_id(mould.namespace, owner, one.period, one.kind, one.n)
        stems[one.stem] = name[:STEM_LENGTH]
        derived[one.id] = str(ids.derive(mould.namespace, "payment_order", name))
    values: list[str] = []
    for kind, said in mould.tokens:
        if kind == "uuid":
            value = first + said[8:]
        elif kind == "order":
            value = derived[said]
        elif kind == "stem":
            value = stems[said]
        elif kind == "number":
            start, width, number, last = mould.numbers[said]
            value = f"{start}{number + n * last:0{width}d}"
        elif kind == "hash":
            # What it is made of stands before it.
            value = hashlib.sha256(mould.hashes[said].fill(values).encode()).hexdigest()
        else:
            value = first
        values.append(value)
    return values
