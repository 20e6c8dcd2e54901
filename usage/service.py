"""Writes of usage: meters, metered prices, and events with the sums they raise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, Uuid, bindparam, select, text, update

from core.bulk import insert_rows
from core.db import UtcDateTime
from core.errors import InvalidRequest
from core.work import Work
from usage import queries
from usage.meters import LATE_DAYS, Properties, new_meter
from usage.queries import MeterRow
from usage.tables import meters, usage_prices

_LANGUAGES = frozenset({"id", "en"})


def create_meter(
    unit: Work,
    *,
    code: str,
    name: Mapping[str, str],
    event_name: str,
    aggregation: str,
    field: str | None = None,
    filters: Sequence[Mapping[str, Any]] = (),
    late: str = "next_invoice",
    late_days: int = LATE_DAYS,
    key: str | None = None,
) -> MeterRow:
    """Make a meter, or the next version of the one that has this code.

    It counts the events that are received from now on. The same ``key`` gives the same meter.

    Raises:
        InvalidRequest: ``invalid_meter``, ``invalid_name``.
    """
    # Nobody writes an event meanwhile: it is counted by the meters its transaction has read.
    _hold(unit, shared=False)
    if key is not None:
        known = queries.load_meters(unit, [unit.derive("meter", key)])
        if known:
            return next(iter(known.values()))
    if not name or not set(name) <= _LANGUAGES:
        raise InvalidRequest(
            "invalid_name", "name has a text for 'id', 'en' or both.", field="name"
        )
    earlier = queries.versions_of(unit, code)
    rule = new_meter(
        code=code,
        version=earlier[0].version + 1 if earlier else 1,
        event_name=event_name,
        aggregation=aggregation,
        field=field,
        filters=filters,
        late=late,
        late_days=late_days,
    )
    meter_id = unit.derive("meter", key) if key else unit.derive("meter", code, rule.version)
    row = {
        "merchant_id": unit.merchant_id,
        "id": meter_id,
        "code": code,
        "version": rule.version,
        "name": dict(name),
        "event_name": event_name,
        "aggregation": aggregation,
        "field": field,
        "filters": [one.to_json() for one in rule.filters],
        "late": late,
        "late_days": late_days,
        "created_at": unit.now,
    }
    insert_rows(unit.session, meters, [row])
    told = {name: row[name] for name in row if name not in ("merchant_id", "id", "created_at")}
    unit.audit("meter.create", "meter", meter_id, after=told)
    return queries.get_meter(unit, meter_id)


def retire_meter(unit: Work, meter_id: UUID) -> MeterRow:
    """Let no further price use a version; where no price uses it, it counts no more.

    Raises:
        NotFound: ``meter_not_found``.
    """
    _hold(unit, shared=False)
    meter = queries.get_meter(unit, meter_id)
    if meter.retired_at is not None:
        return meter
    is_used = unit.session.execute(
        select(usage_prices.c.id)
        .where(usage_prices.c.merchant_id == unit.merchant_id, usage_prices.c.meter_id == meter_id)
        .limit(1)
    ).first()
    unit.session.execute(
        update(meters)
        .where(meters.c.merchant_id == unit.merchant_id, meters.c.id == meter_id)
        .values(retired_at=unit.now, counts_to=None if is_used else queries.newest_seq(unit))
    )
    unit.audit(
        "meter.retire", "meter", meter_id,
        before={"retired_at": None}, after={"retired_at": unit.now.isoformat()},
    )  # fmt: skip
    return queries.get_meter(unit, meter_id)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that is to be written, and what each meter takes from it: (meter, value)."""

    id: UUID
    subscription_id: UUID
    key: str
    name: str
    at: datetime
    day: date
    properties: Properties
    values: Sequence[tuple[MeterRow, str]] = ()
    corrects_id: UUID | None = None
    is_void: bool = False


