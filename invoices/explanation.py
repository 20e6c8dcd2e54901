"""An amount as a tree: each step with its figure and its words in both languages.

The sentence on an invoice tells everything at once; the tree lets a reader open it step by step,
down to the tiers. Both are made of the derivation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from core.exact import rounded, written
from invoices.derivation import Derivation, arithmetic, exact_of, recompute
from invoices.derivation_prices import PRICE_RULES, decimal, money, tier_rows
from invoices.wording import LANGUAGES


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what was done (``rule``), the figure before and after rounding, and its parts.

    ``exact`` and ``amount`` are rupiah; they differ where the step rounds.
    """

    rule: str
    text: Mapping[str, str]
    exact: Fraction
    amount: int
    parts: tuple[Step, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write the tree for an answer; exact figures as text."""
        return {
            "rule": self.rule,
            "text": dict(self.text),
            "exact": written(self.exact),
            "amount": self.amount,
            "parts": [part.to_json() for part in self.parts],
        }


def explained(derivation: Derivation) -> Step:
    """Open a derivation up.

    Of ``(10 × Rp10.000 + 1 × Rp8.000) × 20/31`` the tree is a share with one part, the graduated
    price of Rp108.000, whose parts are its two tiers.

    Raises:
        ValueError: the derivation cannot be understood.
    """
    amount = recompute(derivation)
    exact = exact_of(derivation)
    return Step(
        rule=str(derivation["rule"]),
        text={language: arithmetic(derivation, language) for language in LANGUAGES},
        exact=Fraction(amount) if exact is None else exact,
        amount=amount,
        parts=tuple(_parts(derivation)),
    )


def _parts(derivation: Derivation) -> Iterator[Step]:
    if derivation["rule"] in ("graduated", "volume"):
        for units, unit_amount, flat in tier_rows(derivation):
            yield _tier(units, unit_amount, flat)
        return
    if derivation["rule"] in PRICE_RULES:
        return
    for key in ("of", "less"):
        inner = derivation.get(key)
        if isinstance(inner, Mapping):
            yield explained(inner)
    for inner in derivation.get("parts", ()):
        if isinstance(inner, Mapping):
            yield explained(inner)


def _tier(units: Fraction, unit_amount: Fraction, flat: Fraction) -> Step:
    exact = units * unit_amount + flat
    product = f"{decimal(units)} × {money(unit_amount)}"
    told = f"{product} + {money(flat)}" if flat else product
    return Step(
        rule="tier",
        text=dict.fromkeys(LANGUAGES, f"{told} = {money(exact)}"),
        exact=exact,
        amount=rounded(exact),
    )
