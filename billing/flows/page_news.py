"""Orders with a page of the gateway's: what an answer means for one, and what its row keeps of it.

Several tries may stand under one order; each is written into its history, and none but the one that
pays, or the end of the page itself, closes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from billing.engine import Engine
from billing.flows.order_rows import this_order
from billing.flows.orders import OPEN, record_steps
from core.work import Work
from payments.attempts import AttemptState, Park
from payments.channels import CHANNELS
from payments.gateway import Answer
from payments.hosted import Page, is_second_payment, news_of_page, next_look, offer_on_page
from payments.queries import offered_channels

# Why a person looks at it, beside which payment.
PAID_TWICE: Final = "another try on the page was paid too"


def read_page(engine: Engine, unit: Work, order: Row[Any], answer: Answer) -> Answer:
    """What an answer about an order means; only of one with a page that is not what it says."""
    if not CHANNELS[order.channel].is_hosted:
        return answer
    return news_of_page(answer, _page(engine, order), unit.now)


def paid_twice(engine: Engine, order: Row[Any], answer: Answer) -> Park | None:
    """A matter for a person: a second try was paid under an order whose payment is booked."""
    if not CHANNELS[order.channel].is_hosted:
        return None
    if not is_second_payment(answer, _page(engine, order)):
        return None
    return Park(AttemptState(order.state), PAID_TWICE)


def keep_page(engine: Engine, unit: Work, order: Row[Any], answer: Answer) -> None:
    """Keep what is the page's own on an order that stays open: its address, and when it ends.

    What one try shows the payer stands on the page itself.
    """
    if not CHANNELS[order.channel].is_hosted:
        return
    chosen = answer.expires_at if answer.transaction_id and answer.status == "pending" else None
    values: dict[str, Any] = {"instructions": dict(order.instructions or answer.instructions)}
    tells = answer.status != "unknown" and answer.transaction_id and answer.transaction_status
    lost = order.held is not None and not tells
    if answer.fraud != "challenge" and not lost:
        # What the fraud desk questions ends by its own time; with another try it is over. An answer
        # that names no try says nothing of what is held, nor of what a person decided.
        values.update(
            held=None, wish=None, expires_at=next_look(_page(engine, order), unit.now, chosen)
        )
    unit.session.execute(this_order(unit, order).values(**values))


def note_try(unit: Work, order: Row[Any], answer: Answer, because: str) -> None:
    """Write a new try, or what became of one, into the history of an order that stays open."""
    if not CHANNELS[order.channel].is_hosted:
        return
    if order.state not in OPEN or answer.transaction_id is None:
        return
    word = answer.raw.get("transaction_status")
    before = (order.answer or {}).get("transaction_status")
    if (order.transaction_id, before) == (answer.transaction_id, word):
        return
    unit.session.execute(
        this_order(unit, order).values(
            transaction_id=answer.transaction_id, code=answer.code, answer=answer.raw
        )
    )
    told = f"{because}: a try by {answer.channel or answer.payment_type} is {word}"
    record_steps(unit, [(order.id, order.state, order.state, told, answer.raw)])


def shown_on_page(unit: Work, order: Row[Any]) -> tuple[str, ...]:
    """Which channels the page of an order offers."""
    return offer_on_page(
        [one.channel.key for one in offered_channels(unit) if one.takes(order.amount, unit.today)],
        takes_cards=unit.merchant.card_mode != "none",
        card_only=order.payment_method_id is not None,
    )


def _page(engine: Engine, order: Row[Any]) -> Page:
    is_open = order.state in OPEN
    return Page(
        until=order.page_until,
        grace=timedelta(seconds=engine.settings.quarantine_seconds),
        is_open=is_open,
        shown=is_shown(order),
        paid_try=order.transaction_id if order.state in ("paid", "reversed") else None,
        known_try=order.transaction_id if is_open else None,
    )


def leads_nowhere(order: Row[Any], now: datetime) -> bool:
    """Whether nothing can be chosen on an order's page any more, and nothing chosen waits there."""
    if order.page_until is None or order.page_until > now:
        return False
    return bool((order.answer or {}).get("transaction_status") != "pending")


def is_shown(order: Row[Any]) -> bool:
    instructions: Mapping[str, Any] = order.instructions or {}
    return bool(instructions.get("redirect_url"))
