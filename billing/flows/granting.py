"""Credit given to customers, and what happens as lots of a balance come to their end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from billing import queries
from billing.credits.lots import MONEY, PROMOTIONAL, Lot, Use, in_order
from billing.credits.queries import due_lots, lots_by_id, lots_of
from billing.credits.service import (
    JOB,
    NewLot,
    lower_balances,
    raise_balance,
    store_lots,
)
from billing.engine import Engine
from billing.flows.use_balance import use_balance
from billing.ledger.balance_postings import balance_expired, credit_granted
from billing.ledger.service import Subject, post
from core import ids
from core.actor import system
from core.calendars import civil_date, instant_of
from core.errors import InvalidRequest, NotFound
from core.money import Money
from core.work import Mail, Work, queue_mail

BATCH: Final = 200
AMOUNT_MAX: Final = 1_000_000_000
REASON_MAX: Final = 200


def grant(
    unit: Work,
    customer_id: UUID,
    amount: int,
    *,
    reason: str,
    last_day: date | None = None,
    key: str | None = None,
) -> UUID:
    """Give a customer credit: it pays what he is billed, and is never paid out.

    What is open is paid with it at once, oldest first, as with every balance.

    Args:
        amount: whole rupiah.
        reason: why, for people and for the customer.
        last_day: the last civil date it can be used on, where the merchant is; none: for good.
        key: the caller's idempotency key: the same key gives the same credit.

    Returns:
        The lot's id.

    Raises:
        NotFound: ``customer_not_found``.
        InvalidRequest: ``invalid_amount``, ``invalid_reason``, ``invalid_expires_on``.
    """
    if not 1 <= amount <= AMOUNT_MAX:
        raise InvalidRequest("invalid_amount", f"credit is 1 to {AMOUNT_MAX}", field="amount")
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        raise InvalidRequest("invalid_reason", "say why, in a few words", field="reason")
    if last_day is not None and last_day < unit.today:
        raise InvalidRequest("invalid_expires_on", "that day has passed", field="expires_on")
    queries.lock_customers(unit, [customer_id])
    queries.get_customer(unit, customer_id)
    source = unit.derive("credit", key) if key else ids.fresh()
    entry_id = unit.derive("balance", "granted", source)
    lot_id = unit.derive("balance_lot", entry_id, 0)
    expires_at = None
    if last_day is not None:
        expires_at = instant_of(last_day + timedelta(days=1), unit.merchant.billing_zone)
    entry = {
        "merchant_id": unit.merchant_id,
        "id": entry_id,
        "customer_id": customer_id,
        "amount": amount,
        "kind": "granted",
        "source_kind": "grant",
        "source_id": source,
        "at": unit.now,
    }
    made = NewLot(amount, PROMOTIONAL, expires_at, reason.strip())
    if not raise_balance(unit, entry, (made,), once=True):
        return lot_id
    post(
        unit,
        [credit_granted(str(lot_id), unit.today, amount=Money(amount), customer_id=customer_id)],
        Subject("balance_lot", lot_id),
    )
    told = {
        "amount": amount,
        "because": "granted",
        "customer": ids.public("customer", customer_id),
        "lot": ids.public("lot", lot_id),
        "expires_on": last_day.isoformat() if last_day else None,
    }
    unit.event("balance.credited", "balance_lot", lot_id, told, customer_id=customer_id)
    unit.audit("credit.create", "balance_lot", lot_id, after={**told, "reason": made.reason})
    if expires_at is not None:
        unit.ring(JOB)
    use_balance(unit, customer_id)
    return lot_id


def expire_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Announce and book what of a merchant's lots ends; returns how many were looked at.

    One customer at a time: his row is locked, and what is left is read under the lock.
    """
    with engine.work(merchant_id, system("credits")) as unit:
        due = [(row.customer_id, row.id) for row in due_lots(unit, limit)]
    by_customer: dict[UUID, list[UUID]] = {}
    for customer_id, lot_id in due:
        by_customer.setdefault(customer_id, []).append(lot_id)
    for customer_id, lot_ids in by_customer.items():
        with engine.work(merchant_id, system("credits")) as unit:
            queries.lock_customers(unit, [customer_id])
            _step(unit, customer_id, lots_by_id(unit, lot_ids))
    return len(due)


