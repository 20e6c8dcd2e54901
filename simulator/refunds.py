"""Refunds: keys, amounts, windows, and the bank's later word."""

from __future__ import annotations

import re
from datetime import timedelta

from simulator import derive
from simulator.answers import RefusalError, cannot_change, invalid
from simulator.book import Book
from simulator.channels import refunding
from simulator.model import Json, Refund, Transaction
from simulator.notifications import money
from simulator.operations import describe, known
from simulator.validation import is_int

_KEY = re.compile(r"[A-Za-z0-9_-]{1,50}")
DUPLICATE = "Duplicate refund ID"
TOO_MUCH = "Refund rejected: the amount is invalid or the merchant balance is insufficient"
RETRY_LIFE = timedelta(days=7)
DENIED = "Refund denied by the bank"


def refund(book: Book, ident: str, body: Json, *, direct: bool, denied: bool = False) -> Json:
    """Give money back. Raises 404, 400, 412, 406, 414; `denied` plays the bank's refusal (202)."""
    tx = known(book, ident)
    key, amount, reason = _read(book, tx, body)
    if any(known_refund.refund_key == key for known_refund in tx.refunds):
        raise RefusalError("406", DUPLICATE)
    if tx.status not in ("settlement", "partial_refund"):
        raise cannot_change()
    switches = book.account.switches
    if not refunding.allowed(tx, book.now(), switches, direct=direct):
        raise cannot_change()
    _too_late(book, tx, key)
    left = tx.captured - tx.refunded
    wanted = left if amount is None else amount
    partly = wanted < tx.captured
    if wanted > left or (partly and refunding.whole_only(tx, switches)):
        raise RefusalError("414", TOO_MUCH)
    if denied:
        return _denied(book, tx, key)
    _pay_from_balance(book, tx, key, wanted)
    made = _enter(book, tx, key, wanted, reason, direct=direct)
    answer = describe(book, tx, "Success, refund request is approved")
    answer["refund_amount"] = money(made.amount)
    answer["refund_key"] = made.refund_key
    answer["refund_chargeback_id"] = made.chargeback_id
    answer["refund_chargeback_uuid"] = made.uuid
    answer.pop("refunds", None)
    return answer


def _too_late(book: Book, tx: Transaction, key: str) -> None:
    """A key that failed may be tried again for seven days after its first try."""
    first = tx.refused_refunds.get(key)
    if first is not None and book.now() > first + RETRY_LIFE:
        raise RefusalError("406", DUPLICATE)


def _pay_from_balance(book: Book, tx: Transaction, key: str, wanted: int) -> None:
    balance = book.account.refund_balance
    if balance is None:
        return
    if wanted > balance:
        tx.refused_refunds.setdefault(key, book.now())
        book.save("tx", tx)
        raise RefusalError("414", TOO_MUCH)
    book.account.refund_balance = balance - wanted
    book.save_account()


def _read(book: Book, tx: Transaction, body: Json) -> tuple[str, int | None, str]:
    problems = []
    key, amount, reason = body.get("refund_key"), body.get("amount"), body.get("reason") or ""
    if key is None:
        # Without a key the gateway makes one, and every retry is another refund.
        count = len(tx.refunds) + 1
        key = derive.uuid_of(book.account.seed, tx.transaction_id, "refund key", count)
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        problems.append("refund_key is not valid")
    if amount is not None and (not is_int(amount) or amount <= 0):
        problems.append("amount is not valid")
    if not isinstance(reason, str) or len(reason) > 255:
        problems.append("reason too long, max 255 characters")
    if problems:
        raise invalid(*problems)
    return str(key), amount, str(reason)


def _enter(
    book: Book, tx: Transaction, key: str, amount: int, reason: str, *, direct: bool
) -> Refund:
    now, seed = book.now(), book.account.seed
    number = derive.digits_of(seed, 12, tx.transaction_id, "refund", key)
    made = Refund(
        refund_key=key,
        amount=amount,
        reason=reason or "Refund by merchant",
        created_at=now,
        chargeback_id=10**12 + int(number),
        uuid=derive.uuid_of(seed, tx.transaction_id, "refund", key),
        direct=direct,
        confirm_at=now + timedelta(seconds=book.account.switches.refund_confirm_seconds),
    )
    tx.refunds.append(made)
    whole = tx.refunded == tx.captured
    book.move(tx, "refund" if whole else "partial_refund", f"refund {key} of {amount}")
    book.set_refund_timer(tx, made)
    return made


def _denied(book: Book, tx: Transaction, key: str) -> Json:
    answer = describe(book, tx, DENIED, code="202")
    answer["refund_amount"] = money(0)
    answer["refund_key"] = key
    return answer


def confirm(book: Book, tx: Transaction, uuid: str) -> None:
    """The bank confirms; the second message goes out."""
    for made in tx.refunds:
        if made.uuid == uuid and made.bank_confirmed_at is None:
            made.bank_confirmed_at = book.now()
            made.confirm_at = None
            made.method = "online" if made.direct else "offline"
            book.save("tx", tx)
            book.notify(tx)
