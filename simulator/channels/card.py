"""Cards: tokens and limits of a charge, 3DS, and what bank and fraud system say."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator import cards, derive, tokens, transactions
from simulator.answers import RefusalError, invalid
from simulator.channels.row import Opening
from simulator.clock import end_of_card
from simulator.model import Json, Transaction
from simulator.tokens import CardInHand
from simulator.validation import is_digits

if TYPE_CHECKING:
    from simulator.book import Book

SUCCESS = "Success, Credit Card transaction is successful"
NOT_PERMITTED = "This card is not permitted for this merchant."
_CHANNELS = frozenset({"dragon", "mti", "migs", "cybersource", "braintree", "mpgs"})
_CALLBACKS = frozenset({"js_event", "form"})


def charge(opening: Opening) -> None:
    """Read the request, then ask the bank or send the cardholder to 3DS."""
    tx, book = opening.tx, opening.book
    if "credit_card" not in opening.body:
        raise invalid("credit_card is required")
    request = opening.part("credit_card")
    _check(request)
    card = tokens.card_of(book, request, tx.created_at)
    _check_bins(request, card.pan)
    tx.pan, tx.card_month, tx.card_year = card.pan, card.month, card.year
    tx.token_used = card.token
    tx.authorize_only = request.get("type") == "authorize"
    tx.save_token = request.get("save_token_id") is True
    tx.initiated_by = "merchant" if request.get("initiated_by") == "merchant" else "customer"
    behaviour = cards.behaviour_of(book.account, card.pan, card.token, tx.created_at)
    if behaviour == "411":
        raise tokens.bad_token("Token id is no longer valid")
    if behaviour == "402":
        raise RefusalError("402", NOT_PERMITTED)
    tx.extras.update(_fields(request, card.pan))
    if request.get("point_redeem_amount"):
        _redeem(book, tx, request["point_redeem_amount"])
    card.use(book, tx.transaction_id)
    book.add(tx)
    if request.get("authentication") is True and behaviour != "3ds1_only":
        _wait_for_3ds(opening)
    else:
        settle_card(book, tx, card, authenticated=False)


def _check(request: Json) -> None:
    """Limits of the object itself; the token has its own."""
    problems = [
        f"credit_card.{name} is not valid"
        for name in ("authentication", "save_token_id")
        if not isinstance(request.get(name, False), bool)
    ]
    for name, known in (
        ("bank", cards.BANKS),
        ("channel", _CHANNELS),
        ("type", frozenset({"authorize", "authorize_capture"})),
        ("callback_type", _CALLBACKS),
        ("initiated_by", frozenset({"customer", "merchant"})),
    ):
        if request.get(name) and str(request[name]).lower() not in known:
            problems.append(f"credit_card.{name} is not supported")
    term = request.get("installment_term")
    if term is not None:
        if isinstance(term, bool) or not isinstance(term, int) or term < 1:
            problems.append("credit_card.installment_term is not a number of months")
        elif not request.get("bank") and not request.get("bins"):
            problems.append("credit_card.bank is required for an installment (or bins, offline)")
    points = request.get("point_redeem_amount")
    if points is not None and (isinstance(points, bool) or not isinstance(points, int)):
        problems.append("credit_card.point_redeem_amount is not a number")
    if problems:
        raise invalid(*problems)


def _check_bins(request: Json, pan: str) -> None:
    bins = request.get("bins")
    if not bins:
        return
    if not isinstance(bins, list) or not all(_is_bin(entry) for entry in bins):
        raise invalid("credit_card.bins is not valid")
    bank = cards.BANK_OF.get(pan, "bni")
    if not any(str(entry).lower() == bank or pan.startswith(str(entry)) for entry in bins):
        raise RefusalError("402", "This card is not permitted: its BIN is not in the list.")


def _is_bin(entry: object) -> bool:
    """One to eight digits, or a bank's name."""
    text = str(entry).lower()
    return (is_digits(text) and len(text) <= 8) or text in cards.BANKS


def _fields(request: Json, pan: str) -> Json:
    wanted = str(request.get("bank") or "").lower()
    bank = wanted or cards.BANK_OF.get(pan, "bni")
    fields: Json = {
        "masked_card": cards.masked(pan),
        "bank": bank,
        "card_type": "credit",
        "on_us": cards.BANK_OF.get(pan) == bank,
        "channel": str(request.get("channel") or ("cybersource" if bank == "bni" else "mti")),
    }
    if request.get("installment_term"):
        fields["installment_term"] = str(request["installment_term"])
    return fields


