"""Every road a card payment can take after its charge: to the invoice, to the books, to an end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from lived import ask
from payers import first_payment
from world import World

from billing.flows import refund
from billing.flows.decide import resolve_review
from billing.ledger.tables import journals, postings
from billing.tables import balance_entries
from core.errors import InvalidRequest
from ops.doctor import examine, render
from payments.tables import payment_methods, payment_orders, payments, refunds, reviews

pytestmark = pytest.mark.database

PAID = 99_000  # the seller is no PKP
DAY = timedelta(days=1)


@dataclass
class Case:
    """A card that was charged for the first invoice of a subscription."""

    world: World
    invoice_id: UUID
    order_id: str

    @property
    def payment_id(self) -> UUID:
        [row] = self.world.rows(payments, order_id=self.order_id)
        return UUID(str(row.id))

    def gateway(self, operation: str) -> None:
        """Somebody uses Midtrans' dashboard; we hear of it as of everything, by asking."""
        answer = httpx.post(
            f"{self.world.desk.url}/v2/{self.order_id}/{operation}",
            auth=(self.world.desk.server_key, ""), json={},
        )  # fmt: skip
        assert answer.json()["status_code"] == "200", answer.text
        self.ask()

    def settles(self) -> None:
        self.world.desk.control("POST", "settle", order_id=self.order_id)
        self.ask()

    def ask(self) -> None:
        ask(self.world, self.order_id)

    def charged_back(self, amount: int | None = None) -> None:
        more = {} if amount is None else {"amount": amount}
        self.world.desk.control("POST", "chargeback", order_id=self.order_id, **more)
        self.ask()

    def refunds(self, amount: int | None = None) -> None:
        with self.world.work() as unit:
            refund.request_refund(unit, self.payment_id, amount)
        self.sends()

    def sends(self) -> None:
        for _ in range(4):
            refund.send_due(self.world.engine, self.world.merchant_id)
            self.world.wait(minutes=2)

    def books(self) -> dict[str, int]:
        """What every account holds; those at zero left out."""
        sums: Counter[str] = Counter()
        for row in self.world.rows(postings):
            sums[row.account] += row.amount
        return {account: amount for account, amount in sums.items() if amount}


def stays_captured(case: Case) -> None:
    case.ask()


def settles(case: Case) -> None:
    case.settles()
    case.ask()


def settles_by_its_hour(case: Case) -> None:
    case.world.advance(case.world.clock_at() + 2 * DAY)
    case.ask()


def canceled_whole(case: Case) -> None:
    case.refunds()


def part_before_settlement(case: Case) -> None:
    """It waits, and goes back once the payment has settled."""
    case.refunds(40_000)
    [row] = case.world.rows(refunds)
    assert (row.state, row.route) == ("refund_scheduled", "refund")
    assert case.world.desk.book()[case.order_id]["status"] == "capture"
    case.settles()
    case.sends()


def two_parts_before_settlement(case: Case) -> None:
    case.refunds(40_000)
    case.refunds(59_000)
    assert {row.state for row in case.world.rows(refunds)} == {"refund_scheduled"}
    case.settles()
    case.sends()


def more_than_is_left_before_settlement(case: Case) -> None:
    """The second does not fit beside the first, which still waits."""
    case.refunds(40_000)
    with pytest.raises(InvalidRequest, match="59000"):
        case.refunds(60_000)
    case.settles()
    case.sends()


def refunded_whole(case: Case) -> None:
    case.settles()
    case.refunds()


def refunded_in_parts_to_nothing(case: Case) -> None:
    case.settles()
    for amount in (9_000, 90_000):
        case.refunds(amount)
    with pytest.raises(InvalidRequest):
        case.refunds(1)


def charged_back_whole(case: Case) -> None:
    case.settles()
    case.charged_back()


def charged_back_in_part(case: Case) -> None:
    case.settles()
    case.charged_back(30_000)


def charged_back_while_a_refund_waits(case: Case) -> None:
    """The bank has given all back itself: the refund is dropped, its credit note still stands."""
    case.refunds(40_000)
    case.world.desk.control("POST", "settle", order_id=case.order_id)
    case.charged_back()
    [row] = case.world.rows(refunds)
    assert row.state == "failed"


def canceled_in_the_dashboard(case: Case) -> None:
    """Nobody here asked for it: a person says that the money went back."""
    case.gateway("cancel")
    [matter] = case.world.rows(reviews)
    assert (matter.kind, matter.closed_at) == ("answer_differs", None)
    with case.world.work() as unit:
        resolve_review(unit, matter.id, decision="taken_back", reason="canceled in the dashboard")


