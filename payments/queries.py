"""Reads of what a merchant has switched on, and of what its customers have saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, func, or_, select, text

from core.work import Work
from payments.channels import CHANNELS, HOSTED, PUSHES, STANDING, Channel
from payments.fees import Fee, FeeRow, fee_of, fee_row
from payments.health import WINDOW, Health
from payments.limits import AmountLimit, limit_of, refusal
from payments.method_kinds import allowed_kinds
from payments.tables import merchant_channels, payment_methods, payment_orders

# Of a merchant who has chosen nothing yet.
DEFAULT: Final = ("bca_va",)


@dataclass(frozen=True, slots=True)
class Offered:
    """A channel a merchant has switched on; ``fee`` and ``limits`` override the published ones.

    ``takes_cards``: of a hosted page, cards are entered there and nowhere else.
    """

    channel: Channel
    rank: int
    fee: Mapping[str, Any] | None = None
    limits: Mapping[str, Any] | None = None
    takes_cards: bool = False

    def limit(self, on: date) -> AmountLimit:
        """How much one payment may be: ``least`` and ``most`` of the merchant's own first."""
        if self.limits is None:
            return limit_of(self.channel.key, on)
        return AmountLimit(
            self.channel.key, date.min, self.limits["least"], self.limits["most"], "merchant"
        )

    def cost(self, amount: int, on: date) -> Fee | None:
        """What the gateway keeps of ``amount``; None where nobody publishes a price. The merchant's
        own is ``fixed`` whole rupiah, ``basis_points`` of the amount, and how its PPN counts.
        """
        row = fee_row(self.channel.key, on)
        if self.fee is not None:
            rate = Fraction(self.fee["basis_points"], 10_000)
            row = FeeRow(
                self.channel.key, date.min, self.fee["fixed"], rate, self.fee["ppn"], "merchant"
            )
        return None if row is None else fee_of(amount, row)

    def takes(self, amount: int, on: date) -> bool:
        """Whether one payment of ``amount`` is within the limits of that day."""
        return refusal(amount, self.limit(on)) is None


def offered_channels(unit: Work) -> tuple[Offered, ...]:
    """The channels a customer may push by, in the merchant's order."""
    c = merchant_channels.c
    rows = unit.session.execute(
        select(c.channel, c.enabled, c.rank, c.fee, c.limits, c.takes_cards)
        .where(c.merchant_id == unit.merchant_id)
        .order_by(c.rank, c.channel)
    ).all()
    if not rows:
        return tuple(Offered(CHANNELS[key], rank) for rank, key in enumerate(DEFAULT))
    return tuple(
        Offered(CHANNELS[row.channel], row.rank, row.fee, row.limits, row.takes_cards)
        for row in rows
        if row.enabled and row.channel in PUSHES
    )


def cards_on_page_only(unit: Work) -> bool:
    """Whether the merchant takes cards on a hosted page and nowhere else."""
    c = merchant_channels.c
    return (
        unit.session.execute(
            select(c.id).where(
                c.merchant_id == unit.merchant_id,
                c.channel.in_(HOSTED),
                c.enabled,
                c.takes_cards,
            )
        ).first()
        is not None
    )


def switched_on(unit: Work) -> frozenset[str]:
    """The keys of all channels that the merchant has switched on, pulls among them."""
    c = merchant_channels.c
    rows = unit.session.execute(
        select(c.channel).where(c.merchant_id == unit.merchant_id, c.enabled)
    )
    return frozenset(rows.scalars())


def chargeable_kinds(unit: Work) -> frozenset[str]:
    """The kinds of methods that may be charged without the payer."""
    return allowed_kinds(unit.merchant.card_mode, switched_on(unit))


def channel_health(unit: Work) -> dict[str, Health]:
    """How each channel did in the last hours of machine time, in one query."""
    c = payment_orders.c
    # A hosted page has no transaction before something is chosen, but an address.
    told = or_(c.transaction_id.is_not(None), c.instructions != text("'{}'::jsonb"))
    answered = case((told, 1), else_=0)
    rows = unit.session.execute(
        select(c.channel, func.count(), func.sum(answered))
        .where(
            c.merchant_id == unit.merchant_id,
            c.last_sent_at > unit.real_now - WINDOW,
            c.state != "sent",
        )
        .group_by(c.channel)
    )
    return {channel: Health(asked, int(told)) for channel, asked, told in rows}


def standing_channels(offered: Iterable[Offered]) -> tuple[Offered, ...]:
    """The channels whose number can go onto an invoice when it is issued, the first one first."""
    return tuple(one for one in offered if one.channel.key in STANDING)


def standing_channel(standing: Sequence[Offered], amount: int, on: date) -> str | None:
    """The first channel that takes the amount; else the first, and the gateway has the last word.

    None where the merchant offers only what lives for minutes: the customer then chooses on the
    invoice's page.
    """
    fitting = [one for one in standing if one.takes(amount, on)] or list(standing)
    return fitting[0].channel.key if fitting else None


def methods_in_order(unit: Work, customer_id: UUID) -> list[Row[Any]]:
    """The saved methods of a customer that have not ended, in his order; without their secrets."""
    c = payment_methods.c
    return list(
        unit.session.execute(
            select(c.id, c.kind, c.state, c.rank, c.brand, c.masked, c.expires_at, c.token_hash)
            .where(
                c.merchant_id == unit.merchant_id,
                c.customer_id == customer_id,
                c.state != "ended",
            )
            .order_by(c.rank, c.created_at, c.id)
        )
    )
