"""Discounts: what they take off a period's price or off one invoice, and for how long.

The order of all that is done to a price: model and tiers, recurring discounts, proration,
vouchers, tax, balance, charge (R50). A recurring discount belongs to the price of the period, so
credits of its lines are net of it and no discount is ever paid out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from core.calendars import Anchor, Interval, Period, boundary
from core.errors import InvalidRequest
from core.money import Money, zero
from invoices.derivation import recompute

WHOLE = 10_000
"""Basis points of the whole: 100%."""


@dataclass(frozen=True, slots=True)
class Item:
    """A price a discount may lower: its code, its amount for a whole period, how it came about."""

    code: str
    price: Money
    derivation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Discount:
    """Either ``basis_points`` of each item, or a fixed ``amount`` over all of them together.

    ``place`` is its place in the order of creation; ``only`` the codes it is for, ``None`` all;
    ``named`` goes into the derivation of what it takes.
    """

    basis_points: int | None = None
    amount: Money | None = None
    place: int = 0
    only: frozenset[str] | None = None
    named: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.basis_points is None) == (self.amount is None):
            raise _wrong("A discount is a percentage or an amount.", "amount")
        if self.basis_points is not None and not 0 <= self.basis_points <= WHOLE:
            raise _wrong("A discount is at most 100%.", "basis_points")
        if self.amount is not None and self.amount.is_negative:
            raise _wrong("A discount takes nothing less than nothing.", "amount")

    def is_for(self, code: str) -> bool:
        return self.only is None or code in self.only


@dataclass(frozen=True, slots=True)
class NetPrice:
    """What an item costs after its discounts, and a derivation of it."""

    net: Money
    taken: Money
    derivation: Mapping[str, Any] | int


@dataclass(frozen=True, slots=True)
class Voucher:
    """What a voucher takes off each line, positive; ``lost`` is what it could not take."""

    parts: tuple[Money, ...]
    lost: Money


def net_prices(items: Sequence[Item], discounts: Sequence[Discount]) -> tuple[NetPrice, ...]:
    """Lower prices by recurring discounts: percentages before amounts, older before younger.

    15% of 99,999 is 14,999.85, so 15,000 is taken. Each discount works on what those before it
    left; a fixed amount is capped at it and split so that its parts add up. No price goes below
    zero.

    Args:
        items: prices of one whole period, rounded: a price that discounts lower is a line.
        discounts: those in force for the period.

    Source: billing rules R46 and R48.
    """
    left = [item.price for item in items]
    how: list[Mapping[str, Any] | int] = [
        item.price.amount if item.derivation is None else item.derivation for item in items
    ]
    for discount in sorted(discounts, key=lambda one: (one.basis_points is None, one.place)):
        chosen = [index for index, item in enumerate(items) if discount.is_for(item.code)]
        for index, (taken, why) in zip(chosen, _taken(discount, chosen, left, how), strict=True):
            if not taken.is_zero:
                left[index] -= taken
                how[index] = {"rule": "minus", "of": how[index], "less": why}
    return tuple(
        NetPrice(net, item.price - net, why)
        for item, net, why in zip(items, left, how, strict=True)
    )


def discount_shown(price: Money, net: Money, days: int, of_days: int) -> tuple[Money, Money]:
    """Show a part of a discounted price as two lines: the gross part, and the discount on it.

    300,000 less 20%, 20 of 30 days: 200,000 and -40,000. The net part is rounded once; the
    discount is what is between, so that the lines add up to it.

    Source: billing rule R46.
    """
    gross = price.share(days, of_days)
    return gross, net.share(days, of_days) - gross


def use_voucher(
    lines: Sequence[Item], amount: Money, only: frozenset[str] | None = None
) -> Voucher:
    """Take a one-off amount off an invoice's lines, after proration and recurring discounts.

    It is spread over the positive lines it is for, in proportion, and capped at their sum; it is
    not prorated. 50,000 over 99,000, 45,000 and 10,500: 32,039, 14,563 and 3,398.

    Source: billing rule R47.
    """
    nothing = zero(amount.currency)
    if amount.is_negative:
        raise _wrong("A voucher takes nothing less than nothing.", "amount")
    weights = [
        line.price.amount if line.price > nothing and (only is None or line.code in only) else 0
        for line in lines
    ]
    taken = min(amount, Money(sum(weights), amount.currency))
    return Voucher(taken.allocate(weights), amount - taken)


def taken_by(derivation: Mapping[str, Any]) -> dict[str, int]:
    """Say what each discount took off the whole price behind a line, by the id it was named by."""
    return {str(less["discount"]): recompute(less) for less in _taken_off(derivation)}


def codes_of(derivation: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the codes that took something off a line, in the order they did."""
    return tuple(str(less["code"]) for less in _taken_off(derivation) if "code" in less)


def gross_of(derivation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the derivation a line would have without its discounts."""
    if derivation.get("rule") == "minus":
        of = derivation["of"]
        return gross_of(of) if isinstance(of, Mapping) else {"rule": "sum", "parts": [of]}
    inner = derivation.get("of")
    if derivation.get("rule") == "share" and isinstance(inner, Mapping):
        return {**derivation, "of": gross_of(inner)}
    return derivation


def _taken_off(derivation: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    node: Any = derivation
    while isinstance(node, Mapping):
        less = node.get("less")
        if node.get("rule") == "minus" and isinstance(less, Mapping) and "discount" in less:
            found.append(less)
        node = node.get("of")
    return found[::-1]


def ends_on(since: date, months: int) -> date:
    """Give the first date a discount of so many months no longer lowers.

    Three months from 30 November end with 28 February: months are counted from the date itself.

    Source: billing rules R15 and R49.
    """
    return boundary(Anchor.at(since), Interval("month"), months)


def lowers(
    line_start: date, *, since: date, first_period: Period, duration: int | str = "forever"
) -> bool:
    """Tell whether a discount lowers a line that starts on a date.

    Args:
        line_start: first day of the line.
        since: the first paid date under the discount.
        first_period: the first charged period; ``once`` lowers what starts in it.
        duration: ``once``, ``forever``, or a number of months.

    Raises:
        InvalidRequest: the duration is none.

    Source: billing rule R49.
    """
    if line_start < since:
        return False
    if duration == "forever":
        return True
    if duration == "once":
        return line_start < first_period.end
    if isinstance(duration, int) and not isinstance(duration, bool) and duration > 0:
        return line_start < ends_on(since, duration)
    raise _wrong("A discount lasts once, forever or a number of months.", "duration")


def _taken(
    discount: Discount,
    chosen: Sequence[int],
    left: Sequence[Money],
    how: Sequence[Mapping[str, Any] | int],
) -> list[tuple[Money, Mapping[str, Any]]]:
    if discount.basis_points is not None:
        points = discount.basis_points
        return [
            (
                left[index].share(points, WHOLE),
                {"rule": "percent", "of": how[index], "basis_points": points, **discount.named},
            )
            for index in chosen
        ]
    assert discount.amount is not None  # __post_init__ insists
    weights = [left[index].amount for index in chosen]
    whole = min(discount.amount, Money(sum(weights), discount.amount.currency))
    return [
        (
            part,
            {
                "rule": "part",
                "of": whole.amount,
                "weights": weights,
                "index": place,
                **discount.named,
            },
        )
        for place, part in enumerate(whole.allocate(weights))
    ]


def _wrong(message: str, field: str) -> InvalidRequest:
    return InvalidRequest("invalid_discount", message, field=field)
