"""Midtrans' words → our words: one order's body, a charge's answer, a refund's answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from core.db import storable
from payments.adapters.midtrans.client import Raw
from payments.adapters.midtrans.pauses import with_pause
from payments.channels import channel_of
from payments.gateway import (
    AccountAnswer,
    AccountStatus,
    Answer,
    Arrival,
    ChargeRequest,
    RefundAnswer,
    Status,
    WalletOption,
)

WIB = timezone(timedelta(hours=7))

# Kept out of every stored answer: a token can take money, a key can sign.
_SECRET = frozenset(
    {"saved_token_id", "token_id", "signature_key", "payment_option_token", "token", "snap_token"}
)

# Body codes that attest that no transaction exists under this order id.
_NEVER = frozenset({400, 402, 403, 405, 408, 411, 413, 501})
# The gateway would not look at the call now; the same call may be made again later.
_LATER = frozenset({401, 409, 410, 429})


@with_pause
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


@with_pause
def status_answer(raw: Raw) -> Answer:
    """Classify the answer to GET status; a 404 proves nothing and is its own word."""
    if raw.kind != "body" or raw.code >= 500 or raw.code in _LATER:
        return Answer("unknown", code=_code(raw), message=raw.detail, raw=clean(raw.body))
    if raw.code == 404:
        return Answer("not_found", code="404", raw=clean(raw.body))
    if "transaction_status" not in raw.body:
        return Answer("unknown", code=_code(raw), raw=clean(raw.body))
    return order_answer(raw.body)


@with_pause
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
    fraud = str(body.get("fraud_status") or "").lower()
    told = instructions(body)
    refunds, charged_back = _given_back(body.get("refunds"))
    payment_type = _string(body.get("payment_type"))
    return Answer(
        status=_status(status, fraud),
        order_id=_string(body.get("order_id")),
        amount=rupiah(body.get("gross_amount")),
        currency=_string(body.get("currency")) or "IDR",
        transaction_id=_string(body.get("transaction_id")),
        transaction_status=status,
        payment_type=payment_type,
        settled=status in {"settlement", "refund", "partial_refund", "partial_chargeback"},
        paid_at=instant(body.get("transaction_time")),
        settled_at=instant(body.get("settlement_time")),
        expires_at=instant(body.get("expiry_time") or body.get("expire_time")),
        code=_string(body.get("channel_response_code")) or _string(body.get("status_code")),
        message=_string(body.get("channel_response_message")) or _text(body),
        instructions=told,
        saved_token=_string(body.get("saved_token_id")),
        saved_token_expires_at=instant(body.get("saved_token_id_expired_at")),
        masked=_string(body.get("masked_card")),
        bank=_string(body.get("bank")),
        channel=channel_of(payment_type or "", told.get("bank") or told.get("store")),
        fraud=fraud or None,
        refunded_amount=rupiah(body.get("refund_amount")) or 0,
        refunds=refunds,
        arrivals=_arrivals(refunds),
        charged_back=charged_back,
        raw=clean(body),
    )


def _given_back(listed: object) -> tuple[tuple[dict[str, Any], ...], int]:
    """Refunds, and the sum of chargebacks: both stand in one list, and only refunds have a key."""
    entries = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    refunds = tuple(one for one in entries if one.get("refund_key"))
    taken = [rupiah(one.get("refund_amount")) or 0 for one in entries if not one.get("refund_key")]
    return refunds, sum(taken)


def _arrivals(refunds: tuple[dict[str, Any], ...]) -> tuple[Arrival, ...]:
    confirmed = [(str(one["refund_key"]), instant(one.get("bank_confirmed_at"))) for one in refunds]
    return tuple(Arrival(key, at) for key, at in confirmed if at is not None)


def instructions(body: dict[str, Any]) -> dict[str, str]:
    """What the payer needs, wherever Midtrans put it; the number that came back is the number.

    A number of our own that another open order uses is silently replaced by Midtrans.
    """
    vas = body.get("va_numbers") or []
    va = vas[0] if isinstance(vas, list) and vas and isinstance(vas[0], dict) else {}
    if body.get("permata_va_number"):
        va = {"bank": "permata", "va_number": body["permata_va_number"]}
    if body.get("bill_key"):
        va = {"bank": "mandiri"}
    actions = _actions(body)
    told = {
        "redirect_url": body.get("redirect_url") or actions.get("verification-link-url"),
        "app_url": actions.get("deeplink-redirect") or actions.get("verification-link-app"),
        "qr_url": actions.get("generate-qr-code-v2") or actions.get("generate-qr-code"),
        "qr_string": body.get("qr_string"),
        "bank": va.get("bank"),
        "va_number": va.get("va_number"),
        "bill_key": body.get("bill_key"),
        "biller_code": body.get("biller_code"),
        "payment_code": body.get("payment_code"),
        "store": body.get("store"),
        "phone": body.get("payer_phone_number"),
    }
    return {key: storable(str(value)) for key, value in told.items() if value}


def _actions(body: dict[str, Any]) -> dict[str, str]:
    """Addresses by their names; they are stored and shown, never read or checked for a host."""
    listed = body.get("actions")
    return {
        str(one.get("name")): str(one.get("url"))
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict) and one.get("url")
    }


@with_pause
def page_answer(raw: Raw, request: ChargeRequest) -> Answer:
    """Classify the answer to a hosted page's creation (contract 6.2, 6.3).

    An order id that is taken says that a try already stands under it: the order is asked about.
    """
    if raw.kind == "not_sent":
        return Answer("not_sent", message=raw.detail)
    if raw.kind == "unknown" or raw.code >= 500:
        return Answer("unknown", code=_code(raw), message=raw.detail, raw=clean(raw.body))
    if raw.code in _LATER:
        return Answer("refused", code=_code(raw), message=_listed(raw.body), raw=clean(raw.body))
    token = _string(raw.body.get("token"))
    if raw.code < 300 and token:
        told = {"snap_token": token, "redirect_url": _string(raw.body.get("redirect_url")) or ""}
        return Answer(
            "pending",
            order_id=request.order_id,
            amount=request.amount,
            currency=request.currency,
            transaction_status="pending",
            instructions=told,
            expires_at=request.expires_at,
            code=_code(raw),
        )
    text = _listed(raw.body) or ""
    if raw.code == 400 and "order_id" in text and "gross_amount" not in text:
        return Answer("duplicate", code="406", message=text, raw=clean(raw.body))
    status: Status = "failed" if raw.code in _NEVER else "unknown"
    return Answer(status, code=_code(raw), message=text or None, raw=clean(raw.body))


@with_pause
def account_answer(raw: Raw) -> AccountAnswer:
    """Classify the answer about a linked wallet (contract 4)."""
    if raw.kind == "not_sent":
        return AccountAnswer("not_sent", message=raw.detail)
    if raw.kind == "unknown" or raw.code >= 500:
        return AccountAnswer("unknown", code=_code(raw), message=raw.detail)
    if raw.code in _LATER | {400, 412}:
        return AccountAnswer("refused", code=_code(raw), message=_text(raw.body))
    if raw.code == 404:
        return AccountAnswer("ended", code="404", message=_text(raw.body))
    actions = _actions(raw.body)
    word = str(raw.body.get("account_status") or "").upper()
    if not word and raw.code == 202:
        code = _string(raw.body.get("channel_response_code")) or "202"
        told = _string(raw.body.get("channel_response_message"))
        return AccountAnswer("refused", code=code, message=told)
    return AccountAnswer(
        status=_ACCOUNT.get(word, "unknown"),
        account_id=_string(raw.body.get("account_id")),
        link_url=actions.get("activation-link-url"),
        app_url=actions.get("activation-link-app") or actions.get("activation-deeplink"),
        options=_options(raw.body),
        code=_code(raw),
        message=_string(raw.body.get("channel_response_message")),
    )


_ACCOUNT: dict[str, AccountStatus] = {
    "PENDING": "pending",
    "ENABLED": "enabled",
    "EXPIRED": "ended",
    "DISABLED": "ended",
}


def _options(body: dict[str, Any]) -> tuple[WalletOption, ...]:
    metadata = body.get("metadata")
    listed = metadata.get("payment_options") if isinstance(metadata, dict) else None
    found = []
    for one in listed if isinstance(listed, list) else []:
        token = one.get("token") if isinstance(one, dict) else None
        if not token:
            continue
        balance = one.get("balance")
        value = balance.get("value") if isinstance(balance, dict) else None
        found.append(
            WalletOption(
                str(one.get("name") or ""), bool(one.get("active")), rupiah(value), str(token)
            )
        )
    return tuple(found)


def _status(status: str, fraud: str) -> Status:
    if status in {"settlement", "refund", "partial_refund", "partial_chargeback"}:
        return "paid"
    if status == "chargeback":
        return "reversed"
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


def _listed(body: dict[str, Any]) -> str | None:
    """Snap's way to say what is wrong."""
    messages = body.get("error_messages")
    text = "; ".join(map(str, messages)) if isinstance(messages, list) else None
    return storable(text) if text else _text(body)
