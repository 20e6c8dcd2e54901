"""Planted mistakes, of `ops/prove/bugs_requests.py`: each is found, and nothing where none is planted."""

from __future__ import annotations

import pytest
from planted import asked, lives, must_be_found, must_be_whole

from ops.prove.bugs_requests import BUGS
from ops.prove.place import Place
from ops.prove.planting import Life

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(600)]
FOUND = asked(BUGS)
LIVES = lives(BUGS[name] for name in FOUND)


@pytest.mark.parametrize("name", FOUND)
def test_a_planted_bug_is_found_by_a_promise_it_breaks(place: Place, name: str) -> None:
    must_be_found(name, place)


@pytest.mark.parametrize("life", LIVES, ids=range(len(LIVES)))
def test_without_it_nothing_is_broken_in_the_same_life(place: Place, life: Life) -> None:
    must_be_whole(life, place)
