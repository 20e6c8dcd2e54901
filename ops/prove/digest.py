"""What a run came to, as 64 hexadecimal digits: every fact a business could see, and no other."""

from __future__ import annotations

import hashlib
from typing import Any, Final

# Columns that differ between two equal lives: what is sealed with a fresh nonce, and doorbells.
_HIDDEN: Final = frozenset(
    {
        "server_key_sealed", "signature_key_sealed", "token_sealed", "request_sealed",
        "raw_sealed", "xmin",
    }
)  # fmt: skip
_LEFT_OUT: Final = frozenset({"jobs", "alembic_version", "rate_counters"})


def digest_of(connection: Any, *, without: frozenset[str] = frozenset()) -> str:
    """Read every table in the order of its key; ``connection`` sees everything."""
    total = hashlib.sha256()
    for table in _tables(connection):
        if table in _LEFT_OUT or table in without:
            continue
        columns = [name for name in _columns(connection, table) if name not in _HIDDEN]
        told = ", ".join(f'"{name}"' for name in columns)
        rows = connection.execute(
            f"SELECT md5(r::text) FROM (SELECT {told} FROM {table}) r ORDER BY 1"  # noqa: S608
        )
        total.update(table.encode())
        for (row,) in rows:
            total.update(row.encode())
    return total.hexdigest()


def _tables(connection: Any) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
        "AND relnamespace = 'public'::regnamespace ORDER BY relname"
    )
    return [row[0] for row in rows]


def _columns(connection: Any, table: str) -> list[str]:
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum",
        [f"public.{table}"],
    )
    return [row[0] for row in rows]
