"""One bad row, lock, clock or mail holds up nobody else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from payers import (
    credited,
    let_it_be_collected,
    paid_answer,
    receive,
    renewal,
    replaced,
    status_body,
    va_customer,
)
from sqlalchemy import text
from world import ME, World

import scheduler
from billing.flows import cards, charge, chase, clock, deliver, ingest, settle
from billing.flows.collect import collect_due
from billing.flows.ingest import ingest_due
from billing.flows.orders import lock_open_invoice, withdraw
from billing.tables import subscriptions
from core.errors import EngineError
from core.jobs import ring_due
from core.settings import Settings
from core.tables import messages
from dunning import queries as dunning_queries
from invoices.tables import invoices
from payments.tables import notifications, payment_methods, payment_orders

pytestmark = pytest.mark.database


def blocked(call: Callable[[], Any]) -> tuple[threading.Thread, list[BaseException]]:
    """Run something that will wait for our locks; what it raised, if it did."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.5)
    return thread, raised


def test_dropping_a_moot_order_does_not_deadlock_with_a_settlement(world: World) -> None:
    """settle: invoice, then order. lease: order, then (for a moot one) invoice."""
    invoice_id = renewal(world, "Budi")
    let_it_be_collected(world, invoice_id)
    credited(world, invoice_id, 9_000)
    mine: list[BaseException] = []
    theirs: list[BaseException] = []
    try:
        with world.work() as unit:
            lock_open_invoice(unit, invoice_id)
            thread, theirs = blocked(lambda: charge.send_due(world.engine, world.merchant_id))
            withdraw(unit, invoice_id, kinds=("attempt",))
    except Exception as error:
        mine.append(error)
    thread.join()

    assert [*mine, *theirs] == []


def test_the_tick_and_a_flow_that_rings_two_bells_do_not_deadlock(world: World) -> None:
    """A flow rings in the order of the alphabet, the tick in the order of its list."""
    invoice_id = renewal(world, "Budi")
    with world.work() as unit:
        unit.session.execute(
            invoices.update().where(invoices.c.id == invoice_id).values(collect_at=unit.now)
        )
        chase_case = text(
            "INSERT INTO jobs (merchant_id, id, kind, rung_at) "
            "VALUES (:m, gen_random_uuid(), :kind, :at) ON CONFLICT DO NOTHING"
        )
        unit.session.execute(text("DELETE FROM jobs"))
    with world.work() as unit:
        unit.session.execute(subscriptions.update().values(next_at=unit.now))
    mine: list[BaseException] = []
    theirs: list[BaseException] = []
    try:
        with world.work() as unit:

            def ring(kind: str) -> None:
                unit.session.execute(
                    chase_case, {"m": world.merchant_id, "kind": kind, "at": unit.real_now}
                )

            # A flow's flush is one statement, in this order; the tick comes in between.
            ring("invoice.collect")
            thread, theirs = blocked(lambda: ring_due(world.engine.db, world.machine.at))
            ring("subscription.renew")
    except Exception as error:
        mine.append(error)
    thread.join()

    assert [*mine, *theirs] == []