def _redeem(book: Book, tx: Transaction, wanted: int) -> None:
    """Points pay a part; -1 is as much as there is."""
    balance = tokens.points_of(book, tx.pan)
    amount = min(balance, tx.gross_amount) if wanted == -1 else wanted
    if amount < 1 or amount > min(balance, tx.gross_amount):
        raise invalid("credit_card.point_redeem_amount is more than the card's points")
    tx.extras["point_redeem_amount"] = amount
    tx.extras["point_redeem_quantity"] = amount
    tx.extras["point_balance"] = balance - amount
    tx.extras["point_balance_amount"] = f"{balance - amount}.00"


def _wait_for_3ds(opening: Opening) -> None:
    tx = opening.tx
    tx.expires_at = tx.created_at + transactions.THREE_DS_LIFE
    tx.extras["redirect_url"] = f"{opening.base}/v2/3ds/redirect/{tx.transaction_id}"
    tx.extras["three_ds_version"] = "2"
    tx.status_message = SUCCESS
    opening.book.move(tx, "pending", "waits for the cardholder (3DS)")


def finish_3ds(book: Book, tx: Transaction, *, confirmed: bool) -> None:
    """The cardholder confirmed or refused on the 3DS page; then the bank speaks."""
    if tx.status != "pending" or "redirect_url" not in tx.extras:
        raise transactions.IllegalMoveError("no 3DS is open for this transaction")
    tx.extras["three_ds_challenge_completion"] = confirmed
    if not confirmed:
        _deny(book, tx, "Q1", "the cardholder failed or refused 3DS")
        return
    card = CardInHand(tx.pan, tx.card_month, tx.card_year, tx.token_used, None)
    settle_card(book, tx, card, authenticated=True)


def settle_card(book: Book, tx: Transaction, card: CardInHand, *, authenticated: bool) -> None:
    """Ask the bank and enter what it says."""
    now = book.now()
    behaviour = cards.behaviour_of(book.account, card.pan, card.token, now)
    if now >= end_of_card(card.month, card.year):
        behaviour = "54"
    elif tx.forced_code:
        behaviour = tx.forced_code
    elif behaviour in ("411", "402"):
        behaviour = "deny"
    verdict = cards.verdict(behaviour, card.pan, tx.gross_amount)
    tx.extras["eci"] = cards.eci_of(behaviour, card.pan, authenticated=authenticated)
    if verdict.fraud == "deny":
        tx.fraud_status = "deny"
        tx.status_message = "Denied by fraud detection system"
        book.move(tx, "deny", "the fraud system said no")
    elif not verdict.approved:
        _deny(book, tx, verdict.code, "the bank said no")
    elif verdict.wait:
        _wait_for_bank(book, tx, now, verdict.wait)
    else:
        tx.fraud_status = verdict.fraud
        approve_card(book, tx, verdict.code)


def _wait_for_bank(book: Book, tx: Transaction, now: datetime, seconds: int) -> None:
    tx.status_message = SUCCESS
    tx.expires_at = None
    if tx.status != "pending":
        book.move(tx, "pending", "the bank takes its time")
    book.set_timer(tx, "resolve", now + timedelta(seconds=seconds))
    book.save("tx", tx)


def approve_card(book: Book, tx: Transaction, code: str) -> None:
    """The bank said yes: capture, or hold the amount when only that was asked for."""
    seed = book.account.seed
    tx.extras["approval_code"] = "1" + derive.digits_of(
        seed, 12, tx.order_id, tx.generation, "approval"
    )
    tx.extras["channel_response_code"] = code
    tx.extras["channel_response_message"] = cards.message_of(code)
    tx.status_message = SUCCESS
    book.move(tx, "authorize" if tx.authorize_only else "capture", "the bank said yes")


def _deny(book: Book, tx: Transaction, code: str, note: str) -> None:
    message = cards.message_of(code)
    bank = str(tx.extras.get("bank", "")).upper()
    tx.extras["channel_response_code"] = code
    tx.extras["channel_response_message"] = message
    tx.status_message = f"Deny by Bank [{bank}] with code [{code}] and message [{message}]"
    book.move(tx, "deny", f"{note}: {code}")
