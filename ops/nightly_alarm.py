"""The night's alarms: verdicts that are not clean, and nights that did not come, each told once.

Whoever claims a verdict first mails it, so any number of schedulers may look. A mail that could not
be sent is tried again.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import text, update

from billing.engine import Engine
from core.actor import system
from core.counters import Try, take
from core.db import Sessions
from core.errors import EngineError, TooMany
from core.limits import Limit
from core.mail import OutgoingMail, derived_message_id
from core.tables import rate_counters, verdicts

LOG = logging.getLogger("tagihan.doctor")

# A night may be missed by a hair; one whole day more is an alarm.
LATE: Final = timedelta(hours=36)
# So long the alarm belongs to whoever claimed it; a mail server answers sooner, or not at all.
_CLAIM: Final = timedelta(minutes=15)
_DAY: Final = timedelta(days=1)
KEPT: Final = 10  # examples of a rule, and faults of a trail
WIB: Final = ZoneInfo("Asia/Jakarta")
LAST = text(
    "SELECT m.merchant_id, m.slug, m.created_at, max(v.night) AS night, max(v.at) AS at "
    "FROM merchants m LEFT JOIN verdicts v ON v.merchant_id = m.merchant_id "
    "GROUP BY m.merchant_id, m.slug, m.created_at ORDER BY m.slug"
)
_UNTOLD = text(
    "SELECT m.slug, v.merchant_id, v.id, v.night, v.broken, v.trail, (SELECT p.broken "
    "FROM verdicts p WHERE p.merchant_id = v.merchant_id AND p.night < v.night "
    "ORDER BY p.night DESC LIMIT 1) AS before FROM verdicts v "
    "JOIN merchants m ON m.merchant_id = v.merchant_id "
    "WHERE NOT v.clean AND v.told_at IS NULL AND v.at > :since "
    "AND (v.telling_at IS NULL OR v.telling_at <= :before) ORDER BY v.night, m.slug"
)


def tell(engine: Engine) -> int:
    """Send the operator what is untold of the last days; returns how many mails went out.

    One mail a night, as long as it lasts: what is new is told apart from what was there before.
    Whoever claims a verdict first tells it; of whoever died at it, the claim ends.
    """
    to = engine.settings.alarm_email
    if to is None:
        return 0
    real_now = engine.real_now()
    with engine.db.reader() as session:
        since = real_now - timedelta(days=3)
        rows = session.execute(_UNTOLD, {"since": since, "before": real_now - _CLAIM}).all()
    sent = 0
    for night in sorted({row.night for row in rows}):
        its = [row for row in rows if row.night == night and _claim(engine, row)]
        if not its:
            continue
        subject = f"Tagihan: {len(its)} usaha dengan temuan / businesses with findings"
        lines = [line for row in its for line in _lines(row)]
        named = " ".join(["verdict", night.isoformat(), *(str(row.id) for row in its)])
        gone = _send(engine, to, subject, lines, named)
        for row in its:
            values = {"told_at": engine.real_now()} if gone else {"telling_at": None}
            with engine.work(row.merchant_id, system("doctor")) as unit:
                unit.session.execute(update(verdicts).where(*_this(row)).values(**values))
        if not gone:
            break
        sent += 1
    return sent


def _claim(engine: Engine, row: Any) -> bool:
    """Take the telling of a verdict for a while; False where another one has it, or told it."""
    with engine.work(row.merchant_id, system("doctor")) as unit:
        free = verdicts.c.telling_at.is_(None) | (verdicts.c.telling_at <= unit.real_now - _CLAIM)
        taken = unit.session.execute(
            update(verdicts)
            .where(*_this(row), verdicts.c.told_at.is_(None), free)
            .values(telling_at=unit.real_now)
            .returning(verdicts.c.id)
        )
        return taken.one_or_none() is not None


def _this(row: Any) -> tuple[Any, Any]:
    return verdicts.c.merchant_id == row.merchant_id, verdicts.c.id == row.id


def _lines(row: Any) -> Iterator[str]:
    known = {one["rule"] for one in row.before or ()}
    yield f"{row.slug} ({row.night.astimezone(WIB):%Y-%m-%d %H:%M} WIB)"
    for one in row.broken:
        new = "masih / still" if one["rule"] in known else "baru / new"
        yield f"  {one['rule']} ({one['count']}, {new}): {one['meaning']}"
        yield from (f"    - {example['what']}: {example['why']}" for example in one["examples"])
    yield from (f"  audit: {one['kind']}: {one['what']}" for one in row.trail)
    yield ""


# Whose lateness is known to be told, and on which day: they need not be asked for again.
_late_told: dict[str, tuple[str, frozenset[str]]] = {}


def tell_late(engine: Engine) -> bool:
    """Raise the alarm, once a day for each, where a merchant has had no verdict for 36 hours.

    Whoever claims a merchant's day first tells it; of whoever died at it, the claim ends. A mail
    that could not be sent is tried again at the next look.
    """
    all_late = _late(engine.db, engine.real_now())
    today = engine.real_now().astimezone(WIB).date().isoformat()
    day, before = _late_told.get(engine.db.role_prefix, (today, frozenset[str]()))
    told = before if day == today else frozenset[str]()
    mine = [row for row in all_late if row.slug not in told and _claim_late(engine, row, today)]
    if not mine:
        return False
    late = [row.slug for row in mine]
    named = ", ".join(late[:KEPT]) + (", ..." if len(late) > KEPT else "")
    LOG.error("no verdict of the doctor for 36 hours", extra={"merchants": named})
    if engine.settings.alarm_email is not None:
        lines = [
            f"Sudah 36 jam tidak ada hasil pemeriksaan malam ({named}). Jalankan `tagihan doctor`.",
            f"No nightly examination has ended for 36 hours ({named}). Run `tagihan doctor`.",
        ]
        subject = "Tagihan: tidak ada pemeriksaan malam / no nightly examination"
        if not _send(engine, engine.settings.alarm_email, subject, lines, f"late {today} {named}"):
            for row in mine:
                _keep_claim(engine, row, today, timedelta())
            return False
    for row in mine:
        _keep_claim(engine, row, today, _DAY)
    _late_told[engine.db.role_prefix] = today, told.union(late)
    return True


def _claim_late(engine: Engine, row: Any, day: str) -> bool:
    """Take the telling that a merchant is late; False where another one has it, or told it."""
    try:
        with engine.work(row.merchant_id, system("doctor")) as unit:
            one = Try(
                "doctor.late", Limit(1, "claimed", window=_CLAIM), unit.derive("late alarm", day)
            )
            take(unit.session, [one], unit.real_now)
    except TooMany:
        return False
    return True


def _keep_claim(engine: Engine, row: Any, day: str, span: timedelta) -> None:
    c = rate_counters.c
    with engine.work(row.merchant_id, system("doctor")) as unit:
        until = unit.real_now + span
        unit.session.execute(
            update(rate_counters)
            .where(c.merchant_id == row.merchant_id, c.id == unit.derive("late alarm", day))
            .values(wait_until=until, expires_at=until)
        )


def is_late(db: Sessions, real_now: datetime) -> bool:
    """Whether any merchant's last verdict, or its first day without one, is older than 36 hours."""
    return bool(late_ones(db, real_now))


def late_ones(db: Sessions, real_now: datetime) -> list[str]:
    """The merchants whose last verdict, or first day without one, is older than 36 hours."""
    return [row.slug for row in _late(db, real_now)]


def _late(db: Sessions, real_now: datetime) -> list[Any]:
    with db.reader() as session:
        rows = session.execute(LAST).all()
    return [row for row in rows if real_now - (row.at or row.created_at) > LATE]


def _send(engine: Engine, to: str, subject: str, lines: list[str], key: str) -> bool:
    body = "\n".join(lines)
    mail = OutgoingMail(
        to=to,
        subject=subject,
        text=body,
        html=f"<pre>{html.escape(body)}</pre>",
        message_id=derived_message_id(f"doctor/{key}", "tagihan"),
        date=engine.real_now(),
    )
    try:
        engine.mailer.send(mail)
    except EngineError as error:
        LOG.warning("the alarm could not be mailed: %s", error)
        return False
    return True
