"""PostgreSQL for tests: one server a run, one database a worker, made from the real migrations.

Without DATABASE_URL the run starts an embedded cluster of its own in a temporary folder; workers
share it, and it ends with the run however that ends. With DATABASE_URL (a login that may create
databases and roles) the run makes databases and roles under a random prefix, drops them at the
end, and touches nothing else on that server.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ops import roles
from ops.embedded import Embedded
from ops.embedded_place import binaries_version, find_binaries
from ops.migrate import migrate

# Where the run keeps what its workers share: told to them through their environment.
RUN_FOLDER = "TAGIHAN_TEST_CLUSTER"
# A test cluster is thrown away: nothing needs to reach the disk.
_QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

# A deleted row stays in its file until the file is cut: tests would read ever more of them.
TURNS_A_TRUNCATE = 50
_END_THE_UNFINISHED = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND state <> 'idle' "
    "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The server of this run. URLs end in a database's name; `url` swaps it."""

    admin_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    app_url: str = field(repr=False)
    role_prefix: str
    version: str
    template: str

    def url(self, base: str, database: str) -> str:
        """``base`` with another database."""
        return urlunsplit(urlsplit(base)._replace(path=f"/{database}"))

    def create(self, database: str) -> Database:
        """A new database with the schema of the migrations (about 0.1 s)."""
        with admin(self.admin_url) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                    sql.Identifier(database),
                    sql.Identifier(self.template),
                    sql.Identifier(f"{self.role_prefix}_owner"),
                )
            )
        return Database(
            name=database,
            app_url=self.url(self.app_url, database),
            owner_url=self.url(self.owner_url, database),
            admin_url=self.url(self.admin_url, database),
            role_prefix=self.role_prefix,
        )

    def drop(self, database: str) -> None:
        """Drop a database of ours, whoever is still connected to it."""
        with admin(self.admin_url) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )


@dataclass(frozen=True, slots=True)
class Database:
    """One database: as the application signs in, as the owner of the tables, as the admin."""

    name: str
    app_url: str = field(repr=False)
    owner_url: str = field(repr=False)
    admin_url: str = field(repr=False)
    role_prefix: str


class WorkerDatabase:
    """The one database a worker's tests take turns with; `clean` gives it back as new."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.name = f"{cluster.role_prefix}_{os.getpid()}_{secrets.token_hex(3)}"
        self._database = cluster.create(self.name)
        self._turns = 0
        self._kept = _rows_of_migrations(self._database.admin_url)
        with admin(self._database.admin_url) as connection:
            self._tables = _tables(connection)
        self._cleaner: psycopg.Connection | None = None

    def clean(self) -> Database:
        """Empty what the last test wrote; rows that came with the migrations stay."""
        if self._turns and not self._delete_rows():
            self._cluster.drop(self.name)
            self._cluster.create(self.name)
        self._turns += 1
        return self._database

    def drop(self) -> None:
        """Drop it at the end of the run."""
        if self._cleaner is not None:
            self._cleaner.close()
        self._cluster.drop(self.name)

    def _delete_rows(self) -> bool:
        ours = self._connection()
        if ours is None:
            return False
        ours.execute(_END_THE_UNFINISHED)
        for table in set(_tables(ours)) - set(self._tables):  # a table of the last test's own
            ours.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))
        with ours.transaction():
            if self._turns % TURNS_A_TRUNCATE == 0:
                names = sql.SQL(", ").join(map(sql.Identifier, self._tables))
                ours.execute(sql.SQL("TRUNCATE {}").format(names))
            else:
                for (table,) in ours.execute(_which_are_filled(self._tables)).fetchall():
                    ours.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for table, rows in self._kept.items():
                copy = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
                with ours.cursor().copy(copy) as stream:
                    stream.write(rows)
        return True

    def _connection(self) -> psycopg.Connection | None:
        """One for the whole run, as it knows the tables; None who may not delete history."""
        if self._cleaner is not None:
            with suppress(psycopg.OperationalError):  # a test may end whoever is connected
                self._cleaner.execute("SELECT")
                return self._cleaner
        ours = psycopg.connect(
            self._database.admin_url, autocommit=True, connect_timeout=10, prepare_threshold=0
        )
        try:
            # History refuses to be deleted: only here, and only for a superuser, not.
            ours.execute("SET session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            ours.close()
            return None
        self._cleaner = ours
        return ours


@contextmanager
def admin(url: str) -> Iterator[psycopg.Connection]:
    """A connection that commits each statement, closed at the end."""
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        yield connection


def begin_run() -> tuple[Path, int]:
    """Called once, by the process that leads the run: make its folder and its lifeline."""
    folder = Path(tempfile.mkdtemp(prefix="tagihan-tests-"))
    folder.chmod(0o711)  # PostgreSQL may have to run as another user, who must get through
    lifeline = folder / "lifeline"
    os.mkfifo(lifeline)
    os.environ[RUN_FOLDER] = str(folder)
    return folder, os.open(lifeline, os.O_RDWR)


def end_run(folder: Path, lifeline: int) -> None:
    """Drop what was made on a server of others; let go of the lifeline of our own."""
    given = os.environ.get("DATABASE_URL")
    for made in folder.glob("prefix-*") if given else ():
        _drop_all(given or "", made.name.removeprefix("prefix-"))
    os.close(lifeline)
    place = folder / "home"
    outside = place / "postgres.json"
    data = place / "postgres" / "data"
    if outside.exists():
        data = Path(json.loads(outside.read_text(encoding="utf-8"))["folder"]) / "data"
    deadline = time.monotonic() + 20
    while (data / "postmaster.pid").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if outside.exists():
        shutil.rmtree(data.parent, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def shared_cluster() -> Cluster:
    """The run's server: the first to ask starts it and builds the template, the others wait."""
    folder = Path(os.environ[RUN_FOLDER])
    state = folder / "cluster.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if state.exists():
            return Cluster(**json.loads(state.read_text(encoding="utf-8")))
        given = os.environ.get("DATABASE_URL")
        admin_url = given or _start_embedded(folder)
        prefix = f"tagihan_test_{secrets.token_hex(4)}"
        (folder / f"prefix-{prefix}").touch()  # what the end of the run has to drop
        cluster = _build_template(admin_url, prefix)
        state.write_text(json.dumps(asdict(cluster)), encoding="utf-8")
        return cluster


