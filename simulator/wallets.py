"""GoPay users of the simulator: test phones, balances, payment options and their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator import derive
from simulator.model import Json, PayAccount, Wallet

if TYPE_CHECKING:
    from simulator.book import Book

OTP = "987654"
PIN = "112233"
PLENTY = 10_000_000
WALLET, LATER, SAVINGS = "GOPAY_WALLET", "PAY_LATER", "GOPAY_SAVINGS"

# Phones that cannot even be linked: (code, words).
UNLINKABLE = {
    "62123450001": ("105", "User Not Found"),
    "62123450002": ("112", "Wallet is Blocked"),
}
_BLOCKED = "628271939753"
_POOR = "628242014881"
_PROMOTED = "628237435829"
_LENDS = "628103001242"


def wallet_of(book: Book, phone: str) -> Wallet:
    """The user of this phone in this account's world; made on first sight.

    The real sandbox shares balances between all merchants; here each account has its own, so
    that one test does not empty another's wallet.
    """
    known = book.wallets.get(phone)
    if known is None:
        known = Wallet(
            phone=phone,
            balance=1_000 if phone == _POOR else PLENTY,
            later=2_000_000 if phone == _LENDS else 0,
            blocked=phone == _BLOCKED,
            promotion=phone == _PROMOTED,
        )
        book.keep_wallet(known)
    return known


def funds(wallet: Wallet, option: str) -> int:
    """Rupiah that this option can pay with."""
    return {WALLET: wallet.balance, LATER: wallet.later}.get(option, 0)


def add(book: Book, wallet: Wallet, option: str, amount: int) -> None:
    """Move money in (or out, when negative)."""
    if option == LATER:
        wallet.later += amount
    else:
        wallet.balance += amount
    book.keep_wallet(wallet)


def token_of(book: Book, account: PayAccount, option: str) -> str:
    """The payment option token as it is now; it changes when the wallet's tokens are rotated."""
    turns = wallet_of(book, account.phone).rotations
    parts = (account.account_id, option, turns)
    seed = book.account.seed
    return "eyJ" + "".join(derive.alnum_of(seed, 32, *parts, half) for half in ("a", "b"))


def options(book: Book, account: PayAccount) -> list[Json]:
    """`metadata.payment_options` of an enabled account."""
    wallet = wallet_of(book, account.phone)
    active = {WALLET: True, LATER: wallet.later > 0, SAVINGS: False}
    return [
        {
            "name": name,
            "active": usable,
            "balance": {"value": f"{funds(wallet, name)}.00", "currency": "IDR"},
            "metadata": {},
            "token": token_of(book, account, name),
        }
        for name, usable in active.items()
    ]


def option_of(book: Book, account: PayAccount, token: str) -> str:
    """Which option a token stands for now, or ''."""
    for name in (WALLET, LATER, SAVINGS):
        if token == token_of(book, account, name):
            return name
    return ""
