"""Random lives in many threads before a gateway that loses answers: the invariants hold over all."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeGateways, FakeMailer, FakeOrder, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import chase, deliver
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change, drop_change
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.credit import credit_invoice
from billing.flows.offers import offer
from billing.flows.orders import open_attempt
from billing.flows.reconcile import resolve_due
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.flows.void import void_invoice
from core import ids
from core.errors import EngineError
from core.work import Work
from invoices.tables import invoices
from ops.doctor import examine, render
from payments.gateway import Answer, ChargeRequest, RefundAnswer
from payments.tables import payments

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(600)]

SEEDS = int(os.environ.get("TAGIHAN_TEST_SEEDS", "1"))
THREADS = 6
DAYS = 8
DEEDS = 10

_SAYS = {
    "capture": "paid", "settlement": "paid", "pending": "pending",
    "deny": "failed", "cancel": "failed", "expire": "failed",
}  # fmt: skip


class Unreliable(FakeGateway):
    """Loses answers before and after the effect, refuses cards, and keeps its own book."""

    def __init__(self, dice: random.Random) -> None:
        super().__init__()
        self.dice, self.lock, self.quiet = dice, threading.Lock(), False

    def charge(self, request: ChargeRequest, *, idempotency_key: str) -> Answer:
        with self.lock:
            if request.order_id in self.orders:
                return Answer("duplicate", code="406")
            luck = 0.9 if self.quiet else self.dice.random()
            if luck < 0.08:
                return Answer("unknown", message="lost before the effect")
            if luck < 0.12:
                return Answer("not_sent")
            state = "pending" if request.channel == "bca_va" else "capture"
            if state == "capture" and luck < 0.4:
                state = "deny"
            self.orders[request.order_id] = FakeOrder(request.order_id, request.amount, state)
            if luck > 0.92:
                return Answer("unknown", message="lost after the effect")
            return self._tell(request.order_id)

    def _tell(self, order_id: str) -> Answer:
        known = self.orders[order_id]
        return Answer(
            _SAYS[known.state],  # type: ignore[arg-type]
            order_id=order_id,
            amount=known.amount,
            currency="IDR",
            transaction_status=known.state,
            settled=known.state == "settlement",
            payment_type="credit_card",
            code="51" if known.state == "deny" else None,
            instructions={"bank": "bca", "va_number": "7"} if known.state == "pending" else {},
        )

    def status(self, order_id: str) -> Answer:
        with self.lock:
            if not self.quiet and self.dice.random() < 0.05:
                return Answer("unknown")
            if order_id not in self.orders:
                return Answer("not_found", order_id=order_id, code="404")
            return self._tell(order_id)

    def cancel(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        return self._move(order_id, ("pending", "capture"), "cancel")

    def expire(self, order_id: str, *, idempotency_key: str) -> RefundAnswer:
        return self._move(order_id, ("pending",), "expire")

    def _move(self, order_id: str, before: tuple[str, ...], after: str) -> RefundAnswer:
        with self.lock:
            known = self.orders.get(order_id)
            if known is None or known.state not in before:
                return RefundAnswer("failed", "412")
            known.state = after
            return RefundAnswer("succeeded", "200")

    def somebody_pays(self, before: str) -> str | None:
        """One order that waits, or is captured, is settled."""
        with self.lock:
            waiting = [one for one in self.orders.values() if one.state == before]
            if not waiting:
                return None
            chosen = self.dice.choice(waiting)
            chosen.state = "settlement"
            return chosen.order_id


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-29 09:00")


def deeds(
    stage: Stage, gateway: Unreliable, dice: random.Random, prices: list[UUID], who: Any
) -> dict[str, Callable[[], Any]]:
    """What may happen to one customer at any moment."""
    customer, subscription, _ = who
    engine, mine = stage.engine, stage.id

    def in_work(do: Callable[[Work], Any]) -> Callable[[], None]:
        def run() -> None:
            with stage.work() as unit:
                do(unit)

        return run

    def on_open(do: Callable[[Work, Any], Any]) -> Callable[[], None]:
        def run() -> None:
            for one in stage.rows(invoices, customer_id=customer, status="open")[:1]:
                with stage.work() as unit:
                    do(unit, one)

        return run

    def heard(before: str) -> None:
        order_id = gateway.somebody_pays(before)
        if order_id is not None and dice.random() < 0.7:
            settle(engine, mine, order_id, gateway.status(order_id), because="notification")

    def credit(unit: Work, one: Any) -> None:
        credit_invoice(
            unit, one.id, reason="mistake", gross_amount=dice.randint(1, 20_000),
            source_kind="request", source_id=ids.fresh(),
        )  # fmt: skip

    price, when = dice.choice(prices), dice.choice(["period_end"] * 6 + ["now"])
    return {
        "renew": lambda: renew_due(engine, mine),
        "collect": lambda: collect_due(engine, mine),
        "send": lambda: send_due(engine, mine),
        "resolve": lambda: resolve_due(engine, mine),
        "step": lambda: chase.step_due(engine, mine),
        "change": in_work(lambda unit: change(unit, subscription, price_id=price, mode="prorate")),
        "later": in_work(lambda unit: change(unit, subscription, price_id=price)),
        "quantity": in_work(lambda unit: change(unit, subscription, quantity=dice.randint(1, 4))),
        "drop": in_work(lambda unit: drop_change(unit, subscription)),
        "cancel": in_work(lambda unit: cancel(unit, subscription, when=when)),  # type: ignore[arg-type]
        "undo": in_work(lambda unit: undo_cancel(unit, subscription)),
        "credit": on_open(credit),
        "void": on_open(lambda unit, one: void_invoice(unit, one.id, reason="mistake")),
        "number": on_open(lambda unit, one: offer(unit, one.id)),
        "charge": on_open(
            lambda unit, one: open_attempt(
                unit, one.id, initiated_by="customer", payment_method_id=one.payment_method_id
            )
        ),
        "pays": lambda: heard("pending"),
        "settles": lambda: heard("capture"),
    }


WEIGHTS = Counter(
    renew=2, collect=2, send=3, resolve=2, step=2, change=1, later=1, quantity=1, drop=1, cancel=1,
    undo=1, credit=1, void=1, number=1, charge=1, pays=3, settles=1,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(2, 2 + SEEDS))
def test_the_invariants_hold_whoever_comes_first(stage: Stage, seed: int) -> None:
    dice = random.Random(seed)
    gateway = Unreliable(random.Random(seed + 1))
    stage.engine, stage.gateway = replace(stage.engine, gateways=FakeGateways(gateway)), gateway
    with stage.work() as unit:
        prices = [make_price(unit, n).id for n in (99_000, 299_001)]
        prices.append(make_price(unit, 45_003, interval_unit="week").id)
    people: list[Any] = []
    for n in range(3):
        unit_ = dice.choice(["month", "week"])
        people += [
            stage.card_customer(50_000 + n, interval_unit=unit_),
            stage.invoice_customer(70_000 + n, interval_unit=unit_),
        ]
    broken: list[BaseException] = []

    def live(of: int) -> None:
        own = random.Random(of)
        for _ in range(DEEDS):
            may = deeds(stage, gateway, own, prices, own.choice(people))
            try:
                may[own.choice(list(WEIGHTS.elements()))]()
            except EngineError:
                pass  # it was refused in words, which is an answer
            except Exception as error:
                broken.append(error)

    now = jakarta("2027-01-29 09:00")
    for _ in range(DAYS):
        now += timedelta(days=dice.choice([0, 1, 2, 4]), hours=dice.randint(0, 23))
        set_clock(stage.engine, stage.id, now)
        stage.machine.passes(minutes=dice.choice([1, 20, 60]))
        threads = [
            threading.Thread(target=live, args=(dice.getrandbits(32),)) for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    _goes_quiet(stage, gateway)
    assert broken == []
    report = examine(stage.engine.db, stage.machine.at)
    assert not report.broken, render(report)
    taken = [one for one in gateway.orders.values() if one.state in ("capture", "settlement")]
    assert sum(one.amount for one in taken) == sum(row.amount for row in stage.rows(payments))


def _goes_quiet(stage: Stage, gateway: Unreliable) -> None:
    """No more trouble, for longer than an order may be in doubt: two days of machine time."""
    gateway.quiet = True
    flows = (renew_due, chase.step_due, collect_due, send_due, resolve_due, deliver.send_due)
    for _ in range(60):
        stage.machine.passes(hours=1)
        for flow in flows:
            flow(stage.engine, stage.id)
