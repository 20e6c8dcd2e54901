"""The Subscription API: create, ask, change, switch off and on, cancel. Runs are elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from simulator import derive
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.clock import later, wib
from simulator.model import Json, Step, Subscription
from simulator.subscription_requests import Asked, invalid, read

UPDATED = {"status_message": "Subscription is updated."}
Written = Callable[[datetime], str]


# --- operations -----------------------------------------------------------------------------------


def create(book: Book, asked: Asked) -> Json:
    """A new schedule; its token is not looked at before the first run."""
    now = book.now()
    interval, unit = asked.interval or 1, asked.unit
    try:
        start = asked.start_at or later(now, interval, unit)
    except OverflowError:
        raise invalid("subscription.schedule.interval is not valid") from None
    known = Subscription(
        subscription_id=derive.uuid_of(
            book.account.seed, asked.name, "subscription", len(book.subscriptions)
        ),
        name=asked.name,
        amount=asked.amount,
        payment_type=asked.payment_type,
        token=asked.token,
        account_id=asked.account_id,
        created_at=now,
        start_at=start,
        interval=interval,
        unit=unit,
        max_interval=asked.max_interval,
        metadata=asked.metadata,
        customer=asked.customer,
        anchor_at=start,
        next_at=start,
        history=[Step(now, "active", "created by the merchant")],
    )
    if asked.retry is not None:
        known.retry_interval, known.retry_unit, known.retry_max = asked.retry
    book.keep_subscription(known)
    book.set_run_timer(known)
    tell(book, known, lambda: _created(book, known))
    return describe(known)


def find(book: Book, ident: str) -> Subscription:
    """The schedule of this id, or the 404."""
    known = book.subscriptions.get(ident)
    if known is None:
        raise RefusalError("404", "Subscription doesn't exist.")
    return known


def change(book: Book, ident: str, body: Json) -> Json:
    """PATCH: amount and the like count from the next run, the interval after it."""
    known = find(book, ident)
    asked = read(book, body, change=True)
    if known.canceled:
        raise invalid("subscription is canceled")
    known.name, known.amount, known.token = asked.name, asked.amount, asked.token
    known.account_id = asked.account_id or known.account_id
    known.metadata = known.metadata if asked.metadata is None else asked.metadata
    if asked.retry is not None:
        known.retry_interval, known.retry_unit, known.retry_max = asked.retry
    if asked.interval is not None and asked.interval != known.interval:
        known.new_interval = asked.interval
    if asked.start_at is not None and known.status == "inactive":
        # The docs say so in one place: future dates bring a dead schedule back to life.
        known.anchor_at = known.next_at = asked.start_at
        known.interval = known.new_interval or known.interval
        known.steps, known.retries, known.retry_at, known.new_interval = 0, 0, None, None
        _set(book, known, "active", "revived by the merchant with a new date")
        book.set_run_timer(known)
    _set(book, known, known.status, "changed by the merchant")
    return dict(UPDATED)


def disable(book: Book, ident: str) -> Json:
    """No further runs; tries of the present cycle still happen."""
    known = find(book, ident)
    known.next_at = None
    _set(book, known, "inactive", "disabled by the merchant")
    return dict(UPDATED)


def enable(book: Book, ident: str) -> Json:
    """Runs go on at the next instant of the old rhythm."""
    known = find(book, ident)
    if known.canceled:
        raise invalid("subscription is canceled")
    if ended(known):
        raise invalid("subscription has reached its max_interval")
    if known.status == "inactive":
        now = book.now()
        while (due := due_of(known)) is not None and due <= now:
            known.steps += 1
        known.next_at = due
        book.set_run_timer(known)
    _set(book, known, "active", "enabled by the merchant")
    return dict(UPDATED)


def cancel(book: Book, ident: str) -> Json:
    """For good, and without the tries that were still to come."""
    known = find(book, ident)
    known.canceled, known.next_at, known.retry_at = True, None, None
    _set(book, known, "inactive", "canceled by the merchant")
    return dict(UPDATED)


def _set(book: Book, known: Subscription, status: str, note: str) -> None:
    known.status = status
    known.history.append(Step(book.now(), status, note))
    book.save("subscription", known)


def ended(known: Subscription) -> bool:
    """Were all runs begun?"""
    return known.max_interval is not None and known.runs >= max(1, known.max_interval)


def due_of(known: Subscription) -> datetime | None:
    """When the next run is due by the rhythm, or None beyond the calendar."""
    try:
        return later(known.anchor_at, known.steps * known.interval, known.unit)
    except OverflowError:
        return None


# --- what is said ---------------------------------------------------------------------------------


def describe(known: Subscription) -> Json:
    """The object, as creating and asking answer it."""
    body: Json = {
        "id": known.subscription_id,
        "name": known.name,
        "amount": str(known.amount),
        "currency": "IDR",
        "created_at": wib(known.created_at),
        "schedule": _schedule(known, wib),
        "retry_schedule": {
            "interval": known.retry_interval,
            "interval_unit": known.retry_unit,
            "max_interval": known.retry_max,
        },
        "status": known.status,
        "token": known.token,
        "payment_type": known.payment_type,
        "transaction_ids": list(known.transaction_ids),
    }
    return body | _optional(known)


def _optional(known: Subscription) -> Json:
    body: Json = {}
    if known.metadata is not None:
        body["metadata"] = known.metadata
    if known.customer is not None:
        body["customer_details"] = known.customer
    if known.account_id:
        body["gopay"] = {"account_id": known.account_id}
    return body


def _schedule(known: Subscription, written: Written) -> Json:
    body: Json = {
        "interval": known.interval,
        "interval_unit": known.unit,
        "current_interval": known.current_interval,
        "start_time": written(known.start_at),
    }
    if known.max_interval is not None:
        body["max_interval"] = known.max_interval
    if known.previous_at is not None:
        body["previous_execution_at"] = written(known.previous_at)
    if known.next_at is not None:
        body["next_execution_at"] = written(known.next_at)
    return body


def in_utc(instant: datetime) -> str:
    """How messages write instants, unlike answers: UTC with six decimals."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _created(book: Book, known: Subscription) -> Json:
    return {
        "id": known.subscription_id,
        "merchant_id": book.account.merchant_id,
        "name": known.name,
        "amount": str(known.amount),
        "currency": "IDR",
        "payment_type": known.payment_type,
        "token": known.token,
        "status": known.status,
        "schedule": _schedule(known, in_utc),
        **_optional(known),
    }


def charged(known: Subscription, transaction: Json) -> Json:
    """The message at the end of a cycle. Nobody signs it."""
    return {
        "event_name": "subscription.charge",
        "transaction": transaction,
        "subscription": {**describe(known), "schedule": _schedule(known, in_utc)},
    }


def tell(book: Book, known: Subscription, say: Callable[[], Json]) -> None:
    """To the recurring address; to the payment address only with the switch."""
    account = book.account
    url = account.recurring_url
    if not url and account.switches.recurring_fallback:
        url = account.notification_url
    if url:
        book.tell(known.subscription_id, known.subscription_id, [url], say)
