"""Announcing a charge that comes: before a trial ends, before a year is renewed.

When an announcement is due stands in ``subscriptions.notice_at``, which the database works out.
What it says is what the renewal would bill, by the renewal's own functions. It is sent once a
period, and after an outage only while the charge has not come.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select, update

from billing import queries
from billing.credits.lots import spendable
from billing.credits.queries import lots_of
from billing.drafts import InvoiceDraft
from billing.engine import Engine
from billing.flows import renew_rows
from billing.flows.issue import DRAFTS_MAX, price_drafts
from billing.flows.renew import draft_of, step_of
from billing.flows.renew_rows import Case
from billing.flows.reviews import open_review
from billing.flows.usage_lines import plan_usage, usage_line
from billing.lifecycle import SubscriptionStatus
from billing.records import Subscription
from billing.renewals import Issue, next_at, next_step
from billing.tables import subscriptions
from core.actor import system
from core.calendars import civil_date
from core.errors import EngineError
from core.work import Mail, Work, queue_mail
from invoices.lines import DraftLine, PricedDocument
from invoices.tax_terms import TaxMode
from payments.method_kinds import KINDS
from payments.tables import payment_methods
from plans.queries import Price
from usage.queries import has_usage_prices, usage_prices_of

BATCH = DRAFTS_MAX

_LOG = logging.getLogger("tagihan.notices")


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the next renewal of a subscription will bill, if nothing changes until then.

    ``on`` is the civil date of the charge or invoice where the merchant is. ``from_balance`` is
    what the customer's balance would pay of it, in whole rupiah. Where ``is_metered`` usage is
    billed in addition; ``used`` is what it comes to so far, in whole rupiah to pay.
    """

    case: Case
    draft: InvoiceDraft
    document: PricedDocument
    on: date
    from_balance: int
    is_metered: bool = False
    used: int = 0

    @property
    def usage_told(self) -> dict[str, Any]:
        """What a mail says of usage, nothing where there is none."""
        return {"metered": True, "used": self.used} if self.is_metered else {}


