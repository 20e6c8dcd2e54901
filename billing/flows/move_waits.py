"""A price that a move announced waits on, whatever else becomes of its subscription meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID

from sqlalchemy import select, update

from billing import queries
from billing.moves.tables import price_move_members, price_moves
from billing.records import Change, Subscription
from billing.service import tell
from billing.tables import subscription_changes
from core import ids
from core.work import Work


def waits_on(
    unit: Work, waits: Change | None, *, quantity: int, on: date, at_period_end: bool
) -> bool:
    """Let a move wait on beside a change of the quantity; says whether it can as it stands.

    It takes the new quantity along. It can not where that waits for a day before the move's: one
    change waits at a time, and the move is put back once that day has come (`put_back`).
    """
    if waits is None or not waits.is_move or (at_period_end and on < waits.effective_on):
        return False
    _store(unit, waits.id, quantity)
    return True


def quantity_back(unit: Work, subscription: Subscription, *, was: int, now: int) -> bool:
    """Let a move that took a quantity along go back to another; says whether one had."""
    waits = queries.scheduled_changes(unit, [subscription.id]).get(subscription.id)
    if waits is None or not waits.is_move or was == now or waits.quantity != was:
        return False
    _store(unit, waits.id, now)
    _tell(unit, subscription, replace(waits, quantity=now))
    return True


def moved_by(waits: Change | None) -> dict[str, str]:
    """What a change that takes the place of a waiting one keeps of it: the move, if it was one."""
    if waits is None:
        return {}
    moved = str(waits.id) if waits.is_move else waits.quote.get("moved")
    return {"moved": moved} if moved else {}


def put_back(unit: Work, subscription: Subscription, change_id: UUID) -> Change | None:
    """Let what a move announced wait again, for one who goes on at his price; gives what waits.

    Not where the move was undone meanwhile, or he has another price. The subscription is locked.
    """
    member, changed, move = price_move_members.c, subscription_changes.c, price_moves.c
    found = unit.session.execute(
        select(changed.from_price_id)
        .join_from(
            price_move_members,
            subscription_changes,
            (changed.merchant_id == member.merchant_id) & (changed.id == member.change_id),
        )
        .join(price_moves, (move.merchant_id == member.merchant_id) & (move.id == member.move_id))
        .where(
            member.merchant_id == unit.merchant_id,
            member.change_id == change_id,
            changed.state == "replaced",
            move.state.in_(("running", "announced")),
        )
        # An undoing of the move that begins now finds it waiting.
        .with_for_update(read=True, of=price_moves)
    ).scalar_one_or_none()
    item = queries.items_in_force(unit, [subscription.id])[subscription.id]
    if found is None or item.price_id != found:
        return None
    unit.session.execute(
        update(subscription_changes)
        .where(changed.merchant_id == unit.merchant_id, changed.id == change_id)
        .values(state="scheduled", closed_at=None, quantity=item.quantity)
    )
    waits = queries.find_change(unit, change_id)
    assert waits is not None
    _tell(unit, subscription, waits)
    return waits


def waits_again(unit: Work, subscription: Subscription, change_id: UUID, end_on: date) -> bool:
    """Put back what a cancel had dropped, where the end is later now and its day comes before."""
    dropped = queries.find_change(unit, change_id)
    if dropped is None or dropped.effective_on >= end_on:
        return False
    return put_back(unit, subscription, change_id) is not None


def _tell(unit: Work, subscription: Subscription, waits: Change) -> None:
    assert waits.to_price_id is not None
    told = {
        "change": ids.public("change", waits.id),
        "price": ids.public("price", waits.to_price_id),
        "quantity": waits.quantity,
        "effective_on": waits.effective_on.isoformat(),
    }
    tell(unit, "subscription.change_scheduled", subscription, told)


def _store(unit: Work, change_id: UUID, quantity: int) -> None:
    changed = subscription_changes.c
    unit.session.execute(
        update(subscription_changes)
        .where(changed.merchant_id == unit.merchant_id, changed.id == change_id)
        .values(quantity=quantity)
    )
