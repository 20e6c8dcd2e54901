"""Numbers a person pays to: virtual accounts, Mandiri Bill, store codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from simulator import derive
from simulator.answers import RefusalError, invalid
from simulator.channels.row import Open, Opening
from simulator.model import Json, Transaction
from simulator.validation import is_digits

if TYPE_CHECKING:
    from simulator.book import Book

# Lengths the banks give their numbers: (shortest custom, longest, what we make ourselves).
_VA_LENGTHS = {
    "bca": (6, 18, 16),
    "bni": (8, 12, 12),
    "bri": (18, 18, 18),
    "cimb": (12, 12, 12),
    "permata": (12, 12, 12),
    "danamon": (12, 12, 16),
    "bsi": (12, 12, 16),
    "seabank": (19, 19, 16),
}
BILLER_CODE = "70012"
NO_NUMBER = "Unable to create va_number for this transaction"
_BNI_PHONE = re.compile(r"(\+62|0)[0-9 -]{1,28}")


def bank_account(bank: str) -> Open:
    """The opener of one bank's virtual accounts."""
    return partial(_open_account, bank)


def _open_account(bank: str, opening: Opening) -> None:
    request, book, tx = opening.part("bank_transfer"), opening.book, opening.tx
    problems: list[str] = []
    wanted = _wanted(request.get("va_number"), problems)
    if bank == "bca":
        _bca(request, problems)
    if bank == "permata":
        _recipient(request, problems)
        wanted = wanted if book.account.b2b else ""
    if book.account.switches.va_customer_limits:
        _customer(bank, opening.part("customer_details"), problems)
    if problems:
        raise invalid(*problems)
    number = _va_number(book, tx, bank, wanted)
    if bank == "permata":
        tx.extras["permata_va_number"] = number
    else:
        tx.extras["va_numbers"] = [{"bank": bank, "va_number": number}]


def _wanted(value: object, problems: list[str]) -> str:
    text = "" if value is None else str(value)
    if text and not is_digits(text):
        problems.append("bank_transfer.va_number is not a number")
        return ""
    return text


def _bca(request: Json, problems: list[str]) -> None:
    free = request.get("free_text") or {}
    if not isinstance(free, dict):
        problems.append("bank_transfer.free_text is not valid")
    else:
        for name in ("inquiry", "payment"):
            _free_text(free.get(name), problems)
    company = request.get("bca") or {}
    if not isinstance(company, dict):
        problems.append("bank_transfer.bca is not valid")
    elif not is_digits(str(company.get("sub_company_code", "00000"))):
        problems.append("bank_transfer.bca.sub_company_code is not valid")


def _free_text(block: object, problems: list[str]) -> None:
    """At most ten lines, each in both languages."""
    lines = [] if block is None else block
    if not isinstance(lines, list) or len(lines) > 10:
        problems.append("bank_transfer.free_text holds at most 10 entries of {id, en}")
        return
    for line in lines:
        texts = (
            [str(line.get(name) or "") for name in ("id", "en")] if isinstance(line, dict) else []
        )
        if not texts or not all(texts) or max(map(len, texts)) > 50:
            problems.append("bank_transfer.free_text needs id and en, max 50 characters each")


def _recipient(request: Json, problems: list[str]) -> None:
    told = request.get("permata") or {}
    if not isinstance(told, dict):
        problems.append("bank_transfer.permata is not valid")
    elif len(str(told.get("recipient_name") or "")) > 20:
        problems.append("bank_transfer.permata.recipient_name too long, max 20 characters")


def _customer(bank: str, customer: Json, problems: list[str]) -> None:
    if bank == "bca":
        names = "".join(str(customer.get(name) or "") for name in ("first_name", "last_name"))
        if len(names) > 30:
            problems.append("customer_details names too long for BCA, max 30 characters in all")
    phone = customer.get("phone")
    if bank == "bni" and phone and not _BNI_PHONE.fullmatch(str(phone)):
        problems.append("customer_details.phone must start with +62 or 0 for BNI")


