"""Where `tagihan prove` strikes by itself, and how it counts what it struck."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from ops.prove import census, crew
from ops.prove.census import ENOUGH, WAYS, Hunt
from ops.prove.command import LIVES, ROUND, Wanted, in_rounds, plans_of, prove
from ops.prove.faults import KINDS
from ops.prove.place import Place
from ops.prove.plan import Plan, Told
from ops.prove.report import Totals

ROOT = Path(__file__).resolve().parents[2]


def never() -> bool:
    return False


@pytest.mark.parametrize("group", WAYS)
def test_over_many_histories_a_site_is_struck_in_every_way(group: str) -> None:
    struck: Counter[str] = Counter()
    for index in range(600):
        hunt = Hunt("seed", index)
        for _ in range(9):
            if kind := hunt.at(group, "billing/flows/settle.py:1"):
                struck[kind] += 1

    assert set(struck) == set(WAYS[group])
    assert min(struck.values()) >= ENOUGH


def test_what_is_passed_once_a_history_is_struck_in_some_of_them() -> None:
    found = [Hunt("seed", index).at("statement", "rare") for index in range(200)]

    assert 0 < sum(kind is not None for kind in found) < 200


def test_a_hunt_follows_from_its_seed_and_index() -> None:
    def lived(seed: str) -> list[str | None]:
        hunt = Hunt(seed, 3)
        return [hunt.at("commit", f"site {n % 4}") for n in range(60)]

    assert lived("a") == lived("a")
    assert lived("a") != lived("b")


def test_every_way_is_a_kind_of_fault_that_is_counted() -> None:
    assert {way for ways in WAYS.values() for way in ways} <= set(KINDS)


@pytest.mark.parametrize(
    ("site", "group"),
    [
        ("billing/flows/settle.py:90", "statement"),
        ("billing/flows/settle.py:90 COMMIT", "commit"),
        ("billing/flows/charge.py:90 call charge", "call"),
        ("billing/flows/deliver.py:90 mail", "mail"),
        ("api-sign_up COMMIT", "commit"),
    ],
)
def test_the_name_of_a_site_tells_what_is_done_there(site: str, group: str) -> None:
    assert census.group_of(site) == group


def test_a_site_that_was_struck_too_rarely_in_one_way_is_named_with_it() -> None:
    passed = Counter({"a:1": 9, "b:2 COMMIT": 9})
    struck = Counter({("a:1", way): ENOUGH for way in WAYS["statement"]})
    struck["a:1", "kill"] = ENOUGH - 1
    found = census.coverage(passed, struck)

    assert (found.sites, found.cells) == (2, len(WAYS["statement"]) + len(WAYS["commit"]))
    assert found.enough == len(WAYS["statement"]) - 1
    assert found.thin["a:1"] == {"kill": ENOUGH - 1}
    assert found.thin["b:2 COMMIT"] == dict.fromkeys(WAYS["commit"], 0)


def test_the_lines_that_exist_are_read_from_the_source() -> None:
    asking = census.lines_that_ask()
    settle = {line for line in asking if line.startswith("billing/flows/settle.py:")}
    source = (ROOT / "billing/flows/settle.py").read_text(encoding="utf-8").splitlines()

    assert len(asking) > 300
    assert settle
    assert all(
        any(word in source[int(line.rpartition(":")[2]) - 1] for word in ("session", "insert", "work"))
        for line in settle
    )  # fmt: skip
    assert census.never_passed(Counter(asking)) == {}
    one = min(settle)
    assert census.never_passed(Counter(asking - {one})) == {"billing/flows/settle.py": 1}


def test_a_sweep_hunts_in_each_of_its_histories() -> None:
    plans = list(plans_of(Wanted("s", sweep=3), never))

    assert [(plan.index, plan.hunt) for plan in plans] == [(0, True), (1, True), (2, True)]


@pytest.mark.parametrize("life", [life for life in LIVES if life != "scenes"])
def test_a_life_says_which_plans_people_choose(life: str) -> None:
    (plan,) = plans_of(Wanted("s", histories=1, life=life), never)

    assert plan.plans == LIVES[life].get("plans", ())
    assert not plan.hunt


def test_a_mistake_is_planted_once_in_a_process_that_lives_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crew, "live", lambda plan, *_: Told(plan))
    nowhere = Place("", "", template="", owner="", role_prefix="")
    totals, told = prove(
        Wanted("s", bug="timeout-is-failure", histories=1), nowhere, lambda _: None
    )

    assert (totals.histories, told) == (1, [])


def test_a_history_of_a_sweep_can_be_lived_smaller() -> None:
    (plan,) = plans_of(Wanted("s", sweep=1, history=7, subscriptions=2, days=5), never)

    assert (plan.index, plan.subscriptions, plan.days, plan.hunt) == (7, 2, 5, True)


def test_a_round_aims_at_what_the_rounds_before_struck_too_rarely() -> None:
    passed = Counter({"a:1": 9, "b:2": 9, "c:3": 9})
    struck = Counter({("a:1", way): ENOUGH for way in WAYS["statement"]})
    struck.update({("b:2", way): ENOUGH for way in WAYS["statement"]})
    struck["b:2", "kill"], struck["b:2", "disk_full"] = 3, 1
    struck["c:3", "kill"] = 7
    aims = census.aims(passed, struck, histories=20)

    rarely = ("kill_after_statement", "connection_lost", "disk_full", "pause_at_statement", "kill")
    assert aims == (("a:1", (), 3), ("b:2", ("disk_full", "kill"), 3), ("c:3", rarely, 1))
    hunts = [Hunt("seed", index, aims) for index in range(12)]
    at_b = [hunt.at("statement", "b:2") for hunt in hunts]
    assert set(at_b) == {"disk_full", "kill", None}
    assert at_b.count(None) == 8
    assert [hunt.at("statement", "a:1") for hunt in hunts for _ in range(9)] == [None] * 108
    assert all(hunt.at("statement", "c:3") for hunt in hunts)
    assert sum(hunt.at("statement", "never passed") is not None for hunt in hunts) == 4


def test_a_sweep_looks_back_after_every_round() -> None:
    so_far = Totals("s")
    looked: list[Plan | None] = []
    for plan in in_rounds(plans_of(Wanted("s", sweep=ROUND + 2), never), so_far):
        looked.append(plan)
        so_far.histories += 1
        so_far.sites["billing/flows/settle.py:1"] += 1

    assert looked.index(None) == ROUND
    assert [plan.aims for plan in looked[:ROUND] if plan] == [()] * ROUND
    assert [plan.aims for plan in looked[ROUND:] if plan] == [
        (("billing/flows/settle.py:1", WAYS["statement"], 1),)
    ] * 2


def test_after_its_minutes_no_further_history_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "live", lambda plan, *_: Told(plan))
    clock = iter(range(0, 1000, 25))
    monkeypatch.setattr("ops.prove.command.time.monotonic", lambda: next(clock))
    nowhere = Place("", "", template="", owner="", role_prefix="")
    totals, _ = prove(Wanted("s", sweep=200, within=2.0), nowhere, lambda _: None)

    assert 0 < totals.histories < 6
