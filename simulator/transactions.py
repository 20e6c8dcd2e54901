"""The gateway's own state machine: which moves are legal, which code each state answers with."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator.model import Transaction

LEGAL: dict[str, frozenset[str]] = {
    "": frozenset({"pending", "authorize", "capture", "settlement", "deny"}),
    "pending": frozenset(
        {"settlement", "capture", "authorize", "deny", "expire", "cancel", "failure"}
    ),
    "authorize": frozenset({"capture", "cancel", "deny", "expire"}),
    "capture": frozenset({"settlement", "cancel", "deny"}),
    "settlement": frozenset(
        {"refund", "partial_refund", "chargeback", "partial_chargeback", "deny"}
    ),
    "partial_refund": frozenset({"partial_refund", "refund"}),
    "partial_chargeback": frozenset({"partial_chargeback", "chargeback"}),
}
TERMINAL = frozenset({"deny", "cancel", "expire", "failure", "refund", "chargeback"})
PAID = frozenset({"capture", "settlement", "partial_refund", "partial_chargeback"})
REVERSIBLE = frozenset({"permata", "echannel", "indomaret"})

AUTHORIZE_LIFE = timedelta(days=8)
THREE_DS_LIFE = timedelta(minutes=10)

_CODES = {"pending": "201", "deny": "202", "expire": "407"}
_WEBHOOK_CODES = {"pending": "201", "deny": "202", "expire": "202", "cancel": "202"}


class IllegalMoveError(Exception):
    """The transaction is not in a state that allows this: the gateway answers 412."""


def check_move(current: str, target: str) -> None:
    """Raise IllegalMoveError unless the move is in the table."""
    if target not in LEGAL.get(current, frozenset()):
        raise IllegalMoveError(f"{current or 'nothing'} -> {target}")


def status_code(tx: Transaction, *, webhook: bool = False) -> str:
    """The three digits of the present state. Expired is 407 in answers, 202 in webhooks."""
    if tx.status == "capture" and tx.fraud_status == "challenge":
        return "201"
    return (_WEBHOOK_CODES if webhook else _CODES).get(tx.status, "200")


def shown_amount(tx: Transaction) -> int:
    """What the gateway writes as gross_amount: after a partial capture, what was captured."""
    return tx.captured or tx.gross_amount


def may_serve_again(tx: Transaction, *, reuse_after_deny: bool) -> bool:
    """May the order id of this transaction be charged once more?"""
    if tx.status == "cancel":
        return True
    return reuse_after_deny and tx.status in ("deny", "expire", "failure")


def reversal_kind(tx: Transaction) -> str:
    """The name under which a settled payment of this kind may still be reversed, or ''."""
    if "permata_va_number" in tx.extras:
        name = "permata"
    elif tx.payment_type == "cstore":
        name = str(tx.extras.get("store", ""))
    else:
        name = tx.payment_type
    return name if name in REVERSIBLE else ""


def window_closed(tx: Transaction, now: datetime) -> bool:
    """Is the refund window of this channel over? Counted from the transaction, shortest source."""
    days = {
        "credit_card": 180,
        "gopay": 45,
        "qris": 7 if tx.extras.get("transaction_type") == "off-us" else 45,
        "shopeepay": 365,
        "dana": 45,
        "ovo": 7,
        "akulaku": 180,
        "kredivo": 14,
    }.get(tx.payment_type, 0)
    return now > tx.created_at + timedelta(days=days)


REFUNDABLE = frozenset(
    {"credit_card", "gopay", "qris", "shopeepay", "dana", "ovo", "akulaku", "kredivo"}
)
FULL_ONLY = frozenset({"ovo", "shopeepay"})
