"""Sending orders: leased and committed first, then the call, then its outcome.

No transaction is open while the gateway is called. A crash after the call leaves the order ``sent``
with a lease that runs out; `billing.flows.reconcile` then asks the gateway what became of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, update

from billing.engine import Engine
from billing.flows.asking import settle_asked
from billing.flows.card_requests import CardRequest, open_card_requests
from billing.flows.charge_rows import (
    due_orders,
    is_moot,
    mark_sent,
    orders_with_facts,
    take_places,
    without_consent,
)
from billing.flows.documents import Links
from billing.flows.orders import MOOT, record_steps
from billing.flows.pace import Leave, watched
from billing.flows.page_news import shown_on_page
from billing.flows.recover import ask_around, ask_first
from billing.flows.reviews import open_review
from billing.flows.settle import NEVER_SENT, settle
from core.actor import system
from core.work import Work
from payments.channels import CHANNELS, wire_id
from payments.gateway import Answer, ChargeRequest, Gateway
from payments.order_ids import idempotency_key
from payments.phones import wallet_phone
from payments.tables import payment_orders

LOG = logging.getLogger("tagihan.charge")

# All of a batch are called at once, so that a lease covers its call and no waiting.
BATCH = 16
# How often a person who waits is let try for a place in the gateway's pace, and how long between.
_TRIES = 12
_PAUSE = timedelta(milliseconds=200)
# Orders of an invoice that are asked about before one is sent, while a merchant recovers.
_ASKED_AROUND = 12


@dataclass(frozen=True, slots=True)
class Leased:
    """An order that is ours to send until its lease runs out."""

    order_id: str
    request: ChargeRequest
    send: int
    ask_first: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What one lease found: orders to send, order ids that are moot, and how many rows it was.

    Rows that the gateway's pace does not allow now are left as they are, and not counted.
    """

    gateway: Gateway
    leased: list[Leased]
    moot: list[str]
    found: int
    leave: Leave


def send_due(engine: Engine, merchant_id: UUID, limit: int = BATCH) -> int:
    """Send the orders whose turn it is; returns how many were taken."""
    taken = lease(engine, merchant_id, limit=limit)
    drop_moot(engine, merchant_id, taken.moot)
    with watched(engine, merchant_id, taken.gateway, taken.leave) as gateway:
        if len(taken.leased) == 1:
            exchange(engine, merchant_id, gateway, taken.leased[0])
        elif taken.leased:
            with ThreadPoolExecutor(len(taken.leased)) as pool:
                list(
                    pool.map(
                        lambda one: _exchange_or_log(engine, merchant_id, gateway, one),
                        taken.leased,
                    )
                )
    return taken.found


def send_one(engine: Engine, merchant_id: UUID, payment_order_id: UUID) -> None:
    """Send one order now, for a caller who waits; does nothing when it is not there to be sent.

    Where the gateway's pace has no place for it within moments, the workers send it.
    """
    for left in reversed(range(_TRIES)):
        taken = lease(engine, merchant_id, limit=1, only=payment_order_id)
        drop_moot(engine, merchant_id, taken.moot)
        with watched(engine, merchant_id, taken.gateway, taken.leave) as gateway:
            for one in taken.leased:
                exchange(engine, merchant_id, gateway, one)
        again_at = taken.leave.again_at
        if again_at is None or not left or again_at - engine.real_now() > _TRIES * _PAUSE:
            return
        time.sleep(_PAUSE.total_seconds())


def drop_moot(engine: Engine, merchant_id: UUID, order_ids: Sequence[str]) -> None:
    """Fail orders that were never sent and no longer make sense; the invoice is looked at anew."""
    gone = Answer("failed", code=MOOT, message="no longer due for this amount")
    for order_id in order_ids:
        settle(engine, merchant_id, order_id, gone, because="never sent", send=NEVER_SENT)


def _exchange_or_log(engine: Engine, merchant_id: UUID, gateway: Gateway, leased: Leased) -> None:
    try:
        exchange(engine, merchant_id, gateway, leased)
    except Exception:
        # Its lease runs out and it is asked about; the others of its batch are not held up.
        LOG.exception("an order was not settled", extra={"order_id": leased.order_id})


def lease(engine: Engine, merchant_id: UUID, *, limit: int, only: UUID | None = None) -> Taken:
    """Commit that these orders are being sent: state, lease, send number, in one transaction.

    An order whose invoice is no longer due for its amount, or that was withdrawn before it was
    ever sent, is told apart: nothing of it can have reached the gateway.
    """
    with engine.work(merchant_id, system("charge")) as unit:
        gateway = engine.gateways.of(unit.merchant)
        rows, lane = due_orders(engine, unit, limit, only)
        gone = {row.id for row in rows if is_moot(row, unit.now)} | without_consent(unit, rows)
        moot = [row.order_id for row in rows if row.id in gone]
        wanted = [row for row in rows if row.id not in gone]
        cards, unreadable = open_card_requests(engine, unit, wanted)
        _hold_back(unit, [row for row in wanted if row.id in unreadable])
        alive = [row for row in wanted if row.id not in unreadable]
        careful = ask_first(engine, unit, alive)
        cost, more = 1 + _ASKED_AROUND * bool(careful), len(rows) == limit
        leave, allowed = take_places(engine, unit, lane, alive, cost, more=more)
        later, alive = len(alive) - leave.count, allowed
        mark_sent(engine, unit, [row.id for row in alive])
        record_steps(
            unit, [(row.id, "created", "sent", f"send {row.sends + 1}", None) for row in alive]
        )
        leased = [
            Leased(
                row.order_id,
                _request(engine, unit, row, cards.get(row.id)),
                row.sends + 1,
                row.id in careful,
            )
            for row in alive
        ]
        return Taken(gateway, leased, moot, len(rows) - later, leave)


