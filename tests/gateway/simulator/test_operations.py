"""Legal moves and refusals: cancel, expire, capture, approve, deny, refund."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Desk = Any

VISA = "4811 1111 1111 1114"


def bring(desk: Desk, state: str) -> str:
    """An order in the given state; its id."""
    order = f"in-{state}"
    match state:
        case "pending":
            desk.charge_va(order)
        case "authorize":
            desk.captured(order, type="authorize")
        case "challenge":
            desk.charge_card(order, desk.token("5510 1111 1111 1115"))
        case "capture":
            desk.captured(order)
        case "settlement":
            desk.settled(order)
        case "paid_va":
            desk.charge_va(order)
            desk.sim("POST", "pay", order_id=order)
        case "partial_refund":
            desk.settled(order)
            desk.core.transactions.refund(order, {"refund_key": "first", "amount": 10_000})
        case "refund":
            desk.settled(order)
            desk.core.transactions.refund(order, {"refund_key": "first"})
        case "deny":
            desk.charge_card(order, desk.token("4911 1111 1111 1113"))
        case "cancel":
            desk.charge_va(order)
            desk.core.transactions.cancel(order)
        case "expire":
            desk.charge_va(order)
            desk.core.transactions.expire(order)
        case "chargeback":
            desk.settled(order)
            desk.sim("POST", "chargeback", order_id=order)
    return order


# One row per state: what each operation leads to, or the code it is refused with.
#   state             cancel    expire    approve   deny    capture    refund
MOVES = """
    pending           cancel    expire    412       412     412        412
    authorize         cancel    412       412       412     capture    412
    challenge         cancel    412       capture   deny    412        412
    capture           cancel    412       412       412     412        412
    settlement        412       412       412       412     412        refund
    paid_va           412       412       412       412     412        412
    partial_refund    412       412       412       412     412        refund
    refund            412       412       412       412     412        412
    deny              412       412       412       412     412        412
    cancel            412       412       412       412     412        412
    expire            412       412       412       412     412        412
    chargeback        412       412       412       412     412        412
    missing           404       404       404       404     404        404
