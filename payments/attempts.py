"""The life of an attempt or instrument: which later news may overrule which earlier.

    created < sent < unknown < pending < failed < paid < reversed          review: parked

News climbs and never descends. A late ``paid`` after ``failed`` is the truth and is accepted.
By this door nothing leaves ``paid`` but a reversal by the bank (Permata, Mandiri Bill, store
payments, the chargeback of a card); refunds have books of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final


class AttemptState(StrEnum):
    """Where an order known to Midtrans stands, in our words."""

    CREATED = "created"  # written, not sent
    SENT = "sent"  # on its way or lost on its way; the lease says for how long to wait
    UNKNOWN = "unknown"  # the answer was lost, or no answer could be understood
    PENDING = "pending"  # the gateway waits for the payer, the bank or its fraud desk
    FAILED = "failed"  # the gateway attests that no money moved
    PAID = "paid"  # capture accepted, or settlement
    REVERSED = "reversed"  # the bank took a settled payment back
    REVIEW = "review"  # the gateway spoke of another amount, currency or order: a person looks


class NewsStatus(StrEnum):
    """What a gateway said about an order."""

    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_FOUND = "not_found"
    REVERSED = "reversed"  # the card holder's bank took all of it back


class Stage(StrEnum):
    """How far money of a paid order has come; it decides how it can go back."""

    CAPTURED = "captured"
    SETTLED = "settled"


RANK: Final = {
    AttemptState.CREATED: 0,
    AttemptState.SENT: 10,
    AttemptState.UNKNOWN: 20,
    AttemptState.PENDING: 30,
    AttemptState.FAILED: 40,
    AttemptState.PAID: 50,
    AttemptState.REVERSED: 60,
    AttemptState.REVIEW: 70,
}

OPEN_STATES: Final = frozenset(
    {AttemptState.CREATED, AttemptState.SENT, AttemptState.UNKNOWN, AttemptState.PENDING}
)
# While one of these stands, no other attempt may be opened: money may still come, or has come.
BLOCKING_STATES: Final = OPEN_STATES | {AttemptState.REVIEW}

# Orders of which the gateway has told nothing yet.
_UNHEARD: Final = frozenset({AttemptState.CREATED, AttemptState.SENT, AttemptState.UNKNOWN})
CANCELED_ELSEWHERE: Final = "canceled, and not by us"

_S = AttemptState
_OUTCOMES: Final = frozenset({_S.PENDING, _S.FAILED, _S.PAID, _S.REVIEW})

# The table of legal moves, for the trigger that repeats it. ``sent`` to ``created`` is our own
# act after a call that provably never left this machine; a person settles what was parked. What he
# calls failed while its page can be paid is pending again until the page is over.
LEGAL_MOVES: Final[dict[AttemptState, frozenset[AttemptState]]] = {
    _S.CREATED: _OUTCOMES | {_S.SENT},
    _S.SENT: _OUTCOMES | {_S.UNKNOWN, _S.CREATED},
    _S.UNKNOWN: _OUTCOMES,
    _S.PENDING: _OUTCOMES - {_S.PENDING},
    _S.FAILED: frozenset({_S.PAID, _S.REVIEW}),
    _S.PAID: frozenset({_S.REVERSED}),
    _S.REVERSED: frozenset(),
    _S.REVIEW: frozenset({_S.FAILED, _S.PAID, _S.PENDING}),
}


@dataclass(frozen=True, slots=True)
class News:
    """One answer of the gateway about one order, in our words.

    ``amount`` is in whole units of ``currency`` and ``None`` where the answer has none
    (not found, refused before a transaction came to be). ``transaction_status`` is Midtrans' own
    word; ``store`` is its bank or shop (``permata``, ``indomaret``).
    """

    order_id: str
    status: NewsStatus
    amount: int | None = None
    currency: str | None = None
    transaction_status: str | None = None
    payment_type: str | None = None
    store: str | None = None
    stage: Stage | None = None

    @property
    def is_reversible(self) -> bool:
        """Say whether the bank may take a settled payment of this kind back.

        Source: Midtrans documentation, transaction status cycle: Permata VA, Mandiri Bill and
        Indomaret, usually within five minutes of the settlement.
        """
        if self.payment_type in {"echannel", "cstore", "permata"}:
            return True
        return self.payment_type == "bank_transfer" and self.store == "permata"


@dataclass(frozen=True, slots=True)
class Accept:
    """The order moves to ``state``."""

    state: AttemptState


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing new: the news is older than, or the same as, what is known."""

    state: AttemptState
    reason: str


