"""GoPay pay accounts: linking, asking, unlinking, and the news about it."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from simulator import derive, wallets
from simulator.answers import RefusalError, invalid
from simulator.book import Book
from simulator.channels.linked import NO_ACCOUNT
from simulator.channels.qris import action
from simulator.model import Json, PayAccount, Step
from simulator.transactions import IllegalMoveError
from simulator.validation import is_digits

CANNOT_UPDATE = "Account status cannot be updated."
_CODES = {"PENDING": "201", "ENABLED": "200", "EXPIRED": "204", "DISABLED": "204"}
_DONE = "Process service request successfully."
_BAD_PHONE = "gopay_partner.phone_number must be numeric digits and must not begin with 0"


def create(book: Book, body: Json, base: str, locale: str = "") -> Json:
    """POST /v2/pay/account: a link that waits for its owner. Raises 400; 202 is GoPay's no."""
    phone, redirect_url = _read(body)
    if phone in wallets.UNLINKABLE:
        code, message = wallets.UNLINKABLE[phone]
        return _provider_said_no(code, message)
    seed = book.account.seed
    earlier = sum(known.phone == phone for known in book.pay_accounts.values())
    now = book.now()
    account = PayAccount(
        account_id=derive.uuid_of(seed, phone, earlier, "pay account"),
        phone=phone,
        redirect_url=redirect_url,
        reference_id=derive.uuid_of(seed, phone, earlier, "reference"),
        created_at=now,
        due_at=now + timedelta(minutes=book.account.switches.gopay_link_minutes),
        history=[Step(now, "PENDING", "linking was started")],
    )
    book.keep_pay_account(account)
    if account.due_at is not None:
        book.agenda.add(account.due_at, "link", account.account_id, account.account_id)
    return describe(book, account, base, locale)


def _read(body: Json) -> tuple[str, str]:
    problems: list[str] = []
    if body.get("payment_type") != "gopay":
        given = body.get("payment_type")
        problems.append(f"payment_type is {'not supported' if given else 'required'}")
    partner = body.get("gopay_partner")
    if not isinstance(partner, dict):
        raise invalid(*problems, "gopay_partner is required")
    phone, country = partner.get("phone_number"), partner.get("country_code")
    if not phone:
        problems.append("gopay_partner.phone_number is required")
    elif not is_digits(phone) or phone.startswith("0"):
        problems.append(_BAD_PHONE)
    elif not 9 <= len(phone) <= 12:
        problems.append("gopay_partner.phone_number must be between 9 and 12 digits")
    if not country:
        problems.append("gopay_partner.country_code is required")
    elif not is_digits(country) or len(country) > 3:
        problems.append("gopay_partner.country_code is not valid")
    url = partner.get("redirect_url") or ""
    if not isinstance(url, str) or (url and "://" not in url):
        problems.append("gopay_partner.redirect_url is not valid")
    if problems:
        raise invalid(*problems)
    return f"{country}{phone}", url


def _provider_said_no(code: str, message: str) -> Json:
    return {
        "status_code": "202",
        "payment_type": "gopay",
        "channel_response_code": code,
        "channel_response_message": message,
    }


def known(book: Book, account_id: str) -> PayAccount:
    """The account of this id, or the 404."""
    account = book.pay_accounts.get(account_id)
    if account is None:
        raise RefusalError("404", NO_ACCOUNT)
    return account


def describe(book: Book, account: PayAccount, base: str, locale: str = "") -> Json:
    """What creating and asking answer: links while it waits, payment options once it is usable."""
    body: Json = {
        "status_code": _CODES[account.status],
        "payment_type": "gopay",
        "account_id": account.account_id,
        "account_status": account.status,
    }
    if account.status == "PENDING":
        language = "?lang=en" if locale.lower() == "en-en" else ""
        url = f"{base}/gopay/link/{account.account_id}{language}"
        names = ("activation-link-url", "activation-link-app", "activation-deeplink")
        body["actions"] = [action(name, url) for name in names]
        body["metadata"] = {"reference_id": account.reference_id}
    elif account.status == "ENABLED":
        body["metadata"] = {
            "payment_options": wallets.options(book, account),
            "reference_id": account.reference_id,
        }
    return body


