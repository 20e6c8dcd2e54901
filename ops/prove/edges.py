"""The engine's other edges: a mail server that may fail, and the log of swallowed errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.mail import MailUnavailable, OutgoingMail
from ops.prove.actors import Actor, Killed, Stage
from ops.prove.checks import Violation
from ops.prove.faults import Faults
from ops.prove.sites import here
from ops.prove.statements import undo

# Shorter than the lease of a mail, and than a retry.
_SOON = timedelta(seconds=20)


class Postman:
    """Takes mail, or does not."""

    def __init__(self, stage: Stage, faults: Faults) -> None:
        self.stage, self.faults, self.sent = stage, faults, 0
        self.letters: list[str] = []  # Message-IDs in customers' mailboxes
        # Who is giving which mail over, since when; and what two gave over at once.
        self.under_way: dict[str, tuple[Actor, datetime]] = {}
        self.twice: list[Violation] = []

    def send(self, mail: OutgoingMail) -> None:
        actor = self.stage.me()
        self._begins(mail.message_id, actor)
        self.stage.step("mail")
        kind = self.faults.at_mail(f"{here(actor.process if actor else '')} mail")
        if actor is not None and kind == "kill_before_mail":
            self.stage.kill(actor.process, undo)
            raise Killed
        if kind == "mail_slow":
            self.stage.sleep(timedelta(seconds=self.faults.dice.choice((1, 4, 12))))
        if kind in ("mail_refused_for_now", "mail_answer_lost"):
            self.under_way.pop(mail.message_id, None)
        if kind == "mail_refused_for_now":
            raise MailUnavailable("mail_unavailable", "the mail server is down")
        self.sent += 1
        self.letters.append(mail.message_id)
        if actor is not None and kind == "kill_after_mail":
            self.stage.kill(actor.process, undo)
            raise Killed
        if kind == "mail_answer_lost":
            raise MailUnavailable("mail_unavailable", "the line broke after the mail was taken")
        self.stage.step("mail taken")

    def _begins(self, message_id: str, actor: Actor | None) -> None:
        """Two may give one mail over only where one of them died, failed, or stood still."""
        if actor is None:
            return
        other, since = self.under_way.get(message_id, (actor, self.stage.now))
        soon = self.stage.now - since < _SOON and not other.skew and not actor.skew
        if other is not actor and soon and not other.dead:
            why = f"{other.name} sent it at {since:%H:%M:%S}, {actor.name} again"
            self.twice.append(Violation("one sends a mail", f"mail {message_id}", why))
        self.under_way[message_id] = actor, self.stage.now


class Swallowed(logging.Handler):
    """Errors that a flow swallowed so that others are not held up: none may be of our making."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[Violation] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or isinstance(error, OperationalError | PoolTimeout):
            return
        what = f"{type(error).__name__}: {error}".split("\n")[0]
        self.found.append(Violation("no flow fails", record.getMessage(), what))


@contextmanager
def heard(handler: logging.Handler) -> Iterator[None]:
    """Listen to what the engine logs, and let nobody else be disturbed by it."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers, root.level = [handler], logging.ERROR
    try:
        yield
    finally:
        root.handlers, root.level = before, level
