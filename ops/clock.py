"""`tagihan clock`: where a test merchant's clock stands, and living on from there.

The clock is driven from here, with or without a scheduler process, and the work that becomes due
is done here too where no worker is quicker; what happens is told as it happens.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.exc import IntegrityError

from billing.engine import Engine, build_engine
from billing.flows.clock import ADVANCE_DAYS_MAX, ClockState, ask_advance, drive, jump, read_clock
from core.actor import Actor
from core.calendars import instant_of
from core.db import UtcDateTime
from core.errors import EngineError, InvalidRequest
from core.jobs import DUE
from core.logs import DIARY
from core.merchant import Merchant, load_merchant
from core.settings import Settings
from invoices.wording import language_of, long_moment
from ops.diary_rows import newest_place, read_entries
from ops.merchant import find_merchant
from ops.worker import run_once

OPERATOR = Actor("operator", "command line")
Say = Callable[[str], None]

_SPAN = re.compile(r"([1-9][0-9]{0,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
# Nothing moved for this long: something is in the way that time does not mend.
_STUCK_SECONDS = 120.0
_PAUSE_SECONDS = 0.02


# One statement for all kinds of one merchant: a clock asks some hundred times for a year.
_KINDS = " UNION ALL ".join(
    f"SELECT '{kind}' AS kind WHERE EXISTS "  # noqa: S608 - constants of core.jobs
    f"(SELECT 1 FROM ({due}) d WHERE d.merchant_id = :m)"
    for kind, due in DUE.items()
)
_RING = text(
    "INSERT INTO jobs (merchant_id, id, kind, rung_at) "  # noqa: S608
    f"SELECT :m, gen_random_uuid(), q.kind, :real FROM ({_KINDS}) q "
    "ORDER BY q.kind ON CONFLICT (merchant_id, kind) DO NOTHING"
).bindparams(bindparam("m", type_=Uuid()), bindparam("real", type_=UtcDateTime()))


def live_on(engine: Engine, merchant_id: UUID) -> bool:
    """Take an advancing clock one step and do what is due; says whether it has arrived.

    Other processes may do the same at the same time: whoever takes a bell off the wall does the
    work behind it.
    """
    try:
        if drive(engine, merchant_id, lambda whose: ring_one(engine, whose)):
            return True
    except IntegrityError:
        # Another process took the same step and arrived first: look again where the clock stands.
        return False
    while run_once(engine):
        pass
    return False


def ring_one(engine: Engine, merchant_id: UUID) -> int:
    """Ring for whatever is due of one merchant; returns how many bells are new."""
    with engine.db.lookup() as session:
        result = session.execute(_RING, {"m": merchant_id, "real": engine.real_now()})
        return int(result.rowcount)  # type: ignore[attr-defined]


def parse_span(span: str, now: datetime, zone: str) -> datetime:
    """Read ``40d``, ``6h``, ``2w`` or a date (``2027-01-31``, its first instant) as an instant.

    Raises:
        InvalidRequest: ``invalid_span``.
    """
    counted = _SPAN.fullmatch(span.strip().lower())
    if counted is not None:
        length = int(counted[1]) * _UNITS[counted[2]]
        if length <= timedelta(days=ADVANCE_DAYS_MAX):
            return now + length
    try:
        return instant_of(date.fromisoformat(span.strip()), zone)
    except ValueError:
        raise InvalidRequest(
            "invalid_span",
            f"{span!r} is no span of time such as 40d, 6h or 2w (at most {ADVANCE_DAYS_MAX} days),"
            " and no date such as 2027-01-31",
            field="span",
        ) from None


def advance(
    engine: Engine,
    merchant_id: UUID,
    to: datetime,
    *,
    say: Say = print,
    locale: str = "id",
    zone: str = "Asia/Jakarta",
) -> int:
    """Live on until ``to`` and tell what happens; returns how many things did.

    A clock that is already on its way is taken on from where it is.

    Raises:
        EngineError: what `billing.flows.clock.ask_advance` refuses.
        TimeoutError: nothing moves any more.
    """
    began = _clock(engine, merchant_id)
    # What happened at the instant where the clock stands, but earlier, was told then.
    place = _place(engine, merchant_id)
    if began is None or began.state == "ready":
        ask_advance(engine, merchant_id, to, OPERATOR)
    told_until = began.at if began is not None else to
    told = 0
    seen, since = told_until, time.monotonic()
    while not live_on(engine, merchant_id):
        now = _at(engine, merchant_id)
        if now > told_until:
            span = (told_until, now, place)
            told += _tell(engine, merchant_id, span, say=say, locale=locale, zone=zone)
            told_until = now
        if now > seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > _STUCK_SECONDS:
            raise TimeoutError(f"the clock stands at {now} and nothing moves it on")
        else:
            time.sleep(_PAUSE_SECONDS)  # others are at work
    end = _at(engine, merchant_id) + timedelta(microseconds=1)
    span = (told_until, end, place)
    return told + _tell(engine, merchant_id, span, say=say, locale=locale, zone=zone)


def main(
    settings: Settings,
    *,
    action: str,
    span: str | None,
    merchant: str | None,
    language: str | None = None,
) -> int:
    """``tagihan clock show|advance|jump``; 1 where it can not be done, with one clear line."""
    # The diary is printed here; the same lines need not come as log records too.
    logging.getLogger(DIARY).setLevel(logging.WARNING)
    engine = build_engine(settings)
    try:
        merchant_id = find_merchant(engine, merchant)
        with engine.db.begin(merchant_id) as session:
            whose = load_merchant(session)
        own = whose.locale if settings.language == "merchant" else settings.language
        locale = language_of(language or own)
        if action == "show":
            print(_shown(whose, _clock(engine, merchant_id), locale))
            return 0
        clock = _clock(engine, merchant_id)
        if clock is None:
            print(_shown(whose, None, locale), file=sys.stderr)
            return 1
        to = parse_span(span or "", clock.at, whose.billing_zone)
        if action == "jump":
            jump(engine, merchant_id, to, OPERATOR)
            ring_one(engine, merchant_id)
        else:
            advance(engine, merchant_id, to, locale=locale, zone=whose.billing_zone, say=_say)
        print(_shown(whose, _clock(engine, merchant_id), locale))
    except (EngineError, TimeoutError) as error:
        print(str(getattr(error, "message", error)), file=sys.stderr)
        return 1
    finally:
        engine.close()
    return 0


def _shown(merchant: Merchant, clock: ClockState | None, locale: str) -> str:
    name = merchant.display_name
    if clock is None:
        if locale == "en":
            return f"{name} lives in real time; only a merchant with a test clock can move on."
        return f"{name} hidup di waktu nyata; hanya merchant dengan jam uji yang bisa dimajukan."
    at = long_moment(clock.at, merchant.billing_zone, locale)
    if clock.state == "ready" or clock.target_at is None:
        return f"{name}: {at}"
    to = long_moment(clock.target_at, merchant.billing_zone, locale)
    return f"{name}: {at} → {to}"


def _tell(
    engine: Engine,
    merchant_id: UUID,
    span: tuple[datetime, datetime, int],
    *,
    say: Say,
    locale: str,
    zone: str,
) -> int:
    since, until, after = span
    with engine.db.begin(merchant_id) as session:
        entries = read_entries(session, merchant_id, since, until, after=after)
    for entry in entries:
        say(entry.line(locale, zone))
    return len(entries)


def _place(engine: Engine, merchant_id: UUID) -> int:
    with engine.db.begin(merchant_id) as session:
        return newest_place(session, merchant_id)


def _clock(engine: Engine, merchant_id: UUID) -> ClockState | None:
    with engine.db.begin(merchant_id) as session:
        return read_clock(session, merchant_id)


def _at(engine: Engine, merchant_id: UUID) -> datetime:
    clock = _clock(engine, merchant_id)
    assert clock is not None  # clocks are never taken away
    return clock.at


def _say(line: str) -> None:
    print(line, flush=True)
