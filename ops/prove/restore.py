"""Yesterday's backup comes back, or a standby that lacks the last commits: what was lost is met.

Ours falls back to an earlier instant; the gateway's book, the customers' mailboxes and the papers
in their hands do not. The operator does what the guide tells him (`docs/guides/restore.md`), by
the functions of the commands named there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from billing.flows.recover_mails import release
from billing.flows.recover_sweep import Swept, resume, sweep
from billing.flows.report_files import book_file, read_file
from core.actor import Actor as Caller
from ops import recover
from ops.prove.actors import HangError, State
from ops.prove.book import WIB
from ops.prove.checks import Ours, Violation, ours_of
from ops.prove.faults import HISTORY
from ops.prove.locks import Locks
from ops.prove.people import STAFF
from ops.prove.statements import undo

if TYPE_CHECKING:
    from ops.prove.history import History

OPERATOR: Final = Caller("operator", "command line")
# The care ends no sooner: clients repeat meanwhile what was not answered.
CARE: Final = timedelta(hours=6)
_AGAIN: Final = timedelta(hours=3)
_REPEATS: Final = timedelta(hours=3)
_TRIES_MAX: Final = 200
# By then the gateway has settled what it had captured.
_SETTLED: Final = timedelta(days=3)
_HEADER: Final = (
    "Order ID,Transaction ID,Transaction Status,Gross Amount,Fee,Net Amount,Settlement Time"
)

_NUMBERS = """
    SELECT number, id::text FROM invoices WHERE number IS NOT NULL
    UNION ALL SELECT number, id::text FROM credit_notes
