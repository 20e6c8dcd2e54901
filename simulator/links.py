"""Payment links: an address with an amount, or with limits the payer chooses between."""

from __future__ import annotations

import re
from datetime import timedelta

from simulator import derive, snap
from simulator.answers import RefusalError
from simulator.book import Book
from simulator.clock import wib
from simulator.model import Json, PaymentLink, SnapSession
from simulator.validation import is_int, read_order

MOST_USES = 1_000_000
_SLUG = re.compile(r"[a-z0-9-]{1,50}")
_TYPES = ("FIXED_AMOUNT", "DYNAMIC_AMOUNT")
_FAR = 365 * 100  # days a link without an end lives


def create(book: Book, body: Json, notify: list[str], base: str) -> Json:
    """POST /v1/payment-links. Raises the 400 with every problem, 409 for a name in use."""
    problems: list[str] = []
    least, most = _amounts(body, problems)
    order = read_order(_with_amount(body, least), problems)
    link_id = _slug(body, problems)
    snap.check_shapes(body, problems)
    until = snap.pay_until(body.get("expiry"), book.now(), problems)
    limit = body.get("usage_limit", 1)
    if not is_int(limit) or not 1 <= limit <= MOST_USES:
        problems.append(f"usage_limit must be between 1 and {MOST_USES}")
    if not isinstance(body.get("customer_required", False), bool):
        problems.append("customer_required is not valid")
    title = body.get("title")
    if title is not None and not isinstance(title, str):
        problems.append("title is not valid")
    if problems:
        raise RefusalError("400", problems[0], problems)
    if any(known.order_id == order.order_id for known in book.links.values()):
        raise RefusalError("409", "Duplicate order id")
    link_id = link_id or derive.uuid_of(book.account.seed, order.order_id, "link")
    if link_id in book.links:
        raise RefusalError("409", "Duplicate payment link id")
    link = PaymentLink(
        link_id=link_id,
        order_id=order.order_id,
        body=body,
        created_at=book.now(),
        ends_at=until,
        usage_limit=limit,
        least=least,
        most=most,
        notify=notify,
        told={"payment_link_id": link_id},
    )
    keep(book, link)
    return {"order_id": link.order_id, "payment_url": address(base, link)}


def keep(book: Book, link: PaymentLink) -> None:
    book.links[link.link_id] = link
    book.save("link", link)


def address(base: str, link: PaymentLink) -> str:
    """Where a person pays."""
    return f"{base}/payment-links/{link.link_id}"


def _with_amount(body: Json, amount: int) -> Json:
    """A dynamic link may come without an amount; the smallest one stands in for the checks."""
    details = body.get("transaction_details")
    if not isinstance(details, dict) or body.get("payment_link_type") != "DYNAMIC_AMOUNT":
        return body
    without = {name: value for name, value in body.items() if name != "item_details"}
    return {**without, "transaction_details": {**details, "gross_amount": amount}}


def _slug(body: Json, problems: list[str]) -> str:
    details = body.get("transaction_details")
    told = details.get("payment_link_id") if isinstance(details, dict) else None
    if told is None:
        return ""
    if not isinstance(told, str) or not _SLUG.fullmatch(told):
        problems.append("payment_link_id must be 1-50 lower-case letters, digits or -")
        return ""
    return told


def _amounts(body: Json, problems: list[str]) -> tuple[int, int]:
    """The least and the most that may be paid."""
    kind = body.get("payment_link_type", "FIXED_AMOUNT")
    if kind not in _TYPES:
        problems.append("payment_link_type must be FIXED_AMOUNT or DYNAMIC_AMOUNT")
    if kind != "DYNAMIC_AMOUNT":
        details = body.get("transaction_details")
        gross = details.get("gross_amount") if isinstance(details, dict) else 0
        return (gross, gross) if is_int(gross) else (0, 0)
    told = body.get("dynamic_amount") or {}
    if not isinstance(told, dict):
        problems.append("dynamic_amount is not valid")
        told = {}
    least, most = told.get("min_amount", 1), told.get("max_amount", 999_999_999)
    preset = told.get("preset_amount", least)
    if not is_int(least) or not is_int(most) or not is_int(preset):
        problems.append("dynamic_amount holds whole amounts")
        return 1, 1
    if not 0 < least <= preset <= most:
        problems.append("dynamic_amount: min_amount <= preset_amount <= max_amount")
    return least, most


