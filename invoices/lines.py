"""The lines of a document: how each is made, in which order they stand, what they come to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from core.calendars import Period
from core.errors import InvalidRequest
from core.money import Money, zero
from invoices.derivation import arithmetic, recompute
from invoices.line_kinds import LineKind, describe
from invoices.tax import TaxMode, TaxResult, compute_tax
from invoices.tax_tables import ROUNDING_TABLE, TAX_TABLE, RoundingRow, TaxRow

__all__ = [
    "DraftLine",
    "LineKind",
    "PricedDocument",
    "PricedLine",
    "arithmetic",
    "credit_line",
    "describe",
    "full_line",
    "price_document",
    "recompute",
    "share_line",
]


ModelPrice = tuple[Money, Mapping[str, Any]]
"""What a price model says: an amount, and a derivation (of the whole, where a part is billed)."""

_KIND_ORDER: Final = {kind: place for place, kind in enumerate(LineKind)}


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line before tax. ``amount`` is what it adds to the document, credits negative.

    ``numerator/denominator`` and ``days``/``of_days`` say which part of ``period``'s price is
    billed (``None`` for a whole price); ``derivation`` holds all it takes to compute ``amount``
    again and can not be added later. ``extra_id`` names the item beside the subscription's first.
    ``discount`` is what discounts took; ``amount`` is without it.
    """

    kind: LineKind
    description: Mapping[str, str]
    quantity: int
    unit_amount: Money
    amount: Money
    period: Period | None = None
    price_id: UUID | None = None
    numerator: int | None = None
    denominator: int | None = None
    days: int | None = None
    of_days: int | None = None
    credits_line_id: UUID | None = None
    derivation: Mapping[str, Any] = field(default_factory=dict)
    extra_id: UUID | None = None
    discount: Money | None = None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line in its place (from 1), with the tax shown beside it."""

    position: int
    line: DraftLine
    tax: Money


@dataclass(frozen=True, slots=True)
class PricedDocument:
    """A whole document. ``subtotal`` is before tax, also where prices hold the tax."""

    lines: tuple[PricedLine, ...]
    subtotal: Money
    tax: TaxResult
    total: Money


def full_line(
    kind: LineKind,
    description: Mapping[str, str],
    *,
    unit_amount: Money,
    quantity: int = 1,
    period: Period | None = None,
    price_id: UUID | None = None,
    price: ModelPrice | None = None,
    extra_id: UUID | None = None,
) -> DraftLine:
    """Bill a whole price: ``quantity × unit_amount``; recurring and one-off lines.

    Of another model than that ``price`` is the amount, and the derivation of it.
    """
    _require_quantity(quantity)
    amount, derivation = (
        (unit_amount.times(quantity), _product(unit_amount, quantity)) if price is None else price
    )
    return DraftLine(
        kind=kind,
        description=description,
        quantity=quantity,
        unit_amount=unit_amount,
        amount=amount,
        period=period,
        price_id=price_id,
        extra_id=extra_id,
        derivation={
            **derivation,
            **_context(period, price_id),
        },
    )


def share_line(
    kind: LineKind,
    description: Mapping[str, str],
    *,
    unit_amount: Money,
    quantity: int,
    period: Period,
    numerator: int,
    denominator: int,
    price_id: UUID | None = None,
    base: Money | None = None,
    price: ModelPrice | None = None,
    extra_id: UUID | None = None,
) -> DraftLine:
    """Bill the part ``numerator/denominator`` (days) of a price: stubs and upgrades.

    The whole line is rounded once; a price per day or per seat never is (R3, R35). ``base`` is
    the whole price where it is not ``quantity × unit_amount``, as with discounts. Of another model
    ``price`` is the part's amount, and the derivation of the whole.
    """
    _require_quantity(quantity)
    whole = unit_amount.times(quantity) if base is None else base
    return DraftLine(
        kind=kind,
        description=description,
        quantity=quantity,
        unit_amount=unit_amount,
        amount=whole.share(numerator, denominator) if price is None else price[0],
        period=period,
        price_id=price_id,
        extra_id=extra_id,
        numerator=numerator,
        denominator=denominator,
        days=numerator,
        of_days=denominator,
        derivation={
            "rule": "share",
            "of": _whole(unit_amount, quantity, base, price),
            "numerator": numerator,
            "denominator": denominator,
            **_context(period, price_id),
        },
    )


def credit_line(
    description: Mapping[str, str],
    *,
    billed: Money,
    numerator: int,
    denominator: int,
    period: Period,
    credits_line_id: UUID,
    already_credited: Money | None = None,
    manual_credits: Money | None = None,
    price_id: UUID | None = None,
    extra_id: UUID | None = None,
) -> DraftLine:
    """Give back the unused part of a billed line; the amount comes out negative or zero.

    Args:
        billed: the line's own amount, before tax, as it was billed, positive.
        numerator: days not used.
        denominator: days the line was billed for.
        already_credited: what earlier changes gave back on it, positive.
        manual_credits: what people credited on it by hand, positive.
        credits_line_id: the line it credits.

    Source: billing rule R31.
    """
    before = (already_credited or zero(billed.currency)).amount
    manual = (manual_credits or zero(billed.currency)).amount
    derivation = {
        "rule": "credit",
        "of": billed.amount,
        "numerator": numerator,
        "denominator": denominator,
        "already_credited": before,
        "manual_credits": manual,
        "credits_line_id": str(credits_line_id),
        **_context(period, price_id),
    }
    amount = Money(recompute(derivation), billed.currency)
    return DraftLine(
        kind=LineKind.CREDIT,
        description=description,
        quantity=1,
        unit_amount=amount,
        amount=amount,
        period=period,
        price_id=price_id,
        extra_id=extra_id,
        numerator=numerator,
        denominator=denominator,
        days=numerator,
        of_days=denominator,
        credits_line_id=credits_line_id,
        derivation=derivation,
    )


def price_document(
    lines: Iterable[DraftLine],
    *,
    treatment: str,
    mode: TaxMode,
    on: date,
    pkp: bool,
    currency: str = "IDR",
    table: Sequence[TaxRow] = TAX_TABLE,
    rounding_table: Sequence[RoundingRow] = ROUNDING_TABLE,
) -> PricedDocument:
    """Put lines in order, tax them once and add them up.

    The order does not depend on the order they come in: kind, first day, what it is for.

    Raises:
        InvalidRequest: ``line_does_not_add_up``, when a derivation does not make its amount.

    Source: billing rules R5, R50 to R52.
    """
    ordered = sorted(lines, key=_place)
    for line in ordered:
        if recompute(line.derivation) != line.amount.amount:
            raise InvalidRequest(
                "line_does_not_add_up",
                f"the line {line.description.get('id')!r} over {line.amount} is derived as "
                f"{recompute(line.derivation)}",
            )
    tax = compute_tax(
        [line.amount for line in ordered],
        treatment=treatment,
        mode=mode,
        on=on,
        pkp=pkp,
        currency=currency,
        table=table,
        rounding_table=rounding_table,
    )
    return PricedDocument(
        lines=tuple(
            PricedLine(position, line, part)
            for position, (line, part) in enumerate(zip(ordered, tax.per_line, strict=True), 1)
        ),
        subtotal=tax.base,
        tax=tax,
        total=tax.total,
    )


def _place(line: DraftLine) -> tuple[int, date, bool, str, str, str]:
    return (
        _KIND_ORDER[line.kind],
        line.period.start if line.period else date.max,
        line.extra_id is not None,
        line.description.get("id", ""),
        str(line.credits_line_id or line.price_id or ""),
        json.dumps(line.derivation, sort_keys=True),
    )


def _product(unit_amount: Money, quantity: int) -> dict[str, Any]:
    return {"rule": "product", "unit_amount": unit_amount.amount, "quantity": quantity}


def _whole(
    unit_amount: Money, quantity: int, base: Money | None, price: ModelPrice | None
) -> Mapping[str, Any] | int:
    if price is not None:
        return price[1]
    return _product(unit_amount, quantity) if base is None else base.amount


def _context(period: Period | None, price_id: UUID | None) -> dict[str, Any]:
    context: dict[str, Any] = {}
    if period is not None:
        context |= {
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
        }
    if price_id is not None:
        context["price_id"] = str(price_id)
    return context


def _require_quantity(quantity: int) -> None:
    if quantity < 1:
        raise InvalidRequest("invalid_quantity", f"a line needs a quantity, not {quantity}")
