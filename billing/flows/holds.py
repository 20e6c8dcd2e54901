"""What is held and not taken: a hold to be captured, a charge that the fraud desk questions.

What a person wants is committed as the order's ``wish``. Whoever asks about the order next, the
caller or a worker after a crash, finds it, tells the gateway, and believes only its status.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Row, select, update

from billing.engine import Engine
from billing.flows.credit import credit_invoice
from billing.flows.order_rows import this_order
from billing.flows.orders import record_steps
from billing.flows.reviews import close_review, open_review
from core import ids
from core.actor import system
from core.work import Work
from invoices.queries import get_invoice
from payments.attempts import OPEN_STATES, AttemptState
from payments.channels import wire_id
from payments.gateway import Answer, Gateway
from payments.order_ids import idempotency_key
from payments.refunds import settles_at
from payments.tables import payment_orders, reviews

# After seven days a bank lets the money go, after eight Midtrans says so: asked about then.
HOLD_LIFE: Final = timedelta(days=7)

Held = Literal["authorized", "challenge"]


def held_by(answer: Answer) -> Held | None:
    """What the gateway holds without having taken it.

    A hold that the fraud desk questions is no hold to be captured: where a fraud status is told it
    has to be ``accept`` (Midtrans documentation, transaction status).
    """
    if answer.fraud == "challenge" and answer.status in ("pending", "authorized"):
        return "challenge"
    return "authorized" if answer.status == "authorized" else None


def expected(order: Row[Any], answer: Answer) -> int:
    """The amount that news of an order has to name: of a hold, what was captured of it.

    A capture that we asked for is believed in our amount only; one made elsewhere in any that was
    held. What waits or was refused on a page that is being closed takes nothing in any amount.
    """
    took_nothing = answer.status in ("pending", "failed") and answer.amount is not None
    if order.page_until is not None and order.abandoning and took_nothing:
        return int(answer.amount or order.amount)
    if order.authorize_only and answer.status == "paid" and order.state == "pending":
        if order.capture_amount is not None:
            return int(order.capture_amount)
        if answer.amount is not None and 0 < answer.amount <= order.amount:
            return answer.amount
    return int(order.amount)


def taken_of_hold(order: Row[Any], answer: Answer) -> int | None:
    """What stands as captured of a hold that is parked: what the gateway said, where that can be.

    A person who then calls it paid books the money that came, not what we had asked for.
    """
    said = answer.amount
    is_of_it = answer.order_id in (None, order.order_id) and answer.currency == order.currency
    if (
        order.authorize_only
        and answer.status == "paid"
        and is_of_it
        and said is not None
        and 0 < said <= order.amount
    ):
        return said
    return None if order.capture_amount is None else int(order.capture_amount)


def follow(unit: Work, order: Row[Any], answer: Answer, state: AttemptState) -> None:
    """Note what is held now, and tell of it once; customer, invoice and order are locked.

    Of an open order only an answer that tells where its transaction stands says anything: a lost
    answer, or a status that stumbled, does not mean that nothing is held any more.
    """
    held = held_by(answer) if state is AttemptState.PENDING else None
    unwanted = answer.status == "authorized" and not order.authorize_only
    if order.kind == "check" or (held is not None and unwanted):
        return  # a hold that nobody wanted is let go
    if state in OPEN_STATES and not _tells(answer):
        return
    if held == order.held:
        if held is not None and (order.expires_at is None or order.expires_at <= unit.now):
            # Its time is up and the gateway holds it still: it is asked about every day.
            again = unit.now + timedelta(days=1)
            unit.session.execute(this_order(unit, order).values(expires_at=again))
        return
    if order.held == "challenge":
        _close(unit, order.id, str(state))
    if held is None:
        return  # an outcome has emptied it with all else
    until = _until(held, answer, unit.now)
    values: dict[str, Any] = {"held": held, "expires_at": until}
    if held == "authorized" and order.held == "challenge":
        values["wish"] = None  # approved: it may be captured now
    unit.session.execute(this_order(unit, order).values(**values))
    told = {
        "order": ids.public("payment_order", order.id),
        "amount": order.amount,
        "until": until.isoformat(),
    }
    if held == "authorized":
        unit.event("payment.authorized", "payment_order", order.id, told,
                   customer_id=order.customer_id)  # fmt: skip
        return
    unit.event("payment.challenged", "payment_order", order.id, told,
               customer_id=order.customer_id)  # fmt: skip
    detail = {"order_id": order.order_id, "amount": order.amount, "until": told["until"]}
    open_review(unit, "fraud_challenge", "payment_order", order.id, detail)


def _tells(answer: Answer) -> bool:
    return answer.status == "authorized" or (
        answer.status == "pending" and bool(answer.transaction_status)
    )


def _until(held: Held, answer: Answer, now: datetime) -> datetime:
    """When it ends by itself, where nobody does anything: then it is asked about."""
    if held == "challenge":
        return settles_at(now)
    told = answer.expires_at
    return told if told is not None and told > now + timedelta(hours=1) else now + HOLD_LIFE


def _close(unit: Work, order_id: UUID, state: str) -> None:
    c = reviews.c
    found = unit.session.execute(
        select(c.id).where(
            c.merchant_id == unit.merchant_id,
            c.id == unit.derive("review", "fraud_challenge", order_id),
            c.closed_at.is_(None),
        )
    ).scalar_one_or_none()
    if found is not None:
        close_review(unit, found, f"decided: {state}")


def hold_ended(unit: Work, order: Row[Any], invoice: Row[Any], answer: Answer) -> None:
    """What a card held is let go and was not captured: the merchant is told.

    Where nobody here released it, a person is asked what becomes of an invoice that is still owed.
    """
    ran_out = answer.transaction_status == "expire"
    because = "released" if order.abandoning else "lapsed" if ran_out else "ended_elsewhere"
    told = {
        "order": ids.public("payment_order", order.id),
        "invoice": invoice.number,
        "amount": order.amount,
        "because": because,
    }
    unit.event("payment.hold_ended", "payment_order", order.id, told,
               customer_id=order.customer_id)  # fmt: skip
    if not order.abandoning and invoice.status == "open" and invoice.due_amount > 0:
        detail = {"order_id": order.order_id, "amount": order.amount, "because": because}
        open_review(unit, "hold_ended", "payment_order", order.id, detail)


def credit_the_rest(unit: Work, held: Row[Any], taken: Row[Any], invoice: Row[Any]) -> None:
    """A part of a hold was captured: where that was wanted, the rest is no longer owed.

    Args:
        held: the order as it was before.
        taken: the order as it is now; no more is credited than was held beyond its amount.
    """
    if held.capture_rest != "credit":
        return
    c = payment_orders.c
    whole: int = unit.session.execute(
        select(c.amount).where(c.merchant_id == unit.merchant_id, c.id == held.id)
    ).scalar_one()
    rest = min(get_invoice(unit, invoice.id).due_amount, whole - taken.amount)
    if rest > 0:
        credit_invoice(
            unit, invoice.id, gross_amount=rest, reason="captured_less",
            source_kind="capture", source_id=held.id,
        )  # fmt: skip


def fulfil(
    engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any], answer: Answer
) -> Answer:
    """Tell the gateway what a person wants, where it still holds that; then what it says of it.

    Repeated after a lost answer it does nothing twice: what was captured is no longer held.
    """
    name = wire_id(order.channel, order.order_id, order.transaction_id)
    key = idempotency_key(order.order_id, str(order.wish), order.polls + 1)
    holds = held_by(answer)
    if order.wish == "capture" and holds == "authorized":
        at = str(answer.transaction_id or order.transaction_id)
        said = gateway.capture(at, amount=order.capture_amount, idempotency_key=key)
        after = gateway.status(name)
        if said.status == "failed" and held_by(after) == "authorized":
            _refused(engine, merchant_id, order, said)
        return after
    if order.wish in ("approve", "deny") and holds == "challenge":
        gateway.review(name, accept=order.wish == "approve", idempotency_key=key)
        return gateway.status(name)
    return answer


def _refused(engine: Engine, merchant_id: UUID, order: Row[Any], said: Answer) -> None:
    """The bank would not let it be captured: the hold stays, and a person decides anew."""
    c = payment_orders.c
    with engine.work(merchant_id, system("capture")) as unit:
        changed = unit.session.execute(
            update(payment_orders)
            .where(
                c.merchant_id == merchant_id, c.id == order.id, c.wish == "capture",
                c.capture_amount == order.capture_amount, c.state == "pending",
            )
            .values(wish=None, capture_amount=None, capture_rest=None, code=said.code)
            .returning(c.id)
        ).one_or_none()  # fmt: skip
        if changed is None:
            return
        record_steps(
            unit, [(order.id, "pending", "pending", f"capture refused: {said.code}", said.raw)]
        )
        unit.event(
            "payment.capture_refused",
            "payment_order",
            order.id,
            {
                "order": ids.public("payment_order", order.id),
                "amount": order.capture_amount,
                "code": said.code,
            },
            customer_id=order.customer_id,
        )
