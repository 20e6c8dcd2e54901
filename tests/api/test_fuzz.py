"""Every operation of the document is sent nonsense, by a seed: a refusal, never a fault of ours."""

from __future__ import annotations

import json
import os
import random
import re
from typing import Any, Final

import httpx
import pytest
from api_house import Counter
from api_things import things

from api.docs import document
from api.problem_words import words_of
from api.v1.catalogue import BODY_MAX as CATALOGUE_BODY
from api.v1.settlement_files import BODY_MAX as REPORT_BODY

_ROUNDS: Final = 12
_QUERIES: Final = 5
# More of them by hand: TAGIHAN_FUZZ_SEEDS=100 walks for a while.
SEEDS: Final = range(1, 1 + int(os.environ.get("TAGIHAN_FUZZ_SEEDS", "2")))

# What goes wrong elsewhere: each is put in every place, in time.
NASTY: Final[list[Any]] = [
    None, True, 0, -1, 1, 99000.0, 1e5, "99000", 2**31, 2**63, 10**39, -(2**63) - 1, 0.1, "", " ",
    "\0", "a\0b", "\ud800", "\udfff x", "é" * 300, "x" * 600, "\u202e", "'; DROP TABLE x;--", "%s%d{0}",
    "{{7*7}}", "../../etc", "2026-02-30", "2026-13-01T00:00:00Z", "0001-01-01", "9999-12-31",
    "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00", "NaN", "null",
    [], {}, [[]], [None], {"": ""}, {"a": {"a": {"a": 1}}}, "cus_aaaaaaaaaaaaaaaaaaaaaaaaaa",
    "mer_zzzzzzzzzzzzzzzzzzzzzzzzzz", "pay_7777777777777777777777777a", "Asia/Jakarta", "../Jakarta",
    "id", "en", "a@b.example", "#000000", "INV-{n}", "{n:06d}{year!r}", "{prefix.__class__}-{n}",
    "A" * 32, "_" * 32, "gAAA" + "A" * 28, "f___" + "_" * 28, "AADC" + "A" * 28, "\n", "5" * 20,
]  # fmt: skip
# Bodies that are no text of JSON, or more than one.
RAW: Final = [
    b"", b"{", b"[]", b"null", b"1", b'"a"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 3_000,
    b'{"a":' * 3_000, b'{"a": NaN}', b'{"a": 1e9999999999999999999}', b'{"a": ' + b"1" * 6_000 + b"}",
    b'{"a": 1, "a": 2}', b'{"\\ud800": 1, "\\ud800": 1}', b'{"a": "\\u0000"}', b"{}{}", b"{} x",
    b"x" * 300_000, b'{"a": Infinity}', b"a=1&b=2",
]  # fmt: skip


@pytest.fixture
def owned(counter: Counter) -> dict[str, Any]:
    """One of everything, so that ids that exist are among the words."""
    return things(counter)


def sample(schema: dict[str, Any], shapes: dict[str, Any], dice: random.Random) -> Any:
    """A value that fits a schema, more or less."""
    if "$ref" in schema:
        return sample(shapes[schema["$ref"].rpartition("/")[2]], shapes, dice)
    if schema.get("examples"):
        return json.loads(json.dumps(schema["examples"][0]))
    for many in ("oneOf", "anyOf", "allOf"):
        if many in schema:
            return sample(dice.choice(schema[many]), shapes, dice)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        wanted = schema.get("required", [])
        return {
            name: sample(inner, shapes, dice)
            for name, inner in schema.get("properties", {}).items()
            if name in wanted or dice.random() < 0.4
        }
    if kind == "array":
        return [sample(schema.get("items", {}), shapes, dice)]
    plain = {
        "integer": max(1, schema.get("minimum", 1)), "boolean": True, "null": None, "number": 1,
    }  # fmt: skip
    if kind in plain:
        return plain[str(kind)]
    by_format = {"date": "2026-03-01", "date-time": "2026-03-01T00:00:00Z"}
    return by_format.get(schema.get("format", ""), "a" * max(3, schema.get("minLength", 3)))


