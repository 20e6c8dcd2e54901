"""Reading a charge request: field limits, sum rule, expiry. Pure; all problems are collected."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeGuard

from simulator.answers import invalid
from simulator.clock import within_calendar
from simulator.model import Json

_CUSTOMER_LIMITS = {"first_name": 255, "last_name": 255, "email": 255, "phone": 255}
_ADDRESS_LIMITS = {**_CUSTOMER_LIMITS, "address": 255, "city": 100, "postal_code": 10}
_ADDRESS_LIMITS["country_code"] = 10
_ITEM_LIMITS = {"id": 50, "name": 50, "brand": 50, "category": 50, "merchant_name": 50}
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MAX_AMOUNT = 999_999_999_999


@dataclass(frozen=True)
class Envelope:
    """The part of a charge request that all payment types share."""

    payment_type: str
    order_id: str
    gross_amount: int
    echo: Json
    customer: str


def is_int(value: object) -> TypeGuard[int]:
    """A JSON integer; true and 1.0 are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_digits(value: object) -> TypeGuard[str]:
    """Text of 0 to 9 and nothing else; what Unicode also calls a digit is none."""
    return isinstance(value, str) and value.isascii() and value.isdigit()


def read_envelope(body: Json, known_types: Collection[str], longest_order: int = 50) -> Envelope:
    """Check the common fields. Raises the 400 with every problem found."""
    problems: list[str] = []
    payment_type = body.get("payment_type")
    if not isinstance(payment_type, str) or not payment_type:
        problems.append("payment_type is required")
    elif payment_type not in known_types:
        problems.append("payment_type is not supported")
    envelope = read_order(body, problems, str(payment_type), longest_order)
    if problems:
        raise invalid(*problems)
    return envelope


def read_order(
    body: Json, problems: list[str], payment_type: str = "", longest_order: int = 50
) -> Envelope:
    """The same without the payment type; what is wrong is added to `problems`."""
    details = body.get("transaction_details")
    order_id, amount = "", 0
    if not isinstance(details, dict):
        problems.append("transaction_details is required")
    else:
        order_id, amount = _details(details, problems, longest_order)
    _items(body.get("item_details"), amount, problems)
    customer = _customer(body.get("customer_details"), problems)
    echo = _echo(body, problems)
    return Envelope(payment_type, order_id, amount, echo, customer)


def _details(details: Json, problems: list[str], longest: int) -> tuple[str, int]:
    order_id, amount = details.get("order_id"), details.get("gross_amount")
    if not isinstance(order_id, str) or not order_id.strip():
        problems.append("transaction_details.order_id is required")
        order_id = ""
    elif len(order_id) > longest:
        problems.append(f"transaction_details.order_id must be between 1 and {longest} characters")
    if amount is None:
        problems.append("transaction_details.gross_amount is required")
    elif not is_int(amount):
        problems.append("transaction_details.gross_amount is not a number")
    elif amount <= 0:
        problems.append("transaction_details.gross_amount must be greater than or equal to 0.01")
    elif amount > _MAX_AMOUNT:
        problems.append("transaction_details.gross_amount is too large")
    return order_id, amount if is_int(amount) else 0


def _items(items: object, gross: int, problems: list[str]) -> None:
    if items is None:
        return
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        problems.append("item_details is not valid")
        return
    total, whole = 0, True
    for place, item in enumerate(items):
        where = f"item_details[{place}]"
        price, quantity = item.get("price"), item.get("quantity")
        if not is_int(price):
            problems.append(f"{where}.price is not valid")
        if not is_int(quantity) or quantity < 1:
            problems.append(f"{where}.quantity is not valid")
        if not isinstance(item.get("name"), str) or not item["name"]:
            problems.append(f"{where}.name is required")
        _lengths(item, _ITEM_LIMITS, where, problems)
        if is_int(price) and is_int(quantity):
            total += price * quantity
        else:
            whole = False
    if items and whole and total != gross:
        problems.append("transaction_details.gross_amount is not equal to the sum of item_details")


def _customer(customer: object, problems: list[str]) -> str:
    if customer is None:
        return ""
    if not isinstance(customer, dict):
        problems.append("customer_details is not valid")
        return ""
    _lengths(customer, _CUSTOMER_LIMITS, "customer_details", problems)
    for name in ("billing_address", "shipping_address"):
        address = customer.get(name)
        if isinstance(address, dict):
            _lengths(address, _ADDRESS_LIMITS, f"customer_details.{name}", problems)
        elif address is not None:
            problems.append(f"customer_details.{name} is not valid")
    names = (customer.get("first_name"), customer.get("last_name"))
    return " ".join(name for name in names if isinstance(name, str) and name)


def _lengths(source: Json, limits: dict[str, int], where: str, problems: list[str]) -> None:
    for name, limit in limits.items():
        value = source.get(name)
        if value is None:
            continue
        if not isinstance(value, (str, int)):
            problems.append(f"{where}.{name} is not valid")
        elif len(str(value)) > limit:
            problems.append(f"{where}.{name} too long, max {limit} characters")


def _echo(body: Json, problems: list[str]) -> Json:
    echo: Json = {}
    for name in ("custom_field1", "custom_field2", "custom_field3"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or len(value) > 255:
            problems.append(f"{name} too long, max 255 characters")
        echo[name] = value
    metadata = body.get("metadata")
    if isinstance(metadata, dict):
        echo["metadata"] = metadata
    elif metadata is not None:
        problems.append("metadata is not valid")
    return echo


def read_expiry(
    body: Json, now: datetime, default: timedelta, shortest: timedelta, longest: timedelta
) -> datetime:
    """When the payment ends: `custom_expiry` within the channel's limits, else the default."""
    custom = body.get("custom_expiry")
    if custom is None:
        return now + default
    if not isinstance(custom, dict):
        raise invalid("custom_expiry is not valid")
    duration, unit = custom.get("expiry_duration"), custom.get("unit", "minute")
    if not is_int(duration) or duration <= 0:
        raise invalid("custom_expiry.expiry_duration is not valid")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise invalid("custom_expiry.unit is not valid")
    if duration * _UNITS[unit] > longest.total_seconds():
        raise invalid("custom_expiry.expiry_duration is beyond the maximum of this channel")
    life = timedelta(seconds=duration * _UNITS[unit])
    if life < shortest:
        raise invalid("custom_expiry.expiry_duration is below the minimum of this channel")
    starts = _order_time(custom.get("order_time"), now)
    if starts > now + longest:
        raise invalid("custom_expiry.order_time is beyond the maximum of this channel")
    ends = starts + life
    if ends <= now:
        raise invalid("custom_expiry has already passed")
    return ends


def _order_time(text: object, now: datetime) -> datetime:
    try:
        return read_time(text, now)
    except (ValueError, OverflowError) as error:
        raise invalid("custom_expiry.order_time format is yyyy-MM-dd HH:mm:ss Z") from error


def read_time(text: object, otherwise: datetime) -> datetime:
    """`yyyy-MM-dd HH:mm:ss Z` as the gateway reads instants. Raises ValueError, OverflowError."""
    if text is None or text == "":
        return otherwise
    instant = datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S %z")
    return within_calendar(instant.astimezone(otherwise.tzinfo))
