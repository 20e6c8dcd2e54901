"""The fields of a catalogue's parts: what each may hold, and what it is where it is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from billing.catalogue.reading import Entry, Problem

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,2}(_[0-9]{3})+|[1-9][0-9]*)")
_EXACT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+|/[1-9][0-9]*)?")
TEXT_MAX: Final = 500
NEEDED: Final = object()


class WrongError(Exception):
    """A value that a field can not hold."""

    def __init__(self, entry: Entry, what: str, **given: str) -> None:
        super().__init__(what)
        self.problem = Problem(entry.line, entry.key, what, given)


def text(entry: Entry) -> str:
    """Any text, quoted or not, of 1 to 500 characters."""
    if not isinstance(entry.value, str) or not 0 < len(entry.value) <= TEXT_MAX:
        raise WrongError(entry, "no_text")
    return entry.value


def whole(entry: Entry) -> int:
    """A whole number such as ``150000`` or ``150_000``; never one with a point."""
    if not isinstance(entry.value, str) or entry.is_quoted or not _WHOLE.fullmatch(entry.value):
        raise WrongError(entry, "no_whole")
    return int(entry.value.replace("_", ""))


def flag(entry: Entry) -> bool:
    """``true`` or ``false``."""
    if entry.is_quoted or entry.value not in ("true", "false"):
        raise WrongError(entry, "no_flag")
    return entry.value == "true"


def words(entry: Entry) -> dict[str, str]:
    """Words by language: ``{id: …, en: …}``, or one text, which is Indonesian."""
    if isinstance(entry.value, str):
        return {"id": text(entry)}
    found = {name: text(one) for name, one in _table(entry).items()}
    if not found or not set(found) <= {"id", "en"}:
        raise WrongError(entry, "no_words")
    return found


def metadata(entry: Entry) -> dict[str, str]:
    """Texts by key, of at most 500 characters; an empty one is written in quotes."""
    found = {}
    for name, one in _table(entry).items():
        if not isinstance(one.value, str) or len(one.value) > TEXT_MAX:
            raise WrongError(one, "no_text")
        found[name] = one.value
    return found


def texts(entry: Entry) -> list[str]:
    """A list of texts."""
    return [text(one) for one in _list(entry)]


def instant(entry: Entry) -> str:
    """An instant with its offset; kept as UTC, as ``2026-11-01T00:00:00+00:00``."""
    try:
        found = datetime.fromisoformat(str(entry.value))
    except ValueError:
        raise WrongError(entry, "no_instant") from None
    if found.tzinfo is None:
        raise WrongError(entry, "no_instant")
    return found.astimezone(UTC).isoformat()


def choice(*allowed: str) -> Callable[[Entry], str]:
    """One of some texts."""

    def one_of(entry: Entry) -> str:
        if entry.value not in allowed:
            raise WrongError(entry, "no_choice", allowed=", ".join(allowed))
        return str(entry.value)

    return one_of


def terms(entry: Entry) -> dict[str, Any]:
    """The terms of a model, as its rule reads them: exact numbers, and tiers of them."""
    found: dict[str, Any] = {}
    for name, one in _table(entry).items():
        if isinstance(one.value, list):
            found[name] = [
                {
                    n: _exact(number)
                    for n, number in _table(tier).items()
                    if number.value is not None
                }
                for tier in one.value
            ]
        elif one.value is not None:
            found[name] = _exact(one)
    return found


def filters(entry: Entry) -> list[dict[str, Any]]:
    """Filters of a meter: ``{property: …, in: […]}``; numbers and true/false unless quoted."""
    found = []
    for one in _list(entry):
        given = _table(one)
        if set(given) != {"property", "in"}:
            raise WrongError(one, "no_filter")
        found.append(
            {"property": text(given["property"]), "in": [_scalar(n) for n in _list(given["in"])]}
        )
    return found


def take(
    entry: Entry,
    shape: Mapping[str, tuple[Callable[[Entry], Any], Any]],
    problems: list[Problem],
) -> dict[str, Any]:
    """Read a table by its shape; what is wrong is added to ``problems`` and left at its default."""
    found: dict[str, Any] = {name: default for name, (_, default) in shape.items()}
    try:
        given = _table(entry)
    except WrongError as wrong:
        problems.append(wrong.problem)
        return found
    for name, one in given.items():
        if name not in shape:
            known = ", ".join(shape)
            problems.append(Problem(one.line, one.key, "unknown_key", {"known": known}))
        elif one.value is not None:
            try:
                found[name] = shape[name][0](one)
            except WrongError as wrong:
                problems.append(wrong.problem)
                found[name] = None
    for name, value in found.items():
        if value is NEEDED:
            key = f"{entry.key}.{name}" if entry.key else name
            problems.append(Problem(entry.line, key, "missing"))
            found[name] = None
    return found


def _scalar(entry: Entry) -> str | int | bool:
    if entry.is_quoted or not isinstance(entry.value, str):
        return text(entry)
    if entry.value in ("true", "false"):
        return entry.value == "true"
    return whole(entry) if _WHOLE.fullmatch(entry.value) else text(entry)


def _exact(entry: Entry) -> str:
    if not isinstance(entry.value, str):
        raise WrongError(entry, "no_number")
    found = entry.value if entry.is_quoted else entry.value.replace("_", "")
    if _EXACT.fullmatch(found) is None:
        raise WrongError(entry, "no_number")
    return found


def _table(entry: Entry) -> dict[str, Entry]:
    if not isinstance(entry.value, dict):
        raise WrongError(entry, "no_table")
    return entry.value


def _list(entry: Entry) -> list[Entry]:
    if not isinstance(entry.value, list):
        raise WrongError(entry, "no_list")
    return entry.value
