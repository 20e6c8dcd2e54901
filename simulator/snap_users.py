"""GoPay accounts a hosted page remembers by the merchant's own name for a user (`user_id`)."""

from __future__ import annotations

from simulator import gopay_accounts, wallets
from simulator.answers import RefusalError, invalid
from simulator.book import Book
from simulator.model import Json, PayAccount, SnapSession


def _gopay(session: SnapSession) -> Json:
    told = session.body.get("gopay")
    return told if isinstance(told, dict) else {}


def user_of(session: SnapSession) -> str:
    """Whose account may be linked on this page, or ''."""
    wanted = _gopay(session).get("tokenization") is True
    return str(session.body.get("user_id") or "") if wanted else ""


def enforced(session: SnapSession) -> bool:
    """Is GoPay offered only to who links it?"""
    return bool(user_of(session)) and _gopay(session).get("enforce_tokenization") is True


def phone_of(session: SnapSession) -> str:
    """The number the merchant knows, without country code."""
    return str(_gopay(session).get("phone_number") or "").lstrip("+")


def account_of(book: Book, user_id: str) -> PayAccount | None:
    """The newest link of this user that is in force."""
    for account in reversed(book.pay_accounts.values()):
        if user_id and account.user_id == user_id and account.status == "ENABLED":
            return account
    return None


def start(book: Book, session: SnapSession, phone: str, page: str, base: str) -> str:
    """Begin linking: the address where the owner confirms. Raises RefusalError."""
    user = user_of(session)
    if not user:
        raise invalid("gopay.tokenization and user_id are required to link GoPay here")
    code = str(_gopay(session).get("country_code") or "62").lstrip("+")
    partner = {"phone_number": phone, "country_code": code, "redirect_url": page}
    answer = gopay_accounts.create(book, {"payment_type": "gopay", "gopay_partner": partner}, base)
    if "account_id" not in answer:
        words = f"{answer['channel_response_code']} {answer['channel_response_message']}"
        raise RefusalError("202", words)
    account = book.pay_accounts[answer["account_id"]]
    account.user_id = user
    book.keep_pay_account(account)
    return f"{base}/gopay/link/{account.account_id}"


def part(book: Book, session: SnapSession) -> tuple[Json, Json]:
    """For a linked user: what the charge needs, and what its message says more. Else nothing."""
    user = user_of(session)
    account = account_of(book, user)
    if account is None:
        if enforced(session):
            raise invalid("GoPay has to be linked first")
        return {}, {}
    token = wallets.token_of(book, account, wallets.WALLET)
    gopay = {"account_id": account.account_id, "payment_option_token": token}
    first = not any(tx.account_id == account.account_id for tx in book.transactions.values())
    extra = {"user_id": user, "account_id": account.account_id}
    metadata = session.body.get("metadata") or {}
    told = {"metadata": {**metadata, "extra_info": extra}} if first else {}
    return {"payment_type": "gopay", "gopay": gopay}, told


# --- GET and DELETE /snap/v3/users/{user_id}/gopay ------------------------------------------------


def describe(book: Book, user_id: str) -> Json:
    """The link of a user. Raises the 404."""
    account = account_of(book, user_id)
    if account is None:
        raise RefusalError("404", "Account doesn't exist.")
    wallet = wallets.wallet_of(book, account.phone)
    return {
        "user_id": user_id,
        "account_id": account.account_id,
        "account_status": account.status,
        "balance": f"{wallet.balance}.00",
        "country_code": account.phone[:2],
        "phone_number": account.phone[2:],
    }


def forget(book: Book, user_id: str) -> Json:
    """The merchant ends the link."""
    told = describe(book, user_id)
    gopay_accounts.unbind(book, told["account_id"])
    return {**told, "account_status": "DISABLED"}
