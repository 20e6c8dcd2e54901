"""Orders with a page of the gateway's: asked about by every id they have, ended where they can be.

`billing.flows.page_news` says what the answers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from billing.engine import Engine
from billing.flows.asking import note_silence, settle_asked
from billing.flows.holds import fulfil
from billing.flows.page_news import is_shown
from billing.flows.settle import settle
from payments.gateway import Answer, Gateway
from payments.hosted import over, that_counts
from payments.order_ids import idempotency_key

# A status, the end of a try, a status, the end of the page, a status.
PAGE_CALLS: Final = 5


def ask_page(gateway: Gateway, order_id: str, *known: str | None) -> Answer:
    """Ask what became of an order with a page, by our own id and by those of tries we know.

    Some channels answer only to the gateway's own id; and our own stands for the newest try alone.
    """
    return that_counts(ask_tries(gateway, order_id, *known))


def ask_tries(gateway: Gateway, order_id: str, *known: str | None) -> list[Answer]:
    """What the gateway says of each of the tries; first of the newest, by our own id."""
    answers = [gateway.status(order_id)]
    asked = {answers[0].transaction_id}
    for ident in known:
        if ident and ident not in asked:
            asked.add(ident)
            told = gateway.status(ident)
            if told.order_id == order_id:
                answers.append(told)
    return answers


def settle_tries(
    engine: Engine,
    merchant_id: UUID,
    gateway: Gateway,
    order_id: str,
    answers: Sequence[Answer],
    *,
    asked_in: str,
) -> str:
    """Settle what news of a page brought; each of two tries that were paid is money that came."""
    counts = that_counts(answers)
    state = settle_asked(
        engine, merchant_id, gateway, order_id, counts, asked_in=asked_in, because="notification"
    )
    for told in answers:
        if told.status == "paid" and told.transaction_id != counts.transaction_id:
            state = settle(engine, merchant_id, order_id, told, because="notification")
    return state


def resolve_page(engine: Engine, merchant_id: UUID, gateway: Gateway, order: Row[Any]) -> str:
    """Ask about one order with a page and act on the answer; returns its state afterwards.

    One whose page was perhaps never opened is over as soon as the gateway knows nothing of it: its
    address, which alone leads there, has not reached us and so nobody.
    """
    answer = ask_page(gateway, order.order_id, order.transaction_id)
    if answer.status == "not_found" and _is_lost(engine, order):
        answer = replace(over(), inferred=True)
    elif order.abandoning:
        answer = _end(gateway, order, answer)
    elif order.wish is not None:
        answer = fulfil(engine, merchant_id, gateway, order, answer)
    state = settle_asked(
        engine, merchant_id, gateway, order.order_id, answer,
        asked_in=order.state, because="status asked",
    )  # fmt: skip
    if order.transaction_id is not None:
        note_silence(engine, merchant_id, order.id, answer)
    return state


def _is_lost(engine: Engine, order: Row[Any]) -> bool:
    """Whether the answer to the call that opens the page was lost, and the call is over."""
    if is_shown(order) or order.last_sent_at is None or order.transaction_id is not None:
        return False
    lease = timedelta(seconds=engine.settings.lease_seconds)
    return bool(engine.real_now() >= order.last_sent_at + lease)


def _end(gateway: Gateway, order: Row[Any], answer: Answer) -> Answer:
    """End what waits to be paid, then the page; believed is only what the gateway attests.

    A page on which something was chosen before can not be closed: it is over by its own time.
    """
    if answer.status in ("pending", "authorized"):
        name = answer.transaction_id or order.order_id
        waits = answer.transaction_status == "pending"  # else it is held, or questioned
        end = gateway.expire if waits else gateway.cancel
        # Each try has a key of its own, or the end of one would be answered for the next.
        end(name, idempotency_key=idempotency_key(order.order_id, f"end {name}", order.polls + 1))
        answer = ask_page(gateway, order.order_id, name)
    token = order.instructions.get("snap_token")
    if token is None or answer.status not in ("not_found", "failed"):
        return answer
    if answer.status == "not_found" and order.transaction_id is not None:
        return answer  # what was chosen is there, though this question did not find it
    if not gateway.close_page(token):
        return answer
    # Somebody may have chosen in the moment before: then that is what stands now.
    after = ask_page(gateway, order.order_id, order.transaction_id)
    if after.status == "not_found" and order.transaction_id is not None:
        return after
    return over(after) if after.status in ("not_found", "failed") else after
