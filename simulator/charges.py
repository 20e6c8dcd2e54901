"""POST /v2/charge: one envelope for all, cards here, what the customer pushes in `channels`."""

from __future__ import annotations

from datetime import datetime, timedelta

from simulator import cards, derive, tokens, transactions
from simulator.answers import CONFLICT, RefusalError, invalid
from simulator.book import Book
from simulator.channels import OPENERS
from simulator.clock import end_of_card
from simulator.model import Json, Transaction
from simulator.notifications import common
from simulator.tokens import CardInHand
from simulator.validation import read_envelope

MAX_URLS = 3
SUCCESS = "Success, Credit Card transaction is successful"


def charge(
    book: Book, body: Json, headers: dict[str, str], base: str, forced_code: str = ""
) -> Json:
    """Take one charge request into the book and answer it. Raises RefusalError.

    With `forced_code` the bank declines with that code, whatever the card.
    """
    envelope = read_envelope(body)
    kind = envelope.payment_type
    if kind in book.account.disabled_types or (kind != "credit_card" and kind not in OPENERS):
        raise RefusalError("402", "Payment channel is not activated.")
    generation = _check_order(book, envelope.order_id)
    seed = book.account.seed
    tx = Transaction(
        transaction_id=derive.uuid_of(seed, envelope.order_id, generation, "transaction"),
        order_id=envelope.order_id,
        generation=generation,
        payment_type=kind,
        gross_amount=envelope.gross_amount,
        created_at=book.now(),
        echo=envelope.echo,
        customer=envelope.customer,
        notify=_addresses(headers),
        forced_code=forced_code,
    )
    if kind == "credit_card":
        _charge_card(book, tx, body, base)
    else:
        OPENERS[kind](book, tx, body, base, tx.created_at)
        book.add(tx)
        book.move(tx, "pending", "created by the merchant")
    return answer(book, tx)


def answer(book: Book, tx: Transaction) -> Json:
    """What the merchant reads right after the charge."""
    body: Json = {
        "status_code": transactions.status_code(tx),
        "status_message": tx.status_message,
        **common(tx, book.account),
        **tx.extras,
        **tx.echo,
    }
    if tx.status != "pending":
        body.pop("redirect_url", None)
    return body


def _check_order(book: Book, order_id: str) -> int:
    """How many transactions the order had; 406 unless the last one lets it serve again."""
    earlier = book.orders.get(order_id, [])
    if earlier:
        last = book.transactions[earlier[-1]]
        reuse = book.account.switches.reuse_order_after_deny
        if not transactions.may_serve_again(last, reuse_after_deny=reuse):
            raise RefusalError("406", CONFLICT)
    return len(earlier)


def _addresses(headers: dict[str, str]) -> list[str]:
    """Where notifications go; "*" is the address set for the account."""
    override = _urls(headers.get("x-override-notification", ""))
    if override:
        return override
    return ["*", *_urls(headers.get("x-append-notification", ""))]


def _urls(text: str) -> list[str]:
    return [url.strip() for url in text.split(",") if url.strip()][:MAX_URLS]


# --- cards --------------------------------------------------------------------------------------


def _charge_card(book: Book, tx: Transaction, body: Json, base: str) -> None:
    request = body.get("credit_card")
    if not isinstance(request, dict):
        raise invalid("credit_card is required")
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
        raise RefusalError("402", "This card is not permitted for this merchant.")
    tx.extras.update(_card_fields(request, card.pan))
    card.use(book, tx.transaction_id)
    book.add(tx)
    if request.get("authentication") is True and behaviour != "3ds1_only":
        _wait_for_3ds(book, tx, base)
    else:
        settle_card(book, tx, card, authenticated=False)


def _check_bins(request: Json, pan: str) -> None:
    bins = request.get("bins")
    if not bins:
        return
    if not isinstance(bins, list):
        raise invalid("credit_card.bins is not valid")
    bank = cards.BANK_OF.get(pan, "bni")
    if not any(str(entry).lower() == bank or pan.startswith(str(entry)) for entry in bins):
        raise RefusalError("402", "This card is not permitted: its BIN is not in the list.")


def _card_fields(request: Json, pan: str) -> Json:
    wanted = request.get("bank")
    bank = wanted if isinstance(wanted, str) and wanted else cards.BANK_OF.get(pan, "bni")
    fields: Json = {
        "masked_card": cards.masked(pan),
        "bank": bank,
        "card_type": "credit",
        "on_us": cards.BANK_OF.get(pan) == bank,
        "channel": "mti",
    }
    if isinstance(request.get("installment_term"), int):
        fields["installment_term"] = str(request["installment_term"])
    return fields


def _wait_for_3ds(book: Book, tx: Transaction, base: str) -> None:
    tx.expires_at = tx.created_at + transactions.THREE_DS_LIFE
    tx.extras["redirect_url"] = f"{base}/v2/3ds/redirect/{tx.transaction_id}"
    tx.extras["three_ds_version"] = "2"
    tx.status_message = SUCCESS
    book.move(tx, "pending", "waits for the cardholder (3DS)")


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
