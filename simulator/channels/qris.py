"""QRIS: one code that any wallet or bank app can scan, by way of GoPay or Airpay (ShopeePay)."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulator import derive
from simulator.answers import invalid
from simulator.channels.row import Opening
from simulator.model import Account, Json, Transaction

if TYPE_CHECKING:
    from simulator.book import Book

ACQUIRERS = {"gopay": "qris", "airpay shopee": "qris_airpay"}  # acquirer -> row
_OWN = {"gopay": "gopay", "airpay shopee": "shopeepay"}  # whose own app pays "on us"


def acquirer_name(body: Json) -> str:
    """Which row a qris request means."""
    told = body.get("qris") or {}
    if not isinstance(told, dict):
        raise invalid("qris is not valid")
    acquirer = str(told.get("acquirer") or "gopay")
    if acquirer not in ACQUIRERS:
        raise invalid("qris.acquirer is not supported")
    return ACQUIRERS[acquirer]


def action(name: str, url: str, method: str = "GET") -> Json:
    """One entry of `actions`."""
    return {"name": name, "method": method, "url": url}


def code(opening: Opening) -> None:
    """The QR picture twice, its text, and who collects."""
    tx = opening.tx
    url = f"{opening.base}/v2/qris/{tx.transaction_id}/qr-code"
    acquirer = next(name for name, row in ACQUIRERS.items() if row == tx.channel)
    tx.extras["actions"] = [
        action("generate-qr-code", url),
        action("generate-qr-code-v2", url),
    ]
    tx.extras["acquirer"] = acquirer
    tx.extras["qr_string"] = tx.qr = qr_text(opening.book.account, tx)


def scanned(book: Book, tx: Transaction, how: Mapping[str, str]) -> None:
    """Whose app paid: the acquirer's own (on us) or another (off us)."""
    acquirer = str(tx.extras["acquirer"])
    issuer = how.get("issuer") or _OWN[acquirer]
    own = issuer.lower() == _OWN[acquirer]
    seed, ident = book.account.seed, tx.transaction_id
    tx.extras["transaction_type"] = how.get("transaction_type") or ("on-us" if own else "off-us")
    tx.extras["issuer"] = issuer
    tx.extras["merchant_cross_reference_id"] = derive.uuid_of(seed, ident, "cross reference")
    if acquirer != "gopay":
        airpay_references(book, tx, how)


def airpay_references(book: Book, tx: Transaction, _how: Mapping[str, str]) -> None:
    """ShopeePay's own numbers of a payment."""
    seed, ident = book.account.seed, tx.transaction_id
    tx.extras["shopeepay_reference_number"] = derive.digits_of(seed, 18, ident, "shopeepay")
    tx.extras["reference_id"] = derive.uuid_of(seed, ident, "reference")


def qr_text(account: Account, tx: Transaction) -> str:
    """The text of the code in the shape of QRIS (EMV tag, length, value), with its checksum."""
    label = derive.alnum_of(account.seed, 20, tx.transaction_id, "qr")
    merchant = _field("00", "ID.CO.SIMULATOR.WWW") + _field("01", account.merchant_id)
    text = "".join(
        (
            _field("00", "01"),
            _field("01", "12"),
            _field("26", merchant),
            _field("52", "5734"),
            _field("53", "360"),
            _field("54", str(tx.gross_amount)),
            _field("58", "ID"),
            _field("59", _plain(account.name)[:25] or account.merchant_id),
            _field("60", "JAKARTA"),
            _field("61", "10110"),
            _field("62", _field("05", label)),
            "6304",
        )
    )
    return text + f"{checksum(text):04X}"


def _plain(text: str) -> str:
    return "".join(char for char in text.upper() if char.isascii() and char.isprintable())


def _field(tag: str, value: str) -> str:
    return f"{tag}{len(value):02}{value}"


def checksum(text: str) -> int:
    """CRC-16 with polynomial 0x1021 and start 0xFFFF, as the EMV specification asks."""
    return binascii.crc_hqx(text.encode(), 0xFFFF)