"""
OPERATIONS = ("cancel", "expire", "approve", "deny", "capture", "refund")
CELLS = [
    (row.split()[0], operation, expected)
    for row in MOVES.strip().splitlines()
    for operation, expected in zip(OPERATIONS, row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("state", "operation", "expected"), CELLS)
def test_every_operation_from_every_state(
    desk: Desk, state: str, operation: str, expected: str
) -> None:
    order = bring(desk, state)
    calls: dict[str, Callable[[], Any]] = {
        "capture": lambda: desk.core.capture({"transaction_id": order}),
        "refund": lambda: desk.core.transactions.refund(order, {"refund_key": "key"}),
    }
    call = calls.get(operation) or (lambda: getattr(desk.core.transactions, operation)(order))
    if expected.isdigit():
        assert desk.refused(call) == int(expected)
    else:
        answer = call()
        assert answer["transaction_status"] == expected
        assert answer["status_code"] == ("407" if expected == "expire" else "200")


def test_uncertain_codes_can_be_had_as_http_codes(desk: Desk) -> None:
    soft = desk.http.get("/v2/nothing/status")
    assert (soft.status_code, soft.json()["status_code"]) == (200, "404")
    desk.configure(switches={"errors_as_http": True})
    hard = desk.http.get("/v2/nothing/status")
    assert (hard.status_code, hard.json()["status_code"]) == (404, "404")


def test_a_part_of_a_hold_can_be_captured_and_never_more(desk: Desk) -> None:
    answer = desk.captured("A-1", 90_000, type="authorize")
    assert answer["transaction_status"] == "authorize"
    ident = answer["transaction_id"]
    too_much = {"transaction_id": ident, "gross_amount": 90_001}
    assert desk.refused(lambda: desk.core.capture(too_much)) == 400
    part = desk.core.capture({"transaction_id": ident, "gross_amount": 40_000})
    assert (part["transaction_status"], part["gross_amount"]) == ("capture", "40000.00")
    entry = desk.book("A-1")
    assert (entry["times_taken"], entry["captured"]) == (1, 40_000)


def test_an_uncaptured_hold_ends_by_itself(desk: Desk) -> None:
    desk.captured("A-1", type="authorize")
    desk.clock("2026-01-13T03:00:00Z")
    assert desk.book("A-1")["status"] == "expire"
    assert desk.book("A-1")["times_taken"] == 0


def test_a_cancelled_capture_gives_the_money_back(desk: Desk) -> None:
    desk.captured("A-1")
    desk.core.transactions.cancel("A-1")
    summary = desk.sim("GET", "book/summary")
    assert (summary["charged"], summary["returned"], summary["net"]) == (99_000, 99_000, 0)


def test_a_challenge_that_nobody_answers_is_cancelled_at_settlement_time(desk: Desk) -> None:
    bring(desk, "challenge")
    desk.clock("2026-01-06T09:00:00Z")
    assert desk.book("in-challenge")["status"] == "cancel"


@pytest.mark.parametrize("kind", ["permata", "echannel", "indomaret"])
def test_some_settled_payments_are_reversed(desk: Desk, kind: str) -> None:
    details = {"transaction_details": {"order_id": "R-1", "gross_amount": 50_000}}
    body = {
        "permata": {"payment_type": "bank_transfer", "bank_transfer": {"bank": "permata"}},
        "echannel": {
            "payment_type": "echannel",
            "echannel": {"bill_info1": "a", "bill_info2": "b"},
        },
        "indomaret": {"payment_type": "cstore", "cstore": {"store": "indomaret"}},
    }[kind]
    desk.core.charge({**details, **body})
    assert desk.try_sim("POST", "reverse", order_id="R-1").status_code == 409
    desk.sim("POST", "pay", order_id="R-1")
    assert desk.sim("POST", "reverse", order_id="R-1")["status"] == "deny"
    assert desk.sim("GET", "book/summary")["net"] == 0


def test_a_settled_bca_payment_is_not_reversed(desk: Desk) -> None:
    bring(desk, "paid_va")
    assert desk.try_sim("POST", "reverse", order_id="in-paid_va").status_code == 409


def test_chargebacks_in_parts(desk: Desk) -> None:
    desk.settled("A-1")
    part = desk.sim("POST", "chargeback", order_id="A-1", amount=9_000)
    assert part["status"] == "partial_chargeback"
    whole = desk.sim("POST", "chargeback", order_id="A-1")
    assert (whole["status"], whole["charged_back"]) == ("chargeback", 99_000)


# --- refunds --------------------------------------------------------------------------------------


def test_partial_refunds_add_up_to_a_whole_one(desk: Desk) -> None:
    desk.settled("A-1", 99_000)
    refund = desk.core.transactions.refund
    first = refund("A-1", {"refund_key": "r1", "amount": 40_000, "reason": "turun paket"})
    assert (first["status_code"], first["transaction_status"]) == ("200", "partial_refund")
    assert (first["refund_amount"], first["refund_key"]) == ("40000.00", "r1")
    assert isinstance(first["refund_chargeback_id"], int)
    too_much = {"refund_key": "r2", "amount": 59_001}
    assert desk.refused(lambda: refund("A-1", too_much)) == 414
    second = refund("A-1", {"refund_key": "r2", "amount": 59_000})
    assert second["transaction_status"] == "refund"
    status = desk.core.transactions.status("A-1")
    assert status["refund_amount"] == "99000.00"
    assert [entry["refund_key"] for entry in status["refunds"]] == ["r1", "r2"]
    assert desk.sim("GET", "book/summary")["net"] == 0


def test_the_same_refund_key_works_once(desk: Desk) -> None:
    desk.settled("A-1")
    refund = desk.core.transactions.refund
    refund("A-1", {"refund_key": "r1", "amount": 10_000})
    assert desk.refused(lambda: refund("A-1", {"refund_key": "r1", "amount": 10_000})) == 406
    assert desk.book("A-1")["refunded"] == 10_000


def test_without_a_key_every_call_is_another_refund(desk: Desk) -> None:
    desk.settled("A-1")
    for _ in range(2):
        desk.core.transactions.refund("A-1", {"amount": 10_000})
    assert desk.book("A-1")["refunded"] == 20_000


def test_a_refused_refund_key_may_be_tried_again(desk: Desk) -> None:
    desk.settled("A-1")
    desk.sim("POST", "faults", op="refund", kind="body_414")
    body = {"refund_key": "r1", "amount": 10_000}
    assert desk.refused(lambda: desk.core.transactions.refund("A-1", body)) == 414
    assert desk.core.transactions.refund("A-1", body)["transaction_status"] == "partial_refund"


def test_a_direct_refund_can_be_denied_by_the_bank(desk: Desk) -> None:
    desk.settled("A-1")
    desk.sim("POST", "faults", op="refund", kind="decline")
    answer = desk.core.transactions.refundDirect("A-1", {"refund_key": "r1", "amount": 10_000})
    assert (answer["status_code"], answer["transaction_status"]) == ("202", "settlement")
    assert answer["refund_amount"] == "0.00"
    assert desk.book("A-1")["refunded"] == 0


def test_the_bank_confirms_a_refund_some_minutes_later(desk: Desk) -> None:
    desk.settled("A-1")
    desk.core.transactions.refundDirect("A-1", {"refund_key": "r1", "amount": 10_000})
    assert "bank_confirmed_at" not in desk.core.transactions.status("A-1")["refunds"][0]
    desk.clock("2026-01-05T03:05:00Z")
    confirmed = desk.core.transactions.status("A-1")["refunds"][0]
    assert confirmed["bank_confirmed_at"] == "2026-01-05 10:05:00"
    assert confirmed["refund_method"] == "online"


@pytest.mark.parametrize(
    ("kind", "last_day", "amount", "code"),
    [
        ("credit_card", 180, 10_000, 412),
        ("gopay", 45, 10_000, 412),
        ("qris", 45, 10_000, 412),
    ],
)
def test_refunds_have_a_window(
    desk: Desk, kind: str, last_day: int, amount: int, code: int
) -> None:
    if kind == "credit_card":
        desk.settled("A-1")
    else:
        details = {"order_id": "A-1", "gross_amount": 99_000}
        desk.core.charge({"payment_type": kind, "transaction_details": details})
        desk.sim("POST", "pay", order_id="A-1")
    refund = desk.core.transactions.refund
    end = {180: "2026-07-04T03:00:00Z", 45: "2026-02-19T03:00:00Z"}[last_day]
    desk.clock(end)
    assert refund("A-1", {"refund_key": "in-time", "amount": amount})["status_code"] == "200"
    desk.clock(end.replace("03:00:00", "03:00:01"))
    assert desk.refused(lambda: refund("A-1", {"refund_key": "late", "amount": amount})) == code


@pytest.mark.parametrize(
    "body",
    [
        {"refund_key": "a b"},
        {"refund_key": 5},
        {"amount": 0},
        {"amount": "5"},
        {"reason": "x" * 256},
    ],
)
def test_bad_refund_requests_are_400(desk: Desk, body: dict[str, Any]) -> None:
    desk.settled("A-1")
    assert desk.refused(lambda: desk.core.transactions.refund("A-1", body)) == 400
