"""What a replay looks at: a stored document, its lines, and what they say they were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from core.calendars import Interval
from plans.catalogue import PriceVersion


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is stored; ``derivation`` is JSON as text, amounts are whole rupiah."""

    id: UUID
    position: int
    kind: str
    quantity: int
    amount: int
    tax_amount: int
    discount_amount: int
    start: date | None
    end: date | None
    price_id: UUID | None
    credits_line_id: UUID | None
    derivation: str


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice with its lines, in their order; ``tax`` is JSON as text."""

    merchant_id: UUID
    id: UUID
    number: str | None
    subtotal: int
    tax_amount: int
    total: int
    tax: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Sold:
    """The row of a price: what it says of a quantity, and its setup fee."""

    terms: PriceVersion
    setup_amount: int

    @property
    def interval(self) -> Interval:
        return self.terms.interval


@dataclass(frozen=True, slots=True)
class Metered:
    """The row of a metered price, found by the closing that a line of usage names."""

    model: str
    terms: Mapping[str, Any]
    quantity: str
    events: int


@dataclass(frozen=True, slots=True)
class Given:
    """The row of a discount: either basis points or an amount."""

    basis_points: int | None
    amount: int | None


@dataclass(frozen=True, slots=True)
class Credited:
    """The line that a credit gives back of."""

    amount: int
    start: date | None
    end: date | None


@dataclass(slots=True)
class Sources:
    """What lines of a batch were made of, by id; of metered prices by the closing's id."""

    prices: dict[UUID, Sold] = field(default_factory=dict)
    metered: dict[UUID, Metered] = field(default_factory=dict)
    discounts: dict[UUID, Given] = field(default_factory=dict)
    credited: dict[UUID, Credited] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is stored and what comes of working it out again; ``line`` 0 is the whole document."""

    line: int
    stored: str
    recomputed: str
    why: str
