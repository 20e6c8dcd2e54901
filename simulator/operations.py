"""What may be asked of an existing transaction: status, cancel, expire, approve, deny, capture."""

from __future__ import annotations

from simulator import transactions
from simulator.answers import cannot_change, invalid, not_found
from simulator.book import Book
from simulator.model import Json, Transaction
from simulator.notifications import common, paid_amounts, refund_fields, signature
from simulator.transactions import IllegalMoveError
from simulator.validation import is_int

_ONLY_AT_CHARGE = ("actions", "qr_string", "redirect_url")


def known(book: Book, ident: str) -> Transaction:
    """The transaction of this order id or transaction id, or the 404."""
    tx = book.find(ident)
    if tx is None:
        raise not_found()
    return tx


def describe(book: Book, tx: Transaction, message: str, code: str | None = None) -> Json:
    """The answer of status and of every operation: common fields, channel, refunds, signature."""
    code = code or transactions.status_code(tx)
    body: Json = {"status_code": code, "status_message": message, **common(tx, book.account)}
    body.update((k, v) for k, v in tx.extras.items() if k not in _ONLY_AT_CHARGE)
    if "va_numbers" in tx.extras:
        body["payment_amounts"] = paid_amounts(tx)
    body.update(refund_fields(tx))
    body.update(tx.echo)
    body["signature_key"] = signature(
        tx.order_id, code, body["gross_amount"], book.account.server_key
    )
    return body


def status(book: Book, ident: str) -> Json:
    """GET status."""
    return describe(book, known(book, ident), "Success, transaction is found")


def status_b2b(book: Book, ident: str) -> Json:
    """Only B2B accounts have this; ordinary orders are unknown here."""
    known(book, ident)
    raise not_found()


def cancel(book: Book, ident: str) -> Json:
    """Pending, authorized or captured and not settled."""
    tx = known(book, ident)
    if tx.status not in ("pending", "authorize", "capture"):
        raise cannot_change()
    book.move(tx, "cancel", "canceled by the merchant")
    return describe(book, tx, "Success, transaction is canceled")


def expire(book: Book, ident: str) -> Json:
    """Pending only; the good answer has code 407."""
    tx = known(book, ident)
    if tx.status != "pending":
        raise cannot_change()
    tx.expires_at = book.now()
    book.move(tx, "expire", "expired by the merchant")
    return describe(book, tx, "Success, transaction has expired")


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


def capture(book: Book, body: Json) -> Json:
    """Take what was authorized, or less."""
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
    tx.captured = amount
    book.move(tx, "capture", "captured by the merchant")
    return describe(book, tx, "Success, Credit Card capture transaction is successful")


def pay(book: Book, tx: Transaction, note: str = "paid by the customer") -> None:
    """A person pays what is pending. Raises IllegalMoveError when there is nothing to pay."""
    if tx.status != "pending" or tx.payment_type == "credit_card":
        raise IllegalMoveError("only a pending transaction of this kind can be paid")
    if tx.payment_type == "qris":
        tx.extras.setdefault("transaction_type", "on-us")
        tx.extras.setdefault("issuer", "gopay")
    if tx.payment_type == "gopay":
        tx.extras["payment_option_type"] = "GOPAY_WALLET"
    book.move(tx, "settlement", note)


def reverse(book: Book, tx: Transaction) -> None:
    """Permata, Mandiri Bill and Indomaret sometimes take a settled payment back."""
    if tx.status != "settlement" or not transactions.reversal_kind(tx):
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
