"""Money held on a card and not taken: captured whole or in part, released, lapsed; over the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from api_house import Counter
from lived import ask

from billing.flows.documents import Links
from billing.flows.hold_wishes import wish_capture
from billing.flows.settle import settle
from billing.ledger.tables import postings
from core import ids
from core.tables import events
from invoices.queries import get_invoice
from invoices.tables import credit_notes
from ops.doctor import examine, render
from payments.gateway import Answer
from payments.review_kinds import kind_of
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database

HELD = 200_000  # the seller is no PKP


def held(counter: Counter, number: str = "4811 1111 1111 1114", **more: Any) -> tuple[str, str]:
    """A one-off whose payer has confirmed a hold: (invoice, order)."""
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Sewa alat"}, "unit_amount": HELD}],
            "payment": {
                "card_token": counter.world.desk.card_token(number), "authorize_only": True, **more,
            },
        },
    )  # fmt: skip
    [order] = made["orders"]
    assert (order["state"], order["held"]) == ("pending", None)
    counter.confirm(order["order_id"])
    return made["invoice"]["id"], order["id"]


def seen(counter: Counter, order: str) -> dict[str, Any]:
    found: dict[str, Any] = counter.door.get(f"/payment-orders/{order}")["payment_order"]["order"]
    return found


def invoice_of(counter: Counter, invoice: str) -> tuple[str, int]:
    found = counter.door.get(f"/invoices/{invoice}")["invoice"]
    return found["status"], found["due"]


def books(counter: Counter) -> dict[str, int]:
    sums: dict[str, int] = {}
    for row in counter.world.rows(postings):
        sums[row.account] = sums.get(row.account, 0) + row.amount
    return {account: amount for account, amount in sums.items() if amount}


def page_of(counter: Counter, invoice: str) -> str:
    """The path of the payer's page."""
    invoice_id = ids.parse("invoice", invoice)
    with counter.world.work() as unit:
        due_on = get_invoice(unit, invoice_id).due_on
        assert due_on is not None
        url = Links.of(counter.world.engine).invoice(unit.merchant_id, invoice_id, due_on)
    return urlsplit(url).path


def healthy(counter: Counter) -> None:
    report = examine(counter.world.engine.db, counter.world.machine.at)
    assert not report.broken, render(report)


def capture(counter: Counter, order: str, **body: Any) -> dict[str, Any]:
    told: dict[str, Any] = counter.door.post(
        f"/payment-orders/{order}/capture", body, status=200
    )["payment_order"]["order"]  # fmt: skip
    return told


def refused(counter: Counter, order: str, act: str, **body: Any) -> str:
    answer = counter.door.call("POST", f"/payment-orders/{order}/{act}", body)
    assert answer.status_code in (409, 422), answer.text
    return str(answer.json()["code"])


def test_a_hold_is_seen_and_is_no_payment(counter: Counter) -> None:
    invoice, order = held(counter)
    told = seen(counter, order)
    assert (told["state"], told["held"], told["captured_amount"]) == ("pending", "authorized", None)
    assert told["expires_at"] is not None
    assert invoice_of(counter, invoice) == ("open", HELD)
    assert counter.world.rows(payments) == []
    assert books(counter).get("gateway_clearing") is None
    [event] = counter.world.rows(events, type="payment.authorized")
    assert event.payload["amount"] == HELD
    again = counter.door.call(
        "POST", f"/invoices/{invoice}/pay", {"card_token": counter.world.desk.card_token()}
    )
    assert again.json()["code"] == "attempt_open", "nothing is charged beside a hold"
    healthy(counter)


def test_a_hold_is_captured_whole_once(counter: Counter) -> None:
    invoice, order = held(counter)
    told = capture(counter, order)
    assert (told["state"], told["held"], told["captured_amount"]) == ("paid", None, HELD)
    assert invoice_of(counter, invoice) == ("paid", 0)
    assert books(counter)["gateway_clearing"] == HELD
    assert refused(counter, order, "capture") == "order_not_held"
    assert refused(counter, order, "end") == "order_not_open"
    healthy(counter)


def test_a_part_is_captured_and_the_rest_taken_back(counter: Counter) -> None:
    invoice, order = held(counter)
    assert refused(counter, order, "capture", amount=150_000) == "rest_needed"
    assert refused(counter, order, "capture", amount=200_001) == "capture_exceeds_hold"
    told = capture(counter, order, amount=150_000, rest="credit")
    assert (told["state"], told["amount"], told["captured_amount"]) == ("paid", HELD, 150_000)
    assert invoice_of(counter, invoice) == ("paid", 0)
    [note] = counter.world.rows(credit_notes)
    assert (note.total_amount, note.reason) == (50_000, "captured_less")
    [payment] = counter.world.rows(payments)
    assert (payment.amount, payment.status) == (150_000, "captured")
    assert books(counter)["gateway_clearing"] == 150_000
    assert books(counter).get("receivable", 0) == 0
    # What was taken is all that can go back, and it can.
    refund = counter.door.post("/refunds", {"payment": _public(counter), "reason": "mistake"})
    assert refund["amount"] == 150_000
    counter.world.drain()
    assert counter.world.rows(payments)[0].status == "canceled"
    healthy(counter)


