"""An invoice that is being lived, and what is the same for everybody in a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from uuid import UUID

from dunning.cases import Case
from dunning.policies import Policy
from invoices.lines import DraftLine, PricedDocument
from ops.simulate.figures import Figures
from ops.simulate.people import Chances, Person, Seller

REMEMBERED = 100_000


@dataclass(slots=True)
class Bill:
    """An invoice, and how far it has come; ``due_at`` is when something happens to it next."""

    kind: str
    start: date
    end: date
    issued_on: date
    document: PricedDocument
    collection: str
    due_on: date
    due_at: datetime | None
    case: Case | None = None
    paid_at: datetime | None = None
    lost: bool = False

    @property
    def is_open(self) -> bool:
        return self.paid_at is None and not self.lost

    @property
    def net(self) -> int:
        return self.document.subtotal.amount

    @property
    def total(self) -> int:
        return self.document.total.amount


@dataclass(slots=True)
class World:
    """What is the same for everybody; equal lines are made and priced once."""

    seed: str
    seller: Seller
    chances: Chances
    policy: Policy
    until: datetime
    figures: Figures
    keep: Callable[[Person, Bill], None] | None = None
    lines: dict[tuple[object, ...], tuple[DraftLine, ...]] = field(default_factory=dict)
    documents: dict[tuple[object, ...], PricedDocument] = field(default_factory=dict)
    worths: dict[tuple[UUID, int], Fraction] = field(default_factory=dict)

    def trim(self) -> None:
        """Forget what is remembered where it has become too much."""
        if len(self.lines) + len(self.documents) > REMEMBERED:
            self.lines.clear()
            self.documents.clear()
