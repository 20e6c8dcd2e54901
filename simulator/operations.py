"""What may be asked of an existing transaction: status, cancel, expire, approve, deny, capture."""

from __future__ import annotations

from collections.abc import Mapping

from simulator import derive, transactions
from simulator.answers import cannot_change, invalid, not_found
from simulator.book import Book
from simulator.channels import PENDING_ONLY, row_of
from simulator.model import Json, Transaction
from simulator.notifications import (
    common,
    paid_amounts,
    refund_fields,
    shown_extras,
    signature,
)
from simulator.transactions import IllegalMoveError
from simulator.validation import is_int

_PAID_BY_PERSON = "paid by the customer"


def known(book: Book, ident: str) -> Transaction:
    """The transaction of this order id or transaction id, or the 404.

    DANA's transactions are known by their transaction id only.
    """
    tx = book.find(ident)
    if tx is None or (row_of(tx).only_by_transaction_id and ident != tx.transaction_id):
        raise not_found()
    return tx


def describe(book: Book, tx: Transaction, message: str, code: str | None = None) -> Json:
    """The answer of status and of every operation: common fields, channel, refunds, signature."""
    code = code or transactions.status_code(tx)
    body: Json = {"status_code": code, "status_message": message, **common(tx, book.account)}
    body.update((k, v) for k, v in tx.extras.items() if k not in PENDING_ONLY)
    if "va_numbers" in tx.extras:
        body["payment_amounts"] = paid_amounts(tx)
    body.update(refund_fields(tx))
    body.update(tx.echo)
    body["signature_key"] = signature(
        tx.order_id, code, body["gross_amount"], book.account.server_key
    )
    if tx.channel == "dana" and book.account.switches.dana_upper_case:
        body["transaction_status"] = tx.status.upper()
    return shown_extras(book.account, body)


def status(book: Book, ident: str) -> Json:
    """GET status."""
    return describe(book, known(book, ident), "Success, transaction is found")


def status_b2b(book: Book, ident: str) -> Json:
    """Every payment to the fixed number of a B2B account; ordinary orders are unknown here."""
    tx = known(book, ident)
    if not book.account.b2b or tx.channel != "permata_va":
        raise not_found()
    number = tx.extras["permata_va_number"]
    same = [
        other
        for other in book.transactions.values()
        if other.extras.get("permata_va_number") == number
    ]
    return {
        "status_code": "200",
        "status_message": "Success, transaction is found",
        "id": derive.uuid_of(book.account.seed, tx.transaction_id, "b2b"),
        "transactions": [describe(book, each, "Success, transaction is found") for each in same],
    }


def cancel(book: Book, ident: str) -> Json:
    """Pending, authorized or captured and not settled."""
    tx = known(book, ident)
    if tx.status not in ("pending", "authorize", "capture"):
        raise cannot_change()
    if book.account.switches.void_windows and _void_refused(tx):
        raise cannot_change()
    book.move(tx, "cancel", "canceled by the merchant")
    return describe(book, tx, "Success, transaction is canceled")


def _void_refused(tx: Transaction) -> bool:
    """BNI voids a card payment only after the capture, Mandiri only before it."""
    bank = tx.extras.get("bank") if tx.payment_type == "credit_card" else None
    return (bank, tx.status) in (("bni", "authorize"), ("mandiri", "capture"))


def expire(book: Book, ident: str) -> Json:
    """Pending only; the good answer has code 407."""
    tx = known(book, ident)
    if tx.status != "pending":
        raise cannot_change()
    tx.expires_at = book.now()
    book.move(tx, "expire", "expired by the merchant")
    verb = "is" if book.account.switches.expire_says_is else "has"
    return describe(book, tx, f"Success, transaction {verb} expired")


def approve(book: Book, ident: str) -> Json:
    """A captured charge that the fraud system questioned."""
    tx = _challenged(book, ident)
    tx.fraud_status = "accept"
    book.save("tx", tx)
    book.notify(tx)
    return describe(book, tx, "Success, transaction is approved")


