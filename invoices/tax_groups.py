"""Tax of a document whose lines have different terms: once for each rate, spread over its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.money import Money, zero
from invoices.tax import TaxResult, tax_by_terms
from invoices.tax_terms import TaxTerms


@dataclass(frozen=True, slots=True)
class GroupedTax:
    """The tax of all rates: one result for each, in the order they first appear.

    ``per_line`` is the tax shown beside each line, in the lines' order; a line with several taxes
    stands in several groups and shows their sum.
    """

    groups: tuple[TaxResult, ...]
    per_line: tuple[Money, ...]
    tax: Money
    total: Money


def tax_by_groups(
    lines: Sequence[tuple[Money, Sequence[TaxTerms]]], *, currency: str = "IDR"
) -> GroupedTax:
    """Tax each rate once, on the sum of its lines, and add the rates up.

    1,000 at 10%, and 2,000 at 10% and 12%: 10% of 3,000 is 300, 12% of 2,000 is 240, together
    540. Taxes inside prices do not raise the total.

    Args:
        lines: net amount (credits negative) and the terms that rule it, none or several.
        currency: of all amounts.

    Raises:
        ValueError: one line has the same terms twice, or taxes both inside and on top.

    Source: billing rules R51 and R52.
    """
    found: dict[TaxTerms, list[int]] = {}
    for index, (_, terms) in enumerate(lines):
        if len(set(terms)) != len(terms) or len({one.is_inside for one in terms}) > 1:
            raise ValueError("the taxes of one line are different, and all inside or all on top")
        for one in terms:
            found.setdefault(one, []).append(index)
    shown = [zero(currency)] * len(lines)
    groups = []
    for terms_, members in found.items():
        result = tax_by_terms([lines[index][0] for index in members], terms_, currency=currency)
        groups.append(result)
        for index, part in zip(members, result.per_line, strict=True):
            shown[index] += part
    tax = sum((group.tax for group in groups), zero(currency))
    on_top = sum((group.tax for group in groups if not group.terms.is_inside), zero(currency))
    return GroupedTax(
        tuple(groups), tuple(shown), tax, sum((net for net, _ in lines), zero(currency)) + on_top
    )
