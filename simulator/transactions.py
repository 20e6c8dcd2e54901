"""The gateway's own state machine: which moves are legal, which code each state answers with."""

from __future__ import annotations

from datetime import timedelta

from simulator.model import Transaction

LEGAL: dict[str, frozenset[str]] = {
    "": frozenset({"pending", "authorize", "capture", "settlement", "deny"}),
    "pending": frozenset(
        {"settlement", "capture", "authorize", "deny", "expire", "cancel", "failure"}
    ),
    "authorize": frozenset({"capture", "settlement", "cancel", "deny", "expire"}),
    "capture": frozenset({"settlement", "cancel", "deny"}),
    "settlement": frozenset(
        {"refund", "partial_refund", "chargeback", "partial_chargeback", "deny"}
    ),
    "partial_refund": frozenset({"partial_refund", "refund"}),
    "partial_chargeback": frozenset({"partial_chargeback", "chargeback"}),
}
TERMINAL = frozenset({"deny", "cancel", "expire", "failure", "refund", "chargeback"})
PAID = frozenset({"capture", "settlement", "partial_refund", "partial_chargeback"})

THREE_DS_LIFE = timedelta(minutes=10)

_CODES = {"pending": "201", "deny": "202", "expire": "407", "failure": "202"}
_WEBHOOK_CODES = {**_CODES, "expire": "202", "cancel": "202"}


class IllegalMoveError(Exception):
    """The transaction is not in a state that allows this: the gateway answers 412."""


def check_move(current: str, target: str) -> None:
    """Raise IllegalMoveError unless the move is in the table."""
    if target not in LEGAL.get(current, frozenset()):
        raise IllegalMoveError(f"{current or 'nothing'} -> {target}")


def status_code(tx: Transaction, *, webhook: bool = False) -> str:
    """The three digits of the present state. Expired is 407 in answers, 202 in most webhooks."""
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
