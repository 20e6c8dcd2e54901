"""Logs: one JSON object a line, and nothing in it that must not be read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from core import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    text = io.StringIO()
    logs.configure("api", secrets=["s3cret-operator-key"], stream=text)
    yield text
    root.handlers = handlers
    root.setLevel(level)


def last(stream: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return found


def test_a_record_is_one_line_of_json_with_its_extras(stream: io.StringIO) -> None:
    logging.getLogger("tagihan.api").info("request", extra={"milliseconds": 12, "ids": ["inv_1"]})

    record = last(stream)
    assert (record["process"], record["message"], record["level"]) == ("api", "request", "info")
    assert (record["milliseconds"], record["ids"]) == (12, ["inv_1"])


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("key s3cret-operator-key refused", "s3cret-operator-key"),
        ("Authorization: Bearer abcdefgh123456", "abcdefgh123456"),
        ("Authorization: Basic U0ItTWlkLXNlcnZlcg==", "U0ItTWlkLXNlcnZlcg"),
        ("using SB-Mid-server-Xyz_123", "Xyz_123"),
        ("postgresql://app:hunter22@db/x", "hunter22"),
        ('{"saved_token_id": "481111abcdef"}', "481111abcdef"),
        ("token_id=521111-1117-aaaa&gross=1", "521111-1117-aaaa"),
        ("card_number=4811111111111114", "4811111111111114"),
        ("mail to siti.rahma@contoh.co.id", "siti.rahma"),
    ],
)
def test_secrets_are_struck_out(stream: io.StringIO, said: str, hidden: str) -> None:
    logging.getLogger("x").warning(said)
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("x").exception("failed", extra={"body": {"inner": said}})

    assert hidden not in stream.getvalue()


def test_a_field_called_like_a_secret_is_struck_out_whole(stream: io.StringIO) -> None:
    logging.getLogger("x").info("made", extra={"password": "hunter2", "api_key": None, "n": 1})

    record = last(stream)
    assert record["password"] != "hunter2"
    assert record["api_key"] is None


def test_a_number_that_a_payer_needs_stays_readable(stream: io.StringIO) -> None:
    logs.tell("VA 8808100000012345 opened for INV-2026-000001", on="2026-01-31")

    record = last(stream)
    assert record["logger"] == logs.DIARY
    assert record["message"] == "VA 8808100000012345 opened for INV-2026-000001"
