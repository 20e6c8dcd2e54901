"""A merchant on a stage: time goes from due instant to due instant, the gateway does what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from builders import (
    make_customer,
    make_merchant,
    make_method,
    make_price,
    make_subscription,
    set_clock,
)
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import Row, Table, select, text, update

from billing.engine import Engine
from billing.flows import chase, deliver, refund
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.granting import expire_due
from billing.flows.notices import notify_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from core.actor import system
from core.merchant import Merchant, merchant_and_now
from core.tables import events
from core.work import Work
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.tables import allocations, payment_methods, payment_orders, payments

JAKARTA = ZoneInfo("Asia/Jakarta")
TOKEN = b"saved-token-of-a-test"

_DUE = text(
    """
    SELECT min(due) FROM (
        SELECT min(next_at) AS due FROM subscriptions WHERE merchant_id = :m
        UNION ALL SELECT min(notice_at) FROM subscriptions WHERE merchant_id = :m
        UNION ALL SELECT min(collect_at) FROM invoices WHERE merchant_id = :m
        UNION ALL SELECT min(next_at) FROM balance_lots WHERE merchant_id = :m
        UNION ALL SELECT min(next_at) FROM dunning_cases WHERE merchant_id = :m
        UNION ALL SELECT min(due_at) FROM refunds WHERE merchant_id = :m
    ) AS all_due
    """
)

# Account sums that must come out of the rows: what customers owe, what we hold of theirs, tax that
# waits on open invoices, and books that balance.
_CHECKS = {
    "every journal sums to zero": """
        SELECT count(*) FROM (SELECT journal_id FROM postings WHERE merchant_id = :m
        GROUP BY journal_id HAVING sum(amount) <> 0) AS off""",
    "receivables are what is due": """
        SELECT coalesce((SELECT sum(amount) FROM postings
            WHERE merchant_id = :m AND account = 'receivable'), 0)
        - coalesce((SELECT sum(due_amount) FROM invoices
            WHERE merchant_id = :m AND status = 'open'), 0)""",
    "customers' money is their balance and refunds on their way": """
        SELECT coalesce((SELECT -sum(amount) FROM postings
            WHERE merchant_id = :m AND account = 'customer_credit'), 0)
        - coalesce((SELECT sum(amount) FROM balance_entries WHERE merchant_id = :m), 0)
        + coalesce((SELECT -sum(amount) FROM postings
            WHERE merchant_id = :m AND account = 'promotional_credit'), 0)
        - coalesce((SELECT sum(amount) FROM refunds WHERE merchant_id = :m
            AND state NOT IN ('succeeded', 'failed')), 0)""",
    "the gateway holds what came in less what went back": """
        SELECT coalesce((SELECT sum(p.amount) FROM postings p JOIN journals j ON j.id = p.journal_id
            WHERE p.merchant_id = :m AND p.account = 'gateway_clearing'
            AND j.kind NOT IN ('paid_out', 'gateway_fees', 'difference_booked')), 0)
        - coalesce((SELECT sum(amount - charged_back_amount) FROM payments WHERE merchant_id = :m
            AND status <> 'reversed'), 0)
        + coalesce((SELECT sum(amount) FROM refunds WHERE merchant_id = :m
            AND state = 'succeeded' AND route <> 'manual'), 0)""",
    "refunds of a payment are counted on it": """
        SELECT count(*) FROM payments p WHERE merchant_id = :m AND refunded_amount <>
            (SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.merchant_id = p.merchant_id
             AND r.payment_id = p.id AND r.state = 'succeeded')""",
    "tax waits only where money is still due": """
        SELECT coalesce((SELECT -sum(amount) FROM postings
            WHERE merchant_id = :m AND account = 'vat_not_due'), 0)
        - coalesce((SELECT sum(tax_amount) FROM invoices WHERE merchant_id = :m
            AND status = 'open' AND credited_amount = 0), 0)
        + coalesce((SELECT sum(t.waited_amount) FROM tax_points t JOIN invoices i
            ON i.merchant_id = t.merchant_id AND i.id = t.invoice_id
            WHERE t.merchant_id = :m AND i.status = 'open' AND i.credited_amount = 0), 0)""",
}


@dataclass
class Stage:
    """One merchant with everything around it; instants are given and told in Jakarta's time."""

    engine: Engine
    merchant: Merchant
    gateway: FakeGateway
    mailer: FakeMailer
    machine: MachineTime

    @property
    def id(self) -> UUID:
        return self.merchant.merchant_id

    @contextmanager
    def work(self, actor: str = "test") -> Iterator[Work]:
        with self.engine.work(self.id, system(actor)) as unit:
            yield unit

    def rows(self, table: Table, *order: Any, **where: Any) -> list[Row[Any]]:
        """Rows of a table by equality."""
        query = select(table).where(table.c.merchant_id == self.id)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.engine.db.begin(self.id) as session:
            return list(session.execute(query.order_by(*order)))

    def row(self, table: Table, **where: Any) -> Row[Any]:
        """The one row that fits."""
        [found] = self.rows(table, **where)
        return found

    def told(self, *types: str) -> list[tuple[str, str]]:
        """(day and hour, type) of the events of these types, in the order they were told."""
        return [
            (row.occurred_at.astimezone(JAKARTA).strftime("%m-%d %H:%M"), row.type)
            for row in self.rows(events, events.c.seq)
            if row.type in types
        ]

    def card(self, customer_id: UUID, token: bytes = TOKEN, **terms: Any) -> UUID:
        """A saved card whose token opens; with its holder's consent unless ``mandate=None``."""
        with self.work() as unit:
            method_id = make_method(unit, customer_id, **terms)
            sealed = self.engine.vault.seal(token, f"{self.id}:{method_id}:token")
            unit.session.execute(
                update(payment_methods)
                .where(payment_methods.c.id == method_id)
                .values(token_sealed=sealed)
            )
        return method_id

    def card_customer(self, amount: int = 150_000, **terms: Any) -> tuple[UUID, UUID, UUID]:
        """A customer who pays a monthly plan by card: (customer, subscription, first invoice)."""
        with self.work() as unit:
            customer = make_customer(unit)
            price = make_price(unit, amount, **terms)
        method_id = self.card(customer.id)
        with self.work() as unit:
            made = make_subscription(
                unit, customer=customer, price=price, payment_method_id=method_id
            )
        assert made.invoice_id is not None
        return customer.id, made.subscription.id, made.invoice_id

    def invoice_customer(self, amount: int = 150_000, **terms: Any) -> tuple[UUID, UUID, UUID]:
        """A customer who pays invoices by himself: (customer, subscription, first invoice)."""
        with self.work() as unit:
            customer = make_customer(unit)
            made = make_subscription(
                unit, customer=customer, price=make_price(unit, amount, **terms)
            )
        assert made.invoice_id is not None
        return customer.id, made.subscription.id, made.invoice_id

    def drain(self) -> None:
        """Do all that is due at this instant."""
        flows = (
            renew_due, notify_due, chase.step_due, collect_due, expire_due, send_due,
            refund.send_due, deliver.send_due,
        )  # fmt: skip
        for _ in range(50):
            if not sum(flow(self.engine, self.id) for flow in flows):
                return
        raise AssertionError("there is always something to do")

    def live_until(self, at: datetime) -> None:
        """Go from due instant to due instant, doing what is due at each."""
        self.drain()
        for _ in range(500):
            with self.engine.db.begin(self.id) as session:
                due = session.execute(_DUE, {"m": self.id}).scalar_one()
                _, now = merchant_and_now(session, self.machine.at)
            if due is None or due > at:
                set_clock(self.engine, self.id, at)
                self.drain()
                return
            if due > now:
                set_clock(self.engine, self.id, due)
            self.drain()
        raise AssertionError("time does not pass")

    def decline(self, code: str = "51", times: int = 1) -> None:
        """The next charges are refused by the bank."""
        for _ in range(times):
            self.gateway.charges.append(
                Answer("failed", transaction_status="deny", payment_type="credit_card", code=code)
            )

    def pays(self, invoice_id: UUID) -> UUID:
        """The customer pays the open virtual account of an invoice; returns the payment."""
        [order] = [
            row
            for row in self.rows(payment_orders, invoice_id=invoice_id, kind="instrument")
            if row.state in ("pending", "failed")
        ]
        settle(
            self.engine,
            self.id,
            order.order_id,
            Answer("paid", amount=order.amount, settled=True, transaction_status="settlement"),
            because="test",
        )
        self.gateway.has_order(order.order_id, order.amount, settled=True)
        return self.payment_of(order.order_id)

    def payment_of(self, order_id: str) -> UUID:
        found: UUID = self.row(payments, order_id=order_id).id
        return found

    def settles(self, payment_id: UUID) -> None:
        """The gateway settles a captured payment and tells us."""
        order_id = self.row(payments, id=payment_id).order_id
        self.gateway.orders[order_id].state = "settlement"
        settle(
            self.engine, self.id, order_id, self.gateway.status(order_id), because="notification"
        )

    def invoice(self, invoice_id: UUID) -> Row[Any]:
        return self.row(invoices, id=invoice_id)

    def row_of_invoice(self, payment_id: UUID) -> Row[Any]:
        """The invoice that a payment settled."""
        found = {row.invoice_id for row in self.rows(allocations, payment_id=payment_id)}
        return self.invoice(found.pop())

    def audit(self) -> None:
        """The books agree with the rows, and the doctor finds nothing."""
        report = examine(self.engine.db, self.machine.at)
        assert not report.broken, render(report)
        with self.engine.db.begin(self.id) as session:
            for name, query in _CHECKS.items():
                off = session.execute(text(query), {"m": self.id}).scalar_one()
                assert off == 0, f"{name}: off by {off}"


def jakarta(text_: str) -> datetime:
    """An instant by Jakarta's clock: ``2027-02-05 10:00``."""
    return datetime.fromisoformat(text_).replace(tzinfo=JAKARTA)


def make_stage(
    engine: Engine,
    gateway: FakeGateway,
    mailer: FakeMailer,
    machine: MachineTime,
    *,
    at: str,
    **merchant: Any,
) -> Stage:
    made = make_merchant(engine, at=jakarta(at), **merchant)
    return Stage(engine, made, gateway, mailer, machine)
