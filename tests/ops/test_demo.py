"""The demo's first weeks: the same twice, judged sound, and found out when something is broken.

The whole year is `make demo`; here its beginning is played by the same parts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops import demo
from ops.demo import write_documents
from ops.demo_story.checks import judge
from ops.demo_story.instance import throw_away
from ops.demo_story.sabotage import DOUBLE_CHARGE, LEDGER, LOST_INVOICE, plant
from ops.demo_story.script import BEGAN, story
from ops.demo_story.stage import Stage, jakarta, set_the_stage

pytestmark = [pytest.mark.slow, pytest.mark.embedded, pytest.mark.timeout(300)]

END = jakarta("2027-02-07 12:00")


@contextmanager
def played() -> Iterator[Stage]:
    """An instance on which the first five weeks were lived."""
    with throw_away() as running:
        stage = set_the_stage(running, lambda line: None, BEGAN)
        story(stage).play(END)
        yield stage
        stage.api.close()
        stage.people.close()
        assert running.instance.problems == []


@contextmanager
def living_in(zone: str) -> Iterator[None]:
    """The host's time zone, for this process and those it starts."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.fixture(scope="module")
def one_play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, dict[str, str]]]:
    """A play in the far east, still on, and the documents it had written when it was over."""
    with living_in("Pacific/Kiritimati"), played() as stage:
        yield stage, write_documents(stage, tmp_path_factory.mktemp("east"))


def test_two_plays_in_two_zones_give_the_same_bytes(
    one_play: tuple[Stage, dict[str, str]], tmp_path: Path
) -> None:
    with living_in("America/St_Johns"), played() as stage:
        first = write_documents(stage, tmp_path)

    assert len(first) > 12
    assert {name for name in first if name.startswith("diary")} == {"diary.en.txt", "diary.id.txt"}
    assert first == one_play[1]


def test_what_is_broken_is_named(one_play: tuple[Stage, dict[str, str]]) -> None:
    stage = one_play[0]
    verdicts, report = judge(stage)
    assert [one for one in verdicts if not one.holds] == []
    assert report.broken == ()

    plant(stage, LEDGER)
    assert "journal-balances" in broken(stage)

    plant(stage, LOST_INVOICE)
    assert {"numbers-without-gaps", "no-period-missing"} <= broken(stage)

    plant(stage, DOUBLE_CHARGE)
    assert {"no invoice was charged twice", "next-try-after-attested-failure"} <= broken(stage)


def broken(stage: Stage) -> set[str]:
    """The names of the verdicts and of the doctor's rules that do not hold."""
    verdicts, report = judge(stage)
    return {one.name for one in verdicts if not one.holds} | {one.name for one in report.broken}


def test_the_command_ends_in_1_when_something_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class FirstWeeks:
        def __init__(self, stage: Stage) -> None:
            self.stage = stage

        def play(self) -> None:
            story(self.stage).play(END)

    monkeypatch.setattr(demo, "story", FirstWeeks)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    assert demo.main(output=tmp_path, sabotage=DOUBLE_CHARGE) == 1
    assert "not so: no invoice was charged twice" in capsys.readouterr().err
    assert (tmp_path / "summary.json").exists()
