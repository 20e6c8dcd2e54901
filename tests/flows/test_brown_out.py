"""A gateway that fails by chance over HTTP: each charge ends once, within the budget, for each alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import requests
from database import Database
from payers import first_payment
from simulated import open_desk
from world import ME, World, make_world

from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.orders import open_attempt
from billing.flows.pace import read_budget
from billing.flows.pay_once import OneOffLine, pay_once
from ops.doctor import examine, render
from ops.worker import run_bell
from payments.adapters.midtrans.client import PooledSession
from payments.breaker import Operation, State
from payments.tables import payment_methods, payment_orders

pytestmark = [pytest.mark.database, pytest.mark.slow]

RPS = 6
CHARGES = 8


@dataclass
class Line:
    """Notes when which call left, by the dial of machine time."""

    calls: list[tuple[datetime, str]] = field(default_factory=list)

    def busiest_second(self, path: str) -> int:
        times = [at for at, url in self.calls if path in url]
        return max(
            sum(one <= other < one + timedelta(seconds=1) for other in times) for one in times
        )


@pytest.fixture
def paced(database: Database, simulator: str) -> Iterator[World]:
    """A merchant on the simulator whose calls are counted, though its clock is a test clock."""
    made = make_world(database, simulator, gateway_rps=RPS)
    made.engine = replace(
        made.engine, settings=replace(made.engine.settings, pace_test_clocks=True)
    )
    yield made
    made.engine.close()


@pytest.fixture
def line(paced: World, monkeypatch: pytest.MonkeyPatch) -> Line:
    found, real = Line(), PooledSession.request

    def noted(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        found.calls.append((paced.machine.at, str(url)))
        return real(self, method, url, *args, **kwargs)

    monkeypatch.setattr(PooledSession, "request", noted)
    return found


def charges(world: World, count: int = CHARGES) -> list[UUID]:
    """Charges of a saved card, written and not sent."""
    if not world.rows(payment_methods):
        first_payment(world, "Sari")
        world.wait(seconds=30)
    [method] = world.rows(payment_methods)
    with world.work() as unit:
        made = [
            pay_once(
                unit, method.customer_id, [OneOffLine(f"Setup {n}", 50_000 + n)],
                collection="automatic", payment_method_id=method.id, interactive=True,
            ).id
            for n in range(count)
        ]  # fmt: skip
        return [
            open_attempt(unit, one, initiated_by="merchant", payment_method_id=method.id)
            for one in made
        ]


def states(world: World, orders: list[UUID]) -> set[str]:
    return {row.state for row in world.rows(payment_orders) if row.id in orders}


def work_on(world: World, until: Callable[[], bool], *, step: float = 0.5) -> None:
    """Let machine time pass, as a worker hears its bells; in longer steps after a while."""
    for n in range(400):
        for bell in ("order.send", "order.resolve"):
            run_bell(world.engine, world.merchant_id, bell)
        if until():
            return
        world.wait(seconds=step if n < 60 else 15)
    raise AssertionError(f"it does not end: {world.waiting()}")


def assert_each_once(world: World, orders: list[UUID]) -> None:
    """What the gateway really took is one payment an order, and the doctor finds nothing."""
    rows = [row for row in world.rows(payment_orders) if row.id in orders]
    assert {row.state for row in rows} == {"paid"}
    book = world.desk.book()
    took = {row.order_id: (book[row.order_id]["times_taken"], row.amount) for row in rows}
    assert {times for times, _ in took.values()} == {1}
    sums = sum(one["taken"] for key, one in book.items() if key in took)
    assert sums == sum(amount for _, amount in took.values())
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


@pytest.mark.parametrize(
    "kind, more",
    [
        ("429", {"retry_after": 3}),
        ("429", {}),
        ("html_502", {}),
        ("html_502_after", {}),
        ("503_before", {"retry_after": 4}),
        ("500_after", {}),
        ("drop_before", {}),
        ("drop_after", {}),
        ("timeout_before", {"seconds": 3}),
        ("timeout_after", {"seconds": 3}),
        ("slow", {"seconds": 0.2}),
        ("not_json", {}),
    ],
)
def test_each_charge_ends_once_in_a_brown_out(
    paced: World, line: Line, kind: str, more: dict[str, Any]
) -> None:
    orders = charges(paced, 3 if kind.startswith("timeout") else CHARGES)
    paced.desk.fault("any", kind, times=None, probability=0.5, **more)
    began = paced.machine.at

    def over() -> bool:
        if paced.machine.at - began > timedelta(seconds=20):
            paced.desk.control("DELETE", "faults")
        return states(paced, orders) == {"paid"}

    work_on(paced, over, step=1)

    assert_each_once(paced, orders)
    # A question that follows from an answer at once is counted after it was made.
    assert line.busiest_second("/v2/charge") <= RPS
    assert line.busiest_second("") <= 2 * RPS


def test_nobody_calls_before_the_time_the_gateway_named(paced: World, line: Line) -> None:
    orders = charges(paced)
    paced.desk.fault("charge", "429", retry_after=40)
    began = len(line.calls)
    for _ in range(160):
        work_on(paced, lambda: True)
        paced.wait(seconds=0.5)
    times = [at for at, _ in line.calls[began:]]
    batch = [at for at in times if at == times[0]]
    # Those that left together with the one that was told, and then nobody for 40 seconds.
    assert len(batch) <= RPS
    assert times[len(batch)] - times[0] >= timedelta(seconds=40)
    work_on(paced, lambda: states(paced, orders) == {"paid"})
    assert_each_once(paced, orders)


def test_one_merchants_gateway_is_down_and_the_others_go_on(
    paced: World, line: Line, simulator: str
) -> None:
    desk = open_desk(simulator)
    desk.control("POST", "clock", to=paced.machine.at.isoformat())
    draft = MerchantDraft(
        slug="lain", legal_name="PT Lain", email="tagihan@lain.example", address="Jl. Mawar 2",
        server_key=desk.server_key, client_key=desk.client_key, gateway_url=desk.url,
        gateway_rps=RPS,
    )  # fmt: skip
    second = create_merchant(paced.engine, draft, ME, clock_at=paced.machine.at)
    other = World(paced.engine, second.merchant_id, desk, paced.machine, paced.mails)
    mine, theirs = charges(paced), charges(other)
    paced.desk.fault("charge", "drop_before", times=None)

    def is_open() -> bool:
        run_bell(paced.engine, other.merchant_id, "order.send")
        return breaker(paced) is State.OPEN

    work_on(paced, is_open, step=1)
    work_on(other, lambda: states(other, theirs) == {"paid"})

    assert breaker(other) is State.CLOSED
    assert states(paced, mine) != {"paid"}
    assert_each_once(other, theirs)

    # Another address of the same merchant is not held up by what this one showed.
    with paced.work() as unit:
        elsewhere = replace(unit, merchant=replace(unit.merchant, gateway_url="http://127.0.0.1:9"))
        found = read_budget(elsewhere).breaker(Operation.CHARGE)
    assert found.state(paced.machine.at) is State.CLOSED

    paced.desk.control("DELETE", "faults")
    work_on(paced, lambda: states(paced, mine) == {"paid"}, step=2)
    assert breaker(paced) is State.CLOSED
    assert_each_once(paced, mine)


def breaker(world: World) -> State:
    with world.work() as unit:
        return read_budget(unit).breaker(Operation.CHARGE).state(world.machine.at)
