"""A notification from Midtrans in our words: is it theirs, have we seen it, what is it about.

A genuine signature does not cover ``transaction_status``: whatever a notification says is a hint
to ask the gateway, never an outcome.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from core.errors import InvalidRequest
from payments.attempts import News, NewsStatus, midtrans_status

Body = Mapping[str, Any]

_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.00?)?")
_BI_SNAP_FIELDS: Final = frozenset({"originalReferenceNo", "virtualAccountNo", "partnerServiceId"})


# What one notification differs in from another.
_TOLD: Final = (
    "order_id",
    "transaction_id",
    "status_code",
    "transaction_status",
    "fraud_status",
    "gross_amount",
    "refund_amount",
    "signature_key",
)
_NAMES: Final = frozenset(
    {*_TOLD, "payment_type", "transaction_time", "settlement_time", "currency", "merchant_id"}
)
# Far above what Midtrans sends, so that a genuine body is kept whole.
BODY_BYTES_KEPT: Final = 16 * 1024
_VALUE_MAX: Final = 200
_HEADER_MAX: Final = 500
_HEADERS: Final = (
    "user-agent", "content-type", "x-timestamp", "x-signature", "x-partner-id", "x-external-id",
    "channel-id",
)  # fmt: skip
_ID: Final = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,49}")


class NotificationKind(StrEnum):
    """What a body is about."""

    PAYMENT = "payment"
    PAY_ACCOUNT = "pay_account"
    RECURRING_CHARGE = "recurring_charge"
    RECURRING_CREATED = "recurring_created"
    BI_SNAP = "bi_snap"
    UNKNOWN = "unknown"


def signature(order_id: str, status_code: str, gross_amount: str, server_key: str) -> str:
    """Compute the signature of a payment notification.

    The strings go in exactly as received: ``150000.00`` is not ``150000``.

    Source: Midtrans documentation, HTTP notifications, signature_key.
    """
    plain = f"{order_id}{status_code}{gross_amount}{server_key}"
    return hashlib.sha512(plain.encode(errors="replace")).hexdigest()


def verify(body: Body, server_key: str) -> bool:
    """Say whether a body was signed with our key; compared in constant time, never raises."""
    given = body.get("signature_key")
    parts = [body.get(name) for name in ("order_id", "status_code", "gross_amount")]
    texts = [part for part in parts if isinstance(part, str)]
    if not isinstance(given, str) or len(texts) != len(parts) or not server_key:
        return False
    expected = signature(texts[0], texts[1], texts[2], server_key)
    # Bytes, because a comparison of text outside ASCII raises instead of answering.
    return hmac.compare_digest(expected.encode(), given.encode(errors="replace"))


def dedupe_key(body: Body) -> bytes:
    """Derive the key by which a second copy of a notification is known: 32 bytes.

    The signature is part of it, so that a forged copy never takes the place of the real one.
    A refund that the bank confirms later is another notification than the refund itself.
    """
    kind = classify(body)
    parts: list[object]
    if kind is NotificationKind.PAYMENT:
        refunds = body.get("refunds")
        confirmed = [
            refund.get("bank_confirmed_at")
            for refund in (refunds if isinstance(refunds, list) else [])
            if isinstance(refund, Mapping)
        ]
        parts = [*(body.get(name) for name in _TOLD), len(confirmed), confirmed[-1:]]
    else:
        parts = [body]
    text = json.dumps([kind, *parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def kept(body: Body) -> dict[str, Any]:
    """What is stored of a body: all of it, or of one that no gateway sends what we know.

    The signature covers four fields; whoever saw one genuine body can add any number of others.
    """
    text = json.dumps(body, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
    body = without_account(body)
    if len(text) <= BODY_BYTES_KEPT:
        return dict(body)
    known = {name: value for name, value in body.items() if name in _NAMES}
    return {
        **{name: value if _is_short(value) else str(value)[:_VALUE_MAX]
           for name, value in known.items()},
        "tagihan_cut": {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()},
    }  # fmt: skip


def without_account(body: Body) -> Body:
    """The same body with a hash in place of a linked account's id, which is as good as a token."""
    if classify(body) is not NotificationKind.PAY_ACCOUNT:
        return body
    mark = hashlib.sha256(str(body["account_id"]).encode("utf-8", "surrogatepass")).hexdigest()
    rest = {name: value for name, value in body.items() if name != "account_id"}
    return {**rest, "account_id_sha256": mark}


