"""A subscription's charges: the run, its tries again, and what comes of a cycle."""

from __future__ import annotations

from datetime import timedelta

from simulator import charges, derive, subscriptions
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.clock import later
from simulator.model import Json, Step, Subscription, Transaction
from simulator.transactions import PAID

_BANK_SLOW = timedelta(seconds=90)


def perform(book: Book, ident: str) -> None:
    """Do what is due of this schedule: its next try, or else its next run."""
    known, now = book.subscriptions[ident], book.now()
    retry, run = known.retry_at, known.next_at
    if retry is not None and retry <= now and (run is None or retry <= run):
        known.retry_at = None
        if known.waiting_for:
            _look_again(book, known)
        else:
            known.retries += 1
            _try(book, known)
    elif run is not None and run <= now:
        _begin(book, known)
        _try(book, known)
    book.set_run_timer(known)
    book.save("subscription", known)


def _begin(book: Book, known: Subscription) -> None:
    """A new cycle: the rhythm goes on whatever becomes of the charge."""
    known.previous_at = known.next_at
    known.runs += 1
    known.retries, known.retry_at, known.waiting_for = 0, None, ""
    if known.previous_at is not None and (
        known.new_interval is not None or book.account.switches.month_end == "previous"
    ):
        known.anchor_at, known.steps = known.previous_at, 0
        known.interval = known.new_interval or known.interval
        known.new_interval = None
    known.steps += 1
    known.next_at = None if subscriptions.ended(known) else subscriptions.due_of(known)


def _request(known: Subscription, order_id: str) -> Json:
    body: Json = {
        "payment_type": known.payment_type,
        "transaction_details": {"order_id": order_id, "gross_amount": known.amount},
        "customer_details": known.customer,
        "metadata": known.metadata,
    }
    if known.payment_type == "gopay":
        body["gopay"] = {
            "account_id": known.account_id,
            "payment_option_token": known.token,
            "recurring": True,
        }
    else:
        body["credit_card"] = {"token_id": known.token, "initiated_by": "merchant"}
    return body


def _try(book: Book, known: Subscription) -> None:
    digits = derive.digits_of(
        book.account.seed, 32, known.subscription_id, len(known.order_ids), "order"
    )
    order_id = f"{known.name}-{digits}"
    known.order_ids.append(order_id)
    try:
        tx = charges.create(book, _request(known, order_id), "", unattended=True)
    except RefusalError as refusal:
        words = "; ".join(refusal.problems or [refusal.message])
        _failed(book, known, {"status_code": refusal.code, "status_message": words})
        return
    _judge(book, known, tx)


def _look_again(book: Book, known: Subscription) -> None:
    tx = book.transactions[known.waiting_for]
    known.waiting_for = ""
    _judge(book, known, tx)


def _judge(book: Book, known: Subscription, tx: Transaction) -> None:
    if tx.status == "pending":  # a slow bank: to try again now could take the money twice
        known.waiting_for = tx.transaction_id
        known.retry_at = book.now() + _BANK_SLOW
    elif tx.status in PAID:
        known.transaction_ids.append(tx.transaction_id)
        _paid(book, known, tx)
    else:
        said = {"status_code": "202", "status_message": tx.status_message}
        _failed(book, known, {**said, **_channel(tx)})


def _channel(tx: Transaction) -> Json:
    names = ("channel_response_code", "channel_response_message")
    return {name: tx.extras[name] for name in names if name in tx.extras}


def _paid(book: Book, known: Subscription, tx: Transaction) -> None:
    known.current_interval += 1
    known.history.append(Step(book.now(), tx.status, f"charged: {tx.order_id}"))
    if subscriptions.ended(known):
        known.status = "inactive"
        known.history.append(Step(book.now(), "inactive", "the last interval was paid"))
    told = {
        "transaction_status": tx.status,
        "transaction_id": tx.transaction_id,
        "status_code": "200",
        **_channel(tx),
    }
    subscriptions.tell(book, known, lambda: subscriptions.charged(known, told))


def _failed(book: Book, known: Subscription, told: Json) -> None:
    """Another try if one is left; else the schedule is over until somebody revives it."""
    now = book.now()
    words = f"{told['status_code']} {told['status_message']}"
    known.history.append(Step(now, "failed", words))
    if known.retries < known.retry_max:
        known.retry_at = later(now, known.retry_interval, known.retry_unit)
        return
    known.status, known.next_at = "inactive", None
    known.history.append(Step(now, "inactive", "no try was left"))
    subscriptions.tell(book, known, lambda: subscriptions.charged(known, told))
