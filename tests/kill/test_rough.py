"""The rough tier as a command: it keeps every promise, it finds a planted mistake, it leaves nothing.

The runs are short: what is harmed in them for minutes is harmed here for seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated import ROOT

from ops.erase import outside_of

pytestmark = [pytest.mark.embedded, pytest.mark.kill, pytest.mark.slow, pytest.mark.timeout(420)]

STARTED = "harm begins"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the command makes its folder; what is kept of it goes, inside and outside."""
    yield tmp_path
    for folder in tmp_path.glob("tagihan-rough-*"):
        outside = outside_of(folder / "home")
        if outside is not None:
            shutil.rmtree(outside, ignore_errors=True)


def run(place: Path, *arguments: str) -> subprocess.Popen[str]:
    told = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAGIHAN_", "MIDTRANS_", "SMTP_", "DATABASE_URL"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "prove", "--rough", *arguments],
        cwd=ROOT, env={**told, "TMPDIR": str(place)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


def left_over(place: Path) -> list[str]:
    """Processes that were told of the command's folder, and live."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={place}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_real_processes_keep_every_promise(place: Path) -> None:
    file = place / "figures.json"
    done = run(place, "--minutes", "0.3", "--seed", "31", "--json", str(file))
    said, _ = done.communicate()
    assert done.returncode == 0, said
    told: dict[str, Any] = json.loads(file.read_text())
    assert told["violations"] == []
    # Of each kind of harm one; what met what depends on the machine.
    assert {what.split()[0] for what in told["harmed"]} >= {"kill", "pause", "restart"}
    assert told["answers_lost"] >= 1
    assert told["charges"] >= 5
    assert told["subscriptions"] >= 5
    assert sum(told["written_ahead"].values()) >= told["charges"]
    assert left_over(place) == []
    assert list(place.glob("tagihan-rough-*")) == []


@pytest.mark.full
def test_a_planted_mistake_is_found_and_its_traces_are_kept(place: Path) -> None:
    done = run(place, "--minutes", "0.5", "--seed", "32", "--with-bug", "order-id-per-send")
    said, _ = done.communicate()
    assert done.returncode == 1, said
    assert "I4 written ahead" in said
    [folder] = place.glob("tagihan-rough-*")
    assert (folder / "wire.jsonl").read_text()
    assert (folder / "logs" / "worker-1.log").read_text()
    assert left_over(place) == []


def test_who_stops_it_is_left_with_nothing(place: Path) -> None:
    with run(place, "--minutes", "5") as doing:
        assert doing.stdout is not None
        for line in doing.stdout:
            if STARTED in line:
                break
        time.sleep(3)
        doing.send_signal(signal.SIGINT)
        said = doing.stdout.read()
        assert doing.wait(60) == 130, said
    assert left_over(place) == []
    assert list(place.glob("tagihan-rough-*")) == []
