"""What a subscription is billed next once its dates have moved: priced as the renewal will."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from billing.drafts import InvoiceDraft
from billing.flows.issue import price_drafts
from billing.flows.renew import draft_of, step_of
from billing.flows.renew_rows import Case
from billing.renewals import Issue, next_at
from core.calendars import Period
from core.work import Work
from invoices.lines import PricedDocument


@dataclass(frozen=True, slots=True)
class NextBill:
    """The next invoice of a period, and the instant from which it is issued (now, at the least)."""

    at: datetime
    period: Period
    draft: InvoiceDraft
    document: PricedDocument


def next_bill(unit: Work, case: Case, *, by: datetime | None = None) -> NextBill | None:
    """Price the next invoice of a case whose agreement is as it will be; writes nothing.

    Args:
        by: none where it is not issued by this instant; by default whenever it is.
    """
    due = next_at(case.agreement) if by is None else by
    if due is None:
        return None
    at = max(unit.now, due)
    step = step_of(case, at)
    if not isinstance(step, Issue):
        return None
    draft = draft_of(unit, case, step, {})
    [document] = price_drafts(unit.merchant, [draft], unit.merchant.today(at))
    return NextBill(at, step.period, draft, document)
