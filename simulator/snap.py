"""Snap: an order is announced, a hosted page lets a person choose how to pay it."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator import derive, transactions
from simulator.answers import RefusalError, not_found
from simulator.book import Book
from simulator.clock import within_calendar
from simulator.model import Json, SnapSession
from simulator.validation import is_digits, is_int, read_order, read_time

PAGE_LIFE = timedelta(hours=24)
LONGEST = timedelta(days=7)
SHORTEST = timedelta(seconds=20)
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
TAKEN = "transaction_details.order_id has already been taken"
UTILIZED = "transaction_details.order_id has been paid and utilized, please use another order ID"
# Lengths Snap takes for a custom number, by the object that asks for it.
VA_LENGTHS = {
    "bca_va": (6, 11),
    "permata_va": (10, 10),
    "bni_va": (1, 8),
    "bri_va": (1, 13),
    "cimb_va": (1, 12),
    "danamon_va": (1, 12),
    "bsi_va": (1, 12),
    "seabank_va": (1, 19),
}
_DESCRIPTOR = {"merchant_name": 25, "city_name": 13, "country_code": 2}
_OBJECTS = (
    *("credit_card", "echannel", "gopay", "shopeepay", "dana", "cstore", "callbacks"),
    *("expiry", "page_expiry", "recurring"),
)


def create(book: Book, body: Json, notify: list[str], base: str) -> Json:
    """Open a checkout and answer with its token. Raises the 400 with every problem found."""
    now, problems = book.now(), list[str]()
    order = read_order(body, problems)
    check_shapes(body, problems)
    until = pay_until(body.get("expiry"), now, problems)
    page_until = _page_until(body.get("page_expiry"), now, problems)
    _taken(book, order.order_id, problems)
    if problems:
        raise RefusalError("400", problems[0], problems)
    token = derive.uuid_of(book.account.seed, order.order_id, "snap", len(book.snaps))
    session = SnapSession(
        token=token,
        order_id=order.order_id,
        gross_amount=order.gross_amount,
        body=body,
        created_at=now,
        page_until=page_until,
        pay_until=until,
        notify=notify,
        customer=order.customer,
    )
    book.keep_snap(session)
    return {"token": token, "redirect_url": address(base, token)}


def address(base: str, token: str) -> str:
    """The hosted page."""
    return f"{base}/snap/v4/redirection/{token}"


def end(book: Book, token: str, what: str) -> Json:
    """Cancel or expire a checkout for which no way to pay was chosen."""
    session = book.snaps.get(token)
    if session is None:
        raise not_found()
    if state_of(book, session) != "open" or book.orders.get(session.order_id):
        raise RefusalError("412", "Transaction status cannot be updated")
    session.state = "canceled" if what == "cancel" else "expired"
    book.save("snap", session)
    return {
        "status_code": "200",
        "status_message": f"Success, transaction is {session.state}",
        "order_id": session.order_id,
        "token": token,
    }


def state_of(book: Book, session: SnapSession) -> str:
    """One of open, canceled, expired; by the account's clock."""
    now = book.now()
    over = now >= session.page_until or (session.pay_until is not None and now >= session.pay_until)
    return "expired" if session.state == "open" and over else session.state


def _taken(book: Book, order_id: str, problems: list[str]) -> None:
    """A second token for one order is fine until somebody chose a way to pay."""
    earlier = book.orders.get(order_id)
    if earlier:
        paid = any(book.transactions[ident].times_taken for ident in earlier)
        problems.append(UTILIZED if paid else TAKEN)


# --- shapes -------------------------------------------------------------------------------------


