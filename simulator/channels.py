"""Ways to pay that the customer pushes: virtual accounts, bills, QR, wallets, store codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from simulator import derive
from simulator.answers import RefusalError, invalid
from simulator.book import Book
from simulator.model import Json, Transaction
from simulator.validation import read_expiry

_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
_SHORTEST = timedelta(seconds=20)
_LONGEST_VA = timedelta(days=180)
_LONGEST_WALLET = timedelta(days=7)

# Lengths the banks give their numbers: (shortest custom, longest, what we make ourselves).
_VA_LENGTHS = {
    "bca": (6, 18, 16),
    "bni": (8, 12, 12),
    "bri": (18, 18, 18),
    "cimb": (12, 12, 12),
    "permata": (12, 12, 12),
}
BILLER_CODE = "70012"

Opener = Callable[[Book, Transaction, Json, str, datetime], None]


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{name} is not valid")
    return value


def _fitted(bank: str, wanted: str) -> str:
    """A custom number, padded or trimmed to what the bank takes."""
    shortest, longest, _ = _VA_LENGTHS[bank]
    if bank == "bni" and len(wanted) > 8:
        shortest = 12
    return wanted[:longest].zfill(shortest)


def _free_number(book: Book, tx: Transaction, length: int, what: str) -> str:
    for salt in range(1000):
        number = derive.digits_of(book.account.seed, length, tx.order_id, tx.generation, what, salt)
        number = (number[1:] + number[0]) if number[0] == "0" else number
        if number[0] != "0" and book.number_free(number):
            return number
    raise RefusalError("505", "Unable to create va_number for this transaction")


def _va_number(book: Book, tx: Transaction, bank: str, wanted: object) -> str:
    if wanted is not None:
        text = str(wanted)
        if not text.isdigit():
            raise invalid("bank_transfer.va_number is not a number")
        number = _fitted(bank, text)
        if book.number_free(number):
            return number
        # In use by another open order: silently another one, as the gateway does.
    prefix = derive.digits_of(book.account.seed, 4, "company", bank)
    rest = _VA_LENGTHS[bank][2] - 5
    for salt in range(100):
        number = f"8{prefix}{_free_number(book, tx, rest, f'va{salt}')}"
        if book.number_free(number):
            return number
    raise RefusalError("505", "Unable to create va_number for this transaction")


def _bank_transfer(book: Book, tx: Transaction, body: Json, _base: str, now: datetime) -> None:
    transfer = _object(body, "bank_transfer")
    bank = str(transfer.get("bank") or "permata").lower()
    if bank not in _VA_LENGTHS:
        raise invalid("bank_transfer.bank is not supported")
    tx.expires_at = read_expiry(body, now, _DAY, _SHORTEST, _LONGEST_VA)
    number = _va_number(book, tx, bank, transfer.get("va_number"))
    if bank == "permata":
        tx.extras["permata_va_number"] = number
        tx.status_message = "Success, PERMATA VA transaction is successful"
    else:
        tx.extras["va_numbers"] = [{"bank": bank, "va_number": number}]
        tx.status_message = "Success, Bank Transfer transaction is created"


def _echannel(book: Book, tx: Transaction, body: Json, _base: str, now: datetime) -> None:
    bill = _object(body, "echannel")
    missing = [name for name in ("bill_info1", "bill_info2") if not bill.get(name)]
    if missing:
        raise invalid(*(f"echannel.{name} is required" for name in missing))
    tx.expires_at = read_expiry(body, now, _DAY, _SHORTEST, _LONGEST_VA)
    wanted = str(bill.get("bill_key") or "")
    usable = wanted.isdigit() and book.number_free(wanted)
    tx.extras["bill_key"] = wanted if usable else _free_number(book, tx, 12, "bill")
    tx.extras["biller_code"] = BILLER_CODE
    tx.status_message = "OK, Mandiri Bill transaction is successful"


def _action(name: str, url: str, method: str = "GET") -> Json:
    return {"name": name, "method": method, "url": url}


def _gopay(_book: Book, tx: Transaction, body: Json, base: str, now: datetime) -> None:
    wallet = _object(body, "gopay")
    if "account_id" in wallet or "payment_option_token" in wallet:
        raise RefusalError("402", "Merchant has no access to GoPay tokenization")
    tx.expires_at = read_expiry(body, now, _QUARTER, _SHORTEST, _LONGEST_WALLET)
    ident = tx.transaction_id
    tx.extras["actions"] = [
        _action("generate-qr-code", f"{base}/v2/gopay/{ident}/qr-code"),
        _action("generate-qr-code-v2", f"{base}/v2/gopay/{ident}/qr-code"),
        _action("deeplink-redirect", f"{base}/pay/{ident}"),
        _action("get-status", f"{base}/v2/{ident}/status"),
        {**_action("cancel", f"{base}/v2/{ident}/cancel", "POST"), "fields": []},
    ]
    tx.status_message = "GoPay transaction is created"


def _qris(_book: Book, tx: Transaction, body: Json, base: str, now: datetime) -> None:
    acquirer = str(_object(body, "qris").get("acquirer") or "gopay")
    if acquirer not in ("gopay", "airpay shopee"):
        raise invalid("qris.acquirer is not supported")
    tx.expires_at = read_expiry(body, now, _QUARTER, _SHORTEST, _LONGEST_WALLET)
    url = f"{base}/v2/qris/{tx.transaction_id}/qr-code"
    tx.extras["actions"] = [
        _action("generate-qr-code", url),
        _action("generate-qr-code-v2", url),
    ]
    tx.extras["acquirer"] = acquirer
    tx.extras["qr_string"] = f"SIMULATOR.QRIS.{tx.transaction_id}.{tx.gross_amount}"
    tx.status_message = "QRIS transaction is created"


def _cstore(book: Book, tx: Transaction, body: Json, _base: str, now: datetime) -> None:
    store = str(_object(body, "cstore").get("store") or "").lower()
    if store not in ("indomaret", "alfamart"):
        raise invalid("cstore.store is not supported" if store else "cstore.store is required")
    tx.expires_at = read_expiry(body, now, _DAY, _SHORTEST, _LONGEST_VA)
    tx.extras["payment_code"] = _free_number(book, tx, 14, "store")
    tx.extras["store"] = store
    if store == "indomaret":
        tx.fraud_status = None
    tx.status_message = "Success, cstore transaction is successful"


OPENERS: dict[str, Opener] = {
    "bank_transfer": _bank_transfer,
    "echannel": _echannel,
    "gopay": _gopay,
    "qris": _qris,
    "cstore": _cstore,
}
