"""Lives full of turns: people who change their minds, staff who mends, banks that take back.

What here happens is rare in a usual life and common in these: one wish at once after another, a
number paid while its invoice is taken out, a debt written off and paid, money out of a balance.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from billing.flows.credit import credit_invoice
from billing.flows.refund import complete_manual, reject, request_refund
from billing.flows.subscribe import subscribe
from billing.flows.take_out import take_out
from billing.flows.void import mark_uncollectible
from billing.tables import subscriptions
from core.work import Work
from invoices.tables import invoices
from payments.tables import payment_methods, payments, refunds

if TYPE_CHECKING:
    from ops.prove.book import Book
    from ops.prove.people import Deeds, Person

# What people and staff do in such a life, and how often.
DEEDS: Final = (
    ("upgrade", 8), ("change_later", 6), ("quantity", 3), ("drop_change", 1), ("cancel_later", 5),
    ("cancel_now", 2), ("stay", 3), ("pay_by_card", 5), ("new_number", 1), ("other_channel", 2),
    ("new_card", 1), ("by_hand", 1), ("credit", 4), ("void", 1), ("one_off", 4),
    ("pay_number", 6), ("give_back", 10), ("credit_paid", 5), ("write_off", 3), ("by_transfer", 3),
)  # fmt: skip
# What follows at once where somebody thinks better of it, or does the same again.
THEN: Final = {
    "upgrade": 4, "change_later": 2, "cancel_later": 3, "cancel_now": 4, "stay": 5,
    "drop_change": 1, "pay_by_card": 3, "pay_number": 4, "give_back": 6, "credit_paid": 3,
    "credit": 4, "write_off": 2, "void": 1,
}  # fmt: skip
# Who has left comes back before one of these; who is about to leave thinks better of it.
_STAYS: Final = ("upgrade", "change_later", "quantity", "drop_change", "cancel_later")
# What staff may do at the moment at which the customer pays; in so many cases of a hundred he does.
_CROSSED: Final = ("write_off", "void", "credit", "cancel_now", "credit_paid", "give_back")
_CROSSES: Final = 35
# People and days of such a life, and when it begins: as ever, before a year's end, at the ends of
# months of 31 and of 28 days.
SIZE: Final = (3, 14)
BEGINS: Final = ((1, 4), (12, 24), (1, 29), (2, 20))
# How long after a wish the next one comes, where it comes at once; in seconds.
GAPS: Final = (0, 0, 1, 45, 1_200, 9_000)
# One of so many moments a bank takes back a card's payment that has settled.
_TAKES_BACK: Final = 0.012
_PAYEE: Final = {"bank": "BCA", "account_number": "0123456789", "account_name": "Budi"}


def deeds(
    who: Deeds, person: Person, key: str, usual: dict[str, Callable[[], Any]]
) -> dict[str, Callable[[], Any]]:
    """What may be done, with that of every life; see `ops.prove.people.Deeds`."""
    from ops.prove.people import STAFF

    dice, customer, book = who.dice, person.customer_id, who.book
    luck, share, crosses = dice.random(), dice.randint(1, 3), dice.randrange(100) < _CROSSES
    part_of_it = dice.random() / 2
    assert customer is not None

    def pick(rows: list[Any]) -> Any:
        return rows[int(luck * len(rows))] if rows else None

    def pay_number() -> None:
        if book is not None:
            pay_one(book, {order.order_id for order in who.orders(customer)}, luck)

    def give_back() -> None:
        taken = who.rows(payments, customer_id=customer)
        if not taken:
            return
        # The newer, the likelier; mostly while the money is still on its way to the merchant.
        newest = sorted(taken, key=lambda row: (row.status == "captured", row.created_at))
        one = newest[-1 - int(luck**3 * len(taken))]
        # Half of what goes back in part is followed by all the rest.
        parts = [max(1, one.amount // share), None] if part_of_it > 0.25 else [one.amount // share]
        for n, part in enumerate([None] if share == 1 else parts):
            who.asked_for("refund", f"{key}-{n}")
            ask = partial(_refund, one.id, part, f"{key}-{n}")
            who.in_work(ask, STAFF)

    def credit_paid() -> None:
        if (one := pick(who.rows(invoices, customer_id=customer, status="paid"))) is not None:
            amount = None if share == 1 else max(1, int(one.total_amount * part_of_it))

            def write(unit: Work) -> None:
                credit_invoice(
                    unit, one.id, reason="mistake", gross_amount=amount,
                    source_kind="request", source_id=unit.derive("credit", key),
                )  # fmt: skip

            who.in_work(write, STAFF)

    def void() -> None:
        if (one := who.first_open(customer)) is not None:
            who.in_work(lambda unit: take_out(unit, one.id, reason="mistake"), STAFF)

    def write_off() -> None:
        if (one := who.first_open(customer)) is not None:
            who.in_work(lambda unit: mark_uncollectible(unit, one.id, reason="lost"), STAFF)

    def by_transfer() -> None:
        for one in who.rows(refunds, state="awaiting_transfer")[:2]:
            end = partial(reject, because="no such account")
            if share > 1:
                end = partial(complete_manual, proof=f"T{key}", payee=_PAYEE)
            who.in_work(partial(_end, end, one.id), STAFF)

    def come_back() -> None:
        who.asked_for("subscription", key)
        saved = [one.id for one in who.rows(payment_methods, customer_id=customer, state="active")]
        pulled: dict[str, Any] = {}
        if person.by_card and saved:
            pulled = {"collection": "automatic", "payment_method_id": saved[-1]}
        bought = who.in_work(
            lambda unit: subscribe(
                unit, customer_id=customer, price_id=person.price_id, key=key, **pulled
            )
        )
        person.subscription_id = bought.subscription.id

    may = usual | {
        "void": void, "pay_number": pay_number, "give_back": give_back, "credit_paid": credit_paid,
        "write_off": write_off, "by_transfer": by_transfer,
    }  # fmt: skip

    def as_it_is(name: str) -> None:
        mine = next(iter(who.rows(subscriptions, id=person.subscription_id)), None)
        if mine is not None and mine.status == "canceled":
            come_back()
        elif mine is not None and mine.cancel_on is not None and share > 1 and name in _STAYS:
            usual["stay"]()
        else:
            usual[name]()

    may |= {name: partial(as_it_is, name) for name in (*_STAYS, "cancel_now", "stay")}
    if crosses:
        may |= {name: partial(_after, pay_number, may[name]) for name in _CROSSED}
    return may


def _after(first: Callable[[], Any], then: Callable[[], Any]) -> None:
    first()
    then()


def _refund(payment_id: UUID, part: int | None, key: str, unit: Work) -> None:
    request_refund(unit, payment_id, part, key=key)


def _end(end: Callable[..., None], refund_id: UUID, unit: Work) -> None:
    end(unit, refund_id)


def pay_one(book: Book, order_ids: set[str], luck: float) -> bool:
    """Of these numbers that can be paid one is; whether there was any."""
    may = sorted(
        one.order_id
        for one in book.orders.values()
        if one.order_id in order_ids and one.kind != "card" and one.state == "pending"
    )
    return bool(may) and book.pay(may[int(luck * len(may))])


def at_the_bank(book: Book, dice: random.Random) -> None:
    """Now and then a card's holder denies a payment, and the bank takes it back."""
    for one in sorted(book.orders.values(), key=lambda one: one.order_id):
        if one.kind == "card" and dice.random() < _TAKES_BACK:
            book.take_back(one.order_id)


def on_the_last_day(book: Book, dice: random.Random) -> None:
    """Half of those who have a number pay it; no notification tells of it, now or ever."""
    tell, book.tell = book.tell, lambda _: None
    for order_id in sorted(book.orders):
        if dice.random() < 0.5:
            book.pay(order_id)
    book.tell = tell
