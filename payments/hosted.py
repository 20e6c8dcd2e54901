"""A page of the gateway's on which the payer chooses: news of its order told from news of one try.

Several tries may stand under one order id: a card is denied, then a virtual account is paid. Until
something was chosen the gateway knows no such order, and what becomes of one try says nothing about
the page while somebody may still choose on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from payments.channels import CHANNELS
from payments.gateway import Answer

# Our own code: nobody can pay on the page any more, whatever became of its last try.
PAGE_OVER: Final = "page_over"
# What was chosen on a page waits until so long after it was opened; a number needs some time.
PAYMENT_LIFE: Final = timedelta(days=1)

# What counts, of several answers about the tries under one order: money, then what may bring it.
_WEIGHT: Final = {
    "reversed": 5,
    "paid": 5,
    "authorized": 4,
    "pending": 3,
    "unknown": 2,
    "failed": 1,
}


@dataclass(frozen=True, slots=True)
class Page:
    """Where an order with a page stands.

    Attributes:
        until: nobody can choose any more from here on, business time.
        grace: how long after that a choice of the last moment may take to show.
        is_open: whether our order is still open.
        shown: whether the page's address has reached us; else nobody was sent there.
        paid_try: the transaction that paid it, where one did.
        known_try: the newest transaction that we were told of; from then on there is something
            to find.
    """

    until: datetime
    grace: timedelta
    is_open: bool = True
    shown: bool = True
    paid_try: str | None = None
    known_try: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether nothing can come of it any more that the gateway does not know of."""
        return now >= self.until + self.grace


def news_of_page(answer: Answer, page: Page, now: datetime) -> Answer:
    """Read what the gateway says of a try, or that it knows none, as news of the order.

    While the page lives an unknown order and a failed try both mean that the payer may still
    choose: ``pending``. A refusal to open the page, money, a doubt and what was attested as over
    stand as they are.

    Source: Midtrans documentation, Snap: status is 404 until a method was chosen; several tries
    under one order have transaction ids of their own.
    """
    if answer.code == PAGE_OVER:
        return answer
    if not page.is_open:
        return answer if _is_of_the_paid_try(answer, page) else replace(answer, status="unknown")
    if answer.status == "not_found":
        if page.known_try is None and not page.shown:
            return answer
        # A number that was taken is there still, though one question did not find it.
        is_over = page.known_try is None and page.is_over(now)
        return over() if is_over else replace(answer, status="pending", code=None)
    if answer.status == "failed" and answer.transaction_status and not page.is_over(now):
        # What the fraud desk thought of that try is over with it.
        return replace(answer, status="pending", fraud=None)
    return answer


def _is_of_the_paid_try(answer: Answer, page: Page) -> bool:
    """Whether news of a closed order is about the try that closed it; money always counts."""
    if answer.status in ("paid", "reversed") or page.paid_try is None:
        return True
    return answer.transaction_id in (None, page.paid_try)


def is_second_payment(answer: Answer, page: Page) -> bool:
    """Whether another try than the one that is booked was paid too, under the same order id."""
    if page.is_open or page.paid_try is None or answer.status != "paid":
        return False
    return answer.transaction_id not in (None, page.paid_try)


def over(answer: Answer | None = None) -> Answer:
    """Say that nobody can pay on the page any more; the last try's own words stay."""
    if answer is not None and answer.status == "failed":
        return replace(answer, code=PAGE_OVER)
    return Answer(
        "failed",
        code=PAGE_OVER,
        message="nothing was chosen on the page",
        transaction_status="expire",
    )


def that_counts(answers: Iterable[Answer]) -> Answer:
    """Of several answers about one order, asked for by different ids, the one that counts.

    The first is by our own order id and stands for the newest try; it wins where they are equal.
    """
    return max(answers, key=lambda one: _WEIGHT.get(one.status, 0))


def next_look(page: Page, now: datetime, try_until: datetime | None = None) -> datetime | None:
    """When something about the page ends next; None where only the polls can tell.

    Args:
        try_until: until when what was chosen waits to be paid.
    """
    if try_until is not None and try_until > now:
        return try_until
    return next((at for at in (page.until, page.until + page.grace) if at > now), None)


def offer_on_page(
    offered: Iterable[str], *, takes_cards: bool, card_only: bool = False
) -> tuple[str, ...]:
    """Which channels a page shows; empty for all that are switched on at the gateway.

    Args:
        offered: what the merchant offers to a payer who pushes, in his order.
        takes_cards: whether the merchant takes cards.
        card_only: a card shall be kept, and nothing else does that.
    """
    if card_only:
        return ("card",)
    # What answers only to its own id can not be found where the notification is lost.
    shown = [
        key
        for key in offered
        if not CHANNELS[key].is_hosted and not CHANNELS[key].by_transaction_id
    ]
    return (*(("card",) if takes_cards else ()), *shown)