def server_line() -> str:
    """Which PostgreSQL the run uses, for the head of its report."""
    given = os.environ.get("DATABASE_URL")
    if not given:
        return f"PostgreSQL {binaries_version(find_binaries())} (embedded)"
    with admin(given) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return f"PostgreSQL {row[0] if row else '?'} (DATABASE_URL)"


_ours: list[Embedded] = []  # at most one: the server that this worker started for the others


def let_go() -> None:
    """Called by every process at its end; a shared server goes on for the others."""
    while _ours:
        _ours.pop().stop()


def _start_embedded(folder: Path) -> str:
    server = Embedded(folder / "home", 0, options=_QUICK, lifeline=folder / "lifeline")
    _ours.append(server)
    return server.start().admin_url


def _build_template(admin_url: str, prefix: str) -> Cluster:
    owner, login = f"{prefix}_owner", f"{prefix}_login"
    passwords = {name: secrets.token_urlsafe(16) for name in (owner, login)}
    template = f"{prefix}_template"
    with admin(admin_url) as connection:
        for name, password in passwords.items():
            roles.ensure_login(connection, name, password, owner=name == owner)
        superuser = connection.execute(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        if superuser != (True,):
            # To give a database to the owner one must be able to act as the owner.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(template), sql.Identifier(owner)
            )
        )
        row = connection.execute("SHOW server_version").fetchone()
    cluster = Cluster(
        admin_url=admin_url,
        owner_url=_as(admin_url, owner, passwords[owner], template),
        app_url=_as(admin_url, login, passwords[login], template),
        role_prefix=prefix,
        version=str(row[0]) if row else "unknown",
        template=template,
    )
    migrate(cluster.owner_url, cluster.role_prefix, login)
    return cluster


def _drop_all(admin_url: str, prefix: str) -> None:
    with admin(admin_url) as connection:
        names = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{prefix}_"]
        ).fetchall()
        for (name,) in names:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
        # The owner last: from version 16 on, what it granted hangs on it.
        found = connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)"
            " ORDER BY starts_with(rolname, %s)",
            [f"{prefix}_", f"{prefix}_owner"],
        ).fetchall()
        for (role,) in found:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _rows_of_migrations(url: str) -> dict[str, bytes]:
    kept: dict[str, bytes] = {}
    with admin(url) as connection:
        try:
            connection.execute("SET session_replication_role = replica")
        except psycopg.errors.InsufficientPrivilege:
            return {}
        for (table,) in connection.execute(_which_are_filled(_tables(connection))).fetchall():
            copy = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(copy) as stream:
                kept[table] = b"".join(bytes(part) for part in stream)
    return kept


def _tables(connection: psycopg.Connection) -> list[str]:
    """The tables that are there."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition "
            "AND relnamespace = 'public'::regnamespace ORDER BY relname"
        )
    ]


def _which_are_filled(tables: list[str]) -> sql.Composed:
    """The question which of these hold at least one row."""
    return sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT 1 FROM {})").format(
            sql.Literal(table), sql.Identifier(table)
        )
        for table in tables
    )


def _as(url: str, user: str, password: str, database: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}", path=f"/{database}"))
