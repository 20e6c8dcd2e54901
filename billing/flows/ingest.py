"""Notifications: stored as they come, then taken as a hint to ask the gateway itself."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, case, select, update
from sqlalchemy.dialects.postgresql import insert

from billing.engine import Engine
from billing.flows.reviews import open_review
from billing.flows.settle import settle
from core import ids
from core.actor import system
from core.work import Work
from payments.adapters.midtrans.answers import clean
from payments.gateway import Gateway
from payments.notifications import classify, dedupe_key
from payments.tables import notifications, payment_orders

LOG = logging.getLogger("tagihan.ingest")

BATCH = 32
PARALLEL = 8
TRIES_MAX = 12


def take_in(engine: Engine, unit: Work, body: dict[str, Any], *, source: str) -> str:
    """Store one notification and ring; the caller answers Midtrans once this has committed.

    Returns:
        ``new``, ``copy`` for one we hold already, ``refused`` for a signature that is not genuine.
        A forged one is kept too, marked, and has no effect.
    """
    genuine = engine.gateways.of(unit.merchant).verify_notification(body)
    kind = str(classify(body))
    order_id = body.get("order_id")
    # The signature is part of the key, so a forged copy never takes the place of the real one.
    mark = dedupe_key(body)
    statement = (
        insert(notifications)
        .values(
            merchant_id=unit.merchant_id,
            id=ids.derive(unit.merchant.namespace, "notification", mark.hex()),
            dedupe_key=mark,
            kind=kind,
            order_id=str(order_id)[:64] if order_id is not None else None,
            received_at=unit.now,
            source=source,
            signature_ok=genuine,
            body=clean(body),
            state="new" if genuine else "refused",
            next_at=unit.real_now if genuine else None,
            closed_at=None if genuine else unit.now,
            outcome=None if genuine else "signature",
        )
        .on_conflict_do_update(
            index_elements=["merchant_id", "dedupe_key"],
            # A copy asks again: a replayed body with another status must not hide the real one.
            set_={
                "copies": notifications.c.copies + 1,
                "state": case((notifications.c.signature_ok, "new"), else_="refused"),
                "next_at": case((notifications.c.signature_ok, unit.real_now), else_=None),
            },
        )
        .returning(notifications.c.copies)
    )
    copies = unit.session.execute(statement).scalar_one()
    if not genuine:
        return "refused"
    unit.ring("notification.ingest")
    return "new" if copies == 1 else "copy"


def ingest_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Work off stored notifications: ask for each order's status and settle what it says."""
    c = notifications.c
    with engine.work(merchant_id, system("ingest")) as unit:
        rows = unit.session.execute(
            select(notifications)
            .where(c.merchant_id == merchant_id, c.state == "new", c.next_at <= unit.real_now)
            .order_by(c.next_at, c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in rows:
            wait = engine.settings.lease_seconds + min(3600, 2 ** min(row.tries, 12))
            unit.session.execute(
                update(notifications)
                .where(c.merchant_id == merchant_id, c.id == row.id)
                .values(next_at=unit.real_now + timedelta(seconds=wait), tries=c.tries + 1)
            )
        gateway = engine.gateways.of(unit.merchant)
    if rows:
        with ThreadPoolExecutor(min(PARALLEL, len(rows))) as pool:
            list(pool.map(lambda row: _work_off(engine, merchant_id, gateway, row), rows))
    return len(rows)


def _work_off(engine: Engine, merchant_id: UUID, gateway: Gateway, row: Row[Any]) -> None:
    try:
        outcome = _ingest_one(engine, merchant_id, gateway, row)
        if outcome is not None:
            _close(engine, merchant_id, row, outcome)
    except Exception:
        # It stays new and is looked at again; those that came with it are not held up.
        LOG.exception("a notification was not worked off", extra={"notification": str(row.id)})


def _ingest_one(engine: Engine, merchant_id: UUID, gateway: Gateway, row: Row[Any]) -> str | None:
    """Returns what became of it, or None to try again later."""
    if row.kind != "payment" or row.order_id is None:
        return f"kind {row.kind} is not ours to act on"
    if not _is_ours(engine, merchant_id, row):
        return "unknown_order"
    answer = gateway.status(row.order_id)
    if answer.status in ("unknown", "not_found") and row.tries < TRIES_MAX:
        return None
    return settle(engine, merchant_id, row.order_id, answer, because="notification")


def _is_ours(engine: Engine, merchant_id: UUID, row: Row[Any]) -> bool:
    with engine.work(merchant_id, system("ingest")) as unit:
        known = unit.session.execute(
            select(payment_orders.c.id).where(
                payment_orders.c.merchant_id == merchant_id,
                payment_orders.c.order_id == row.order_id,
            )
        ).one_or_none()
        if known is None:
            # Money may have moved under an order we do not know: after a restore, or by hand.
            open_review(
                unit,
                "unknown_order",
                "notification",
                row.id,
                {"order_id": row.order_id, "amount": row.body.get("gross_amount")},
            )
        return known is not None


def _close(engine: Engine, merchant_id: UUID, row: Row[Any], outcome: str) -> None:
    with engine.work(merchant_id, system("ingest")) as unit:
        unit.session.execute(
            update(notifications)
            .where(notifications.c.merchant_id == merchant_id, notifications.c.id == row.id)
            .values(state="done", outcome=outcome, next_at=None, closed_at=unit.now)
        )