def notify_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Queue the announcements of a merchant that are due; returns how many were looked at."""
    try:
        with engine.work(merchant_id, system("notices")) as unit:
            return _announce(unit, _claim(unit, min(limit, BATCH)))
    except Exception:
        # One that can not be priced: nothing of the batch was written. A database that is gone
        # fails again below, and that is not caught.
        _LOG.exception("a batch of announcements failed; doing them one by one")
        return _one_by_one(engine, merchant_id, limit)


def upcoming(unit: Work, rows: Sequence[Subscription]) -> list[Upcoming]:
    """Work out what the next renewals will bill; reads, and writes nothing.

    Subscriptions that will bill nothing more are left out.
    """
    lines: dict[tuple[object, ...], tuple[DraftLine, ...]] = {}
    by_day: dict[date, list[tuple[Case, InvoiceDraft]]] = defaultdict(list)
    for case in renew_rows.load(unit, list(rows)):
        # An upgrade that waits to be paid lapses before: its lapse is not what comes next.
        case.agreement = replace(case.agreement, upgrade_until=None)
        due = next_at(case.agreement)
        step = step_of(case, due) if due is not None else None
        if due is not None and isinstance(step, Issue):
            draft = draft_of(unit, case, step, lines)
            by_day[unit.merchant.today(due)].append((case, draft))
    held = lots_of(unit, {row.customer_id for row in rows})
    metered = _metered(unit, [case for every in by_day.values() for case, _ in every])
    used = _used_so_far(unit, [row for row in rows if row.id in metered])
    found = []
    for on, drafted in sorted(by_day.items()):
        priced = price_drafts(unit.merchant, [draft for _, draft in drafted], on)
        for (case, draft), document in zip(drafted, priced, strict=True):
            # What has ended by then pays nothing of it.
            lots, at = held.get(case.row.customer_id, ()), next_at(case.agreement) or unit.now
            covered = min(document.total.amount, spendable(lots, max(at, unit.now)))
            so_far = 0
            for mode, added in used.get(case.row.id, {}).items():
                # Usage of prices that hold their tax otherwise is an invoice of its own.
                is_own = mode != draft.tax_mode
                beside = replace(
                    draft, tax_mode=mode, lines=added if is_own else (*draft.lines, *added)
                )
                [whole] = price_drafts(unit.merchant, [beside], on)
                so_far += whole.total.amount - (0 if is_own else document.total.amount)
            is_metered = case.row.id in metered
            found.append(Upcoming(case, draft, document, on, covered, is_metered, so_far))
    return found


def _metered(unit: Work, cases: Sequence[Case]) -> set[UUID]:
    """The subscriptions that bill usage, by their present prices or by what they change to."""
    if not cases or not has_usage_prices(unit):
        return set()
    priced = {
        case.row.id: {case.price.id, *(one.item.price_id for one in case.extras)} for case in cases
    }
    parts = usage_prices_of(unit, {one for every in priced.values() for one in every})
    return {subscription for subscription, every in priced.items() if every & parts.keys()}


def _used_so_far(
    unit: Work, rows: Sequence[Subscription]
) -> dict[UUID, dict[TaxMode, tuple[DraftLine, ...]]]:
    """The lines that what is used up to today would make, by how their prices hold tax."""
    tomorrow = timedelta(days=1)
    through = [
        (row, min(civil_date(unit.now, row.billing_zone) + tomorrow, row.current_end))
        for row in rows
    ]
    found: dict[UUID, dict[TaxMode, tuple[DraftLine, ...]]] = {}
    for subscription, parts in plan_usage(unit, through, so_far=True).items():
        by_mode = found.setdefault(subscription, {})
        for part in parts:
            if (line := usage_line(unit, part)) is not None:
                mode = cast(TaxMode, part.price.tax_mode)
                by_mode[mode] = (*by_mode.get(mode, ()), line)
    return found


def _claim(unit: Work, limit: int, *, only: UUID | None = None) -> list[Subscription]:
    """Lock what is due, waiting for nobody."""
    query = (
        select(*queries.SUBSCRIPTION)
        .where(
            subscriptions.c.merchant_id == unit.merchant_id, subscriptions.c.notice_at <= unit.now
        )
        .order_by(subscriptions.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if only is not None:
        query = query.where(subscriptions.c.id == only)
    return [Subscription(**row._mapping) for row in unit.session.execute(query)]


def _announce(unit: Work, rows: Sequence[Subscription]) -> int:
    # Where the renewal itself is due the announcement would come with the charge, or after it.
    useful = [row for row in rows if next_step(row.agreement, unit.now) is None]
    ahead = [one for one in upcoming(unit, useful) if one.document.total.amount > 0]
    methods = _methods(unit, ahead)
    queue_mail(unit, [_mail(one, methods) for one in ahead])
    _done(unit, [row.id for row in rows])
    return len(rows)


def plan_words(price: Price, quantity: int) -> dict[str, str]:
    """Name what is had in a mail: the plan, and how many of it where it is more than one."""
    times = f" × {quantity}" if quantity > 1 else ""
    return {language: f"{name}{times}" for language, name in price.plan_name.items()}


def _mail(one: Upcoming, methods: dict[UUID, dict[str, str]]) -> Mail:
    row, customer = one.case.row, one.case.customer
    trialing = one.case.row.status == SubscriptionStatus.TRIALING
    told: dict[str, Any] = {
        "when": row.current_end.isoformat(),
        "zone": row.billing_zone,
        "amount": one.document.total.amount,
        "plan": plan_words(one.case.price, one.case.quantity),
    }
    told |= one.usage_told
    if one.from_balance:
        told["balance"] = one.from_balance
    if one.draft.collection == "automatic" and one.draft.payment_method_id in methods:
        told["method"] = methods[one.draft.payment_method_id]
    return Mail(
        "subscription.trial_ending" if trialing else "subscription.renewal_notice",
        "subscription",
        row.id,
        recipient=customer.email,
        locale=customer.locale,
        customer_id=customer.id,
        payload=told,
        # Once a period, whatever happens to it meanwhile.
        key=row.current_end.isoformat(),
    )


def _methods(unit: Work, ahead: Sequence[Upcoming]) -> dict[UUID, dict[str, str]]:
    """The methods that can be charged, and how each is called."""
    wanted = {one.draft.payment_method_id for one in ahead if one.draft.payment_method_id}
    table = payment_methods.c
    rows = unit.session.execute(
        select(table.id, table.kind, table.masked).where(
            table.merchant_id == unit.merchant_id,
            table.id.in_(sorted(wanted)),
            table.state == "active",
        )
    )
    return {row.id: KINDS[row.kind].words(row.masked) for row in rows}


def _done(unit: Work, subscription_ids: Sequence[UUID]) -> None:
    table = subscriptions.c
    unit.session.execute(
        update(subscriptions)
        .where(table.merchant_id == unit.merchant_id, table.id.in_(subscription_ids))
        .values(noticed_for=table.current_end)
    )


def _one_by_one(engine: Engine, merchant_id: UUID, limit: int) -> int:
    with engine.work(merchant_id, system("notices")) as unit:
        waiting = [row.id for row in _claim(unit, limit)]
    for subscription_id in waiting:
        try:
            with engine.work(merchant_id, system("notices")) as unit:
                _announce(unit, _claim(unit, 1, only=subscription_id))
        except Exception as error:
            _LOG.exception("a charge could not be announced")
            code = error.code if isinstance(error, EngineError) else type(error).__name__
            with engine.work(merchant_id, system("notices")) as unit:
                # A person looks at it; it holds up neither the others nor a test clock.
                _done(unit, [subscription_id])
                open_review(unit, "notice_failed", "subscription", subscription_id, {"code": code})
    return len(waiting)
