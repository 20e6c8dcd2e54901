"""How much may still go back, and by which road it can travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.calendars import civil_date, instant_of
from core.errors import InvalidRequest
from payments.attempts import Stage
from payments.channels import CHANNELS as ALL_CHANNELS
from payments.channels import RefundRules

# Midtrans settles captured cards on the next day at 16:00 of its own zone.
GATEWAY_ZONE: Final = "Asia/Jakarta"
SETTLEMENT_HOUR: Final = 16
_ASK_AGAIN: Final = timedelta(hours=1)


# What each channel can give back, told by its row (ADR 0016).
CHANNELS: Final[Mapping[str, RefundRules]] = {
    key: channel.refund for key, channel in ALL_CHANNELS.items()
}
_CAPTURED_FIRST: Final = frozenset(
    key for key, channel in ALL_CHANNELS.items() if channel.captured_first
)


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the whole captured transaction before it settles."""


@dataclass(frozen=True, slots=True)
class RefundNow:
    """Send the refund to the gateway."""


@dataclass(frozen=True, slots=True)
class WaitForSettlement:
    """A part of a captured card can go back only after settlement; look again at ``until``."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Manual:
    """The gateway cannot send it: the merchant transfers it by hand. ``reason`` is a code."""

    reason: str


Route = Cancel | RefundNow | WaitForSettlement | Manual


def refundable(paid: int, already: int) -> int:
    """Say how much of a payment may still go back, in whole rupiah.

    Args:
        paid: what the gateway took.
        already: refunds that succeeded, are on their way or are scheduled.
    """
    return max(0, paid - already)


def require_refundable(paid: int, already: int, amount: int) -> None:
    """Refuse a refund that is nothing or more than is left.

    Raises:
        InvalidRequest: ``nothing_to_refund`` or ``refund_exceeds_payment``.
    """
    if amount < 1:
        raise InvalidRequest("nothing_to_refund", f"a refund of {amount} is none", field="amount")
    left = refundable(paid, already)
    if amount > left:
        raise InvalidRequest(
            "refund_exceeds_payment",
            f"{amount} cannot be refunded: {left} of the payment is left",
            field="amount",
        )


def settles_at(paid_at: datetime) -> datetime:
    """Say when a captured card settles: the day after its capture, 16:00 WIB."""
    captured_on = civil_date(paid_at, GATEWAY_ZONE)
    return instant_of(captured_on + timedelta(days=1), GATEWAY_ZONE, SETTLEMENT_HOUR)


def route(
    channel: str,
    stage: Stage,
    amount: int,
    *,
    paid: int,
    already: int,
    paid_at: datetime,
    now: datetime,
    channels: Mapping[str, RefundRules] = CHANNELS,
) -> Route:
    """Choose how an amount goes back to the payer.

    Args:
        channel: a key of `payments.channels.CHANNELS`.
        stage: whether the money is captured or settled.
        amount: to give back now.
        paid: what the payment took.
        already: earlier refunds, on their way or done.
        paid_at: when it was paid (captured).
        now: the present, in the same clock.
        channels: what each channel can do; an unknown one is refunded by hand.

    Returns:
        ``Cancel`` for the whole of a captured card, ``WaitForSettlement`` for a part of it,
        ``RefundNow`` where the channel allows it, else ``Manual``.

    Raises:
        InvalidRequest: ``nothing_to_refund`` or ``refund_exceeds_payment``.

    Source: decision 11; Midtrans documentation, refund methods.
    """
    require_refundable(paid, already, amount)
    rules = channels.get(channel)
    if rules is None or not rules.refundable:
        return Manual("channel_cannot_refund")
    if rules.window_days is not None and now > paid_at + timedelta(days=rules.window_days):
        return Manual("refund_window_over")
    is_whole = already == 0 and amount == paid
    if stage is Stage.CAPTURED and channel in _CAPTURED_FIRST:
        if is_whole:
            return Cancel()
        expected = settles_at(paid_at)
        return WaitForSettlement(expected if now < expected else now + _ASK_AGAIN)
    if not is_whole and not rules.partial:
        return Manual("channel_refunds_only_whole")
    return RefundNow()
