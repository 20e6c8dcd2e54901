"""Cards: a token kept for later charges, a small check that saves one without taking money."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.chase import on_method_saved
from billing.flows.methods import charge_to
from billing.flows.orders import OPEN, OrderDraft, write_orders
from billing.flows.reviews import open_review
from billing.mandates.service import end_mandate
from billing.queries import has_mandate
from core import ids
from core.bulk import insert_rows
from core.errors import NotFound
from core.work import Work
from payments.gateway import Answer
from payments.method_kinds import KINDS
from payments.service import next_rank, put_first
from payments.tables import payment_methods, payment_orders

# Small, held for a moment and released: Midtrans refuses a charge of nothing.
CHECK_AMOUNT = 10_000


def new_card(unit: Work, customer_id: UUID, key: str, *, external_id: str | None = None) -> UUID:
    """A method that waits for its token; ``key`` derives its id so that a replay finds it."""
    method_id = unit.derive("payment_method", key)
    written = insert_rows(
        unit.session,
        payment_methods,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": method_id,
                "external_id": external_id,
                "customer_id": customer_id,
                "kind": "card",
                "state": "pending",
                "rank": next_rank(unit, customer_id),
                "created_at": unit.now,
            }
        ],
        skip_existing=True,
    )
    if written:
        told = {"customer": ids.public("customer", customer_id), "state": "pending"}
        unit.audit("method.create", "payment_method", method_id, after=told)
    return method_id


def check_card(engine: Engine, unit: Work, customer_id: UUID, method_id: UUID, token: str) -> UUID:
    """Write the order that saves a card with the payer present: a hold, then its release.

    The order is sent by `billing.flows.charge`; the payer confirms by 3DS.
    """
    n = len(
        unit.session.execute(
            select(payment_orders.c.id).where(
                payment_orders.c.merchant_id == unit.merchant_id,
                payment_orders.c.payment_method_id == method_id,
            )
        ).all()
    )
    [order] = write_orders(
        unit,
        [
            OrderDraft(
                kind="check",
                channel="card",
                initiated_by="customer",
                customer_id=customer_id,
                amount=CHECK_AMOUNT,
                n=n + 1,
                owner=method_id,
                payment_method_id=method_id,
                request_sealed=seal_card_request(
                    engine, unit, method_id, CardRequest(token, authorize_only=True)
                ),
            )
        ],
    )
    return order


def keep_token(engine: Engine, unit: Work, order: Row[Any], answer: Answer) -> None:
    """The gateway gave a token that may be charged again: seal it and make the method usable."""
    if order.payment_method_id is None or answer.saved_token is None:
        return
    method = unit.session.execute(
        select(payment_methods)
        .where(
            payment_methods.c.merchant_id == unit.merchant_id,
            payment_methods.c.id == order.payment_method_id,
        )
        .with_for_update()
    ).one()
    if method.state != "pending":
        return
    token = answer.saved_token.encode()
    unit.session.execute(
        update(payment_methods)
        .where(payment_methods.c.merchant_id == unit.merchant_id, payment_methods.c.id == method.id)
        .values(
            state="active",
            token_sealed=engine.vault.seal(token, f"{unit.merchant_id}:{method.id}:token"),
            token_hash=hashlib.sha256(token).digest(),
            masked=answer.masked,
            bank=answer.bank,
            expires_at=answer.saved_token_expires_at,
        )
    )
    unit.event(
        "method.saved",
        "payment_method",
        method.id,
        {"method": ids.public("payment_method", method.id), "masked": answer.masked},
        customer_id=method.customer_id,
    )
    if has_mandate(unit, method.id):
        use_method(unit, method.customer_id, method.id)


def use_method(unit: Work, customer_id: UUID, method_id: UUID) -> None:
    """From now on charge the customer's automatic subscriptions and open invoices to this.

    It goes to the head of his order, and every open case makes one try with it.
    """
    put_first(unit, customer_id, method_id)
    charge_to(unit, customer_id, method_id)
    on_method_saved(unit, customer_id)


def release(unit: Work, order: Row[Any]) -> None:
    """The hold has done its work: have it cancelled at once.

    Where its order was given up before the hold came to light, a person is asked to let it go.
    """
    c = payment_orders.c
    asked = unit.session.execute(
        update(payment_orders)
        .where(c.merchant_id == unit.merchant_id, c.id == order.id, c.state.in_(OPEN))
        .values(abandoning=True, next_at=unit.real_now)
        .returning(c.id)
    ).one_or_none()
    if asked is not None:
        unit.ring("order.resolve")
    elif order.state == "failed":
        detail = {"order_id": order.order_id, "amount": order.amount}
        open_review(unit, "hold_left", "payment_order", order.id, detail)


def end_method(unit: Work, method_id: UUID, because: str) -> bool:
    """A method is never charged again, and its consent ends; says whether it had not ended yet.

    A card's token is destroyed. The account of a wallet is kept for as long as it takes to unlink
    it at the gateway (`billing.flows.accounts`).

    Raises:
        NotFound: ``payment_method_not_found``.
    """
    c = payment_methods.c
    mine = (c.merchant_id == unit.merchant_id, c.id == method_id)
    row = unit.session.execute(
        select(c.customer_id, c.state, c.kind, c.token_sealed).where(*mine).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("payment_method_not_found", "there is no such payment method")
    if row.state == "ended":
        return False
    linked = KINDS[row.kind].linked and row.token_sealed is not None
    unit.session.execute(
        update(payment_methods)
        .where(*mine)
        .values(
            state="ended", ended_because=because, token_sealed=row.token_sealed if linked else None,
            link_sealed=None, link_expires_at=None, next_at=unit.real_now if linked else None,
            polls=0,
        )
    )  # fmt: skip
    if linked:
        unit.ring("account.step")
    end_mandate(unit, method_id, because=because)
    unit.audit(
        "method.end",
        "payment_method",
        method_id,
        before={"state": row.state},
        after={"state": "ended", "because": because},
    )
    unit.event(
        "method.ended",
        "payment_method",
        method_id,
        {"method": ids.public("payment_method", method_id), "because": because, "kind": row.kind},
        customer_id=row.customer_id,
    )
    return True
