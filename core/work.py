"""One transaction of work inside one merchant: its session, its two times, who does it.

Everything a flow or a service writes goes through here, so that events, audit and doorbells commit
together with the facts they speak of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from core import ids
from core.actor import Actor
from core.bulk import insert_rows
from core.db import Sessions
from core.diary import tell
from core.merchant import Merchant, merchant_and_clock
from core.tables import audit, events, jobs, messages


@dataclass(slots=True)
class Work:
    """What a service needs to write: it never commits, and never asks what time it is.

    Attributes:
        session: the open transaction, seeing this merchant only.
        merchant: whose work it is.
        now: business time: periods, due dates, dunning, documents.
        real_now: machine time: leases, back-off, audit.
        actor: who does it.
        by_clock: whether ``now`` is what a test clock shows.
    """

    session: Session
    merchant: Merchant
    now: datetime
    real_now: datetime
    actor: Actor
    by_clock: bool = False
    _events: list[dict[str, Any]] = field(default_factory=list)
    _rings: set[str] = field(default_factory=set)
    _later: dict[str, datetime] = field(default_factory=dict)

    @property
    def merchant_id(self) -> UUID:
        """The merchant's id: first in every key."""
        return self.merchant.merchant_id

    @property
    def today(self) -> date:
        """The civil date where the merchant is."""
        return self.merchant.today(self.now)

    def derive(self, kind: str, *parts: object) -> UUID:
        """An id from a business key; see `core.ids.derive`."""
        return ids.derive(self.merchant.namespace, kind, *parts)

    def ring(self, kind: str) -> None:
        """Wake a worker for work of ``kind`` once this transaction commits."""
        self._rings.add(kind)

    def ring_later(self, kind: str, at: datetime) -> None:
        """Wake a worker for work of ``kind`` at an instant of machine time, and not before."""
        self._later[kind] = min(at, self._later.get(kind, at))

    def event(
        self,
        type_: str,
        subject_kind: str,
        subject_id: UUID,
        payload: dict[str, Any],
        *,
        customer_id: UUID | None = None,
        at: datetime | None = None,
    ) -> None:
        """Record that something happened; written at the end of this transaction.

        The payload holds ids, numbers and amounts, no personal data: names are looked up when told.
        """
        self._events.append(
            {
                "merchant_id": self.merchant_id,
                "id": ids.fresh(),
                "type": type_,
                "subject_kind": subject_kind,
                "subject_id": subject_id,
                "customer_id": customer_id,
                "occurred_at": at or self.now,
                "payload": payload,
            }
        )

    def audit(
        self,
        action: str,
        subject_kind: str,
        subject_id: UUID,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> None:
        """Note who changed what, from where, before and after; never put secrets in.

        Personal data is erased on request and an audit never is: of a customer it names the fields
        that changed, not what they say.
        """
        insert_rows(
            self.session,
            audit,
            [
                {
                    "merchant_id": self.merchant_id,
                    "id": ids.fresh(),
                    "at": self.real_now,
                    "business_at": self.now,
                    "actor_kind": self.actor.kind,
                    "actor": self.actor.name,
                    "source": self.actor.source,
                    "action": action,
                    "subject_kind": subject_kind,
                    "subject_id": subject_id,
                    "before": before,
                    "after": after,
                }
            ],
        )

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo what was written inside on any error, with the events and rings that spoke of it."""
        told, rings, later = len(self._events), set(self._rings), dict(self._later)
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            del self._events[told:]
            self._rings, self._later = rings, later
            raise

    def flush(self) -> None:
        """Write events and rings; called once, last: hot rows are held for a moment only."""
        insert_rows(self.session, events, self._events)
        insert_rows(
            self.session,
            jobs,
            [
                {
                    "merchant_id": self.merchant_id,
                    "id": self.derive("job", kind),
                    "kind": kind,
                    "rung_at": self.real_now,
                    "not_before": None if kind in self._rings else self._later[kind],
                }
                for kind in sorted(self._rings | self._later.keys())
            ],
            skip_existing=True,
        )

    def told(self) -> None:
        """After the commit: tell the diary what happened."""
        for event in self._events:
            tell(self.merchant.slug, event)


@contextmanager
def work(db: Sessions, merchant_id: UUID, *, actor: Actor, real_now: datetime) -> Iterator[Work]:
    """Open one transaction of work; commits at the end, leaves nothing behind on any error."""
    with db.begin(merchant_id) as session:
        merchant, at = merchant_and_clock(session)
        unit = Work(session, merchant, at or real_now, real_now, actor, by_clock=at is not None)
        yield unit
        unit.flush()
    unit.told()


@dataclass(frozen=True, slots=True)
class Mail:
    """A message to be queued: what kind, about what, to whom."""

    kind: str
    subject_kind: str
    subject_id: UUID
    recipient: str
    locale: str
    customer_id: UUID | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    # Tells apart two messages of one kind about one subject, such as the second reminder.
    key: str = ""


def queue_mail(unit: Work, mails: list[Mail]) -> None:
    """Queue messages in this transaction; the same (kind, subject, key) is queued once for ever.

    While a merchant recovers they are held: each may have been sent in the time that was lost.
    """
    held = unit.merchant.mode == "recovering"
    insert_rows(
        unit.session,
        messages,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("message", mail.kind, mail.subject_id, mail.key),
                "kind": mail.kind,
                "customer_id": mail.customer_id,
                "subject_kind": mail.subject_kind,
                "subject_id": mail.subject_id,
                "recipient": mail.recipient,
                "locale": mail.locale,
                "payload": mail.payload,
                "business_at": unit.now,
                "state": "held" if held else "queued",
                "next_at": None if held else unit.real_now,
            }
            for mail in mails
        ],
        skip_existing=True,
    )
    if mails:
        unit.ring("message.send")
