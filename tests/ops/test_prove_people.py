"""A client asks again: what it may take for a mistake of the engine, and what for its own twin."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from billing.engine import Engine
from ops.prove.book import Book
from ops.prove.people import Deeds, at_the_gateway

REFUSED = IntegrityError("INSERT", {}, psycopg.errors.UniqueViolation("duplicate key"))
OTHER = IntegrityError("INSERT", {}, psycopg.errors.CheckViolation("a check"))
AWAY = DBAPIError("SELECT", {}, psycopg.OperationalError("server closed the connection"))


def _asked(*answers: Exception | None) -> Deeds:
    deeds = Deeds(cast(Engine, None), UUID(int=1), random.Random(1), [])
    left = list(answers)

    def do() -> None:
        if left and (answer := left.pop(0)) is not None:
            raise answer

    deeds.attempt("sign_up", cast(Callable[[], Any], do))
    return deeds


@pytest.mark.parametrize(
    ("answers", "done", "broke"),
    [
        pytest.param([REFUSED, None], 1, 0, id="the twin came first, and has committed"),
        pytest.param([AWAY, AWAY, REFUSED, None], 1, 0, id="the last try meets the twin"),
        pytest.param([REFUSED, AWAY, None], 1, 0, id="the server is away after the twin"),
        pytest.param([REFUSED, REFUSED], 0, 1, id="refused again: a mistake"),
        pytest.param([REFUSED, AWAY, REFUSED], 0, 1, id="refused again, later"),
        pytest.param([REFUSED, OTHER, None], 1, 0, id="two guards, each once"),
        pytest.param([AWAY, AWAY, AWAY], 0, 0, id="never there: the client gives up"),
    ],
)
def test_a_guard_met_once_is_a_twin_and_met_twice_a_mistake(
    answers: list[Exception | None], done: int, broke: int
) -> None:
    deeds = _asked(*answers)

    assert (deeds.done.get("sign_up", 0), len(deeds.broke)) == (done, broke)


def test_nobody_confirms_a_card_on_a_page_that_was_shown_to_nobody() -> None:
    # Both wait at the gateway; the second came to be hours after its answer was lost.
    confirmed: list[str] = []
    waiting = {
        name: SimpleNamespace(order_id=name, state="pending", kind="card") for name in ("A", "B")
    }
    book = SimpleNamespace(orders=waiting, confirm=lambda name, _: confirmed.append(name))

    for seed in range(40):
        at_the_gateway(cast("Book", book), random.Random(seed), 0.4, {"A"})

    assert set(confirmed) == {"A"}