def test_a_jump_that_dies_on_the_way_is_finished_by_the_next_driver(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = replaced(world)

    def die(to: Any) -> None:
        raise ConnectionError("the simulator is gone")

    with monkeypatch.context() as patched:
        patched.setattr(gateway, "set_time", die)
        with pytest.raises(ConnectionError):
            clock.jump(world.engine, world.merchant_id, world.machine.at + timedelta(days=1), ME)
    for _ in range(3):
        clock.drive(world.engine, world.merchant_id, lambda _: 0)

    with world.engine.work(world.merchant_id, ME) as unit:
        state = clock.read_clock(unit.session, world.merchant_id)
    assert state is not None
    assert state.state != "stepping", "no work is done ever again"


def test_one_clock_that_can_not_be_driven_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = UUID(int=1), UUID(int=2)
    driven = []

    def drive(engine: Any, merchant_id: UUID, ring: Any) -> bool:
        if merchant_id == bad:
            raise ConnectionError("its simulator is down")
        driven.append(merchant_id)
        return True

    moving = lambda _: [one for one in (bad, good) if one not in driven]  # noqa: E731
    monkeypatch.setattr(scheduler, "advancing_clocks", moving)
    monkeypatch.setattr(scheduler, "drive", drive)
    scheduler.drive_clocks(SimpleNamespace(db=None, real_now=lambda: None))  # type: ignore[arg-type]

    assert driven == [good]


def test_a_clock_that_waits_for_its_gateway_does_not_keep_the_others_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One order in doubt keeps its clock for half a minute: the neighbour goes on meanwhile."""
    waits, moves, later = UUID(int=1), UUID(int=2), UUID(int=3)
    driven: list[UUID] = []

    def moving(_: Any) -> list[UUID]:
        asked = [waits, moves, later] if driven.count(moves) >= 2 else [waits, moves]
        return [one for one in asked if driven.count(one) < 3 or one == waits]

    def drive(engine: Any, merchant_id: UUID, ring: Any) -> bool:
        driven.append(merchant_id)
        return driven.count(merchant_id) == 3 and merchant_id != waits

    monkeypatch.setattr(scheduler, "advancing_clocks", moving)
    monkeypatch.setattr(scheduler, "drive", drive)
    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0)
    scheduler.drive_clocks(SimpleNamespace(db=None, real_now=lambda: None))  # type: ignore[arg-type]

    # Turn by turn, and who is asked to move meanwhile joins in.
    assert driven[:9] == [waits, moves, waits, moves, waits, moves, later, waits, later]


def test_a_hold_is_released_at_once_and_keeps_no_clock_waiting(world: World) -> None:
    customer = world.customer("Tono")
    with world.work() as unit:
        method = cards.new_card(unit, customer, "card-tono")
        order = cards.check_card(world.engine, unit, customer, method, world.desk.card_token())
    charge.send_one(world.engine, world.merchant_id, order)
    [check] = world.rows(payment_orders, id=order)
    world.desk.confirm(check.order_id)
    world.wait(minutes=16)  # the payer looked for his phone
    receive(world, status_body(world, check.order_id))
    ingest_due(world.engine, world.merchant_id)
    [check] = world.rows(payment_orders, id=order)

    assert check.abandoning
    assert check.next_at <= world.machine.at, check.next_at - world.machine.at


def test_a_lease_outlives_all_calls_of_its_batch() -> None:
    settings = Settings()
    one = settings.gateway_connect_seconds + settings.gateway_read_seconds

    assert settings.lease_seconds >= one, "a batch is called at once: nobody waits in line"


def test_one_unreadable_card_does_not_stop_everybodys_charges(world: World) -> None:
    bad = renewal(world, "Budi")
    with world.work() as unit:
        unit.session.execute(payment_methods.update().values(token_sealed=b"\x04lost" + bytes(40)))
    good = va_customer_unsent(world)
    with world.work() as unit:
        unit.session.execute(
            invoices.update().where(invoices.c.id == bad).values(collect_at=unit.now)
        )
    collect_due(world.engine, world.merchant_id)
    for _ in range(3):
        with contextlib.suppress(EngineError):
            charge.send_due(world.engine, world.merchant_id)
        world.wait(minutes=10)

    assert world.order_of(good).state == "pending"


def va_customer_unsent(world: World) -> UUID:
    from world import subscribe

    price = world.plan("va-plan", 50_000)
    customer = world.customer("Dewi")
    with world.work() as unit:
        made = subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
    assert made.invoice_id is not None
    return made.invoice_id


def test_one_case_that_fails_does_not_stop_everybodys_dunning(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = [(UUID(int=n), UUID(int=n), UUID(int=n)) for n in (1, 2)]
    stepped = []

    def step(unit: Any, case_id: UUID, customer_id: UUID, invoice_id: UUID) -> None:
        if case_id.int == 1:
            raise EngineError("poison", "this one can not be done")
        stepped.append(case_id.int)

    monkeypatch.setattr(dunning_queries, "due_cases", lambda unit, limit: due)
    monkeypatch.setattr(chase, "_step", step)
    for _ in range(3):
        with contextlib.suppress(EngineError):
            chase.step_due(world.engine, world.merchant_id)

    assert 2 in stepped


def test_one_mail_that_trips_the_program_does_not_stop_everybodys_mail(world: World) -> None:
    va_customer(world, "Aaa")
    va_customer(world, "Bbb")
    tripped: set[str] = set()
    gone: set[str] = set()

    class Tripping:
        def send(self, mail: Any) -> None:
            if not tripped or mail.to in tripped:
                tripped.add(mail.to)
                raise RuntimeError("a bug for this address")
            gone.add(mail.to)

    world.engine = replace(world.engine, mailer=Tripping())
    for _ in range(4):
        world.wait(minutes=5)
        with contextlib.suppress(RuntimeError):
            deliver.send_due(world.engine, world.merchant_id)

    assert len(gone) == 1, [(m.state, m.sends) for m in world.rows(messages)]


def test_one_notification_that_fails_does_not_stop_those_that_came_with_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [world.order_of(va_customer(world, name)) for name in ("Aaa", "Bbb", "Ccc")]
    for order in orders:
        receive(world, status_body(world, order.order_id))
    first: list[str] = []

    def trip(
        engine: Any, merchant_id: UUID, gateway: Any, order_id: str, *_: Any, **kw: Any
    ) -> str:
        if order_id == (first or [order_id])[0]:
            first[:] = [order_id]
            raise RuntimeError("a row that can not be settled")
        return "pending"

    monkeypatch.setattr(ingest, "settle_asked", trip)
    for _ in range(5):
        with contextlib.suppress(RuntimeError):
            ingest_due(world.engine, world.merchant_id)
        world.wait(minutes=2)

    assert [row.state for row in world.rows(notifications)].count("done") == 2


def test_a_null_character_in_an_answer_does_not_stop_its_payment(world: World) -> None:
    invoice_id = va_customer(world)
    order = world.order_of(invoice_id)
    answer = paid_answer(order, raw={"status_message": "OK\x00"})
    settle.settle(world.engine, world.merchant_id, order.order_id, answer, because="test")

    assert world.invoice(invoice_id).status == "paid"
