"""Statuses of a subscription and the one table of legal moves between them."""

from __future__ import annotations

from enum import StrEnum

from core.errors import IllegalMove


class SubscriptionStatus(StrEnum):
    """Where a subscription stands; ``canceled`` is the end of it."""

    TRIALING = "trialing"
    INCOMPLETE = "incomplete"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"

    @property
    def is_serving(self) -> bool:
        """The customer is served, on trial, paid or in grace."""
        return self in _SERVING

    @property
    def is_billable(self) -> bool:
        """Periods roll and invoices are issued."""
        return self in _SERVING

    @property
    def is_ended(self) -> bool:
        return self is SubscriptionStatus.CANCELED


class SubscriptionEvent(StrEnum):
    """What can happen to a subscription."""

    ACTIVATED = "activated"
    TRIAL_ENDED = "trial_ended"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_RECOVERED = "payment_recovered"
    GAVE_UP_KEEP = "gave_up_keep"
    CANCELED = "canceled"
    PAUSED = "paused"
    RESUMED = "resumed"
    EXPIRED_INCOMPLETE = "expired_incomplete"


_S = SubscriptionStatus
_E = SubscriptionEvent

_SERVING = frozenset({_S.TRIALING, _S.ACTIVE, _S.PAST_DUE})

MOVES: dict[tuple[SubscriptionStatus, SubscriptionEvent], SubscriptionStatus] = {
    (_S.INCOMPLETE, _E.ACTIVATED): _S.ACTIVE,
    (_S.INCOMPLETE, _E.PAYMENT_FAILED): _S.INCOMPLETE,
    (_S.INCOMPLETE, _E.EXPIRED_INCOMPLETE): _S.CANCELED,
    (_S.INCOMPLETE, _E.CANCELED): _S.CANCELED,
    (_S.TRIALING, _E.TRIAL_ENDED): _S.ACTIVE,
    (_S.TRIALING, _E.CANCELED): _S.CANCELED,
    (_S.ACTIVE, _E.PAYMENT_FAILED): _S.PAST_DUE,
    (_S.ACTIVE, _E.PAYMENT_RECOVERED): _S.ACTIVE,
    (_S.ACTIVE, _E.PAUSED): _S.PAUSED,
    (_S.ACTIVE, _E.CANCELED): _S.CANCELED,
    (_S.PAST_DUE, _E.PAYMENT_FAILED): _S.PAST_DUE,
    (_S.PAST_DUE, _E.PAYMENT_RECOVERED): _S.ACTIVE,
    (_S.PAST_DUE, _E.PAUSED): _S.PAUSED,
    (_S.PAST_DUE, _E.GAVE_UP_KEEP): _S.UNPAID,
    (_S.PAST_DUE, _E.CANCELED): _S.CANCELED,
    (_S.UNPAID, _E.PAYMENT_FAILED): _S.UNPAID,
    (_S.UNPAID, _E.PAYMENT_RECOVERED): _S.ACTIVE,
    (_S.UNPAID, _E.CANCELED): _S.CANCELED,
    (_S.PAUSED, _E.RESUMED): _S.ACTIVE,
    (_S.PAUSED, _E.CANCELED): _S.CANCELED,
    # News about an old debt moves neither a paused nor an ended subscription.
    (_S.PAUSED, _E.PAYMENT_FAILED): _S.PAUSED,
    (_S.PAUSED, _E.PAYMENT_RECOVERED): _S.PAUSED,
    (_S.CANCELED, _E.PAYMENT_FAILED): _S.CANCELED,
    (_S.CANCELED, _E.PAYMENT_RECOVERED): _S.CANCELED,
}


def move(status: SubscriptionStatus, event: SubscriptionEvent) -> SubscriptionStatus:
    """Give the status that follows an event.

    Raises:
        IllegalMove: code ``illegal_move``; the table has no such move.
    """
    following = MOVES.get((status, event))
    if following is None:
        raise IllegalMove(
            "illegal_move", f"A subscription that is {status} cannot be moved by {event}."
        )
    return following
