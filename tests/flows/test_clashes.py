"""Two transactions in each other's way: the one that gave in is done again, and nobody notices."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from builders import set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from stage import Stage, jakarta, make_stage

from api.auth import Caller
from api.idempotency import Once
from billing.engine import Engine
from billing.flows import chase
from billing.queries import lock_customers
from billing.service import create_customer
from billing.tables import customers
from core.actor import Actor
from core.clashes import TIMES, is_clash, repeated
from core.work import Work
from dunning.tables import dunning_cases
from invoices.queries import get_invoice
from ops.worker import run_bell
from payments.tables import reviews


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-29 09:00")


class Meeting:
    """Raises what the driver raises, so many times, and then lets it be."""

    def __init__(
        self, times: int, kind: type[psycopg.Error] = psycopg.errors.DeadlockDetected
    ) -> None:
        self.left, self.kind, self.tried = times, kind, 0

    def __call__(self, *_: Any) -> str:
        self.tried += 1
        if self.left:
            self.left -= 1
            raise OperationalError("SELECT 1", {}, self.kind("met"))
        return "done"


@pytest.mark.parametrize("times", range(TIMES))
def test_it_is_done_again_until_it_meets_nobody(times: int) -> None:
    meeting = Meeting(times)
    assert (repeated(meeting), meeting.tried) == ("done", times + 1)


def test_it_is_not_done_again_for_ever() -> None:
    meeting = Meeting(99)
    with pytest.raises(OperationalError) as caught:
        repeated(meeting)
    assert is_clash(caught.value)
    assert meeting.tried == TIMES


@pytest.mark.parametrize(
    "kind",
    [psycopg.errors.AdminShutdown, psycopg.errors.LockNotAvailable, psycopg.OperationalError],
)
def test_what_is_no_clash_is_not_done_again(kind: type[psycopg.Error]) -> None:
    """After a connection that broke at a commit, nobody knows what was kept."""
    meeting = Meeting(1, kind)
    with pytest.raises(OperationalError):
        repeated(meeting)
    assert meeting.tried == 1


def crossed(stage: Stage, customer_id: UUID, invoice_id: UUID, do: Callable[[], Any]) -> Any:
    """Do something that locks the customer and then waits for the invoice, which another
    transaction holds that then waits for the customer: a deadlock, in which ours gives in.
    """
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(do()))
    with stage.work() as unit:
        get_invoice(unit, invoice_id, lock=True)
        thread.start()
        time.sleep(0.4)  # it waits for the invoice by now, and looks for a deadlock before we do
        lock_customers(unit, [customer_id])
    thread.join()
    [found] = outcome
    return found


def test_a_case_in_a_deadlock_takes_its_step_all_the_same(stage: Stage) -> None:
    customer_id, _, _ = stage.card_customer()
    stage.live_until(jakarta("2027-02-27 09:00"))
    stage.decline("51", times=1)
    stage.live_until(jakarta("2027-02-28 12:00"))
    [case] = stage.rows(dunning_cases)
    set_clock(stage.engine, stage.id, case.next_at)

    found = crossed(
        stage, customer_id, case.invoice_id, lambda: run_bell(stage.engine, stage.id, "case.step")
    )

    [after] = stage.rows(dunning_cases)
    assert found >= 1
    assert after.next_at != case.next_at
    assert stage.rows(reviews) == []


def test_a_case_whose_rows_are_held_is_left_and_put_before_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.card_customer()
    stage.live_until(jakarta("2027-02-27 09:00"))
    stage.decline("51", times=1)
    stage.live_until(jakarta("2027-02-28 12:00"))
    [case] = stage.rows(dunning_cases)
    set_clock(stage.engine, stage.id, case.next_at)
    monkeypatch.setattr(chase, "_step", Meeting(99, psycopg.errors.LockNotAvailable))

    assert chase.step_due(stage.engine, stage.id) == 0

    assert stage.rows(dunning_cases) == [case]
    assert stage.rows(reviews) == []


class Body(msgspec.Struct):
    id: UUID


@pytest.mark.parametrize("calls", [False, True], ids=["one commit", "two commits"])
def test_a_request_that_met_another_has_one_effect(stage: Stage, calls: bool) -> None:
    begun, finished = Meeting(1), Meeting(1)

    def begin(unit: Work) -> UUID:
        made = create_customer(unit, name="Sari", email="sari@contoh.example", key="k-1")
        begun()
        return made.id

    def finish(_: Work, its: UUID) -> Body:
        finished()
        return Body(its)

    caller = Caller(stage.id, Actor("operator", "operator"), frozenset({"admin"}))
    once = Once(stage.engine, caller, "k-1", "POST /api/v1/customers", bytes(32))
    answer = once.run(begin, finish, call=(lambda _: None) if calls else None)

    assert answer.status_code == 201
    with stage.engine.db.begin(stage.id) as session:
        assert len(session.execute(select(customers)).all()) == 1
