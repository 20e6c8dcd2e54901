"""Moving the subscribers of a price to another version: shown, announced, done by renewal, undone.

A move is a row and a worker's job. Batch by batch each subscription gets a change that waits for
its first period after the notice, and its customer a mail; the renewal adopts that change as any
other. Undoing takes back the changes that still wait.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from billing.engine import Engine
from billing.flows.move_rows import (
    BATCH,
    Moved,
    lock,
    page_of,
    read,
    work_out,
)
from billing.flows.notices import plan_words
from billing.flows.reviews import close_if_open, open_review
from billing.moves.queries import Move, find_move, get_move, list_moves
from billing.moves.rules import check_versions, earliest
from billing.moves.tables import price_move_members, price_moves
from billing.queries import load_customers
from billing.service import tell
from billing.tables import subscription_changes, subscriptions
from core import ids
from core.actor import system
from core.bulk import insert_rows
from core.errors import Conflict, EngineError
from core.work import Mail, Work, queue_mail
from plans.queries import Price, get_price

JOB: Final = "price.move"
_LOG = logging.getLogger("tagihan.moves")


def preview_move(
    unit: Work,
    from_price: UUID,
    to_price: UUID,
    *,
    not_before: date | None = None,
    notice_days: int | None = None,
    after: UUID | None = None,
    limit: int = BATCH,
) -> list[Moved]:
    """Show what `start_move` would do today to the next subscriptions; writes nothing.

    Args:
        notice_days: the merchant's `renewal_notice_days` by default.
        after: the last subscription of the page before.

    Raises:
        NotFound: ``price_not_found``.
        Conflict: ``versions_not_alike``.
        InvalidRequest: ``invalid_notice_days``, ``invalid_not_before``.
    """
    old, new, day, _ = _wish(unit, from_price, to_price, not_before, notice_days)
    rows = read(unit, page_of(unit, old.id, after=after, limit=min(limit, BATCH)))
    return sorted(work_out(unit, rows, old, new, day), key=lambda one: one.case.row.id)


def start_move(
    unit: Work,
    from_price: UUID,
    to_price: UUID,
    *,
    not_before: date | None = None,
    notice_days: int | None = None,
    key: str | None = None,
) -> Move:
    """Begin a move; a worker announces it batch by batch.

    Raises:
        NotFound: ``price_not_found``.
        Conflict: ``versions_not_alike``; ``move_running``: another one of this version is not
            finished.
        InvalidRequest: ``invalid_notice_days``, ``invalid_not_before``.
    """
    move_id = unit.derive("price_move", key) if key else ids.fresh()
    known = find_move(unit, move_id)
    if known is not None:
        return known
    old, new, day, days = _wish(unit, from_price, to_price, not_before, notice_days)
    if any(one.from_price_id == old.id and _at_work(one) for one in list_moves(unit)):
        raise Conflict("move_running", "A move of this version is not finished.")
    row = {
        "merchant_id": unit.merchant_id,
        "id": move_id,
        "from_price_id": old.id,
        "to_price_id": new.id,
        "not_before": day,
        "notice_days": days,
        "state": "running",
        "made_by": unit.actor.name,
        "created_at": unit.now,
    }
    insert_rows(unit.session, price_moves, [row])
    told = {
        "from_price": ids.public("price", old.id), "to_price": ids.public("price", new.id),
        "not_before": day.isoformat(), "notice_days": days,
    }  # fmt: skip
    unit.audit("price_move.create", "price_move", move_id, after=told)
    unit.ring(JOB)
    return get_move(unit, move_id)


def undo_move(unit: Work, move_id: UUID) -> Move:
    """Take back what has not happened yet: whose renewal came first has the new version.

    Raises:
        NotFound: ``price_move_not_found``.
    """
    move = get_move(unit, move_id, lock=True)
    if move.state in ("undoing", "undone"):
        return move
    _store(unit, move_id, state="undoing", done_through=None, undone_by=unit.actor.name,
           undone_at=unit.now)  # fmt: skip
    unit.audit(
        "price_move.undo", "price_move", move_id,
        before={"state": move.state}, after={"state": "undoing"},
    )  # fmt: skip
    unit.ring(JOB)
    return get_move(unit, move_id)


def move_due(engine: Engine, merchant_id: UUID) -> int:
    """Do the next batch of each move that is at work; returns how many subscriptions were done.

    One that fails is put before a person and tried again with the next; it holds up no other.
    """
    done = 0
    with engine.work(merchant_id, system("moves")) as unit:
        working = [one.id for one in list_moves(unit) if _at_work(one)]
    for move_id in working:
        try:
            with engine.work(merchant_id, system("moves")) as unit:
                done += _work_at(unit, move_id)
        except OperationalError:
            _LOG.warning("a batch of a move is left for the next run: its rows are held by another")
        except Exception as error:
            # A database that is gone fails again below, and that is not caught.
            _LOG.exception("a batch of a move failed")
            code = error.code if isinstance(error, EngineError) else type(error).__name__
            with engine.work(merchant_id, system("moves")) as unit:
                open_review(unit, "move_failed", "price_move", move_id, {"code": code})
    return done


def _work_at(unit: Work, move_id: UUID) -> int:
    move = get_move(unit, move_id, lock=True)
    done = 0
    if move.state == "running":
        done = _announce(unit, move)
    elif move.state == "undoing":
        done = _let_go(unit, move)
    close_if_open(unit, "move_failed", move_id, "done since")
    return done


def _wish(
    unit: Work, from_price: UUID, to_price: UUID, not_before: date | None, notice_days: int | None
) -> tuple[Price, Price, date, int]:
    old, new = get_price(unit, from_price), get_price(unit, to_price)
    check_versions(old.terms, new.terms, same_part=old.component == new.component)
    if not new.is_sold:
        raise Conflict("price_not_sold", "That plan or price is retired.", field="to_price")
    days = unit.merchant.renewal_notice_days if notice_days is None else notice_days
    return old, new, earliest(not_before, unit.today, days), days


def _at_work(move: Move) -> bool:
    return move.state in ("running", "undoing")


def _announce(unit: Work, move: Move) -> int:
    old, new = get_price(unit, move.from_price_id), get_price(unit, move.to_price_id)
    page = page_of(unit, old.id, after=move.done_through)
    if not page:
        _store(unit, move.id, state="announced", done_through=None)
        return 0
    # Where the worker was away, the notice still is as long as was promised.
    day = earliest(move.not_before, unit.today, move.notice_days)
    every = work_out(unit, lock(unit, page), old, new, day)
    moved = [one for one in every if one.excepted is None]
    insert_rows(unit.session, subscription_changes, [_change(unit, one) for one in moved])
    insert_rows(unit.session, price_move_members, [_member(unit, move, one) for one in every])
    _bump(unit, [one.case.row.id for one in moved])
    for one in moved:
        _tell(unit, move, one)
    queue_mail(unit, [_mail(move, one, old) for one in moved])
    _store(unit, move.id, done_through=page[-1])
    unit.ring(JOB)
    return len(page)


def _let_go(unit: Work, move: Move) -> int:
    waiting = _waiting(unit, move)
    if not waiting:
        _store(unit, move.id, state="undone", done_through=None)
        return 0
    rows = {row.id: row for row in lock(unit, [one.subscription_id for one in waiting])}
    people = load_customers(unit, [row.customer_id for row in rows.values()])
    # Those that a renewal took in the meantime are no longer among them.
    still = {one.subscription_id for one in _waiting(unit, move)}
    old = get_price(unit, move.from_price_id)
    mails = []
    for one in waiting:
        if one.subscription_id not in still:
            continue
        row = rows[one.subscription_id]
        who = people[row.customer_id]
        mails.append(
            Mail(
                "subscription.price_kept", "subscription", row.id, recipient=who.email,
                locale=who.locale, customer_id=who.id, key=str(move.id),
                payload={"plan": plan_words(old, one.quantity), "amount": one.old_total},
            )
        )  # fmt: skip
    unit.session.execute(
        update(subscription_changes)
        .where(
            subscription_changes.c.merchant_id == unit.merchant_id,
            subscription_changes.c.id.in_([one.id for one in waiting]),
            subscription_changes.c.state == "scheduled",
        )
        .values(state="replaced", closed_at=unit.now)
    )
    _bump(unit, sorted(still))
    queue_mail(unit, mails)
    unit.ring(JOB)
    return len(waiting)


def _waiting(unit: Work, move: Move) -> Sequence[Any]:
    member, change = price_move_members.c, subscription_changes.c
    return unit.session.execute(
        select(change.id, change.subscription_id, member.quantity, member.old_total)
        .join_from(
            price_move_members,
            subscription_changes,
            (change.merchant_id == member.merchant_id) & (change.id == member.change_id),
        )
        .where(
            member.merchant_id == unit.merchant_id,
            member.move_id == move.id,
            change.state == "scheduled",
        )
        .order_by(change.subscription_id)
        .limit(BATCH)
    ).all()


def _change(unit: Work, one: Moved) -> dict[str, Any]:
    change = one.case.adopted
    assert change is not None  # whoever is not left out has one
    kept = {name: getattr(change, name) for name in change.__slots__}
    return {"merchant_id": unit.merchant_id, **kept, "closed_at": None}


def _member(unit: Work, move: Move, one: Moved) -> dict[str, Any]:
    row = one.case.row
    return {
        "merchant_id": unit.merchant_id,
        "id": unit.derive("price_move_member", move.id, row.id),
        "move_id": move.id,
        "subscription_id": row.id,
        "change_id": one.change_id,
        "excepted": one.excepted,
        "effective_on": one.period.start if one.period else None,
        "quantity": None if one.excepted else one.case.quantity,
        "amount": None if one.excepted else one.amount,
        "old_total": one.old.total.amount if one.old else None,
        "new_total": one.new.total.amount if one.new else None,
        "created_at": unit.now,
    }


def _tell(unit: Work, move: Move, one: Moved) -> None:
    assert one.period is not None and one.change_id is not None  # noqa: PT018 - one fact
    told = {
        "change": ids.public("change", one.change_id),
        "price": ids.public("price", move.to_price_id),
        "plan": one.case.price.plan_code,
        "quantity": one.case.quantity,
        "effective_on": one.period.start.isoformat(),
    }
    tell(unit, "subscription.change_scheduled", one.case.row, told)


def _mail(move: Move, one: Moved, old: Price) -> Mail:
    assert one.period is not None and one.old is not None and one.new is not None  # noqa: PT018
    who = one.case.customer
    return Mail(
        "subscription.price_changes",
        "subscription",
        one.case.row.id,
        recipient=who.email,
        locale=who.locale,
        customer_id=who.id,
        key=str(move.id),
        payload={
            "when": one.period.start.isoformat(),
            "plan": plan_words(old, one.case.quantity),
            "amount": one.new.total.amount,
            "charged": one.old.total.amount,
        },
    )


def _bump(unit: Work, subscription_ids: Sequence[UUID]) -> None:
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id.in_(list(subscription_ids)))
        .values(version=table.version + 1)
    )


def _store(unit: Work, move_id: UUID, **values: Any) -> None:
    unit.session.execute(
        update(price_moves)
        .where(price_moves.c.merchant_id == unit.merchant_id, price_moves.c.id == move_id)
        .values(**values)
    )
