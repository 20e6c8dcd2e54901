"""Customers and staff: what they may do at any moment, through the flows that the API calls."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from billing.engine import Engine
from billing.flows import cards
from billing.flows.at_once import orders_of
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.change_plan import change, drop_change
from billing.flows.charge import send_one
from billing.flows.consents import Mandate, consent_to_new
from billing.flows.credit import credit_invoice
from billing.flows.decide import resolve_review
from billing.flows.offers import offer
from billing.flows.orders import open_attempt
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.refund import request_refund
from billing.flows.subscribe import subscribe
from billing.flows.take_out import take_out
from billing.queries import lock_customers
from billing.service import create_customer
from core.actor import Actor as Caller
from core.errors import EngineError
from core.work import Work
from invoices.tables import invoices
from ops.prove import scenes, terms, turns
from ops.prove.book import Book
from payments.review_kinds import Decision
from payments.tables import payment_orders, payments, reviews

NAMES = (
    "Budi", "Siti", "Agus", "Dewi", "Eko", "Fitri", "Gilang", "Hana", "Indra", "Joko", "Kartika",
    "Lestari", "Made", "Nina", "Oka", "Putri", "Rudi", "Sari", "Tono", "Umar", "Vina", "Wayan",
    "Yanti", "Zaki",
)  # fmt: skip
CONSENT = Mandate(
    text_version="2026-11", text="Saya setuju ditagih.", locale="id", source="203.0.113.9"
)
CUSTOMER = Caller("customer", "portal", "203.0.113.9")
STAFF = Caller("staff", "Ratna", "203.0.113.1")
_TRIES = 3
_CHANNELS = ("qris", "gopay", "bni_va", "bri_va")
# What staff says of a matter that a person must decide.
_DECIDED_BY_HAND: dict[str, Decision] = {"fraud_challenge": "approve"}


@dataclass
class Person:
    """One customer. ``by_card``: we pull; otherwise the customer pushes."""

    number: int
    name: str
    by_card: bool
    price_id: UUID
    customer_id: UUID | None = None
    subscription_id: UUID | None = None


@dataclass
class Deeds:
    """What people do, on one engine (their process), drawn from dice of their own."""

    engine: Engine
    merchant_id: UUID
    dice: random.Random
    prices: list[UUID]
    done: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    key: int = 0
    weights: dict[str, int] = field(default_factory=dict)
    # What was asked for, by kind and key; and what the database refused though nobody should ask.
    asked: dict[str, set[str]] = field(default_factory=dict)
    broke: list[tuple[str, str]] = field(default_factory=list)
    # Lives full of turns: where people pay their numbers.
    book: Book | None = None

    def attempt(self, name: str, do: Callable[[], Any]) -> None:
        """Do it as an API client does: the same request again where the database was not there.

        A guard that refuses it once may have met its twin, which has committed by now; a guard
        that refuses the same request a second time met a mistake.
        """
        left, refusals = _TRIES, set[str]()
        while left:
            try:
                do()
            except EngineError:
                self.refused += 1
                return
            except (DBAPIError, PoolTimeout) as error:
                # 409 or 503, and the client tries again with the same key.
                guard = _guard(error)
                if guard is None:
                    left -= 1
                elif guard in refusals:
                    self.broke.append((name, _first_line(error)))
                    return
                else:
                    refusals.add(guard)
            else:
                self.done[name] = self.done.get(name, 0) + 1
                return

    def asked_for(self, kind: str, key: str) -> str:
        """Note that so many things of a kind may come to be, and no more."""
        self.asked.setdefault(kind, set()).add(key)
        return key

    def in_work(self, do: Callable[[Work], Any], who: Caller = CUSTOMER) -> Any:
        """One request's transaction."""
        with self.engine.work(self.merchant_id, who) as unit:
            return do(unit)

    def rows(self, table: Table, **equal: Any) -> list[Row[Any]]:
        """Rows of the merchant by equality, in id order."""

        def read(unit: Work) -> list[Row[Any]]:
            query = select(table).where(table.c.merchant_id == self.merchant_id)
            for name, value in equal.items():
                query = query.where(table.c[name] == value)
            return list(unit.session.execute(query.order_by(table.c.id)))

        found: list[Row[Any]] = self.in_work(read)
        return found

    def orders(self, customer_id: UUID) -> list[Row[Any]]:
        """All that was asked of the gateway for a customer."""
        return self.rows(payment_orders, customer_id=customer_id)

    def first_open(self, customer_id: UUID) -> Row[Any] | None:
        """An unpaid invoice of a customer."""
        found = self.rows(invoices, customer_id=customer_id, status="open")
        return found[0] if found else None

    # --- signing up -----------------------------------------------------------------------------

    def sign_up(self, person: Person) -> None:
        """Become a customer and subscribe; by card with 3-D Secure."""
        key = self.asked_for("customer", self.asked_for("subscription", f"p{person.number}"))
        if person.customer_id is None:
            made = self.in_work(
                lambda unit: create_customer(
                    unit, name=person.name, email=_mailbox(person), key=key
                )
            )
            person.customer_id = made.id
        customer = person.customer_id
        assert customer is not None
        if not person.by_card:
            bought = self.in_work(
                lambda unit: subscribe(
                    unit, customer_id=customer, price_id=person.price_id, key=key,
                )
            )  # fmt: skip
            person.subscription_id = bought.subscription.id
            return

        def by_card(unit: Work) -> tuple[UUID, UUID | None]:
            method = self._card(unit, customer, key)
            bought = subscribe(
                unit, customer_id=customer, price_id=person.price_id, collection="automatic",
                payment_method_id=method, interactive=True, key=key,
            )  # fmt: skip
            person.subscription_id = bought.subscription.id
            if bought.invoice_id is None:
                return method, None
            return method, self.written(unit, bought.invoice_id, method, f"tok-{key}")

        _, order = self.in_work(by_card)
        self._send(order)

    def _card(self, unit: Work, customer: UUID, key: str) -> UUID:
        """A new card and the consent to it, as `billing.flows.at_once` writes them."""
        lock_customers(unit, [customer])
        method = cards.new_card(unit, customer, key)
        consent_to_new(unit, customer, method, CONSENT)
        return method

    def written(self, unit: Work, invoice_id: UUID, method: UUID | None, token: str) -> UUID:
        """A charge by card, not sent yet."""
        sealed = seal_card_request(self.engine, unit, invoice_id, CardRequest(token))
        return open_attempt(
            unit, invoice_id, initiated_by="customer", payment_method_id=method,
            request_sealed=sealed,
        )  # fmt: skip

    def _send(self, order: UUID | None) -> None:
        if order is not None:
            send_one(self.engine, self.merchant_id, order)

    # --- living on ------------------------------------------------------------------------------

    def draw(
        self, person: Person, weights: Mapping[str, int] | None = None
    ) -> tuple[str, Callable[[], Any]]:
        """Something that this person, or staff about this person, does now."""
        self.key += 1
        key = f"d{person.number}-{self.key}"
        may = self._may(person, key)
        if self.book is not None:
            may = turns.deeds(self, person, key, may)
            may = scenes.deeds(self, person, key, may)
        weights = weights or self.weights or WEIGHTS
        name = self.dice.choice([name for name, weight in weights.items() for _ in range(weight)])
        return name, scenes.named(may, name)

    def _may(self, person: Person, key: str) -> dict[str, Callable[[], Any]]:
        dice, customer, mine = self.dice, person.customer_id, person.subscription_id
        price, quantity = dice.choice(self.prices), dice.randint(1, 4)
        amount, share = dice.randrange(5, 400) * 1000, dice.randint(1, 4)
        channel = dice.choice(_CHANNELS)
        assert customer is not None
        assert mine is not None

        def on_open(do: Callable[[Work, Any], Any], who: Caller = CUSTOMER) -> Callable[[], Any]:
            def run() -> None:
                if (one := self.first_open(customer)) is not None:
                    self.in_work(lambda unit: do(unit, one), who)

            return run

        def by_card_now() -> None:
            if (one := self.first_open(customer)) is not None:
                method = one.payment_method_id
                order = self.in_work(lambda unit: self.written(unit, one.id, method, f"tok-{key}"))
                self._send(order)

        def new_card() -> None:
            def save(unit: Work) -> UUID | None:
                method = self._card(unit, customer, key)
                if orders_of(unit, method_id=method):
                    return None  # asked for before
                return cards.check_card(self.engine, unit, customer, method, f"tok-{key}")

            self._send(self.in_work(save))

        def by_hand() -> None:
            for matter in self.rows(reviews, closed_at=None)[:3]:
                if matter.kind in _DECIDED_BY_HAND:
                    self.in_work(partial(_decide, matter), STAFF)

        def give_back() -> None:
            taken = self.rows(payments, customer_id=customer)
            if taken:
                one = taken[-1]
                part = None if share == 1 else max(1, one.amount // share)
                self.asked_for("refund", key)
                self.in_work(lambda unit: request_refund(unit, one.id, part, key=key), STAFF)

        def credit(unit: Work, one: Any) -> None:
            credit_invoice(
                unit, one.id, reason="mistake", gross_amount=max(1, amount // 20),
                source_kind="request", source_id=unit.derive("credit", key),
            )  # fmt: skip

        def once() -> None:
            self.asked_for("one_off", key)
            self.in_work(
                lambda unit: pay_once(unit, customer, [OneOffLine("Jasa pasang", amount)], key=key),
                STAFF,
            )

        return {
            "upgrade": lambda: self.in_work(
                lambda unit: change(unit, mine, price_id=price, mode="prorate")
            ),
            "change_later": lambda: self.in_work(lambda unit: change(unit, mine, price_id=price)),
            "quantity": lambda: self.in_work(lambda unit: change(unit, mine, quantity=quantity)),
            "drop_change": lambda: self.in_work(lambda unit: drop_change(unit, mine)),
            "cancel_later": lambda: self.in_work(lambda unit: cancel(unit, mine)),
            "cancel_now": lambda: self.in_work(lambda unit: cancel(unit, mine, when="now")),
            "item": lambda: self.in_work(
                lambda unit: terms.change_what_is_beside(
                    unit, mine, price, quantity, amount // 1000
                )
            ),
            "code": lambda: self.in_work(
                lambda unit: terms.bring_a_code(unit, mine, amount // 1000)
            ),
            "stay": lambda: self.in_work(lambda unit: undo_cancel(unit, mine)),
            "pay_by_card": by_card_now,
            "new_number": on_open(lambda unit, one: offer(unit, one.id)),
            "other_channel": on_open(lambda unit, one: offer(unit, one.id, channel)),
            "new_card": new_card,
            "by_hand": by_hand,
            "refund": give_back,
            "credit": on_open(credit, STAFF),
            "void": on_open(lambda unit, one: take_out(unit, one.id, reason="mistake"), STAFF),
            "one_off": once,
        }


WEIGHTS = {
    "upgrade": 3, "change_later": 2, "quantity": 3, "drop_change": 1, "cancel_later": 1,
    "cancel_now": 1, "stay": 2, "pay_by_card": 4, "new_number": 2, "refund": 8, "credit": 2,
    "void": 1, "one_off": 3,
}  # fmt: skip


# What more is done where every crash site is hunted.
MORE = {"other_channel": 4, "new_card": 2, "by_hand": 2}


def _guard(error: Exception) -> str | None:
    """The constraint or trigger that refused; None where the database was not there."""
    told = getattr(error, "orig", None)
    state = str(getattr(told, "sqlstate", None))
    if not state.startswith(("22", "23", "42", "P0")):
        return None
    return f"{state} {getattr(getattr(told, 'diag', None), 'constraint_name', None)}"


def _first_line(error: Exception) -> str:
    told = getattr(error, "orig", None)
    return f"{type(told).__name__}: {told}".split("\n")[0]


def _decide(matter: Row[Any], unit: Work) -> UUID:
    return resolve_review(unit, matter.id, decision=_DECIDED_BY_HAND[matter.kind], reason="seen")


def _mailbox(person: Person) -> str:
    return f"{person.name.lower().replace(' ', '.')}@contoh.example"


def at_the_gateway(book: Book, dice: random.Random, pays: float, shown: Collection[str]) -> None:
    """Some who have something to pay (so many of one), or were shown a page to confirm, do it."""
    for one in sorted(book.orders.values(), key=lambda one: one.order_id):
        if one.state == "challenge" and dice.random() < 0.4:
            book.judge(one.order_id, accept=dice.random() < 0.6)
        if one.state != "pending":
            continue
        luck = dice.random()
        if one.kind == "card" and luck < 0.5 and one.order_id in shown:
            book.confirm(one.order_id, "good" if luck < 0.45 else "05")
        elif (one.kind == "va" and luck < pays) or (one.kind == "qr" and luck < 0.5):
            book.pay(one.order_id)