def unbind(book: Book, account_id: str, refused_with: str = "") -> Json:
    """The merchant ends the link. Only an enabled one can end; GoPay may refuse with 202."""
    account = known(book, account_id)
    if account.status != "ENABLED":
        raise RefusalError("412", CANNOT_UPDATE)
    if refused_with:
        return _provider_said_no(refused_with, "The provider could not do it")
    _move(book, account, "DISABLED", "unlinked by the merchant")
    return {
        "status_code": "204",
        "payment_type": "gopay",
        "account_id": account_id,
        "account_status": "DISABLED",
        "channel_response_code": "0",
        "channel_response_message": _DONE,
    }


def promotions(book: Book, account_id: str, query: dict[str, str]) -> Json:
    """What GoPay would take off a payment of this amount. Errors are 400 in the body."""
    account = book.pay_accounts.get(account_id)
    amount = query.get("gross_amount", "").split(".", 1)[0]
    if account is None or account.status != "ENABLED" or not is_digits(amount) or len(amount) > 12:
        raise RefusalError("400", "Promotions cannot be found for this account and amount")
    offers: list[Json] = []
    if wallets.wallet_of(book, account.phone).promotion:
        ident = derive.uuid_of(book.account.seed, account_id, "promotion")
        value = f"{min(5_000, int(amount))}.00"
        cashback = {"id": ident, "code": "HEMAT5", "type": "CASHBACK"}
        offers.append({**cashback, "promotion_amount": {"value": value, "currency": "IDR"}})
    return {
        "status_code": "200",
        "account_id": account_id,
        "recommended_promotion_id": offers[0]["id"] if offers else None,
        "promotions": offers,
    }


# --- the owner of the phone ---------------------------------------------------------------------


def link(book: Book, account: PayAccount) -> None:
    """The owner confirmed with OTP and PIN. Raises IllegalMoveError when it no longer waits."""
    if account.status != "PENDING":
        raise IllegalMoveError("only a link that waits can be confirmed")
    _move(book, account, "ENABLED", "confirmed by the owner")


def unlink(book: Book, account: PayAccount) -> None:
    """The owner ended it in the app, or changed the phone number."""
    if account.status != "ENABLED":
        raise IllegalMoveError("only an enabled link can be ended")
    _move(book, account, "DISABLED", "unlinked in the app")


def expire(book: Book, account: PayAccount) -> None:
    """Nobody confirmed in time; there is no message about it."""
    account.due_at = None
    account.status = "EXPIRED"
    account.history.append(Step(book.now(), "EXPIRED", "nobody confirmed in time"))
    book.keep_pay_account(account)


def _move(book: Book, account: PayAccount, to: str, note: str) -> None:
    account.status, account.due_at = to, None
    account.history.append(Step(book.now(), to, note))
    book.keep_pay_account(account)
    url = book.account.pay_account_url
    if url:
        ident = account.account_id
        book.tell(ident, ident, [url], lambda: payload(book, account))


def payload(book: Book, account: PayAccount) -> Json:
    """The message about a link made or ended. Nobody wrote down how it is signed: a switch."""
    event = "account_linked" if account.status == "ENABLED" else "account_unlinked"
    code = _CODES[account.status]
    body: Json = {
        "account_id": account.account_id,
        "merchant_id": book.account.merchant_id,
        "payment_type": "gopay",
        "status_code": code,
        "account_status": account.status,
        "status_message": f"Midtrans {event} notification",
    }
    if book.account.switches.pay_account_signature == "account":
        text = account.account_id + code + book.account.server_key
        body["signature_key"] = hashlib.sha512(text.encode()).hexdigest()
    return body