def check_shapes(body: Json, problems: list[str]) -> None:
    """The objects of a hosted page; what is wrong is added to `problems`."""
    problems += [
        f"{name} is not valid"
        for name in (*_OBJECTS, *VA_LENGTHS)
        if body.get(name) is not None and not isinstance(body[name], dict)
    ]
    enabled = body.get("enabled_payments")
    if enabled is not None and (
        not isinstance(enabled, list) or not all(isinstance(name, str) for name in enabled)
    ):
        problems.append("enabled_payments is not valid")
    user = body.get("user_id")
    if user is not None and len(str(user)) > 255:
        problems.append("user_id too long, max 255 characters")
    _card(_part(body, "credit_card"), problems)
    for name in VA_LENGTHS:
        _number(name, _part(body, name).get("va_number"), problems)
    for name in ("finish", "error"):
        url = _part(body, "callbacks").get(name)
        if url is not None and (not isinstance(url, str) or len(url) > 255):
            problems.append(f"callbacks.{name} too long, max 255 characters")


def _part(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _card(card: Json, problems: list[str]) -> None:
    problems += [
        f"credit_card.{name} is not valid"
        for name in ("secure", "save_card")
        if not isinstance(card.get(name, False), bool)
    ]
    if card.get("type") not in (None, "authorize", "authorize_capture"):
        problems.append("credit_card.type is not supported")
    bins = card.get("whitelist_bins")
    if bins is not None and not isinstance(bins, list):
        problems.append("credit_card.whitelist_bins is not valid")
    told = card.get("dynamic_descriptor")
    descriptor = told if isinstance(told, dict) else {}
    if told is not None and not isinstance(told, dict):
        problems.append("credit_card.dynamic_descriptor is not valid")
    problems += [
        f"credit_card.dynamic_descriptor.{name} too long, max {longest} characters"
        for name, longest in _DESCRIPTOR.items()
        if len(str(descriptor.get(name) or "")) > longest
    ]
    installment = card.get("installment")
    if installment is None:
        return
    terms = installment.get("terms", {}) if isinstance(installment, dict) else None
    if not isinstance(terms, dict) or not all(
        isinstance(months, list) and all(is_int(month) and month > 0 for month in months)
        for months in terms.values()
    ):
        problems.append("credit_card.installment is not valid")


def _number(name: str, number: object, problems: list[str]) -> None:
    if number is None or number == "":
        return
    shortest, longest = VA_LENGTHS[name]
    if not is_digits(str(number)):
        problems.append(f"{name}.va_number is not a number")
    elif not shortest <= len(str(number)) <= longest:
        problems.append(f"{name}.va_number must be between {shortest} and {longest} digits")


def _life(told: object, name: str, problems: list[str]) -> timedelta | None:
    """`duration` and `unit` (in the singular or plural); None when there is nothing usable."""
    if not isinstance(told, dict):
        return None
    duration, unit = told.get("duration"), str(told.get("unit", "")).lower().removesuffix("s")
    if duration is None and name == "page_expiry":
        return None
    if not is_int(duration) or not 0 < duration <= 10_000_000:
        problems.append(f"{name}.duration is not valid")
        return None
    if unit not in _UNITS:
        problems.append(f"{name}.unit is not valid")
        return None
    life = timedelta(seconds=duration * _UNITS[unit])
    if life < SHORTEST:
        problems.append(f"{name}.duration must be at least 20 seconds")
        return None
    return life


def pay_until(told: object, now: datetime, problems: list[str]) -> datetime | None:
    """When `expiry` ends the payment, if it says so."""
    life = _life(told, "expiry", problems)
    if life is None or not isinstance(told, dict):
        return None
    try:
        start = read_time(told.get("start_time"), now)
        until = within_calendar(start + life)
    except (ValueError, OverflowError):
        problems.append("expiry.start_time format is yyyy-MM-dd HH:mm:ss Z")
        return None
    if until <= now:
        problems.append("expiry has already passed")
    return until


def _page_until(told: object, now: datetime, problems: list[str]) -> datetime:
    life = _life(told, "page_expiry", problems)
    return now + min(life or PAGE_LIFE, LONGEST)


def closed(book: Book, session: SnapSession) -> bool:
    """May nobody choose any more? Paid, over, or something waits to be paid."""
    earlier = book.orders.get(session.order_id)
    if state_of(book, session) != "open":
        return True
    if not earlier:
        return False
    last = book.transactions[earlier[-1]]
    return not transactions.may_serve_again(last, reuse_after_deny=True)
