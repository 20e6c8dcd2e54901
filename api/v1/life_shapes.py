"""Pausing, resuming and what else happens in a subscription's life: shapes."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from api.shapes import Day, In, Instant, Out, Rupiah, Words
from api.v1.change_shapes import (
    CreditPlanOut,
    QuotedLineOut,
    shape_credit,
    shape_draft_lines,
    shape_quoted,
)
from billing.access import WHY
from billing.flows.access import access_of
from billing.flows.pause import PlannedResume
from billing.flows.pause_quote import PlannedPause
from billing.flows.trial import PlannedTrial
from core import ids
from core.work import Work
from plans.queries import load_prices

KeepAnchor = Annotated[
    bool,
    Meta(
        description="Whether periods go on beginning on the day they did, after a part of one. "
        "By default a new one begins with the day it is served again."
    ),
]


class PauseIn(In, kw_only=True):
    """From when, until when, and what becomes of the time that is paid for."""

    policy: Annotated[
        Literal["serve_paid", "give_back", "forfeit"],
        Meta(
            description="`serve_paid`: what is paid is served first. `give_back`: it pauses today "
            "and the unused days come back. `forfeit`: it pauses today and the days it lasts are "
            "lost."
        ),
    ] = "serve_paid"
    resume_on: Annotated[
        Day | None,
        Meta(description="The first date it is served again; without one you resume it."),
    ] = None
    keep_anchor: KeepAnchor = False
    reason: Words | None = None


class ResumeIn(In, kw_only=True):
    """When it is served again."""

    on: Annotated[Day | None, Meta(description="Today by default, or a date to come.")] = None
    keep_anchor: KeepAnchor = False


class PausePreviewOut(Out):
    """What a pause does if it is asked for now."""

    policy: Annotated[str, Meta(description="Its name and version, as it is kept.")]
    pause_on: Annotated[str, Meta(description="The first date that is not served.")]
    resume_on: Day | None
    voids: Annotated[list[str], Meta(description="Open invoices that would be voided.")]
    credits: list[CreditPlanOut]
    usage: Annotated[
        list[QuotedLineOut], Meta(description="What was used and would be billed now, before tax.")
    ]


class ResumePreviewOut(Out):
    """What resuming bills, on the date it is served again."""

    on: Day
    period_start: Day
    period_end: Day
    lines: Annotated[
        list[QuotedLineOut], Meta(description="None where paid time is left to be served.")
    ]
    subtotal: Rupiah
    tax: Rupiah
    total: Rupiah


class TrialIn(In, kw_only=True):
    """When a trial ends."""

    ends_on: Annotated[
        Day | None, Meta(description="The first paid date: today by default, or later than now.")
    ] = None
    reason: Words | None = None


class TrialPreviewOut(Out):
    """What moving a trial's end does if it is asked for now."""

    ends_on: Day
    voids: Annotated[list[str], Meta(description="Invoices sent ahead that would be voided.")]
    issued_at: Annotated[Instant | None, Meta(description="When the first invoice is issued.")]
    period_start: Day
    period_end: Day
    lines: list[QuotedLineOut]
    subtotal: Rupiah
    tax: Rupiah
    total: Rupiah


class AccessItemOut(Out):
    """Something the subscription has today."""

    price: str
    plan: str
    quantity: int


class AccessOut(Out):
    """Whether the customer may use the service now."""

    allowed: bool
    reason: Annotated[
        Literal[
            "trial", "active", "ending", "grace", "first_payment", "grace_over", "unpaid",
            "paused", "ended", "not_begun",
        ],
        Meta(
            description="`ending`: it is cancelled or paused on a day to come. `grace`: a payment "
            "is late, and service goes on for now."
        ),
    ]  # fmt: skip
    until: Annotated[
        Instant | None, Meta(description="When it ends if nothing is renewed or paid.")
    ]
    again: Annotated[Instant | None, Meta(description="When it is allowed again by itself.")]
    words: Annotated[dict[str, str], Meta(description="The reason as a sentence, by language.")]
    items: list[AccessItemOut]


def shape_trial(planned: PlannedTrial) -> TrialPreviewOut:
    """Shape what moving a trial's end will do."""
    bill = planned.bill
    document = bill.document if bill else None
    period = bill.period if bill else planned.moved.current
    return TrialPreviewOut(
        ends_on=planned.ends_on,
        voids=[ids.public("invoice", one) for one in planned.voided],
        issued_at=bill.at if bill else None,
        period_start=period.start,
        period_end=period.end,
        lines=shape_quoted(document),
        subtotal=document.subtotal.amount if document else 0,
        tax=document.tax.tax.amount if document else 0,
        total=document.total.amount if document else 0,
    )


def read_access(unit: Work, subscription_id: UUID) -> AccessOut:
    """Read whether a subscription is served now, and what it has."""
    decided = access_of(unit, subscription_id)
    prices = load_prices(unit, {one.price_id for one in decided.items})
    told = decided.access
    return AccessOut(
        allowed=told.allowed,
        reason=told.reason,
        until=told.until,
        again=told.again,
        words=WHY[told.reason],
        items=[
            AccessItemOut(
                price=ids.public("price", one.price_id),
                plan=prices[one.price_id].plan_code,
                quantity=one.quantity,
            )
            for one in decided.items
        ],
    )


def shape_pause(planned: PlannedPause) -> PausePreviewOut:
    """Shape what a pause will do."""
    return PausePreviewOut(
        policy=planned.version,
        pause_on=planned.quote.pause_on.isoformat(),
        resume_on=planned.resume_on,
        voids=[ids.public("invoice", one) for one in planned.voided],
        credits=[shape_credit(one) for one in planned.credits],
        usage=shape_draft_lines(planned.usage.drafts),
    )


def shape_resume(planned: PlannedResume) -> ResumePreviewOut:
    """Shape what resuming will do."""
    document = planned.document
    return ResumePreviewOut(
        on=planned.on,
        period_start=planned.period.start,
        period_end=planned.period.end,
        lines=shape_quoted(document),
        subtotal=document.subtotal.amount if document else 0,
        tax=document.tax.tax.amount if document else 0,
        total=document.total.amount if document else 0,
    )
