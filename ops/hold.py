"""Who holds a home: one supervisor at a time, its terminal, and the processes it has started."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ops import processes
from ops.embedded_place import write_private

_STANDARD_OUTPUT = 1
_PROCESSES = "processes.json"


class UpError(Exception):
    """Tagihan can not start; the message is one clear line."""


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home for as long as this process lives, however it ends.

    Raises:
        UpError: another process holds it.
    """
    with (home / "lock").open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            raise UpError(
                f"Tagihan already runs in {home} (process {handle.read().strip() or 'unknown'}); "
                "stop it first, or set TAGIHAN_HOME to another folder"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield


def has_terminal() -> bool:
    """Whether standard output is a terminal that is still open.

    A closed terminal sends SIGHUP to the leader of its session alone, which may be a `make` that
    ends without a word to us: so whoever had a terminal looks for it from time to time.
    """
    return os.isatty(_STANDARD_OUTPUT)


def say(line: str) -> None:
    """Print a line at once; where the terminal is gone, stopping goes on in silence."""
    try:
        print(line, flush=True)
    except OSError:
        # What could not be written must not be tried again at the end of the process.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STANDARD_OUTPUT)
        os.close(nowhere)


def remember(home: Path, started: Sequence[processes.Process]) -> None:
    """Write down who was started, for a next start after this process was killed."""
    listed = [{"pid": one.pid, "started": one.started} for one in started]
    write_private(home / _PROCESSES, json.dumps(listed) + "\n")


def forget(home: Path) -> None:
    """All that was started has ended."""
    (home / _PROCESSES).unlink(missing_ok=True)


def stop_leftovers(home: Path, say: Callable[[str], None]) -> None:
    """End parts of an earlier run; its PostgreSQL is found by its data directory."""
    try:
        listed = json.loads((home / _PROCESSES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    left = [processes.Process(one["pid"], one["started"]) for one in listed]
    alive = [process for process in left if processes.is_alive(process)]
    if alive:
        say(f"Stopping {len(alive)} processes left over from an earlier run ...")
    for process in alive:
        processes.stop(process, signal.SIGTERM, signal.SIGKILL, grace_seconds=5)
