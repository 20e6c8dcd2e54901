"""What every test may ask for: a database made from the real migrations."""

from __future__ import annotations

import functools
import os
import re
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import database as databases
import httpx._transports.default as httpx_transport
import hypothesis
import longest
import pools
import pytest
from full import FULL

import core.db

_run = pytest.StashKey[tuple[Path, int]]()

# What a version of PostgreSQL may do in its own way, whole: schema, walls, triggers, locks,
# numbers, one charge whatever happens, dumps. Of other tests it is enough that each statement is
# understood: `pytest_collection_modifyitems` takes the first row of each table of theirs.
BY_VERSION = re.compile(
    r"migrations/|walls|lock_order|races|clashes|numbers|flows/test_(protocol|ledger|audit|lives\.)"
    r"|test_(idempotency|housekeeping|backup|database_fixture|twenty_posts)\.py"
)

# A client of a test trusts no one's certificates: reading them takes ten times what it asks for.
_trusting = httpx_transport.create_ssl_context  # type: ignore[attr-defined]
httpx_transport.create_ssl_context = functools.cache(_trusting)  # type: ignore[attr-defined]

# How long one example takes says something about the machine and nothing about the rule.
hypothesis.settings.register_profile("steady", hypothesis.settings(), deadline=None)
# For a long look at the invariants: `pytest --hypothesis-profile=many tests/unit`.
hypothesis.settings.register_profile(
    "many",
    hypothesis.settings(),
    deadline=None,
    max_examples=10_000,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.load_profile("steady")

# Files that take longest by what they go through, longest first, as the end of a run names them.
LONG = (
    "test_every_delivery.py", "test_brown_out.py", "test_browser.py", "test_staff_browser.py",
    "test_lock_order.py", "test_fuzz.py", "test_strictness.py", "test_walls.py",
    "test_protocol.py", "test_races.py", "test_chase.py", "test_lives.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run holds the lifeline of its PostgreSQL."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Who starts a run in the background bequeaths this to every process of a test.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[_run] = databases.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    databases.let_go()
    run = config.stash.get(_run, None)
    if run is not None:
        databases.end_run(*run)


def pytest_report_header(config: pytest.Config) -> str:
    return databases.server_line()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: where a test waits for a process, another one works."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 2


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the files that took longest, so that a new one is not met with surprise."""
    for line in longest.lines(terminalreporter.stats):
        terminalreporter.write_line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what touches the run's database; the longest files go first, so no worker ends alone."""
    if not FULL:
        more = [item for item in items if item.get_closest_marker("full")]
        items[:] = [item for item in items if not item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=more)
    ranks: dict[Path, int] = {}
    seen: set[tuple[Path, str]] = set()
    for item in items:
        if "cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("database")
        if item.get_closest_marker("database"):
            table = (item.path, getattr(item, "originalname", item.name))
            quick = table not in seen and not item.get_closest_marker("slow")
            seen.add(table)
            if quick or BY_VERSION.search(item.nodeid.partition("::")[0]):
                item.add_marker("version")
        rank = len(LONG) - LONG.index(item.path.name) if item.path.name in LONG else 0
        if item.get_closest_marker("kill"):
            rank = len(LONG) + 2
        elif item.get_closest_marker("slow"):
            rank = max(rank, len(LONG) + 1)
        ranks[item.path] = max(ranks.get(item.path, 0), rank)
    items.sort(key=lambda item: -ranks[item.path])


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. Where there is none the test is left out, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "no chromium on this machine (Debian: apt install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="session")
def cluster() -> databases.Cluster:
    """The run's PostgreSQL server; started when the first test asks for it."""
    return databases.shared_cluster()


@pytest.fixture(scope="session")
def postgres_version(cluster: databases.Cluster) -> str:
    """What the server says it is, such as ``18.6``."""
    return cluster.version


@pytest.fixture(scope="session")
def worker_database(cluster: databases.Cluster) -> Iterator[databases.WorkerDatabase]:
    """The database of this worker; ask for `database` instead."""
    mine = databases.WorkerDatabase(cluster)
    with pytest.MonkeyPatch.context() as patch:
        # The next test finds the statements compiled, and the connections of this one open.
        shared = pools.Pools(core.db.make_engine, mine.name)
        patch.setattr(core.db, "make_engine", shared.engine)
        yield mine
        shared.close()
    mine.drop()


@pytest.fixture
def database(worker_database: databases.WorkerDatabase) -> databases.Database:
    """A database with the schema and nothing else: ``.app_url .owner_url .role_prefix``."""
    return worker_database.clean()


@pytest.fixture
def fresh_database(cluster: databases.Cluster) -> Iterator[databases.Database]:
    """A database of this test's own, for tests that change the schema; dropped afterwards."""
    name = f"{cluster.role_prefix}_fresh_{secrets.token_hex(4)}"
    yield cluster.create(name)
    cluster.drop(name)
