"""House rules about what modules do; each says why."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator

from source_tree import DOMAIN, ENGINE, PACKAGES, Module, modules

LINES_MAX = 350
MONEY_FOLDERS = (*DOMAIN, "core")
# Who may commit: the one place that opens transactions, and migrations in their own run.
COMMITS = {"core/db.py", "ops/migrate.py"}
READS_CLOCK = {"core/clock.py", "simulator/clock.py"}


@functools.cache
def calls(module: Module) -> tuple[tuple[int, str, str], ...]:
    """Every call ``object.name(...)`` as line, object and name; plain calls with no object."""
    return tuple(_calls(module))


def _calls(module: Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.lineno, ast.unparse(node.func.value), node.func.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.lineno, "", node.func.id


def asks_for_time(owner: str, name: str) -> bool:
    last = owner.rpartition(".")[2]
    return (
        (last == "datetime" and name in {"now", "utcnow", "today"})
        or (last == "date" and name == "today")
        or (owner == "time" and name in {"time", "time_ns", "localtime", "gmtime"})
        or (last == "func" and name in {"now", "current_timestamp", "current_date"})
    )


def test_only_the_clock_asks_for_the_time() -> None:
    """Time is read once, at the edge, and passed down; else no day can be played again."""
    offences = [
        f"{module.name}:{line} {owner}.{name}()"
        for module in modules(*PACKAGES, "scheduler.py")
        if module.name not in READS_CLOCK
        for line, owner, name in calls(module)
        if asks_for_time(owner, name)
    ]

    assert offences == []


def test_only_core_db_commits() -> None:
    """A service that commits ends its caller's transaction half-way."""
    offences = [
        f"{module.name}:{line} {owner}.commit()"
        for module in modules(*ENGINE, "scheduler.py")
        if module.name not in COMMITS
        for line, owner, name in calls(module)
        if name == "commit"
    ]

    assert offences == []


def test_in_the_domain_only_flows_open_transactions() -> None:
    """Services take the session of their caller, so that facts that belong together commit so."""
    offences = [
        f"{module.name}:{line} {owner}.begin()"
        for module in modules(*DOMAIN)
        if not {"flows", "engine", "jobs"}.intersection(module.parts)
        for line, owner, name in calls(module)
        if name == "begin"
    ]

    assert offences == []


def test_no_float_near_money() -> None:
    """0.1 + 0.2 is not 0.3; quantities and rates are int, Fraction or Decimal."""
    offences = [
        f"{module.name}:{node.lineno}"
        for module in modules(*MONEY_FOLDERS)
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ]

    assert offences == []


def test_no_file_is_too_long() -> None:
    """A file that does not fit a head is split by question, before it is 4,000 lines."""
    offences = [
        f"{module.name} has {count} lines"
        for module in modules()
        if (count := module.text.count("\n")) > LINES_MAX
    ]

    assert offences == []


def test_every_module_says_what_it_is() -> None:
    """One line on top: the listing of a folder is then its table of contents."""
    offences = [
        module.name for module in modules()
        if module.parts[:2] != ("migrations", "versions") and not ast.get_docstring(module.tree)
    ]  # fmt: skip

    assert offences == []
