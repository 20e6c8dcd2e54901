"""What a card charge with the payer present adds to its order: a fresh token, sealed until sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from billing.engine import Engine
from core.work import Work


class CardRequest(msgspec.Struct, frozen=True):
    """What a card charge with the payer present adds to an order; sealed in its row."""

    token: str
    authenticate: bool = True
    save_token: bool = True
    authorize_only: bool = False

    def __repr__(self) -> str:
        return "<CardRequest>"


def seal_card_request(engine: Engine, unit: Work, owner: UUID, card: CardRequest) -> bytes:
    """Seal a fresh token until it is sent; ``owner`` is the invoice, or the method checked."""
    return engine.vault.seal(msgspec.json.encode(card), f"{unit.merchant_id}:{owner}:request")


def open_card_request(engine: Engine, unit: Work, row: Row[Any]) -> CardRequest | None:
    """Open what `seal_card_request` made; None for orders that need none."""
    if row.request_sealed is None:
        return None
    owner = row.invoice_id or row.payment_method_id
    opened = engine.vault.open(row.request_sealed, f"{unit.merchant_id}:{owner}:request")
    return msgspec.json.decode(opened, type=CardRequest)