def _public(counter: Counter) -> str:
    from core import ids

    [row] = counter.world.rows(payments)
    return ids.public("payment", row.id)


def test_a_part_is_captured_and_the_rest_stays_due(counter: Counter) -> None:
    invoice, order = held(counter)
    capture(counter, order, amount=150_000, rest="due")
    assert invoice_of(counter, invoice) == ("open", 50_000)
    counter.world.drain()
    counter.door.post(f"/invoices/{invoice}/pay", {"virtual_account": True})
    [number] = counter.world.rows(payment_orders, kind="instrument")
    assert number.amount == 50_000
    counter.world.desk.pay(order_id=number.order_id)
    ask(counter.world, number.order_id)
    assert invoice_of(counter, invoice) == ("paid", 0)
    healthy(counter)


def test_what_was_credited_meanwhile_is_not_captured(counter: Counter) -> None:
    invoice, order = held(counter)
    counter.door.post(
        f"/invoices/{invoice}/credit-notes", {"amount": 60_000, "reason": "service_problem"}
    )
    assert refused(counter, order, "capture", amount=HELD) == "capture_exceeds_due"
    told = capture(counter, order)
    assert told["captured_amount"] == 140_000
    assert invoice_of(counter, invoice) == ("paid", 0)
    healthy(counter)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "500_before", "503_after"])
def test_a_capture_whose_answer_was_lost_is_done_once(counter: Counter, fault: str) -> None:
    invoice, order = held(counter)
    counter.world.desk.fault("capture", fault)
    told = capture(counter, order, amount=120_000, rest="credit")
    if told["state"] == "pending":
        assert told["captured_amount"] == 120_000
        assert refused(counter, order, "end") == "decision_under_way"
        assert refused(counter, order, "capture", amount=130_000, rest="credit") == (
            "decision_under_way"
        )
        counter.world.wait(minutes=10)
        counter.world.drain()
    assert seen(counter, order)["state"] == "paid"
    [payment] = counter.world.rows(payments)
    assert payment.amount == 120_000
    [taken] = counter.world.desk.book().values()
    assert taken["captured"] == 120_000
    assert invoice_of(counter, invoice) == ("paid", 0)
    healthy(counter)


def test_a_capture_that_the_bank_refuses_leaves_the_hold_and_may_be_tried_again(
    counter: Counter,
) -> None:
    _, order = held(counter)
    counter.world.desk.control("POST", "faults", op="capture", kind="decline", code="05", times=1)
    told = capture(counter, order, amount=120_000, rest="due")
    assert (told["state"], told["held"], told["captured_amount"], told["code"]) == (
        "pending", "authorized", None, "05",
    )  # fmt: skip
    [event] = counter.world.rows(events, type="payment.capture_refused")
    assert event.payload["code"] == "05"
    assert capture(counter, order)["state"] == "paid"
    healthy(counter)


def test_a_released_hold_takes_nothing(counter: Counter) -> None:
    invoice, order = held(counter)
    ended = counter.door.post(f"/payment-orders/{order}/end", status=200)["payment_order"]
    assert (ended["order"]["state"], ended["order"]["held"]) == ("failed", None)
    [entry] = counter.world.desk.book().values()
    assert (entry["status"], entry["captured"]) == ("cancel", 0)
    assert invoice_of(counter, invoice) == ("open", HELD)
    [event] = counter.world.rows(events, type="payment.hold_ended")
    assert event.payload["because"] == "released"
    assert counter.world.rows(events, type="payment.declined") == []
    assert counter.world.rows(reviews) == [], "who released it knows"
    page = counter.client.get(page_of(counter, invoice)).text
    assert "Dana yang ditahan di kartu Anda sudah dilepas; tidak ada yang ditagih" in page
    counter.door.post(f"/invoices/{invoice}/void", {"reason": "not needed"}, status=200)
    healthy(counter)


def test_a_void_invoice_lets_its_hold_go(counter: Counter) -> None:
    invoice, order = held(counter)
    counter.door.post(f"/invoices/{invoice}/void", {"reason": "not needed"}, status=200)
    assert refused(counter, order, "capture") in ("invoice_not_open", "order_not_held")
    counter.world.drain()
    assert seen(counter, order)["state"] == "failed"
    [entry] = counter.world.desk.book().values()
    assert entry["status"] == "cancel"
    healthy(counter)


