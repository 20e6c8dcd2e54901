"""The path of what is wrong in a body, wherever it stands, and numbers that no body may hold."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from api.strict import decode, parse
from core.errors import InvalidRequest


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a list."""

    words: dict[Literal["id", "en"], Annotated[str, Meta(min_length=1)]] = {}
    quantity: Annotated[int, Meta(ge=1, le=10)] = 1


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """A body with everything in it."""

    name: str = ""
    items: list[Line] = []
    pay: Line | None = None
    metadata: dict[Annotated[str, Meta(min_length=1, max_length=4)], str] = {}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ('{"name": "a", "name": "b"}', "duplicate_key", "name"),
        ('{"metadata": {"a": "1", "a": "2"}}', "duplicate_key", "metadata.a"),
        ('{"items": [{}, {"quantity": 1, "quantity": 1}]}', "duplicate_key", "items[1].quantity"),
        ('{"items": [{"words": {"id": "a", "id": "b"}}]}', "duplicate_key", "items[0].words.id"),
        ('{"pay": {"quantity": 1, "quantity": 2}}', "duplicate_key", "pay.quantity"),
        # Both are wrong: what is read first is told.
        ('{"name": {"x": 1, "x": 2}, "name": "b"}', "duplicate_key", "name"),
        ('{"x": [[{"a": 1, "a": 1}]]}', "duplicate_key", "x[0][0].a"),
        ('{"\\ud800": 1, "\\ud800": 2}', "invalid_text", None),
        ('{"pay": {"\\ud800": 1, "\\ud800": 2}}', "invalid_text", "pay"),
        ('{"items": [{"nick": 1}]}', "unknown_field", "items[0].nick"),
        ('{"pay": {"nick": 1}}', "unknown_field", "pay.nick"),
        ('{"a`b": 1}', "unknown_field", "a`b"),
        ('{"%s": 1}' % ("x" * 5000), "unknown_field", "x" * 60),
        ('{"items": [{"quantity": "1"}]}', "invalid_value", "items[0].quantity"),
        ('{"items": [{}, {"quantity": 1.0}]}', "invalid_value", "items[1].quantity"),
        ('{"items": [{"quantity": 1e1}]}', "invalid_value", "items[0].quantity"),
        ('{"items": [{"quantity": true}]}', "invalid_value", "items[0].quantity"),
        ('{"items": [{"quantity": 99999999999999999999}]}', "invalid_value", "items[0].quantity"),
        ('{"items": [{}, {"words": {"id": "a", "en": 7}}]}', "invalid_value", "items[1].words.en"),
        ('{"items": [{"words": {"id": "a", "fr": "b"}}]}', "invalid_value", "items[0].words.fr"),
        ('{"items": [{"words": {"en": ""}}]}', "invalid_value", "items[0].words.en"),
        ('{"metadata": {"a": "b", "c": 1}}', "invalid_value", "metadata.c"),
        ('{"metadata": {"a": "b", "a.b.c": "1"}}', "invalid_value", "metadata.a.b.c"),
        ('{"metadata": {"": "1"}}', "invalid_value", "metadata."),
        ('{"metadata": []}', "invalid_value", "metadata"),
        ("[]", "invalid_value", None),
    ],
)
def test_what_is_wrong_is_named_with_its_path(body: str, code: str, field: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        decode(body.encode(), Body)

    assert (refused.value.code, refused.value.field) == (code, field)
    assert len(refused.value.message) <= 250


@pytest.mark.parametrize(
    "number",
    ["1e9999999999999999999", "-1e-9999999999999999999", "1" * 5000, "-" + "9" * 50, "NaN", "-Infinity"],
)  # fmt: skip
def test_a_number_that_nothing_holds_is_refused_and_tells_nothing_of_us(number: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(b'{"gross_amount": %s}' % number.encode())

    assert refused.value.code == "malformed_json"
    assert "sys." not in refused.value.message


@pytest.mark.timeout(5)
def test_a_key_twice_among_very_many_is_found_soon() -> None:
    keys = ", ".join(f'"{n}": 1' for n in [*range(25_000), 24_999])

    with pytest.raises(InvalidRequest, match="24999 appears twice"):
        parse(("{" + keys + "}").encode())
