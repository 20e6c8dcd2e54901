"""Reads of what a merchant has switched on, and of what its customers have saved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, case, func, not_, or_, select, text

from core.work import Work
from payments.channels import CHANNELS, HOSTED, PUSHES, STANDING, Channel
from payments.declines import DeclineClass
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


def page_for_cards(unit: Work) -> str | None:
    """The hosted page on which the merchant takes cards, and nowhere else; None without one."""
    c = merchant_channels.c
    found: str | None = unit.session.execute(
        select(c.channel)
        .where(c.merchant_id == unit.merchant_id, c.channel.in_(HOSTED), c.enabled, c.takes_cards)
        .order_by(c.rank)
        .limit(1)
    ).scalar_one_or_none()
    return found


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
    # A bank or a line that was down is no answer, though the gateway opened the order for it.
    was_down = and_(
        c.state == "failed",
        or_(
            func.coalesce(c.decline_class, "") == DeclineClass.TECHNICAL.value,
            func.coalesce(c.answer["transaction_status"].astext, "") == "failure",
        ),
    )
    answered = case((and_(told, not_(was_down)), 1), else_=0)
    rows = unit.session.execute(
        select(c.channel, func.count(), func.sum(answered))
        .where(
            c.merchant_id == unit.merchant_id,
            c.last_sent_at > unit.real_now - WINDOW,
            # By the index: what was opened long ago says nothing of today.
            c.opened_at > unit.now - WINDOW,
            c.state != "sent",
        )
        .group_by(c.channel)
    )
    return {channel: Health(asked, int(told)) for channel, asked, told in rows}


def standing_channels(offered: Iterable[Offered]) -> tuple[Offered, ...]:
    """The channels whose number can go onto an invoice when it is issued, the first one first."""
    return tuple(one for one in offered if one.channel.key in STANDING)


def troubled_channels(unit: Work, offered: Sequence[Offered]) -> frozenset[str]:
    """The channels that lately went unanswered too often; where there is a choice at all."""
    if len(offered) < 2:
        return frozenset()
    health = channel_health(unit)
    return frozenset(key for key, one in health.items() if one.state == "troubled")


def standing_channel(
    standing: Sequence[Offered],
    amount: int,
    on: date,
    *,
    preferred: str | None = None,
    troubled: Collection[str] = (),
) -> str | None:
    """The channel of the number on an invoice: one that takes the amount and works now, by the
    customer's preference, then by the merchant's order. Where none takes it the gateway has the
    last word.

    None where the merchant offers only what lives for minutes: the customer then chooses on the
    invoice's page.
    """
    fitting = [one for one in standing if one.takes(amount, on)] or list(standing)
    fitting.sort(key=lambda one: (one.channel.key in troubled, one.channel.key != preferred))
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
