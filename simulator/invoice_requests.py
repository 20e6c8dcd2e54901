"""Reading an invoice request and summing it up. Pure; all problems are collected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from simulator.answers import RefusalError
from simulator.model import Json
from simulator.validation import is_digits, is_int, read_time

_BANKS = ("bca", "bni", "bri", "permata", "cimb", "danamon", "bsi", "seabank")
_MOST = 999_999_999_999
_DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
_TEXTS = {"order_id": 36, "invoice_number": 40}


@dataclass(frozen=True)
class Asked:
    """A checked request and its total in whole rupiah."""

    order_id: str
    number: str
    due_at: datetime
    total: int
    by_link: bool
    link: Json
    accounts: list[tuple[str, str]]
    customer: Json


def read(body: Json, now: datetime) -> Asked:
    """Check a request. Raises the 400 with every problem found."""
    problems: list[str] = []
    texts = {name: _text(body, name, longest, problems) for name, longest in _TEXTS.items()}
    dated = _instant(body.get("invoice_date"), "invoice_date", now, problems)
    due = _instant(body.get("due_date"), "due_date", now, problems)
    if due <= dated or due <= now:
        problems.append("due_date must be after invoice_date and later than now")
    if len(str(body.get("notes") or "")) > 1000:
        problems.append("notes too long, max 1000 characters")
    if body.get("document_type", "invoice") not in ("invoice", "quotation"):
        problems.append("document_type must be invoice or quotation")
    customer = _customer(body.get("customer_details"), problems)
    by_link = body.get("payment_type", "payment_link") == "payment_link"
    if body.get("payment_type", "payment_link") not in ("payment_link", "virtual_account"):
        problems.append("payment_type must be payment_link or virtual_account")
    accounts = [] if by_link else _accounts(body.get("virtual_accounts"), problems)
    link = body.get("payment_link") or {}
    if not isinstance(link, dict):
        problems.append("payment_link is not valid")
        link = {}
    total = _total(body, problems)
    if problems:
        raise RefusalError("400", problems[0], problems)
    return Asked(
        texts["order_id"], texts["invoice_number"], due, total, by_link, link, accounts, customer
    )


def _text(body: Json, name: str, longest: int, problems: list[str]) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        problems.append(f"{name} is required")
        return ""
    if len(value) > longest:
        problems.append(f"{name} too long, max {longest} characters")
    return value


def _instant(value: object, name: str, now: datetime, problems: list[str]) -> datetime:
    if not value:
        problems.append(f"{name} is required")
        return now
    try:
        return read_time(value, now)
    except (ValueError, OverflowError):
        problems.append(f"{name} format is yyyy-MM-dd HH:mm:ss Z")
        return now


def _customer(value: object, problems: list[str]) -> Json:
    if not isinstance(value, dict):
        problems.append("customer_details is required")
        return {}
    name, phone = value.get("name"), value.get("phone")
    if not isinstance(name, str) or not 0 < len(name) <= 40:
        problems.append("customer_details.name is required, max 40 characters")
    if phone is not None and (not is_digits(str(phone)) or str(phone).startswith("0")):
        problems.append("customer_details.phone: digits, no leading 0")
    email = value.get("email")
    if email is not None and (not isinstance(email, str) or len(email) > 255):
        problems.append("customer_details.email is not valid")
    told = {"first_name": str(name or "")[:30]}
    if phone:
        told["phone"] = f"+{phone}"
    if email:
        told["email"] = str(email)
    return told


def _accounts(value: object, problems: list[str]) -> list[tuple[str, str]]:
    if not isinstance(value, list) or not value or not all(isinstance(o, dict) for o in value):
        problems.append("virtual_accounts is required")
        return []
    found: list[tuple[str, str]] = []
    for place, one in enumerate(value):
        bank = str(one.get("name") or one.get("bank") or "").lower().removesuffix("_va")
        number = str(one.get("number") or "")
        if bank not in _BANKS or bank in [known for known, _ in found]:
            problems.append(f"virtual_accounts[{place}].name is not supported")
        if number and not is_digits(number):
            problems.append(f"virtual_accounts[{place}].number is not a number")
        found.append((bank, number))
    return found


def _total(body: Json, problems: list[str]) -> int:
    """Items less their discounts, less the whole's, with shipping, with taxes on top."""
    items = body.get("item_details")
    if not isinstance(items, list) or not items or not all(isinstance(o, dict) for o in items):
        problems.append("item_details is required")
        return 0
    total = sum((_item(item, place, problems) for place, item in enumerate(items)), Decimal(0))
    amount = body.get("amount") or {}
    if not isinstance(amount, dict):
        problems.append("amount is not valid")
        amount = {}
    for name, sign in (("discount", -1), ("shipping", 1)):
        value = amount.get(name) or 0
        value = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        if not is_int(value) or not 0 <= value <= _MOST:
            problems.append(f"amount.{name} is not valid")
        else:
            total += sign * value
    total += _taxes(body, total, problems)
    whole = int(total.quantize(Decimal(1), ROUND_HALF_UP))
    if whole > _MOST:
        problems.append("the invoice's amount is too large")
    if whole <= 0:
        problems.append("the invoice's amount must be greater than 0")
    return whole


def _item(item: Json, place: int, problems: list[str]) -> Decimal:
    quantity, price = item.get("quantity"), item.get("price")
    off = item.get("discount_percentage") or 0
    words = item.get("description")
    if not isinstance(words, str) or not 0 < len(words) <= 150:
        problems.append(f"item_details[{place}].description is required, max 150 characters")
    good = is_int(quantity) and 0 < quantity <= 10**6 and is_int(price) and abs(price) <= _MOST
    if not good or not isinstance(off, (int, float)) or not 0 <= off <= 100:
        problems.append(f"item_details[{place}] needs quantity, price, and a discount up to 100")
        return Decimal(0)
    return Decimal(str(quantity)) * Decimal(str(price)) * (100 - Decimal(str(off))) / 100


def _taxes(body: Json, net: Decimal, problems: list[str]) -> Decimal:
    """Nothing on top when the prices already hold them (inclusive)."""
    if body.get("tax_mode", "exclusive") not in ("exclusive", "inclusive"):
        problems.append("tax_mode must be exclusive or inclusive")
    taxes = body.get("taxes") or []
    if not isinstance(taxes, list) or not all(isinstance(tax, dict) for tax in taxes):
        problems.append("taxes is not valid")
        return Decimal(0)
    added = Decimal(0)
    for place, tax in enumerate(taxes):
        value, kind = tax.get("value"), tax.get("type")
        most = 1000 if kind == "percentage" else _MOST
        good = isinstance(value, (int, float)) and 0 <= value <= most
        if kind not in ("percentage", "fixed") or not good:
            problems.append(f"taxes[{place}] needs type percentage or fixed, and a value")
            continue
        part = Decimal(str(value))
        added += net * part / 100 if kind == "percentage" else part
    return Decimal(0) if body.get("tax_mode") == "inclusive" else added
