"""Renewal: every due step of every subscription, batch by batch; any outage is caught up.

A batch is one transaction of one merchant: customers and subscriptions are locked, the rules say
what is next for each, all invoices of a round go through one `issue`, and one statement moves all
the dates. The invoice's business key makes a second run harmless.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, tuple_, update
from sqlalchemy.exc import OperationalError

from billing import queries
from billing.discounts.service import hold_counters
from billing.drafts import InvoiceDraft, due_date
from billing.engine import Engine
from billing.flows import renew_rows
from billing.flows.issue import DRAFTS_MAX, issue
from billing.flows.issue_again import beside_taken_back
from billing.flows.item_rows import part_lines, parts_on, without_setup_again
from billing.flows.pause_rows import come_back, stand_still
from billing.flows.renew_rows import Case
from billing.flows.reviews import open_review
from billing.flows.upgrade_offers import let_go
from billing.flows.usage_close import close_round
from billing.flows.use_balance import use_balance
from billing.lifecycle import SubscriptionStatus
from billing.records import Subscription
from billing.renewals import (
    Agreement,
    End,
    Issue,
    Lapse,
    Pause,
    Resume,
    Roll,
    Step,
    apply,
    next_step,
)
from billing.tables import customers, subscriptions
from core.actor import system
from core.calendars import civil_date
from core.errors import EngineError
from core.work import Work
from invoices.lines import DraftLine
from invoices.service import hold_series

BATCH = DRAFTS_MAX
# Steps of one subscription in one transaction: issue and roll of two periods. More is for later.
ROUNDS_MAX = 4
# Sweeps over all due subscriptions in one call: what is left is still due at the next.
SWEEPS_MAX = 500

# How long one that failed is left alone: it must stop neither the others nor a test clock.
PARKED_FOR = timedelta(days=1)

_log = logging.getLogger(__name__)
_Cursor = tuple[datetime, UUID] | None


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one batch did, and where the next one goes on."""

    found: int
    steps: int
    cursor: _Cursor


