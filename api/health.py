"""Whether this process lives, and whether it can serve."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Response, Router
from litestar.di import NamedDependency
from msgspec import Meta
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError

from api.routes import get
from billing import tables as _billing_tables  # noqa: F401 - the tables the schema must have
from billing.engine import Engine
from core.db import metadata
from core.schema_head import head, known

# A bell that hangs longer than this means that no worker answers the door.
_LATE_SECONDS = 120

_EXAMINED_LATE = timedelta(hours=36)
_EXAMINED = text(
    # By the merchant who has waited longest: one that is passed over must not hide behind others.
    "SELECT min(coalesce(v.at, m.created_at)) AS since, bool_and(v.clean) AS clean "
    "FROM merchants m LEFT JOIN LATERAL (SELECT at, clean FROM verdicts "
    "WHERE merchant_id = m.merchant_id ORDER BY night DESC LIMIT 1) v ON true "
    "HAVING count(v.at) > 0"
)

_REVISION = text("SELECT version_num FROM alembic_version")
_COLUMNS = text(
    "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') "
    "AND a.attnum > 0 AND NOT a.attisdropped"
)
_WANTED = {(t.name, c.name) for t in metadata.tables.values() for c in t.columns}


class Health(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, kw_only=True):
    """What this process needs to serve."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unreachable"]
    schema: Annotated[
        Literal["ok", "behind", "ahead", "unknown"],
        Meta(
            description="`behind`: run `tagihan migrate`. `ahead`: a newer program has migrated "
            "this database; this one serves until it is replaced, as long as nothing it needs went."
        ),
    ]
    workers: Annotated[
        Literal["ok", "late", "unknown"],
        Meta(description="`late`: work waits for a worker; the API itself still serves."),
    ]
    backlog_seconds: Annotated[
        int | None, Meta(description="Age of the oldest work no worker has looked at.")
    ] = None
    examined: Annotated[
        Literal["clean", "broken", "late", "never"] | None,
        Meta(
            description="What the doctor found in the last night; `late`: none has been examined "
            "for 36 hours. Null where it is switched off or can not be told."
        ),
    ] = None
    reason: Annotated[
        str | None, Meta(description="Why it is not ready, and what to do; null when it is.")
    ] = None


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
            try:
                at = session.execute(_REVISION).scalar_one_or_none()
            except ProgrammingError:
                # No such table, or from a time when nobody was let to read it.
                at = None
            else:
                found = {(row[0], row[1]) for row in session.execute(_COLUMNS)}
                oldest = session.execute(text("SELECT min(rung_at) FROM jobs")).scalar()
    except SQLAlchemyError:
        return _not_ready(
            "unreachable", "unknown", "the database does not answer: look at it and DATABASE_URL"
        )
    if at is None or (at != head() and at in known()):
        return _behind(at)
    if missing := sorted(_WANTED - found):
        lacks = f"the database (at revision {at}) lacks {'.'.join(missing[0])}"
        if at == head():
            return _not_ready("ok", "behind", f"{lacks}: restore its schema")
        return _not_ready("ok", "ahead", f"{lacks}: start the program that migrated it")
    age = 0 if oldest is None else max(0, int((engine.real_now() - oldest).total_seconds()))
    return Readiness(
        status="ready",
        database="ok",
        # A newer version migrates before it is rolled out: this one goes on until it is replaced.
        schema="ok" if at == head() else "ahead",
        workers="late" if age > _LATE_SECONDS else "ok",
        backlog_seconds=age,
        examined=_examined(engine),
    )


def _examined(engine: Engine) -> Literal["clean", "broken", "late", "never"] | None:
    if engine.settings.doctor_at == "off":
        return None
    with engine.db.lookup() as session:
        row = session.execute(_EXAMINED).one_or_none()
    if row is None:
        return "never"
    if engine.real_now() - row.since > _EXAMINED_LATE:
        return "late"
    return "clean" if row.clean else "broken"


def _behind(at: str | None) -> Readiness:
    stands = "has no revision that we may read" if at is None else f"is at revision {at}"
    return _not_ready(
        "ok", "behind", f"the database {stands}, this program needs {head()}: tagihan migrate"
    )


def _not_ready(
    database: Literal["ok", "unreachable"], schema: Literal["behind", "ahead", "unknown"], why: str
) -> Readiness:
    return Readiness(
        status="not_ready", database=database, schema=schema, workers="unknown", reason=why
    )


def routes() -> Router:
    """Health and readiness, at the root."""
    return Router(path="/", route_handlers=[health, ready])
