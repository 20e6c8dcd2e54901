"""Counters of tries in the database: atomic, and the same for every process of an installation."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Boolean, Integer, Text, Uuid

from core.db import UtcDateTime, merchant_of
from core.errors import TooMany
from core.limits import WAIT_SECONDS_MAX, Limit
from core.tables import rate_counters as c


@dataclass(frozen=True, slots=True)
class Try:
    """One thing tried by somebody: which limit it falls under and who is counted."""

    kind: str
    limit: Limit
    id: UUID


# A counter that still waits is not touched (and not returned): the try is refused. Rows are taken
# in the order of their ids, and held until the caller's transaction ends.
_TAKE: Final = text(
    """
    INSERT INTO rate_counters AS c (merchant_id, id, kind, hits, wait_until, expires_at)
    SELECT :merchant, v.id, v.kind, 1,
        CASE WHEN v.most = 1 AND NOT v.grows THEN :now + make_interval(secs => v.seconds)
            ELSE CAST(:now AS timestamptz) END,
        :now + make_interval(secs => v.seconds)
    FROM unnest(:ids, :kinds, :mosts, :grow, :windows) AS v (id, kind, most, grows, seconds)
    ORDER BY v.id
    ON CONFLICT (merchant_id, id) DO UPDATE SET
        hits = CASE WHEN c.expires_at <= :now THEN 1 ELSE c.hits + 1 END,
        expires_at = CASE WHEN c.expires_at <= :now OR (SELECT a.grows FROM unnest(:ids, :grow)
            AS a (id, grows) WHERE a.id = c.id) THEN excluded.expires_at ELSE c.expires_at END,
        wait_until = CASE WHEN c.expires_at <= :now THEN excluded.wait_until ELSE (
            SELECT CASE
                WHEN a.grows AND c.hits + 1 > a.most THEN :now + make_interval(
                    secs => least(:longest, 2 ^ least(c.hits + 1 - a.most, 20)))
                WHEN NOT a.grows AND c.hits + 1 >= a.most THEN c.expires_at
                ELSE CAST(:now AS timestamptz) END
            FROM unnest(:ids, :grow, :mosts) AS a (id, grows, most) WHERE a.id = c.id) END
    WHERE c.wait_until <= :now OR c.expires_at <= :now
    RETURNING id
    """
).bindparams(
    bindparam("merchant", type_=Uuid()),
    bindparam("now", type_=UtcDateTime()),
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("kinds", type_=ARRAY(Text())),
    bindparam("mosts", type_=ARRAY(Integer())),
    bindparam("grow", type_=ARRAY(Boolean())),
    bindparam("windows", type_=ARRAY(Integer())),
)


def try_of(key: bytes, kind: str, limit: Limit, subject: str) -> Try:
    """Name a try; ``key`` makes ids out of subjects that nobody can guess back."""
    digest = hmac.new(key, f"{kind}:{subject}".encode(), hashlib.sha256).digest()
    return Try(kind, limit, UUID(bytes=digest[:16]))


def take(session: Session, tries: Sequence[Try], now: datetime) -> None:
    """Count each try, or refuse all of them and count none once the caller rolls back.

    Two that come at once are counted one after the other, so no burst slips through.

    Raises:
        TooMany: ``too_many_tries``, with the seconds to wait.
    """
    asked = sorted((one for one in tries if one.limit.most > 0), key=lambda one: one.id)
    if not asked:
        return
    counted = session.execute(
        _TAKE,
        {
            "merchant": merchant_of(session),
            "now": now,
            "longest": WAIT_SECONDS_MAX,
            "ids": [one.id for one in asked],
            "kinds": [one.kind for one in asked],
            "mosts": [one.limit.most for one in asked],
            "grow": [one.limit.grows for one in asked],
            "windows": [int(one.limit.window.total_seconds()) for one in asked],
        },
    ).all()
    if len(counted) < len(asked):
        raise TooMany(
            "too_many_tries", "too many tries: wait", retry_after=_wait(session, asked, now)
        )


def forget(session: Session, one: Try) -> None:
    """Begin anew: the one counted has shown who they are."""
    session.execute(delete(c).where(c.c.merchant_id == merchant_of(session), c.c.id == one.id))


def give_back(session: Session, one: Try, now: datetime) -> None:
    """Take the last try off again: it was a good one."""
    mine = (c.c.merchant_id == merchant_of(session), c.c.id == one.id)
    session.execute(delete(c).where(*mine, c.c.hits == 1))
    session.execute(update(c).where(*mine).values(hits=c.c.hits - 1, wait_until=now))


def _wait(session: Session, asked: Sequence[Try], now: datetime) -> int:
    until = session.execute(
        select(c.c.wait_until).where(
            c.c.merchant_id == merchant_of(session), c.c.id.in_([one.id for one in asked])
        )
    ).scalars()
    left = max((instant - now for instant in until), default=timedelta())
    return max(1, -(-left // timedelta(seconds=1)))