def spoil(value: Any, pool: list[Any], dice: random.Random) -> Any:
    """The value with one place of it made wrong."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        spoiled = dict(value)
        name = dice.choice(sorted(spoiled))
        what = dice.random()
        if what < 0.15:
            del spoiled[name]
        elif what < 0.25:
            spoiled[dice.choice(["x", "", "version", "$ref", "a" * 300])] = dice.choice(pool)
        else:
            spoiled[name] = spoil(spoiled[name], pool, dice)
        return spoiled
    if isinstance(value, list) and value and dice.random() < 0.6:
        return [spoil(value[0], pool, dice), *value[1:]]
    return dice.choice(pool)


def written(value: Any, dice: random.Random) -> bytes:
    """JSON of it, now and then with a key twice."""
    text = json.dumps(value)
    if isinstance(value, dict) and value and dice.random() < 0.1:
        text = f"{{{json.dumps(min(value))}: 1, {text[1:]}"
    return text.encode()


def addressed(template: str, owned: dict[str, Any], dice: random.Random) -> str:
    """The path with ids that exist, and now and then with what is none."""
    strange = ["%00", "x" * 400, "cus_" + "z" * 26, "..", "%F0%9F%92%A5", "1", "%ED%A0%80"]

    def fill(match: re.Match[str]) -> str:
        if dice.random() < 0.2:
            return dice.choice(strange)
        return str(owned.get(match.group(1), "lumbung"))

    return re.sub(r"\{(\w+)\}", fill, template)


def questions(parameters: list[dict[str, Any]], pool: list[Any], dice: random.Random) -> str:
    """A query string of known names and unknown words."""
    names = [one["name"] for one in parameters if one["in"] == "query"]
    some = dice.sample(names, k=dice.randint(0, min(2, len(names)))) + ["nonsense"] * (
        dice.random() < 0.1
    )
    asked = [(name, str(dice.choice(pool)).encode("utf-8", "surrogatepass")) for name in some]
    return "&".join(
        f"{name}=" + "".join(f"%{byte:02X}" for byte in word[:200]) for name, word in asked
    )


def fault(answer: httpx.Response) -> str | None:
    """What is wrong with an answer: a fault of ours, or a refusal that no program can read."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code < 400:
        return None
    if answer.headers["content-type"] != "application/problem+json":
        return f"is {answer.headers['content-type']}"
    problem = answer.json()
    is_whole = (
        problem["status"] == answer.status_code
        and words_of(problem["code"]) is not None
        and 1 <= len(problem["detail"]) <= 500
        and len(problem.get("field") or "") <= 300
    )
    return None if is_whole else str(problem)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_operation_breaks_whatever_it_is_sent(
    counter: Counter, owned: dict[str, Any], seed: int
) -> None:
    dice = random.Random(seed)
    made = document(counter.client.app)
    pool = [*NASTY, *owned.values()]
    seen: set[int] = set()
    faults: list[str] = []
    for template, item in made["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            shape = content.get("application/json", {}).get("schema")
            for turn in range(_ROUNDS if method != "get" else _QUERIES):
                path = addressed(template, owned, dice)
                query = questions(operation.get("parameters", []), pool, dice)
                body = None
                if method != "get":
                    good = sample(shape or {"type": "object"}, made["components"]["schemas"], dice)
                    body = (
                        RAW[dice.randrange(len(RAW))]
                        if turn % 5 == 4
                        else written(spoil(good, pool, dice), dice)
                    )
                at = f"{path}?{query}" if query else path
                answer = counter.door.call(method.upper(), at, body)
                seen.add(answer.status_code)
                if wrong := fault(answer):
                    faults.append(f"{method.upper()} {at} {(body or b'')[:300]!r}: {wrong}")
    assert faults == []
    assert {200, 404, 409, 422, 400} <= seen


def test_too_many_megabytes_are_refused_by_every_route_that_reads_a_body(
    counter: Counter, owned: dict[str, Any]
) -> None:
    """Five are too many everywhere but where a whole report or catalogue is handed in."""
    larger = {
        "/api/v1/settlement-files": REPORT_BODY,
        "/api/v1/catalogue/plan": CATALOGUE_BODY,
        "/api/v1/catalogue/apply": CATALOGUE_BODY,
    }
    for template, item in document(counter.client.app)["paths"].items():
        if "requestBody" in item.get("post", {}) and item["post"]["x-scope"] != "operator":
            path = re.sub(r"\{(\w+)\}", lambda found: str(owned.get(found[1], "x")), template)
            body = b'{"name": "' + b"x" * (larger.get(template, 5_000_000) + 1) + b'"}'
            answer = counter.door.call("POST", path, body)
            assert (answer.status_code, fault(answer)) == (413, None), path
