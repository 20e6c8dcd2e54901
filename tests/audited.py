"""Lines in the audit, their verdict, and what a superuser does to them by hand."""

from __future__ import annotations

from builders import OPERATOR
from database import Database
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.engine import Engine
from core.db import make_engine
from core.merchant import Merchant
from core.seals import SealKeys
from ops.audit_walk import Verdict, WantedHead, verify, verify_all

# The row at place {n} of merchant {m}.
PLACE = "(SELECT id FROM audit_seals WHERE merchant_id = '{m}' AND place = {n})"


def note(engine: Engine, merchant: Merchant, count: int = 1, **after: object) -> None:
    """Some lines in the audit, each in a transaction of its own."""
    for number in range(count):
        with engine.work(merchant.merchant_id, OPERATOR) as unit:
            unit.audit("test.note", "merchant", merchant.merchant_id, after={"n": number, **after})


def keys_of(engine: Engine) -> SealKeys:
    return SealKeys.of(engine.vault)


def verdict_of(
    engine: Engine, merchant: Merchant, heads: list[WantedHead] | None = None
) -> Verdict:
    [found] = verify_all(engine.db, keys_of(engine), merchant.slug, heads or [])
    return found


def tampered(
    engine: Engine, database: Database, merchant: Merchant, sqls: list[str], heads: list[WantedHead]
) -> Verdict:
    """What a walk says after statements that are undone again."""
    admin = make_engine(database.admin_url, pool_size=1)
    try:
        with admin.connect() as connection, Session(connection) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for sql in sqls:
                session.connection().exec_driver_sql(
                    sql.format(m=merchant.merchant_id, n=5).replace("%", "%%")
                )
            found = verify(
                session, keys_of(engine), merchant.merchant_id, merchant.slug, heads=heads
            )
            session.rollback()
    finally:
        admin.dispose()
    return found
