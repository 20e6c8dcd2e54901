"""Usage as it comes in: each event judged by itself, kept once for its key and counted then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import ARRAY, Column, ColumnElement, Uuid, cast, func, select

from billing.engine import Engine
from billing.tables import subscription_items, subscriptions
from core import ids
from core.actor import Actor
from core.calendars import civil_date
from core.clashes import repeated
from core.errors import InvalidRequest
from core.work import Work
from usage import queries, service
from usage.arrivals import Refusal, Served, refusal_of, refusal_of_gap
from usage.meters import Properties, UnusableValueError
from usage.queries import MeterRow
from usage.service import NewEvent
from usage.tables import usage_events

EVENTS_MAX: Final = 1_000
State = Literal["accepted", "duplicate", "refused"]


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as it was sent.

    ``subscription`` is a public id, ``at`` when it happened (UTC). ``corrects`` is the key of an
    event that this one takes the place of; with ``void`` it takes it away.
    """

    key: str
    subscription: str
    name: str
    at: datetime
    properties: Properties
    corrects: str | None = None
    void: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event; ``late`` where its period is billed and a correction follows."""

    key: str
    state: State
    late: bool = False
    refusal: Refusal | None = None


def take_events(
    engine: Engine, merchant_id: UUID, actor: Actor, sent: Sequence[Sent]
) -> list[Verdict]:
    """Keep and count events; when this returns they are durable. One verdict each, in their order.

    The same batch may be sent again after any failure: what was kept is a ``duplicate`` then, and
    counts once. A key that comes again with another content is refused.

    Raises:
        InvalidRequest: ``too_many_events``.
    """
    if len(sent) > EVENTS_MAX:
        raise InvalidRequest("too_many_events", f"At most {EVENTS_MAX} events at a time.")
    return repeated(partial(_take, engine, merchant_id, actor, sent))


def _take(engine: Engine, merchant_id: UUID, actor: Actor, sent: Sequence[Sent]) -> list[Verdict]:
    with engine.work(merchant_id, actor) as unit:
        service.hold_meters(unit)
        intake = _Intake(unit, sent)
        plain = [one for one in sent if one.corrects is None]
        intake.keep(plain)
        intake.keep([one for one in sent if one.corrects is not None])
        # The first of a key tells what became of it; the others of the batch repeat it or clash.
        return [intake.verdict(index, one) for index, one in enumerate(sent)]


@dataclass(frozen=True, slots=True)
class _Known:
    """A subscription of the batch."""

    id: UUID
    served: Served


class _Intake:
    """One batch inside its transaction."""

    def __init__(self, unit: Work, sent: Sequence[Sent]) -> None:
        self.unit = unit
        self.meters = queries.counting(unit, {one.name for one in sent})
        self.rules = {name: [one.rule for one in rows] for name, rows in self.meters.items()}
        # What is older than its meter takes is refused whether it was served or not.
        oldest = max((rule.late_days for rules in self.rules.values() for rule in rules), default=0)
        since = unit.now.date() - timedelta(days=oldest + 2)
        self.known = _subscriptions(unit, {one.subscription for one in sent}, since)
        self.served = {one.id: one.served for one in self.known.values()}
        self.first: dict[str, int] = {}
        for index, one in enumerate(sent):
            self.first.setdefault(one.key, index)
        self.sent = sent
        self.verdicts: dict[str, Verdict] = {}

    def keep(self, wanted: Sequence[Sent]) -> None:
        """Judge events, write those that pass, and look at those that were there before."""
        originals = _events(self.unit, [one.corrects for one in wanted if one.corrects])
        fresh: dict[UUID, NewEvent] = {}
        refused: dict[str, Refusal] = {}
        moved: list[tuple[UUID, UUID, Any]] = []
        for one in wanted:
            if one.key in self.verdicts or self.sent[self.first[one.key]] is not one:
                continue
            judged = self._judge(one, originals)
            if isinstance(judged, Refusal):
                refused[one.key] = judged
                continue
            fresh[judged.id] = judged
        corrections = bool(wanted) and wanted[0].corrects is not None
        new = service.write_events(self.unit, list(fresh.values()), counted=not corrections)
        if corrections:
            for event_id in new:
                moved += self._days_of(fresh[event_id], originals)
            service.recount(self.unit, moved)
        # What is refused today may have been kept when it came first: then it is a repetition.
        doubtful = [one.key for one in fresh.values() if one.id not in new]
        there = _events(self.unit, [*doubtful, *refused])
        for event in fresh.values():
            if event.id in new:
                late = event.day < self.served[event.subscription_id].open_from
                self.verdicts[event.key] = Verdict(event.key, "accepted", late)
        for key in doubtful:
            self.verdicts[key] = self._repeated(key, there, _CORRECTED)
        for key, refusal in refused.items():
            self.verdicts[key] = self._repeated(key, there, refusal)

    def verdict(self, index: int, one: Sent) -> Verdict:
        """Tell what became of an event; one that names a key again repeats the first or clashes."""
        found = self.verdicts[one.key]
        if self.first[one.key] == index or found.state == "refused":
            return found
        if one != self.sent[self.first[one.key]]:
            return Verdict(one.key, "refused", refusal=_REUSED)
        return replace(found, state="duplicate")

    def _judge(self, one: Sent, originals: Mapping[UUID, Any]) -> NewEvent | Refusal:
        known = self.known.get(one.subscription)
        if known is None:
            return Refusal("subscription_not_found", "There is no such subscription.")
        if one.void and one.corrects is None:
            return Refusal("void_corrects_nothing", "A void names the key that it takes away.")
        if abs(one.at - self.unit.now) > _THINKABLE:
            return Refusal("event_too_old", "Nobody meters a time that far away.")
        day = civil_date(one.at, known.served.zone)
        named = self.meters.get(one.name, [])
        rules = self.rules.get(one.name, [])
        refused = refusal_of(known.served, rules, one.at, day, self.unit.now)
        corrects_id = None
        if one.corrects is not None and refused is None:
            corrects_id = self.unit.derive("usage_event", one.corrects)
            original = originals.get(corrects_id)
            if (
                original is None
                or original.subscription_id != known.id
                or (original.name != one.name)
            ):
                return Refusal("corrected_event_not_found", "No such event of it has that key.")
            refused = refusal_of(known.served, rules, original.at, original.day, self.unit.now)
        if refused is None and (corrects_id is None or originals[corrects_id].day != day):
            refused = refusal_of_gap(known.served, day)
        if refused is not None:
            return refused
        try:
            values = [
                (meter, rule.value_of(one.properties))
                for meter, rule in zip(named, rules, strict=True)
                if not one.void and rule.counts(one.name, one.properties)
            ]
        except UnusableValueError as wrong:
            return Refusal("unusable_value", f"{wrong}.")
        return NewEvent(
            id=self.unit.derive("usage_event", one.key),
            subscription_id=known.id,
            key=one.key,
            name=one.name,
            at=one.at,
            day=day,
            properties=one.properties,
            values=values,
            corrects_id=corrects_id,
            is_void=one.void,
        )

    def _days_of(
        self, event: NewEvent, originals: Mapping[UUID, Any]
    ) -> list[tuple[UUID, UUID, Any]]:
        """The days that a correction touches: the one it leaves and the one it comes to."""
        assert event.corrects_id is not None  # only corrections are recounted
        days = {event.day, originals[event.corrects_id].day}
        named: list[MeterRow] = self.meters.get(event.name, [])
        return [(event.subscription_id, meter.id, day) for meter in named for day in days]

    def _repeated(self, key: str, there: Mapping[UUID, Any], otherwise: Refusal) -> Verdict:
        """Tell a repetition from another event under its key, and from one that is not there."""
        one = self.sent[self.first[key]]
        before = there.get(self.unit.derive("usage_event", key))
        if before is None:
            return Verdict(key, "refused", refusal=otherwise)
        known = self.known.get(one.subscription)
        corrects = self.unit.derive("usage_event", one.corrects) if one.corrects else None
        alike = (
            known is not None
            and before.subscription_id == known.id
            and before.name == one.name
            and before.at == one.at
            and before.properties == dict(one.properties)
            and before.corrects_id == corrects
            and before.is_void == one.void
        )
        if known is None or not alike:
            return Verdict(key, "refused", refusal=_REUSED)
        return Verdict(key, "duplicate", before.day < known.served.open_from)


# Far beyond what any meter takes, and near enough for every calendar.
_THINKABLE: Final = timedelta(days=3_660)
_REUSED: Final = Refusal("event_key_reused", "The key names an event of another content.")
_CORRECTED: Final = Refusal(
    "event_corrected_before", "The event was corrected before: correct that correction, by its key."
)


@lru_cache(maxsize=100_000)
def _parsed(text: str) -> UUID:
    """A sender names the same subscriptions over and over."""
    return ids.parse("subscription", text)


def _among(column: Column[UUID], wanted: Sequence[UUID]) -> ColumnElement[bool]:
    """One statement however many are asked for: it is prepared once and planned once."""
    return column == func.any(cast(list(wanted), ARRAY(Uuid())))


def _subscriptions(unit: Work, public_ids: set[str], since: date) -> dict[str, _Known]:
    parsed: dict[UUID, str] = {}
    for text in public_ids:
        try:
            parsed[_parsed(text)] = text
        except InvalidRequest:
            continue
    table = subscriptions.c
    spans = _spans(unit, list(parsed), since)
    rows = unit.session.execute(
        select(
            table.id, table.billing_zone, table.status, table.started_on, table.current_start,
            table.cancel_on, table.pause_on,
        ).where(table.merchant_id == unit.merchant_id, _among(table.id, list(parsed)))
    )  # fmt: skip
    return {
        parsed[row.id]: _Known(
            row.id,
            Served(
                row.billing_zone,
                row.status,
                row.started_on,
                row.current_start,
                row.cancel_on,
                row.pause_on,
                tuple(spans.get(row.id, ())),
            ),
        )
        for row in rows
    }


def _spans(
    unit: Work, wanted: Sequence[UUID], since: date
) -> dict[UUID, list[tuple[date, date | None]]]:
    """The days on which items were in force, from a date on; what lies before is left out."""
    table = subscription_items.c
    rows = unit.session.execute(
        select(table.subscription_id, table.started_on, table.ended_on)
        .where(
            table.merchant_id == unit.merchant_id,
            _among(table.subscription_id, wanted),
            table.ended_on.is_(None) | (table.ended_on > since),
        )
        .distinct()
    )
    found: dict[UUID, list[tuple[date, date | None]]] = {}
    for row in rows:
        found.setdefault(row.subscription_id, []).append((row.started_on, row.ended_on))
    return found


def _events(unit: Work, keys: Sequence[str]) -> dict[UUID, Any]:
    if not keys:
        return {}
    table = usage_events.c
    rows = unit.session.execute(
        select(
            table.id, table.subscription_id, table.name, table.at, table.day, table.properties,
            table.corrects_id, table.is_void,
        ).where(
            table.merchant_id == unit.merchant_id,
            _among(table.id, [unit.derive("usage_event", key) for key in set(keys)]),
        )
    )  # fmt: skip
    return {row.id: row for row in rows}
