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

_PLACE = re.compile(r" - at `\$?\.?(.*)`$")
_SOME_KEY = re.compile(r" - at (?:`\$\.(\w+)\[\.\.\.\]`|`key` in `\$\.(\w+)`)$")
_KEYS_TRIED_MAX = 100
_UNKNOWN = re.compile(r"unknown field `(.*?)`")
_MISSING = re.compile(r"missing required field `(.*?)`")


class BodyTypeError(Exception):
    """The body is not called ``application/json``."""


class _TwiceError(ValueError):
    """An object names one key twice."""


def parse(body: bytes) -> Any:
    """Read JSON as plain values; numbers with a point come as `Decimal`, never as float.

    Raises:
        InvalidRequest: ``malformed_json``, ``duplicate_key``, ``invalid_text``, ``too_deep``.
    """
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_float=Decimal,
            parse_constant=_refuse_constant,
        )
    except _TwiceError as error:
        key = str(error)
        raise InvalidRequest(
            "duplicate_key", f"the key {key[:60]!r} appears twice in one object", field=key[:60]
        ) from None
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
        raise _explained(_named(str(error), value, wanted)) from None


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
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwiceError(key)
        found[key] = value
    return found


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
        for key, inner in value.items():
            check_text(key, place)
            _walk(inner, f"{place}.{key}" if place else key, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _walk(inner, f"{place}[{index}]", depth + 1)


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


def _named(message: str, value: Any, wanted: Any) -> str:
    """Put the key where the decoder says only that it is some key of ``metadata``."""
    found = _SOME_KEY.search(message)
    name = found.group(1) or found.group(2) if found else ""
    entries = value.get(name) if isinstance(value, dict) else None
    if not isinstance(entries, dict):
        return message
    for key, inner in list(entries.items())[:_KEYS_TRIED_MAX]:
        try:
            msgspec.convert({**value, name: {key: inner}}, wanted, strict=True)
        except msgspec.ValidationError as error:
            if str(error) == message:
                return f"{_SOME_KEY.sub('', message)} - at `$.{name}.{key[:60]}`"
    return message


def _explained(message: str) -> InvalidRequest:
    place = _PLACE.search(message)
    where = place.group(1) if place else ""
    reason = _PLACE.sub("", message)
    for pattern, code, words in (
        (_UNKNOWN, "unknown_field", "is not known here"),
        (_MISSING, "missing_field", "is needed"),
    ):
        if found := pattern.search(reason):
            field = f"{where}.{found.group(1)}" if where else found.group(1)
            return InvalidRequest(code, f"{field} {words}", field=field)
    told = reason.replace("`decimal`", "`number with a point`").replace("`", "")
    return InvalidRequest("invalid_value", told, field=where or None)
