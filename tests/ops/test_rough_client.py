"""The rough tier's client, who is answered once, and its processes, who are paused and killed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.prove.checks import Violation
from ops.prove.rough import verdict
from ops.prove.rough.client import Client, Deed
from ops.prove.rough.house import Process
from ops.prove.rough.trouble import Trouble

# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "broken"),
    [
        ((201, {"id": "a", "url": "https://x"}), False),
        ((201, {"id": "a", "url": None}), False),  # told once and never kept
        ((201, {"id": "b", "url": None}), True),
        ((409, {"code": "in_use"}), True),
    ],
)
def test_another_answer_under_the_same_key_is_a_violation(
    later: tuple[int, Any], broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client("http://127.0.0.1:1", "x", "a", "1")
    deed = Deed("a-1", "/customers", {}, {}, [(201, {"id": "a", "url": "https://x"})])
    monkeypatch.setattr(client, "repeat", lambda _: later)
    found: list[Violation] = list(verdict._one_answer(client, deed))
    assert [one.rule for one in found] == (["one key, one answer"] if broken else [])


def test_a_client_asks_until_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("http://127.0.0.1:1", "x", "a", "1")
    told = iter([(0, {}), (503, {}), (409, {"code": "in_progress"}), (201, {"id": "a"})])
    asked: list[str] = []

    def answer(_m: str, _p: str, _b: Any, headers: dict[str, str]) -> tuple[int, Any]:
        asked.append(headers["Idempotency-Key"])
        return next(told)

    monkeypatch.setattr(client, "_try", answer)
    monkeypatch.setattr(client, "_rest", lambda: None)
    deed = client.post("/customers", {})
    assert (deed.status, deed.lost, len(asked), len(set(asked))) == (201, 3, 4, 1)


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    one = Process("sleeper", "worker", {}, tmp_path / "log")
    one.popen = subprocess.Popen(["sleep", "60"])
    yield one
    one.kill()


def state_of(process: Process) -> str:
    assert process.popen is not None
    stat = Path(f"/proc/{process.popen.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0]


def becomes(process: Process, states: str) -> None:
    deadline = time.monotonic() + 10
    while state_of(process) not in states:
        assert time.monotonic() < deadline, state_of(process)
        time.sleep(0.02)


def test_who_is_paused_goes_on_by_himself(process: Process) -> None:
    process.pause(1)
    becomes(process, "T")
    assert process.is_paused
    becomes(process, "SR")
    assert process.is_running


def test_who_is_killed_while_he_is_paused_is_gone_and_his_waker_too(process: Process) -> None:
    process.pause(30)
    becomes(process, "T")
    process.kill()
    assert not process.is_running
    assert process.waker is not None
    assert process.waker.poll() is not None


def test_everybody_is_up_after_the_trouble(tmp_path: Path) -> None:
    started: list[str] = []
    dead = Process("worker-1", "worker", {}, tmp_path / "log")
    house = SimpleNamespace(processes=[dead], restart=lambda one: started.append(one.name))
    Trouble(house, "1").mend()  # type: ignore[arg-type]
    assert started == ["worker-1"]
