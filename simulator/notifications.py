"""What a notification says, how it is signed, and when it is tried again. Pure."""

from __future__ import annotations

import calendar
import hashlib
from datetime import datetime, timedelta

from simulator import derive
from simulator.channels import PENDING_ONLY, row_of
from simulator.clock import wib
from simulator.model import Account, Json, Notice, Refund, Transaction
from simulator.transactions import shown_amount, status_code

TIMEOUT_SECONDS = 15.0
MAX_HOPS = 5
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "User-Agent": "Veritrans",
}

# Before retry 1..5, each from the failure before it.
DELAYS = tuple(timedelta(minutes=minutes) for minutes in (2, 10, 30, 90, 210))
_RETRIES = {400: 2, 404: 2, 500: 1, 503: 4, 301: 0, 302: 0, 303: 0}
OTHER_RETRIES = 5
_EARLIEST = 0.275  # a shifted first retry comes after 33 s instead of two minutes


def signature(order_id: str, status_code: str, gross_amount: str, server_key: str) -> str:
    """SHA-512 over the four strings exactly as they are sent, in lower-case hex."""
    text = order_id + status_code + gross_amount + server_key
    return hashlib.sha512(text.encode()).hexdigest()


def money(amount: int) -> str:
    """Whole rupiah as the gateway writes them: 145000 is "145000.00"."""
    return f"{amount}.00"


def is_success(answer: str) -> bool:
    """Did the merchant take the message?"""
    return len(answer) == 3 and answer.startswith("2")


def retries_after(answer: str) -> int:
    """How many retries this answer (an HTTP code, or a word for no answer) is worth in all."""
    if is_success(answer):
        return 0
    return _RETRIES.get(int(answer), OTHER_RETRIES) if answer.isdigit() else OTHER_RETRIES


def next_try(notice: Notice, answer: str, failed_at: datetime, account: Account) -> datetime | None:
    """When to try again after this failure, or None when the gateway gives up."""
    done = len(notice.attempts) - 1
    if done >= min(retries_after(answer), len(DELAYS)):
        return None
    delay = DELAYS[done]
    if account.switches.retry_shift:
        part = derive.fraction_of(account.seed, notice.notice_id, "shift", done)
        delay *= _EARLIEST + (1 - _EARLIEST) * part
    return failed_at + delay


def common(tx: Transaction, account: Account) -> Json:
    """The fields every answer about a transaction carries."""
    body: Json = {
        "transaction_id": tx.transaction_id,
        "order_id": tx.order_id,
        "merchant_id": account.merchant_id,
        "gross_amount": money(shown_amount(tx)),
        "currency": "IDR",
        "payment_type": tx.payment_type,
        "transaction_time": wib(tx.created_at),
        "transaction_status": tx.status,
    }
    if tx.fraud_status is not None:
        body["fraud_status"] = tx.fraud_status
    if tx.expires_at is not None and tx.status in ("pending", "expire"):
        body["expiry_time"] = wib(tx.expires_at)
    if tx.settlement_at is not None:
        body["settlement_time"] = wib(tx.settlement_at)
    if tx.saved_token_id is not None:
        body["saved_token_id"] = tx.saved_token_id
        body["saved_token_id_expired_at"] = token_expiry(tx.card_month, tx.card_year)
    return body


def token_expiry(month: int, year: int) -> str:
    """The last day of the card's month, 07:00 WIB (midnight UTC)."""
    last_day = calendar.monthrange(year, month)[1]
    return f"{year:04}-{month:02}-{last_day:02} 07:00:00"


def refund_fields(tx: Transaction) -> Json:
    """`refund_amount` (all of it) and the list; nothing when there were none."""
    if not tx.refunds and not tx.charged_back:
        return {}
    listed = [_refund(refund) for refund in tx.refunds]
    if tx.charged_back:
        # Judgement: Midtrans' id is one of refunds and chargebacks; a chargeback has no key.
        taken = {"refund_amount": money(tx.charged_back), "reason": "chargeback"}
        listed.append({"refund_chargeback_id": 10**12 + 1, **taken})
    return {"refund_amount": money(tx.refunded + tx.charged_back), "refunds": listed}


def _refund(refund: Refund) -> Json:
    body: Json = {
        "refund_chargeback_id": refund.chargeback_id,
        "refund_chargeback_uuid": refund.uuid,
        "refund_amount": money(refund.amount),
        "created_at": wib(refund.created_at),
        "reason": refund.reason,
        "refund_key": refund.refund_key,
    }
    if refund.method is not None:
        body["refund_method"] = refund.method
    if refund.bank_confirmed_at is not None:
        body["bank_confirmed_at"] = wib(refund.bank_confirmed_at)
    return body


def payload(tx: Transaction, account: Account) -> Json:
    """The body of a notification about the transaction's present state, signed."""
    code, row = status_code(tx, webhook=True), row_of(tx)
    if tx.status == "expire" and not row.expires_as_202:
        code = account.switches.expire_webhook
    body = common(tx, account)
    body.update(
        (key, value)
        for key, value in tx.extras.items()
        if key not in PENDING_ONLY and key not in row.status_only
    )
    if "va_numbers" in tx.extras:
        body["payment_amounts"] = paid_amounts(tx)
    body.update(refund_fields(tx))
    body.update(tx.echo)
    body["status_code"] = code
    body["status_message"] = "midtrans payment notification"
    body["signature_key"] = signature(tx.order_id, code, body["gross_amount"], account.server_key)
    return shown_extras(account, body)


def shown_extras(account: Account, body: Json) -> Json:
    """With the switch on, one more field than anybody documented: readers must not mind."""
    if account.switches.extra_fields:
        body["simulator_extra"] = {"note": "not in any documentation"}
    return body


def paid_amounts(tx: Transaction) -> list[Json]:
    """BNI tells when how much was paid; BCA and BRI leave the list empty."""
    bank = tx.extras["va_numbers"][0]["bank"]
    if bank != "bni" or tx.settlement_at is None:
        return []
    return [{"paid_at": wib(tx.settlement_at), "amount": money(tx.gross_amount)}]
