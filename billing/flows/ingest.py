"""Notifications: stored as they come, then taken as a hint to ask the gateway itself."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from billing.engine import Engine
from billing.flows.accounts import on_news
from billing.flows.asking import settle_asked
from billing.flows.hosted import ask_tries, settle_tries
from billing.flows.limits import count
from billing.flows.pace import take, watched
from billing.flows.reviews import open_review
from core import ids
from core.actor import system
from core.db import UtcDateTime
from core.errors import EngineError
from core.work import Work
from payments.adapters.midtrans.answers import clean
from payments.breaker import Operation
from payments.budget import Lane
from payments.channels import CHANNELS, wire_id
from payments.gateway import Answer, Gateway
from payments.hosted import that_counts
from payments.notifications import (
    BODY_BYTES_KEPT,
    NotificationKind,
    asked_about,
    claims_signature,
    classify,
    dedupe_key,
    kept,
    kept_headers,
)
from payments.tables import notifications, payment_orders

LOG = logging.getLogger("tagihan.ingest")

BATCH = 32
PARALLEL = 8
TRIES_MAX = 12
# So often the gateway may not know what a notification without a proof speaks of.
TRIES_UNPROVEN = 3
FORGED = "the gateway knows nothing of it"
# Midtrans tells a thing up to six times.
COPIES_FREE = 10
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,49}")


def take_in(
    engine: Engine,
    unit: Work,
    body: dict[str, Any],
    *,
    source: str,
    raw: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> str:
    """Store one notification and ring; the caller answers Midtrans once this has committed.

    A signature that is not genuine is found out before anything is written: anybody may send one,
    and as many as they like. News of linked accounts and of Midtrans' own schedules has no proof:
    so much of it is taken in as an address may send, and only what the gateway says is believed.

    Args:
        raw: the bytes as they came.

    Returns:
        ``new``, ``copy`` for one we hold already, ``refused`` for a signature that is not genuine.

    Raises:
        TooMany: ``too_many_tries`` about one order or without a proof, which no gateway sends.
    """
    genuine = engine.gateways.of(unit.merchant).verify_notification(body)
    if not genuine and (claims_signature(body) or _is_anothers(unit, body)):
        LOG.warning(
            "a notification is not genuine, or our signature key is wrong",
            extra={"merchant": unit.merchant.slug, "source": source},
        )
        return "refused"
    order_id = str(body["order_id"])[:64] if body.get("order_id") is not None else None
    if genuine:
        count(engine, unit, {"notification_order": order_id or "-"})
    else:
        count(engine, unit, {"notification_address": source, "notification_unproven": "-"})
    mark = dedupe_key(body)
    c = notifications.c
    statement = (
        insert(notifications)
        .values(
            merchant_id=unit.merchant_id,
            id=ids.derive(unit.merchant.namespace, "notification", mark.hex()),
            dedupe_key=mark,
            kind=str(classify(body)),
            order_id=order_id,
            received_at=unit.now,
            source=source,
            signature_ok=genuine,
            body=clean(kept(body)),
            headers=kept_headers(headers or {}),
            raw_sealed=_sealed(engine, unit, mark, raw, body),
            state="new",
            next_at=unit.real_now,
        )
        .on_conflict_do_update(
            index_elements=["merchant_id", "dedupe_key"],
            # A copy asks again: a replayed body with another status must not hide the real one.
            set_={"copies": c.copies + 1, "state": "new", "next_at": _asked_again(unit)},
        )
        .returning(c.copies)
    )
    copies = unit.session.execute(statement).scalar_one()
    unit.ring("notification.ingest")
    return "new" if copies == 1 else "copy"


def _is_anothers(unit: Work, body: dict[str, Any]) -> bool:
    """Whether a body names another merchant of the gateway than ours."""
    ours, told = unit.merchant.gateway_merchant_id, body.get("merchant_id")
    return ours is not None and told is not None and told != ours


def _sealed(
    engine: Engine, unit: Work, mark: bytes, raw: bytes, body: dict[str, Any]
) -> bytes | None:
    """The bytes as they came; of one that is cut, which linked account it speaks of."""
    if not raw or len(raw) > BODY_BYTES_KEPT:
        account = asked_about(body)
        if classify(body) is not NotificationKind.PAY_ACCOUNT or account is None:
            return None
        raw = json.dumps({"account_id": account, "account_status": ""}).encode()
    return engine.vault.seal(raw, f"{unit.merchant_id}:{mark.hex()}:notification")


def _asked_again(unit: Work) -> ColumnElement[Any]:
    """When a copy has the gateway asked: at once, but who sends copies without end waits longer
    and longer, and never puts off what is due already.
    """
    c = notifications.c
    now = literal(unit.real_now, UtcDateTime())
    seconds = func.least(3600, func.power(2, func.least(c.copies - COPIES_FREE, 12)))
    late = now + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    return case(
        (c.copies < COPIES_FREE, now), (c.state == "new", func.least(c.next_at, late)), else_=late
    )


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
        leave = take(
            engine, unit, Operation.STATUS, Lane.QUESTION, [1] * len(rows),
            bell="notification.ingest", more=len(rows) == limit,
        )  # fmt: skip
        rows = rows[: leave.count]
        for row in rows:
            wait = engine.settings.lease_seconds + min(3600, 2 ** min(row.tries, 12))
            unit.session.execute(
                update(notifications)
                .where(c.merchant_id == merchant_id, c.id == row.id)
                .values(next_at=unit.real_now + timedelta(seconds=wait), tries=c.tries + 1)
            )
        gateway = engine.gateways.of(unit.merchant)
    if rows:
        with (
            watched(engine, merchant_id, gateway, leave) as asked,
            ThreadPoolExecutor(min(PARALLEL, len(rows))) as pool,
        ):
            list(pool.map(lambda row: _work_off(engine, merchant_id, asked, row), rows))
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
    if not row.signature_ok:
        return _without_proof(engine, merchant_id, gateway, row)
    if row.order_id is None:
        return f"kind {row.kind} is not ours to act on"
    named = _name_of(engine, merchant_id, row)
    if named is None:
        return "unknown_order"
    wire, asked_in, told = named
    answers = ask_tries(gateway, wire, *(told or ()))
    answer = that_counts(answers)
    if answer.status in ("unknown", "not_found") and row.tries < TRIES_MAX:
        return None
    if told is not None:
        return settle_tries(engine, merchant_id, gateway, row.order_id, answers, asked_in=asked_in)
    return settle_asked(
        engine, merchant_id, gateway, row.order_id, answer,
        asked_in=asked_in, because="notification", wire=wire,
    )  # fmt: skip


def _without_proof(
    engine: Engine, merchant_id: UUID, gateway: Gateway, row: Row[Any]
) -> str | None:
    """Believe only what the gateway says of the account or transaction that is spoken of."""
    at = _spoken_of(engine, merchant_id, row)
    if at is None:
        return f"kind {row.kind}, nothing proves it: kept for a person"
    if row.kind == NotificationKind.PAY_ACCOUNT:
        account = gateway.account(at)
        if account.status == "ended" and account.code == "404":
            return FORGED
        if account.status in ("unknown", "not_sent", "refused"):
            return None if row.tries < TRIES_MAX else "the gateway does not answer"
        on_news(engine, merchant_id, at, account)
        return f"the account is {account.status}"
    answer = gateway.status(at)
    if answer.status == "not_found" and row.tries >= TRIES_UNPROVEN:
        return FORGED
    if answer.status in ("unknown", "not_found"):
        return None if row.tries < TRIES_MAX else "the gateway does not answer"
    return _of_a_schedule(engine, merchant_id, gateway, row, answer)


def _spoken_of(engine: Engine, merchant_id: UUID, row: Row[Any]) -> str | None:
    """The gateway's id of what a notification is about; that of an account is kept sealed."""
    found = asked_about(row.body)
    if found is not None or row.raw_sealed is None or row.kind != NotificationKind.PAY_ACCOUNT:
        return found
    try:
        context = f"{merchant_id}:{row.dedupe_key.hex()}:notification"
        return asked_about(json.loads(engine.vault.open(row.raw_sealed, context)))
    except (EngineError, ValueError):
        return None