def deny(book: Book, ident: str) -> Json:
    """The same, refused; the payer's money goes back."""
    tx = _challenged(book, ident)
    tx.fraud_status = "deny"
    book.move(tx, "deny", "denied by the merchant")
    return describe(book, tx, "Success, transaction is denied", code="200")


def _challenged(book: Book, ident: str) -> Transaction:
    tx = known(book, ident)
    if tx.status != "capture" or tx.fraud_status != "challenge":
        raise cannot_change()
    return tx


def capture(book: Book, body: Json, refused_with: str = "") -> Json:
    """Take what was authorized, or less; a GoPay hold only whole.

    The bank may refuse: 202 deny in the answer alone, the hold stays and may be tried again.
    """
    ident = body.get("transaction_id")
    if not isinstance(ident, str) or not ident:
        raise invalid("transaction_id is required")
    tx = known(book, ident)
    if tx.status != "authorize":
        raise cannot_change()
    amount = body.get("gross_amount", tx.gross_amount)
    if not is_int(amount) or amount <= 0:
        raise invalid("gross_amount is not valid")
    if amount > tx.gross_amount:
        raise invalid("gross_amount must not be greater than the authorized amount")
    card = tx.payment_type == "credit_card"
    if not card and amount != tx.gross_amount:
        raise invalid("gross_amount must be the whole authorized amount")
    if refused_with:
        answer = describe(book, tx, "Capture denied by the bank", code="202")
        return {**answer, "transaction_status": "deny", "channel_response_code": refused_with}
    tx.captured = amount
    target = "capture" if card else book.account.switches.gopay_captured_as
    book.move(tx, target, "captured by the merchant")
    name = "Credit Card" if card else "GoPay"
    return describe(book, tx, f"Success, {name} capture transaction is successful")


def pay(
    book: Book,
    tx: Transaction,
    note: str = _PAID_BY_PERSON,
    how: Mapping[str, str] | None = None,
) -> None:
    """A person pays what is pending. Raises IllegalMoveError when there is nothing to pay.

    `how`: `via` "qris" (a GoPay order scanned by another app), `issuer`, `transaction_type`.
    The wallet may still say no; then the transaction is denied afterwards.
    """
    if tx.status != "pending" or tx.payment_type == "credit_card":
        raise IllegalMoveError("only a pending transaction of this kind can be paid")
    row_of(tx).paid(book, tx, how or {})
    if tx.status == "pending":
        book.move(tx, "settlement", note)


def refuse(book: Book, tx: Transaction) -> None:
    """A person says no in the app, or on the provider's page. Raises IllegalMoveError."""
    row = row_of(tx)
    if tx.status != "pending" or row.page not in ("pin", "push", "login"):
        raise IllegalMoveError("only a pending payment in an app can be refused")
    if row.refused_as:
        tx.extras["channel_response_code"] = row.refused_as
        tx.extras["channel_response_message"] = "Transaction was cancelled by the customer"
    book.move(tx, "deny", "refused by the customer")


def reverse(book: Book, tx: Transaction) -> None:
    """Permata, Mandiri Bill and Indomaret sometimes take a settled payment back."""
    if tx.status != "settlement" or not row_of(tx).reversible:
        raise IllegalMoveError(
            "only settled Permata, Mandiri Bill and Indomaret payments are reversed"
        )
    book.move(tx, "deny", "reversed by the provider")


def charge_back(book: Book, tx: Transaction, amount: int | None) -> None:
    """The card holder's bank takes money back from the merchant."""
    if tx.payment_type != "credit_card" or tx.status not in ("settlement", "partial_chargeback"):
        raise IllegalMoveError("only settled card payments are charged back")
    left = tx.captured - tx.charged_back
    taken = left if amount is None else min(amount, left)
    tx.charged_back += taken
    whole = tx.charged_back == tx.captured
    book.move(tx, "chargeback" if whole else "partial_chargeback", f"charged back {taken}")
