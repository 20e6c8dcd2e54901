"""All permutations and duplications of a payment's notifications end in the same state.

A notification is a hint: what is believed is the status that is asked for when it is worked off.
So of two deliveries only this can differ: at which moments of the life a question was asked, which
word brought it, and how often. Every set of moments is tried, from all of them to the last alone;
each question is asked twice, first by the newest word and then by the oldest; at the end whatever
was not delivered comes in reverse order, every word twice, or is lost and a poll asks.

The lives are the simulator's own words, recorded over HTTP. FULL=1 tries all of all. By default four
channels hear of each life in several ways (`WHOLLY`), always the same; the others, whose news take
the same road, hear of some lives twice: of everything in time and of nothing but its end.
`tests/unit/payments/test_every_order.py` does the same for answers that are slow, which is where the
order of writing differs from the order of asking.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateways, FakeMailer, MachineTime
from full import FULL, some
from replay import Replay
from sqlalchemy import func, select
from stage import Stage, make_stage
from told import Life, lives

from billing.engine import Engine
from billing.flows import charge, refund
from billing.flows.ingest import ingest_due, take_in
from billing.flows.offers import offer
from billing.flows.orders import open_attempt
from billing.flows.reconcile import resolve_due
from billing.ledger.tables import postings
from billing.tables import balance_entries, subscriptions
from core.tables import messages
from dunning.tables import dunning_cases
from invoices.tables import credit_notes, invoices
from ops.certify.bench import AMOUNT, PHONE
from payments.channels import CHANNELS, PUSHES
from payments.service import set_channel
from payments.tables import (
    allocations,
    payment_methods,
    payment_orders,
    payments,
    refunds,
    reviews,
)
from plans.queries import Price

pytestmark = pytest.mark.database

# What a payer pushes and a bank may take back, and what is pulled and given back in parts.
WHOLLY: Final = frozenset({"permata_va", "card", "snap", "gopay_linked"})
OF_ONE_LIFE: Final = 3
# So many lives of each of the others.
OF_OTHERS: Final = 4
# These end as "ran out" does.
LIKE_OTHERS: Final = frozenset({"withdrawn", "refused", "no answer of the provider"})
# What a payment leaves behind that was seen before its bank took it back: itself, with its end, a
# receipt that was mailed, and a subscription that was paid for a while. The money is the same.
OF_A_PAYMENT: Final = frozenset(
    {"orders", "payments", "allocations", "dunning", "subscription", "mails"}
)

Digest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    """At which steps a question is asked; ``lost`` says that nothing comes after the end but a poll."""

    heard: tuple[int, ...]
    lost: bool

    def __str__(self) -> str:
        return f"asked at {list(self.heard)}, then {'a poll' if self.lost else 'all the rest'}"


def deliveries(life: Life) -> list[Delivery]:
    """Every way to hear of a life, or the two that differ most, or none of one told elsewhere."""
    last = len(life.told) - 1
    # We ask for a refund only of what we know to be paid.
    needed = {step - 1 for step in life.ours}
    free = [step for step in range(last) if step not in needed]
    every = [
        Delivery(tuple(sorted({*chosen, *needed})), lost)
        for count in range(len(free) + 1)
        for chosen in combinations(free, count)
        for lost in (False, True)
    ]
    if FULL:
        return every
    if life.channel in WHOLLY:
        # What is lost at the end is heard of by one question, as the last of what is delivered.
        differ = [one for one in every if not one.lost or len(one.heard) == len(needed)]
        return some(differ, OF_ONE_LIFE, life.key)
    return [] if life.name in LIKE_OTHERS else [every[-2], every[1]]


class Theatre:
    """A merchant for whom one life after the other is played; each has a customer of its own."""

    def __init__(self, stage: Stage, gateway: Replay) -> None:
        self.stage = stage
        self.gateway = gateway
        with stage.work() as unit:
            for key in sorted(PUSHES):
                set_channel(unit, key, enabled=True)
            # With tax on top it comes to the amount of the recorded lives.
            self.price: Price = make_price(unit, AMOUNT, tax_mode="inclusive")

    def play(self, life: Life, delivery: Delivery) -> Digest:
        """Live through it; what it comes to."""
        before = self._accounts()
        customer, invoice_id, order = self._begin(life)
        name = str(order.order_id)
        last = len(life.told) - 1
        self._hear(name, 0, delivery)
        for step in range(1, last + 1):
            if step in life.ours:
                self._give_back(name, life, step)
            else:
                self.gateway.told[name].step = step
            if step < last:
                self._hear(name, step, delivery)
        if delivery.lost:
            self._deliver(name, last)
        else:
            # All at once, which are worked off by several threads; and then all once more.
            self._deliver(name, *reversed(range(last + 1)))
            self._deliver(name, *range(last + 1))
        self._poll()
        return self._digest(customer, invoice_id, before)

    def _begin(self, life: Life) -> tuple[UUID, UUID, Any]:
        stage = self.stage
        stage.machine.passes(seconds=10)
        self.gateway.next_life = life
        pull = CHANNELS[life.channel].pull
        with stage.work() as unit:
            customer = make_customer(unit, phone=f"+{PHONE}")
        method = stage.card(customer.id) if pull else None
        with stage.work() as unit:
            made = make_subscription(
                unit, customer=customer, price=self.price, payment_method_id=method
            )
            invoice_id = made.invoice_id
            assert invoice_id is not None
            if pull:
                order = open_attempt(
                    unit, invoice_id, payment_method_id=method,
                    initiated_by="merchant" if life.merchant_initiated else "customer",
                    authorize_only=life.held,
                )  # fmt: skip
            else:
                order = offer(unit, invoice_id, life.channel)
        charge.send_one(stage.engine, stage.id, order)
        return customer.id, invoice_id, stage.row(payment_orders, id=order)

    def _hear(self, name: str, step: int, delivery: Delivery) -> None:
        """Two questions at this moment, by the newest word of it and by the oldest."""
        if step not in delivery.heard:
            return
        self._deliver(name, step)
        self._deliver(name, 0, step)

    def _deliver(self, name: str, *words: int) -> None:
        """Take in what was told at these steps, in this order, and work it off."""
        stage = self.stage
        stage.machine.passes(seconds=10)  # the gateway's pace has a place again
        for body in filter(None, (self.gateway.body(name, word) for word in words)):
            with stage.work() as unit:
                take_in(stage.engine, unit, body, source="203.0.113.7")
        ingest_due(stage.engine, stage.id)

    def _poll(self) -> None:
        self.stage.machine.passes(hours=1)
        resolve_due(self.stage.engine, self.stage.id)

    def _give_back(self, name: str, life: Life, step: int) -> None:
        stage = self.stage
        stage.machine.passes(seconds=10)
        payment = stage.row(payments, order_id=name)
        what, raw = life.ours[step]
        amount = None
        if what == "refund" and life.told[step]["transaction_status"] == "partial_refund":
            amount = int(raw.body["refund_amount"].partition(".")[0])
        with stage.work() as unit:
            refund.request_refund(unit, payment.id, amount)
        refund.send_due(stage.engine, stage.id)
        assert self.gateway.told[name].step == step, "the refund was not sent"

    def _accounts(self) -> Counter[str]:
        query = (
            select(postings.c.account, func.sum(postings.c.amount))
            .where(postings.c.merchant_id == self.stage.id)
            .group_by(postings.c.account)
        )
        with self.stage.engine.db.begin(self.stage.id) as session:
            return Counter({account: int(sum_) for account, sum_ in session.execute(query)})

    def _digest(self, customer: UUID, invoice_id: UUID, before: Counter[str]) -> Digest:
        stage = self.stage
        invoice = stage.row(invoices, id=invoice_id)
        paid = stage.rows(payments, customer_id=customer)
        orders = stage.rows(payment_orders, customer_id=customer)
        mine = {customer, invoice_id, *(row.id for row in [*paid, *orders])}
        moved = self._accounts()
        moved.subtract(before)
        settled: Counter[str] = Counter()
        for row in stage.rows(allocations, invoice_id=invoice_id):
            settled[row.kind] += row.amount
        return {
            "orders": sorted((row.kind, row.channel, row.state) for row in orders),
            "payments": [
                (row.channel, row.amount, row.status, row.refunded_amount, _of_the_rest(row))
                for row in paid
            ],
            "allocations": dict(settled),
            "invoice": (
                invoice.status, invoice.paid_amount, invoice.credited_amount, invoice.due_amount,
                invoice.collect_at is not None,
            ),
            "credit notes": sorted(
                row.total_amount for row in stage.rows(credit_notes, invoice_id=invoice_id)
            ),
            "refunds": sorted(
                (row.amount, row.state, row.route, row.bank_confirmed_at is not None)
                for one in paid
                for row in stage.rows(refunds, payment_id=one.id)
            ),
            "balance": sum(row.amount for row in stage.rows(balance_entries, customer_id=customer)),
            "ledger": {account: amount for account, amount in moved.items() if amount},
            "dunning": sorted(
                (row.state, row.decline_class or "")
                for row in stage.rows(dunning_cases, invoice_id=invoice_id)
            ),
            "subscription": [
                row.status for row in stage.rows(subscriptions, customer_id=customer)
            ],
            "method": [
                (row.state, row.ended_because)
                for row in stage.rows(payment_methods, customer_id=customer)
            ],
            "matters": sorted(
                row.kind
                for row in stage.rows(reviews, closed_at=None)
                if row.subject_id in mine
            ),
            "mails": sorted(row.kind for row in stage.rows(messages, customer_id=customer)),
        }  # fmt: skip


@pytest.fixture
def theatre(engine: Engine, mailer: FakeMailer, machine: MachineTime) -> Theatre:
    gateway = Replay()
    engine = replace(engine, gateways=FakeGateways(gateway))
    stage = make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")
    return Theatre(stage, gateway)


def _of_the_rest(payment: Any) -> int:
    """What a bank took of a payment that otherwise stands."""
    return 0 if payment.status == "reversed" else int(payment.charged_back_amount)


def differences(ends: list[tuple[Delivery, Digest]]) -> list[str]:
    """What several ends of one life differ in, in words.

    Where money came and went again, one end that saw it and one that did not may differ in what a
    payment leaves behind; two that saw it may differ in nothing, nor two that did not.
    """
    found = []
    for name in ends[0][1]:
        seen = {repr((bool(end["payments"]), end[name])) for _, end in ends}
        allowed = len({bool(end["payments"]) for _, end in ends}) if name in OF_A_PAYMENT else 1
        values = {repr(end[name]) for _, end in ends}
        if (len(seen) if allowed > 1 else len(values)) > allowed:
            found.append(f"{name}: {', '.join(f'{end[name]} ({how})' for how, end in ends)}")
    return found


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_however_its_notifications_arrive_a_payment_ends_the_same(
    theatre: Theatre, simulator: str, channel: str
) -> None:
    played = 0
    wrong = []
    recorded = [one for one in lives(simulator, channel) if deliveries(one)]
    if channel not in WHOLLY:
        recorded = some(recorded, OF_OTHERS, channel)
    for life in recorded:
        ends: list[tuple[Delivery, Digest]] = []
        for delivery in deliveries(life):
            end = theatre.play(life, delivery)
            played += 1
            if all(end != other for _, other in ends):
                ends.append((delivery, end))
        wrong += [f"{life.key}: {line}" for line in differences(ends)]
    theatre.stage.audit()
    print(f"{channel}: {len(recorded)} lives, {played} deliveries")
    assert not wrong, "\n".join(wrong)
