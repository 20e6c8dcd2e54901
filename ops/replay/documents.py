"""A stored invoice worked out again: every line, then the tax of them all by its own terms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from core.money import Money
from invoices.tax import tax_by_terms
from invoices.tax_terms import TaxTerms
from ops.replay.facts import Difference, Document, Line, Sources
from ops.replay.lines import differences_of

# So many different lines and taxes are remembered; most of a month are alike.
REMEMBERED = 50_000


@dataclass(slots=True)
class Memory:
    """What was found sound: lines and documents that say the same need no second look."""

    lines: set[tuple[object, ...]] = field(default_factory=set)
    taxes: set[tuple[object, ...]] = field(default_factory=set)
    modes: dict[str, str] = field(default_factory=dict)

    def trim(self) -> None:
        """Forget all where it has become too much: memory stays flat."""
        for kept in (self.lines, self.taxes, self.modes):
            if len(kept) > REMEMBERED:
                kept.clear()

    def mode_of(self, tax: str) -> str:
        """Whether the prices of a document hold its tax."""
        if tax not in self.modes:
            self.modes[tax] = str(json.loads(tax).get("mode", "exclusive"))
        return self.modes[tax]


def replay(document: Document, sources: Sources, memory: Memory) -> Iterator[Difference]:
    """Tell what does not follow in an invoice: lines first, then its tax and its sums."""
    mode = memory.mode_of(document.tax)
    for line in document.lines:
        key = _key(document.merchant_id, line, mode)
        if key in memory.lines:
            continue
        found = list(differences_of(line, sources, mode))
        if not found and line.kind not in ("credit", "usage"):
            memory.lines.add(key)
        yield from found
    said = (
        document.tax, document.subtotal, document.tax_amount, document.total,
        tuple((line.amount, line.tax_amount) for line in document.lines),
    )  # fmt: skip
    if said not in memory.taxes:
        off = list(_tax(document))
        if not off:
            memory.taxes.add(said)
        yield from off
    memory.trim()


def _key(merchant_id: UUID, line: Line, mode: str) -> tuple[object, ...]:
    return (
        merchant_id, line.kind, line.quantity, line.amount, line.discount_amount, line.start,
        line.end, line.price_id, line.derivation, mode,
    )  # fmt: skip


def _tax(document: Document) -> Iterator[Difference]:
    """The tax follows from the lines by the terms that were stored with them, of any day."""
    said = json.loads(document.tax)
    try:
        result = tax_by_terms(
            [Money(line.amount) for line in document.lines], TaxTerms.from_json(said)
        )
    except (ValueError, KeyError, TypeError) as wrong:
        yield Difference(0, "-", "-", f"its tax cannot be made again: {wrong}")
        return
    for line, part in zip(document.lines, result.per_line, strict=True):
        if line.tax_amount != part.amount:
            yield Difference(line.position, str(line.tax_amount), str(part.amount), "its tax")
    sums = (
        ("its amount before tax", document.subtotal, result.base.amount),
        ("its tax", document.tax_amount, result.tax.amount),
        ("its total", document.total, result.total.amount),
    )
    for what, stored, again in sums:
        if stored != again:
            yield Difference(0, str(stored), str(again), what)
    made = result.to_json()
    for name in ("base", "other_base", "tax", "stated", "total"):
        if name in said and said[name] != made[name]:
            yield Difference(0, str(said[name]), str(made[name]), f"the {name} its tax tells")
