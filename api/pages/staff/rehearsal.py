"""Showing what a deed would do, by doing it and taking it back: preview and deed can not differ."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from api.pages.staff.session import SignedIn
from core.work import Work

T = TypeVar("T")


class _Over(Exception):  # noqa: N818 - no error: the rehearsal is over
    """Leaves the transaction so that nothing of it stays."""


def rehearse(person: SignedIn, play: Callable[[Work], T]) -> T:
    """Do something in a transaction that is rolled back; what it raises is raised."""
    seen: list[T] = []
    with suppress(_Over), person.engine.work(person.merchant_id, person.actor) as unit:
        seen.append(play(unit))
        raise _Over
    return seen[0]
