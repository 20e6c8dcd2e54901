"""One child process of the supervisor: started, heard out, found ready, restarted, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from core.logs import DIARY, READY
from ops import processes

_LOG_BYTES_MAX = 10_000_000  # then the file becomes .1, and the .1 before it goes
_BACKOFF_SECONDS = (0.5, 1, 2, 5, 10, 30)
_STEADY_SECONDS = 60  # a child that ran this long starts its back-off anew

_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning)\b")

Say = Callable[[str], None]
Tell = Callable[[Mapping[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class Part:
    """A process of ours: its command, what it is for, and the port that shows it is ready.

    A part without a port says so itself, by a log line (`core.logs.say_ready`).
    """

    name: str
    purpose: str
    port: int | None = None
    ready_seconds: int = 40


class Child:
    """Runs a part, again where it dies; its lines go to a file, its diary is told by ``tell``."""

    def __init__(
        self, part: Part, environ: Mapping[str, str], logs: Path, say: Say, tell: Tell | None = None
    ) -> None:
        self.part = part
        self._environ = dict(environ)
        self._log = logs / f"{part.name}.log"
        self._say = say
        self._tell = tell or (lambda _record: None)
        self._child: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self._ready = threading.Event()
        self._started = 0.0
        self._deaths = 0
        self._again_at: float | None = None
        self._last_error = ""

    def start(self) -> None:
        """Start the process; it holds one end of a pipe and ends when ours closes."""
        theirs, ours = os.pipe()
        self._ready.clear()
        self._last_error = ""
        self._started = time.monotonic()
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", self.part.name],
                env={**self._environ, processes.LIFELINE: str(theirs)},
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the supervisor only
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._lifeline = ours
        threading.Thread(target=self._hear, args=(self._child,), daemon=True).start()

    def process(self) -> processes.Process | None:
        """Who it is, for the list of what may be left over."""
        return processes.identify(self._child.pid) if self._child else None

    def is_ready(self) -> bool:
        """Whether it has said so, or answers on its port."""
        if not self._ready.is_set() and self.part.port is not None and self._answers():
            self._ready.set()
        return self._ready.is_set()

    def wait_ready(self) -> str | None:
        """Wait for it; answers what went wrong, or None."""
        deadline = self._started + self.part.ready_seconds
        while not self.is_ready():
            if self._child is None or self._child.poll() is not None:
                return self._why("ended at once")
            if time.monotonic() > deadline:
                return self._why(f"was not ready after {self.part.ready_seconds} s")
            time.sleep(0.05)
        return None

    def revive(self) -> bool:
        """Start it again where it has died, later each time; True where it was started."""
        if self._child is None or self._child.poll() is None:
            return False
        now = time.monotonic()
        if self._again_at is None:
            if now - self._started > _STEADY_SECONDS:
                self._deaths = 0
            pause = _BACKOFF_SECONDS[min(self._deaths, len(_BACKOFF_SECONDS) - 1)]
            self._deaths += 1
            self._again_at = now + pause
            self._say(f"{self._why('ended')}; starting it again in {pause:g} s")
        if now < self._again_at:
            return False
        self._again_at = None
        self._close_lifeline()
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """Let go of it: finish what is under way and end."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def wait_stopped(self, seconds: float) -> None:
        """Wait for its end, then force it."""
        if self._child is None:
            return
        try:
            self._child.wait(max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.part.port or 0), timeout=0.5),
        ):
            return True
        return False

    def _why(self, what: str) -> str:
        code = self._child.poll() if self._child else None
        ended = "" if code is None else f" (exit code {code})"
        said = f": {self._last_error}" if self._last_error else ""
        return f"{self.part.name} {what}{ended}{said} - see {self._log}"

    def _hear(self, child: subprocess.Popen[bytes]) -> None:
        """Copy its lines to the log file; show the diary, notice readiness and errors."""
        assert child.stdout is not None
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        log: IO[bytes] = self._log.open("ab")
        try:
            for line in child.stdout:
                if log.tell() > _LOG_BYTES_MAX:
                    log = _rotate(log, self._log)
                log.write(line)
                log.flush()
                self._notice(line.decode(errors="replace").strip())
        finally:
            log.close()
            child.stdout.close()

    def _notice(self, line: str) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            # The last line of a traceback is the one that says what it was.
            if _EXCEPTION.match(line):
                self._last_error = line[:300]
            return
        if record.get("logger") == DIARY:
            told = self._tell(record)
            if told:
                self._say(told)
        elif record.get("message") in {READY, f"{self.part.name} {READY}"}:
            self._ready.set()
        elif record.get("level") in {"error", "critical"}:
            error = _last_exception(str(record.get("error", "")))
            self._last_error = f"{record.get('message')}{error and ': '}{error}"[:300]
            self._say(f"{self.part.name}: {self._last_error}")


def _last_exception(traceback: str) -> str:
    """The line of a traceback that says what it was; notes of libraries stand below it."""
    lines = [line for line in traceback.splitlines() if _EXCEPTION.match(line)]
    return lines[-1] if lines else ""


def _rotate(log: IO[bytes], path: Path) -> IO[bytes]:
    log.close()
    path.replace(path.with_suffix(".log.1"))
    return path.open("ab")
