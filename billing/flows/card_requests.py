"""What a card charge adds to its order: a token, fresh or saved, sealed until it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from billing.engine import Engine
from core.errors import EngineError
from core.work import Work
from payments.tables import payment_methods

# A secret that does not open, or opens to something else.
_UNREADABLE = (EngineError, msgspec.MsgspecError, ValueError, IndexError)


class CardRequest(msgspec.Struct, frozen=True):
    """What a card charge with the payer present adds to an order; sealed in its row."""

    token: str
    authenticate: bool = True
    save_token: bool = True
    authorize_only: bool = False
    installment_months: int | None = None
    acquirer: str | None = None
    bins: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<CardRequest>"


def seal_card_request(engine: Engine, unit: Work, owner: UUID, card: CardRequest) -> bytes:
    """Seal a fresh token until it is sent; ``owner`` is the invoice, or the method checked."""
    return engine.vault.seal(msgspec.json.encode(card), f"{unit.merchant_id}:{owner}:request")


def open_card_requests(
    engine: Engine, unit: Work, rows: Sequence[Row[Any]]
) -> tuple[dict[UUID, CardRequest], set[UUID]]:
    """Open what these orders' cards are charged with, here and nowhere else.

    Returns:
        By order: what `seal_card_request` made, or else the saved token of its method; and the
        orders whose secret does not open. Orders that need none are in neither.
    """
    saved = _saved_tokens(unit, rows)
    opened: dict[UUID, CardRequest] = {}
    unreadable: set[UUID] = set()
    for row in rows:
        try:
            if row.request_sealed is not None:
                owner = row.invoice_id or row.payment_method_id
                context = f"{unit.merchant_id}:{owner}:request"
                told = engine.vault.open(row.request_sealed, context)
                opened[row.id] = msgspec.json.decode(told, type=CardRequest)
            elif sealed := saved.get(row.payment_method_id):
                context = f"{unit.merchant_id}:{row.payment_method_id}:token"
                token = engine.vault.open(sealed, context).decode()
                opened[row.id] = CardRequest(token, authenticate=False, save_token=False)
        except _UNREADABLE:
            unreadable.add(row.id)
    return opened, unreadable


def _saved_tokens(unit: Work, rows: Sequence[Row[Any]]) -> dict[UUID, bytes | None]:
    wanted = [
        row.payment_method_id
        for row in rows
        if row.payment_method_id is not None and row.request_sealed is None
    ]
    if not wanted:
        return {}
    found = unit.session.execute(
        select(payment_methods.c.id, payment_methods.c.token_sealed).where(
            payment_methods.c.merchant_id == unit.merchant_id,
            payment_methods.c.id.in_(wanted),
            # The account of a wallet outlives its method until it is unlinked.
            payment_methods.c.state == "active",
        )
    )
    return {row.id: row.token_sealed for row in found}
