"""What people do about the items beside their plan and about codes; lives that name it do it."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from billing.discounts.queries import load_grants
from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows.change_items import change_item
from billing.flows.item_quote import ItemWish
from billing.flows.item_rows import load_extras
from billing.flows.redeem import give, take_away
from core.actor import Actor as Caller
from core.work import Work

MODES: Final[tuple[Literal["prorate", "at_period_end"] | None, ...]] = (
    None, "prorate", "at_period_end",
)  # fmt: skip
# Whole lives of changes: what people ask for most where items and codes are tried.
DEEDS: Final = (
    ("item", 14), ("code", 8), ("upgrade", 3), ("quantity", 3), ("cancel_now", 1),
    ("stay", 1), ("cancel_later", 1), ("pay_by_card", 4), ("refund", 3), ("void", 2),
)  # fmt: skip


def open_codes(engine: Engine, merchant_id: UUID) -> None:
    """Make a percentage for ever, and a fixed amount for two periods that only three may have."""
    with engine.work(merchant_id, Caller("operator", "operator")) as unit:
        create_discount(
            unit, code="SEPULUH", name={"id": "Sepuluh"}, basis_points=1_000, duration="forever"
        )
        create_discount(
            unit, code="TETAP", name={"id": "Tetap"}, amount=7_001, duration="periods", count=2,
            max_redemptions=3,
        )  # fmt: skip


def change_what_is_beside(unit: Work, mine: UUID, price: UUID, quantity: int, luck: int) -> None:
    """Add an item, or change or remove one that is there."""
    beside = load_extras(unit, [mine]).get(mine, ())
    if not beside or luck % 3 == 0:
        change_item(unit, mine, ItemWish(price_id=price, quantity=quantity))
        return
    extra = beside[luck % len(beside)].item.extra_id
    mode = MODES[luck // 3 % len(MODES)]
    change_item(unit, mine, ItemWish(extra_id=extra, quantity=quantity - 1, mode=mode))


def bring_a_code(unit: Work, mine: UUID, luck: int) -> None:
    """Redeem one of the codes, or give up what one has."""
    given = load_grants(unit, [mine]).get(mine, ())
    if given and luck % 4 == 0:
        take_away(unit, mine, given[0].id)
    else:
        give(unit, mine, ("SEPULUH", "TETAP")[luck % 2])
