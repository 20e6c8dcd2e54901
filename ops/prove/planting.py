"""How a mistake is put into the running engine, and how it is taken out again.

A mistake is written as what a careless person would have changed: a few words of one function, a
name that stands for something else, a guard of the database that is gone. Where the words are not
there any more the mistake is stale, and planting it fails.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Final
from unittest.mock import patch

Plant = Callable[[ExitStack], None]


class StaleBugError(AssertionError):
    """What a planted bug would change is not in the engine any more: write the bug anew."""


@dataclass(frozen=True, slots=True)
class Life:
    """The histories in which a mistake shows: small ones, with more trouble than usual."""

    subscriptions: int = 3
    days: int = 5
    trouble: int = 2
    histories: int = 4
    # The longest between two deeds of a person; 0 is days.
    hours: int = 0
    without: frozenset[str] = frozenset()
    # Month and day of 2027 on which it begins, where the calendar matters.
    begins: tuple[int, int] | None = None
    # Whether an older backup may come back, or a standby be promoted, in the middle of it.
    restores: bool = False
    # Plans to choose from, by their code; all where nothing is said.
    plans: tuple[str, ...] = ()
    # What people do, and how often: heavier than usual where it matters.
    deeds: tuple[tuple[str, int], ...] = ()
    # Of a hundred deeds so many are followed at once by another; see `ops.prove.turns`.
    turns: int = 0
    # A scene by its name, in place of all but ``histories``; see `ops.prove.scenes`.
    scene: str = ""


SMALL: Final = Life()


@dataclass(frozen=True, slots=True)
class Bug:
    """What is wrong, who had it, how it is planted, and by which rules it must be found.

    ``found_by``: the beginnings of the rules that count; another one would be luck, or a crash.
    ``pair``: two guards are gone, because either hides the loss of the other.
    """

    what: str
    had_by: str
    found_by: tuple[str, ...]
    plants: tuple[Plant, ...] = ()
    sql: tuple[str, ...] = ()
    life: Life = SMALL
    pair: bool = False


def swap(module: str, name: str, other: Any) -> Plant:
    """A name of a module stands for something else."""

    def plant(stack: ExitStack) -> None:
        where = importlib.import_module(module)
        if not hasattr(where, name):
            raise StaleBugError(f"{module} has no {name}")
        stack.enter_context(patch.object(where, name, other))

    return plant


def edit(where: str, changes: Mapping[str, str]) -> Plant:
    """Some words of a function are others: ``edit("billing.flows.settle:settle", {old: new})``.

    The function itself is changed, so that whoever has it has the mistake.
    """

    def plant(stack: ExitStack) -> None:
        function = _function(where)
        code = _changed(where, function, changes)
        was = function.__code__
        stack.callback(setattr, function, "__code__", was)
        function.__code__ = code

    return plant


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        if not hasattr(found, name):
            raise StaleBugError(f"{module} has no {path}")
        found = getattr(found, name)
    found = inspect.unwrap(found)
    if not isinstance(found, FunctionType):
        raise StaleBugError(f"{where} is no function")
    if found.__name__ == path.rpartition(".")[2]:
        return found
    # A decorator that does not say what it wraps.
    for cell in found.__closure__ or ():
        inside = cell.cell_contents
        if isinstance(inside, FunctionType) and inside.__name__ == path:
            return inside
    raise StaleBugError(f"{where} is hidden by {found.__name__}")


def _changed(where: str, function: FunctionType, changes: Mapping[str, str]) -> Any:
    lines, first = inspect.getsourcelines(function.__code__)
    source = textwrap.dedent("".join(lines))
    for old, new in changes.items():
        if source.count(old) != 1:
            raise StaleBugError(f"{where} has {source.count(old)} times {old!r}")
        source = source.replace(old, new)
    tree = ast.parse(source)
    made = tree.body[0]
    if not isinstance(made, ast.FunctionDef):
        raise StaleBugError(f"{where} is no function")
    made.decorator_list = []
    ast.increment_lineno(tree, first - 1)
    module = compile(tree, function.__code__.co_filename, "exec", flags=_FLAGS, dont_inherit=True)
    names: dict[str, Any] = {}
    exec(module, dict(function.__globals__), names)  # noqa: S102 - our own source, a word changed
    code = names[made.name].__code__
    if code.co_freevars != function.__code__.co_freevars:
        raise StaleBugError(f"{where} closes over other names")
    return code


_FLAGS: Final = importlib.import_module("__future__").annotations.compiler_flag
