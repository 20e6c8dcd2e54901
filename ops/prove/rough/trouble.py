"""Who is killed, paused or restarted, and when: drawn from the seed, counted as it happens."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ops.prove.rough.house import LEASE_SECONDS, House, Process
from ops.prove.rough.ledger import dice as drawn_from

# Weights of what is done next. The first round holds one of each, so that a short run meets all.
_WEIGHTS = {
    "kill worker": 10, "kill scheduler": 3, "kill api": 3, "pause worker": 4, "pause scheduler": 1,
    "pause api": 1, "restart server": 3,
}  # fmt: skip
_FIRST = ("kill worker", "kill api", "restart server", "pause worker", "kill scheduler")
_EVERY_SECONDS = (1.5, 4.0)
_DOWN_SECONDS = (0.0, 1.5)
_PATIENCE_SECONDS = 15


@dataclass
class Trouble:
    """One thread that harms the house until it is told to stop."""

    house: House
    seed: str
    struck: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _thread: threading.Thread | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self, stop: threading.Event) -> None:
        """Begin."""
        self._stop = stop
        self._thread = threading.Thread(target=self._harm, args=(stop,), daemon=True, name="harm")
        self._thread.start()

    def wait(self) -> None:
        """Wait until the last deed is done."""
        if self._thread is not None:
            self._thread.join(60)

    def mend(self) -> None:
        """Everybody is up and awake."""
        for one in self.house.processes:
            while one.is_paused:
                time.sleep(0.1)
            if not one.is_running:
                self.house.restart(one)

    def _harm(self, stop: threading.Event) -> None:
        dice = drawn_from(f"{self.seed}:trouble")
        for deed, role in _deeds(dice):
            if stop.wait(dice.uniform(*_EVERY_SECONDS)):
                return
            which, seconds = dice.random(), dice.randint(LEASE_SECONDS + 1, LEASE_SECONDS + 4)
            down = dice.uniform(*_DOWN_SECONDS)
            try:
                if deed == "restart":
                    self.house.restart_server()
                    self.struck["restart server"] += 1
                else:
                    self._one(deed, role, which, seconds, down)
            except Exception as error:
                self.wrong.append(f"{deed} {role}: {error!r}")
                return

    def _one(self, deed: str, role: str, which: float, seconds: int, down: float) -> None:
        # Who is not up yet has nothing to lose: on a slow machine harm waits for him.
        patience = time.monotonic() + _PATIENCE_SECONDS
        while not (awake := self._awake(role)):
            if time.monotonic() > patience or self._stop.wait(0.2):
                return
        victim = awake[int(which * len(awake))]
        self.struck[f"{deed} {role}"] += 1
        if deed == "pause":
            victim.pause(seconds)
            return
        victim.kill()
        self._later(victim, down)

    def _awake(self, role: str) -> list[Process]:
        if role == "api" and not self.house.answers():
            return []
        return [
            one for one in self.house.processes
            if one.role == role and not one.is_paused and one.is_running
            and (one.is_ready or role == "api")
        ]  # fmt: skip

    def _later(self, victim: Process, seconds: float) -> None:
        time.sleep(seconds)
        self.house.restart(victim)


def _deeds(dice: random.Random) -> Iterator[tuple[str, str]]:
    first = list(_FIRST)
    dice.shuffle(first)
    names = [name for name, weight in _WEIGHTS.items() for _ in range(weight)]
    for name in first:
        yield _split(name)
    while True:
        yield _split(dice.choice(names))


def _split(name: str) -> tuple[str, str]:
    deed, _, role = name.partition(" ")
    return deed, role
