"""A small world for protocol tests: the engine as shipped, a real database, a real simulator.

Machine time is a dial (`World.wait`), so leases and quarantines pass without waiting; business time is
a test clock.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from database import Database
from simulated import Desk, open_desk
from sqlalchemy import Row, Table, select

from billing.engine import Engine
from billing.flows.clock import ask_advance, drive
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.subscribe import subscribe
from billing.service import create_customer
from core.actor import system
from core.db import connect
from core.jobs import ring_due
from core.mail import OutgoingMail
from core.settings import Settings
from core.vault import Vault
from core.work import Work
from invoices.tables import invoices
from ops.worker import drain, run_once
from payments.adapters.midtrans.gateways import MidtransGateways
from payments.tables import payment_orders
from plans.service import create_plan, publish_price

START = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)  # Monday, 09:00 in Jakarta
ME = system("test")


class Outbox:
    """A mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.sent: list[OutgoingMail] = []

    def send(self, mail: OutgoingMail) -> None:
        self.sent.append(mail)


class MachineTime:
    """A dial for machine time."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@dataclass
class World:
    """One merchant with its desk at the simulator."""

    engine: Engine
    merchant_id: UUID
    desk: Desk
    machine: MachineTime
    mails: Outbox
    customers: dict[str, UUID] = field(default_factory=dict)

    def work(self) -> Any:
        """A transaction inside the merchant."""
        return self.engine.work(self.merchant_id, ME)

    def wait(self, **span: float) -> None:
        """Let machine time pass."""
        self.machine.at += timedelta(**span)

    def drain(self) -> int:
        """Ring and work until nothing is due at this moment."""
        return drain(self.engine)

    def rows(self, table: Table, **equal: Any) -> list[Row[Any]]:
        """Rows of a table, by equality; events in the order they were told."""
        with self.work() as unit:
            query = select(table).where(table.c.merchant_id == self.merchant_id)
            for name, value in equal.items():
                query = query.where(table.c[name] == value)
            if "seq" in table.c:
                query = query.order_by(table.c.seq)
            return list(unit.session.execute(query))

    def order_of(self, invoice_id: UUID) -> Row[Any]:
        """The newest order of an invoice."""
        found = self.rows(payment_orders, invoice_id=invoice_id)
        still_open = [row for row in found if row.next_at is not None]
        return max(still_open or found, key=lambda row: (row.opened_at, row.n, row.kind))

    def invoice(self, invoice_id: UUID) -> Row[Any]:
        """An invoice as it stands."""
        [row] = self.rows(invoices, id=invoice_id)
        return row

    def plan(self, code: str, amount: int, unit: str = "month", **terms: Any) -> UUID:
        """A plan with one price; the price's id."""
        with self.work() as work:
            plan = create_plan(work, code=code, name={"id": code.title(), "en": code.title()})
            return publish_price(work, plan.id, unit_amount=amount, interval_unit=unit, **terms).id

    def customer(self, name: str) -> UUID:
        """A customer."""
        with self.work() as work:
            made = create_customer(work, name=name, email=f"{name.lower()}@example.com")
            self.customers[name] = made.id
            return made.id

    def advance(self, to: datetime) -> None:
        """Live until ``to``, doing all that becomes due on the way."""
        ask_advance(self.engine, self.merchant_id, to, ME)
        seen: dict[datetime, int] = {}
        for _ in range(100_000):
            if drive(self.engine, self.merchant_id, self._ring):
                return
            while run_once(self.engine):
                pass
            at = self.clock_at()
            seen[at] = seen.get(at, 0) + 1
            assert seen[at] < 200, f"the clock stands still at {at}: {self.waiting()}"
        raise AssertionError("the clock does not arrive")

    def clock_at(self) -> datetime:
        """What time it is for the merchant."""
        with self.work() as unit:
            now: datetime = unit.now
            return now

    def waiting(self) -> list[str]:
        """Orders, invoices and cases that hold the clock up."""
        orders = [
            f"order {row.order_id} {row.kind} {row.state} next {row.next_at}"
            for row in self.rows(payment_orders)
            if row.next_at is not None
        ]
        due = [
            f"invoice {row.number} {row.collect_at}"
            for row in self.rows(invoices)
            if row.collect_at
        ]
        return [*orders, *due, f"machine {self.machine.at}"]

    def _ring(self, merchant_id: UUID) -> int:
        return ring_due(self.engine.db, self.engine.real_now(), merchant_id=merchant_id)


def make_world(
    database: Database, simulator: str, *, start: datetime = START, slug: str = "kasirku",
    **draft: Any,
) -> World:  # fmt: skip
    """Wire the engine as shipped to a database and an account at the simulator."""
    desk = open_desk(simulator)
    desk.control("POST", "clock", to=start.isoformat())
    machine = MachineTime(start)
    settings = replace(
        Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        gateway_read_seconds=2,
        lease_margin_seconds=5,
        quarantine_seconds=600,
    )
    vault = Vault([("test", secrets.token_bytes(32))])
    mails = Outbox()
    engine = Engine(
        settings=settings,
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=4),
        vault=vault,
        gateways=MidtransGateways(settings, vault),
        mailer=mails,
        real_now=machine,
    )
    merchant = create_merchant(
        engine,
        MerchantDraft(
            slug=slug,
            legal_name="PT Kasirku Nusantara",
            email="tagihan@kasirku.example",
            address="Jl. Melati 1, Jakarta",
            server_key=desk.server_key,
            client_key=desk.client_key,
            gateway_url=desk.url,
            **{"upgrade_policy": "apply_first", **draft},
        ),
        ME,
        clock_at=start,
    )
    return World(engine, merchant.merchant_id, desk, machine, mails)


__all__ = ["ME", "START", "Work", "World", "make_world", "subscribe"]
