"""Midtrans' words → our words: one order's body, a charge's answer, a refund's answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from core.db import storable
from payments.adapters.midtrans.client import Raw
from payments.gateway import Answer, RefundAnswer, Status

WIB = timezone(timedelta(hours=7))

# Kept out of every stored answer: a token can take money, a key can sign.
_SECRET = frozenset({"saved_token_id", "token_id", "signature_key", "payment_option_token"})

# Body codes that attest that no transaction exists under this order id.
_NEVER = frozenset({400, 402, 403, 405, 408, 411, 413, 501})
# The gateway would not look at the call now; the same call may be made again later.
_LATER = frozenset({401, 409, 410, 429})


def charge_answer(raw: Raw) -> Answer:
    """Classify the answer to a charge (contract 1.6, 10; protocol step 4)."""
    if raw.kind == "not_sent":
        return Answer("not_sent", message=raw.detail)
    if raw.kind == "unknown" or raw.code >= 500:
        return Answer("unknown", code=_code(raw), message=raw.detail, raw=clean(raw.body))
    if raw.code == 406:
        return Answer("duplicate", code="406", raw=clean(raw.body))
    if raw.code in _LATER:
        return Answer("refused", code=_code(raw), message=_text(raw.body), raw=clean(raw.body))
    if raw.code in _NEVER:
        return Answer("failed", code=_code(raw), message=_text(raw.body), raw=clean(raw.body))
    if raw.code >= 400 and "transaction_status" not in raw.body:
        return Answer("unknown", code=_code(raw), message=_text(raw.body), raw=clean(raw.body))
    if "transaction_status" not in raw.body:
        # HTTP 202 without a transaction: the twin of this call still runs.
        return Answer("unknown", code=_code(raw), message="on process", raw=clean(raw.body))
    return order_answer(raw.body)


def status_answer(raw: Raw) -> Answer:
    """Classify the answer to GET status; a 404 proves nothing and is its own word."""
    if raw.kind != "body" or raw.code >= 500 or raw.code in _LATER:
        return Answer("unknown", code=_code(raw), message=raw.detail, raw=clean(raw.body))
    if raw.code == 404:
        return Answer("not_found", code="404", raw=clean(raw.body))
    if "transaction_status" not in raw.body:
        return Answer("unknown", code=_code(raw), raw=clean(raw.body))
    return order_answer(raw.body)


def refund_answer(raw: Raw, *, canceling: bool = False) -> RefundAnswer:
    """Classify the answer to a refund, cancel or expire."""
    if raw.kind == "not_sent":
        return RefundAnswer("not_sent", message=raw.detail)
    if raw.kind == "unknown" or raw.code >= 500:
        return RefundAnswer("unknown", _code(raw), raw.detail, raw=clean(raw.body))
    if raw.code in _LATER:
        return RefundAnswer("refused", _code(raw), _text(raw.body), raw=clean(raw.body))
    status = str(raw.body.get("transaction_status", "")).lower()
    done = {"cancel", "expire"} if canceling else {"refund", "partial_refund"}
    if raw.code in {200, 407} and status in done:
        amount = rupiah(raw.body.get("refund_amount"))
        return RefundAnswer("succeeded", _code(raw), _text(raw.body), amount, clean(raw.body))
    if raw.code in {406, 412}:
        # Already refunded under this key, or in another state than we thought: ask for the status.
        return RefundAnswer("unknown", _code(raw), _text(raw.body), raw=clean(raw.body))
    if raw.code in {202, 414}:
        return RefundAnswer("retry", _code(raw), _text(raw.body), raw=clean(raw.body))
    return RefundAnswer("failed", _code(raw), _text(raw.body), raw=clean(raw.body))


def order_answer(body: dict[str, Any]) -> Answer:
    """One order as Midtrans tells of it, in a charge, a status or a notification."""
    status = str(body.get("transaction_status", "")).lower()
    vas = body.get("va_numbers") or []
    va = vas[0] if isinstance(vas, list) and vas and isinstance(vas[0], dict) else {}
    instructions = {
        "redirect_url": body.get("redirect_url"),
        "bank": va.get("bank"),
        "va_number": va.get("va_number"),
    }
    refunds = body.get("refunds")
    return Answer(
        status=_status(status, str(body.get("fraud_status") or "").lower()),
        order_id=_string(body.get("order_id")),
        amount=rupiah(body.get("gross_amount")),
        currency=_string(body.get("currency")) or "IDR",
        transaction_id=_string(body.get("transaction_id")),
        transaction_status=status,
        payment_type=_string(body.get("payment_type")),
        settled=status in {"settlement", "refund", "partial_refund", "partial_chargeback"},
        paid_at=instant(body.get("transaction_time")),
        settled_at=instant(body.get("settlement_time")),
        expires_at=instant(body.get("expiry_time") or body.get("expire_time")),
        code=_string(body.get("channel_response_code")) or _string(body.get("status_code")),
        message=_string(body.get("channel_response_message")) or _text(body),
        instructions={key: str(value) for key, value in instructions.items() if value},
        saved_token=_string(body.get("saved_token_id")),
        saved_token_expires_at=instant(body.get("saved_token_id_expired_at")),
        masked=_string(body.get("masked_card")),
        bank=_string(body.get("bank")),
        refunded_amount=rupiah(body.get("refund_amount")) or 0,
        refunds=tuple(r for r in refunds if isinstance(r, dict))
        if isinstance(refunds, list)
        else (),
        raw=clean(body),
    )


def _status(status: str, fraud: str) -> Status:
    if status in {"settlement", "refund", "partial_refund", "chargeback", "partial_chargeback"}:
        return "paid"
    if status == "capture":
        return {"": "paid", "accept": "paid", "challenge": "pending"}.get(fraud, "failed")  # type: ignore[return-value]
    if status == "authorize":
        return "authorized"
    if status == "pending":
        return "pending"
    if status in {"deny", "cancel", "expire", "failure"}:
        return "failed"
    return "unknown"


def clean(body: dict[str, Any]) -> dict[str, Any]:
    """The body as it may be stored: tokens and signatures taken out, however deep they stand."""
    return {key: _cleaned(value) for key, value in body.items() if key not in _SECRET}


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    return value


def rupiah(value: object) -> int | None:
    """``"109890.00"`` → 109890; None for anything that is not whole rupiah."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    whole, _, rest = text.partition(".")
    if not whole.isascii() or not whole.isdigit() or len(whole) > 15 or rest.strip("0"):
        return None
    return int(whole)


def instant(value: object) -> datetime | None:
    """``2026-11-21 10:00:00`` in WIB → the instant in UTC; None where it can not be read."""
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value.strip())
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=WIB)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _code(raw: Raw) -> str | None:
    return str(raw.code) if raw.code else None


def _string(value: object) -> str | None:
    if not isinstance(value, str | int) or not str(value):
        return None
    text: str = storable(str(value))
    return text


def _text(body: dict[str, Any]) -> str | None:
    messages = body.get("validation_messages")
    listed = "; ".join(map(str, messages)) if isinstance(messages, list) else ""
    return ": ".join(part for part in (_string(body.get("status_message")), listed) if part) or None
