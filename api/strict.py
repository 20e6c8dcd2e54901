"""Strict JSON: what a caller sends means exactly one thing, or it is refused with the place.

The common decoders are lenient where money is lost: ``"99000"`` and ``99000.0`` become a number,
the last of two equal keys wins, ``NaN`` passes. Here none of that happens, and texts that a
database or a document can not hold are refused at the door.
"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import ScopeType
from litestar.types import Empty

from core.errors import InvalidRequest

BODY_BYTES_MAX = 256 * 1024
DEPTH_MAX = 20

DIGITS_MAX = 40
# No field of ours has a longer name; what a caller made up is cut here when it is told back.
_NAME_MAX = 60

_PLACE = re.compile(r" - at (?:`key` in )?`(\$.*)`$", re.DOTALL)
_KEY_ITSELF = " - at `key` in "
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[(\.\.\.)\]")
_KEYS_TRIED_MAX = 100
_UNKNOWN = re.compile(r"unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"missing required field `(.*?)`")


class BodyTypeError(Exception):
    """The body is not called ``application/json``."""


class _Twice(dict[str, Any]):
    """An object that names one key twice; where it stands is not known while it is read."""

    key: str


def parse(body: bytes) -> Any:
    """Read JSON as plain values; numbers with a point come as `Decimal`, never as float.

    Raises:
        InvalidRequest: ``malformed_json``, ``duplicate_key``, ``invalid_text``, ``too_deep``.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("malformed_json", f"the body is not JSON: {_short(error)}") from None
    _walk(value, "", 0)
    return value


def decode(body: bytes, wanted: Any) -> Any:
    """Read JSON into a struct; nothing is converted, nothing unknown is accepted.

    Raises:
        InvalidRequest: as `parse`, and ``invalid_value``, ``unknown_field``, ``missing_field`` with
            the path of the offender, such as ``items[0].quantity``.
    """
    value = parse(body)
    try:
        return msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as error:
        raise _explained(str(error), value, wanted) from None


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON body is read strictly into what its handler asks for."""

    async def json(self) -> Any:
        """Give the body as the handler's own type."""
        if self.scope["type"] != ScopeType.HTTP or self._json is not Empty:
            return self._json
        name, options = self.content_type
        if name != "application/json" or options.get("charset", "utf-8").lower() != "utf-8":
            raise BodyTypeError(name)
        field = self.route_handler.parsed_data_field
        self._json = decode(await self.body(), Any if field is None else field.annotation)
        return self._json


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    twice = _Twice(found)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            twice.key = key
            break
        seen.add(key)
    return twice


def _integer(text: str) -> int:
    if len(text) > DIGITS_MAX:
        raise ValueError(f"a number has at most {DIGITS_MAX} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError("a number is out of every range") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _short(error: BaseException) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]


def _walk(value: Any, place: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise InvalidRequest("too_deep", f"at most {DEPTH_MAX} levels", field=place)
    if isinstance(value, str):
        check_text(value, place)
    elif isinstance(value, dict):
        for key in value:
            check_text(key, place)
        if isinstance(value, _Twice):
            where = _within(place, value.key)
            raise InvalidRequest(
                "duplicate_key", f"{where} appears twice in one object", field=where
            )
        for key, inner in value.items():
            _walk(inner, _within(place, key), depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _walk(inner, f"{place}[{index}]", depth + 1)


def _within(place: str, key: str) -> str:
    """The path of a key of the object at ``place``."""
    return f"{place}.{key[:_NAME_MAX]}" if place else key[:_NAME_MAX]


def check_text(text: str, place: str) -> None:
    """Refuse what no database, document or mail can hold: NUL, half characters, control codes.

    Raises:
        InvalidRequest: ``invalid_text``.
    """
    for character in text:
        if (character < " " and character not in "\n\t") or "\ud800" <= character <= "\udfff":
            raise InvalidRequest(
                "invalid_text",
                f"the text holds the character U+{ord(character):04X}, which is not allowed",
                field=place or None,
            )


def normal(text: str) -> str:
    """The composed form of a text, so that equal words are equal bytes."""
    return unicodedata.normalize("NFC", text)


def _explained(message: str, value: Any, wanted: Any) -> InvalidRequest:
    found = _PLACE.search(message)
    where = _path(message, found.group(1), value, wanted) if found else ""
    reason = _PLACE.sub("", message)
    for pattern, code, words in (
        (_UNKNOWN, "unknown_field", "is not known here"),
        (_MISSING, "missing_field", "is needed"),
    ):
        if named := pattern.search(reason):
            field = _within(where, named.group(1))
            return InvalidRequest(code, f"{field} {words}", field=field)
    told = reason.replace("`decimal`", "`number with a point`").replace("`", "")
    return InvalidRequest("invalid_value", told[:200], field=where or None)


def _path(message: str, told: str, value: Any, wanted: Any) -> str:
    """Write the decoder's place (``$.lines[0].description[...]``) with every key named."""
    steps: list[str | int] = []
    for step in _STEP.finditer(told):
        name, index, some = step.groups()
        if some:
            steps.append(_offender(message, steps, value, wanted))
        else:
            steps.append(name if index is None else int(index))
    if _KEY_ITSELF in message:
        steps.append(_offender(message, steps, value, wanted))
    place = ""
    for part in steps:
        place = f"{place}[{part}]" if isinstance(part, int) else _within(place, part)
    return place


def _offender(message: str, steps: list[str | int], value: Any, wanted: Any) -> str:
    """The key that the decoder means where it says only that it is some key of an object."""
    entries = value
    for part in steps:
        entries = entries[part]
    for key, inner in list(entries.items())[:_KEYS_TRIED_MAX]:
        try:
            msgspec.convert(_with(value, steps, {key: inner}), wanted, strict=True)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return str(key)
    return "..."


def _with(value: Any, steps: list[str | int], there: Any) -> Any:
    """A copy of ``value`` that holds something else at one place."""
    if not steps:
        return there
    part, rest = steps[0], steps[1:]
    if isinstance(part, int):
        return [*value[:part], _with(value[part], rest, there), *value[part + 1 :]]
    return {**value, part: _with(value[part], rest, there)}
