"""Two hosts, two breakers: the one that is down does not stop what goes to the other."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from builders import make_customer, make_merchant, make_method, working
from fakes import FakeGateway, MachineTime
from sqlalchemy import select, update

from billing.engine import Engine
from billing.flows import charge
from billing.flows.card_requests import CardRequest, seal_card_request
from billing.flows.offers import offer
from billing.flows.orders import open_attempt
from billing.flows.pace import read_budget, read_forecast
from billing.flows.pay_once import OneOffLine, pay_once
from core.jobs import take_bell
from core.merchant import Merchant
from ops.doctor import examine, render
from ops.gateway import describe
from payments.breaker import Breaker, Operation, State
from payments.gateway import Answer, ChargeRequest
from payments.service import set_channel
from payments.tables import gateway_budgets, payment_orders

pytestmark = pytest.mark.database

RPS = 40


class TwoHosts(FakeGateway):
    """Opens pages at one host and charges at another; either may be silent."""

    def __init__(self) -> None:
        super().__init__()
        self.down: set[str] = set()

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        host = "snap" if request.channel == "snap" else "core"
        self._note(host, request.order_id, idempotency_key)
        if host in self.down:
            return Answer("not_sent", message="no connection")
        if host == "core":
            return super().charge(request, idempotency_key=idempotency_key)
        return Answer(
            "pending", expires_at=request.expires_at,
            instructions={"redirect_url": "https://snap.example/1", "snap_token": "t"},
        )  # fmt: skip


@pytest.fixture
def gateway() -> TwoHosts:
    return TwoHosts()


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    """One who lives in real time and opens pages."""
    made = make_merchant(engine, at=None, gateway_rps=RPS)
    with working(engine, made) as unit:
        set_channel(unit, "snap", enabled=True, rank=1)
    return made


def pulls(engine: Engine, merchant: Merchant, count: int) -> list[UUID]:
    """Charges of saved cards, written and not sent."""
    made = []
    with working(engine, merchant) as unit:
        for _ in range(count):
            customer = make_customer(unit)
            method = make_method(unit, customer.id)
            invoice = pay_once(
                unit, customer.id, [OneOffLine("Setup", 99_000)],
                collection="automatic", payment_method_id=method, interactive=True,
            )  # fmt: skip
            sealed = seal_card_request(engine, unit, invoice.id, CardRequest("token"))
            made.append(
                open_attempt(
                    unit, invoice.id, initiated_by="merchant",
                    payment_method_id=method, request_sealed=sealed,
                )
            )  # fmt: skip
    return made


def pages(engine: Engine, merchant: Merchant, count: int) -> list[UUID]:
    """Pages that customers asked for, written and not opened."""
    made = []
    with working(engine, merchant) as unit:
        for _ in range(count):
            customer = make_customer(unit)
            lines = [OneOffLine("Setup", 99_000)]
            invoice = pay_once(unit, customer.id, lines, collection="invoice", interactive=True)
            made.append(offer(unit, invoice.id, "snap"))
    return made


def states(engine: Engine, merchant: Merchant, orders: list[UUID]) -> Counter[str]:
    with working(engine, merchant) as unit:
        c = payment_orders.c
        return Counter(unit.session.execute(select(c.state).where(c.id.in_(orders))).scalars())


def breaker(engine: Engine, merchant: Merchant, operation: Operation) -> State:
    with working(engine, merchant) as unit:
        return read_budget(unit).breaker(operation).state(unit.real_now)


def goes_down(
    engine: Engine, merchant: Merchant, gateway: TwoHosts, machine: MachineTime, host: str
) -> None:
    """A host is silent until it is left alone."""
    gateway.down.add(host)
    operation = Operation.PAGE if host == "snap" else Operation.CHARGE
    for _ in range(60):
        charge.send_due(engine, merchant.merchant_id)
        if breaker(engine, merchant, operation) is State.OPEN:
            return
        machine.passes(seconds=3)
    raise AssertionError(f"{host} is still called")


def live(engine: Engine, merchant: Merchant, machine: MachineTime, seconds: int = 6) -> None:
    for _ in range(seconds):
        charge.send_due(engine, merchant.merchant_id)
        machine.passes(seconds=1)


@pytest.mark.parametrize("host", ["core", "snap"])
def test_a_host_that_is_down_stops_nothing_at_the_other(
    engine: Engine, merchant: Merchant, gateway: TwoHosts, machine: MachineTime, host: str
) -> None:
    other = {"core": "snap", "snap": "core"}[host]
    write = {"core": pulls, "snap": pages}
    # More than a batch, so that they would stand before all that is written later.
    stuck = write[host](engine, merchant, charge.BATCH + 4)
    goes_down(engine, merchant, gateway, machine, host)
    machine.passes(seconds=2)
    wanted = write[other](engine, merchant, 3)
    called = gateway.count(host)
    with working(engine, merchant) as unit:
        unit.session.execute(update(payment_orders).where(payment_orders.c.id.in_(stuck))
                             .values(next_at=unit.real_now))  # fmt: skip

    charge.send_due(engine, merchant.merchant_id)

    served = {"core": "paid", "snap": "pending"}[other]
    assert states(engine, merchant, wanted) == {served: 3}
    assert gateway.count(host) == called, "the one that is down is left alone"
    assert "order.send" in _bells(engine, machine.at, later=40), "what waits is not forgotten"

    gateway.down.clear()
    live(engine, merchant, machine, 120)
    assert states(engine, merchant, stuck) == {{"core": "paid", "snap": "pending"}[host]: 20}
    assert breaker(engine, merchant, Operation.CHARGE) is State.CLOSED
    assert breaker(engine, merchant, Operation.PAGE) is State.CLOSED
    report = examine(engine.db, machine.at)
    assert not report.broken, render(report)


def _bells(engine: Engine, now: datetime, *, later: int) -> list[str]:
    at = now + timedelta(seconds=later)
    return [bell.kind for bell in iter(lambda: take_bell(engine.db, at), None)]


def test_pages_that_are_down_are_told_and_no_forecast_of_charges_waits_for_them(
    engine: Engine, merchant: Merchant, gateway: TwoHosts, machine: MachineTime
) -> None:
    pages(engine, merchant, 8)
    goes_down(engine, merchant, gateway, machine, "snap")
    with working(engine, merchant) as unit:
        assert read_forecast(unit).state is State.CLOSED
        told = describe(engine, unit)
    assert "hosted page calls are stopped" in told[1]


def test_a_budget_that_was_stored_before_pages_had_a_breaker_is_read(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    pulls(engine, merchant, 1)
    charge.send_due(engine, merchant.merchant_id)
    old = Breaker(failures=6, opened=1, until=machine.at).to_json()
    with working(engine, merchant) as unit:
        state = unit.session.execute(select(gateway_budgets.c.state)).scalar_one()
        state["breakers"] = {"charge": old, "of_a_later_version": old}
        unit.session.execute(update(gateway_budgets).values(state=state))
    assert breaker(engine, merchant, Operation.CHARGE) is State.HALF_OPEN
    assert breaker(engine, merchant, Operation.PAGE) is State.CLOSED
    wanted = [*pages(engine, merchant, 2), *pulls(engine, merchant, 1)]
    live(engine, merchant, machine)
    assert states(engine, merchant, wanted) == {"pending": 2, "paid": 1}
