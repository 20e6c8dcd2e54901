"""Two people import at once, and the morning's comparison runs: the same money is booked once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from reported import books, line, named, paid, report, shop
from sqlalchemy import update
from stage import Stage

from billing.engine import Engine
from billing.flows.compare_status import compare_due, open_day
from billing.flows.report_files import book_file, read_file
from billing.reconciliation.tables import settlement_files, settlement_rows
from payments.tables import payment_orders

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return shop(engine, gateway, mailer, machine)


def test_reports_that_are_imported_at_once_take_turns(stage: Stage) -> None:
    ours = paid(stage, 4)
    with stage.work() as unit:
        unit.session.execute(
            update(payment_orders).values(transaction_id="t-" + payment_orders.c.order_id)
        )
    names = [one.order_id for one in ours]
    files = [
        report(*(line(name) for name in names), line("NOBODY-1")),
        report(*(line("", transaction=f"t-{name}") for name in reversed(names))),
        report(*(line(name, transaction="") for name in reversed(names)), line("NOBODY-1")),
    ]
    assert open_day(stage.engine, stage.id, stage.machine.at.date())
    gate = Barrier(4)

    def imports(n: int) -> None:
        gate.wait(30)
        if n == 3:
            while compare_due(stage.engine, stage.id, limit=4):
                pass
            return
        with stage.work(f"person {n}") as unit:
            file_id = read_file(stage.engine, unit, f"{n}.csv", files[n])
        with stage.work(f"person {n}") as unit:
            book_file(stage.engine, unit, file_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(imports, range(4)))
    assert books(stage, "gateway_fees")["gateway_fee"] == 4 * 5_219
    assert named(stage) == {"not_ours": 1}
    assert len(stage.rows(settlement_rows)) == 5
    assert {row.state for row in stage.rows(settlement_files)} == {"booked"}
    stage.audit()