def get_lot(unit: Work, customer_id: UUID, lot_id: UUID) -> Lot:
    """Read one lot of a customer.

    Raises:
        NotFound: ``lot_not_found``.
    """
    found = [lot for lot in lots_by_id(unit, [lot_id]) if lot.customer_id == customer_id]
    if not found:
        raise NotFound("lot_not_found", "this customer's balance has no such lot")
    return found[0]


def usable_lots(unit: Work, customer_id: UUID) -> list[tuple[Lot, date | None]]:
    """List what a customer's balance pays with now, in that order, each with its last day."""
    lots = in_order(lots_of(unit, [customer_id]).get(customer_id, ()), unit.now)
    return [(lot, last_day_of(unit, lot)) for lot in lots]


def last_day_of(unit: Work, lot: Lot) -> date | None:
    """The last civil date on which a lot can be used, where the merchant is."""
    if lot.expires_at is None:
        return None
    return civil_date(lot.expires_at - timedelta(microseconds=1), unit.merchant.billing_zone)


def _step(unit: Work, customer_id: UUID, lots: Sequence[Lot]) -> None:
    ended = [lot for lot in lots if lot.expires_at is not None and lot.expires_at <= unit.now]
    used_up = [lot for lot in lots if lot.left == 0 and lot not in ended]
    ahead = [lot for lot in lots if lot.left > 0 and lot not in ended]
    store_lots(unit, [lot.id for lot in used_up], next_at=None)
    for lot in ended:
        _end(unit, customer_id, lot)
    for lot in ahead:
        store_lots(unit, [lot.id], told_at=unit.now, next_at=lot.expires_at)
    if ahead and unit.merchant.credit_notice_days:
        _announce(unit, customer_id, ahead)


def _end(unit: Work, customer_id: UUID, lot: Lot) -> None:
    store_lots(unit, [lot.id], next_at=None, ended_at=unit.now)
    if lot.left == 0:
        return
    entry = {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("balance", "expired", lot.id),
        "customer_id": customer_id,
        "amount": -lot.left,
        "kind": "expired",
        "source_kind": "balance_lot",
        "source_id": lot.id,
        "at": unit.now,
    }
    lower_balances(unit, [(entry, [Use(lot, lot.left)])])
    post(
        unit,
        [
            balance_expired(
                str(lot.id), unit.today, amount=Money(lot.left), customer_id=customer_id,
                promotional=lot.kind != MONEY,
            )
        ],
        Subject("balance_lot", lot.id),
    )  # fmt: skip
    told = {
        "amount": lot.left,
        "of": lot.amount,
        "kind": lot.kind,
        "customer": ids.public("customer", customer_id),
        "lot": ids.public("lot", lot.id),
    }
    unit.event("balance.expired", "balance_lot", lot.id, told, customer_id=customer_id)
    unit.audit("balance.expire", "balance_lot", lot.id, before={"left": lot.left}, after=told)


def _announce(unit: Work, customer_id: UUID, lots: Sequence[Lot]) -> None:
    """One mail for each day something ends on."""
    who = queries.get_customer(unit, customer_id)
    by_day: dict[date, list[Lot]] = {}
    for lot in lots:
        day = last_day_of(unit, lot)
        assert day is not None  # what does not end is never due
        by_day.setdefault(day, []).append(lot)
    queue_mail(
        unit,
        [
            Mail(
                "balance.expiring",
                "customer",
                customer_id,
                recipient=who.email,
                locale=who.locale,
                customer_id=customer_id,
                key=str(found[0].id),
                payload={"amount": sum(lot.left for lot in found), "when": day.isoformat()},
            )
            for day, found in sorted(by_day.items())
        ],
    )
