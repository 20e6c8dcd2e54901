"""Writes of what a merchant has switched on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.errors import InvalidRequest
from core.work import Work
from payments.channels import PUSHES
from payments.queries import DEFAULT
from payments.tables import merchant_channels


def set_channel(
    unit: Work,
    channel: str,
    *,
    enabled: bool,
    rank: int | None = None,
    fee: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
) -> None:
    """Switch a channel on or off, and say where it stands in the list a customer sees.

    The first time, what was offered by default is written down beside it.

    Raises:
        InvalidRequest: ``unknown_channel``; a pull is no choice of the payer's page.
    """
    if channel not in PUSHES:
        raise InvalidRequest(
            "unknown_channel", f"{channel!r} is no way to pay that can be offered", field="channel"
        )
    for place, key in enumerate(DEFAULT):
        _write(unit, key, {"enabled": True, "rank": place}, keep=True)
    place = rank if rank is not None else sorted(PUSHES).index(channel) + 100
    c = merchant_channels.c
    before = unit.session.execute(
        select(c.enabled, c.rank, c.fee, c.limits).where(
            c.merchant_id == unit.merchant_id, c.channel == channel
        )
    ).one_or_none()
    values: dict[str, Any] = {"enabled": enabled, "rank": place, "fee": fee, "limits": limits}
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
