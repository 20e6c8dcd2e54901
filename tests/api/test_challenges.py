"""A charge that the fraud desk questions: neither paid nor failed until somebody decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
from api_house import Counter
from lived import ask, by_card

from billing.tables import subscriptions
from core.tables import events
from dunning.tables import dunning_cases
from ops.doctor import examine, render
from payments.tables import payment_methods, payment_orders, payments, reviews

pytestmark = pytest.mark.database

QUESTIONED = "5510 1111 1111 1115"
AMOUNT = 200_000


@dataclass
class Case:
    """A one-off by a card that is questioned."""

    counter: Counter
    invoice: str
    order: str
    order_id: str

    def told(self) -> dict[str, Any]:
        at = f"/payment-orders/{self.order}"
        found: dict[str, Any] = self.counter.door.get(at)["payment_order"]["order"]
        return found

    def ask(self) -> None:
        ask(self.counter.world, self.order_id)

    def decide(self, act: str, reason: str = "called the customer") -> dict[str, Any]:
        answer = self.counter.door.post(
            f"/payment-orders/{self.order}/{act}", {"reason": reason}, status=200
        )
        found: dict[str, Any] = answer["payment_order"]["order"]
        return found

    def dashboard(self, act: str) -> None:
        httpx.post(
            f"{self.counter.world.desk.url}/v2/{self.order_id}/{act}",
            auth=(self.counter.world.desk.server_key, ""), json={},
        )  # fmt: skip
        self.ask()


@pytest.fixture
def case(counter: Counter) -> Case:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Sewa alat"}, "unit_amount": AMOUNT}],
            "payment": {"card_token": counter.world.desk.card_token(QUESTIONED)},
        },
    )
    [order] = made["orders"]
    counter.confirm(order["order_id"])
    found = Case(counter, made["invoice"]["id"], order["id"], order["order_id"])
    assert found.told()["held"] == "challenge"
    return found


def approved(case: Case) -> None:
    assert case.decide("approve")["state"] == "paid"


def denied(case: Case) -> None:
    assert case.decide("deny")["state"] == "failed"


def approved_twice(case: Case) -> None:
    case.decide("approve")
    for act in ("approve", "deny"):
        again = case.counter.door.call(
            "POST", f"/payment-orders/{case.order}/{act}", {"reason": "again"}
        )
        assert (again.status_code, again.json()["code"]) == (409, "order_not_held")


def answer_lost(case: Case) -> None:
    """The workers repeat the decision until its outcome is known; another is refused meanwhile."""
    case.counter.world.desk.fault("approve", "drop_before")
    assert case.decide("approve")["state"] == "pending"
    other = case.counter.door.call("POST", f"/payment-orders/{case.order}/deny", {"reason": "x"})
    assert other.json()["code"] == "decision_under_way"
    case.counter.world.wait(minutes=10)
    case.counter.world.drain()


def answer_lost_after_its_effect(case: Case) -> None:
    case.counter.world.desk.fault("deny", "drop_after")
    case.decide("deny")
    case.counter.world.wait(minutes=10)
    case.counter.world.drain()


def approved_as_a_matter(case: Case) -> None:
    """The red box asks; its answer is carried out by the workers."""
    [matter] = case.counter.door.get("/reviews?kind=fraud_challenge")["data"]
    assert matter["decisions"] == ["approve", "deny"]
    case.counter.door.post(
        f"/reviews/{matter['id']}/resolve", {"decision": "approve", "reason": "known"}, status=200
    )
    case.counter.world.drain()


def approved_in_the_dashboard(case: Case) -> None:
    case.dashboard("approve")


def denied_in_the_dashboard(case: Case) -> None:
    case.dashboard("deny")


def left_alone(case: Case) -> None:
    """Midtrans cancels it when the day is settled."""
    case.counter.world.advance(case.counter.world.clock_at() + timedelta(days=2))


def taken_back(case: Case) -> None:
    case.counter.door.post(f"/payment-orders/{case.order}/end", status=200)


@dataclass(frozen=True)
class Road:
    walk: Callable[[Case], None]
    order: str
    invoice: tuple[str, int]
    said: tuple[str, str | None]  # by the gateway: status and fraud status


ROADS = (
    Road(approved, "paid", ("paid", 0), ("capture", "accept")),
    Road(approved_twice, "paid", ("paid", 0), ("capture", "accept")),
    Road(denied, "failed", ("open", AMOUNT), ("deny", "deny")),
    Road(answer_lost, "paid", ("paid", 0), ("capture", "accept")),
    Road(answer_lost_after_its_effect, "failed", ("open", AMOUNT), ("deny", "deny")),
    Road(approved_as_a_matter, "paid", ("paid", 0), ("capture", "accept")),
    Road(approved_in_the_dashboard, "paid", ("paid", 0), ("capture", "accept")),
    Road(denied_in_the_dashboard, "failed", ("open", AMOUNT), ("deny", "deny")),
    Road(left_alone, "failed", ("open", AMOUNT), ("cancel", "challenge")),
    Road(taken_back, "failed", ("open", AMOUNT), ("cancel", "challenge")),
)


@pytest.mark.parametrize("road", ROADS, ids=lambda road: str(road.walk.__name__))
def test_each_road_of_a_questioned_charge_ends_in_the_right_books(case: Case, road: Road) -> None:
    world = case.counter.world
    assert world.rows(payments) == [], "it is not paid"
    assert world.rows(dunning_cases) == [], "and has not failed"
    assert [row.kind for row in world.rows(reviews)] == ["fraud_challenge"]
    assert len(world.rows(events, type="payment.challenged")) == 1
    case.ask()  # heard again: nothing new
    road.walk(case)
    told = case.told()
    assert (told["state"], told["held"]) == (road.order, None)
    invoice = case.counter.door.get(f"/invoices/{case.invoice}")["invoice"]
    assert (invoice["status"], invoice["due"]) == road.invoice
    entry = world.desk.book()[case.order_id]
    assert (entry["status"], entry["fraud_status"]) == road.said
    assert [row.amount for row in world.rows(payments)] == [AMOUNT] * (road.order == "paid")
    [matter] = world.rows(reviews, kind="fraud_challenge")
    assert matter.closed_at is not None
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)


@pytest.mark.parametrize("trouble", ["500_before", "drop_before"])
def test_a_lost_answer_says_nothing_about_what_is_held(case: Case, trouble: str) -> None:
    world = case.counter.world
    world.desk.fault("status", trouble, times=1)
    world.wait(hours=1)
    world.drain()
    world.wait(hours=6)
    world.drain()
    assert (case.told()["state"], case.told()["held"]) == ("pending", "challenge")
    [matter] = world.rows(reviews, kind="fraud_challenge")
    assert matter.closed_at is None, "somebody still has to decide"
    approved(case)


@pytest.mark.parametrize("accept", [True, False])
def test_a_renewal_that_is_questioned_waits_and_a_denied_card_is_not_charged_again(
    counter: Counter, accept: bool
) -> None:
    world = counter.world
    first = by_card(world, "Sari", world.plan("pro", 99_000))
    [method] = world.rows(payment_methods)
    world.desk.control("POST", "cards", masked=method.masked, behaviour="challenge")
    [subscription] = world.rows(subscriptions)
    world.advance(subscription.next_at + timedelta(hours=10))
    [renewal] = [row for row in world.rows(payment_orders) if row.invoice_id != first]
    assert (renewal.state, renewal.held) == ("pending", "challenge")
    assert world.invoice(renewal.invoice_id).status == "open"
    assert world.rows(dunning_cases) == []
    from core import ids

    act = "approve" if accept else "deny"
    at = f"/payment-orders/{ids.public('payment_order', renewal.id)}/{act}"
    counter.door.post(at, {"reason": "asked"}, status=200)
    world.drain()
    assert world.invoice(renewal.invoice_id).status == ("paid" if accept else "open")
    if not accept:
        [opened] = world.rows(dunning_cases)
        assert (opened.decline_class, opened.decline_code) == ("hard", "fraud")
        world.advance(world.clock_at() + timedelta(days=8))
        assert len(world.desk.book()) == 2, "the card was charged twice in all, and never again"
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)
