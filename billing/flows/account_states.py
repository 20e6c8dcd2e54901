"""The only writer of a linked wallet's state: what the gateway said of its account becomes ours."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, update

from billing.flows.cards import use_method
from billing.mandates.service import end_mandate
from billing.queries import has_mandate
from core import ids
from core.work import Work
from payments.accounts import LINK_LIFE, Move, after, asked, believed
from payments.declines import decline
from payments.gateway import AccountAnswer, AccountStatus
from payments.tables import payment_methods


def link_told(
    unit: Work, row: Row[Any], *, token_sealed: bytes, token_hash: bytes, link_sealed: bytes
) -> None:
    """The gateway gave an account to agree to. Customer and method are locked."""
    first = after("pending", "pending", 1).again
    _write(
        unit,
        row,
        token_sealed=token_sealed,
        token_hash=token_hash,
        link_sealed=link_sealed,
        link_expires_at=unit.now + LINK_LIFE,
        next_at=None if first is None else unit.real_now + first,
        polls=0,
    )


def link_refused(unit: Work, row: Row[Any], answer: AccountAnswer) -> None:
    """The wallet can not be linked: unknown, blocked, or its phone is none."""
    verdict = decline(answer.code, "gopay")
    _end(unit, row, verdict.reason if verdict.known else "refused")


def hear(unit: Work, row: Row[Any], status: AccountStatus, code: str | None = None) -> None:
    """Take what the gateway said of the account of a method. Customer and method are locked."""
    if row.state == "active":
        _write(unit, row, polls=asked(status, code, row.polls))
    status = believed(status, code, row.polls)
    step = after(row.state, status, row.polls)
    again = None if step.again is None else unit.real_now + step.again
    match step.move:
        case Move.WAIT if row.next_at is not None:
            _write(unit, row, next_at=again)
        case Move.ACTIVATE:
            _write(
                unit, row, state="active", link_sealed=None, link_expires_at=None, next_at=again,
                polls=0,
            )  # fmt: skip
            unit.event(
                "method.saved",
                "payment_method",
                row.id,
                {
                    "method": ids.public("payment_method", row.id),
                    "masked": row.masked,
                    "kind": row.kind,
                },
                customer_id=row.customer_id,
            )
            if has_mandate(unit, row.id):
                use_method(unit, row.customer_id, row.id)
        case Move.END:
            _end(unit, row, step.because, next_at=again)
        case Move.END_FOR_GOOD:
            _end(unit, row, step.because)
        case Move.FORGET if row.token_sealed is not None:
            _write(unit, row, token_sealed=None, next_at=None)
            unit.audit(
                "method.forget", "payment_method", row.id, before={"account": "kept"},
                after={"account": "gone at the gateway"},
            )  # fmt: skip
        case _:
            pass


def _end(unit: Work, row: Row[Any], because: str, *, next_at: Any = None) -> None:
    """The wallet is never charged again; with ``next_at`` its account is kept to be ended."""
    kept = {} if next_at is not None else {"token_sealed": None}
    _write(
        unit, row, state="ended", ended_because=because, link_sealed=None, link_expires_at=None,
        next_at=next_at, polls=0, **kept,
    )  # fmt: skip
    end_mandate(unit, row.id, because=because)
    unit.event(
        "method.ended",
        "payment_method",
        row.id,
        {"method": ids.public("payment_method", row.id), "because": because, "kind": row.kind},
        customer_id=row.customer_id,
    )


def _write(unit: Work, row: Row[Any], **values: Any) -> None:
    unit.session.execute(
        update(payment_methods)
        .where(payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == row.id)
        .values(**values)
    )
