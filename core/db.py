"""The database: one engine, transactions that see one merchant, columns and names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    ForeignKeyConstraint,
    MetaData,
    Table,
    TypeDecorator,
    Uuid,
    create_engine,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.orm import Session

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: refuses naive datetimes, always answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its offset; got a naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON; characters that PostgreSQL can not store are replaced, so that no answer is lost."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return storable(value)


def storable(value: Any) -> Any:
    """Replace NUL and lone surrogates anywhere in a JSON value: PostgreSQL stores neither."""
    if isinstance(value, str):
        cleaned = value.replace("\x00", "\ufffd")
        return cleaned.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {storable(str(key)): storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return value


def merchant_table(name: str, *items: Any) -> Table:
    """Declare a table with primary key ``(merchant_id, id)``; its wall is added by migration."""
    return Table(
        name,
        metadata,
        Column("merchant_id", Uuid, primary_key=True),
        Column("id", Uuid, primary_key=True),
        ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"]),
        *items,
    )


def reference(column: str, table: str, *, within: str | None = None) -> ForeignKeyConstraint:
    """Point at another row of the same merchant: a key can not cross the wall.

    ``within`` names a column that both rows must agree on as well: whose they are.
    """
    scope = ["merchant_id"] if within is None else ["merchant_id", within]
    return ForeignKeyConstraint([*scope, column], [f"{table}.{name}" for name in (*scope, "id")])


# Said at the beginning of every transaction, so by the shortest way there is to the driver.
SCOPE = "SELECT set_config('role', %s, true), set_config('tagihan.merchant_id', %s, true)"


_SNAPSHOT = re.compile(r"[0-9A-F-]+")


class Sessions:
    """Opens transactions. The only place that begins and commits them.

    Every transaction runs under a role that owns nothing: ``<prefix>_app`` sees the rows of one
    merchant, ``<prefix>_lookup`` sees the few columns needed to find whose turn it is, and
    ``<prefix>_reader`` may read all but secrets (``doctor``). The settings end with the
    transaction, so a pooled connection carries nothing over to its next user.
    """

    def __init__(self, engine: Engine, *, role_prefix: str = "tagihan") -> None:
        self.engine = engine
        self.role_prefix = role_prefix

    @contextmanager
    def begin(self, merchant_id: UUID) -> Iterator[Session]:
        """One transaction inside one merchant: commits at the end, rolls back on any error."""
        with self._scoped("app", str(merchant_id)) as session:
            session.info["merchant_id"] = merchant_id
            yield session

    @contextmanager
    def lookup(self) -> Iterator[Session]:
        """One transaction that finds merchants with due work, or whose key this is."""
        with self._scoped("lookup", "") as session:
            yield session

    @contextmanager
    def reader(self, *, snapshot: str | None = None) -> Iterator[Session]:
        """One read-only transaction over all merchants.

        Args:
            snapshot: what another transaction exported, to see the same (REPEATABLE READ).
        """
        with self._scoped("reader", "", snapshot) as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    @contextmanager
    def _scoped(self, role: str, merchant: str, snapshot: str | None = None) -> Iterator[Session]:
        session = Session(self.engine, autoflush=False, expire_on_commit=False)
        with session, session.begin():
            if snapshot is not None:  # before any query; no place for a parameter
                if not _SNAPSHOT.fullmatch(snapshot):
                    raise ValueError(f"{snapshot!r} is no snapshot")
                session.execute(text(f"SET TRANSACTION SNAPSHOT '{snapshot}'"))
            scope = (f"{self.role_prefix}_{role}", merchant)
            session.connection().exec_driver_sql(SCOPE, scope).close()
            yield session

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def connect(url: str, *, role_prefix: str = "tagihan", pool_size: int = 10) -> Sessions:
    """Open the pool for ``url`` (any ``postgresql://`` form; psycopg 3 is the driver)."""
    return Sessions(make_engine(url, pool_size=pool_size), role_prefix=role_prefix)


def make_engine(url: str, *, pool_size: int = 10) -> Engine:
    """Build the engine: UTC sessions, bounded lock waits, connections checked before use."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # an error must not tell what was being written
        connect_args={
            "options": "-c timezone=UTC -c lock_timeout=10s"
            " -c idle_in_transaction_session_timeout=60s",
            "connect_timeout": 5,
            "application_name": "tagihan",
        },
    )


def merchant_of(session: Session) -> UUID:
    """The merchant this session was opened for."""
    merchant_id: UUID = session.info["merchant_id"]
    return merchant_id
