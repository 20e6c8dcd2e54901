"""Actors take turns: one runs at a time, and which one is drawn at every statement and call.

Each actor has a thread of its own, so that a statement which waits for another actor's row really
waits in PostgreSQL, and goes on with what that actor committed. The baton passes at hooks only
(`ops.prove.statements`, the wire, the mailer), so a run is decided by its dice alone.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ops.prove.locks import Locks

# How much machine time one statement takes.
TICK = timedelta(milliseconds=2)
# So long nothing moves before it is asked whether a statement waits for a lock.
_QUIET_SECONDS = 0.004
_HANG_SECONDS = 60.0


class State(StrEnum):
    """What an actor does at this moment."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"  # its statement waits in PostgreSQL for another actor's lock
    SLEEPING = "sleeping"  # until an instant of machine time
    JOINING = "joining"  # for its children
    DONE = "done"


class Killed(BaseException):
    """This process is dead: nothing of it runs any more."""


class HangError(RuntimeError):
    """The harness itself does not get on."""


@dataclass(eq=False)
class Actor:
    """One thread of one simulated process. Those with the same ``process`` die together."""

    name: str
    process: str
    number: int
    skew: timedelta
    parent: Actor | None = None
    state: State = State.READY
    dead: bool = False
    wake_at: datetime | None = None
    site: str = "begin"
    pid: int = 0
    verdict: str | None = None
    doomed: bool = False  # it dies when its statement has come back
    error: BaseException | None = None
    result: Any = None
    open: dict[int, Any] = field(default_factory=dict)  # backend → connection in a transaction
    go: threading.Lock = field(default_factory=threading.Lock)  # held: it waits for the baton
    mark: Any = None  # what the flow is about, for the diary

    def __repr__(self) -> str:
        return f"<{self.name} {self.state}>"