@dataclass(frozen=True, slots=True)
class Park:
    """A person must look. ``state`` is what to store: ``paid`` stays ``paid``, with an alarm."""

    state: AttemptState
    reason: str


Move = Accept | Ignore | Park


def decide(
    current: AttemptState,
    news: News,
    expected_amount: int,
    *,
    order_id: str | None = None,
    currency: str = "IDR",
    cancel_asked: bool = False,
    pulled: bool = False,
) -> Move:
    """Decide what one piece of news does to an order.

    Args:
        current: the stored state, read under the row's lock.
        news: what the gateway said.
        expected_amount: the amount fixed when the order was written, in whole units.
        order_id: the order the news was asked for; a different one in the news is parked.
        currency: of the order.
        cancel_asked: we cancel a captured card ourselves to give the money back; the
            ``cancel`` that follows belongs to that refund and is not an alarm.
        pulled: we charge without the payer and have not given the order up: a ``cancel`` that is
            the first we hear of it was made by somebody else, or before a backup was restored.

    Returns:
        ``Accept`` the new state, ``Ignore`` older news, or ``Park`` a contradiction.

    Source: docs of Midtrans on transaction status; our own lattice, ADR on the charging protocol.
    """
    if current is AttemptState.REVIEW:
        return Ignore(current, "parked")
    mismatch = _mismatch(news, expected_amount, order_id, currency)
    if mismatch is not None:
        keeps = current in {AttemptState.PAID, AttemptState.REVERSED}
        return Park(current if keeps else AttemptState.REVIEW, mismatch)

    match news.status:
        case NewsStatus.PAID:
            return _on_paid(current)
        case NewsStatus.FAILED:
            if pulled and current in _UNHEARD and news.transaction_status == "cancel":
                # Money came and was given back: another charge would take it again.
                return Park(AttemptState.REVIEW, CANCELED_ELSEWHERE)
            return _on_failed(current, news, cancel_asked)
        case NewsStatus.REVERSED:
            return _on_reversed(current)
        case NewsStatus.PENDING:
            return _climb(current, AttemptState.PENDING)
        case NewsStatus.UNKNOWN | NewsStatus.NOT_FOUND:
            # "Not found" is no proof that nothing happened: a charge may still be on its way.
            if current is AttemptState.CREATED:
                return Ignore(current, "not sent yet")
            return _climb(current, AttemptState.UNKNOWN)


def is_overtaken(
    asked_in: str | None, current: AttemptState, move: Move, *, inferred: bool = False
) -> bool:
    """Say whether an answer may be older than the outcome that another answer has written.

    A question asked while the order was open and answered before the bank reversed it must not
    make a payment of what is known as denied. States never come back, so an order that is still
    in the state it was asked in has heard nothing since.

    Args:
        asked_in: the state when the question left; None where nobody noted it.
        current: the stored state, read under the row's lock.
        move: what the answer would do.
        inferred: we end the order because the gateway does not know it; true only of the state in
            which it was asked about.
    """
    if asked_in is None or asked_in == current or isinstance(move, Ignore):
        return False
    if inferred:
        return True
    return current not in BLOCKING_STATES


def _on_paid(current: AttemptState) -> Move:
    if current is AttemptState.REVERSED:
        return Park(current, "paid after a reversal")
    return _climb(current, AttemptState.PAID)


