"""Lives of one scene: what is written down is done, in its order, and the weather strikes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from core.errors import Conflict
from ops.prove import promises, scenes, shop
from ops.prove.command import Wanted, plans_of
from ops.prove.faults import GROUPS, KINDS, Faults
from ops.prove.history import History
from ops.prove.people import Person
from ops.prove.place import throwaway
from ops.prove.plan import Plan, Told

START = datetime(2027, 1, 4, 2, tzinfo=UTC)


# What a lived history is spoiled by → which promise is broken then.
SPOILED = {
    "UPDATE invoice_lines SET period_start = period_start - 31, period_end = period_start"
    " WHERE kind = 'recurring'": "a period is billed by its own line",
    "UPDATE prices SET interval_unit = 'week'": "a price buys its own interval",
    "UPDATE subscriptions SET current_end = current_end + 31 WHERE status = 'active'":
        "every day that is served is billed",
}  # fmt: skip


@dataclass
class Lived:
    told: Told
    found: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def lived() -> Iterator[Lived]:
    plan = scenes.lived_in("a part and the rest", Plan("2026", 10, scale=0))
    with throwaway() as place, place.room("prove_scene") as room:
        history, found = History(plan, room), dict[str, set[str]]()

        def spoil() -> None:
            for statement in SPOILED:
                with history.look.transaction(force_rollback=True):
                    history.look.execute("SET LOCAL session_replication_role = replica")
                    history.look.execute(statement)
                    found[statement] = {one.rule for one in promises.broken(history.look)}

        history.ending = spoil
        yield Lived(history.live(), found)


@pytest.mark.database
@pytest.mark.slow
def test_a_scene_breaks_no_promise_of_the_engine_as_it_is(lived: Lived) -> None:
    assert [str(one) for one in lived.told.violations] == []


@pytest.mark.database
@pytest.mark.slow
def test_in_a_scene_its_script_is_done_and_only_its_weather_strikes(lived: Lived) -> None:
    told = lived.told
    assert told.deeds.keys() >= {"sign_up", "give_part", "give_rest"}
    weather = dict(scenes.SCENES["a part and the rest"].weather)
    assert told.faults.keys() <= weather.keys() | {"double_click", "refund_refused"}
    assert told.faults["news_lost"] > 0


@pytest.mark.database
@pytest.mark.slow
@pytest.mark.parametrize("statement", SPOILED)
def test_what_is_billed_wrongly_breaks_a_promise(lived: Lived, statement: str) -> None:
    assert SPOILED[statement] in lived.found[statement]


def test_lives_go_through_all_scenes_in_turn() -> None:
    wanted = Wanted("1", histories=2 * len(scenes.SCENES), life="scenes")
    lives = list(plans_of(wanted, lambda: False))
    assert [one.scene for one in lives] == 2 * list(scenes.SCENES)
    assert {one.scale for one in lives} == {0}
    assert all(one.subscriptions <= scenes.PEOPLE for one in lives)


@pytest.mark.parametrize("name", scenes.SCENES)
def test_a_scene_names_plans_that_are_sold_and_faults_that_exist(name: str) -> None:
    scene = scenes.SCENES[name]
    assert {*scene.plans} <= {code for code, *_ in shop._PLANS}
    assert {kind for kind, _ in scene.weather} <= {*KINDS, "refund_refused"}
    for group in GROUPS.values():
        assert sum(often for kind, often in scene.weather if kind in group) <= 1_000_000


@pytest.mark.parametrize("name", scenes.SCENES)
def test_steps_follow_one_another_within_the_days_of_the_scene(name: str) -> None:
    scene, budi = scenes.SCENES[name], Person(0, "Budi", False, UUID(int=0))
    steps = list(scenes.enter(scene, random.Random("1"), budi, [UUID(int=1)], START))
    times = [at for at, _ in steps]
    assert steps[0][1] == "sign_up"
    assert times == sorted(times)
    assert times[-1] < START + timedelta(days=scene.days + 4)
    assert budi.price_id == UUID(int=1)


def test_what_is_joined_is_done_at_once_and_a_refusal_keeps_nothing_back() -> None:
    done: list[str] = []

    def refuse() -> None:
        raise Conflict("invoice_not_open", "paid")

    may: dict[str, Any] = {"no": refuse, "yes": lambda: done.append("yes")}
    scenes.named(may, "no+yes")()
    scenes.named(may, "yes")()
    assert done == ["yes", "yes"]
    with pytest.raises(Conflict):
        scenes.named(may, "yes+no")()


def test_the_weather_of_a_scene_takes_the_place_of_how_often_a_kind_strikes() -> None:
    stage: Any = SimpleNamespace(me=lambda: None, note=lambda _: None, now=START)
    faults = Faults(random.Random("1"), stage, scale=0, weather={"news_lost": 1_000_000})
    assert {faults.draw("news") for _ in range(50)} == {"news_lost"}
    assert {faults.draw("charge") for _ in range(50)} == {None}
