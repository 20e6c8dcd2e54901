"""May this customer use the service now, until when, and why not: decided from dates alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement
from core.calendars import instant_of

Reason = Literal[
    "trial",
    "active",
    "ending",
    "grace",
    "first_payment",
    "grace_over",
    "unpaid",
    "paused",
    "ended",
    "not_begun",
]


WHY: Final[Mapping[Reason, dict[str, str]]] = {
    "trial": {"id": "Masa coba berlangsung.", "en": "The trial lasts."},
    "active": {"id": "Langganan aktif.", "en": "The subscription is active."},
    "ending": {
        "id": "Langganan masih berjalan, lalu berhenti atau dijeda.",
        "en": "It is served for now, and then ends or pauses.",
    },
    "grace": {
        "id": "Ada tagihan yang terlambat dibayar; layanan masih berjalan.",
        "en": "A payment is late; service goes on for now.",
    },
    "first_payment": {
        "id": "Menunggu pembayaran pertama.", "en": "It waits for its first payment.",
    },
    "grace_over": {
        "id": "Ada tagihan yang terlambat dibayar, dan masa tenggangnya habis.",
        "en": "A payment is late, and its grace is over.",
    },
    "unpaid": {
        "id": "Layanan berhenti karena tagihan tidak dibayar.",
        "en": "Service stopped because nobody paid.",
    },
    "paused": {"id": "Langganan dijeda.", "en": "The subscription is paused."},
    "ended": {"id": "Langganan sudah berakhir.", "en": "The subscription has ended."},
    "not_begun": {"id": "Langganan belum mulai.", "en": "The subscription has not begun."},
}  # fmt: skip
"""The reason as a sentence, by language."""


@dataclass(frozen=True, slots=True)
class Access:
    """The decision. Instants are UTC.

    ``until`` is when it ends if nothing else happens (nobody pays, nothing renews), where it is
    allowed; ``again`` is when it is allowed again by itself, where that is known.
    """

    allowed: bool
    reason: Reason
    until: datetime | None = None
    again: datetime | None = None


def decide(agreement: Agreement, now: datetime, *, grace_until: date | None = None) -> Access:
    """Decide whether a subscription is served at ``now``.

    On trial, and while its time runs: yes, until the period's end, or the day it is cancelled or
    paused on where that comes first. Behind with a payment: yes, until ``grace_until``. Waiting
    for its first payment, unpaid, paused or ended: no. Work that is due counts as done: a period
    whose renewal is some seconds late is no reason to shut anybody out, a date that is over is.

    Args:
        grace_until: the first civil date without service while a period is owed; none where
            nothing is chased yet.

    Source: billing rules R42 and R66.
    """
    zone, status = agreement.zone, agreement.status
    if status is SubscriptionStatus.CANCELED:
        return Access(False, "ended")
    if agreement.cancel_on is not None and instant_of(agreement.cancel_on, zone) <= now:
        return Access(False, "ended")
    if status is SubscriptionStatus.INCOMPLETE:
        return Access(False, "first_payment")
    if status is SubscriptionStatus.UNPAID:
        return Access(False, "unpaid")
    if _is_paused(agreement, now):
        on = agreement.resume_on
        return Access(False, "paused", again=None if on is None else instant_of(on, zone))
    if instant_of(agreement.current.start, zone) > now:
        return Access(False, "not_begun", again=instant_of(agreement.current.start, zone))
    if status is SubscriptionStatus.PAST_DUE and grace_until is not None:
        last = instant_of(grace_until, zone)
        if last <= now:
            return Access(False, "grace_over")
        return Access(True, "grace", until=min(last, _until(agreement, now) or last))
    ends = agreement.cancel_on is not None or agreement.pause_on is not None
    if status is SubscriptionStatus.TRIALING:
        return Access(True, "trial", until=_until(agreement, now))
    return Access(True, "ending" if ends else "active", until=_until(agreement, now))


def _is_paused(agreement: Agreement, now: datetime) -> bool:
    if agreement.pause_on is None or instant_of(agreement.pause_on, agreement.zone) > now:
        return False
    resume_on = agreement.resume_on
    return resume_on is None or instant_of(resume_on, agreement.zone) > now


def _until(agreement: Agreement, now: datetime) -> datetime | None:
    """The next date on which service ends unless it is renewed; none where that is due now."""
    stops = (agreement.cancel_on, agreement.pause_on)
    dates = [agreement.current.end, *(one for one in stops if one is not None)]
    coming = [at for one in dates if (at := instant_of(one, agreement.zone)) > now]
    return min(coming, default=None)
