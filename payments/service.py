"""Writes of what a merchant has switched on, and of the order of what its customers have saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from core.errors import Conflict, InvalidRequest, NotFound
from core.work import Work
from payments.channels import HOSTED, SWITCHED
from payments.queries import DEFAULT, methods_in_order
from payments.tables import merchant_channels, payment_methods


def set_channel(
    unit: Work,
    channel: str,
    *,
    enabled: bool,
    rank: int | None = None,
    fee: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    takes_cards: bool = False,
) -> None:
    """Switch a channel on or off, and say where it stands in the list a customer sees.

    The first time, what was offered by default is written down beside it.

    Args:
        takes_cards: of a hosted page, cards are entered there and nowhere else.

    Raises:
        InvalidRequest: ``unknown_channel``; cards go by ``card_mode``. ``no_hosted_page``, where
            cards should be entered on what is none.
    """
    if takes_cards and channel not in HOSTED:
        raise InvalidRequest(
            "no_hosted_page", f"{channel!r} is no page to enter cards on", field="takes_cards"
        )
    if channel not in SWITCHED:
        raise InvalidRequest(
            "unknown_channel", f"{channel!r} is no way to pay that can be offered", field="channel"
        )
    for place, key in enumerate(DEFAULT):
        _write(unit, key, {"enabled": True, "rank": place}, keep=True)
    place = rank if rank is not None else sorted(SWITCHED).index(channel) + 100
    c = merchant_channels.c
    before = unit.session.execute(
        select(c.enabled, c.rank, c.fee, c.limits, c.takes_cards).where(
            c.merchant_id == unit.merchant_id, c.channel == channel
        )
    ).one_or_none()
    values: dict[str, Any] = {
        "enabled": enabled, "rank": place, "fee": fee, "limits": limits,
        "takes_cards": takes_cards,
    }  # fmt: skip
    _write(unit, channel, values, keep=False)
    unit.audit(
        "channel.set",
        "channel",
        unit.derive("channel", channel),
        before={"enabled": False} if before is None else dict(before._mapping),
        after={**values, "channel": channel},
    )


def _write(unit: Work, channel: str, values: dict[str, Any], *, keep: bool) -> None:
    statement = insert(merchant_channels).values(
        merchant_id=unit.merchant_id,
        id=unit.derive("channel", channel),
        channel=channel,
        created_at=unit.real_now,
        **values,
    )
    keys = ["merchant_id", "channel"]
    unit.session.execute(
        statement.on_conflict_do_nothing(index_elements=keys)
        if keep
        else statement.on_conflict_do_update(index_elements=keys, set_=values)
    )


def next_rank(unit: Work, customer_id: UUID) -> int:
    """Where a new method of a customer stands: behind all he has."""
    c = payment_methods.c
    last = unit.session.execute(
        select(func.max(c.rank)).where(
            c.merchant_id == unit.merchant_id, c.customer_id == customer_id
        )
    ).scalar_one()
    return 0 if last is None else int(last) + 1


def put_first(unit: Work, customer_id: UUID, method_id: UUID) -> None:
    """Put one method before the customer's others, which keep their order."""
    order_methods(unit, customer_id, [method_id])


def order_methods(unit: Work, customer_id: UUID, first: Sequence[UUID]) -> list[UUID]:
    """Put these methods first, as they stand, and the customer's others behind them as they stood.

    The caller holds the customer. Returns the new order.

    Raises:
        NotFound: ``payment_method_not_found``. Conflict: ``payment_method_not_usable``.
    """
    c = payment_methods.c
    standing = [row.id for row in methods_in_order(unit, customer_id)]
    wanted = list(dict.fromkeys(first))
    for one in wanted:
        if one not in standing:
            raise _not_to_be_ordered(unit, customer_id, one)
    after = wanted + [one for one in standing if one not in wanted]
    if after:
        places = case({one: place for place, one in enumerate(after)}, value=c.id)
        unit.session.execute(
            update(payment_methods)
            .where(c.merchant_id == unit.merchant_id, c.id.in_(after))
            .values(rank=places)
        )
    return after


def _not_to_be_ordered(unit: Work, customer_id: UUID, method_id: UUID) -> NotFound | Conflict:
    c = payment_methods.c
    his = select(c.id).where(
        c.merchant_id == unit.merchant_id, c.customer_id == customer_id, c.id == method_id
    )
    if unit.session.execute(his).one_or_none() is None:
        return NotFound("payment_method_not_found", "the customer has no such payment method")
    return Conflict("payment_method_not_usable", "this payment method has ended")
