"""What the gateway says of a transaction: Midtrans' words for what stands in the book."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from payments.notifications import signature

if TYPE_CHECKING:
    from ops.prove.book import Transaction

WIB = ZoneInfo("Asia/Jakarta")
Json = dict[str, Any]
_CODES = {"pending": "201", "challenge": "201", "deny": "202", "expire": "407"}


def described(one: Transaction, server_key: str) -> Json:
    """One transaction as a charge, a status or a notification tells it."""
    code = _CODES.get(one.state, "200")
    body: Json = {
        "status_code": code,
        "status_message": "Success, transaction is found",
        "transaction_id": one.transaction_id,
        "order_id": one.order_id,
        "gross_amount": money(one.amount),
        "currency": "IDR",
        "payment_type": one.how,
        "transaction_time": told(one.at),
        "transaction_status": "capture" if one.state == "challenge" else one.state,
        "signature_key": signature(one.order_id, code, money(one.amount), server_key),
    }
    body |= _of_card(one) if one.kind == "card" else _of_push(one)
    if one.settled_at:
        body["settlement_time"] = told(one.settled_at)
    if one.refunds:
        body["refund_amount"] = money(one.refunded)
        body["refunds"] = [
            {"refund_key": key, "refund_amount": money(amount)}
            for key, amount in one.refunds.items()
        ]
    return body


def _of_card(one: Transaction) -> Json:
    fraud = "challenge" if one.state == "challenge" else "accept"
    body: Json = {"fraud_status": fraud, "masked_card": "48111111-1114", "bank": "bni"}
    if one.code:
        body |= {"channel_response_code": one.code}
    if one.state == "pending":
        body["redirect_url"] = f"https://3ds.example/{one.transaction_id}"
    if one.saved_token and one.state in ("authorize", "capture", "settlement", "partial_refund",
                                         "refund"):  # fmt: skip
        body["saved_token_id"] = one.saved_token
        body["saved_token_id_expired_at"] = "2036-12-31 07:00:00"  # noqa: S105 - a date
    return body


def _of_push(one: Transaction) -> Json:
    body: Json = {}
    if one.kind == "va":
        body["va_numbers"] = [{"bank": one.bank, "va_number": one.number}]
    else:
        url = f"https://qr.example/{one.transaction_id}"
        body["actions"] = [{"name": "generate-qr-code", "method": "GET", "url": url}]
    if one.expires_at:
        body["expiry_time"] = told(one.expires_at)
    return body


def money(amount: int) -> str:
    """``99000`` → ``99000.00``."""
    return f"{amount}.00"


def told(at: datetime) -> str:
    """An instant as Midtrans writes it: Jakarta's clock, no offset."""
    return at.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S")
