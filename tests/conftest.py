"""What every test may ask for: a database made from the real migrations."""

from __future__ import annotations

import functools
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import database as databases
import hypothesis
import pytest

import core.db

_run = pytest.StashKey[tuple[Path, int]]()

# What a version of PostgreSQL may do in its own way, whole: schema, walls, triggers, locks,
# numbers, one charge whatever happens, dumps. Of other tests it is enough that each statement is
# understood: `pytest_collection_modifyitems` takes the first row of each table of theirs.
BY_VERSION = re.compile(
    r"migrations/|walls|lock_order|races|clashes|numbers|flows/test_(protocol|ledger|audit|lives\.)"
    r"|test_(idempotency|housekeeping|backup|database_fixture|twenty_posts)\.py"
)

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

# Files that are long by what they go through, though none of their tests is slow by itself.
LONG = frozenset({"test_every_delivery.py", "test_protocol.py", "test_lives.py"})


def pytest_configure(config: pytest.Config) -> None:
    """The process that leads the run holds the lifeline of its PostgreSQL."""
    if not hasattr(config, "workerinput"):
        config.stash[_run] = databases.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    databases.let_go()
    run = config.stash.get(_run, None)
    if run is not None:
        databases.end_run(*run)


def pytest_report_header(config: pytest.Config) -> str:
    return databases.server_line()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what touches the run's database; the longest files go first, so no worker ends alone."""
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
        slow = item.path.name in LONG or item.get_closest_marker("slow") is not None
        rank = 2 if item.get_closest_marker("kill") else int(slow)
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
        # The next test finds the statements compiled; a closed engine opens its pool anew.
        patch.setattr(core.db, "make_engine", functools.cache(core.db.make_engine))
        yield mine
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
