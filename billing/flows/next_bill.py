"""What a subscription is billed next, priced as the renewal will: by its own functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from billing import queries
from billing.drafts import InvoiceDraft, due_date
from billing.flows import renew_rows
from billing.flows.issue import price_drafts
from billing.flows.renew import draft_of, step_of
from billing.flows.renew_rows import Case
from billing.flows.usage_close import Close, plan_closing
from billing.lifecycle import SubscriptionStatus
from billing.renewals import End, Issue, apply, next_at
from core.calendars import Period, civil_date, instant_of
from core.work import Work
from invoices.lines import PricedDocument

# Into a period, into a pause and out of it: an invoice is never further away.
_STEPS_MAX: Final = 6


@dataclass(frozen=True, slots=True)
class NextBill:
    """The next invoice of a period, and the instant from which it is issued (now, at the least)."""

    at: datetime
    period: Period
    draft: InvoiceDraft
    document: PricedDocument


def next_invoice(unit: Work, subscription_id: UUID) -> NextBill | None:
    """Show the next invoice as it would be if nothing changed any more; writes nothing.

    Nothing more is used, a level stays what it is. None where no invoice follows: the subscription
    ends or pauses first, or waits for its first payment.

    Raises:
        NotFound: ``subscription_not_found``.
    """
    [case] = renew_rows.load(unit, [queries.get_subscription(unit, subscription_id)])
    at = unit.now
    for _ in range(_STEPS_MAX):
        due = next_at(case.agreement)
        at = at if due is None else max(at, due)
        step = None if due is None else step_of(case, at)
        if step is None or isinstance(step, End):
            return None
        if isinstance(step, Issue):
            return next_bill(unit, case, not_before=at)
        case.agreement = apply(case.agreement, step)
    return None


def next_bill(
    unit: Work, case: Case, *, by: datetime | None = None, not_before: datetime | None = None
) -> NextBill | None:
    """Price the next invoice of a case whose agreement is as it will be; writes nothing.

    Args:
        by: none where it is not issued by this instant; by default whenever it is.
        not_before: when the case becomes what it is; by default it is so now.
    """
    due = next_at(case.agreement) if by is None else by
    if due is None:
        return None
    at = max(unit.now, due, not_before or due)
    step = step_of(case, at)
    if not isinstance(step, Issue):
        return None
    draft = _with_usage(unit, case, step, draft_of(unit, case, step, {}), at)
    issued_on = civil_date(at, draft.zone)
    draft = replace(draft, due_on=due_date(draft.collection, issued_on, case.row.terms_days))
    [document] = price_drafts(unit.merchant, [draft], unit.merchant.today(at))
    return NextBill(at, step.period, draft, document)


def _with_usage(
    unit: Work, case: Case, step: Issue, draft: InvoiceDraft, at: datetime
) -> InvoiceDraft:
    """Add what was used, as if no more came; of a period that is not over then it comes later."""
    zone = case.row.billing_zone
    if instant_of(step.period.start, zone) > at:
        return draft
    through = step.period.start
    if case.row.pause_on is not None and case.row.pause_on < step.period.start:
        # The pause bills what was used before it, and in it nothing is; left are late events.
        if case.row.status != SubscriptionStatus.PAUSED:
            return draft
        through = case.row.pause_on
    planned = plan_closing(unit, [Close(case.row, through, draft)])
    # Usage of prices that hold their tax otherwise is an invoice of its own.
    [own] = [one for one in planned.drafts if one.key == draft.key]
    return own
