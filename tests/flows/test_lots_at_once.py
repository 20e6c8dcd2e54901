"""The same lot wanted twice at one moment: by two invoices, by its end, by a refund."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.credits.queries import lots_by_id
from billing.credits.tables import balance_lots
from billing.engine import Engine
from billing.flows import granting, refund, top_up
from billing.flows.offers import offer
from billing.flows.pay_once import OneOffLine, pay_once
from billing.tables import balance_entries
from core.errors import EngineError
from core.work import Work
from invoices.tables import invoices

pytestmark = pytest.mark.database
PAYEE = {"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"}


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def somebody(stage: Stage) -> UUID:
    with stage.work() as unit:
        return make_customer(unit).id


def give(unit: Work, customer: UUID, amount: int, until: date | None = None) -> UUID:
    return granting.grant(unit, customer, amount, reason="x", last_day=until)


def bill(unit: Work, customer: UUID, amount: int = 100_000) -> int:
    return pay_once(unit, customer, [OneOffLine("Jasa", amount)]).paid_amount


def in_work(stage: Stage, does: Callable[[Work], Any]) -> Any:
    try:
        with stage.work() as unit:
            return does(unit)
    except EngineError as error:
        return error.code


def meanwhile(stage: Stage, first: Callable[[Work], Any], then: Callable[[], Any]) -> Any:
    """Do one thing, and another while it is not committed yet, which waits for its locks."""
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(then()))
    with stage.work() as unit:
        first(unit)
        thread.start()
        deadline = time.monotonic() + 5
        while thread.is_alive() and time.monotonic() < deadline:
            with stage.engine.db.lookup() as session:
                waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                if session.execute(text(waits)).scalar_one():
                    break
            time.sleep(0.02)
    thread.join()
    return outcome[0]


def test_two_invoices_at_once_share_a_lot_and_no_rupiah_pays_both(stage: Stage) -> None:
    customer = somebody(stage)
    in_work(stage, lambda unit: give(unit, customer, 150_000, date(2027, 2, 28)))
    gate = threading.Barrier(4)

    def issue_one(_: int) -> Any:
        gate.wait(10)
        return in_work(stage, lambda unit: bill(unit, customer))

    with ThreadPoolExecutor(4) as pool:
        paid = sorted(pool.map(issue_one, range(4)))
    assert paid == [0, 0, 39_000, 111_000]
    assert sum(row.paid_amount for row in stage.rows(invoices)) == 150_000
    stage.audit()


def test_an_invoice_waits_for_one_that_is_using_the_lot_and_takes_the_rest(stage: Stage) -> None:
    customer = somebody(stage)
    in_work(stage, lambda unit: give(unit, customer, 150_000))
    second = meanwhile(
        stage,
        lambda unit: bill(unit, customer),
        lambda: in_work(stage, lambda unit: bill(unit, customer)),
    )
    assert second == 39_000
    stage.audit()


@pytest.mark.parametrize("used_first", [True, False])
def test_a_lot_that_ends_while_it_is_used_is_used_or_expires_and_never_both(
    stage: Stage, used_first: bool
) -> None:
    customer = somebody(stage)
    in_work(stage, lambda unit: give(unit, customer, 50_000, date(2027, 1, 31)))

    def ends() -> int:
        set_clock(stage.engine, stage.id, jakarta("2027-02-01 00:00"))
        return granting.expire_due(stage.engine, stage.id)

    if used_first:
        # The invoice began a moment before the end, and commits after it.
        set_clock(stage.engine, stage.id, jakarta("2027-01-31 23:59"))
        meanwhile(stage, lambda unit: bill(unit, customer), ends)
    else:
        set_clock(stage.engine, stage.id, jakarta("2027-02-01 00:00"))

        def expire(unit: Work) -> None:
            [lot] = stage.rows(balance_lots)
            queries.lock_customers(unit, [customer])
            granting._step(unit, customer, lots_by_id(unit, [lot.id]))

        paid = meanwhile(stage, expire, lambda: in_work(stage, lambda unit: bill(unit, customer)))
        assert paid == 0
    kinds = sorted(row.kind for row in stage.rows(balance_entries))
    assert kinds == (["applied", "granted"] if used_first else ["expired", "granted"])
    granting.expire_due(stage.engine, stage.id)
    stage.audit()


def test_a_top_up_is_refunded_or_used_and_never_both(stage: Stage) -> None:
    customer = somebody(stage)
    with stage.work() as unit:
        invoice = top_up.ask(unit, customer, 100_000).id
        offer(unit, invoice)
    stage.drain()
    payment = stage.pays(invoice)
    refused = meanwhile(
        stage,
        lambda unit: bill(unit, customer),
        lambda: in_work(
            stage, lambda unit: refund.request_refund(unit, payment, 50_000, payee=PAYEE)
        ),
    )
    assert refused == "balance_spent"
    stage.audit()


def test_its_end_is_booked_once_however_many_workers_look(stage: Stage) -> None:
    customer = somebody(stage)
    in_work(stage, lambda unit: give(unit, customer, 50_000, date(2027, 1, 31)))
    set_clock(stage.engine, stage.id, jakarta("2027-02-01 08:00"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: granting.expire_due(stage.engine, stage.id), range(4)))
    assert [row.amount for row in stage.rows(balance_entries, kind="expired")] == [-50_000]
    stage.audit()