class Stage:
    """Holds the baton, the machine's clock and the list of who is alive."""

    def __init__(self, dice: random.Random, start: datetime, locks: Locks) -> None:
        self.dice = dice
        self.now = start
        self.until = start
        self.actors: list[Actor] = []
        self.current: Actor | None = None
        self.steps = 0
        self.waits = 0
        self.deadlocks = 0
        self.locks = locks
        self.crashed: list[BaseException] = []
        # Whether a transaction or a savepoint has ended: only then a lock may have been let go.
        self.let_go = False
        self.trace = hashlib.sha256()
        self.kept: list[str] | None = None  # the whole trace, where somebody looks for a difference
        self._born = 0
        self._mine = threading.local()
        self._idle = threading.Event()

    # --- who am I -------------------------------------------------------------------------------

    def me(self) -> Actor | None:
        """The actor whose thread this is; None for the harness itself."""
        found: Actor | None = getattr(self._mine, "actor", None)
        return found

    def real_now(self) -> datetime:
        """Machine time, as the clock of the asking process shows it."""
        me = self.me()
        return self.now + me.skew if me else self.now

    # --- life -----------------------------------------------------------------------------------

    def spawn(
        self, name: str, do: Callable[[], Any], *,
        process: str | None = None, skew: timedelta = timedelta(0), parent: Actor | None = None,
    ) -> Actor:  # fmt: skip
        """A new actor; it runs when it is drawn."""
        self._born += 1
        actor = Actor(name, process or name, self._born, skew, parent)
        actor.go.acquire()
        thread = threading.Thread(target=self._live, args=(actor, do), name=name, daemon=True)
        self.actors.append(actor)
        thread.start()
        return actor

    def _live(self, actor: Actor, do: Callable[[], Any]) -> None:
        self._mine.actor = actor
        actor.go.acquire()
        try:
            if not actor.dead:
                actor.result = do()
        except BaseException as error:
            actor.error = error
        finally:
            self._end(actor)

    def _end(self, actor: Actor) -> None:
        actor.state = State.DONE
        self.actors.remove(actor)
        parent = actor.parent
        left = any(one.parent is parent for one in self.actors)
        if parent is not None and not left and parent.state is State.JOINING:
            parent.state = State.READY
        try:
            self._settle()
        except BaseException as error:
            self.crashed.append(error)
        self._pass_on()

    def run_until(self, until: datetime) -> None:
        """Let all go on until none is ready and nobody wakes up before ``until``."""
        self.until = until
        self.let_go = True
        self._idle.clear()
        self._pass_on()
        last, since = self.steps, time.monotonic()
        while not self._idle.wait(_QUIET_SECONDS):
            if self.crashed:
                raise HangError("the harness broke") from self.crashed[0]
            steps, who = self.steps, self.current
            if steps != last:
                last, since = steps, time.monotonic()
            elif who is not None and who.pid:
                self._look(who, steps)
                if time.monotonic() - since > _HANG_SECONDS:
                    raise HangError(f"{who} at {who.site} does not come back: {self.actors}")
        self.now = max(self.now, until)
        if self.crashed:
            raise HangError("the harness broke") from self.crashed[0]

    # --- taking turns ---------------------------------------------------------------------------

    def step(self, site: str) -> None:
        """A place where another may come first. Raises `Killed` in a process that is dead."""
        me = self.me()
        if me is None:
            return
        self._alive(me)
        self.steps += 1
        self.now += TICK
        me.site, me.pid = site, 0
        self.note(f"{me.name} {site}")
        self._settle()
        self._yield(me, State.READY)

    def note(self, line: str) -> None:
        """One more line of the trace; equal seeds give equal traces."""
        self.trace.update(line.encode())
        if self.kept is not None:
            self.kept.append(f"{self.now:%m-%d %H:%M:%S.%f} {line}")

    def sleep(self, span: timedelta) -> None:
        """Nothing of this actor happens for so long."""
        me = self.me()
        if me is None:
            return
        self._alive(me)
        self.steps, me.pid = self.steps + 1, 0
        self._settle()
        me.wake_at = self.now + span
        self._yield(me, State.SLEEPING)

    def join(self, children: Iterable[Actor]) -> None:
        """Wait until these have ended."""
        me = self.me()
        assert me is not None
        if any(child.state is not State.DONE for child in children):
            self.steps, me.pid = self.steps + 1, 0
            self._settle()
            self._yield(me, State.JOINING)

    def _yield(self, me: Actor, state: State) -> None:
        me.state = state
        to = self._next()
        if to is not me:
            self._hand(to)
            me.go.acquire()
        me.state, me.wake_at = State.RUNNING, None
        self._alive(me)

    def _alive(self, me: Actor) -> None:
        if me.dead:
            raise Killed

    def _pass_on(self) -> None:
        self._hand(self._next())

    def _hand(self, to: Actor | None) -> None:
        self.current = to
        if to is None:
            self._idle.set()
        else:
            to.state = State.RUNNING
            to.go.release()

    def _next(self) -> Actor | None:
        for actor in self.actors:
            if actor.state is State.SLEEPING and (actor.dead or _due(actor, self.now)):
                actor.state = State.READY
        ready = [actor for actor in self.actors if actor.state is State.READY]
        dead = [actor for actor in ready if actor.dead]
        if dead:
            return dead[0]
        if ready:
            return ready[0] if len(ready) == 1 else self.dice.choice(ready)
        asleep = (actor for actor in self.actors if actor.state is State.SLEEPING)
        first = min(asleep, key=lambda one: (one.wake_at, one.number), default=None)
        if first is None or first.wake_at is None or first.wake_at > self.until:
            return None
        self.now = max(self.now, first.wake_at)
        return first

    # --- locks ----------------------------------------------------------------------------------

    def returned(self) -> None:
        """A statement came back: who waited for a lock goes on only when drawn."""
        me = self.me()
        if me is None:
            return
        if me.state is State.WAITING:
            me.state = State.READY
            me.go.acquire()
            me.state = State.RUNNING
            self._alive(me)
        me.pid = 0

    def _look(self, who: Actor, steps: int) -> None:
        """Is the one who runs held up by a lock? Nobody else moves, so the answer stays true."""
        blockers = self.locks.blockers(who.pid)
        if not blockers or self.steps != steps or self.current is not who:
            return
        self.waits += 1
        if self._is_circle(who, blockers):
            self.deadlocks += 1
            self._cancel(who, "deadlock")
            return
        who.state = State.WAITING
        to = self._next()
        if to is None:
            who.state = State.RUNNING
            self._cancel(who, "lock_timeout")
        else:
            self._hand(to)

    def _is_circle(self, who: Actor, blockers: list[int]) -> bool:
        by_pid = {one.pid: one for one in self.actors if one.state is State.WAITING}
        seen: set[int] = set()
        ask = list(blockers)
        while ask:
            pid = ask.pop()
            if pid == who.pid:
                return True
            if pid in by_pid and pid not in seen:
                seen.add(pid)
                ask += self.locks.blockers(pid)
        return False

    def _cancel(self, who: Actor, verdict: str) -> None:
        who.verdict = verdict
        self.let_go = True
        self.locks.cancel(who.pid)

    def only_one_follows(self, pid: int) -> None:
        """Before what a backend holds is let go undone: of several who wait for it one goes on.

        Two who were waiting to insert the same key would race each other in PostgreSQL.
        """
        self.let_go = True
        waiting = [
            one for one in self.actors
            if one.state is State.WAITING and pid in self.locks.blockers(one.pid)
        ]  # fmt: skip
        for one in waiting[1:]:
            self._cancel(one, "lock_timeout")
            self._came_back(one)

    def _settle(self) -> None:
        """Whoever was let go by what just happened comes back before anybody moves on."""
        if not self.let_go:
            return
        self.let_go = False
        for actor in [one for one in self.actors if one.state is State.WAITING]:
            self._came_back(actor, even_waiting=True)

    def _came_back(self, actor: Actor, *, even_waiting: bool = False) -> None:
        since = time.monotonic()
        while actor.state is State.WAITING:
            if even_waiting and self.locks.blockers(actor.pid):
                return
            if time.monotonic() - since > _HANG_SECONDS:
                raise HangError(f"{actor} at {actor.site} does not come back")
            time.sleep(0.0002)

    # --- death ----------------------------------------------------------------------------------

    def kill(self, process: str, undo: Callable[[Any], None]) -> None:
        """Every thread of a process is dead from here on; what it had not committed is undone."""
        self.let_go = True
        for actor in [one for one in self.actors if one.process == process]:
            actor.dead = True
            if actor.state is State.WAITING:
                self._cancel(actor, "killed")
                self._came_back(actor)
            for pid, connection in list(actor.open.items()):
                self.only_one_follows(pid)
                undo(connection)
            actor.open.clear()
            if actor.state in (State.SLEEPING, State.JOINING):
                actor.state = State.READY


def _due(actor: Actor, now: datetime) -> bool:
    return actor.wake_at is not None and actor.wake_at <= now
