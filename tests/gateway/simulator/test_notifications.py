"""What merchants are told: signature, addresses, retries, and news that goes astray."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from simulator.notifications import signature

Desk = Any
Told = tuple[Any, Any]


def test_the_signature_of_the_published_example() -> None:
    made = signature("INV-1001-1", "200", "150000.00", "TEST-server-key")
    assert made == (
        "b6ffcdadf33c9a41e95a2a65f427cad7fb2248537fc80a337b296b94980fbb18"
        "acfaa3b1230dd83648f0a14fc6eea0cabebcf71ff8558ca27dc4f4fed28499f4"
    )


def signed(message: dict[str, Any], key: str) -> bool:
    text = message["order_id"] + message["status_code"] + message["gross_amount"] + key
    return bool(hashlib.sha512(text.encode()).hexdigest() == message["signature_key"])


def test_every_move_is_told_signed_and_in_order(told: Told) -> None:
    desk, inbox = told
    desk.charge_va("V-1", 44_145)
    desk.sim("POST", "pay", order_id="V-1")
    desk.captured("A-1")
    desk.clock("2026-01-06T09:00:00Z")
    desk.core.transactions.refund("A-1", {"refund_key": "r1", "amount": 9_000})
    desk.clock("2026-01-06T10:00:00Z")
    told_codes = [(m["transaction_status"], m["status_code"]) for _, m, _ in inbox.messages]
    assert told_codes == [
        ("pending", "201"),
        ("settlement", "200"),
        ("capture", "200"),
        ("settlement", "200"),
        ("partial_refund", "200"),
        ("partial_refund", "200"),
    ]
    assert all(signed(message, desk.server_key) for _, message, _ in inbox.messages)
    refunds = [message["refunds"][0] for _, message, _ in inbox.messages[-2:]]
    assert ["bank_confirmed_at" in refund for refund in refunds] == [False, True]
    path, message, headers = inbox.messages[0]
    assert path == "/notify"
    assert headers["User-Agent"] == "Veritrans"
    assert message["status_message"] == "midtrans payment notification"
    assert message["va_numbers"][0]["bank"] == "bca"
    assert message["merchant_id"].startswith("G")


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [
        ("cancel", "cancel", "202"),
        ("expire", "expire", "202"),
    ],
)
def test_ends_are_202_in_messages(told: Told, do: str, status: str, code: str) -> None:
    desk, inbox = told
    desk.charge_va("V-1")
    getattr(desk.core.transactions, do)("V-1")
    desk.sim("POST", "drain")
    last = inbox.messages[-1][1]
    assert (last["transaction_status"], last["status_code"]) == (status, code)


def test_denied_and_challenged_charges_are_told(told: Told) -> None:
    desk, inbox = told
    desk.charge_card("A-1", desk.token("4911 1111 1111 1113"))
    desk.charge_card("A-2", desk.token("5510 1111 1111 1115"))
    desk.core.transactions.approve("A-2")
    desk.sim("POST", "drain")
    seen = [
        (m["status_code"], m["transaction_status"], m["fraud_status"]) for _, m, _ in inbox.messages
    ]
    assert seen == [
        ("202", "deny", "accept"),
        ("201", "capture", "challenge"),
        ("200", "capture", "accept"),
    ]


# What the merchant answers, and how long after the first failure each further try comes (minutes).
@pytest.mark.parametrize(
    ("answer", "tries"),
    [
        (200, []),
        (204, []),
        (301, []),
        (302, []),
        (303, []),
        (400, [2, 12]),
        (404, [2, 12]),
        (500, [2]),
        (503, [2, 12, 42, 132]),
        (401, [2, 12, 42, 132, 342]),
        (502, [2, 12, 42, 132, 342]),
    ],
)
def test_retries_follow_the_answer(told: Told, answer: int, tries: list[int]) -> None:
    desk, inbox = told
    inbox.answers = [answer] * 10
    desk.charge_va("V-1", custom_expiry={"expiry_duration": 10, "unit": "day"})
    desk.sim("POST", "drain")
    desk.clock("2026-01-06T03:00:00Z")
    notice = desk.book("V-1")["notifications"][0]
    at = [attempt["at"] for attempt in notice["attempts"]]
    minutes = [(int(t[11:13]) - 3) * 60 + int(t[14:16]) for t in at]
    assert minutes == [0, *tries]
    assert notice["state"] == ("delivered" if answer < 300 else "failed")
    assert {attempt["answer"] for attempt in notice["attempts"]} == {str(answer)}


def test_a_refused_connection_is_tried_five_times_more(
    desk: Desk,
) -> None:
    desk.configure(notification_url="http://127.0.0.1:9/notify")
    desk.charge_va("V-1", custom_expiry={"expiry_duration": 10, "unit": "day"})
    desk.clock("2026-01-06T03:00:00Z")
    notice = desk.book("V-1")["notifications"][0]
    assert [attempt["answer"] for attempt in notice["attempts"]] == ["refused"] * 6


def test_a_retry_that_succeeds_ends_the_matter(told: Told) -> None:
    desk, inbox = told
    inbox.answers = [503]
    desk.charge_va("V-1")
    desk.clock("2026-01-05T04:00:00Z")
    notice = desk.book("V-1")["notifications"][0]
    assert [attempt["answer"] for attempt in notice["attempts"]] == ["503", "200"]
    assert notice["state"] == "delivered"
    assert inbox.messages[0][1] == inbox.messages[1][1]


def test_retries_can_be_shifted_but_the_first_waits_33_seconds(told: Told) -> None:
    desk, inbox = told
    desk.configure(switches={"retry_shift": True})
    inbox.answers = [500]
    desk.charge_va("V-1")
    desk.clock("2026-01-05T04:00:00Z")
    first, second = desk.book("V-1")["notifications"][0]["attempts"]
    assert first["at"] == "2026-01-05T03:00:00Z"
    assert "2026-01-05T03:00:33Z" <= second["at"] < "2026-01-05T03:02:00Z"


def test_307_is_followed_with_the_same_body(told: Told) -> None:
    desk, inbox = told
    inbox.answers = [307]
    desk.charge_va("V-1")
    desk.sim("POST", "drain")
    assert [path for path, _, _ in inbox.messages] == ["/notify", "/elsewhere"]
    assert inbox.messages[0][1] == inbox.messages[1][1]
    assert desk.book("V-1")["notifications"][0]["state"] == "delivered"


def test_endless_307_ends_after_five_hops(told: Told) -> None:
    desk, inbox = told
    inbox.answers = [307] * 20
    desk.charge_va("V-1")
    desk.sim("POST", "drain")
    assert len(inbox.messages) == 6
    assert desk.book("V-1")["notifications"][0]["attempts"][0]["answer"] == "307"


@pytest.mark.parametrize(
    ("headers", "paths"),
    [
        ({}, ["/notify"]),
        ({"X-Append-Notification": "{0}/a,{0}/b"}, ["/a", "/b", "/notify"]),
        ({"X-Override-Notification": "{0}/a, {0}/b"}, ["/a", "/b"]),
        ({"X-Override-Notification": "{0}/a", "X-Append-Notification": "{0}/b"}, ["/a"]),
        ({"X-Override-Notification": "{0}/1,{0}/2,{0}/3,{0}/4"}, ["/1", "/2", "/3"]),
    ],
)
def test_override_and_append_headers(told: Told, headers: dict[str, str], paths: list[str]) -> None:
    desk, inbox = told
    desk.headers = {name: value.format(inbox.url) for name, value in headers.items()}
    desk.charge_va("V-1")
    desk.headers = {}
    desk.sim("POST", "pay", order_id="V-1")
    desk.sim("POST", "drain")
    assert sorted(path for path, _, _ in inbox.messages) == sorted(paths * 2)


# --- astray ---------------------------------------------------------------------------------------


def test_a_message_can_be_lost_and_sent_again(told: Told) -> None:
    desk, inbox = told
    desk.sim("POST", "notifications", order_id="V-1", action="lose_next", times=2)
    desk.charge_va("V-1")
    desk.sim("POST", "pay", order_id="V-1")
    desk.sim("POST", "drain")
    assert inbox.messages == []
    assert [n["state"] for n in desk.book("V-1")["notifications"]] == ["lost", "lost"]
    desk.sim("POST", "notifications", order_id="V-1", action="resend")
    desk.sim("POST", "drain")
    assert inbox.statuses() == [("V-1", "settlement")]


def test_a_delayed_message_arrives_after_a_later_one(told: Told) -> None:
    desk, inbox = told
    desk.sim("POST", "notifications", order_id="V-1", action="delay", seconds=600)
    desk.charge_va("V-1")
    desk.sim("POST", "pay", order_id="V-1")
    desk.clock("2026-01-05T03:10:00Z")
    assert inbox.statuses() == [("V-1", "settlement"), ("V-1", "pending")]


def test_a_message_can_be_doubled(told: Told) -> None:
    desk, inbox = told
    desk.sim("POST", "notifications", order_id="V-", action="duplicate")
    desk.charge_va("V-1")
    desk.charge_va("V-2")
    desk.sim("POST", "drain")
    assert inbox.statuses() == [("V-1", "pending"), ("V-1", "pending"), ("V-2", "pending")]


def test_a_message_can_be_changed_on_the_way(told: Told) -> None:
    desk, inbox = told
    changes = {"gross_amount": "1.00"}
    desk.sim("POST", "notifications", order_id="V-1", action="alter", set=changes)
    desk.charge_va("V-1")
    desk.sim("POST", "drain")
    message = inbox.messages[0][1]
    assert message["gross_amount"] == "1.00"
    assert not signed(message, desk.server_key)


def test_resending_an_unknown_order_is_refused(desk: Desk) -> None:
    answer = desk.try_sim("POST", "notifications", order_id="none", action="resend")
    assert answer.status_code == 404


def test_the_charge_does_not_wait_for_the_merchant(
    server: Any, new_desk: Callable[..., Desk]
) -> None:
    desk = new_desk(server.url)
    desk.configure(notification_url=server.url + "/_sim/health")  # answers, if only with 404
    for place in range(20):
        assert desk.charge_va(f"V-{place}")["status_code"] == "201"
    desk.sim("POST", "drain")
    notices = [desk.book(f"V-{place}")["notifications"][0] for place in range(20)]
    assert {notice["attempts"][0]["answer"] for notice in notices} == {"404"}
