"""Linked wallets: asked for, waited for, ended. What is believed is what the gateway says of one.

A method is written before the gateway is asked, and asked with no transaction open. An account
whose answer was lost is known to nobody: its link was never shown, so nobody can agree to it and it
runs out at the gateway by itself; asking again makes another. The phone goes through and is not
kept, but for its end.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, or_, select, update

from billing.engine import Engine
from billing.flows.account_states import hear, link_refused, link_told
from billing.flows.pace import take, watched
from billing.flows.reviews import open_review
from billing.queries import get_customer, lock_customers
from core import ids
from core.actor import system
from core.bulk import insert_rows
from core.errors import Conflict, EngineError, NotFound, Unavailable
from core.work import Work
from payments.accounts import LATER, NEVER_ASKED
from payments.breaker import Operation
from payments.budget import Lane
from payments.gateway import AccountAnswer, Gateway
from payments.method_kinds import KINDS
from payments.queries import chargeable_kinds
from payments.service import next_rank
from payments.tables import payment_methods

LOG = logging.getLogger("tagihan.accounts")

BATCH = 16
BELL = "account.step"


class LinkAt(msgspec.Struct, frozen=True):
    """Where the holder of a wallet agrees: a page, and the wallet's app."""

    url: str = ""
    app_url: str = ""

    def __repr__(self) -> str:
        return "<LinkAt>"


@dataclass(frozen=True, slots=True)
class _Leased:
    """An account that is ours to ask about; without an id the gateway was never asked for one."""

    method_id: UUID
    state: str
    account_id: str | None = field(repr=False)


def new_wallet(
    unit: Work, customer_id: UUID, key: str, *, phone: str, external_id: str | None = None
) -> UUID:
    """A wallet that waits to be linked; ``key`` derives its id so that a replay finds it.

    Args:
        phone: digits with the country code; its end alone is kept, to tell wallets apart.

    Raises:
        NotFound: ``customer_not_found``.
        Conflict: ``no_linked_wallets``, where the merchant has not switched them on.
    """
    get_customer(unit, customer_id)
    if "gopay" not in chargeable_kinds(unit):
        raise Conflict(
            "no_linked_wallets",
            "The merchant has no charges of linked wallets switched on: "
            "POST /api/v1/payment-channels/gopay_linked.",
        )
    method_id = unit.derive("payment_method", key)
    written = insert_rows(
        unit.session,
        payment_methods,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": method_id,
                "external_id": external_id,
                "customer_id": customer_id,
                "kind": "gopay",
                "state": "pending",
                "rank": next_rank(unit, customer_id),
                "masked": f"•••• {phone[-4:]}",
                "next_at": unit.real_now + NEVER_ASKED,
                "created_at": unit.now,
            }
        ],
        skip_existing=True,
    )
    if written:
        told = {"customer": ids.public("customer", customer_id), "state": "pending"}
        unit.audit("method.create", "payment_method", method_id, after={**told, "kind": "gopay"})
    return method_id


def press_link(
    engine: Engine, merchant_id: UUID, method_id: UUID, *, phone: str, return_url: str
) -> None:
    """Ask the gateway for the link of a wallet that has none yet; nothing is open meanwhile.

    Safe to repeat: where an earlier answer was lost it asks anew, and the first answer that is
    written stands. A wallet that can not be linked has ended afterwards.

    Raises:
        Unavailable: ``gateway_unreachable`` or ``gateway_busy``; the wallet waits as before.
    """
    with engine.work(merchant_id, system("accounts")) as unit:
        row = _row(unit, method_id)
        if row.state != "pending" or row.token_sealed is not None:
            return
        gateway = engine.gateways.of(unit.merchant)
        leave = take(engine, unit, Operation.CHARGE, Lane.PERSON, [1], bell=BELL)
    if not leave.count:
        raise Unavailable("gateway_busy", "the gateway is called as fast as it allows: try again")
    with watched(engine, merchant_id, gateway, leave) as asked:
        answer = asked.link_account(phone=phone, return_url=return_url)
    if answer.status in ("unknown", "not_sent") or answer.code in LATER:
        LOG.warning("a wallet was not linked", extra={"status": answer.status, "code": answer.code})
        raise Unavailable("gateway_unreachable", "GoPay does not answer now: ask again")
    with engine.work(merchant_id, system("accounts")) as unit:
        _link_answered(engine, unit, method_id, answer)


