"""YAML as text with the line and the key of every value, so that a refusal can name both.

Scalars stay text: whether `0.5` is a number, `no` a word or `1_000` an amount is the reader's of a
field to say, so nothing goes through a float and nothing is guessed. Anchors, keys that are said
twice and files beyond a size are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from core.errors import InvalidRequest

CHARACTERS_MAX: Final = 1_000_000
DEPTH_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a file that can not be: where it is, what, and what was given there."""

    line: int
    key: str
    what: str
    given: Mapping[str, str] = field(default_factory=dict, hash=False)


class CatalogueError(InvalidRequest):
    """A file that can not be; ``problems`` are all that were found, in the order of the lines."""

    def __init__(self, problems: Sequence[Problem], told: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = [
            {"line": one.line, "key": one.key, "what": one.what, "told": words}
            for one, words in zip(problems, told, strict=True)
        ]
        super().__init__(
            "invalid_catalogue", "; ".join(told), field=problems[0].key or None, problems=listed
        )


class UnreadableError(Exception):
    """The text is no YAML as it is wanted here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Entry:
    """A value with its place: text, nothing, a list or a table."""

    line: int
    key: str
    value: str | list[Entry] | dict[str, Entry] | None
    is_quoted: bool = False


def read(text: str) -> Entry:
    """Read a file.

    Raises:
        UnreadableError: naming the line.
    """
    if len(text) > CHARACTERS_MAX:
        raise UnreadableError(Problem(1, "", "too_long", {"most": str(CHARACTERS_MAX)}))
    try:
        _walk(text)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        why = {"why": wrong.problem or "?"}
        raise UnreadableError(Problem(mark.line + 1 if mark else 1, "", "no_yaml", why)) from None
    except yaml.YAMLError as wrong:
        why = {"why": str(wrong).splitlines()[0]}
        raise UnreadableError(Problem(1, "", "no_yaml", why)) from None
    if node is None:
        raise UnreadableError(Problem(1, "", "no_table"))
    return _entry(node, "")


def _walk(text: str) -> None:
    """Refuse what is refused before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise UnreadableError(Problem(line, "", "anchor"))
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1
        if depth > DEPTH_MAX:
            raise UnreadableError(Problem(line, "", "too_deep"))


def _entry(node: Any, key: str) -> Entry:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Entry(line, key, dict(_pairs(node, key)))
    if isinstance(node, yaml.SequenceNode):
        listed = [_entry(one, f"{key}[{place}]") for place, one in enumerate(node.value)]
        return Entry(line, key, listed)
    is_quoted = node.style is not None
    empty = not is_quoted and node.value in ("", "~", "null")
    return Entry(line, key, None if empty else node.value, is_quoted)


def _pairs(node: Any, key: str) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for name, value in node.value:
        line = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            raise UnreadableError(Problem(line, key, "no_key"))
        path = f"{key}.{name.value}" if key else name.value
        if name.value in seen:
            raise UnreadableError(Problem(line, path, "twice"))
        seen.add(name.value)
        found = _entry(value, path)
        # A table's own line is where its key stands, not where its first value does.
        yield name.value, Entry(line, path, found.value, found.is_quoted)
