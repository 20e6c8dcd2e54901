"""What a move reads: whom it concerns, what each of them pays next, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, literal, select

from billing import queries
from billing.drafts import InvoiceDraft
from billing.flows import renew_rows
from billing.flows.issue import price_drafts
from billing.flows.metered_prices import check_meters
from billing.flows.renew import draft_of
from billing.flows.renew_rows import Case
from billing.moves.queries import Move
from billing.moves.rules import exception_of, first_period
from billing.moves.tables import price_move_members
from billing.records import Change, Subscription
from billing.renewals import Issue
from billing.tables import subscription_changes, subscription_items, subscriptions
from core.calendars import Period, instant_of
from core.errors import InvalidRequest
from core.work import Work
from invoices.lines import DraftLine, PricedDocument
from plans.queries import Price
from plans.tables import price_overrides

BATCH = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move does to one subscription: its next invoice at the old and the new version.

    ``excepted`` says why it is left out; then there is nothing else. ``amount`` is the first
    item's line before discounts, in whole rupiah.
    """

    case: Case
    excepted: str | None
    period: Period | None = None
    old: PricedDocument | None = None
    new: PricedDocument | None = None
    amount: int = 0
    change_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a move is: waiting for renewal, done, given up since, left out by reason, to do.

    ``escaped`` are those given up that the undoing of the move did not let go: they were changed
    or canceled otherwise, and a person may want to look at them.
    """

    waiting: int
    applied: int
    replaced: int
    excepted: dict[str, int]
    left: int
    escaped: int = 0


def concerned(unit: Work, from_price: UUID) -> Select[Any]:
    """Ids of the subscriptions that have a version, or a customer's own price in its place."""
    item, own = subscription_items.c, price_overrides.c
    owned = exists().where(
        own.merchant_id == item.merchant_id,
        own.own_price_id == item.price_id,
        own.price_id == from_price,
    )
    has = exists(literal(1)).where(
        item.merchant_id == subscriptions.c.merchant_id,
        item.subscription_id == subscriptions.c.id,
        item.ended_on.is_(None),
        (item.price_id == from_price) | owned,
    )
    return select(subscriptions.c.id).where(
        subscriptions.c.merchant_id == unit.merchant_id,
        subscriptions.c.status != "canceled",
        has,
    )


def page_of(
    unit: Work, from_price: UUID, *, after: UUID | None = None, limit: int = BATCH
) -> list[UUID]:
    """The next ids of those a move concerns, in the order of ids."""
    query = concerned(unit, from_price).order_by(subscriptions.c.id).limit(limit)
    if after is not None:
        query = query.where(subscriptions.c.id > after)
    return list(unit.session.execute(query).scalars())


def count_concerned(unit: Work, from_price: UUID, *, after: UUID | None = None) -> int:
    """How many subscriptions a move concerns, or has left to do."""
    query = concerned(unit, from_price)
    if after is not None:
        query = query.where(subscriptions.c.id > after)
    counted = unit.session.execute(select(func.count()).select_from(query.subquery()))
    return int(counted.scalar_one())


def progress_of(unit: Work, move: Move) -> Progress:
    """Count how far a move is."""
    member, change = price_move_members.c, subscription_changes.c
    before_undoing: Any = func.count()
    if move.undone_at is not None:
        before_undoing = before_undoing.filter(change.closed_at < move.undone_at)
    rows = unit.session.execute(
        select(member.excepted, change.state, func.count(), before_undoing)
        .outerjoin_from(
            price_move_members,
            subscription_changes,
            (change.merchant_id == member.merchant_id) & (change.id == member.change_id),
        )
        .where(member.merchant_id == unit.merchant_id, member.move_id == move.id)
        .group_by(member.excepted, change.state)
    ).all()
    by_state = {row[1]: row[2] for row in rows if row[0] is None}
    left = 0
    if move.state == "running":
        left = count_concerned(unit, move.from_price_id, after=move.done_through)
    return Progress(
        waiting=by_state.get("scheduled", 0),
        applied=by_state.get("applied", 0),
        replaced=by_state.get("replaced", 0),
        excepted={row[0]: row[2] for row in rows if row[0] is not None},
        left=left,
        escaped=sum(row[3] for row in rows if row[1] == "replaced"),
    )


