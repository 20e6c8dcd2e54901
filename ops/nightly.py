"""Every night the rules and the audit: their verdict is kept, and told where it is not clean.

Driven by rows: what is due is the last planned time without a verdict, so any number of schedulers
may look, and a dark night is made up for. A mail that could not be sent is tried again.
"""

from __future__ import annotations

import html
import importlib.metadata
import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text, update

from billing.engine import Engine
from billing.flows.reviews import open_review
from core.actor import system
from core.bulk import insert_rows
from core.db import Sessions
from core.errors import EngineError
from core.mail import OutgoingMail, derived_message_id
from core.seals import SealKeys
from core.tables import verdicts
from ops.audit import Verdict, verify_all
from ops.doctor import Report, Result, examine

LOG = logging.getLogger("tagihan.doctor")

OFF: Final = "off"
# A night may be missed by a hair; one whole day more is an alarm.
LATE: Final = timedelta(hours=36)
_KEPT: Final = 10  # examples of a rule, and faults of a trail
_WIB: Final = ZoneInfo("Asia/Jakarta")
_MERCHANTS = text("SELECT merchant_id, slug, created_at FROM merchants ORDER BY slug")
_LAST = text("SELECT max(night) AS night, max(at) AS at FROM verdicts")
_LATEST = text(
    "SELECT DISTINCT ON (m.slug) m.slug, v.night, v.at, v.version, v.rules, v.broken, v.warnings, "
    "v.trail, v.clean, v.milliseconds FROM verdicts v "
    "JOIN merchants m ON m.merchant_id = v.merchant_id ORDER BY m.slug, v.night DESC"
)
_UNTOLD = text(
    "SELECT m.slug, v.merchant_id, v.id, v.night, v.broken, v.trail, (SELECT p.broken "
    "FROM verdicts p WHERE p.merchant_id = v.merchant_id AND p.night < v.night "
    "ORDER BY p.night DESC LIMIT 1) AS before FROM verdicts v "
    "JOIN merchants m ON m.merchant_id = v.merchant_id "
    "WHERE NOT v.clean AND v.told_at IS NULL AND v.at > :since ORDER BY v.night, m.slug"
)


def night_of(at: str, real_now: datetime) -> datetime | None:
    """The last planned time that is not in the future; ``at`` is HH:MM in WIB, or ``off``."""
    if at == OFF:
        return None
    hour, minute = map(int, at.split(":"))
    local = real_now.astimezone(_WIB)
    planned = local.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return (planned if planned <= local else planned - timedelta(days=1)).astimezone(UTC)


def watch(engine: Engine) -> int:
    """Examine a night that has no verdict, and tell what is to be told; how many verdicts.

    What can not be examined or told must not keep the other alarms from ringing.
    """
    try:
        return examine_night(engine)
    finally:
        try:
            tell(engine)
        finally:
            tell_late(engine)


def examine_night(engine: Engine) -> int:
    """Run all rules and walk along every trail, once a night; returns how many verdicts were kept.

    Two schedulers that look at the same moment both examine; one verdict a night is kept.
    """
    night = night_of(engine.settings.doctor_at, engine.real_now())
    with engine.db.reader() as session:
        merchants = session.execute(_MERCHANTS).all()
        last = session.execute(_LAST).one().night
    if night is None or not merchants or (last is not None and last >= night):
        return 0
    began = time.perf_counter()
    report = examine(engine.db, engine.real_now())
    trails = {one.slug: one for one in verify_all(engine.db, SealKeys.of(engine.vault))}
    taken = round((time.perf_counter() - began) * 1000)
    kept = 0
    for row in merchants:
        said = _said(report, trails.pop(row.slug, None), row.slug)
        kept += _keep(engine, row.merchant_id, row.slug, night, {**said, "milliseconds": taken})
    for slug, trail in trails.items():
        if trail.count:  # of a merchant that is no more, or came while we looked
            LOG.error("the audit is broken", extra={"merchant": slug, "faults": trail.count})
    LOG.info("examined", extra={"rules": len(report.results), "milliseconds": taken})
    return kept


def _said(report: Report, trail: Verdict | None, slug: str) -> dict[str, Any]:
    faults = trail.faults[:_KEPT] if trail else []
    return {
        "version": importlib.metadata.version("tagihan"),
        "rules": len(report.results),
        "broken": [_rule(one, slug) for one in report.broken if _concerns(one, slug)],
        "warnings": [_rule(one, slug) for one in report.warnings if _concerns(one, slug)],
        "trail": [{"kind": one.kind, "what": one.what} for one in faults],
    }


def _concerns(result: Result, slug: str) -> bool:
    # What belongs to no merchant, such as a wall that is down, is everybody's.
    return bool(result.whose.get(slug) or result.whose.get("-"))


def _rule(result: Result, slug: str) -> dict[str, Any]:
    mine = [one for one in result.examples if one.merchant in (slug, "-")]
    return {
        "rule": result.name,
        "meaning": result.meaning,
        "count": result.whose.get(slug, 0) + result.whose.get("-", 0),
        "examples": [{"what": one.what, "why": one.why} for one in mine[:_KEPT]],
    }


