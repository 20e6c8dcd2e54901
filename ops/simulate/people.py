"""Who takes part: what each has or will take, how he pays, and what chance has in store.

Chance is a digest of the seed, the person and the question. So the same person meets the same
fate under another catalogue or another policy, and what differs is theirs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final, Literal
from uuid import UUID

from billing.discounted import Granted
from billing.flows.item_rows import Extra
from billing.renewals import Agreement
from core.errors import InvalidRequest
from plans.queries import Price

WHOLE: Final = 10_000
"""Basis points of the whole: all chances are whole numbers of these."""


@dataclass(frozen=True, slots=True)
class Channel:
    """How charges of one kind go, in basis points.

    ``decline`` of first tries fail (of those who pay by themselves: are not paid in time); of
    the failures ``hard`` are final for the method. A planned retry brings the money with
    ``retry``, one at payday with ``payday``; a notice moves the customer to pay with ``notice``.
    """

    decline: int
    hard: int
    retry: int
    payday: int
    notice: int


@dataclass(frozen=True, slots=True)
class Chances:
    """What people do, in basis points a month, and how their charges go."""

    card: Channel = Channel(decline=800, hard=1_500, retry=2_500, payday=4_500, notice=1_000)
    invoice: Channel = Channel(decline=1_500, hard=0, retry=0, payday=0, notice=3_500)
    by_invoice: int = 3_000
    churn: int = 200
    more_seats: int = 150
    fewer_seats: int = 50
    usage_events: int = 1_000
    usage_size: int = 1

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            rates = (
                {f"{one.name}.{part.name}": getattr(value, part.name) for part in fields(value)}
                if isinstance(value, Channel)
                else {one.name: value}
            )
            for name, rate in rates.items():
                most = WHOLE if not name.startswith("usage") else 10**9
                if isinstance(rate, bool) or not isinstance(rate, int) or not 0 <= rate <= most:
                    raise InvalidRequest(
                        "invalid_chances", f"{name} is a whole number from 0 to {most}", field=name
                    )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Chances:
        """Read chances; what is not said is as usual.

        Raises:
            InvalidRequest: ``invalid_chances``, naming what is wrong.
        """
        usual = cls()
        known = {one.name: getattr(usual, one.name) for one in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in given.items():
            before = known.get(name)
            if before is None:
                raise InvalidRequest("invalid_chances", f"there is no {name!r}", field=name)
            if isinstance(before, Channel):
                rates = {one.name: getattr(before, one.name) for one in fields(Channel)}
                if not isinstance(value, Mapping) or not set(value) <= set(rates):
                    raise InvalidRequest(
                        "invalid_chances", f"{name} has {', '.join(rates)}", field=name
                    )
                read[name] = Channel(**{**rates, **value})
            else:
                read[name] = value
        return cls(**read)


CERTAIN: Final = Chances(
    card=Channel(0, 0, 0, 0, 0),
    invoice=Channel(0, 0, 0, 0, 0),
    churn=0,
    more_seats=0,
    fewer_seats=0,
)
"""Everybody stays and pays: what is left is arithmetic."""


@dataclass(frozen=True, slots=True)
class Part:
    """A metered part of a price."""

    name: Mapping[str, str]
    model: str
    terms: Mapping[str, Any]
    zero: str = "omit"


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody takes: a price, and those beside it with their quantities."""

    price: Price
    beside: tuple[tuple[Price, int], ...] = ()
    usage: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """One subscription to be. ``agreement`` is that of one who is there already.

    ``since`` is the instant of sign-up, or from when on his future is played.
    """

    id: str
    since: datetime
    offer: Offer
    quantity: int
    collection: Literal["automatic", "invoice"]
    agreement: Agreement | None = None
    started_on: date | None = None
    extras: tuple[Extra, ...] = ()
    grants: tuple[Granted, ...] = ()
    prices: Mapping[UUID, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seller:
    """What of a merchant decides amounts and dates."""

    zone: str = "Asia/Jakarta"
    treatment: str = "standard"
    pkp_since: date | None = None
    pkp_until: date | None = None
    lead_days: int = 7
    terms_days: int = 7


def draw(seed: str, *about: object) -> int:
    """A number below 10,000 that follows from the seed and the question, and from nothing else."""
    text = "\x1f".join((seed, *map(str, about)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % WHOLE


def pick(seed: str, among: Sequence[Any], *about: object) -> Any:
    """One of several, all alike."""
    return among[draw(seed, *about) * len(among) // WHOLE]