def work_out(
    unit: Work, rows: Sequence[Subscription], old: Price, new: Price, not_before: date
) -> list[Moved]:
    """Say what a move does to some subscriptions; reads, and writes nothing.

    Both invoices are drafted and priced by the renewal's own functions, the new one by the change
    that the renewal would adopt.
    """
    own = _with_own_price(unit, [row.customer_id for row in rows], old.id, new.id)
    found: list[Moved] = []
    drafted: list[tuple[Case, Period, InvoiceDraft, InvoiceDraft]] = []
    known: dict[tuple[object, ...], tuple[DraftLine, ...]] = {}
    for case in renew_rows.load(unit, list(rows)):
        beside = any(one.item.price_id == old.id for one in case.extras)
        why: str | None = exception_of(
            case.agreement,
            changes=case.change is not None,
            own_price=case.row.customer_id in own or not (beside or case.price.id == old.id),
            beside_first=case.price.id != old.id,
        )
        if why is None and _meters_clash(unit, case, new):
            why = "meter_twice"
        if why is not None:
            found.append(Moved(case, why))
            continue
        period = first_period(case.agreement, not_before)
        step = Issue(period)
        before = draft_of(unit, case, step, known)
        case.change, case.to_price = waiting_change(unit, case, new, period), new
        renew_rows.adopt(case)
        drafted.append((case, period, before, draft_of(unit, case, step, known)))
    return found + _priced(unit, drafted)


def waiting_change(unit: Work, case: Case, new: Price, period: Period) -> Change:
    """The change that waits for a period: what a move writes, and what the renewal adopts."""
    return Change(
        id=unit.derive("change", case.row.id, case.row.version),
        subscription_id=case.row.id,
        kind="plan",
        mode="at_period_end",
        state="scheduled",
        from_price_id=case.price.id,
        to_price_id=new.id,
        quantity=case.quantity,
        extra_id=None,
        effective_on=period.start,
        invoice_id=None,
        reason="price_move",
        quote={"net": 0, "new_anchor": None, "credits": []},
        created_at=unit.now,
    )


def _priced(
    unit: Work, drafted: Sequence[tuple[Case, Period, InvoiceDraft, InvoiceDraft]]
) -> list[Moved]:
    by_day: dict[date, list[tuple[Case, Period, InvoiceDraft, InvoiceDraft]]] = {}
    for one in drafted:
        case, period = one[0], one[1]
        lead = case.agreement.lead_days if case.agreement.collection == "invoice" else 0
        due = instant_of(period.start - timedelta(days=lead), case.agreement.zone)
        by_day.setdefault(unit.merchant.today(due), []).append(one)
    found = []
    for on, listed in sorted(by_day.items()):
        old = price_drafts(unit.merchant, [one[2] for one in listed], on)
        new = price_drafts(unit.merchant, [one[3] for one in listed], on)
        for (case, period, _, after), was, becomes in zip(listed, old, new, strict=True):
            change = case.adopted
            first = next(line for line in after.lines if line.price_id == case.price.id)
            gross = first.amount.amount + (first.discount.amount if first.discount else 0)
            found.append(
                Moved(case, None, period, was, becomes, gross, change.id if change else None)
            )
    return found


def _with_own_price(
    unit: Work, customer_ids: Sequence[UUID], old: UUID, new: UUID
) -> frozenset[UUID]:
    """Customers who have a price of their own in place of either version."""
    table = price_overrides.c
    rows = unit.session.execute(
        select(table.customer_id).where(
            table.merchant_id == unit.merchant_id,
            table.customer_id.in_(sorted(set(customer_ids))),
            table.price_id.in_([old, new]),
            table.ended_at.is_(None),
        )
    )
    return frozenset(rows.scalars())


def _meters_clash(unit: Work, case: Case, new: Price) -> bool:
    beside = [{one.item.price_id} for one in case.extras if one.item.ended_on is None]
    if not beside:
        return False
    try:
        check_meters(unit, [*beside, {new.id}])
    except InvalidRequest:
        return True
    return False


def read(unit: Work, subscription_ids: Sequence[UUID]) -> list[Subscription]:
    """Read subscriptions as they stand."""
    table = subscriptions.c
    rows = unit.session.execute(
        select(*queries.SUBSCRIPTION).where(
            table.merchant_id == unit.merchant_id, table.id.in_(list(subscription_ids))
        )
    )
    return [Subscription(**row._mapping) for row in rows]


def lock(unit: Work, subscription_ids: Sequence[UUID]) -> list[Subscription]:
    """Take the customers, then the subscriptions, each in the order of ids."""
    table = subscriptions.c
    which = (table.merchant_id == unit.merchant_id, table.id.in_(list(subscription_ids)))
    owners = unit.session.execute(select(table.customer_id).where(*which)).scalars()
    queries.lock_customers(unit, list(owners))
    rows = unit.session.execute(
        select(*queries.SUBSCRIPTION).where(*which).order_by(table.id).with_for_update()
    )
    return [Subscription(**row._mapping) for row in rows]
