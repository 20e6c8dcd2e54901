"""A good request for every way to pay, and the roads by which a test reaches a state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Desk = Any
Json = dict[str, Any]

NOW = datetime(2026, 1, 5, 3, tzinfo=UTC)
HOUR, DAY = 3600, 86_400

ITEMS = [{"id": "1", "name": "Paket", "price": 99_000, "quantity": 1}]

# channel -> what the request says beside the order.
GOOD: dict[str, Json] = {
    "bca_va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "bca"}},
    "bni_va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "bni"}},
    "bri_va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "bri"}},
    "cimb_va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "cimb"}},
    "permata_va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "permata"}},
    "echannel": {"payment_type": "echannel", "echannel": {"bill_info1": "a", "bill_info2": "b"}},
    "indomaret": {"payment_type": "cstore", "cstore": {"store": "indomaret"}},
    "alfamart": {"payment_type": "cstore", "cstore": {"store": "alfamart"}},
    "gopay": {"payment_type": "gopay"},
    "qris": {"payment_type": "qris"},
    "qris_airpay": {"payment_type": "qris", "qris": {"acquirer": "airpay shopee"}},
    "shopeepay": {"payment_type": "shopeepay"},
    "dana": {"payment_type": "dana"},
    "ovo": {"payment_type": "ovo", "ovo": {"payer_phone_number": "+6281299887766"}},
    "akulaku": {
        "payment_type": "akulaku",
        "item_details": ITEMS,
        "customer_details": {"first_name": "Sari"},
    },
    "kredivo": {"payment_type": "kredivo", "item_details": ITEMS},
}


def request(channel: str, order: str = "C-1", **change: Any) -> Json:
    """A charge of 99,000 on this channel."""
    details = {"order_id": order, "gross_amount": 99_000}
    body: Json = {"transaction_details": details, **GOOD[channel], **change}
    return {name: value for name, value in body.items() if value is not None}


def linked(desk: Any, phone: str = "8215023424") -> Json:
    """An enabled GoPay account: its id and the token of its wallet."""
    partner = {"phone_number": phone, "country_code": "62", "redirect_url": "https://shop.test/ok"}
    made = desk.core.link_payment_account({"payment_type": "gopay", "gopay_partner": partner})
    desk.sim("POST", "pay-accounts", account_id=made["account_id"], action="link")
    seen = desk.core.get_payment_account(made["account_id"])
    options = {one["name"]: one for one in seen["metadata"]["payment_options"]}
    return {
        "account_id": made["account_id"],
        "payment_option_token": options["GOPAY_WALLET"]["token"],
        "options": options,
    }


def wallet_charge(account: Json, order: str = "G-1", amount: int = 99_000, **gopay: Any) -> Json:
    """A tokenized GoPay charge."""
    told = {name: account[name] for name in ("account_id", "payment_option_token")}
    return {
        "payment_type": "gopay",
        "transaction_details": {"order_id": order, "gross_amount": amount},
        "gopay": {**told, **gopay},
    }


def wib(seconds: int) -> str:
    """How the gateway writes the instant so many seconds after `NOW`."""
    return (NOW + timedelta(hours=7, seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S")


def refunding(desk: Desk, ident: str, key: str) -> Callable[[], Json]:
    """A refund of the whole, to be made when it is called."""

    def refund() -> Json:
        answer: Json = desk.core.transactions.refund(ident, {"refund_key": key})
        return answer

    return refund


def later(desk: Desk, seconds: int) -> None:
    """Move the simulator's clock so many seconds behind `NOW`."""
    desk.clock((NOW + timedelta(seconds=seconds)).isoformat())
