"""One history: a business lives some months before a bad gateway, then all of it is checked."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from billing.flows.ingest import ingest_due
from ops.prove import checks, scenes, turns
from ops.prove.actors import HangError, Killed, Stage
from ops.prove.book import Book
from ops.prove.census import PEACE, Hunt
from ops.prove.checks import Violation
from ops.prove.due import due_at, tick
from ops.prove.edges import Postman, Swallowed, heard
from ops.prove.faults import Faults
from ops.prove.judging import judge, saw_a_charge, told_of
from ops.prove.locks import Locks, restart, tidy
from ops.prove.news import Letter, Post, deliver
from ops.prove.ownership import owned
from ops.prove.people import MORE, NAMES, WEIGHTS, Deeds, Person, at_the_gateway
from ops.prove.place import Place, Room
from ops.prove.plan import Plan, Told
from ops.prove.restore import Loss
from ops.prove.shop import open_shop, wire_up
from ops.prove.statements import Statements
from ops.prove.wire import Wire
from ops.worker import run_once

START = datetime(2027, 1, 4, 2, 0, tzinfo=UTC)
SERVER_KEY = "SB-Mid-server-prove"
# Longer than the longest late effect, the longest pause, and an order's longest doubt.
QUIET = timedelta(days=4)
BUSY_DAYS = 31
# People who do something so rarely pay soon, and have a fraud desk before them.
CALM_DAYS = 100
PAYS = {"pay_by_card": 1}
BELLS_MAX = 1_000_000
TRIES_MAX = 20
_MOMENTS_MAX = 200_000


class SeenError(Exception):
    """Whoever watches has seen enough: the history ends here, without its quiet phase."""


class History:
    """Lives one plan in one database."""

    def __init__(
        self, plan: Plan, room: Room, watch: Callable[[History], None] = lambda _: None
    ) -> None:
        self.plan, self.room, self.watch = plan, room, watch
        # Whether the quiet phase comes now, whatever the plan says.
        self.hurry: Callable[[], bool] = lambda: False
        # Called when all is checked and the database still stands.
        self.ending: Callable[[], None] = lambda: None
        self.control = psycopg.connect(room.admin_url, autocommit=True)
        self.look = psycopg.connect(room.admin_url, autocommit=True)
        self.start = START if plan.begins is None else START.replace(
            month=plan.begins[0], day=plan.begins[1]
        )  # fmt: skip
        self.stage = Stage(self.dice("turns"), self.start, Locks(self.control))
        hunt = Hunt(plan.seed, plan.index, plan.aims) if plan.hunt else None
        self.faults = Faults(self.dice("faults"), self.stage, plan.off, plan.scale, hunt=hunt)
        self.faults.desk = self.calm = plan.rest > CALM_DAYS
        self.scene = scenes.SCENES.get(plan.scene)
        self.faults.banks = plan.turns > 0 or self.scene is not None
        self.faults.weather = dict(self.scene.weather) if self.scene else {}
        self.book = Book(f"{plan.seed}:{plan.index}", SERVER_KEY, lambda: self.stage.now)
        self.post = Post(self.book, self.faults, self.dice("post"))
        self.wire = Wire(self.stage, self.book, self.faults, self.dice("wire"))
        names = ("world", "clients", "clicks", "minds")
        self.world, self.clients, self.clicks, self.minds = map(self.dice, names)
        self.errors = Swallowed()
        self.violations: list[Violation] = []
        self.plans: list[tuple[datetime, int, Callable[[], None]]] = []
        self._planned, self.moments, self.cut, self.dark_until = 0, 0, False, self.start
        self.postman = Postman(self.stage, self.faults)
        self.engine = wire_up(room, self.wire, self.postman, self.stage.real_now)
        self.loss = Loss(self, self.dice("loss"))
        self.merchant_id = UUID(int=0)
        self.deeds = Deeds(self.engine, self.merchant_id, self.dice("deeds"), [])

    def dice(self, name: str) -> random.Random:
        """A stream of chance of its own, so that one kind of chance does not move another."""
        return random.Random(f"{self.plan.seed}:{self.plan.index}:{name}")  # noqa: S311 - replayed

    # --- living ---------------------------------------------------------------------------------

    def live(self) -> Told:
        """Live it all, then check it."""
        with ExitStack() as stack:
            stack.callback(self._close)
            stack.enter_context(owned(self.stage, self.dice("ids")))
            stack.enter_context(heard(self.errors))
            self._open_shop()
            statements = Statements(self.stage, self.faults)
            stack.enter_context(statements.hooked(self.engine.db.engine))
            try:
                self._live_days()
                self._go_quiet()
                judge(self)
            except SeenError:
                pass
            except HangError as error:
                self.violations.append(Violation("the world comes to rest", "harness", str(error)))
            self.ending()
            return told_of(self)

    def _close(self) -> None:
        self.loss.close()
        self.engine.close()
        self.control.close()
        self.look.close()

    def _open_shop(self) -> None:
        namespace = self.dice("namespace").randbytes(16)
        self.merchant_id, prices = open_shop(self.engine, SERVER_KEY, namespace, self.plan)
        self.deeds.merchant_id, self.deeds.prices = self.merchant_id, prices
        self.deeds.weights = dict(self.plan.deeds)
        self.deeds.book = self.book if self.plan.turns or self.scene else None
        if self.plan.hunt and not self.plan.deeds:
            self.deeds.weights = WEIGHTS | MORE
        self.wire.witness = partial(saw_a_charge, self)
        self.wire.open_across = lambda actor: self.violations.append(
            Violation("no transaction across a call", actor.name, f"open at {actor.site}")
        )
        self.people = [self._person(n) for n in range(self.plan.subscriptions)]

    def _person(self, n: int) -> Person:
        name = NAMES[n % len(NAMES)] + (f" {n // len(NAMES) + 1}" if n >= len(NAMES) else "")
        # A short life is a busy one: the last plans, which renew by the week and by the day.
        prices = self.deeds.prices
        if self.scene is not None:
            person = Person(n, name, False, prices[0])
            for at, what in scenes.enter(self.scene, self.world, person, prices, self.start):
                self._plan(at, partial(self._deed, person, {what: 1}))
            return person
        busy = prices[-3:] if self.plan.days <= BUSY_DAYS else []
        price = self.world.choice([*prices, *busy, *busy[-1:]])
        person = Person(n, name, self.world.random() < 0.6, price)
        within = min(60 if self.calm else 12, max(1, self.plan.days // 4)) * 24 * 60
        joins = self.start + timedelta(minutes=self.world.randrange(1, within))
        self._plan(joins, lambda: self._sign_up(person))
        # Who rarely does anything still sees to it that what they signed up for begins.
        for hours in (8, 26, 50) if self.calm and person.by_card else ():
            self._plan(joins + timedelta(hours=hours), lambda: self._deed(person, PAYS))
        end = self.start + timedelta(days=self.plan.days)
        at = joins
        while True:
            longest = self.plan.hours or 24 * (5 if busy else self.plan.rest)
            at += timedelta(hours=self.world.randrange(min(6, longest - 1), longest))
            if at >= end:
                return person
            self._plan(at, lambda: self._deed(person))

    def _plan(self, at: datetime, do: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self.plans, (at, self._planned, do))

    def _deed(self, person: Person, weights: Mapping[str, int] | None = None) -> None:
        if person.subscription_id is None:
            self._sign_up(person)
            return
        name, do = self.deeds.draw(person, weights)
        self._act(name, do)
        if self.world.random() < 0.15:
            self.faults.struck("double_click")
            self._act(name, do)
        if self.plan.turns and self.minds.randrange(100) < self.plan.turns:
            gap = timedelta(seconds=self.minds.choice(turns.GAPS))
            self._plan(self.stage.now + gap, lambda: self._deed(person, turns.THEN))

    def _sign_up(self, person: Person) -> None:
        self._act("sign_up", lambda: self.deeds.sign_up(person))
        if self.clicks.random() < 0.15:
            self._act("sign_up", lambda: self.deeds.sign_up(person))

    def _act(self, name: str, do: Callable[[], Any], tries: int = 0) -> None:
        self.loss.note(name, do)

        def ask() -> None:
            try:
                self.deeds.attempt(name, do)
            except Killed:
                # No answer: the client asks again with the same key.
                if (self.plan.hunt or self.calm) and tries < TRIES_MAX:
                    soon = timedelta(seconds=self.clients.randrange(2, 120))
                    again = partial(self._act, name, do, tries + 1)
                    self._plan(self.stage.now + soon, again)
                raise

        self.stage.spawn(name, ask, process=f"api {name}")

    def _live_days(self) -> None:
        end = self.start + timedelta(days=self.plan.days)
        if self.plan.hunt and self.plan.index % 2:
            self.faults.quiet = True
            self._plan(self.start + PEACE, partial(setattr, self.faults, "quiet", False))
        while self.stage.now < end and not self.hurry():
            self._moment(self._next(end))
        self.cut = self.stage.now < end

    def _go_quiet(self) -> None:
        if self.plan.turns or self.scene:
            turns.on_the_last_day(self.book, self.minds)
        self.faults.quiet = True
        self.wire.brown_out_until = None
        self.dark_until = self.stage.now
        end = self.stage.now + QUIET
        while self.stage.now < end:
            self._moment(self._next(end))
        for _ in range(200):
            due = due_at(self.look)
            if (due is None or due > self.stage.now) and self.loss.is_over():
                return
            self._moment(self.stage.now + timedelta(seconds=30))

    def _next(self, end: datetime) -> datetime:
        """When something happens next; a little later than it could, as ticks are."""
        now = self.stage.now
        due = due_at(self.look)
        if due is not None and due <= now:
            due = now + timedelta(seconds=self.world.choice([5, 20, 60, 300]))
        planned = self.plans[0][0] if self.plans else None
        coming = [at for at in (due, planned, self.book.next_due(), self.post.next_due()) if at]
        at = min(coming, default=end)
        slack = self.world.choice(
            [0, 60, 3600, 4 * 3600, 8 * 3600, 12 * 3600, 86400, 172800][: 1 + self.plan.pace]
        )
        return max(now, min(at + timedelta(seconds=slack), end))

    def _moment(self, at: datetime) -> None:
        """Let time pass until ``at``, then let everybody who is up do what is due."""
        self.moments += 1
        if self.moments > _MOMENTS_MAX:
            raise HangError("there is always something to do")
        if self.plan.days > CALM_DAYS and self.moments % 250 == 0:
            tidy(self.control)
        self._run_until(at)
        self.loss.moment()
        self.watch(self)
        kind = self.faults.draw("moment")
        if kind == "dark":
            longest = 3 if self.plan.hunt else 5 if self.scene else 6
            hours = self.world.choice([1, 1, 6, 24, 72, 31 * 24][:longest])
            self._run_until(at + timedelta(hours=hours), dark=True)
            return
        if kind == "brown_out":
            self.wire.brown_out_until = at + timedelta(minutes=20)
        if kind == "database_restart":
            restart(self.control)
        pays = 0 if self.scene else 0.4 if self.calm else 0.06
        at_the_gateway(self.book, self.world, pays, checks.shown(self.look))
        if self.plan.turns:
            turns.at_the_bank(self.book, self.minds)
        while self.plans and self.plans[0][0] <= self.stage.now:
            heapq.heappop(self.plans)[2]()
        self._start_processes(kind)
        self._run_until(self.stage.now + timedelta(minutes=2))

    def _start_processes(self, kind: str | None) -> None:
        skew = timedelta(seconds=90 if kind == "skewed_clocks" else 0)
        for n in range({"no_scheduler": 0, "many_schedulers": 3}.get(kind or "", 1)):
            self.stage.spawn(f"scheduler {n}", self._tick, skew=skew * (n % 2))
        jump = timedelta(hours=self.world.choice([-2, 2])) if kind == "clock_jumps" else None
        for n in range(3 if self.world.random() < 0.5 else 2):
            patience = 2 if n == 0 else 1
            bells = self.world.randrange(1, 4) if kind == "asked_to_stop" else BELLS_MAX
            off = jump if jump is not None and n == 0 else skew * ((n + 1) % 2)
            self.stage.spawn(f"worker {n}", partial(self._work, patience, bells), skew=off)

    def _tick(self) -> None:
        tick(self.engine, self.stage, self.world if self.scene else None)

    def _work(self, patience: int, bells: int) -> None:
        """A worker's life until it found no bell so many times; it looks a little later again."""
        while patience and bells:
            bells -= 1
            if run_once(self.engine):
                continue
            patience -= 1
            self.stage.sleep(timedelta(milliseconds=self.world.randrange(300, 3000)))

    def _run_until(self, until: datetime, *, dark: bool = False) -> None:
        while True:
            coming = (self.book.next_due(), self.post.next_due())
            due = min((at for at in coming if at), default=None)
            if due is None or due > until:
                self.stage.run_until(until)
                again = (self.book.next_due(), self.post.next_due())
                if all(at is None or at > until for at in again):
                    return
                continue
            self.stage.run_until(due)
            self.book.live()
            for letter in self.post.due():
                if dark:
                    self.post.again(letter)
                else:
                    self.stage.spawn("intake", self._intake(letter), process="api intake")

    def _intake(self, letter: Letter) -> Callable[[], None]:
        def run() -> None:
            try:
                deliver(self.engine, self.merchant_id, letter)
            except BaseException as error:
                self.post.again(letter)
                if not isinstance(error, Killed | OperationalError | PoolTimeout):
                    raise

        return run

    # --- what came of it ------------------------------------------------------------------------

    def take_again(self, letters: list[Letter]) -> None:
        """Deliver all of these, and work them off."""

        def take() -> None:
            for letter in letters:
                deliver(self.engine, self.merchant_id, letter)
            while ingest_due(self.engine, self.merchant_id):
                pass

        self.stage.spawn("replay", take)
        self._run_until(self.stage.now + timedelta(minutes=30))


def live(
    plan: Plan,
    place: Place,
    watch: Callable[[History], None] = lambda _: None,
    hurry: Callable[[], bool] = lambda: False,
) -> Told:
    """Live one plan in a database of its own."""
    with place.room(f"prove_{plan.index}") as room:
        history = History(plan, room, watch)
        history.hurry = hurry
        return history.live()