def _link_answered(engine: Engine, unit: Work, method_id: UUID, answer: AccountAnswer) -> None:
    row = _locked(unit, method_id)
    if row.state != "pending" or row.token_sealed is not None:
        return  # another one was faster; this account is known to nobody and runs out
    if answer.account_id is None:
        link_refused(unit, row, answer)
        return
    at = LinkAt(answer.link_url or "", answer.app_url or "")
    account = answer.account_id.encode()
    link_told(
        unit,
        row,
        token_sealed=engine.vault.seal(account, _context(unit, method_id, "token")),
        token_hash=hashlib.sha256(account).digest(),
        link_sealed=engine.vault.seal(msgspec.json.encode(at), _context(unit, method_id, "link")),
    )
    if answer.status != "pending":
        hear(unit, _locked(unit, method_id), answer.status)


def link_of(engine: Engine, unit: Work, method_id: UUID) -> LinkAt | None:
    """Where the holder agrees; None once that is decided, or where the secret does not open."""
    sealed = _row(unit, method_id).link_sealed
    if sealed is None:
        return None
    try:
        opened = engine.vault.open(sealed, _context(unit, method_id, "link"))
        return msgspec.json.decode(opened, type=LinkAt)
    except (EngineError, msgspec.MsgspecError):
        return None


