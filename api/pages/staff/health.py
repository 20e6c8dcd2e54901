"""The last night's examination in one line, under the list of customers."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core.tables import verdicts
from core.work import Work

_WIB: Final = ZoneInfo("Asia/Jakarta")
_WORDS: Final = {
    "id": ("Pemeriksaan malam {when}: {rules} aturan dan jejak audit, bersih.",
           "Pemeriksaan malam {when}: {found} temuan; lihat di atas apa yang perlu dilakukan."),
    "en": ("Nightly examination {when}: {rules} rules and the audit trail, clean.",
           "Nightly examination {when}: {found} findings; see above what to do."),
}  # fmt: skip


def examined(unit: Work, language: str) -> str | None:
    """What the last night found of this merchant; None before the first."""
    row = unit.session.execute(
        select(verdicts)
        .where(verdicts.c.merchant_id == unit.merchant_id)
        .order_by(verdicts.c.night.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    clean, broken = _WORDS[language]
    return (clean if row.clean else broken).format(
        when=f"{row.at.astimezone(_WIB):%Y-%m-%d %H:%M} WIB",
        rules=row.rules,
        found=len(row.broken) + len(row.trail),
    )
