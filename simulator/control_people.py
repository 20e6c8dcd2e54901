"""The control API's people, banks and wallets: who pays, refuses, links; how cards answer."""

from __future__ import annotations

import msgspec

from simulator import cards, control_book, gopay_accounts, operations, wallets
from simulator.book import Book
from simulator.channels import card
from simulator.clock import parse_iso
from simulator.control_accounts import Handler, WrongError
from simulator.model import CardRule, Json, PayAccount, Transaction
from simulator.validation import is_digits
from simulator.world import World

_NAMES = (
    *("transaction_id", "order_id", "va_number", "bill_key", "payment_code", "qr_string"),
    "number",
)
_HOW: tuple[str, ...] = ("via", "issuer", "transaction_type", "option")


def transaction_of(book: Book, body: Json) -> Transaction:
    """The transaction an instruction means. Raises WrongError."""
    for name in _NAMES:
        ident = str(body.get(name) or "")
        waiting = book.payable(ident, str(body.get("bank") or "").lower()) if ident else []
        if len(waiting) > 1:
            raise WrongError(409, "this number waits at several banks: say which with bank")
        tx = waiting[0] if waiting else book.find(ident)
        if tx is not None:
            return tx
    raise WrongError(404, "no such transaction: give va_number, order_id or transaction_id")


# --- people and banks ---------------------------------------------------------------------------


async def _pay(_world: World, book: Book, body: Json) -> Json:
    tx = transaction_of(book, body)
    amount = body.get("amount")
    if amount is not None and amount != tx.gross_amount:
        raise WrongError(
            409, f"this bill is closed at {tx.gross_amount}: the bank takes nothing else"
        )
    how: dict[str, str] = {name: str(body[name]) for name in _HOW if name in body}
    if how.get("via", "qris") != "qris":
        raise WrongError(400, "via is qris, or not given")
    operations.pay(book, tx, how=how)
    return control_book.transaction(book, tx)


async def _refuse(_world: World, book: Book, body: Json) -> Json:
    tx = transaction_of(book, body)
    operations.refuse(book, tx)
    return control_book.transaction(book, tx)


async def _fail(_world: World, book: Book, body: Json) -> Json:
    """The provider never answered: pending becomes failure."""
    tx = transaction_of(book, body)
    book.move(tx, "failure", "the provider did not answer")
    return control_book.transaction(book, tx)


async def _3ds(_world: World, book: Book, body: Json) -> Json:
    tx = transaction_of(book, body)
    result = body.get("result", "accept")
    if result not in ("accept", "deny"):
        raise WrongError(400, "result is accept or deny")
    card.finish_3ds(book, tx, confirmed=result == "accept")
    return control_book.transaction(book, tx)


async def _reverse(_world: World, book: Book, body: Json) -> Json:
    tx = transaction_of(book, body)
    operations.reverse(book, tx)
    return control_book.transaction(book, tx)


async def _chargeback(_world: World, book: Book, body: Json) -> Json:
    tx = transaction_of(book, body)
    amount = body.get("amount")
    operations.charge_back(book, tx, None if amount is None else msgspec.convert(amount, int))
    return control_book.transaction(book, tx)


async def _settle(_world: World, book: Book, body: Json) -> Json:
    """Settle a capture now instead of at its hour."""
    tx = transaction_of(book, body)
    if tx.status != "capture":
        raise WrongError(409, "only a captured card payment can be settled by hand")
    book.move(tx, "settlement", "settled by hand")
    return control_book.transaction(book, tx)


async def _cards(_world: World, book: Book, body: Json) -> Json:
    match = next((body[n] for n in ("saved_token_id", "pan", "masked") if body.get(n)), None)
    behaviour = str(body.get("behaviour", ""))
    if not match:
        raise WrongError(400, "saved_token_id, pan or masked is required")
    if behaviour not in ("411", "402") and not cards.known_behaviour(behaviour):
        raise WrongError(
            400, "behaviour is accept, deny, fraud, challenge, ... or a code such as 51"
        )
    rule = CardRule(
        match=str(match).replace(" ", ""),
        behaviour=behaviour,
        since=parse_iso(body["since"]) if body.get("since") else None,
        until=parse_iso(body["until"]) if body.get("until") else None,
    )
    rules = book.account.card_rules
    if rule.since is None:  # a plain instruction replaces what was said about this card before
        rules[:] = [known for known in rules if known.match != rule.match]
    rules.append(rule)
    book.save_account()
    return {"rules": [control_book.rule(known) for known in rules]}


async def _get_cards(_world: World, book: Book, _body: Json) -> Json:
    return {"rules": [control_book.rule(known) for known in book.account.card_rules]}


async def _forget_cards(_world: World, book: Book, _body: Json) -> Json:
    count = len(book.account.card_rules)
    book.account.card_rules.clear()
    book.save_account()
    return {"removed": count}


# --- GoPay --------------------------------------------------------------------------------------


def _digits(body: Json) -> str:
    phone = str(body.get("phone") or "").lstrip("+")
    if not is_digits(phone):
        raise WrongError(400, "phone is required: digits, country code first")
    return phone


async def _wallets(_world: World, book: Book, _body: Json) -> Json:
    return {"wallets": [msgspec.to_builtins(known) for known in book.wallets.values()]}


async def _set_wallet(_world: World, book: Book, body: Json) -> Json:
    """Balances, blocking, and new payment option tokens."""
    wallet = wallets.wallet_of(book, _digits(body))
    wallet.balance = msgspec.convert(body.get("balance", wallet.balance), int)
    wallet.later = msgspec.convert(body.get("later", wallet.later), int)
    wallet.blocked = msgspec.convert(body.get("blocked", wallet.blocked), bool)
    wallet.promotion = msgspec.convert(body.get("promotion", wallet.promotion), bool)
    wallet.rotations += bool(body.get("rotate"))
    book.keep_wallet(wallet)
    return dict(msgspec.to_builtins(wallet))


async def _pay_accounts(_world: World, book: Book, _body: Json) -> Json:
    known = book.pay_accounts.values()
    return {"accounts": [control_book.pay_account(book, account) for account in known]}


async def _pay_account(_world: World, book: Book, body: Json) -> Json:
    """The owner links or unlinks; `account_id`, or the newest link of `phone`."""
    account = _account_of(book, body)
    match body.get("action"):
        case "link":
            gopay_accounts.link(book, account)
        case "unlink":
            gopay_accounts.unlink(book, account)
        case _:
            raise WrongError(400, "action is link or unlink")
    return control_book.pay_account(book, account)


def _account_of(book: Book, body: Json) -> PayAccount:
    account = book.pay_accounts.get(str(body.get("account_id", "")))
    if account is None and "phone" in body:
        phone = _digits(body)
        of_phone = [known for known in book.pay_accounts.values() if known.phone == phone]
        account = of_phone[-1] if of_phone else None
    if account is None:
        raise WrongError(404, "no such pay account: give account_id or phone")
    return account


ROUTES: dict[tuple[str, ...], Handler] = {
    ("POST", "pay"): _pay,
    ("POST", "refuse"): _refuse,
    ("POST", "fail"): _fail,
    ("POST", "3ds"): _3ds,
    ("POST", "reverse"): _reverse,
    ("POST", "chargeback"): _chargeback,
    ("POST", "settle"): _settle,
    ("GET", "cards"): _get_cards,
    ("POST", "cards"): _cards,
    ("DELETE", "cards"): _forget_cards,
    ("GET", "wallets"): _wallets,
    ("POST", "wallets"): _set_wallet,
    ("GET", "pay-accounts"): _pay_accounts,
    ("POST", "pay-accounts"): _pay_account,
}
