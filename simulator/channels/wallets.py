"""Wallets for one payment: GoPay by QR or app, ShopeePay, DANA, and OVO's push to a phone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator import derive
from simulator.answers import RefusalError, invalid
from simulator.channels.qris import action, qr_text, scanned
from simulator.channels.row import DAY, MINUTE, Opening
from simulator.clock import WIB
from simulator.model import Json, Transaction
from simulator.transactions import IllegalMoveError
from simulator.validation import read_expiry

if TYPE_CHECKING:
    from simulator.book import Book

OVO_LIFE = timedelta(seconds=65)
OVO_ANSWER = timedelta(seconds=55)
OVO_UNKNOWN = "User with requested phone number doesn't exist"
_PHONE = re.compile(r"\+?[0-9]{8,15}")
# The sandbox's phones and what becomes of a push to them; any other pays.
_OVO_ROLES = {
    "628249134000": "14",
    "628271939753": "17",
    "628242014881": "26",
    "628237435829": "40",
    "628215023424": "68",
    "628242974268": "silent",
}
OVO_MESSAGES = {
    "14": "Phone number is not registered",
    "17": "Transaction was cancelled by the customer",
    "26": "Push to payment failed",
    "40": "Payment failed",
    "68": "Transaction timed out",
}
_OVO_SECONDS = {"17": 10, "26": 1, "40": 10, "68": 55}


def callback(told: Json, name: str) -> str:
    """The address the payer's app goes to afterwards. Raises the 400 for anything odd."""
    url = told.get("callback_url")
    if url is None:
        return ""
    if not isinstance(url, str) or "://" not in url or len(url) > 1024:
        raise invalid(f"{name}.callback_url is not valid")
    return url


# --- GoPay for one payment ----------------------------------------------------------------------


def gopay(opening: Opening) -> None:
    """A QR code for the desktop and a deep link for the phone."""
    told, tx, base = opening.part("gopay"), opening.tx, opening.base
    enabled = told.get("enable_callback", False)
    if not isinstance(enabled, bool):
        raise invalid("gopay.enable_callback is not valid")
    address = callback(told, "gopay")
    tx.callback_url = address if enabled else ""
    ident = tx.transaction_id
    picture = f"{base}/v2/gopay/{ident}/qr-code"
    tx.extras["actions"] = [
        action("generate-qr-code", picture),
        action("generate-qr-code-v2", picture),
        action("deeplink-redirect", opening.page(f"app/{ident}")),
        action("get-status", f"{base}/v2/{ident}/status"),
        {**action("cancel", f"{base}/v2/{ident}/cancel", "POST"), "fields": []},
    ]
    tx.qr = qr_text(opening.book.account, tx)


def gopay_paid(book: Book, tx: Transaction, how: Mapping[str, str]) -> None:
    """Paid in the GoPay app, or scanned as QRIS by any other: then it is a QRIS payment."""
    if how.get("via") == "qris":
        tx.payment_type = "qris"
        tx.extras["acquirer"] = "gopay"
        scanned(book, tx, {"issuer": "dana", **how})
    else:
        tx.extras["payment_option_type"] = how.get("option") or "GOPAY_WALLET"


# --- ShopeePay and DANA -------------------------------------------------------------------------


def shopeepay(opening: Opening) -> None:
    """A link into the app. Its default expiry is nowhere written: a switch."""
    tx = opening.tx
    default = opening.book.account.switches.shopeepay_minutes * MINUTE
    tx.callback_url = callback(opening.part("shopeepay"), "shopeepay")
    tx.expires_at = read_expiry(
        opening.body, opening.now, default, timedelta(seconds=20), max(5 * DAY, default)
    )
    deep_link(opening)


def dana(opening: Opening) -> None:
    """A link into the app; its transactions have names of their own kind."""
    tx = opening.tx
    tx.callback_url = callback(opening.part("dana"), "dana")
    stamp = opening.now.astimezone(WIB).strftime("%Y%m%d%H%M%S")
    seed = opening.book.account.seed
    middle = derive.alnum_of(seed, 10, tx.order_id, tx.generation, "dana")
    tx.transaction_id = f"A1{stamp}{middle}ID"
    deep_link(opening)


def deep_link(opening: Opening) -> None:
    """The one action of wallets that open by themselves."""
    url = opening.page(f"app/{opening.tx.transaction_id}")
    opening.tx.extras["actions"] = [action("deeplink-redirect", url)]


# --- OVO ----------------------------------------------------------------------------------------


def ovo(opening: Opening) -> None:
    """A push to the payer's phone, to be answered within 55 seconds."""
    told, tx = opening.part("ovo"), opening.tx
    phone = told.get("payer_phone_number")
    if not phone:
        raise invalid("ovo.payer_phone_number is required")
    if not isinstance(phone, str) or not _PHONE.fullmatch(phone):
        raise invalid("ovo.payer_phone_number is not valid")
    if _role(phone) == "14":
        raise RefusalError("404", OVO_UNKNOWN)
    seed = opening.book.account.seed
    tx.extras["payer_phone_number"] = phone
    tx.extras["merchant_invoice"] = "OVO" + derive.digits_of(
        seed, 12, tx.order_id, tx.generation, "invoice"
    )


def international(phone: str) -> str:
    """Digits with the country code first: 0812 and +62812 are the same phone."""
    digits = phone.lstrip("+")
    return "62" + digits[1:] if digits.startswith("0") else digits


def _role(phone: str) -> str:
    return _OVO_ROLES.get(international(phone), "")


def ovo_moved(book: Book, tx: Transaction, came_from: str) -> None:
    """The push is out: arrange what the phone will do, unless nobody answers it."""
    if tx.status != "pending" or came_from:
        return
    role = tx.forced_code or _role(str(tx.extras["payer_phone_number"]))
    seconds = _OVO_SECONDS.get(role, book.account.switches.ovo_confirm_seconds)
    if role != "silent" and 0 < seconds <= OVO_ANSWER.total_seconds():
        book.set_timer(tx, "push", tx.created_at + timedelta(seconds=seconds))


def ovo_answers(book: Book, tx: Transaction) -> None:
    """The phone's answer has come."""
    role = tx.forced_code or _role(str(tx.extras["payer_phone_number"]))
    if not role:
        book.move(tx, "settlement", "confirmed on the phone")
        return
    tx.extras["channel_response_code"] = role
    tx.extras["channel_response_message"] = OVO_MESSAGES.get(role, "Payment failed")
    book.move(tx, "deny", f"the phone's answer: {role}")


def ovo_paid(book: Book, tx: Transaction, _how: Mapping[str, str]) -> None:
    """A person confirms the push; the notice on the phone is gone after 55 seconds."""
    if book.now() > tx.created_at + OVO_ANSWER:
        raise IllegalMoveError("the push on the phone is over after 55 seconds")