_WRITE = text(
    """
    WITH sent AS MATERIALIZED (
        -- Numbered as they were sent: of one instant the last is the last.
        SELECT e.*, nextval('usage_events_seq_seq') AS seq
        FROM json_to_recordset(CAST(:events AS json)) AS e(id uuid, s uuid, k text, n text,
            at timestamptz, d date, p jsonb, c uuid, v boolean)
    ), kept AS (
        INSERT INTO usage_events (merchant_id, id, seq, subscription_id, key, name, at, day,
            properties, corrects_id, is_void, received_at)
        OVERRIDING SYSTEM VALUE
        SELECT :merchant_id, e.id, e.seq, e.s, e.k, e.n, e.at, e.d, e.p, e.c, e.v, :received_at
        FROM sent e
        -- Corrections of one event in their order: only the first that can be kept takes its place.
        ORDER BY coalesce(e.c, e.id), e.seq
        ON CONFLICT DO NOTHING
        RETURNING id, seq, subscription_id, at, day
    ), given AS (
        SELECT k.subscription_id, m.m AS meter_id, k.day, k.at, k.seq,
            CASE WHEN m.u THEN NULL ELSE CAST(m.v AS numeric) END AS value,
            CASE WHEN m.u THEN m.v END AS seen
        FROM kept k
        JOIN json_to_recordset(CAST(:values AS json)) AS m(id uuid, m uuid, v text, u boolean)
            ON m.id = k.id
        WHERE :counted
    ), days AS (
        INSERT INTO usage_days AS d (merchant_id, subscription_id, meter_id, day, events, total,
            moment, top, last_value, last_at, last_seq)
        SELECT :merchant_id, subscription_id, meter_id, day, count(*), coalesce(sum(value), 0),
            coalesce(sum(value * trunc(extract(epoch FROM at) * 1000000)), 0), max(value),
            (array_agg(value ORDER BY at DESC, seq DESC))[1], max(at),
            (array_agg(seq ORDER BY at DESC, seq DESC))[1]
        FROM given GROUP BY subscription_id, meter_id, day
        ORDER BY subscription_id, meter_id, day
        ON CONFLICT (merchant_id, subscription_id, meter_id, day) DO UPDATE SET
            events = d.events + EXCLUDED.events,
            total = d.total + EXCLUDED.total,
            moment = d.moment + EXCLUDED.moment,
            top = greatest(d.top, EXCLUDED.top),
            last_value = CASE WHEN (EXCLUDED.last_at, EXCLUDED.last_seq) > (d.last_at, d.last_seq)
                OR d.last_at IS NULL THEN EXCLUDED.last_value ELSE d.last_value END,
            last_seq = CASE WHEN (EXCLUDED.last_at, EXCLUDED.last_seq) > (d.last_at, d.last_seq)
                OR d.last_at IS NULL THEN EXCLUDED.last_seq ELSE d.last_seq END,
            last_at = greatest(d.last_at, EXCLUDED.last_at)
        RETURNING 1
    ), seen AS (
        INSERT INTO usage_values (merchant_id, subscription_id, meter_id, day, value)
        SELECT DISTINCT CAST(:merchant_id AS uuid), subscription_id, meter_id, day, seen
        FROM given
        -- After the days: whoever recounts a day holds it, and takes values away meanwhile.
        WHERE seen IS NOT NULL AND (SELECT count(*) FROM days) >= 0 ORDER BY 2, 3, 4, 5
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM kept
    """
).bindparams(
    bindparam("merchant_id", type_=Uuid()),
    bindparam("received_at", type_=UtcDateTime()),
    bindparam("events", type_=Text()),
    bindparam("values", type_=Text()),
)


def write_events(unit: Work, events: Sequence[NewEvent], *, counted: bool = True) -> set[UUID]:
    """Write events and raise the sums of their days, in one statement; returns what was new.

    Only rows that went in raise a sum: a key that is known raises none, however often it comes and
    however many send it at once. Rows are taken in the order of their ids and sums in the order of
    their keys, so that two batches wait for each other and never around each other.

    Args:
        counted: corrections are not added up here but recounted, see `recount`.
    """
    if not events:
        return set()
    sent = [
        {
            "id": one.id.hex, "s": one.subscription_id.hex, "k": one.key, "n": one.name,
            "at": one.at.isoformat(), "d": one.day.isoformat(), "p": one.properties,
            "c": one.corrects_id.hex if one.corrects_id else None, "v": one.is_void,
        }
        for one in events
    ]  # fmt: skip
    values = [
        {"id": one.id.hex, "m": meter.id.hex, "v": value, "u": meter.aggregation == "unique"}
        for one in events
        for meter, value in one.values
    ]
    rows = unit.session.execute(
        _WRITE,
        {
            "merchant_id": unit.merchant_id,
            "received_at": unit.real_now,
            "events": json.dumps(sent),
            "values": json.dumps(values),
            "counted": counted,
        },
    )
    return set(rows.scalars())


def hold_meters(unit: Work) -> None:
    """Keep meters from being made or retired until this transaction ends."""
    _hold(unit, shared=True)