# --- asking and ending ----------------------------------------------------------------------------


def find(book: Book, order_id: str) -> PaymentLink:
    """By the order id it was made with, or the 404."""
    for link in book.links.values():
        if link.order_id == order_id and link.state != "deleted":
            return link
    raise RefusalError("404", "Payment link doesn't exist.")


def used(book: Book, link: PaymentLink) -> int:
    """How many of its checkouts were paid."""
    return sum(
        any(book.transactions[ident].times_taken for ident in book.orders.get(order, ()))
        for order in link.orders
    )


def state_of(book: Book, link: PaymentLink) -> str:
    """One of active, used, expired, deleted; by the account's clock."""
    if link.state != "active":
        return link.state
    if link.ends_at is not None and book.now() >= link.ends_at:
        return "expired"
    return "used" if used(book, link) >= link.usage_limit else "active"


def describe(book: Book, link: PaymentLink, base: str) -> Json:
    """GET: the link and what was paid at it."""
    body: Json = {
        "order_id": link.order_id,
        "payment_link_id": link.link_id,
        "payment_url": address(base, link),
        "gross_amount": link.least,
        "currency": "IDR",
        "status": state_of(book, link).upper(),
        "usage_limit": link.usage_limit,
        "usage": used(book, link),
        "created_at": wib(link.created_at),
        "purchases": [
            {
                "order_id": order,
                "transaction_id": ident,
                "transaction_status": book.transactions[ident].status,
            }
            for order in link.orders
            for ident in book.orders.get(order, ())
        ],
    }
    if link.ends_at is not None:
        body["expires_at"] = wib(link.ends_at)
    return body


def delete(book: Book, order_id: str) -> Json:
    """Nobody can open it any more; what was paid stays."""
    link = find(book, order_id)
    link.state = "deleted"
    book.save("link", link)
    return {"message": "Payment link is deleted", "order_id": order_id}


# --- paying ---------------------------------------------------------------------------------------


def open_checkout(book: Book, link: PaymentLink, amount: int, customer: Json | None) -> SnapSession:
    """A person goes on to the hosted page. Raises RefusalError for a wrong amount or no use left.

    A link for one use keeps its order id; each checkout of another has one of its own.
    """
    if state_of(book, link) != "active":
        raise RefusalError("412", "This payment link is over")
    if not link.least <= amount <= link.most:
        raise RefusalError("400", f"The amount must be between {link.least} and {link.most}")
    order_id = link.order_id
    if link.usage_limit > 1:
        order_id = f"{link.order_id[:40]}-{len(link.orders) + 1}"
    elif link.orders:
        for session in reversed(book.snaps.values()):
            if session.order_id == order_id and snap.state_of(book, session) == "open":
                return session
    body = dict(link.body)
    body["transaction_details"] = {"order_id": order_id, "gross_amount": amount}
    if link.least != link.most:
        body.pop("item_details", None)
    if customer:
        body["customer_details"] = {**(body.get("customer_details") or {}), **customer}
    now = book.now()
    session = SnapSession(
        token=derive.uuid_of(book.account.seed, order_id, "snap", len(book.snaps)),
        order_id=order_id,
        gross_amount=amount,
        body=body,
        created_at=now,
        page_until=min(now + snap.LONGEST, link.ends_at or now + timedelta(days=_FAR)),
        pay_until=link.ends_at,
        notify=link.notify,
        customer=str((body.get("customer_details") or {}).get("first_name") or ""),
        told=link.told,
    )
    book.keep_snap(session)
    if order_id not in link.orders:
        link.orders.append(order_id)
    keep(book, link)
    return session
