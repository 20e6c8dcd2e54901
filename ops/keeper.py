"""Runs one program and stops it when whoever holds the other end of standard input is gone.

Usage: keeper.py UID GID STOP_SIGNAL PROGRAM ARGUMENT... (UID and GID -1: do not switch user).
It stands alone: started by path with a bare interpreter, it imports nothing of ours. PostgreSQL
can not watch a pipe by itself, so this process watches for it; should this process be killed as
well, Linux sends the program the stop signal (parent-death signal).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Fast shutdown, then without waiting for checkpoints, then by force: never leave it running.
_PATIENCE_SECONDS = (20, 5, 2)


def main(argv: list[str]) -> int:
    """Run the program until it ends or standard input does; answer its exit code."""
    uid, gid, stop_signal = (int(text) for text in argv[:3])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    child = subprocess.Popen(
        argv[3:],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_before_exec(stop_signal),  # noqa: PLW1509 - there is one thread yet
        user=None if uid < 0 else uid,
        group=None if uid < 0 else gid,
        extra_groups=None if uid < 0 else [],
    )
    signal.signal(signal.SIGTERM, lambda *_: _stop(child, stop_signal))
    threading.Thread(target=_watch, args=(child, stop_signal), daemon=True).start()
    code: int = child.wait()
    return code


def _before_exec(stop_signal: int) -> Callable[[], None]:
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):  # not Linux: the pipe alone does it
        prctl = None

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, stop_signal)

    return prepare


def _watch(child: subprocess.Popen[bytes], stop_signal: int) -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    _stop(child, stop_signal)
    for patience, harder in zip(
        _PATIENCE_SECONDS, (signal.SIGQUIT, signal.SIGKILL, signal.SIGKILL), strict=True
    ):
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            _stop(child, harder)
        else:
            return


def _stop(child: subprocess.Popen[bytes], number: int) -> None:
    if child.poll() is None:
        child.send_signal(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