def renew_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Do all steps of a merchant's subscriptions that are due; returns how many were done.

    Any number of processes may run it at once: what another one holds is left to it. A
    subscription whose step fails is put before a person, tried again the next day, and does not
    stop the others.
    """
    done = 0
    for _ in range(SWEEPS_MAX):
        swept = _sweep(engine, merchant_id, min(limit, BATCH))
        done += swept
        if not swept:
            break
    return done


def catch_up(unit: Work, subscription: Subscription) -> Subscription:
    """Do what is due for one locked subscription before a request touches it (R25)."""
    if subscription.status == SubscriptionStatus.INCOMPLETE:
        hold_counters(unit, [subscription.id])  # an end gives back its codes
    if next_step(subscription.agreement, unit.now) is not None:
        hold_series(unit)  # it may issue, and the request may credit
    while run_steps(unit, [subscription]):
        subscription = queries.get_subscription(unit, subscription.id)
    return subscription


def run_steps(unit: Work, rows: list[Subscription]) -> int:
    """Do the due steps of locked subscriptions, at most `ROUNDS_MAX` each; returns how many."""
    cases = renew_rows.load(unit, rows)
    begun = [one for one in cases if one.agreement.status is SubscriptionStatus.INCOMPLETE]
    if begun:
        hold_counters(unit, [case.row.id for case in begun])  # an end gives back its codes
    if any(_may_end(case.agreement) for case in cases):
        hold_series(unit)  # an end credits what was issued ahead, after others were issued
    lines: dict[tuple[object, ...], tuple[DraftLine, ...]] = {}
    for _ in range(ROUNDS_MAX):
        due = [(case, step) for case in cases if (step := step_of(case, unit.now)) is not None]
        if not due:
            break
        to_bill = [(case, step) for case, step in due if isinstance(step, Issue)]
        drafts = beside_taken_back(
            unit, [draft_of(unit, case, step, lines) for case, step in to_bill]
        )
        for (case, _), draft in zip(to_bill, drafts, strict=True):
            case.billed_as = draft.change_id
        by_case = {case.row.id: draft for (case, _), draft in zip(to_bill, drafts, strict=True)}
        used = close_round(unit, [(case.row, step, by_case.get(case.row.id)) for case, step in due])
        issued = [
            one
            for start in range(0, len(used.drafts), DRAFTS_MAX)
            for one in issue(unit, used.drafts[start : start + DRAFTS_MAX])
        ]
        used.record(unit, issued)
        for case, step in due:
            _apply(unit, case, step)
    moved = [case for case in cases if case.steps]
    renew_rows.store(unit, moved)
    for customer_id in sorted({case.row.customer_id for case in moved if case.ended_on}):
        use_balance(unit, customer_id)  # what an end gave back
    return sum(case.steps for case in moved)


def _may_end(agreement: Agreement) -> bool:
    return agreement.cancel_on is not None or agreement.status is SubscriptionStatus.INCOMPLETE


def _sweep(engine: Engine, merchant_id: UUID, limit: int) -> int:
    cursor: _Cursor = None
    done = 0
    while True:
        try:
            claim = _batch(engine, merchant_id, limit, cursor)
        except Exception:
            # One that can not be renewed, or locks that crossed: nothing of the batch was written.
            # A database that is gone fails again below, and that is not caught.
            _log.exception("a batch of renewals failed; doing its subscriptions one by one")
            claim = _one_by_one(engine, merchant_id, limit, cursor)
        done += claim.steps
        if claim.found < limit:
            return done
        cursor = claim.cursor


def _batch(engine: Engine, merchant_id: UUID, limit: int, cursor: _Cursor) -> _Claim:
    with engine.work(merchant_id, system("renew")) as unit:
        candidates = _candidates(unit, limit, cursor)
        rows = _claim(unit, [(found.id, found.customer_id) for found in candidates])
        steps = run_steps(unit, rows) if rows else 0
        last = candidates[-1] if candidates else None
        return _Claim(len(candidates), steps, (last.next_at, last.id) if last else cursor)


def _one_by_one(engine: Engine, merchant_id: UUID, limit: int, cursor: _Cursor) -> _Claim:
    steps = found = 0
    for _ in range(limit):
        with engine.work(merchant_id, system("renew")) as unit:
            [*candidates] = _candidates(unit, 1, cursor)
        if not candidates:
            break
        found += 1
        try:
            steps += _batch(engine, merchant_id, 1, cursor).steps
        except OperationalError:
            _log.warning("a renewal is left for the next run: its rows are held by another")
        except Exception as error:
            _log.exception("a subscription could not be renewed")
            code = error.code if isinstance(error, EngineError) else type(error).__name__
            with engine.work(merchant_id, system("renew")) as unit:
                _park(unit, candidates[0].id, code)
        cursor = (candidates[0].next_at, candidates[0].id)
    return _Claim(found, steps, cursor)


def _park(unit: Work, subscription_id: UUID, code: str) -> None:
    """Put a subscription before a person and try again tomorrow; what is due is not forgotten."""
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id == subscription_id)
        .where(table.next_at <= unit.now)
        .values(next_at=unit.now + PARKED_FOR)
    )
    open_review(unit, "renewal_failed", "subscription", subscription_id, {"code": code})


@dataclass(frozen=True, slots=True)
class _Candidate:
    id: UUID
    customer_id: UUID
    next_at: datetime


def _candidates(unit: Work, limit: int, cursor: _Cursor) -> list[_Candidate]:
    table = subscriptions.c
    query = (
        select(table.id, table.customer_id, table.next_at)
        .where(table.merchant_id == unit.merchant_id, table.next_at <= unit.now)
        .order_by(table.next_at, table.id)
        .limit(limit)
    )
    if cursor is not None:
        query = query.where(tuple_(table.next_at, table.id) > cursor)
    return [_Candidate(**row._mapping) for row in unit.session.execute(query)]


def _claim(unit: Work, candidates: list[tuple[UUID, UUID]]) -> list[Subscription]:
    """Lock customers, then subscriptions, waiting for nobody: who is busy is left for later."""
    free = set(
        unit.session.execute(
            select(customers.c.id)
            .where(
                customers.c.merchant_id == unit.merchant_id,
                customers.c.id.in_({customer for _, customer in candidates}),
            )
            .order_by(customers.c.id)
            .with_for_update(key_share=True, skip_locked=True)
        ).scalars()
    )
    wanted = [subscription for subscription, customer in candidates if customer in free]
    if not wanted:
        return []
    rows = unit.session.execute(
        select(*queries.SUBSCRIPTION)
        .where(
            subscriptions.c.merchant_id == unit.merchant_id,
            subscriptions.c.id.in_(wanted),
            subscriptions.c.next_at <= unit.now,
        )
        .order_by(subscriptions.c.id)
        .with_for_update(skip_locked=True)
    )
    return [Subscription(**row._mapping) for row in rows]


def step_of(case: Case, now: datetime) -> Step | None:
    """Ask the rules; a scheduled change takes hold with the first period it is meant for."""
    step = next_step(case.agreement, now)
    change = case.change
    if isinstance(step, Issue) and change and change.effective_on <= step.period.start:
        renew_rows.adopt(case)
        return next_step(case.agreement, now)
    return step


def draft_of(
    unit: Work, case: Case, step: Issue, known: dict[tuple[object, ...], tuple[DraftLine, ...]]
) -> InvoiceDraft:
    price, agreement = case.price, case.agreement
    parts = parts_on(
        case.extras, case.prices, first=price, quantity=case.quantity, on=step.period.start,
        first_paid=case.row.trial_end_on or case.row.started_on, grants=case.grants,
    )  # fmt: skip
    parts = without_setup_again(unit, case.row.id, parts, voided=case.voided)
    # Most subscriptions are alike, and lines that are one object are priced once.
    shape = (
        *(part.shape for part in parts),
        step.period, agreement.anchor, agreement.interval,
    )  # fmt: skip
    if shape not in known:
        known[shape] = part_lines(
            parts, period=step.period, anchor=agreement.anchor, interval=agreement.interval
        )
    # Where the merchant may not charge it, the renewal is an invoice to be paid.
    may_pull = case.may_pull
    collection = agreement.collection if may_pull else "invoice"
    return InvoiceDraft(
        customer=case.customer,
        kind="period",
        lines=known[shape],
        tax_mode=price.terms.tax_mode,
        collection=collection,
        zone=agreement.zone,
        due_on=due_date(collection, civil_date(unit.now, agreement.zone), case.row.terms_days),
        subscription_id=case.row.id,
        period=step.period,
        payment_method_id=case.row.payment_method_id if may_pull else None,
        collect="morning",
    )


def _apply(unit: Work, case: Case, step: Step) -> None:
    before = case.agreement
    case.agreement = apply(before, step)
    case.steps += 1
    match step:
        case Issue():
            if case.adopted is not None:
                renew_rows.settle_change(unit, case, step.period)
        case Roll(period, ends_trial):
            renew_rows.tell_rolled(unit, case, period, ends_trial=ends_trial)
        case Pause(on):
            stand_still(unit, case, on)
        case Resume(on):
            come_back(unit, case, on, paid_through=before.billed_through)
        case Lapse():
            let_go(unit, case.row.id, because="lapsed")
        case End(on):
            case.agreement = replace(case.agreement, cancel_on=before.cancel_on)
            case.ended_on = on
            renew_rows.end(unit, case, on, was=before.status)
