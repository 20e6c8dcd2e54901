"""The gateway's pace: shared by processes, people first, and never a charge lost or made twice."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_method, working
from database import Database
from fakes import FakeGateway, MachineTime
from sqlalchemy import select

from billing.engine import Engine
from billing.flows import charge
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.orders import open_attempt
from billing.flows.pace import read_budget, read_forecast
from billing.flows.pay_once import OneOffLine, pay_once
from core.db import connect
from core.jobs import take_bell
from core.merchant import Merchant
from core.tables import jobs
from core.work import Work
from ops.doctor import examine, render
from ops.gateway import describe
from ops.worker import run_bell
from payments.breaker import Operation, State
from payments.gateway import Answer, ChargeRequest
from payments.tables import gateway_budgets, payment_orders, payments

pytestmark = pytest.mark.database

RPS = 5


class Timed(FakeGateway):
    """Notes when it was called; ``trouble`` answers in place of the effect, ``lost`` after it."""

    def __init__(self, machine: Callable[[], datetime]) -> None:
        super().__init__()
        self.machine = machine
        self.times: list[datetime] = []
        self.trouble: Callable[[str], Answer | None] = lambda _: None
        self.lost: Callable[[str], bool] = lambda _: False
        self.lock = threading.Lock()

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        with self.lock:
            self.times.append(self.machine())
            answer = self.trouble("charge")
            if answer is not None:
                self._note("charge", request.order_id, idempotency_key)
                return answer
            answer = super().charge(request, idempotency_key=idempotency_key)
            return Answer("unknown", message="time-out") if self.lost("charge") else answer

    def status(self, order_id: str) -> Answer:
        with self.lock:
            self.times.append(self.machine())
            return self.trouble("status") or super().status(order_id)

    def busiest_second(self) -> int:
        return max(
            sum(one <= other < one + timedelta(seconds=1) for other in self.times)
            for one in self.times
        )


@pytest.fixture
def gateway(machine: MachineTime) -> Timed:
    return Timed(machine)


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    """One who lives in real time: only such a gateway tires."""
    return make_merchant(engine, at=None, gateway_rps=RPS)


def write_charges(engine: Engine, merchant: Merchant, count: int) -> list[UUID]:
    """Charges of saved cards, written and not sent; their orders."""
    with working(engine, merchant) as unit:
        return [_one(engine, unit, "merchant") for _ in range(count)]


def _one(engine: Engine, unit: Work, initiated_by: str) -> UUID:
    customer = make_customer(unit)
    method = make_method(unit, customer.id)
    invoice = pay_once(
        unit, customer.id, [OneOffLine("Setup", 99_000)],
        collection="automatic", payment_method_id=method, interactive=True,
    )  # fmt: skip
    sealed = seal_card_request(engine, unit, invoice.id, CardRequest("token"))
    return open_attempt(
        unit, invoice.id, initiated_by=initiated_by,  # type: ignore[arg-type]
        payment_method_id=method, request_sealed=sealed,
    )  # fmt: skip


def states(engine: Engine, merchant: Merchant) -> Counter[str]:
    with working(engine, merchant) as unit:
        rows = unit.session.execute(
            select(payment_orders.c.state).where(
                payment_orders.c.merchant_id == merchant.merchant_id
            )
        )
        return Counter(rows.scalars())


def live(
    engine: Engine, merchant: Merchant, machine: MachineTime, until: Callable[[], bool],
    *, step: float = 0.2, seconds: float = 900,
) -> None:  # fmt: skip
    """Let machine time pass, working on bells as a worker does."""
    for _ in range(int(seconds / step)):
        run_bell(engine, merchant.merchant_id, "order.send")
        run_bell(engine, merchant.merchant_id, "order.resolve")
        if until():
            return
        machine.passes(seconds=step)
    raise AssertionError(f"it does not end: {states(engine, merchant)}")


def bells(engine: Engine, machine: MachineTime) -> list[str]:
    """Take every bell off the wall that may be heard now."""
    return [bell.kind for bell in iter(lambda: take_bell(engine.db, machine.at), None)]


def all_paid(engine: Engine, merchant: Merchant) -> Callable[[], bool]:
    return lambda: set(states(engine, merchant)) == {"paid"}


def assert_taken_once(engine: Engine, merchant: Merchant, gateway: Timed, count: int) -> None:
    """What the gateway holds, what we hold and what the doctor says."""
    with working(engine, merchant) as unit:
        booked = unit.session.execute(
            select(payments.c.order_id).where(payments.c.merchant_id == merchant.merchant_id)
        ).scalars()
        assert Counter(booked) == Counter(list(gateway.orders))
    assert len(gateway.orders) == count
    report = examine(engine.db, gateway.machine())
    assert not report.broken, render(report)


def test_charges_keep_to_the_budget_in_every_second_and_none_is_lost(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 20)

    live(engine, merchant, machine, all_paid(engine, merchant), seconds=30)

    assert gateway.busiest_second() <= RPS
    assert gateway.count("charge") == 20
    # 3 of 5 are renewals' share of 1.1 seconds: 20 take less than eight
    assert machine.at - gateway.times[0] < timedelta(seconds=8)


def test_two_processes_share_one_budget(
    database: Database, engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 12)
    db = connect(database.app_url, role_prefix=database.role_prefix, pool_size=4)
    other = replace(engine, db=db)
    start = threading.Barrier(2)

    def work(one: Engine) -> None:
        start.wait()
        for _ in range(3):
            charge.send_due(one, merchant.merchant_id)

    threads = [threading.Thread(target=work, args=(one,)) for one in (engine, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.close()

    assert gateway.count("charge") == 3
    assert states(engine, merchant) == {"paid": 3, "created": 9}


def test_a_person_is_served_in_the_middle_of_a_renewal_run(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 10)
    charge.send_due(engine, merchant.merchant_id)
    assert charge.send_due(engine, merchant.merchant_id) == 0, "renewals must wait now"
    with working(engine, merchant) as unit:
        order = _one(engine, unit, "customer")

    charge.send_one(engine, merchant.merchant_id, order)

    assert states(engine, merchant) == {"paid": 4, "created": 7}


def test_those_a_person_waits_for_leave_the_queue_first(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 10)
    machine.passes(seconds=1)
    with working(engine, merchant) as unit:
        order = _one(engine, unit, "customer")

    charge.send_due(engine, merchant.merchant_id)

    with working(engine, merchant) as unit:
        sent = unit.session.execute(
            select(payment_orders.c.id).where(payment_orders.c.state == "paid")
        ).scalars()
        assert list(sent) == [order]


def test_the_bell_is_heard_again_when_there_is_room_and_not_before(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 10)
    bells(engine, machine)

    run_bell(engine, merchant.merchant_id, "order.send")

    assert "order.send" not in bells(engine, machine)
    machine.passes(seconds=1.1)
    assert bells(engine, machine) == ["order.send"]


def test_a_storm_of_429_slows_us_down_and_loses_nothing(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 8)
    end = machine.at + timedelta(seconds=20)
    rates = []

    def storm(_: str) -> Answer | None:
        return Answer("refused", code="429") if machine.at < end else None

    gateway.trouble = storm

    def done() -> bool:
        with working(engine, merchant) as unit:
            rates.append(read_budget(unit).rate(machine.at))
        return all_paid(engine, merchant)()

    live(engine, merchant, machine, done, step=1)

    assert (min(rates), rates[-1]) == (1, RPS)
    assert gateway.busiest_second() <= RPS
    assert_taken_once(engine, merchant, gateway, 8)


def test_a_gateway_that_is_down_is_left_alone_and_tried_again(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """It takes the money of some and answers nobody for two minutes."""
    write_charges(engine, merchant, 16)
    end = machine.at + timedelta(minutes=2)
    gateway.lost = lambda _: machine.at < end
    gateway.trouble = lambda call: (
        Answer("unknown", code="503") if call == "status" and machine.at < end else None
    )
    seen: set[State] = set()

    def done() -> bool:
        with working(engine, merchant) as unit:
            seen.add(read_budget(unit).breaker(Operation.CHARGE).state(machine.at))
        return all_paid(engine, merchant)()

    with caplog.at_level("INFO", logger="tagihan.pace"):
        live(engine, merchant, machine, done, step=3, seconds=7200)

    told = [record.getMessage() for record in caplog.records if record.name == "tagihan.pace"]
    assert told.count("the gateway does not answer: calls are stopped") >= 3
    assert told[-1] == "the gateway answers again"
    during = [at for at in gateway.times if at < end]
    assert seen == {State.CLOSED, State.OPEN}
    assert len(during) < 40, "two minutes at five a second would be 600"
    assert gateway.count("charge") == 16, "each was sent once, and then only asked about"
    assert_taken_once(engine, merchant, gateway, 16)


def test_declines_open_no_breaker(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 8)
    gateway.trouble = lambda call: (
        Answer("failed", code="51", transaction_status="deny", amount=109_890)
        if call == "charge" else None
    )  # fmt: skip

    live(engine, merchant, machine, lambda: set(states(engine, merchant)) == {"failed"})

    with working(engine, merchant) as unit:
        budget = read_budget(unit)
    assert (budget.rate(machine.at), dict(budget.breakers)) == (RPS, {})


def test_a_test_clock_keeps_no_pace_unless_asked(
    engine: Engine, gateway: Timed, machine: MachineTime
) -> None:
    merchant = make_merchant(engine, gateway_rps=RPS)
    write_charges(engine, merchant, 10)

    charge.send_due(engine, merchant.merchant_id)

    assert states(engine, merchant) == {"paid": 10}
    with working(engine, merchant) as unit:
        assert unit.session.execute(select(gateway_budgets)).all() == []
    write_charges(engine, merchant, 10)
    asked = replace(engine, settings=replace(engine.settings, pace_test_clocks=True))
    assert charge.send_due(asked, merchant.merchant_id) == 3


def test_a_forecast_counts_what_waits(
    engine: Engine, merchant: Merchant, gateway: Timed, machine: MachineTime
) -> None:
    write_charges(engine, merchant, 9)
    charge.send_due(engine, merchant.merchant_id)

    with working(engine, merchant) as unit:
        found = read_forecast(unit)
        told = describe(engine, unit)

    # 3 went out at once; 3 in 1.1 seconds are 163 a minute, so 6 take 3 seconds
    assert (found.waiting, found.per_minute) == (6, 163)
    assert found.done_at == machine.at + timedelta(seconds=3)
    line = "5 calls a second; 6 charges waiting, done at about 07:00 WIB, 163 a minute"
    assert told == [f"{merchant.slug}: {line}"]


def test_a_bell_that_waits_gives_way_to_one_that_does_not(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    with working(engine, merchant) as unit:
        unit.ring_later("order.send", machine.at + timedelta(seconds=30))
        unit.ring("order.send")

    with working(engine, merchant) as unit:
        assert unit.session.execute(select(jobs.c.not_before)).scalars().all() == [None]