def _on_failed(current: AttemptState, news: News, cancel_asked: bool) -> Move:
    if current is not AttemptState.PAID:
        return _climb(current, AttemptState.FAILED)
    if news.transaction_status == "deny" and news.is_reversible:
        return Accept(AttemptState.REVERSED)
    if news.transaction_status == "cancel" and cancel_asked:
        return Ignore(current, "the cancel belongs to a refund")
    if news.transaction_status in {"cancel", "deny"}:
        return Park(current, f"{news.transaction_status} after payment")
    return Ignore(current, "older")


def _on_reversed(current: AttemptState) -> Move:
    if current is AttemptState.REVERSED:
        return Ignore(current, "same")
    if current is AttemptState.PAID:
        return Accept(AttemptState.REVERSED)
    # Money came and went behind our back: nothing is booked, and this card is not tried again.
    return Park(AttemptState.REVIEW, "charged back before it was known as paid")


def _climb(current: AttemptState, state: AttemptState) -> Move:
    if current is state:
        return Ignore(current, "same")
    if RANK[state] < RANK[current]:
        return Ignore(current, "older")
    return Accept(state)


def _mismatch(news: News, expected_amount: int, order_id: str | None, currency: str) -> str | None:
    if order_id is not None and news.order_id != order_id:
        return "another order"
    if news.currency is not None and news.currency != currency:
        return "another currency"
    if news.amount is not None and news.amount != expected_amount:
        return "another amount"
    if news.status is NewsStatus.PAID and news.amount is None:
        return "paid without an amount"
    return None


def after_unsent(sends_before: int) -> AttemptState:
    """Say where an order returns to when a call provably never left (refused, no name, no TLS).

    Args:
        sends_before: earlier sends of this order that may have reached the gateway.
    """
    return AttemptState.UNKNOWN if sends_before else AttemptState.CREATED


def may_try_again(previous: AttemptState) -> bool:
    """Say whether attempt n + 1 may be opened after ``previous``: only an attested failure."""
    return previous in {AttemptState.FAILED, AttemptState.REVERSED}


def stage_after(stage: Stage | None, news: News) -> Stage | None:
    """Say how far the money has come; a captured card becomes settled, never the reverse."""
    if stage is Stage.SETTLED or news.stage is None:
        return stage
    return news.stage


def midtrans_status(
    transaction_status: str, fraud_status: str | None
) -> tuple[NewsStatus, Stage | None]:
    """Translate Midtrans' two status words into ours.

    Paid is ``settlement``, or ``capture`` that the fraud desk accepts; a fraud status that is
    present must be ``accept``. Refunds and chargebacks in part say that the money had come in:
    what went back is booked elsewhere. A word we do not know is ``unknown``, never a failure.

    Source: Midtrans documentation, transaction status (2026).
    """
    match transaction_status, fraud_status:
        case "capture", None | "" | "accept":
            return NewsStatus.PAID, Stage.CAPTURED
        case "capture" | "deny", "deny":
            return NewsStatus.FAILED, None
        case "settlement", None | "" | "accept":
            return NewsStatus.PAID, Stage.SETTLED
        case ("capture" | "settlement", "challenge") | ("pending" | "authorize", _):
            return NewsStatus.PENDING, None
        case "deny" | "cancel" | "expire" | "failure", _:
            return NewsStatus.FAILED, None
        case "refund" | "partial_refund" | "partial_chargeback", _:
            return NewsStatus.PAID, Stage.SETTLED
        case "chargeback", _:
            return NewsStatus.REVERSED, None
        case _:
            return NewsStatus.UNKNOWN, None


# Ages at which an order without an outcome is asked about; after a day, every day.
POLL_AGES: Final = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
)
_POLL_GAP_MIN: Final = timedelta(seconds=10)


def next_poll_after(age: timedelta) -> timedelta:
    """Say how long to wait until the gateway is asked again.

    Args:
        age: time since the order was first sent.

    Returns:
        At least ten seconds, so that a late run asks once and not for every point it missed.
    """
    for point in POLL_AGES:
        if point - age >= _POLL_GAP_MIN:
            return point - age
    day = POLL_AGES[-1]
    wait = day - age % day
    return wait if wait >= _POLL_GAP_MIN else wait + day
