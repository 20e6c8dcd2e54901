"""How each channel is asked for: our request → the body Midtrans wants.

One row a channel (ADR 0016). One item stands for the whole invoice, so that the sum rule holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from payments.adapters.midtrans.answers import WIB
from payments.channels import CHANNELS, Channel
from payments.gateway import ChargeRequest
from payments.hosted import PAYMENT_LIFE

Body = dict[str, Any]

# Snap's words for the channels a hosted page may show.
SNAP_PAYMENTS: Final[Mapping[str, str]] = {
    "card": "credit_card",
    "bca_va": "bca_va",
    "bni_va": "bni_va",
    "bri_va": "bri_va",
    "permata_va": "permata_va",
    "cimb_va": "cimb_va",
    "mandiri_bill": "echannel",
    "gopay": "gopay",
    "qris": "other_qris",
    "shopeepay": "shopeepay",
    "dana": "dana",
    "indomaret": "indomaret",
    "alfamart": "alfamart",
    "akulaku": "akulaku",
    "kredivo": "kredivo",
}


def charge_payload(request: ChargeRequest) -> Body:
    """The body of POST /v2/charge.

    Raises:
        ValueError: a channel this adapter does not speak, or one that lacks what it needs.
    """
    row = CHANNELS.get(request.channel)
    write = _WRITERS.get(request.channel)
    if row is None or write is None:
        raise ValueError(f"this adapter does not speak {request.channel}")
    for need in sorted(row.needs):
        if not getattr(request, need):
            raise ValueError(f"{row.key} needs the customer's {need}")
    return {**_envelope(request), **write(request), **_expiry(request, row)}


def page_payload(request: ChargeRequest) -> Body:
    """The body of POST /snap/v1/transactions: a hosted page for one order."""
    body: Body = {
        **_envelope(request),
        "credit_card": {"secure": True, **({"save_card": True} if request.save_token else {})},
    }
    offer = [SNAP_PAYMENTS[key] for key in request.offer if key in SNAP_PAYMENTS]
    if offer:
        body["enabled_payments"] = offer
    if request.save_token and request.payer_mark:
        # Without a name for its holder the page keeps no card.
        body["user_id"] = request.payer_mark
    if request.return_url:
        body["callbacks"] = {"finish": request.return_url}
    minutes = _minutes(request, CHANNELS["snap"])
    if minutes is not None and request.ordered_at is not None:
        life = int(PAYMENT_LIFE.total_seconds() // 60)
        # From when it was ordered, not from when something is chosen: the end is known beforehand.
        body["expiry"] = {
            "start_time": _moment(request.ordered_at),
            "duration": max(minutes, life),
            "unit": "minute",
        }
        body["page_expiry"] = {"duration": minutes, "unit": "minute"}
    return body


def _moment(at: datetime) -> str:
    return at.astimezone(WIB).strftime("%Y-%m-%d %H:%M:%S %z")


def _envelope(request: ChargeRequest) -> Body:
    customer: Body = {"first_name": request.customer_name[:30], "email": request.customer_email}
    if request.phone:
        customer["phone"] = f"+{request.phone}"
    return {
        "transaction_details": {"order_id": request.order_id, "gross_amount": request.amount},
        "item_details": [
            {"id": "1", "price": request.amount, "quantity": 1, "name": request.item_name[:50]}
        ],
        "customer_details": customer,
    }


def _expiry(request: ChargeRequest, row: Channel) -> Body:
    minutes = _minutes(request, row)
    if minutes is None or request.ordered_at is None:
        return {}
    return {
        "custom_expiry": {
            "order_time": _moment(request.ordered_at),
            "expiry_duration": minutes,
            "unit": "minute",
        }
    }


def _minutes(request: ChargeRequest, row: Channel) -> int | None:
    """The wish for an end, in whole minutes, brought within what the gateway accepts."""
    if row.expiry is None or row.expiry.fixed:
        return None
    if request.expires_at is None or request.ordered_at is None:
        return None
    allowed = row.expiry.clamp(request.expires_at - request.ordered_at)
    return max(1, int(allowed.total_seconds() // 60))


def _card(request: ChargeRequest) -> Body:
    card: Body = {"token_id": request.token}
    if request.initiated_by == "merchant":
        card["initiated_by"] = "merchant"
    if request.authenticate:
        card["authentication"] = True
    if request.save_token:
        card["save_token_id"] = True
    if request.authorize_only:
        card["type"] = "authorize"
    if request.acquirer:
        card["bank"] = request.acquirer
    if request.installment_months:
        card["installment_term"] = request.installment_months
    if request.bins:
        card["bins"] = list(request.bins)
    return {"payment_type": "credit_card", "credit_card": card}


def _bank(bank: str) -> Callable[[ChargeRequest], Body]:
    def write(request: ChargeRequest) -> Body:
        transfer: Body = {"bank": bank}
        if request.va_number:
            transfer["va_number"] = request.va_number
        if bank == "permata":
            transfer["permata"] = {"recipient_name": request.customer_name[:20].upper()}
        return {"payment_type": "bank_transfer", "bank_transfer": transfer}

    return write


def _bill(request: ChargeRequest) -> Body:
    return {
        "payment_type": "echannel",
        "echannel": {"bill_info1": "Tagihan:", "bill_info2": request.item_name[:30]},
    }


def _store(store: str) -> Callable[[ChargeRequest], Body]:
    def write(request: ChargeRequest) -> Body:
        told: Body = {"store": store}
        if store == "alfamart":
            told["alfamart_free_text_1"] = request.item_name.replace("|", " ")[:40]
        else:
            told["message"] = request.item_name[:20]
        return {"payment_type": "cstore", "cstore": told}

    return write


def _wallet(payment_type: str) -> Callable[[ChargeRequest], Body]:
    def write(request: ChargeRequest) -> Body:
        told: Body = {"callback_url": request.return_url} if request.return_url else {}
        if payment_type == "gopay" and told:
            told["enable_callback"] = True
        return {"payment_type": payment_type, **({payment_type: told} if told else {})}

    return write


def _linked(request: ChargeRequest) -> Body:
    told: Body = {
        "account_id": request.account_id,
        "payment_option_token": request.token,
        "recurring": request.initiated_by == "merchant",
    }
    if request.return_url:
        told["callback_url"] = request.return_url
    return {"payment_type": "gopay", "gopay": told}


def _qris(request: ChargeRequest) -> Body:
    return {"payment_type": "qris", "qris": {"acquirer": request.acquirer or "gopay"}}


def _ovo(request: ChargeRequest) -> Body:
    return {"payment_type": "ovo", "ovo": {"payer_phone_number": f"+{request.phone}"}}


def _plain(payment_type: str) -> Callable[[ChargeRequest], Body]:
    return lambda _: {"payment_type": payment_type}


_WRITERS: Final[Mapping[str, Callable[[ChargeRequest], Body]]] = {
    "card": _card,
    "gopay_linked": _linked,
    "bca_va": _bank("bca"),
    "bni_va": _bank("bni"),
    "bri_va": _bank("bri"),
    "permata_va": _bank("permata"),
    "cimb_va": _bank("cimb"),
    "mandiri_bill": _bill,
    "gopay": _wallet("gopay"),
    "qris": _qris,
    "shopeepay": _wallet("shopeepay"),
    "dana": _wallet("dana"),
    "ovo": _ovo,
    "indomaret": _store("indomaret"),
    "alfamart": _store("alfamart"),
    "akulaku": _plain("akulaku"),
    "kredivo": _plain("kredivo"),
}