def step_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Ask about the accounts whose turn it is, and unlink those that ended; returns how many."""
    return _step(engine, merchant_id, limit, Lane.QUESTION, None)


def ask_now(engine: Engine, merchant_id: UUID, method_id: UUID) -> None:
    """Ask about one account for somebody who waits; does nothing for a method without one."""
    _step(engine, merchant_id, 1, Lane.PERSON, method_id)


def _step(engine: Engine, merchant_id: UUID, limit: int, lane: Lane, only: UUID | None) -> int:
    with engine.work(merchant_id, system("accounts")) as unit:
        c = payment_methods.c
        due = or_(c.next_at <= unit.real_now, c.link_expires_at <= unit.now)
        rows = unit.session.execute(
            select(payment_methods)
            .where(
                c.merchant_id == merchant_id,
                due if only is None else (c.id == only) & c.token_sealed.is_not(None),
            )
            .order_by(c.next_at, c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        rows = [row for row in rows if KINDS[row.kind].linked]
        gateway = engine.gateways.of(unit.merchant) if rows else None
        costs = [3 if row.state == "ended" else 1 for row in rows]
        more = only is None and len(rows) == limit
        leave = take(engine, unit, Operation.STATUS, lane, costs, bell=BELL, more=more)
        leased = _lease(engine, unit, rows[: leave.count], by_turn=only is None)
    if not leased or gateway is None:
        return len(rows[: leave.count])
    with (
        watched(engine, merchant_id, gateway, leave) as asked,
        ThreadPoolExecutor(len(leased)) as pool,
    ):
        list(pool.map(lambda one: _ask_or_log(engine, merchant_id, asked, one), leased))
    return len(leased)


def _lease(engine: Engine, unit: Work, rows: list[Row[Any]], *, by_turn: bool) -> list[_Leased]:
    """Write that these are being asked about: another worker leaves them alone meanwhile.

    Args:
        by_turn: its time had come; who asks out of turn, and often, brings no end nearer.
    """
    leased = []
    for row in rows:
        account = None
        until = unit.real_now + timedelta(seconds=engine.settings.lease_seconds)
        try:
            if row.token_sealed is not None:
                context = _context(unit, row.id, "token")
                account = engine.vault.open(row.token_sealed, context).decode()
            leased.append(_Leased(row.id, row.state, account))
        except (EngineError, ValueError):
            until = unit.real_now + NEVER_ASKED
            open_review(unit, "secret_unreadable", "payment_method", row.id, {})
        unit.session.execute(
            _this(unit, row.id).values(
                next_at=until,
                polls=row.polls + by_turn,
                # Its time is up: asked about once for that; then the polls go on by themselves.
                link_expires_at=row.link_expires_at
                if row.link_expires_at is not None and row.link_expires_at > unit.now
                else None,
            )
        )
    return leased


def _ask_or_log(engine: Engine, merchant_id: UUID, gateway: Gateway, one: _Leased) -> None:
    try:
        answer = _ask(gateway, one)
        with engine.work(merchant_id, system("accounts")) as unit:
            hear(unit, _locked(unit, one.method_id), answer.status, answer.code)
    except Exception:
        # It stays due; the others of its batch are not held up.
        LOG.exception("an account was not asked about", extra={"method": str(one.method_id)})


def _ask(gateway: Gateway, one: _Leased) -> AccountAnswer:
    """Read an account; one whose method has ended is unlinked, and read again to be sure."""
    if one.account_id is None:
        return AccountAnswer("ended", message="the gateway was never asked for it")
    answer = gateway.account(one.account_id)
    if one.state == "ended" and answer.status == "enabled":
        gateway.unlink_account(one.account_id)
        after = gateway.account(one.account_id)
        # We have just ended it: that it is not found then is what was wanted.
        answer = replace(after, code=None) if after.status == "ended" else after
    return answer


def on_news(engine: Engine, merchant_id: UUID, account_id: str, answer: AccountAnswer) -> None:
    """News named an account, and this is what the gateway says of it: one of ours is told.

    An account that its holder agreed to after its method had ended is unlinked. One that is no
    method of ours is left alone: the merchant may link accounts by other means too.
    """
    with engine.work(merchant_id, system("accounts")) as unit:
        mark = hashlib.sha256(account_id.encode()).digest()
        found = unit.session.execute(
            select(payment_methods.c.id)
            .where(
                payment_methods.c.merchant_id == merchant_id,
                payment_methods.c.token_hash == mark,
                payment_methods.c.kind.in_([row.key for row in KINDS.values() if row.linked]),
            )
            .order_by(payment_methods.c.created_at.desc())
            .limit(1)
        ).scalar_one_or_none()
        if found is None:
            return
        row = _locked(unit, found)
        if row.state == "ended" and row.token_sealed is None and answer.status == "enabled":
            sealed = engine.vault.seal(account_id.encode(), _context(unit, row.id, "token"))
            unit.session.execute(
                _this(unit, row.id).values(token_sealed=sealed, next_at=unit.real_now, polls=0)
            )
            unit.ring(BELL)
            return
        hear(unit, row, answer.status, answer.code)


def _row(unit: Work, method_id: UUID) -> Row[Any]:
    row = unit.session.execute(
        select(payment_methods).where(
            payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == method_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("payment_method_not_found", "there is no such payment method")
    return row


def _locked(unit: Work, method_id: UUID) -> Row[Any]:
    """The method, locked after its customer: what follows moves invoices and cases of theirs."""
    lock_customers(unit, [_row(unit, method_id).customer_id])
    return unit.session.execute(
        select(payment_methods)
        .where(payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == method_id)
        .with_for_update()
    ).one()


def _context(unit: Work, method_id: UUID, what: str) -> str:
    return f"{unit.merchant_id}:{method_id}:{what}"


def _this(unit: Work, method_id: UUID) -> Any:
    return update(payment_methods).where(
        payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == method_id
    )