def exchange(engine: Engine, merchant_id: UUID, gateway: Gateway, leased: Leased) -> None:
    """Make the call and settle what it answered. Nothing is open in the database meanwhile.

    While a merchant recovers from a restored backup, and where a request of the lost days may be
    repeated later, the gateway is asked first: the order may have been sent in those days.
    """
    answer: Answer | None = None
    if leased.ask_first:
        asked = gateway.status(leased.order_id)
        answer = None if asked.status == "not_found" else asked
        answer = answer or ask_around(engine, merchant_id, gateway, leased.order_id)
    if answer is None:
        key = idempotency_key(leased.order_id, "charge", leased.send)
        answer = gateway.charge(leased.request, idempotency_key=key)
    if answer.code == "402" and answer.status == "failed" and leased.request.bins:
        # A card outside the list, and not a merchant who may not take cards.
        answer = replace(answer, code="bin")
    if answer.status == "duplicate":
        answer = gateway.status(leased.order_id)
    elif _speaks_of_another(leased.request, answer):
        # Only what the gateway says when it is asked decides: it is parked or settled by that.
        asked = gateway.status(leased.order_id)
        answer = asked if asked.status != "not_found" else Answer("unknown", raw=answer.raw)
    settle_asked(
        engine, merchant_id, gateway, leased.order_id, answer,
        asked_in="sent", because=f"answer to send {leased.send}", send=leased.send,
        wire=wire_id(leased.request.channel, leased.order_id, answer.transaction_id),
    )  # fmt: skip


def _speaks_of_another(request: ChargeRequest, answer: Answer) -> bool:
    """Whether an answer to a charge names another order, amount or currency than was asked for."""
    asked = (request.order_id, request.amount, request.currency)
    told = (answer.order_id, answer.amount, answer.currency)
    return any(said is not None and said != meant for meant, said in zip(asked, told, strict=True))


def build_request(engine: Engine, unit: Work, payment_order_id: UUID) -> ChargeRequest | None:
    """The request of an order that is sent again: the same as the first time.

    None, and a person is told, when its card's token does not open any more.
    """
    row = unit.session.execute(
        orders_with_facts().where(
            payment_orders.c.merchant_id == unit.merchant_id,
            payment_orders.c.id == payment_order_id,
        )
    ).one()
    cards, unreadable = open_card_requests(engine, unit, [row])
    if unreadable:
        _hold_back(unit, [row])
        return None
    return _request(engine, unit, row, cards.get(row.id))


def _hold_back(unit: Work, rows: Sequence[Row[Any]]) -> None:
    """A token that does not open is a matter for a person; nobody else's charge waits for it."""
    for row in rows:
        unit.session.execute(
            update(payment_orders)
            .where(payment_orders.c.merchant_id == unit.merchant_id, payment_orders.c.id == row.id)
            .values(next_at=unit.real_now + timedelta(hours=1))
        )
        open_review(unit, "secret_unreadable", "payment_order", row.id, {})


def _request(engine: Engine, unit: Work, row: Row[Any], card: CardRequest | None) -> ChargeRequest:
    """The same request on every send: all of it comes from the committed row.

    But for a page, which is opened for as long as is left of its time.
    """
    is_page = CHANNELS[row.channel].is_hosted
    by_account = CHANNELS[row.channel].by_account
    return ChargeRequest(
        order_id=row.order_id,
        channel=row.channel,
        amount=row.amount,
        currency=row.currency,
        initiated_by=row.initiated_by,
        customer_name=row.name,
        customer_email=row.email,
        item_name=f"{unit.merchant.display_name} {row.number or 'cek kartu'}",
        token=card.token if card and not by_account else None,
        account_id=card.token if card and by_account else None,
        authenticate=card.authenticate if card else False,
        save_token=card.save_token if card else is_page and row.payment_method_id is not None,
        authorize_only=card.authorize_only if card else False,
        installment_months=card.installment_months if card else None,
        acquirer=card.acquirer if card else None,
        bins=card.bins if card else (),
        expires_at=row.expires_at,
        ordered_at=unit.now if is_page else row.opened_at,
        phone=wallet_phone(row.phone),
        return_url=_way_back(engine, unit, row),
        offer=shown_on_page(unit, row) if is_page else (),
        payer_mark=str(unit.derive("payer", row.customer_id)) if is_page else None,
    )


def _way_back(engine: Engine, unit: Work, row: Row[Any]) -> str | None:
    """Where a wallet or a payment page sends the browser afterwards: to the invoice."""
    shown = row.kind == "instrument" or CHANNELS[row.channel].by_account
    if not shown or row.due_on is None:
        return None
    return Links.of(engine).invoice(unit.merchant_id, row.invoice_id, row.due_on)
