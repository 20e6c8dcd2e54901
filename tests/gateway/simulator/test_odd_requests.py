"""Requests that are odd by a hair: other digits, far dates, deep bodies, wrong ways to sign in."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Desk = Any
Json = dict[str, Any]
FAR = "9999-12-31 20:00:00 +0000"  # in Jakarta this is already the year 10000


def order(name: str, amount: int = 99_000) -> Json:
    return {"transaction_details": {"order_id": name, "gross_amount": amount}}


def card_query(desk: Desk, **changed: str) -> dict[str, str]:
    return {
        "client_key": desk.client_key,
        "card_number": "4811111111111114",
        "card_exp_month": "12",
        "card_exp_year": "2030",
        "card_cvv": "123",
        **changed,
    }


@pytest.mark.parametrize("path", ["/v2/token", "/v2/card/register"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("card_exp_month", "²"),
        ("card_exp_month", "9" * 5_000),
        ("card_exp_month", "١٢"),
        ("card_exp_year", "²²²²"),
        ("card_exp_year", "٢٠٣٠"),
        ("card_number", "٤٨١١١١١١١١١١١١١٤"),
    ],
)
def test_a_card_is_written_in_the_digits_zero_to_nine(
    desk: Desk, path: str, name: str, text: str
) -> None:
    answer = desk.http.get(path, params=card_query(desk, **{name: text}))
    assert answer.status_code == 400
    assert answer.json()["validation_messages"] == [f"{name} is not valid"]


def test_so_are_a_cvv_an_account_number_a_phone_and_an_amount(desk: Desk) -> None:
    assert desk.http.get("/v2/token", params=card_query(desk, card_cvv="²²²")).status_code == 400
    transfer = {"payment_type": "bank_transfer", **order("U")}
    for number in ("١٢٣٤٥٦٧٨", "²²²²²²²²"):
        answer = desk.http.post(
            "/v2/charge", json={**transfer, "bank_transfer": {"bank": "bca", "va_number": number}}
        )
        assert answer.json()["validation_messages"] == ["bank_transfer.va_number is not a number"]
    partner = {"phone_number": "٨٢١٥٠٢٣٤٢", "country_code": "62"}
    link = {"payment_type": "gopay", "gopay_partner": partner}
    assert desk.http.post("/v2/pay/account", json=link).status_code == 400
    partner["phone_number"] = "8237435829"
    account = desk.http.post("/v2/pay/account", json=link).json()["account_id"]
    desk.sim("POST", "pay-accounts", account_id=account, action="link")
    for amount in ("²", "9" * 5_000):
        asked = desk.http.get(f"/v2/gopay/promo/{account}", params={"gross_amount": amount})
        assert asked.json()["status_code"] == "400"


@pytest.mark.parametrize("term", ["bni/²", "bni/" + "9" * 5_000, "bni/-3", "bni/", "/", "x/3"])
def test_an_installment_nobody_offered_is_a_payment_in_full(desk: Desk, term: str) -> None:
    terms = {"installment": {"terms": {"bni": [3]}}}
    made = desk.http.post("/snap/v1/transactions", json={**order("T"), "credit_card": terms})
    form = {**card_query(desk), "method": "credit_card", "term": term}
    page = f"/snap/v4/redirection/{made.json()['token']}"
    assert desk.http.post(page, data=form, auth=None).status_code == 303
    assert "installment_term" not in desk.http.get("/v2/T/status").json()


# --- far dates and long waits ---------------------------------------------------------------------


def test_no_date_is_so_far_that_what_follows_from_it_leaves_the_calendar(desk: Desk) -> None:
    expiry = {"order_time": FAR, "expiry_duration": 1, "unit": "second"}
    answer = desk.http.post(
        "/v2/charge", json={"payment_type": "qris", **order("D"), "custom_expiry": expiry}
    )
    assert answer.status_code == 400
    late = {"start_time": FAR, "duration": 1, "unit": "minute"}
    long = {"duration": 10_000_000, "unit": "day"}
    for told in (late, long):
        for path in ("/snap/v1/transactions", "/v1/payment-links"):
            answer = desk.http.post(path, json={**order("D"), "expiry": told})
            assert answer.status_code == 400, (path, told)
    assert desk.http.get("/").status_code == 200


def test_an_order_time_may_not_lie_further_ahead_than_the_channel_lasts(desk: Desk) -> None:
    def charge(name: str, order_time: str) -> str:
        expiry = {"order_time": order_time, "expiry_duration": 1, "unit": "hour"}
        body = {"payment_type": "qris", **order(name), "custom_expiry": expiry}
        return str(desk.http.post("/v2/charge", json=body).json()["status_code"])

    assert charge("O-1", "2026-01-12 09:59:00 +0700") == "201"  # seven days are QRIS' longest
    assert charge("O-2", "2026-01-12 10:01:00 +0700") == "400"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("clock", {"to": "9999-12-31T23:59:59Z"}),
        ("clock", {"to": "0001-01-01T00:00:00+14:00"}),
        ("notifications", {"order_id": "", "action": "delay", "seconds": 10**15}),
        ("notifications", {"order_id": "", "action": "delay", "seconds": -1}),
        ("notifications", {"order_id": "", "action": "lose_next", "times": 0}),
        ("notifications", {"order_id": "", "action": "lose_next", "probability": 2}),
        ("latency", {"milliseconds": 1, "longest": -5}),
        ("latency", {"milliseconds": -1}),
        ("faults", {"kind": "slow", "seconds": -1}),
        ("faults", {"kind": "slow", "seconds": 1e300}),
        ("faults", {"kind": "slow", "probability": -1}),
        ("faults", {"kind": "slow", "times": -1}),
        ("accounts", {"delivery_concurrency": -1}),
        ("accounts", {"switches": {"gopay_link_minutes": 10**15}}),
        ("accounts", {"switches": {"authorize_days": -1}}),
        ("accounts", {"switches": {"refund_confirm_seconds": 10**17}}),
        ("accounts", {"switches": {"dead_card_answer": "anything"}}),
    ],
)
def test_an_instruction_that_could_not_be_followed_later_is_refused_at_once(
    desk: Desk, what: str, body: Json
) -> None:
    keys = {"server_key": desk.server_key, "client_key": desk.client_key}
    given = {**keys, **body} if what == "accounts" else body
    assert desk.try_sim("POST", what, **given).status_code == 400
    assert desk.charge_va("after")["status_code"] == "201"


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [98, 99, 100, 500, 950, 980, 985, 995, 2_000])
def test_a_body_is_nested_a_hundred_levels_at_most(desk: Desk, levels: int) -> None:
    inner = b'{"a":' * (levels - 1) + b"1" + b"}" * (levels - 1)
    head = json.dumps({"payment_type": "qris", **order(f"N-{levels}")}).encode()[:-1]
    answer = desk.http.post("/v2/charge", content=head + b',"metadata":' + inner + b"}")
    assert answer.json()["status_code"] == ("201" if levels <= 100 else "413")
    assert desk.http.get("/").status_code == 200
    assert desk.try_sim("GET", "book").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"payment_type":"qris","transaction_details":{"order_id":"\\ud800","gross_amount":1000}}',
        b'{"payment_type":"qris","transaction_details":{"order_id":"\xff","gross_amount":1000}}',
        b'{"payment_type":"qris","transaction_details":{"order_id":"n","gross_amount":NaN}}',
        b'{"payment_type":"qris","transaction_details":{"order_id":"n","gross_amount":1e999}}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_no_json_in_utf_8_is_413(desk: Desk, body: bytes) -> None:
    assert desk.http.post("/v2/charge", content=body).json()["status_code"] == "413"


@pytest.mark.parametrize("amount", ["1e3", "1000.0", "123456789012345678901234567890", '"1000"'])
def test_an_amount_is_a_whole_number_of_a_size_one_can_pay(desk: Desk, amount: str) -> None:
    text = '{"payment_type":"qris","transaction_details":{"order_id":"n","gross_amount":%s}}'
    assert desk.http.post("/v2/charge", content=text % amount).status_code == 400


# --- who asks -------------------------------------------------------------------------------------


def basic(text: str, scheme: str = "Basic") -> dict[str, str]:
    return {"authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


def test_a_key_signs_in_as_a_user_name_without_a_password(desk: Desk) -> None:
    desk.charge_va("K")
    key = desk.server_key
    for headers, code in (
        (basic(f"{key}:"), "201"),
        (basic(f"{key}:", "basic"), "201"),
        (basic(key), "401"),  # the colon is forgotten by half of all who begin
        (basic(f"{key}:secret"), "401"),
        (basic(":"), "401"),
        (basic(f"{desk.client_key}:"), "401"),
        ({"authorization": "Basic !!!"}, "401"),
        ({"authorization": f"Bearer {key}"}, "401"),
        ({}, "401"),
    ):
        told = httpx.get(f"{desk.url}/v2/K/status", headers=headers).json()
        assert told["status_code"] == code, headers


def test_an_account_without_a_client_key_is_nobodys(
    server: Any, new_desk: Callable[..., Desk], desk: Desk
) -> None:
    desk.http.post("/_sim/accounts", json={"server_key": "SB-no-client"})
    query = {name: value for name, value in card_query(desk).items() if name != "client_key"}
    for given in (query, {**query, "client_key": ""}):
        assert desk.http.get("/v2/token", params=given).status_code == 401
    assert httpx.get(f"{server.url}/v1/bins/48111111", headers=basic(":")).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_token_is_asked_for_with_get(desk: Desk, method: str) -> None:
    for path in ("/v2/token", "/v2/card/register"):
        answer = desk.http.request(method, path, params=card_query(desk))
        assert answer.status_code == 405
        assert answer.json()["status_code"] == "405"


def test_a_page_can_be_asked_for_without_its_body(desk: Desk) -> None:
    made = desk.charge_va("H")
    for path in ("/", "/card", f"/pay/{made['transaction_id']}"):
        answer = desk.http.head(path)
        assert (answer.status_code, answer.content) == (200, b"")


# --- one value at a time --------------------------------------------------------------------------

HAIRS: list[Any] = [
    *("²", "٣", "9" * 5_000, FAR, "0001-01-01 00:00:00 -1200", "\u202e", "\u0000", "'\"<>", " "),
    *(10**12, -(10**12), 2**63, 2**64, -(2**63) - 1, 0.1, [[[]]], {"": {"": None}}),
]
PATHS: dict[str, list[Json]] = {
    "/v2/charge": [
        {"payment_type": "bank_transfer", "bank_transfer": {"bank": "bca", "va_number": "1"}},
        {"payment_type": "echannel", "echannel": {"bill_info1": "a", "bill_info2": "b"}},
        {"payment_type": "cstore", "cstore": {"store": "alfamart", "alfamart_free_text_1": "a"}},
        {"payment_type": "gopay", "gopay": {"enable_callback": True, "callback_url": "a://b"}},
        {"payment_type": "gopay", "gopay": {"account_id": "a", "payment_option_token": "b"}},
        {"payment_type": "ovo", "ovo": {"payer_phone_number": "081234567890"}},
        {"payment_type": "akulaku", "customer_details": {"first_name": "a", "phone": "1"}},
        {"payment_type": "qris", "custom_expiry": {"expiry_duration": 5, "order_time": "x"}},
        {"payment_type": "credit_card", "credit_card": {"token_id": "a", "installment_term": 3}},
        {"payment_type": "credit_card", "credit_card": {"card": {"number": "1", "cvv": "2"}}},
    ],
    "/v2/pay/account": [
        {"payment_type": "gopay", "gopay_partner": {"phone_number": "1", "country_code": "62"}}
    ],
    "/v2/capture": [{"transaction_id": "a", "gross_amount": 1}],
    "/v2/known/refund": [{"refund_key": "a", "amount": 1, "reason": "b"}],
    "/snap/v1/transactions": [
        {"expiry": {"duration": 1, "unit": "day", "start_time": "x"}, "bca_va": {"va_number": "1"}}
    ],
    "/v1/payment-links": [
        {
            "payment_link_type": "DYNAMIC_AMOUNT",
            "dynamic_amount": {"min_amount": 1},
            "usage_limit": 2,
        }
    ],
}


def test_one_odd_value_in_a_good_request_has_an_answer_of_the_gateway(desk: Desk) -> None:
    dice = random.Random(20261121)
    for path, bodies in PATHS.items():
        for place, body in enumerate(bodies):
            for turn, odd in enumerate(HAIRS):
                sent = json.loads(json.dumps({**order(f"{place}-{turn}"), **body}))
                inner = [one for one in sent.values() if isinstance(one, dict)]
                target = dice.choice([sent, *inner])
                target[dice.choice(list(target))] = odd
                answer = desk.http.post(path, json=sent)
                assert answer.status_code < 500, (path, sent, answer.text)
                assert answer.headers["content-type"] == "application/json"
    for page in ("/", "/?lang=en", "/_sim/book"):
        assert desk.http.get(page, headers={"X-Sim-Server-Key": desk.server_key}).status_code == 200
