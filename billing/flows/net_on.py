"""How a new price of one item is lowered by the discounts a subscription has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from billing.change_lines import NetOn
from billing.discounted import net_of_one
from billing.discounts.queries import load_grants
from billing.flows.item_rows import priced
from billing.records import Subscription
from core.work import Work
from invoices.discounts import NetPrice, taken_by
from invoices.queries import LineInForce
from plans.queries import Price


def net_prices_on(
    unit: Work,
    subscription: Subscription,
    lines: Sequence[LineInForce],
    price: Price,
    quantity: int,
    *,
    extra_id: UUID | None,
) -> NetOn | None:
    """Say how a new price of one item is lowered by the discounts the subscription has.

    Args:
        lines: what is billed of all items; the others keep what they have of a fixed amount.
    """
    grants = load_grants(unit, [subscription.id]).get(subscription.id, ())
    if not grants:
        return None

    def net_on(start: date) -> NetPrice | None:
        last = {
            line.extra_id: line
            for line in lines
            if line.extra_id != extra_id and line.period_start <= start < line.period_end
        }
        taken: dict[UUID, int] = {}
        for line in last.values():
            if line.by_changes:
                continue  # given back, and no other has taken its place
            for discount, amount in taken_by(line.derivation).items():
                taken[UUID(discount)] = taken.get(UUID(discount), 0) + amount
        return net_of_one(priced(price, quantity), grants, start, taken)

    return net_on