def test_a_hold_that_nobody_captures_lapses_and_the_invoice_is_still_owed(
    counter: Counter,
) -> None:
    invoice, order = held(counter)
    counter.world.advance(counter.world.clock_at() + timedelta(days=9))
    told = seen(counter, order)
    assert (told["state"], told["held"]) == ("failed", None)
    assert invoice_of(counter, invoice) == ("open", HELD)
    assert counter.world.rows(events, type="payment.declined") == [], "no bank refused it"
    [event] = counter.world.rows(events, type="payment.hold_ended")
    assert (event.payload["because"], event.payload["amount"]) == ("lapsed", HELD)
    [matter] = counter.door.get("/reviews?kind=hold_ended")["data"]
    assert matter["detail"]["because"] == "lapsed"
    assert "masih terutang" in kind_of("hold_ended").todo["id"]
    page = counter.client.get(page_of(counter, invoice)).text
    assert "Dana yang ditahan di kartu Anda sudah dilepas" in page
    assert "Kartu belum dapat ditagih" not in page
    assert refused(counter, order, "capture") == "order_not_held"
    healthy(counter)


def test_a_part_captured_in_the_dashboard_is_booked_as_it_was(counter: Counter) -> None:
    invoice, order = held(counter)
    [entry] = counter.world.desk.book().values()
    httpx.post(
        f"{counter.world.desk.url}/v2/capture", auth=(counter.world.desk.server_key, ""),
        json={"transaction_id": entry["transaction_id"], "gross_amount": 90_000},
    )  # fmt: skip
    counter.door.post(f"/payment-orders/{order}/refresh", status=200)
    assert seen(counter, order)["captured_amount"] == 90_000
    assert invoice_of(counter, invoice) == ("open", HELD - 90_000)
    healthy(counter)


@pytest.mark.parametrize(
    ("captured", "rest", "left"),
    [(HELD, "due", 0), (150_000, "due", 50_000), (150_000, "credit", 0)],
)
def test_what_the_dashboard_captured_beside_our_wish_can_be_booked(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, captured: int, rest: str, left: int
) -> None:
    """We ask for a part; in that moment more of it is captured elsewhere: a person is asked."""
    invoice, order = held(counter)
    desk = counter.world.desk
    with counter.world.work() as unit:
        gateway = counter.world.engine.gateways.of(unit.merchant)
    real = gateway.capture

    def overtaken(at: str, **more: Any) -> Answer:
        httpx.post(
            f"{desk.url}/v2/capture", auth=(desk.server_key, ""),
            json={"transaction_id": at, "gross_amount": captured},
        )  # fmt: skip
        return real(at, **more)

    monkeypatch.setattr(gateway, "capture", overtaken)
    assert capture(counter, order, amount=120_000, rest=rest)["state"] == "review"
    [matter] = counter.door.get("/reviews?kind=answer_differs")["data"]
    assert (matter["detail"]["expected"], matter["detail"]["amount"]) == (120_000, captured)
    counter.door.post(
        f"/reviews/{matter['id']}/resolve",
        {"decision": "paid", "reason": "captured in the dashboard"},
        status=200,
    )
    assert [payment.amount for payment in counter.world.rows(payments)] == [captured]
    assert invoice_of(counter, invoice) == ("open" if left else "paid", left)
    assert books(counter)["gateway_clearing"] == captured
    healthy(counter)


def test_only_a_fresh_card_of_a_one_off_is_held(counter: Counter) -> None:
    answer = counter.door.call(
        "POST", "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Sewa alat"}, "unit_amount": HELD}],
            "payment": {"virtual_account": True, "authorize_only": True},
        },
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "hold_not_possible")
    answer = counter.door.call(
        "POST", "/subscriptions",
        {
            "customer": counter.customer(), "price": counter.price(150_000),
            "payment": {
                "card_token": counter.world.desk.card_token(), "authorize_only": True,
                "mandate": {"text_version": "1", "text": "Setuju.", "source": "10.0.0.7"},
            },
        },
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "hold_not_possible")


def test_a_status_that_names_what_was_held_and_not_what_was_captured_goes_to_a_person(
    counter: Counter,
) -> None:
    """Midtrans does not say which of the two it names (open point U14)."""
    _, order = held(counter)
    with counter.world.work() as unit:
        wish_capture(unit, ids.parse("payment_order", order), amount=150_000, rest="due")
    name = seen(counter, order)["order_id"]
    told = Answer(
        "paid", order_id=name, amount=HELD, currency="IDR", transaction_status="capture",
        payment_type="credit_card",
    )  # fmt: skip
    world = counter.world
    assert settle(world.engine, world.merchant_id, name, told, because="test") == "review"
    assert [row.kind for row in world.rows(reviews)] == ["answer_differs"]
    assert world.rows(payments) == [], "nothing is booked that may be too much"
