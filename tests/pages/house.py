"""One merchant behind its pages, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from builders import make_customer, make_price, make_subscription, working
from fakes import FakeGateway, MachineTime
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import select

from billing.engine import Engine
from billing.flows.documents import Links
from core.merchant import Merchant
from invoices.queries import get_invoice
from payments.gateway import Answer
from payments.tables import payment_orders

VA_NUMBER = "80777812345678901"


@dataclass
class House:
    """One merchant behind its pages."""

    engine: Engine
    merchant: Merchant
    gateway: FakeGateway
    machine: MachineTime
    client: TestClient[Litestar]

    def work(self) -> Any:
        """A transaction inside the merchant."""
        return working(self.engine, self.merchant)

    def subscribe(self, amount: int = 349_000, **fields: Any) -> tuple[UUID, UUID, UUID]:
        """A new customer with an unpaid invoice: (customer, subscription, invoice)."""
        with self.work() as unit:
            customer = make_customer(unit, **fields)
            price = make_price(unit, amount)
            made = make_subscription(unit, price=price, customer=customer)
            assert made.invoice_id is not None
            return customer.id, made.subscription.id, made.invoice_id

    def link(self, invoice_id: UUID) -> str:
        """The path of an invoice's signed link."""
        with self.work() as unit:
            due_on = get_invoice(unit, invoice_id).due_on
        assert due_on is not None
        links = Links.of(self.engine)
        url = links.invoice(self.merchant.merchant_id, invoice_id, due_on)
        return url.removeprefix(links.public_url)

    def bank_gives(self, number: str = VA_NUMBER) -> None:
        """The next charge is answered with a virtual account."""
        self.gateway.charges.append(
            Answer(
                "pending",
                transaction_id="tx-1",
                instructions={"bank": "bca", "va_number": number},
                expires_at=self.machine() + timedelta(days=3),
            )
        )

    def orders(self, invoice_id: UUID) -> list[Any]:
        """The orders of an invoice, oldest first."""
        with self.work() as unit:
            return list(
                unit.session.execute(
                    select(payment_orders)
                    .where(payment_orders.c.invoice_id == invoice_id)
                    .order_by(payment_orders.c.n)
                )
            )