"""


@dataclass
class Before:
    """What others keep of the life that was lost."""

    orders: dict[str, Ours] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    letters: int = 0


class Loss:
    """At most once a history: when a copy is taken, and when it is all there is."""

    def __init__(self, history: History, dice: random.Random) -> None:
        self.h, self.dice = history, dice
        self.before = Before()
        self.acts: list[tuple[str, Callable[[], Any]]] = []
        self.copied_at: datetime | None = None
        self.lost_at: datetime | None = None
        self.try_at = history.stage.now  # when the operator looks again whether the care may end
        self.cared = self.reported = False
        self.kind: Literal["restored", "failed_over"] | None = None
        luck = dice.randrange(1_000_000)
        for kind, often in HISTORY.items():
            luck -= often * history.plan.scale
            if luck < 0 and kind not in history.plan.off:
                self.kind = "failed_over" if kind == "failed_over" else "restored"
                break
        days = history.plan.days
        self.copy_at = history.stage.now + timedelta(days=days) * dice.uniform(0.2, 0.7)
        lost = timedelta(hours=dice.uniform(3, 24 * max(1, min(5, days * 0.25))))
        if self.kind == "failed_over":
            lost = timedelta(seconds=dice.choice([1, 20, 300]))
        self.lose_at = self.copy_at + lost

    # --- when -----------------------------------------------------------------------------------

    def moment(self) -> None:
        """Everybody looks for work: is it time?"""
        now = self.h.stage.now
        if self.kind is None:
            return
        if self.lost_at is not None:
            if not self.cared and now >= self.try_at:
                self.try_at = now + _AGAIN
                self.h.stage.spawn("operator", self._end_care, process="operator")
            elif not self.reported and self.h.faults.quiet and now >= self.lost_at + _SETTLED:
                self.h.stage.spawn("operator", self._read_report, process="operator")
        elif self.h.faults.quiet:
            return
        elif self.copied_at is None:
            if now >= self.copy_at and all(not one.open for one in self.h.stage.actors):
                self._copy()
        elif now >= self.lose_at:
            self._lose()

    def note(self, name: str, do: Callable[[], Any]) -> None:
        """Somebody asks for something; who gets no answer to rely on asks again."""
        if self.copied_at is not None and self.lost_at is None:
            self.acts.append((name, do))

    def is_over(self) -> bool:
        """Whether nothing of it is left to be done."""
        return self.lost_at is None or (self.cared and self.reported)

    # --- the copy -------------------------------------------------------------------------------

    def _copy(self) -> None:
        self.copied_at = self.h.stage.now
        with self._nobody_there() as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    self._copied(), self._named()
                )
            )

    def close(self) -> None:
        """Drop a copy that nobody needed."""
        if self.copied_at is not None and self.lost_at is None:
            with psycopg.connect(_server(self.h.room.admin_url), autocommit=True) as admin:
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                    self._copied()
                ))  # fmt: skip

    def _named(self) -> sql.Identifier:
        return sql.Identifier(urlsplit(self.h.room.admin_url).path.strip("/"))

    def _copied(self) -> sql.Identifier:
        return sql.Identifier(urlsplit(self.h.room.admin_url).path.strip("/") + "_copy")

    def _nobody_there(self) -> _Alone:
        return _Alone(self.h)

    # --- the loss -------------------------------------------------------------------------------

    def _lose(self) -> None:
        h, stage = self.h, self.h.stage
        h.faults.struck(self.kind or "")
        for process in sorted({one.process for one in stage.actors}):
            stage.kill(process, undo)
        stage.run_until(stage.now)
        if stage.actors:
            raise HangError(f"they did not die: {stage.actors}")
        self.before.orders = ours_of(h.look)
        self.before.numbers = dict(h.look.execute(_NUMBERS).fetchall())
        self.before.letters = len(h.postman.letters)
        self.lost_at, self.try_at = stage.now, stage.now + CARE
        with self._nobody_there() as admin:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(self._named())
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}").format(self._copied(), self._named())
            no_clock = sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '10min'").format(
                self._named()
            )
            for statement in (drop, rename, no_clock):
                admin.execute(statement)
        with psycopg.connect(h.room.admin_url) as owner:
            recover.begin(owner, self.kind or "restored", stage.now)
        self._by_operator(lambda: _asked_all(sweep(h.engine, h.merchant_id)))
        self._people()

    def _by_operator(self, do: Callable[[], bool]) -> None:
        """He does it until it is done, before any worker is started."""
        stage, done = self.h.stage, []
        for _ in range(_TRIES_MAX):
            stage.spawn("operator", lambda: done.append(do()), process="operator")
            self.h._run_until(stage.now + timedelta(minutes=10))
            if any(done):
                return
        raise HangError("the operator does not get on")

    def _people(self) -> None:
        """Who was answered in the lost time and is not known any more; most of them ask again."""
        h = self.h
        for person in h.people:
            if not self._knows("customers", person.customer_id):
                known = False
                person.customer_id = None
            else:
                known = self._knows("subscriptions", person.subscription_id)
            if known or person.subscription_id is None:
                continue
            person.subscription_id = None
            h._plan(self._soon(), partial(h._act, "sign_up", partial(h.deeds.sign_up, person)))
        for name, do in self.acts:
            if name == "one_off" and self.dice.random() < 0.6:
                h._plan(self._soon(), partial(h._act, name, do))

    def _knows(self, table: str, row_id: Any) -> bool:
        if row_id is None:
            return True
        found = self.h.look.execute(
            sql.SQL("SELECT 1 FROM {} WHERE id = %s").format(sql.Identifier(table)), [row_id]
        ).fetchone()
        return found is not None

    def _soon(self) -> datetime:
        return self.h.stage.now + self.dice.random() * _REPEATS

    def _end_care(self) -> None:
        h = self.h
        if resume(h.engine, h.merchant_id, OPERATOR):
            return
        log = set(h.postman.letters)
        has_log = self.dice.random() < 0.7
        release(h.engine, h.merchant_id, lambda one: not has_log or one in log, OPERATOR)
        self.cared = True

    def _read_report(self) -> None:
        """The gateway's own report names the money that nobody of ours knows any more."""
        rows = [_HEADER]
        for one in sorted(self.h.book.orders.values(), key=lambda one: one.order_id):
            if one.settled_at is not None:
                at = one.settled_at.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")
                told = (one.order_id, one.transaction_id, "settlement", one.amount, 0, one.amount)
                rows.append(",".join(str(cell) for cell in (*told, at)))
        data = "\n".join(rows).encode()
        with self.h.engine.work(self.h.merchant_id, STAFF) as unit:
            file_id = read_file(self.h.engine, unit, "settlement.csv", data)
        with self.h.engine.work(self.h.merchant_id, STAFF) as unit:
            book_file(self.h.engine, unit, file_id)
        self.reported = True

    # --- what must hold -------------------------------------------------------------------------

    def violations(self) -> list[Violation]:
        """What the lost life left in other people's hands, against what was done since."""
        if self.lost_at is None:
            return []
        found = []
        if not self.is_over():
            found.append(Violation("the care ends", "merchant", "there is always something left"))
        first = set(self.h.postman.letters[: self.before.letters])
        found += [
            Violation("no second e-mail", letter, "sent before the loss and after it")
            for letter in sorted(first.intersection(self.h.postman.letters[self.before.letters :]))
        ]
        for number, owner in self.h.look.execute(_NUMBERS).fetchall():
            was = self.before.numbers.get(number, owner)
            if was != owner:
                found.append(Violation("a number is given once", number, f"{was}, then {owner}"))
        return found


class _Alone:
    """The server, with nobody connected to the history's database; they come back afterwards."""

    def __init__(self, history: History) -> None:
        self.h = history

    def __enter__(self) -> psycopg.Connection[Any]:
        if any(one.state is State.WAITING for one in self.h.stage.actors):
            raise HangError("somebody waits for a row")
        self.h.engine.db.engine.dispose()
        self.h.control.close()
        self.h.look.close()
        self.admin = psycopg.connect(_server(self.h.room.admin_url), autocommit=True)
        return self.admin

    def __exit__(self, *_: object) -> None:
        self.admin.close()
        self.h.control = psycopg.connect(self.h.room.admin_url, autocommit=True)
        self.h.look = psycopg.connect(self.h.room.admin_url, autocommit=True)
        self.h.stage.locks = Locks(self.h.control)


def _server(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


def _asked_all(swept: Swept) -> bool:
    return not swept.unanswered and swept.halted is None
