"""What somebody uses in a period, and the lines it makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from core.calendars import Period
from core.money import Money
from invoices.lines import DraftLine, LineKind, describe
from ops.simulate.people import WHOLE, Chances, Part, draw
from plans.metered import priced_usage, terms_of_events
from plans.percentages import fees_of
from plans.queries import Price


def used_lines(
    price: Price,
    parts: Sequence[Part],
    chances: Chances,
    about: tuple[str, str, date],
    through: date,
) -> tuple[DraftLine, ...]:
    """Bill what a person used from a date up to another: half to one and a half of the usual.

    Events are alike, ``usage_size`` each, and as many as the days of the span ask for.
    """
    seed, person, start = about
    made = []
    for n, part in enumerate(parts):
        usual = chances.usage_events * (through - start).days // 30
        events = usual * (WHOLE // 2 + draw(seed, person, "usage", n, start)) // WHOLE
        quantity = Fraction(events * chances.usage_size)
        by_event = terms_of_events(part.model, part.terms)
        fees = None
        if by_event is not None:
            fees = fees_of(by_event, (Fraction(chances.usage_size) for _ in range(events)))
        priced = priced_usage(part.model, part.terms, quantity, events=events, fees=fees)
        amount = priced.amount(price.currency)
        if amount.is_zero and part.zero == "omit":
            continue
        made.append(_line(price, part, amount, priced.derivation, Period(start, through)))
    return tuple(made)


def _line(
    price: Price, part: Part, amount: Money, derivation: Mapping[str, Any], period: Period
) -> DraftLine:
    return DraftLine(
        kind=LineKind.USAGE, description=describe(LineKind.USAGE, part.name), quantity=1,
        unit_amount=amount, amount=amount, period=period, price_id=price.id, derivation=derivation,
    )  # fmt: skip