def canceled_in_the_dashboard_and_noted_as_a_refund(case: Case) -> None:
    """The customer need not pay after all: a full refund finds that its money has gone back."""
    case.gateway("cancel")
    case.ask()
    assert case.books() == _KEPT, "until a person decides nothing is booked"
    case.refunds()
    [matter] = case.world.rows(reviews)
    with case.world.work() as unit:
        resolve_review(unit, matter.id, decision="done", reason="refunded")


@dataclass(frozen=True)
class Road:
    """One road, and where it ends.

    ``books`` are the accounts that are not at zero: a debit positive.
    """

    walk: Callable[[Case], None]
    order: str
    payment: tuple[str, int]  # its status, and what went back of it
    invoice: tuple[str, int]  # its status, and what is due
    card: str
    books: dict[str, int]
    said: str  # by Midtrans, at last
    balance: int = 0


_KEPT = {"gateway_clearing": PAID, "deferred_revenue": -PAID}
_PART = {"gateway_clearing": 59_000, "deferred_revenue": -59_000}
_OWED = {"receivable": PAID, "deferred_revenue": -PAID}

ROADS = (
    Road(stays_captured, "paid", ("captured", 0), ("paid", 0), "active", _KEPT, "capture"),
    Road(settles, "paid", ("settled", 0), ("paid", 0), "active", _KEPT, "settlement"),
    Road(settles_by_its_hour, "paid", ("settled", 0), ("paid", 0), "active", _KEPT, "settlement"),
    Road(canceled_whole, "paid", ("canceled", PAID), ("paid", 0), "active", {}, "cancel"),
    Road(
        part_before_settlement, "paid", ("settled", 40_000), ("paid", 0), "active", _PART,
        "partial_refund",
    ),
    Road(
        two_parts_before_settlement, "paid", ("settled", PAID), ("paid", 0), "active", {}, "refund"
    ),
    Road(
        more_than_is_left_before_settlement, "paid", ("settled", 40_000), ("paid", 0), "active",
        _PART, "partial_refund",
    ),
    Road(refunded_whole, "paid", ("settled", PAID), ("paid", 0), "active", {}, "refund"),
    Road(
        refunded_in_parts_to_nothing, "paid", ("settled", PAID), ("paid", 0), "active", {}, "refund"
    ),
    Road(
        charged_back_whole, "reversed", ("reversed", 0), ("open", PAID), "ended", _OWED,
        "chargeback",
    ),
    Road(
        charged_back_in_part, "paid", ("settled", 0), ("open", 30_000), "ended",
        {"gateway_clearing": 69_000, "receivable": 30_000, "deferred_revenue": -PAID},
        "partial_chargeback",
    ),
    Road(
        charged_back_while_a_refund_waits, "reversed", ("reversed", 0), ("open", 59_000), "ended",
        {"receivable": 59_000, "deferred_revenue": -59_000}, "chargeback",
    ),
    Road(
        canceled_in_the_dashboard, "reversed", ("reversed", 0), ("open", PAID), "active", _OWED,
        "cancel",
    ),
    Road(
        canceled_in_the_dashboard_and_noted_as_a_refund, "paid", ("canceled", PAID), ("paid", 0),
        "active", {}, "cancel",
    ),
)  # fmt: skip


@pytest.fixture
def case(world: World) -> Case:
    _, invoice_id = first_payment(world, "Sari", PAID)
    return Case(world, invoice_id, world.order_of(invoice_id).order_id)


@pytest.mark.parametrize("road", ROADS, ids=lambda road: str(road.walk.__name__))
def test_each_road_of_a_card_ends_in_the_right_books(case: Case, road: Road) -> None:
    road.walk(case)
    world = case.world
    [order] = world.rows(payment_orders, order_id=case.order_id)
    [payment] = world.rows(payments)
    [method] = world.rows(payment_methods)
    invoice = world.invoice(case.invoice_id)
    assert world.desk.book()[case.order_id]["status"] == road.said
    assert order.state == road.order
    assert (payment.status, payment.refunded_amount) == road.payment
    assert (invoice.status, invoice.due_amount) == road.invoice
    assert method.state == road.card
    assert sum(row.amount for row in world.rows(balance_entries)) == road.balance
    assert case.books() == road.books
    before = len(world.rows(journals))
    case.ask()
    assert len(world.rows(journals)) == before, "heard again, nothing is booked again"
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)