def classify(body: Body) -> NotificationKind:
    """Say what a body is about; anything strange is ``unknown``, never an error."""
    if {"order_id", "transaction_status", "signature_key"} <= body.keys():
        return NotificationKind.PAYMENT
    if {"account_id", "account_status"} <= body.keys():
        return NotificationKind.PAY_ACCOUNT
    if body.get("event_name") == "subscription.charge":
        return NotificationKind.RECURRING_CHARGE
    if {"schedule", "name"} <= body.keys() and "transaction" not in body:
        return NotificationKind.RECURRING_CREATED
    additional = body.get("additionalInfo")
    if _BI_SNAP_FIELDS & body.keys() or (
        isinstance(additional, Mapping) and "accountStatus" in additional
    ):
        return NotificationKind.BI_SNAP
    return NotificationKind.UNKNOWN


def claims_signature(body: Body) -> bool:
    """Whether a body says that it is signed as payments are, so that a signature must fit.

    Those about linked accounts carry a ``signature_key`` of a formula that nobody documents.
    """
    if classify(body) is NotificationKind.PAYMENT:
        return True
    return {"order_id", "signature_key"} <= body.keys()


def asked_about(body: Body) -> str | None:
    """The gateway's own id that a notification without a proof speaks of, where it has one.

    A linked account, or the transaction of a schedule that Midtrans runs.
    """
    transaction = body.get("transaction")
    match classify(body):
        case NotificationKind.PAY_ACCOUNT:
            found = body.get("account_id")
        case NotificationKind.RECURRING_CHARGE if isinstance(transaction, Mapping):
            found = transaction.get("transaction_id")
        case _:
            return None
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The few headers that a signature of any protocol covers; none that lets anybody in."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: lower[name][:_HEADER_MAX] for name in _HEADERS if name in lower}


def parse_amount(text: object) -> int:
    """Read an amount as Midtrans writes it: ``"109890.00"`` → 109890 whole rupiah.

    Raises:
        InvalidRequest: ``invalid_amount`` for a sign, a fraction, another format or no text.
    """
    if isinstance(text, str) and _AMOUNT.fullmatch(text):
        return int(text.partition(".")[0])
    raise InvalidRequest("invalid_amount", f"{text!r} is not an amount in whole rupiah")


def news_of(body: Body) -> News:
    """Read the answer to a status question (or charge) as news about an order.

    Anything that cannot be read makes the news ``unknown``, never a failure.
    """
    order_id = body.get("order_id")
    if not isinstance(order_id, str):
        return News("", NewsStatus.UNKNOWN)
    status, stage = midtrans_status(
        _text(body, "transaction_status") or "", _text(body, "fraud_status")
    )
    try:
        amount = parse_amount(body.get("gross_amount"))
    except InvalidRequest:
        return News(order_id, NewsStatus.UNKNOWN)
    return News(
        order_id=order_id,
        status=status,
        amount=amount,
        currency=_text(body, "currency") or "IDR",
        transaction_status=_text(body, "transaction_status"),
        payment_type=_text(body, "payment_type"),
        store=_store(body),
        stage=stage,
    )


def _is_short(value: object) -> bool:
    return isinstance(value, int | bool | None) or (
        isinstance(value, str) and len(value) <= _VALUE_MAX
    )


def _store(body: Body) -> str | None:
    """Find the bank or shop behind a payment, wherever the channel writes it."""
    if "permata_va_number" in body:
        return "permata"
    numbers = body.get("va_numbers")
    if isinstance(numbers, list) and numbers and isinstance(numbers[0], Mapping):
        return _text(numbers[0], "bank")
    return _text(body, "store") or _text(body, "bank")


def _text(body: Body, name: str) -> str | None:
    found = body.get(name)
    return found if isinstance(found, str) else None
