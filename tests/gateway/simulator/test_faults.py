"""Trouble on request, seen through the official client; what the book says afterwards."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import httpx
import midtransclient
import pytest

Desk = Any


def outcome(desk: Desk, order: str = "V-1") -> str:
    """How a charge looks to a merchant."""
    try:
        answer = desk.charge_va(order)
    except midtransclient.MidtransAPIError as error:
        return f"http {error.http_status_code} body {error.api_response_dict['status_code']}"
    except Exception as error:
        return type(error).__name__
    return f"ok {answer['gross_amount']}"


# kind,            what the merchant sees,           is the charge in the book
FAULTS = [
    ("timeout_before", "ReadTimeout", False),
    ("timeout_after", "ReadTimeout", True),
    ("drop_before", "ConnectionError", False),
    ("drop_after", "ConnectionError", True),
    ("500_before", "http 500 body 500", False),
    ("500_after", "http 500 body 500", True),
    ("503_before", "http 503 body 503", False),
    ("504_after", "http 504 body 504", True),
    ("429", "http 429 body 429", False),
    ("401_before", "http 401 body 401", False),
    ("html_502", "JSONDecodeError", False),
    ("html_502_after", "JSONDecodeError", True),
    ("not_json", "JSONDecodeError", False),
    ("empty", "JSONDecodeError", False),
    ("json_list", "AttributeError", False),
    ("wrong_amount", "ok 110890.00", True),
    ("body_402", "http 200 body 402", False),
    ("body_505", "http 200 body 505", False),
]


@pytest.mark.parametrize(("kind", "seen", "effect"), FAULTS)
def test_each_fault_looks_as_it_should_and_has_the_effect_it_should(
    desk: Desk, kind: str, seen: str, effect: bool
) -> None:
    desk.sim("POST", "faults", op="charge", kind=kind, times=1, seconds=0.5)
    desk.timeout = 0.2
    assert outcome(desk) == seen
    desk.timeout = 10
    status = 0 if effect else 404
    if effect:
        assert desk.core.transactions.status("V-1")["gross_amount"] == "109890.00"
    else:
        assert desk.refused(lambda: desk.core.transactions.status("V-1")) == status
        assert outcome(desk) == "ok 109890.00"


def test_the_answer_that_was_lost_is_replayed_for_its_key(desk: Desk) -> None:
    desk.sim("POST", "faults", op="charge", kind="drop_after")
    desk.headers = {"Idempotency-Key": "key-1"}
    assert outcome(desk) == "ConnectionError"
    assert outcome(desk) == "ok 109890.00"
    assert desk.sim("GET", "book/summary")["transactions"] == 1


def test_a_hanging_line_is_cut_in_the_end(desk: Desk) -> None:
    desk.sim("POST", "faults", op="charge", kind="timeout_after", seconds=0.1)
    started = time.monotonic()
    assert outcome(desk) == "ConnectionError"
    assert time.monotonic() - started >= 0.1


def test_slow_answers_arrive(desk: Desk) -> None:
    for kind in ("slow", "slow_after"):
        desk.sim("POST", "faults", op="charge", kind=kind, seconds=0.1)
        started = time.monotonic()
        assert outcome(desk, kind) == "ok 109890.00"
        assert time.monotonic() - started >= 0.1


def test_a_decline_on_request(desk: Desk) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "faults", op="charge", kind="decline", code="61", order_id="A-")
    assert desk.charge_card("B-1", saved)["status_code"] == "200"
    assert desk.charge_card("A-1", saved)["channel_response_code"] == "61"
    assert desk.charge_card("A-2", saved)["status_code"] == "200"


def test_status_can_deny_a_charge_that_exists(desk: Desk) -> None:
    desk.charge_va("V-1")
    desk.sim("POST", "faults", kind="404_on_status", times=2)
    for _ in range(2):
        assert desk.refused(lambda: desk.core.transactions.status("V-1")) == 404
    assert desk.core.transactions.status("V-1")["status_code"] == "201"


def test_faults_are_aimed_by_operation_and_order(desk: Desk) -> None:
    desk.sim("POST", "faults", op="cancel", kind="500_after", order_id="V-2")
    desk.charge_va("V-1")
    answer = desk.charge_va("V-2")
    assert desk.core.transactions.cancel("V-1")["status_code"] == "200"
    cancel = desk.core.transactions.cancel
    assert desk.refused(lambda: cancel(answer["transaction_id"])) == 500
    assert desk.book("V-2")["status"] == "cancel"


def test_a_brown_out_is_the_same_for_the_same_seed(server: Any, new_desk: Any) -> None:
    seen = []
    for _ in range(2):
        desk = new_desk(server.url, seed="brown")
        desk.sim("POST", "faults", op="charge", kind="500_before", times=None, probability=0.4)
        seen.append([outcome(desk, f"V-{place}") for place in range(40)])
    assert seen[0] == seen[1]
    assert 8 <= sum(answer.startswith("http 500") for answer in seen[0]) <= 24


def test_faults_can_be_seen_and_taken_back(desk: Desk) -> None:
    desk.sim("POST", "faults", op="any", kind="500_before", times=None)
    assert outcome(desk) == "http 500 body 500"
    assert desk.sim("GET", "faults")["faults"][0]["played"] == 1
    assert desk.sim("DELETE", "faults")["removed"] == 1
    assert outcome(desk) == "ok 109890.00"


@pytest.mark.parametrize(
    "body",
    [{"kind": "earthquake"}, {"kind": "429", "op": "dance"}, {"kind": "429", "times": "many"}, {}],
)
def test_a_wrong_instruction_is_400(desk: Desk, body: dict[str, Any]) -> None:
    answer = desk.try_sim("POST", "faults", **body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_the_token_desk_can_fail_too(desk: Desk) -> None:
    desk.sim("POST", "faults", op="token", kind="drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        desk.http.get("/v2/token", params={"client_key": desk.client_key})


def test_a_429_may_say_when_to_come_back(desk: Desk) -> None:
    desk.sim("POST", "faults", op="charge", kind="429", retry_after=7)
    desk.sim("POST", "faults", op="charge", kind="503_before")
    body = {"payment_type": "qris", "transaction_details": {"order_id": "Q", "gross_amount": 1000}}
    first, second = (desk.http.post("/v2/charge", json=body) for _ in range(2))
    assert (first.status_code, first.headers.get("retry-after")) == (429, "7")
    assert (second.status_code, second.headers.get("retry-after")) == (503, None)
    assert desk.try_sim("POST", "faults", kind="429", retry_after=-1).status_code == 400


def test_the_bin_address_has_trouble_and_latency_like_any_other(desk: Desk) -> None:
    for kind, code in (("500_before", 500), ("429", 429), ("body_404", 404), ("html_502", 502)):
        desk.sim("POST", "faults", op="bin", kind=kind)
        assert desk.http.get("/v1/bins/48111111").status_code == code
    known = desk.http.get("/v1/bins/48111111")
    assert known.json()["data"]["bin"] == "48111111"
    unknown = desk.http.get("/v1/bins/99999999")
    assert (unknown.status_code, unknown.json()["errors"][0]["message_title"]) == (
        404,
        "BIN not found",
    )
    desk.sim("POST", "latency", milliseconds=150)
    card = {"card_number": "4811111111111114", "card_exp_month": "12", "card_exp_year": "2030"}
    for path in ("/v1/bins/48111111", "/v2/card/register", "/v2/nobody/status"):
        began = time.monotonic()
        desk.http.get(path, params={**card, "client_key": desk.client_key})
        assert time.monotonic() - began >= 0.15, path


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("text/html", "403"),
        ("application/xml, text/plain", "403"),
        ("application/json", "404"),
        ("application/json, text/plain, */*", "404"),
        ("application/*", "404"),
        ("", "404"),
    ],
)
def test_an_answer_is_json_or_403(desk: Desk, accept: str, code: str) -> None:
    answer = desk.http.get("/v2/nobody/status", headers={"accept": accept})
    assert answer.json()["status_code"] == code
    assert answer.status_code == (403 if code == "403" else 200)


def test_a_wrong_amount_is_signed_like_a_true_one(desk: Desk) -> None:
    desk.charge_va("W", 50_000)
    desk.sim("POST", "faults", op="status", kind="wrong_amount", amount=51_000)
    told = desk.core.transactions.status("W")
    text = "W" + told["status_code"] + "51000.00" + desk.server_key
    assert told["gross_amount"] == "51000.00"
    assert told["signature_key"] == hashlib.sha512(text.encode()).hexdigest()
    assert desk.core.transactions.status("W")["gross_amount"] == "50000.00"
