"""Processes that must not outlive each other: who is who, what was left over, who holds on."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

LIFELINE = "TAGIHAN_LIFELINE_FD"
_GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Process:
    """A process told apart from a later one with the same number by the moment it started."""

    pid: int
    started: str


def identify(pid: int) -> Process | None:
    """The process that has this number now; None where there is none, or only a zombie."""
    if pid <= 0:
        return None
    started = _started_linux(pid) if Path("/proc/self/stat").exists() else _started_ps(pid)
    return Process(pid, started) if started else None


def is_alive(process: Process) -> bool:
    """Whether that very process still runs."""
    return identify(process.pid) == process


def wait_gone(process: Process, seconds: float) -> bool:
    """Wait until the process has ended; False where it still runs after ``seconds``."""
    deadline = time.monotonic() + seconds
    while is_alive(process):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def stop(process: Process, *signals: int, grace_seconds: float = _GRACE_SECONDS) -> bool:
    """Send each signal in turn until the process is gone; True where it is."""
    for number in signals or (signal.SIGTERM, signal.SIGKILL):
        if not is_alive(process):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        if wait_gone(process, grace_seconds):
            return True
    return False


def follow_parent() -> None:
    """End this process when its supervisor ends, however it ends.

    The supervisor holds the other end of a pipe and never writes to it. When it dies, by SIGKILL
    too, the kernel closes that end and the read below returns.
    """
    text = os.environ.pop(LIFELINE, "")
    if text:
        thread = threading.Thread(target=_watch, args=(int(text),), name="lifeline", daemon=True)
        thread.start()


def _watch(fd: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(fd, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def _started_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets and may hold anything: count after it.
    after = stat.rpartition(")")[2].split()
    return None if after[0] in {"Z", "X"} else after[19]


def _started_ps(pid: int) -> str | None:
    done = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = done.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None