_LOCK_DAYS = text(
    """
    INSERT INTO usage_days (merchant_id, subscription_id, meter_id, day, events)
    SELECT :merchant_id, k.s, k.m, k.d, 0
    FROM json_to_recordset(CAST(:days AS json)) AS k(s uuid, m uuid, d date)
    ORDER BY k.s, k.m, k.d
    ON CONFLICT (merchant_id, subscription_id, meter_id, day) DO UPDATE SET events = usage_days.events
    """  # noqa: E501
)
# What a meter counts of the events themselves; also how the doctor looks for a wrong sum.
COUNTED = """
    SELECT e.merchant_id, e.subscription_id, m.id AS meter_id, e.day, e.at, e.seq, e.key,
        CASE WHEN m.field IS NULL THEN 1 WHEN m.aggregation <> 'unique'
            THEN CAST(e.properties ->> m.field AS numeric) END AS value,
        CASE WHEN m.aggregation = 'unique' THEN e.properties ->> m.field END AS seen
    FROM usage_events e JOIN meters m ON m.merchant_id = e.merchant_id AND m.event_name = e.name
        AND e.seq > m.counts_from AND (m.counts_to IS NULL OR e.seq < m.counts_to)
    WHERE NOT e.is_void
        AND NOT EXISTS (SELECT 1 FROM usage_events c WHERE c.merchant_id = e.merchant_id
            AND c.corrects_id = e.id)
        AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(m.filters) f WHERE NOT coalesce(
            f -> 'in' @> jsonb_build_array(e.properties -> (f ->> 'property')), false))
"""
_RECOUNT = text(
    f"""
    WITH wanted AS (
        SELECT * FROM json_to_recordset(CAST(:days AS json)) AS k(s uuid, m uuid, d date)
    ), given AS (
        SELECT c.* FROM ({COUNTED}) c JOIN wanted w
            ON w.s = c.subscription_id AND w.m = c.meter_id AND w.d = c.day
        WHERE c.merchant_id = :merchant_id
    ), gone AS (
        DELETE FROM usage_values v USING wanted w WHERE v.merchant_id = :merchant_id
            AND v.subscription_id = w.s AND v.meter_id = w.m AND v.day = w.d
            AND NOT EXISTS (SELECT 1 FROM given g WHERE g.subscription_id = v.subscription_id
                AND g.meter_id = v.meter_id AND g.day = v.day AND g.seen = v.value)
    ), seen AS (
        INSERT INTO usage_values (merchant_id, subscription_id, meter_id, day, value)
        SELECT DISTINCT CAST(:merchant_id AS uuid), subscription_id, meter_id, day, seen
        FROM given WHERE seen IS NOT NULL ORDER BY 2, 3, 4, 5
        ON CONFLICT DO NOTHING
    )
    UPDATE usage_days d SET events = n.events, total = n.total, moment = n.moment, top = n.top,
        last_value = n.last_value, last_at = n.last_at, last_seq = n.last_seq
    FROM (
        SELECT w.s, w.m, w.d, count(g.seq) AS events, coalesce(sum(g.value), 0) AS total,
            coalesce(sum(g.value * trunc(extract(epoch FROM g.at) * 1000000)), 0) AS moment,
            max(g.value) AS top,
            (array_agg(g.value ORDER BY g.at DESC, g.seq DESC))[1] AS last_value,
            max(g.at) AS last_at, (array_agg(g.seq ORDER BY g.at DESC, g.seq DESC))[1] AS last_seq
        FROM wanted w LEFT JOIN given g
            ON g.subscription_id = w.s AND g.meter_id = w.m AND g.day = w.d
        GROUP BY w.s, w.m, w.d
    ) n
    WHERE d.merchant_id = :merchant_id AND d.subscription_id = n.s AND d.meter_id = n.m
        AND d.day = n.d
    """  # noqa: S608 - constants
)


def recount(unit: Work, days: Sequence[tuple[UUID, UUID, date]]) -> None:
    """Count some days again from their events: (subscription, meter, day).

    The sums are locked before the events are read. An event that is written meanwhile has either
    committed and is read, or waits for the sum and raises it afterwards.
    """
    if not days:
        return
    listed = [
        {"s": subscription.hex, "m": meter.hex, "d": day.isoformat()}
        for subscription, meter, day in sorted(set(days))
    ]
    given = {"merchant_id": unit.merchant_id, "days": json.dumps(listed)}
    unit.session.execute(_LOCK_DAYS.bindparams(bindparam("merchant_id", type_=Uuid())), given)
    unit.session.execute(_RECOUNT.bindparams(bindparam("merchant_id", type_=Uuid())), given)


def _hold(unit: Work, *, shared: bool) -> None:
    how = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    unit.session.execute(
        text(f"SELECT {how}(hashtextextended(:what, 0))"), {"what": f"meters:{unit.merchant_id}"}
    )


def shut_out_events(unit: Work) -> None:
    """Wait for the events being written, and let no other in until this transaction ends."""
    _hold(unit, shared=False)
