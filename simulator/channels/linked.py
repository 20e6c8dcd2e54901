"""Charges on a linked GoPay account: at once, with a PIN, or held for later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator import wallets
from simulator.answers import RefusalError, invalid
from simulator.channels.qris import action
from simulator.channels.row import MINUTE, Opening
from simulator.channels.wallets import callback
from simulator.model import Json, PayAccount, Transaction
from simulator.transactions import IllegalMoveError
from simulator.validation import is_digits, read_expiry

if TYPE_CHECKING:
    from simulator.book import Book

NO_ACCOUNT = "Account doesn't exist."
LINK_LIFE = 5 * MINUTE
_LIFE = 15 * MINUTE
_DENIED = "GoPay transaction is denied"
_GOOD = "Success, GoPay transaction is successful"
_ACTION = "GoPay transaction is created. Action(s) required"
MESSAGES = {
    "110": "Unauthorized",
    "112": "Wallet is Blocked",
    "156": "Payment method is disabled",
    "159": "Payment option token is invalid",
    "201": "Insufficient Balance",
    "202": "Excessive Balance",
    "213": "Monthly limit is exceeded",
    "811": "Balance is too low for this reservation",
    "900": "Generic service error",
}


def charge(opening: Opening) -> None:
    """Take the money, ask for the PIN, or say no; all three are transactions."""
    told, tx, book = _read(opening), opening.tx, opening.book
    account = book.pay_accounts.get(str(told["account_id"]))
    if account is None:
        raise RefusalError("404", NO_ACCOUNT)
    wallet, switches = wallets.wallet_of(book, account.phone), book.account.switches
    if wallet.blocked and switches.blocked_wallet == "410":
        raise RefusalError("410", "The GoPay user is blocked")
    with_pin = tx.gross_amount >= switches.gopay_pin_from and not opening.unattended
    holds = told.get("pre_auth") is True
    if holds and with_pin:
        raise invalid("gopay.pre_auth is not possible where a PIN is needed")
    tx.account_id = account.account_id
    tx.option = wallets.option_of(book, account, str(told["payment_option_token"]))
    tx.authorize_only = holds
    tx.callback_url = callback(told, "gopay")
    code = tx.forced_code or _refusal(book, account, tx, wallet_blocked=wallet.blocked)
    if code:
        _deny(book, tx, code, enter=True)
    elif with_pin:
        _ask_for_pin(opening)
    else:
        tx.status_message = _GOOD
        tx.extras["payment_option_type"] = tx.option
        if holds:
            tx.expires_at = read_expiry(
                opening.body, opening.now, _LIFE, timedelta(seconds=20), timedelta(days=7)
            )
        book.add(tx)
        book.move(tx, "authorize" if holds else "settlement", "paid from the linked account")


def _read(opening: Opening) -> Json:
    told = opening.part("gopay")
    problems = [
        f"gopay.{name} is required"
        for name in ("account_id", "payment_option_token")
        if not isinstance(told.get(name), str) or not told[name]
    ]
    problems += [
        f"gopay.{name} is not valid"
        for name in ("recurring", "pre_auth")
        if not isinstance(told.get(name, False), bool)
    ]
    promotions = told.get("promotion_ids", [])
    if not isinstance(promotions, list) or not all(isinstance(one, str) for one in promotions):
        problems.append("gopay.promotion_ids is not valid")
    family = opening.part("payment_provider_metadata")
    for name in ("recurring_parent_order", "recurring_sequence"):
        if not isinstance(family.get(name, ""), str):
            problems.append(f"payment_provider_metadata.{name} is not valid")
    if not is_digits(str(family.get("recurring_sequence", "0"))):
        problems.append("payment_provider_metadata.recurring_sequence is not a number")
    if problems:
        raise invalid(*problems)
    return told


def _refusal(book: Book, account: PayAccount, tx: Transaction, *, wallet_blocked: bool) -> str:
    """Why GoPay says no, or ''."""
    if account.status != "ENABLED":
        return "110"
    if wallet_blocked:
        return "112"
    if not tx.option:
        return "159"
    wallet = wallets.wallet_of(book, account.phone)
    if tx.option == wallets.SAVINGS or (tx.option == wallets.LATER and not wallet.later):
        return "156"
    if wallets.funds(wallet, tx.option) < tx.gross_amount:
        return "811" if tx.authorize_only else "201"
    return ""


def _deny(book: Book, tx: Transaction, code: str, *, enter: bool = False) -> None:
    tx.status_message = _DENIED
    tx.extras["channel_response_code"] = code
    tx.extras["channel_response_message"] = MESSAGES.get(code, "Declined")
    if enter:
        book.add(tx)
    book.move(tx, "deny", f"GoPay said no: {code}")


def _ask_for_pin(opening: Opening) -> None:
    tx = opening.tx
    url = opening.page(f"app/{tx.transaction_id}")
    tx.status_message = _ACTION
    tx.expires_at = opening.now + _LIFE
    tx.extras["actions"] = [
        action("verification-link-url", url),
        action("verification-link-app", url),
    ]


def verified(book: Book, tx: Transaction, _how: Mapping[str, str]) -> None:
    """The payer gave the PIN: what is in the wallet now decides."""
    if book.now() > tx.created_at + LINK_LIFE:
        raise IllegalMoveError("the verification link is over after five minutes")
    account = book.pay_accounts[tx.account_id]
    blocked = wallets.wallet_of(book, account.phone).blocked
    code = _refusal(book, account, tx, wallet_blocked=blocked)
    if code:
        _deny(book, tx, code)
    else:
        tx.extras["payment_option_type"] = tx.option


def purse(book: Book, tx: Transaction, came_from: str) -> None:
    """Keep the wallet's balance in step with the transaction."""
    amount = 0
    if tx.status in ("authorize", "settlement") and came_from in ("", "pending"):
        amount = -tx.gross_amount
    elif tx.status in ("cancel", "deny", "expire") and came_from not in ("", "pending"):
        amount = tx.gross_amount
    elif tx.status in ("refund", "partial_refund"):
        amount = tx.refunds[-1].amount
    if amount:
        wallet = wallets.wallet_of(book, book.pay_accounts[tx.account_id].phone)
        wallets.add(book, wallet, tx.option, amount)
