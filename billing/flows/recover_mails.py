"""Mails held back after a restore: sent, or left alone where they were sent before it.

A mail keeps its Message-ID over any restore, so the log of the mail server tells which were sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from billing.engine import Engine
from billing.flows.letters import message_id_of
from billing.flows.reviews import close_if_open
from core.actor import Actor
from core.tables import messages
from core.work import Work

BATCH = 500
SENT_BEFORE = "sent before the restore"
_ID = re.compile(r"[0-9a-f]{40}@[A-Za-z0-9.-]*[A-Za-z0-9]")


def held(unit: Work) -> int:
    """How many mails wait for a decision."""
    return unit.session.execute(select(func.count()).where(*_held(unit))).scalar_one()


def named_in(log: str) -> frozenset[str]:
    """Every Message-ID of ours in a mail server's log, in whatever form it writes its lines."""
    return frozenset(f"<{found}>" for found in _ID.findall(log))


def release(
    engine: Engine, merchant_id: UUID, was_sent: Callable[[str], bool], actor: Actor
) -> tuple[int, int]:
    """Decide on all mails that are held, by their Message-ID: (to be sent now, left alone)."""
    sent = left = 0
    while True:
        with engine.work(merchant_id, actor) as unit:
            rows = unit.session.execute(
                select(messages.c.id)
                .where(*_held(unit))
                .order_by(messages.c.business_at, messages.c.id)
                .limit(BATCH)
                .with_for_update()
            ).all()
            if not rows:
                close_if_open(unit, "mails_held", merchant_id, f"{sent} sent, {left} left alone")
                return sent, left
            before = {row.id for row in rows if was_sent(message_id_of(engine, unit, row.id))}
            after = [row.id for row in rows if row.id not in before]
            _move(unit, sorted(before), state="dropped", failure=SENT_BEFORE)
            _move(unit, after, state="queued", next_at=unit.real_now)
            unit.ring("message.send")
            unit.audit(
                "mails.release", "merchant", merchant_id,
                before={"held": len(rows)},
                after={"sent": len(after), "left_alone": len(before)},
            )  # fmt: skip
            sent, left = sent + len(after), left + len(before)


def _held(unit: Work) -> tuple[Any, ...]:
    return messages.c.merchant_id == unit.merchant_id, messages.c.state == "held"


def _move(unit: Work, which: list[Any], **values: Any) -> None:
    unit.session.execute(
        update(messages)
        .where(messages.c.merchant_id == unit.merchant_id, messages.c.id.in_(which))
        .values(**values)
    )
