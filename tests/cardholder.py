"""A customer with a monthly plan and several cards in an order, and what became of them."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from builders import make_customer, make_price, make_subscription, set_clock
from sqlalchemy import update
from stage import Stage, jakarta

from billing.flows.methods import set_order
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.queries import balance
from billing.tables import subscriptions
from invoices.tables import invoices
from payments.gateway import Answer
from payments.tables import payment_methods, payment_orders

CHARGE_DAY = "2027-02-05 10:30"


class Payer:
    """A customer with a monthly plan and cards in an order; the first month is paid."""

    def __init__(self, stage: Stage, count: int) -> None:
        self.stage = stage
        with stage.work() as unit:
            self.customer = make_customer(unit)
            price = make_price(unit, 150_000)
        self.cards = [self.card(n) for n in range(count)]
        with stage.work() as unit:
            made = make_subscription(
                unit, customer=self.customer, price=price, payment_method_id=self.cards[0]
            )
        self.subscription = made.subscription.id
        stage.drain()
        self.order(*self.cards)
        set_clock(stage.engine, stage.id, jakarta(CHARGE_DAY))

    def card(self, n: int, **terms: Any) -> UUID:
        method = self.stage.card(self.customer.id, f"token-{n}".encode(), **terms)
        masked = f"4811111{n}-111{n}"
        self.change(method, rank=n, masked=masked, token_hash=hashlib.sha256(bytes([n])).digest())
        return method

    def change(self, method: UUID, **values: Any) -> None:
        with self.stage.work() as unit:
            unit.session.execute(
                update(payment_methods).where(payment_methods.c.id == method).values(**values)
            )

    def order(self, *methods: UUID) -> None:
        with self.stage.work() as unit:
            set_order(unit, self.customer.id, methods)

    def charged(self) -> list[tuple[int, str]]:
        """(which card, the outcome) of the charges of the second month, as they were made."""
        rows = self.stage.rows(payment_orders, payment_orders.c.opened_at, payment_orders.c.n)
        return [
            (self.cards.index(row.payment_method_id), row.state)
            for row in rows
            if row.opened_at >= jakarta("2027-02-05 00:00")
            and row.opened_at < jakarta("2027-03-05 00:00")
        ]

    def now_charged_to(self) -> int:
        found = self.stage.row(subscriptions, id=self.subscription).payment_method_id
        return self.cards.index(found)

    def second_month(self) -> None:
        renew_due(self.stage.engine, self.stage.id)

    def newest(self) -> Any:
        return self.stage.rows(invoices, invoices.c.issued_at)[-1]

    def held(self) -> int:
        with self.stage.work() as unit:
            return balance(unit, self.customer.id)


def refuse(stage: Stage, order_id: str, code: str) -> None:
    refusal = Answer("failed", transaction_status="deny", payment_type="credit_card", code=code)
    settle(stage.engine, stage.id, order_id, refusal, because="status asked")
