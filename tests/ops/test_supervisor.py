"""`tagihan up`: revives what dies, leaves nothing behind however it ends, keeps its data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from ops import instance, processes
from ops.embedded import free_port

pytestmark = [pytest.mark.embedded, pytest.mark.kill]

ROOT = Path(__file__).resolve().parents[2]
# The whole of it but for the parts that need more than seconds: one real part stands for all.
PROGRAM = """
import os, signal, sys
# However this suite was started, with nohup too.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from ops.children import Part
from ops.supervisor import Supervisor, UpError

def parts(settings):
    return [Part("mailbox", "catches all mail", settings.mailbox_port)]

try:
    Supervisor(os.environ, parts=parts).run()
except UpError as error:
    sys.exit(str(error))
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    ports = {
        f"TAGIHAN_{name}_PORT": str(free_port())
        for name in ("API", "SIMULATOR", "MAILBOX", "SMTP", "DB")
    }
    environ = {"PATH": os.environ["PATH"], "TAGIHAN_HOME": str(home), **ports}
    started: list[subprocess.Popen[str]] = []

    def again(stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT, env=environ, stdout=stdout, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        started.append(child)
        return child

    yield again
    for child in started:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def read_until(child: subprocess.Popen[str], word: str) -> list[str]:
    assert child.stdout is not None
    lines = []
    for line in child.stdout:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"ended without saying {word!r}: {''.join(lines)}")


def running(home: Path) -> list[processes.Process]:
    """The part and the server, as the instance itself wrote them down."""
    listed = json.loads((home / "processes.json").read_text(encoding="utf-8"))
    pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    server = processes.identify(pid)
    assert server is not None
    return [*(processes.Process(one["pid"], one["started"]) for one in listed), server]


def test_what_dies_is_revived_and_nothing_outlives_the_supervisor(home: Path, start: Start) -> None:
    first = start()
    read_until(first, "Starting mailbox")
    part, server = running(home)
    second = start()
    assert second.wait(20) == 1
    read_until(second, f"already runs in {home} (process {first.pid})")

    os.kill(part.pid, signal.SIGKILL)
    read_until(first, "starting it again in 0.5 s")
    deadline = time.monotonic() + 10
    while (revived := running(home)[0]) == part and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes.is_alive(revived)

    first.kill()
    first.wait()
    assert processes.wait_gone(revived, 10)
    assert processes.wait_gone(server, 10)


def test_a_second_start_after_a_sigkill_keeps_the_data(home: Path, start: Start) -> None:
    first = start()
    read_until(first, "Starting mailbox")
    owner = instance.load({"TAGIHAN_HOME": str(home)}).owner_database_url
    assert owner is not None
    with psycopg.connect(owner) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    keys = (home / "keys.json").read_bytes()
    before = running(home)
    first.kill()

    second = start()  # at once: some of the first may still be ending
    read_until(second, "Starting mailbox")
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT n FROM kept")
    assert (home / "keys.json").read_bytes() == keys
    assert [process for process in before if processes.is_alive(process)] == []

    now = running(home)
    second.send_signal(signal.SIGINT)
    read_until(second, "Stopped.")
    assert second.wait(15) == 0
    assert [process for process in now if processes.is_alive(process)] == []
    assert not (home / "processes.json").exists()


def test_a_closed_terminal_stops_everything(home: Path, start: Start) -> None:
    """`ssh -t host make run`: make leads the session, gets the SIGHUP, and passes none on."""
    leader, terminal = os.openpty()
    child = start(terminal)
    os.close(terminal)
    said = b""
    while b"Starting mailbox" not in said:
        said += os.read(leader, 65536)
    left = running(home)

    os.close(leader)

    assert child.wait(25) == 0
    assert [process for process in left if processes.is_alive(process)] == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_stops_everything(home: Path, start: Start, number: signal.Signals) -> None:
    child = start()
    read_until(child, "Starting mailbox")
    left = running(home)

    child.send_signal(number)

    assert child.wait(25) == 0
    assert [process for process in left if processes.is_alive(process)] == []