def _keep(
    engine: Engine, merchant_id: UUID, slug: str, night: datetime, said: Mapping[str, Any]
) -> int:
    clean = not said["broken"] and not said["trail"]
    with engine.work(merchant_id, system("doctor")) as unit:
        row = {
            "merchant_id": merchant_id, "id": unit.derive("verdict", night.isoformat()),
            "night": night, "at": unit.real_now, "clean": clean, **said,
        }  # fmt: skip
        kept = insert_rows(unit.session, verdicts, [row], skip_existing=True)
        if kept and not clean:
            detail = {
                "rules": [one["rule"] for one in said["broken"]],
                "audit": [one["kind"] for one in said["trail"]],
                "night": night.isoformat(),
            }
            open_review(unit, "doctor_broken", "merchant", merchant_id, detail)
    if kept and not clean:
        rules = ", ".join(one["rule"] for one in said["broken"])
        LOG.error(
            "the nightly examination found something",
            extra={"merchant": slug, "rules": rules, "audit_faults": len(said["trail"])},
        )
    return kept


# --- the alarm ----------------------------------------------------------------------------------


def tell(engine: Engine) -> int:
    """Send the operator what is untold of the last days; returns how many mails went out.

    One mail a night, as long as it lasts: what is new is told apart from what was there before.
    """
    to = engine.settings.alarm_email
    if to is None:
        return 0
    with engine.db.reader() as session:
        since = engine.real_now() - timedelta(days=3)
        rows = session.execute(_UNTOLD, {"since": since}).all()
    sent = 0
    for night in sorted({row.night for row in rows}):
        its = [row for row in rows if row.night == night]
        subject = f"Tagihan: {len(its)} usaha dengan temuan / businesses with findings"
        lines = [line for row in its for line in _lines(row)]
        if not _send(engine, to, subject, lines, f"verdict {night.isoformat()}"):
            break
        sent += 1
        for row in its:
            with engine.work(row.merchant_id, system("doctor")) as unit:
                mine = verdicts.c.merchant_id == row.merchant_id, verdicts.c.id == row.id
                unit.session.execute(update(verdicts).where(*mine).values(told_at=unit.real_now))
    return sent


def _lines(row: Any) -> Iterator[str]:
    known = {one["rule"] for one in row.before or ()}
    yield f"{row.slug} ({row.night.astimezone(_WIB):%Y-%m-%d %H:%M} WIB)"
    for one in row.broken:
        new = "masih / still" if one["rule"] in known else "baru / new"
        yield f"  {one['rule']} ({one['count']}, {new}): {one['meaning']}"
        yield from (f"    - {example['what']}: {example['why']}" for example in one["examples"])
    yield from (f"  audit: {one['kind']}: {one['what']}" for one in row.trail)
    yield ""


_late_told: dict[str, str] = {}


def tell_late(engine: Engine) -> bool:
    """Raise the alarm, once a day, where no verdict has come for 36 hours."""
    if engine.settings.doctor_at == OFF or not is_late(engine.db, engine.real_now()):
        return False
    today = engine.real_now().astimezone(_WIB).date().isoformat()
    if _late_told.get(engine.db.role_prefix) == today:
        return False
    _late_told[engine.db.role_prefix] = today
    LOG.error("no verdict of the doctor for 36 hours")
    if engine.settings.alarm_email is not None:
        lines = [
            "Sudah 36 jam tidak ada hasil pemeriksaan malam. Jalankan `tagihan doctor`.",
            "No nightly examination has ended for 36 hours. Run `tagihan doctor`.",
        ]
        subject = "Tagihan: tidak ada pemeriksaan malam / no nightly examination"
        _send(engine, engine.settings.alarm_email, subject, lines, f"late {today}")
    return True


def is_late(db: Sessions, real_now: datetime) -> bool:
    """Whether the last verdict, or the first merchant, is older than 36 hours."""
    with db.reader() as session:
        at = session.execute(_LAST).one().at
        first = min((row.created_at for row in session.execute(_MERCHANTS)), default=None)
    since: datetime | None = at or first
    return since is not None and real_now - since > LATE


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


# --- reading ------------------------------------------------------------------------------------


def last(db: Sessions) -> str:
    """The last verdict of each merchant, for people."""
    with db.reader() as session:
        rows = session.execute(_LATEST).all()
    if not rows:
        return "no night has been examined yet (TAGIHAN_DOCTOR_AT; is a scheduler running?)"
    lines = []
    for row in rows:
        when = f"{row.at.astimezone(_WIB):%Y-%m-%d %H:%M} WIB"
        told = "clean" if row.clean else f"{len(row.broken)} rules broken, audit {len(row.trail)}"
        seconds = row.milliseconds / 1000
        lines.append(
            f"{row.slug}: {told} ({when}, {row.rules} rules in {seconds:.1f} s, {row.version})"
        )
        for one in row.broken:
            lines.append(f"    {one['rule']} ({one['count']}): {one['meaning']}")
            lines += [f"        - {each['what']}: {each['why']}" for each in one["examples"]]
        lines += [f"    audit: {one['kind']}: {one['what']}" for one in row.trail]
        lines += [f"    to be looked at: {one['rule']} ({one['count']})" for one in row.warnings]
    return "\n".join(lines)
