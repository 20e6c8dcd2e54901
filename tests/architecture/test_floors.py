"""Who may know whom: what the import contract of pyproject.toml can not say."""

from __future__ import annotations

import sys
from fnmatch import fnmatch

import pytest
from source_tree import DOMAIN, ENGINE, PACKAGES, Module, modules

# Libraries and modules through which the world is reached.
IO = frozenset(
    {
        "sqlalchemy", "psycopg", "psycopg_pool", "alembic", "requests", "httpx", "urllib.request",
        "urllib3", "http", "socket", "ssl", "smtplib", "subprocess", "os", "shutil", "tempfile",
        "io", "threading", "multiprocessing", "asyncio", "concurrent", "time", "logging",
        "litestar", "uvicorn", "midtransclient", "jinja2", "typst", "segno", "random", "secrets",
        "core.db", "core.clock", "core.tables", "core.outbox", "core.jobs", "core.mail",
        "core.settings", "core.logs", "core.metrics", "core.bulk",
    }
)  # fmt: skip
SHELL_NAMES = (
    "*.tables",
    "*.queries",
    "*.service",
    "*.adapters*",
    "*.flows*",
    "*.jobs",
    "*.engine",
)


# Reasons stand here or nowhere.
EXCUSED = {"core/ids.py imports secrets"}  # new ids are drawn; the rest of it derives them


def reaches(module: Module, forbidden: frozenset[str]) -> list[str]:
    return sorted(
        f"{module.name} imports {name}"
        for name in module.imports()
        if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
        and f"{module.name} imports {name}" not in EXCUSED
    )


def test_a_rule_reaches_nothing_of_the_world() -> None:
    """A rule that needs a database or a clock can only be tested through them."""
    offences = [
        line for module in modules(*DOMAIN, "core") if module.is_rule
        for line in reaches(module, IO)
    ]  # fmt: skip

    assert offences == []


def test_a_rule_imports_no_shell() -> None:
    """Else it would reach the world by one step more."""
    offences = [
        f"{module.name} imports {name}"
        for module in modules(*DOMAIN, "core")
        if module.is_rule
        for name in module.imports()
        if name.startswith(ENGINE) and any(fnmatch(name, shell) for shell in SHELL_NAMES)
    ]

    assert offences == []


def test_nothing_imports_the_scheduler() -> None:
    """It only rings; whoever needs it by import has put work into the doorbell."""
    offences = [
        module.name for module in modules()
        if module.parts[0] != "tests" and "scheduler" in module.imports()
    ]  # fmt: skip

    assert offences == []


def test_the_simulator_and_the_engine_do_not_know_each_other() -> None:
    """A simulator that shares code with the engine shares its misunderstandings of Midtrans."""
    inside = [
        line
        for module in modules("simulator")
        for line in reaches(module, frozenset({*ENGINE, "scheduler", "migrations"}))
    ]
    outside = [
        line
        for module in modules(*ENGINE, "scheduler.py", "migrations")
        for line in reaches(module, frozenset({"simulator"}))
    ]

    assert inside + outside == []


@pytest.mark.parametrize("name", PACKAGES)
def test_a_folder_is_not_called_like_a_module_of_python(name: str) -> None:
    """The names are bare: `calendar` or `queue` on top would hide the library's."""
    assert name not in sys.stdlib_module_names
