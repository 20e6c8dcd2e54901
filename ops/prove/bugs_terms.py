"""Known mistakes of time: periods, anchors, trials, ends, outages, plan changes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from core.calendars import Anchor, Interval, next_boundary
from ops.prove.planting import Bug, Life, edit, swap

_PERIODS: Final = ("doctor:no-period-missing",)
_DAILY: Final = Life(3, 4, plans=("harian",))
MONTHS: Final = Life(5, 36, 1, begins=(1, 29), plans=("hemat", "pro"), deeds=(("pay_by_card", 1),))
LEAVING: Final = Life(3, 7, hours=30, deeds=(("cancel_later", 6), ("cancel_now", 2), ("stay", 1)))
TRYING: Final = Life(2, 9, 1, plans=("coba",))
CHANGING: Final = Life(
    3, 5, 1, hours=12, deeds=(("upgrade", 10), ("change_later", 4), ("quantity", 3))
)


def _thirty_days(anchor: Anchor, interval: Interval, on: date) -> date:
    return on + timedelta(days=30) if interval.months else next_boundary(anchor, interval, on)


def _from_the_last(_: Anchor, interval: Interval, on: date) -> date:
    return next_boundary(Anchor.at(on), interval, on)


BUGS: Final[dict[str, Bug]] = {
    "month-is-thirty-days": Bug(
        "a month is thirty days",
        "django-subscription-midtrans; larzsubscription",
        _PERIODS,
        (swap("billing.renewals", "next_boundary", _thirty_days),),
        life=MONTHS,
    ),
    "anchor-decays": Bug(
        "each period is stepped from the last one: 31 January, 28 February, 28 March",
        "killbill#127; boxbilling",
        _PERIODS,
        (swap("billing.renewals", "next_boundary", _from_the_last),),
        life=MONTHS,
    ),
    "only-on-the-billing-day": Bug(
        "what is due is billed only while the day is its billing day",
        "lago's hourly clock",
        ("doctor:nobody-forgotten", "nothing is left open"),
        (edit("billing.renewals:next_step", {
            "first[0] <= now": "first[0].date() == now.date() and first[0] <= now",
        }),),
        life=Life(histories=8, scene="the lights are out"),
    ),
    "outage-is-skipped": Bug(
        "after an outage only the present period is billed, those missed are not",
        "lago; polar before its catch-up (the check of what follows is gone too)",
        _PERIODS,
        (
            edit("billing.renewals:next_step", {
                "    first = _first(agreement)":
                "    today = now.date()\n"
                "    if agreement.billed_through < today - timedelta(days=1):\n"
                "        agreement = replace(agreement, billed_through=today)\n"
                "    first = _first(agreement)",
            }),
            edit("billing.renewals:apply", {"if all(step": "if False and all(step"}),
        ),
        life=Life(histories=8, scene="the lights are out"),
        pair=True,
    ),
    "day-billed-twice": Bug(
        "a period's last day is the next one's first",
        "lago#1840; killbill#1856",
        (*_PERIODS, "no flow fails"),
        (edit("billing.renewals:apply", {
            "billed_through=period.end)": "billed_through=period.end - timedelta(days=1))",
        }),),
        life=Life(2, 4, 1, plans=("harian",)),
    ),
    "day-never-billed": Bug(
        "between two periods a day is left out",
        "lago#1840; silver#200",
        _PERIODS,
        (edit("billing.renewals:apply", {
            "billed_through=period.end)": "billed_through=period.end + timedelta(days=1))",
        }),),
        life=Life(2, 4, 1, plans=("harian",)),
    ),
    "renewed-by-two": Bug(
        "two who renew at once bill a period twice (key, index and locks are gone)",
        "polar#11065; lago#1868; killbill#310",
        ("doctor:one-invoice-a-period", *_PERIODS, "no flow fails"),
        (
            edit("billing.flows.issue:issue", {
                'unit.derive("invoice", *draft.key): draft for': "ids.fresh(): draft for",
            }),
            edit("billing.flows.renew:_claim", {
                "            .with_for_update(key_share=True, skip_locked=True)\n": "",
                "        .with_for_update(skip_locked=True)\n": "",
            }),
        ),
        ("DROP INDEX uq_invoices_business_key",),
        life=Life(4, 6, 2, hours=10, plans=("harian",)),
        pair=True,
    ),
    "trial-is-charged": Bug(
        "the days of a trial are invoiced when it begins",
        "django-subscription-midtrans",
        _PERIODS,
        (edit("billing.flows.subscribe:subscribe", {
            "    if days:\n        return Subscribed(created, None)\n": "",
        }),),
        life=TRYING,
    ),
    "trial-never-ends": Bug(
        "who is on trial is never picked up by the renewal",
        "django-subscription-midtrans",
        ("no flow fails", "no request breaks a guard", "doctor:nobody-forgotten"),
        (edit("billing.renewals:_steps", {
            "if not agreement.status.is_billable:":
            "if agreement.status is SubscriptionStatus.TRIALING:\n        return steps\n"
            "    if not agreement.status.is_billable:",
        }),),
        life=TRYING,
    ),
    "canceled-is-renewed": Bug(
        "who cancelled at the period's end is billed on",
        "polar#7168; openmeter#4412",
        ("a cancellation is kept", "doctor:"),
        (edit("billing.renewals:_end_on", {"return agreement.cancel_on": "return None"}),),
        life=LEAVING,
    ),
    "canceled-too-early": Bug(
        "a cancellation at the period's end ends service at once, and what was paid is kept",
        "polar#6542",
        ("doctor:", "a cancellation is kept"),
        (edit("billing.renewals:_steps", {
            "steps.append((instant_of(end_on, agreement.zone), End(end_on)))":
            "steps.append((instant_of(end_on - timedelta(days=2), agreement.zone), End(end_on)))",
        }),),
        life=Life(histories=8, scene="stays after all"),
    ),
    "end-gives-nothing-back": Bug(
        "what was invoiced beyond the end is not taken back",
        "lago#1179; django-subscription-midtrans",
        ("a cancellation is kept",),
        (edit("billing.flows.renew_rows:end", {
            "take_back_unserved(unit, case.row, since, freed_from=since)": "None",
        }),),
        life=Life(4, 10, hours=60, deeds=(("cancel_later", 8), ("stay", 1)), plans=("mingguan",)),
    ),
    "change-keeps-the-old-period": Bug(
        "after a change to another interval the next step is still the old one's",
        "lago#218; django-subscription-midtrans",
        ("doctor:next-step-computes", *_PERIODS),
        (edit("billing.flows.change_plan:_apply", {
            "next_at=next_at(moved.agreement)": "next_at=subscription.next_at",
        }),),
        life=CHANGING,
    ),
    "change-keeps-both-plans": Bug(
        "after a change the old item stays in force beside the new one (its index is gone too)",
        "killbill#2306; silver#228",
        ("doctor:one-item-in-force", "no flow fails", "no request breaks a guard"),
        (edit("billing.flows.item_rows:put_item", {
            "ended_on=func.greatest(table.started_on, on)": "ended_on=None",
        }),),
        ("DROP INDEX uq_subscription_items_one_in_force",),
        life=CHANGING,
        pair=True,
    ),
    "next-step-forgotten": Bug(
        "a renewal moves the dates and not the time of the next step",
        "polar: locked and never released",
        ("doctor:next-step-computes", "nothing is left open", "the world comes to rest"),
        (edit("billing.flows.renew_rows:_values", {
            '"next_at": next_at(agreement)': '"next_at": case.row.next_at',
        }),),
        life=_DAILY,
    ),
    "paid-does-not-begin": Bug(
        "who paid the first invoice stays incomplete, and is ended after three days",
        "django-subscription-midtrans; polar#9084",
        ("who pays is served",),
        (edit("billing.service:after_paid", {
            "move_subscription(unit, subscription, SubscriptionEvent.ACTIVATED)": "None",
        }),),
        life=Life(histories=8, scene="loose money"),
    ),
}  # fmt: skip
