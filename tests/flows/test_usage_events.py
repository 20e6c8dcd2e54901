"""Usage events: kept once for their key, counted as they are kept, corrected without being edited."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any, Final
from uuid import UUID

import pytest
from builders import make_merchant, make_subscription, set_clock, working
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.usage_events import Sent, Verdict, take_events
from core import ids
from core.actor import system
from core.calendars import civil_date, instant_of
from core.errors import InvalidRequest
from core.merchant import Merchant
from usage.closing import OpenSpan
from usage.measures import Event, Span, measure_events, measured
from usage.meters import Aggregation, Meter
from usage.queries import Wanted, load_sums
from usage.service import create_meter, retire_meter
from usage.tables import usage_days, usage_events

ME: Final = system("test")
BEGIN: Final = datetime(2027, 1, 1, 3, tzinfo=UTC)  # 10:00 in Jakarta
ZONE: Final = "Asia/Jakarta"
EVERY: Final[tuple[Aggregation, ...]] = (
    "count", "sum", "max", "last", "unique", "weighted_sum",
)  # fmt: skip
IN_JAKARTA: Final = [{"property": "region", "in": ["jkt", 1]}]


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    return make_merchant(engine, at=BEGIN, issue_lead_days=0)


def subscribed(engine: Engine, merchant: Merchant) -> tuple[UUID, str]:
    with working(engine, merchant) as unit:
        made = make_subscription(unit).subscription.id
    return made, ids.public("subscription", made)


def metered(
    engine: Engine, merchant: Merchant, aggregation: str, **more: Any
) -> tuple[UUID, Meter]:
    with working(engine, merchant) as unit:
        row = create_meter(
            unit, code=aggregation, name={"id": aggregation}, event_name="call",
            aggregation=aggregation, field=None if aggregation == "count" else "size", **more,
        )  # fmt: skip
        return row.id, row.rule


def take(engine: Engine, merchant: Merchant, *sent: Sent) -> list[Verdict]:
    return take_events(engine, merchant.merchant_id, ME, sent)


def states(verdicts: Sequence[Verdict]) -> list[str]:
    return [one.refusal.code if one.refusal else one.state for one in verdicts]


def whole(start: datetime, end: datetime) -> Span:
    first, last = civil_date(start, ZONE), civil_date(end, ZONE)
    return Span(first, last, instant_of(first, ZONE), instant_of(last, ZONE))


def sums(
    engine: Engine, merchant: Merchant, subscription: UUID, of: tuple[UUID, Meter], span: Span
) -> Any:
    meter, rule = of
    with working(engine, merchant) as unit:
        wanted = Wanted(
            subscription, meter, rule.aggregation, OpenSpan(subscription, span.start, span.end)
        )
        [found] = load_sums(unit, [wanted])
    return measured(rule.aggregation, found, span)


def event(public: str, n: int, **more: Any) -> Sent:
    given: dict[str, Any] = {
        "key": f"k{n}", "subscription": public, "name": "call",
        "at": BEGIN + timedelta(minutes=n), "properties": {"size": n, "region": "jkt"},
    }  # fmt: skip
    return Sent(**{**given, **more})


def random_event(draw: Random, public: str, n: int, now: datetime) -> Sent:
    values: list[Any] = [draw.randint(-5, 40), f"{draw.randint(0, 9)}.{draw.randint(1, 999):03d}"]
    return event(
        public, n,
        at=BEGIN + (now - BEGIN) * draw.random(),
        properties={"size": draw.choice(values), "region": draw.choice(["jkt", 1, "sby", True])},
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_sums_are_what_the_events_come_to_whatever_comes_twice_or_is_corrected(
    engine: Engine, merchant: Merchant, seed: int
) -> None:
    """Random events in random batches, a third of them twice, some corrected, some voided."""
    draw = Random(seed)
    subscription, public = subscribed(engine, merchant)
    found = {one: metered(engine, merchant, one, filters=IN_JAKARTA) for one in EVERY}
    now = BEGIN + timedelta(days=12)
    set_clock(engine, merchant.merchant_id, now)
    events = [random_event(draw, public, n, now) for n in range(90)]
    for n in range(90, 115):
        gone = draw.choice(events)
        made = random_event(draw, public, n, now)
        events.append(replace(made, corrects=gone.key, void=draw.random() < 0.4))
    sent = [one for event in events for one in [event] * (2 if draw.random() < 0.34 else 1)]
    verdicts = []
    while sent:
        size = draw.randint(1, 40)
        verdicts += take(engine, merchant, *sent[:size])
        sent = sent[size:]

    accepted = {one.key for one in verdicts if one.state == "accepted"}
    assert {one.refusal.code for one in verdicts if one.refusal} <= {
        "event_corrected_before", "corrected_event_not_found",
    }  # fmt: skip
    assert len(accepted) > 90
    with working(engine, merchant) as unit:
        kept = select(func.count()).select_from(usage_events)
        assert unit.session.execute(kept).scalar_one() == len(accepted)
    received = [
        Event(one.key, one.name, one.at, civil_date(one.at, ZONE), one.properties, one.corrects,
              one.void)
        for one in events if one.key in accepted
    ]  # fmt: skip
    for days in ((0, 12), (0, 5), (5, 9), (11, 13)):
        span = whole(BEGIN + timedelta(days=days[0]), BEGIN + timedelta(days=days[1]))
        for meter, rule in found.values():
            expected = measure_events(rule, received, span)
            assert sums(engine, merchant, subscription, (meter, rule), span) == expected, rule


def test_a_key_counts_once_however_many_send_it_at_once(engine: Engine, merchant: Merchant) -> None:
    subscription, public = subscribed(engine, merchant)
    meter, rule = metered(engine, merchant, "sum")
    batch = [event(public, n, at=BEGIN) for n in range(60)]
    accepted: list[int] = []

    def send(order: int) -> None:
        mine = list(batch)
        Random(order).shuffle(mine)
        for start in (0, 20, 40):
            told = take(engine, merchant, *mine[start : start + 20])
            accepted.append(sum(one.state == "accepted" for one in told))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(accepted) == 60
    span = whole(BEGIN, BEGIN + timedelta(days=1))
    got = sums(engine, merchant, subscription, (meter, rule), span)
    assert (got.events, got.quantity) == (60, Fraction(sum(range(60))))


def test_each_event_of_a_batch_has_its_own_verdict(engine: Engine, merchant: Merchant) -> None:
    _, public = subscribed(engine, merchant)
    metered(engine, merchant, "sum")
    good = event(public, 1, at=BEGIN)
    batch = [
        good,
        good,
        replace(good, name="call", properties={"size": 2}),
        event("sub_nobody", 2),
        event(public, 3, name="unheard"),
        event(public, 4, at=BEGIN + timedelta(minutes=6)),
        event(public, 5, at=BEGIN + timedelta(minutes=4)),
        event(public, 6, at=BEGIN - timedelta(days=1)),
        event(public, 7, at=BEGIN, properties={"region": "jkt"}),
        event(public, 8, at=BEGIN, properties={"size": "1e3"}),
        event(public, 9, at=BEGIN, properties={"size": True}),
        event(public, 10, at=BEGIN, corrects="k1", properties={"size": 7}),
        event(public, 11, at=BEGIN, corrects="k1", void=True),
        event(public, 12, at=BEGIN, corrects="nothing", void=True),
    ]

    assert states(take(engine, merchant, *batch)) == [
        "accepted", "duplicate", "event_key_reused", "subscription_not_found",
        "unknown_event_name", "event_in_future", "accepted", "event_before_start",
        "unusable_value", "unusable_value", "unusable_value", "accepted",
        "event_corrected_before", "corrected_event_not_found",
    ]  # fmt: skip
    again = take(engine, merchant, *batch)
    assert [one.state for one in again[:2]] == ["duplicate", "duplicate"]
    with pytest.raises(InvalidRequest, match="At most 1000"):
        take(engine, merchant, *[good] * 1_001)


def test_of_several_corrections_of_one_event_the_first_that_can_be_kept_wins(
    engine: Engine, merchant: Merchant
) -> None:
    """Twenty events, each corrected thrice in one batch: ids are hashes, so any order is wrong."""
    _, public = subscribed(engine, merchant)
    metered(engine, merchant, "sum")
    used_before = [event(public, 100 + n, at=BEGIN) for n in range(20)]
    take(engine, merchant, *[event(public, n, at=BEGIN) for n in range(20)], *used_before)

    def corrections(n: int) -> list[Sent]:
        """By a key that names another event, then by two that could both be kept."""
        named = event(public, 0, at=BEGIN, corrects=f"k{n}")
        return [replace(named, key=f"k{place + n}") for place in (100, 300, 200)]

    batch = [one for n in range(20) for one in corrections(n)]
    expected = ["event_key_reused", "accepted", "event_corrected_before"] * 20

    assert states(take(engine, merchant, *batch)) == expected
    again = [one.replace("accepted", "duplicate") for one in expected]
    assert states(take(engine, merchant, *batch)) == again


def test_of_one_instant_the_event_that_was_sent_last_is_the_last(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, public = subscribed(engine, merchant)
    last = metered(engine, merchant, "last")
    take(engine, merchant, *(event(public, n, at=BEGIN) for n in range(12)))
    span = whole(BEGIN, BEGIN + timedelta(days=1))
    assert sums(engine, merchant, subscription, last, span).quantity == 11
    take(engine, merchant, *(event(public, n, at=BEGIN) for n in range(40, 11, -1)))
    assert sums(engine, merchant, subscription, last, span).quantity == 12


def test_what_ended_takes_no_more_usage_and_still_knows_what_it_took(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, public = subscribed(engine, merchant)
    metered(engine, merchant, "count")
    kept = event(public, 1, at=BEGIN)
    assert states(take(engine, merchant, kept)) == ["accepted"]
    with working(engine, merchant) as unit:
        cancel(unit, subscription, when="now")

    assert states(take(engine, merchant, kept, event(public, 2, at=BEGIN))) == [
        "duplicate", "subscription_ended",
    ]  # fmt: skip


def test_a_meter_counts_from_when_it_was_made_until_it_is_retired_unused(
    engine: Engine, merchant: Merchant
) -> None:
    subscription, public = subscribed(engine, merchant)
    first, rule = metered(engine, merchant, "count")
    take(engine, merchant, event(public, 1, at=BEGIN))
    with working(engine, merchant) as unit:
        second = create_meter(
            unit, code="count", name={"en": "Calls"}, event_name="call", aggregation="count"
        )
        assert second.version == 2
    take(engine, merchant, event(public, 2, at=BEGIN))
    with working(engine, merchant) as unit:
        retire_meter(unit, first)
        assert retire_meter(unit, first).retired_at is not None
    take(engine, merchant, event(public, 3, at=BEGIN))

    span = whole(BEGIN, BEGIN + timedelta(days=1))
    counted = [
        sums(engine, merchant, subscription, (meter, rule), span).events
        for meter in (first, second.id)
    ]
    assert counted == [2, 2]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE usage_events SET name = 'x'", "DELETE FROM usage_events",
     "UPDATE meters SET late_days = 3", "DELETE FROM meters"],
)  # fmt: skip
def test_events_and_meters_are_never_edited(
    engine: Engine, merchant: Merchant, statement: str
) -> None:
    _, public = subscribed(engine, merchant)
    metered(engine, merchant, "count")
    take(engine, merchant, event(public, 1, at=BEGIN))

    with pytest.raises(DBAPIError), working(engine, merchant) as unit:
        unit.session.execute(text(statement))
    with working(engine, merchant) as unit:
        assert unit.session.execute(select(usage_days.c.events)).scalars().all() == [1]
