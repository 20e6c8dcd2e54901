"""The ways to pay a hosted page offers, and the charge each of them becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simulator import channels, charges, snap, snap_users, tokens
from simulator.answers import invalid
from simulator.book import Book
from simulator.model import Json, SnapSession, Transaction

_ENVELOPE = (
    *("transaction_details", "item_details", "customer_details", "metadata", "seller_details"),
    *("custom_field1", "custom_field2", "custom_field3"),
)
_BANK_FIELDS = ("va_number", "free_text")


@dataclass(frozen=True)
class Method:
    """One line of the page. `part` makes what the charge needs beside the envelope."""

    name: str  # as `enabled_payments` spells it
    channel: str  # the row of the channel table
    part: Callable[[Json, str], Json]  # (the Snap request, the page's address)


def _object(body: Json, name: str) -> Json:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _bank(bank: str) -> Callable[[Json, str], Json]:
    def part(body: Json, _page: str) -> Json:
        told = _object(body, f"{bank}_va")
        transfer: Json = {"bank": bank, **{n: told[n] for n in _BANK_FIELDS if told.get(n)}}
        if told.get("sub_company_code"):
            transfer["bca"] = {"sub_company_code": told["sub_company_code"]}
        if told.get("recipient_name"):
            transfer["permata"] = {"recipient_name": told["recipient_name"]}
        return {"payment_type": "bank_transfer", "bank_transfer": transfer}

    return part


def _bill(body: Json, _page: str) -> Json:
    told = _object(body, "echannel")
    lines = {"bill_info1": "Payment:", "bill_info2": "Online purchase", **told}
    return {"payment_type": "echannel", "echannel": lines}


def _wallet(name: str) -> Callable[[Json, str], Json]:
    def part(body: Json, page: str) -> Json:
        told = _object(body, name)
        url = told.get("callback_url") or page
        extra = {"enable_callback": True} if name == "gopay" else {}
        return {"payment_type": name, name: {**extra, "callback_url": url}}

    return part


def _store(name: str) -> Callable[[Json, str], Json]:
    def part(body: Json, _page: str) -> Json:
        return {"payment_type": "cstore", "cstore": {**_object(body, "cstore"), "store": name}}

    return part


def _plain(payment_type: str) -> Callable[[Json, str], Json]:
    return lambda _body, _page: {"payment_type": payment_type}


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("credit_card", "credit_card", _plain("credit_card")),
        Method("gopay", "gopay", _wallet("gopay")),
        Method("other_qris", "qris", _plain("qris")),
        Method("shopeepay", "shopeepay", _wallet("shopeepay")),
        Method("dana", "dana", _wallet("dana")),
        *(
            Method(f"{bank}_va", f"{bank}_va", _bank(bank))
            for bank in (*("bca", "bni", "bri", "permata", "cimb", "danamon", "bsi", "seabank"),)
        ),
        Method("echannel", "echannel", _bill),
        Method("other_va", "permata_va", _bank("permata")),
        Method("indomaret", "indomaret", _store("indomaret")),
        Method("alfamart", "alfamart", _store("alfamart")),
        Method("akulaku", "akulaku", _plain("akulaku")),
        Method("kredivo", "kredivo", _plain("kredivo")),
        *(
            Method(name, name, _plain(name))
            for name, row in channels.CHANNELS.items()
            if row.legacy and name != "googlepay"
        ),
    )
}


def offered(book: Book, session: SnapSession) -> list[Method]:
    """What this page offers: what the merchant asked for, less what the account may not use."""
    wanted = session.body.get("enabled_payments")
    shut = book.account.disabled_types
    found = []
    for method in METHODS.values():
        row = channels.CHANNELS[method.channel]
        if row.payment_type in shut or row.name in shut:
            continue
        if wanted and method.name not in wanted:
            continue
        if not wanted and (row.legacy or method.name == "other_va"):
            continue
        found.append(method)
    return found


def choose(
    book: Book, session: SnapSession, name: str, form: dict[str, str], base: str
) -> Transaction:
    """A person takes a way to pay. Raises RefusalError when nothing comes of it."""
    method = next((known for known in offered(book, session) if known.name == name), None)
    if method is None:
        raise invalid(f"{name or 'the way to pay'} is not offered for this order")
    page = snap.address(base, session.token)
    body: Json = {part: session.body[part] for part in _ENVELOPE if part in session.body}
    body.update(method.part(session.body, page))
    if method.name == "credit_card":
        body["credit_card"] = _card(book, _object(session.body, "credit_card"), form)
    told = session.told
    if method.name == "gopay":
        linked, more = snap_users.part(book, session)
        body.update(linked)
        told = {**told, **more}
    row = channels.CHANNELS[method.channel]
    if session.pay_until is not None and method.name != "credit_card":
        life = row.life
        longest = life.longest.total_seconds() if life else 5 * 86400
        shortest = life.shortest.total_seconds() if life else 20
        left = (session.pay_until - book.now()).total_seconds()
        body["custom_expiry"] = {
            "expiry_duration": int(max(shortest, min(left, longest))),
            "unit": "second",
        }
    tx = charges.create(book, body, base, notify=session.notify, from_snap=True, told=told)
    if not tx.callback_url:
        tx.callback_url = page
        book.save("tx", tx)
    return tx


def _card(book: Book, told: Json, form: dict[str, str]) -> Json:
    """The card form becomes a one-time token, then the object a charge takes."""
    token = tokens.create_token(book, form)["token_id"]
    card: Json = {"token_id": token, "authentication": told.get("secure") is True}
    card["save_token_id"] = told.get("save_card") is True and bool(form.get("save_card"))
    card.update({name: told[name] for name in ("bank", "channel", "type") if told.get(name)})
    if told.get("whitelist_bins"):
        card["bins"] = told["whitelist_bins"]
    bank, _, months = form.get("term", "").partition("/")
    if must_be_in_parts(told) and (bank, months) not in [(b, str(m)) for b, m in terms(told)]:
        raise invalid("credit_card.installment_term is required")
    if (term := next((m for b, m in terms(told) if (b, str(m)) == (bank, months)), 0)) > 0:
        card["installment_term"] = term
        if bank != "offline":
            card["bank"] = bank
    return card


def terms(told: Json) -> list[tuple[str, int]]:
    """Installments the merchant offers: (bank or "offline", months)."""
    installment = told.get("installment")
    if not isinstance(installment, dict):
        return []
    banks = installment.get("terms") or {}
    return [(str(bank), months) for bank, listed in banks.items() for months in listed]


def must_be_in_parts(told: Json) -> bool:
    """Does the merchant take installments only?"""
    installment = told.get("installment")
    return isinstance(installment, dict) and installment.get("required") is True


def latest(book: Book, session: SnapSession) -> Transaction | None:
    """The transaction the page is about: the newest of its order."""
    earlier = book.orders.get(session.order_id)
    return book.transactions[earlier[-1]] if earlier else None


def ends_at(session: SnapSession) -> datetime:
    """Until when somebody may choose."""
    if session.pay_until is None:
        return session.page_until
    return min(session.page_until, session.pay_until)
