"""Every night the rules and the audit: their verdict is kept, and told where it is not clean.

Driven by rows: what is due is the last planned time without a verdict, so any number of schedulers
may look, and a dark night is made up for. A mail that could not be sent is tried again.
"""

from __future__ import annotations

import importlib.metadata
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from billing.engine import Engine
from billing.flows.reviews import open_review
from core.actor import system
from core.bulk import insert_rows
from core.db import Sessions
from core.seals import SealKeys
from core.tables import verdicts
from ops.audit_walk import Verdict, merchants_of, verify_all
from ops.doctor import LANES, Report, Result, examine
from ops.nightly_alarm import KEPT, LAST, WIB, tell, tell_late

LOG = logging.getLogger("tagihan.doctor")

OFF: Final = "off"
# A night that failed is tried again, though not at every look.
AGAIN: Final = timedelta(minutes=30)
_LATEST = text(
    "SELECT DISTINCT ON (m.slug) m.slug, v.night, v.at, v.version, v.rules, v.broken, v.warnings, "
    "v.trail, v.clean, v.milliseconds FROM verdicts v "
    "JOIN merchants m ON m.merchant_id = v.merchant_id ORDER BY m.slug, v.night DESC"
)


def night_of(at: str, real_now: datetime) -> datetime | None:
    """The last planned time that is not in the future; ``at`` is HH:MM in WIB, or ``off``."""
    if at == OFF:
        return None
    hour, minute = map(int, at.split(":"))
    local = real_now.astimezone(WIB)
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
            if engine.settings.doctor_at != OFF:
                tell_late(engine)


def examine_night(engine: Engine) -> int:
    """Run all rules and walk along every trail, once a night; returns how many verdicts were kept.

    Due is each merchant by itself, so what a dead process or a fault left out is made up for. Two
    schedulers that look at the same moment both examine; one verdict a night is kept.
    """
    real_now = engine.real_now()
    night = night_of(engine.settings.doctor_at, real_now)
    due = _due(engine, night) if night is not None else {}
    if night is None or not due:
        return 0
    for merchant_id in due:
        _tried[engine.db.role_prefix, merchant_id] = real_now
    began = time.perf_counter()
    report = examine(engine.db, real_now, lanes=LANES)
    taken = round((time.perf_counter() - began) * 1000)
    kept = 0
    for merchant_id, slug in due.items():
        try:
            kept += _examine_one(engine, report, merchant_id, slug, night, taken)
        except Exception:
            # The others have their night; this one is due again, and an alarm when it stays away.
            LOG.exception("a merchant could not be examined", extra={"merchant": slug})
    _strangers(engine)
    LOG.info("examined", extra={"rules": len(report.results), "milliseconds": taken})
    return kept


# When this process last tried a merchant's night.
_tried: dict[tuple[str, UUID], datetime] = {}


def _due(engine: Engine, night: datetime) -> dict[UUID, str]:
    """Merchants without a verdict of the night, but for those this process has just tried.

    Who came after it waits for the next, unless nobody has had any.
    """
    with engine.db.reader() as session:
        rows = session.execute(LAST).all()
    real_now, first = engine.real_now(), all(row.night is None for row in rows)
    listed = {}
    for row in rows:
        tried = _tried.get((engine.db.role_prefix, row.merchant_id))
        rests = tried is not None and night <= tried <= real_now < tried + AGAIN
        new = night < row.created_at <= real_now  # one with a test clock may say any day
        missing = row.night is None and (first or not new)
        if not rests and (missing or (row.night is not None and row.night < night)):
            listed[row.merchant_id] = row.slug
    return listed


def _examine_one(  # noqa: PLR0917 - a merchant of a night
    engine: Engine, report: Report, merchant_id: UUID, slug: str, night: datetime, taken: int
) -> int:
    began = time.perf_counter()
    keys = SealKeys.of(engine.vault)
    trail = next(iter(verify_all(engine.db, keys, slug)), None)
    milliseconds = taken + round((time.perf_counter() - began) * 1000)
    said = {**_said(report, trail, slug), "milliseconds": milliseconds}
    return _keep(engine, merchant_id, slug, night, said)


def _strangers(engine: Engine) -> None:
    """Walk along the trails of merchants that are no more: they have no page to tell it on."""
    with engine.db.reader() as session:
        known = {row.slug for row in session.execute(LAST)}
        gone = [slug for _, slug in merchants_of(session, None) if slug not in known]
    for slug in gone:
        for trail in verify_all(engine.db, SealKeys.of(engine.vault), slug):
            if trail.count:
                extra = {"merchant": slug, "faults": trail.count}
                LOG.error("the audit is broken", extra=extra)


def _said(report: Report, trail: Verdict | None, slug: str) -> dict[str, Any]:
    faults = trail.faults[:KEPT] if trail else []
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
        "examples": [{"what": one.what, "why": one.why} for one in mine[:KEPT]],
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


# --- reading ------------------------------------------------------------------------------------


def last(db: Sessions) -> str:
    """The last verdict of each merchant, for people."""
    with db.reader() as session:
        rows = session.execute(_LATEST).all()
    if not rows:
        return "no night has been examined yet (TAGIHAN_DOCTOR_AT; is a scheduler running?)"
    lines = []
    for row in rows:
        when = f"{row.at.astimezone(WIB):%Y-%m-%d %H:%M} WIB"
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
