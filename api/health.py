"""Whether this process lives, and whether it can serve."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from api.routes import get
from billing import tables as _billing_tables  # noqa: F401 - the tables the schema must have
from billing.engine import Engine
from core.db import metadata

# A bell that hangs longer than this means that no worker answers the door.
_LATE_SECONDS = 120

_COLUMNS = text(
    "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') "
    "AND a.attnum > 0 AND NOT a.attisdropped"
)


class Health(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, kw_only=True):
    """What this process needs to serve."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unreachable"]
    schema: Annotated[
        Literal["ok", "behind", "unknown"],
        Meta(description="`behind`: run `tagihan migrate`."),
    ]
    workers: Annotated[
        Literal["ok", "late", "unknown"],
        Meta(description="`late`: work waits for a worker; the API itself still serves."),
    ]
    backlog_seconds: Annotated[
        int | None, Meta(description="Age of the oldest work no worker has looked at.")
    ]


@get("/health", scope="public", summary="Is the process alive", tags=["Health"])
def health() -> Health:
    """Answer 200 as long as the process runs; asks nothing else."""
    return Health()


@get("/ready", scope="public", summary="Can it serve", tags=["Health"])
def ready(engine: NamedDependency[Engine]) -> Response[Any]:
    """Answer 200 when the database is reachable and its schema is this program's, else 503."""
    state = _look(engine)
    return Response(state, status_code=200 if state.status == "ready" else 503)


def _look(engine: Engine) -> Readiness:
    try:
        with engine.db.lookup() as session:
            found = {(row[0], row[1]) for row in session.execute(_COLUMNS)}
            wanted = {(t.name, c.name) for t in metadata.tables.values() for c in t.columns}
            if not wanted <= found:
                return Readiness(
                    status="not_ready", database="ok", schema="behind", workers="unknown",
                    backlog_seconds=None,
                )  # fmt: skip
            oldest = session.execute(text("SELECT min(rung_at) FROM jobs")).scalar_one_or_none()
    except SQLAlchemyError:
        return Readiness(
            status="not_ready", database="unreachable", schema="unknown", workers="unknown",
            backlog_seconds=None,
        )  # fmt: skip
    age = 0 if oldest is None else max(0, int((engine.real_now() - oldest).total_seconds()))
    return Readiness(
        status="ready",
        database="ok",
        schema="ok",
        workers="late" if age > _LATE_SECONDS else "ok",
        backlog_seconds=age,
    )


def routes() -> Router:
    """Health and readiness, at the root."""
    return Router(path="/", route_handlers=[health, ready])