def _of_a_schedule(
    engine: Engine, merchant_id: UUID, gateway: Gateway, row: Row[Any], answer: Answer
) -> str | None:
    """A charge by a schedule that Midtrans runs; ours are run here, so a person looks.

    Which order it is about only the answer says: one of ours is asked about again, now that it is
    known in which state it is asked.
    """
    c = payment_orders.c
    with engine.work(merchant_id, system("ingest")) as unit:
        ours = unit.session.execute(
            select(c.state).where(c.merchant_id == merchant_id, c.order_id == answer.order_id)
        ).scalar_one_or_none()
        if ours is None:
            detail = {"order_id": answer.order_id, "amount": answer.amount}
            open_review(unit, "unknown_order", "notification", row.id, detail)
            return "unknown_order"
    at = str(asked_about(row.body))
    now = gateway.status(at)
    if now.status in ("unknown", "not_found"):
        return None if row.tries < TRIES_MAX else "the gateway does not answer"
    return settle_asked(
        engine, merchant_id, gateway, str(answer.order_id), now,
        asked_in=ours, because="notification", wire=at,
    )  # fmt: skip


def _name_of(
    engine: Engine, merchant_id: UUID, row: Row[Any]
) -> tuple[str, str, tuple[str | None, ...] | None] | None:
    """By which id the gateway is asked what a notification tells of, the state of the order, and
    for one with a page the ids of its tries; None for an order not ours.

    Where only the gateway's own id helps and the answer that brought it was lost, the
    notification's is taken: an id that belongs to another order is found out by its answer.
    """
    with engine.work(merchant_id, system("ingest")) as unit:
        known = unit.session.execute(
            select(
                payment_orders.c.channel, payment_orders.c.transaction_id, payment_orders.c.state
            ).where(
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
            return None
    said = str(row.body.get("transaction_id") or "")
    told = said if _ID.fullmatch(said) else None
    if CHANNELS[known.channel].is_hosted:
        return row.order_id, known.state, (told, known.transaction_id)
    return wire_id(known.channel, row.order_id, known.transaction_id or told), known.state, None


def _close(engine: Engine, merchant_id: UUID, row: Row[Any], outcome: str) -> None:
    with engine.work(merchant_id, system("ingest")) as unit:
        unit.session.execute(
            update(notifications)
            .where(notifications.c.merchant_id == merchant_id, notifications.c.id == row.id)
            .values(
                state="refused" if outcome == FORGED else "done",
                outcome=outcome,
                next_at=None,
                closed_at=unit.now,
            )
        )