def _fitted(bank: str, wanted: str) -> str:
    """A custom number, padded or trimmed to what the bank takes."""
    shortest, longest, _ = _VA_LENGTHS[bank]
    if bank == "bni" and len(wanted) > 8:
        shortest = 12
    return wanted[:longest].zfill(shortest)


def _va_number(book: Book, tx: Transaction, bank: str, wanted: str) -> str:
    if wanted:
        number = _fitted(bank, wanted)
        if book.number_free(bank, number):
            return number
        # In use by another open order: silently another one, as the gateway does.
    prefix = derive.digits_of(book.account.seed, 4, "company", bank)
    rest = _VA_LENGTHS[bank][2] - 5
    for salt in range(100):
        number = f"8{prefix}{_free_number(book, tx, rest, f'va{salt}', bank)}"
        if book.number_free(bank, number):
            return number
    raise RefusalError("505", NO_NUMBER)


def _free_number(book: Book, tx: Transaction, length: int, what: str, whose: str) -> str:
    for salt in range(1000):
        number = derive.digits_of(book.account.seed, length, tx.order_id, tx.generation, what, salt)
        number = (number[1:] + number[0]) if number[0] == "0" else number
        if number[0] != "0" and book.number_free(whose, number):
            return number
    raise RefusalError("505", NO_NUMBER)


def bill(opening: Opening) -> None:
    """Mandiri Bill: a biller code and a key. The first two lines of text are needed."""
    told, book, tx = opening.part("echannel"), opening.book, opening.tx
    needed = ("bill_info1", "bill_info2")
    problems = [f"echannel.{name} is required" for name in needed if not told.get(name)]
    wanted = str(told.get("bill_key") or "")
    if wanted and not (is_digits(wanted) and len(wanted) <= 12):
        problems.append("echannel.bill_key is not valid")
    if problems:
        raise invalid(*problems)
    usable = wanted and book.number_free("bill", wanted)
    tx.extras["bill_key"] = wanted if usable else _free_number(book, tx, 12, "bill", "bill")
    tx.extras["biller_code"] = BILLER_CODE


def store(opening: Opening) -> None:
    """A code to show at the till of Indomaret or Alfamart."""
    told, tx = opening.part("cstore"), opening.tx
    problems = []
    for place in (1, 2, 3):
        text = told.get(f"alfamart_free_text_{place}")
        if text is not None and (len(str(text)) > 40 or "|" in str(text)):
            problems.append(f"cstore.alfamart_free_text_{place}: max 40 characters, no |")
    if problems:
        raise invalid(*problems)
    tx.extras["payment_code"] = _free_number(opening.book, tx, 14, "store", "store")
    tx.extras["store"] = str(told["store"]).lower()


def till_slip(book: Book, tx: Transaction, _how: Mapping[str, str]) -> None:
    """Indomaret gives an approval code with the money."""
    code = derive.digits_of(book.account.seed, 16, tx.transaction_id, "slip")
    tx.extras["approval_code"] = code


def bank_name(body: Json) -> str:
    """Which bank a bank_transfer means; without a word about it, Permata."""
    told = body.get("bank_transfer")
    if told is None:
        return "permata_va"
    if not isinstance(told, dict):
        raise invalid("bank_transfer is not valid")
    bank = str(told.get("bank") or "").lower()
    if not bank:
        raise invalid("bank_transfer.bank is required")
    if bank not in _VA_LENGTHS:
        raise invalid("bank_transfer.bank is not supported")
    return f"{bank}_va"


def store_name(body: Json) -> str:
    """Which chain of stores."""
    told = body.get("cstore") or {}
    if not isinstance(told, dict):
        raise invalid("cstore is not valid")
    name = str(told.get("store") or "").lower()
    if name not in ("indomaret", "alfamart"):
        raise invalid("cstore.store is not supported" if name else "cstore.store is required")
    return name
