"""Reading the requests of the Subscription API. All problems are collected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec

from simulator.answers import RefusalError
from simulator.book import Book
from simulator.model import Json
from simulator.validation import is_int, read_time

_NAME = re.compile(r"[A-Za-z0-9._~-]{1,40}")
_UNITS = ("day", "week", "month")
_RETRY_UNITS = ("minute", "hour", "day")
_MOST = 99_999_999_999
_LONGEST_INTERVAL = 10_000
_METADATA_BYTES = 1024
_TEXTS = ("first_name", "last_name", "email", "phone")


def invalid(*problems: str) -> RefusalError:
    """400 in the words of this API."""
    return RefusalError("400", "Invalid parameter.", list(problems))


@dataclass(frozen=True)
class Asked:
    """A checked request; `schedule` may hold less in a change than in a creation."""

    name: str
    amount: int
    payment_type: str
    token: str
    account_id: str
    interval: int | None
    unit: str
    max_interval: int | None
    start_at: datetime | None
    retry: tuple[int, str, int] | None
    metadata: Json | None
    customer: Json | None


def read(book: Book, body: Json, *, change: bool = False) -> Asked:
    """Check a request. Raises the 400 with every problem found."""
    problems: list[str] = []
    name = _text(body, "name", problems)
    if name and not _NAME.fullmatch(name):
        problems.append("subscription.name must be 1-40 letters, digits or -_~.")
    amount = _amount(body.get("amount"), problems)
    currency = _text(body, "currency", problems)
    if currency and currency != "IDR":
        problems.append("subscription.currency is not supported")
    token = _text(body, "token", problems)
    payment_type = "" if change else _text(body, "payment_type", problems)
    if payment_type and payment_type not in ("credit_card", "gopay"):
        problems.append("subscription.payment_type is not supported")
    schedule = _part(body, "schedule", problems)
    if not change and not isinstance(body.get("schedule"), dict):
        problems.append("subscription.schedule is required")
    gopay = _part(body, "gopay", problems)
    if payment_type == "gopay" and not gopay.get("account_id"):
        problems.append("subscription.gopay.account_id is required")
    start = _start(book, schedule, problems)
    asked = Asked(
        name=name,
        amount=amount,
        payment_type=payment_type,
        token=token,
        account_id=str(gopay.get("account_id") or ""),
        interval=_interval(schedule, problems, needed=not change and bool(schedule)),
        unit=_unit(schedule, problems, needed=not change and bool(schedule)),
        max_interval=_most(schedule, problems),
        start_at=start,
        retry=_retry(_part(body, "retry_schedule", problems), problems),
        metadata=_metadata(body, problems),
        customer=_customer(body, problems),
    )
    unique = book.account.switches.unique_names and not change
    if unique and any(known.name == name for known in book.subscriptions.values()):
        problems.append("subscription.name is already used")
    if problems:
        raise invalid(*problems)
    return asked


def _text(body: Json, name: str, problems: list[str]) -> str:
    value = body.get(name)
    if value is None or value == "":
        problems.append(f"subscription.{name} is required")
    elif not isinstance(value, str) or len(value) > 1024:
        problems.append(f"subscription.{name} is not valid")
    else:
        return value
    return ""


def _amount(value: object, problems: list[str]) -> int:
    if value is None or value == "":
        problems.append("subscription.amount is required")
        return 0
    text = str(value) if is_int(value) else value
    if not isinstance(text, str) or not re.fullmatch(r"-?[0-9]{1,20}", text, re.ASCII):
        problems.append("subscription.amount is not a number without decimals")
        return 0
    if not 0 < int(text) <= _MOST:
        problems.append("subscription.amount must be between 0.01 - 99999999999.00")
    return int(text)


def _part(body: Json, name: str, problems: list[str]) -> Json:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        problems.append(f"subscription.{name} is not valid")
    return value if isinstance(value, dict) else {}


def _start(book: Book, schedule: Json, problems: list[str]) -> datetime | None:
    told = schedule.get("start_time")
    if not told:
        return None
    now = book.now()
    try:
        start = read_time(told, now)
    except (ValueError, OverflowError):
        problems.append("subscription.schedule.start_time format is yyyy-MM-dd HH:mm:ss Z")
        return None
    if start <= now and book.account.switches.past_start == "400":
        problems.append("subscription.schedule.start_time must be later than the current time")
    return max(start, now)


def _interval(schedule: Json, problems: list[str], *, needed: bool) -> int | None:
    value = schedule.get("interval")
    if value is None:
        if needed:
            problems.append("subscription.schedule.interval is required")
        return None
    if not is_int(value) or not 1 <= value <= _LONGEST_INTERVAL:
        problems.append("subscription.schedule.interval is not valid")
        return None
    return value


def _unit(schedule: Json, problems: list[str], *, needed: bool) -> str:
    value = schedule.get("interval_unit")
    if value is None:
        if needed:
            problems.append("subscription.schedule.interval_unit is required")
        return ""
    if value not in _UNITS:
        problems.append("subscription.schedule.interval_unit must be day, week or month")
        return ""
    return str(value)


def _most(schedule: Json, problems: list[str]) -> int | None:
    value = schedule.get("max_interval")
    if value is not None and (not is_int(value) or value < 0):
        problems.append("subscription.schedule.max_interval is not valid")
        return None
    return value if is_int(value) else None


def _retry(told: Json, problems: list[str]) -> tuple[int, str, int] | None:
    if not told:
        return None
    interval, unit = told.get("interval", 1), told.get("interval_unit", "hour")
    most = told.get("max_interval", 3)
    if not is_int(interval) or not 1 <= interval <= _LONGEST_INTERVAL:
        problems.append("subscription.retry_schedule.interval is not valid")
    if unit not in _RETRY_UNITS:
        problems.append("subscription.retry_schedule.interval_unit must be minute, hour or day")
    if not is_int(most) or not 0 <= most <= 3:
        problems.append("subscription.retry_schedule.max_interval must be between 0 and 3")
    return (interval, str(unit), most) if not problems else None


def _metadata(body: Json, problems: list[str]) -> Json | None:
    value = body.get("metadata")
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append("subscription.metadata is not valid")
        return None
    if len(msgspec.json.encode(value)) >= _METADATA_BYTES:
        problems.append("subscription.metadata must be less than 1 KB")
    return value


def _customer(body: Json, problems: list[str]) -> Json | None:
    value = body.get("customer_details")
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append("subscription.customer_details is not valid")
        return None
    for name in _TEXTS:
        text = value.get(name)
        if text is not None and (not isinstance(text, (str, int)) or len(str(text)) > 255):
            problems.append(f"subscription.customer_details.{name} is not valid")
    return {name: value[name] for name in _TEXTS if value.get(name) is not None}
