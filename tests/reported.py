"""Settlement reports of a test: rows as Midtrans prints them, imported before a stage's books."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import select
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.compare_status import compare_due, open_day
from billing.flows.report_files import book_file, read_file
from billing.ledger.tables import journals, postings
from billing.reconciliation.tables import differences
from payments.tables import payments

PRICE = 111_000
HEADER = (
    "Order ID,Transaction ID,Transaction Type,Transaction Status,Gross Amount,Fee,PPN,Net Amount,"
    "Settlement Time,Reference"
)


def shop(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    """A PKP on the fifth of January."""
    return make_stage(
        engine, gateway, mailer, machine, at="2027-01-05 09:00", pkp_since=date(2026, 1, 1),
        npwp="0012345678901234",
    )  # fmt: skip


def paid(stage: Stage, count: int, by: str = "card", price: int = 100_000) -> list[Any]:
    """So many customers, each with a settled payment of `PRICE` of his own; by order id."""
    for _ in range(count):
        if by == "card":
            stage.card_customer(price)
        else:
            _, _, invoice_id = stage.invoice_customer(price)
            stage.drain()
            stage.pays(invoice_id)
    stage.drain()
    for one in stage.rows(payments, status="captured"):
        stage.settles(one.id)
    found = stage.rows(payments, payments.c.order_id)
    assert {one.amount for one in found} == {PRICE}
    return found


def line(order_id: str, gross: int = PRICE, fee: int = 5_219, ppn: int = 574, **more: str) -> str:
    """One row as Midtrans would print it."""
    told = {"kind": "Payment", "status": "settlement", "day": "2027-01-05 16:00:00",
            "transaction": f"t-{order_id}", "reference": "",
            "net": str(gross - fee - ppn), **more}  # fmt: skip
    return (
        f"{order_id},{told['transaction']},{told['kind']},{told['status']},{gross},{fee},{ppn},"
        f"{told['net']},{told['day']},{told['reference']}"
    )


def payout(amount: int = 1_000_000, day: str = "2027-01-05", reference: str = "") -> str:
    """A row of money that went to the bank, without a fee."""
    return line("", -amount, 0, 0, kind="Payout", status="", transaction="", day=day,
                reference=reference)  # fmt: skip


def report(*lines: str) -> bytes:
    """A file of these rows."""
    return "\n".join([HEADER, *lines, ""]).encode()


def imported(stage: Stage, data: bytes, name: str = "jan.csv") -> UUID:
    """Read and book a report."""
    with stage.work() as unit:
        file_id = read_file(stage.engine, unit, name, data)
    with stage.work() as unit:
        book_file(stage.engine, unit, file_id)
    return file_id


def named(stage: Stage) -> Counter[str]:
    """Open differences by kind."""
    return Counter(one.kind for one in stage.rows(differences) if one.state != "resolved")


def books(stage: Stage, *kinds: str) -> dict[str, int]:
    """What journals of these kinds did to each account."""
    with stage.work() as unit:
        rows = unit.session.execute(
            select(postings.c.account, postings.c.amount)
            .join(journals, journals.c.id == postings.c.journal_id)
            .where(journals.c.kind.in_(kinds))
        )
        sums: Counter[str] = Counter()
        for account, amount in rows:
            sums[account] += amount
        return dict(sums)


def compared(stage: Stage, days_on: int = 0) -> None:
    """Ask the gateway about a day, as every morning."""
    day = date.fromordinal(stage.machine.at.date().toordinal() + days_on)
    assert open_day(stage.engine, stage.id, day)
    while compare_due(stage.engine, stage.id, limit=2):
        pass
