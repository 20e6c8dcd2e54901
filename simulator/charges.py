"""POST /v2/charge: one envelope for all ways to pay; what differs stands in the channel table."""

from __future__ import annotations

from collections.abc import Mapping

from simulator import channels, derive, transactions
from simulator.answers import CONFLICT, RefusalError
from simulator.book import Book
from simulator.channels import Channel, Opening
from simulator.model import Json, Transaction
from simulator.notifications import common, shown_extras
from simulator.validation import Envelope, read_envelope, read_expiry

MAX_URLS = 3
LONGEST_ORDER, LONGEST_SCHEDULED = 50, 80


def charge(
    book: Book, body: Json, headers: Mapping[str, str], base: str, forced_code: str = ""
) -> Json:
    """Take one charge request into the book and answer it. Raises RefusalError.

    With `forced_code` the bank declines with that code, whatever the card.
    """
    tx = create(
        book,
        body,
        base,
        notify=addresses(headers),
        locale=headers.get("x-payment-locale", ""),
        forced_code=forced_code,
    )
    return answer(book, tx)


def create(
    book: Book,
    body: Json,
    base: str,
    *,
    notify: list[str] | None = None,
    locale: str = "",
    forced_code: str = "",
    from_snap: bool = False,
    unattended: bool = False,
    told: Json | None = None,
) -> Transaction:
    """The one way into the book, for every channel: `body` is a charge request.

    A hosted page may try several times under one order and use banks the Core API does not
    offer: `from_snap`. Nobody is there to give a PIN when a schedule charges, and its order ids
    are long: `unattended`. `told` are further fields of its messages.
    Raises RefusalError when there is to be no transaction.
    """
    longest = LONGEST_SCHEDULED if unattended else LONGEST_ORDER
    envelope = read_envelope(body, channels.PAYMENT_TYPES, longest)
    row, switches = channels.select(body), book.account.switches
    channels.check_open(
        row,
        book.account.disabled_types,
        legacy=switches.legacy_types or from_snap,
        more_banks=switches.more_banks or from_snap,
    )
    generation = _check_order(book, envelope.order_id, again=from_snap)
    tx = _transaction(book, envelope, row, generation)
    tx.notify = ["*"] if notify is None else notify
    tx.forced_code = forced_code
    tx.echo |= told or {}
    if row.life is not None:
        life = row.life
        given = {} if life.fixed else body
        tx.expires_at = read_expiry(given, tx.created_at, life.default, life.shortest, life.longest)
    row.open(Opening(book, tx, body, base, locale, unattended))
    if not tx.status:
        tx.status_message = row.said
        book.add(tx)
        book.move(tx, "pending", "created by the merchant")
    return tx


def _transaction(book: Book, envelope: Envelope, row: Channel, generation: int) -> Transaction:
    seed = book.account.seed
    return Transaction(
        transaction_id=derive.uuid_of(seed, envelope.order_id, generation, "transaction"),
        order_id=envelope.order_id,
        generation=generation,
        payment_type=row.payment_type,
        channel=row.name,
        gross_amount=envelope.gross_amount,
        fraud_status="accept" if row.has_fraud_status else None,
        created_at=book.now(),
        echo=envelope.echo,
        customer=envelope.customer,
    )


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
    switches = book.account.switches
    if switches.qris_expire_time and tx.payment_type == "qris" and "expiry_time" in body:
        body["expire_time"] = body.pop("expiry_time")
    return shown_extras(book.account, body)


def _check_order(book: Book, order_id: str, *, again: bool) -> int:
    """How many transactions the order had; 406 unless the last one lets it serve again."""
    earlier = book.orders.get(order_id, [])
    if earlier:
        last = book.transactions[earlier[-1]]
        reuse = again or book.account.switches.reuse_order_after_deny
        if not transactions.may_serve_again(last, reuse_after_deny=reuse):
            raise RefusalError("406", CONFLICT)
    return len(earlier)


def addresses(headers: Mapping[str, str]) -> list[str]:
    """Where notifications go; "*" is the address set for the account."""
    override = _urls(headers.get("x-override-notification", ""))
    if override:
        return override
    return ["*", *_urls(headers.get("x-append-notification", ""))]


def _urls(text: str) -> list[str]:
    return [url.strip() for url in text.split(",") if url.strip()][:MAX_URLS]
