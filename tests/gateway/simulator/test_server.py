"""The process: state on disk, same seed same answers, keys, and no unhandled error of its own."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Desk = Any
ROOT = Path(__file__).resolve().parents[3]
START = "2026-01-05T03:00:00Z"


def test_a_killed_server_loses_no_answered_charge(
    tmp_path: Path,
    start_server: Callable[..., Any],
    new_desk: Callable[..., Desk],
) -> None:
    options = ("--state", str(tmp_path), "--server-key", "K", "--client-key", "C")
    server = start_server(*options)
    desk = new_desk(server.url, "SB-server")
    desk.clock(START)
    saved = desk.saved_card()
    for place in range(50):
        desk.headers = {"Idempotency-Key": f"key-{place}"}
        desk.charge_card(f"A-{place}", saved)
    before = desk.sim("GET", "book")
    server.kill()
    with (tmp_path / "book.jsonl").open("ab") as journal:
        journal.write(b'{"k":"tx","a":"SB-server","d":{"torn')  # the line under the knife

    server = start_server(*options)
    again = new_desk(server.url, "SB-server")
    assert again.sim("GET", "book") == before
    assert again.refused(lambda: again.charge_card("A-3", saved)) == 406
    again.headers = {"Idempotency-Key": "key-7"}
    assert again.charge_card("other", saved)["order_id"] == "A-7"
    again.headers = {}
    assert again.charge_card("B-1", saved)["status_code"] == "200"
    assert again.clock("2026-01-06T09:00:00Z")["happened"] == 52
    assert server.stop() == 0
    server = start_server(*options)
    third = new_desk(server.url, "SB-server")
    assert third.book("A-9")["status"] == "settlement"
    server.stop()


def test_two_servers_do_not_share_a_state_directory(
    tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    server = start_server("--state", str(tmp_path))
    code, words = refused_start("--state", str(tmp_path))
    assert (code, "another simulator" in words) == (2, True)
    server.stop()


def refused_start(*options: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "simulator", "--port", "0", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, cwd=ROOT, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "not a loopback address"),
        (("--host", "example.com"), "not a loopback address"),
        (("--server-key", "Mid-server-live"), "production key"),
    ],
)
def test_it_refuses_to_be_reachable_or_to_hold_real_keys(
    options: tuple[str, ...], words: str
) -> None:
    code, said = refused_start(*options)
    assert code == 2
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "lines",
    [b"garbage\n", b'{"k":"tx","a":"nobody","d":{}}\n', b'{"k":"account","a":"K","d":{}}\n'],
)
def test_a_state_that_is_no_book_is_one_clear_line(tmp_path: Path, lines: bytes) -> None:
    (tmp_path / "book.jsonl").write_bytes(lines)
    code, said = refused_start("--state", str(tmp_path))
    assert (code, said.count("\n")) == (2, 1)
    assert "line 1 of" in said
    assert (tmp_path / "book.jsonl").read_bytes() == lines


def test_a_state_that_cannot_be_kept_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, said = refused_start("--state", str(tmp_path / "file"))
    assert (code, said.count("\n"), "cannot keep the book in" in said) == (2, 1, True)


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    code, said = refused_start(f"--port={port}")
    assert (code, "invalid port value" in said) == (2, True)


def test_a_port_in_use_is_one_clear_line(server: Any) -> None:
    port = server.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "simulator", "--port", port]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert "cannot listen on 127.0.0.1" in done.stderr


def story(desk: Desk) -> list[Any]:
    desk.clock(START)
    saved = desk.saved_card()
    orders = [f"A-{place}" for place in range(10)]
    answers = {order: desk.charge_card(order, saved) for order in orders}
    answers["V"] = desk.charge_va("V")
    desk.sim("POST", "pay", order_id="V")
    desk.clock("2026-01-07T00:00:00Z")
    desk.core.transactions.refund("A-1", {"refund_key": "r1", "amount": 5_000})
    book = desk.sim("GET", "book")
    return [saved, sorted(answers.items()), book]


def test_same_seed_and_same_calls_give_the_same_answers(
    start_server: Callable[..., Any], new_desk: Callable[..., Desk]
) -> None:
    told = []
    for seed in ("one", "one", "two"):
        server = start_server("--seed", seed)
        told.append(story(new_desk(server.url, "SB-server")))
        server.stop()
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_production_keys_and_taken_client_keys_open_no_account(desk: Desk) -> None:
    for body, code in (
        ({"server_key": "Mid-server-live"}, 400),
        ({"server_key": ""}, 400),
        ({"server_key": "has space"}, 400),
        ({"server_key": "fresh", "client_key": desk.client_key}, 409),
        ({"server_key": "fresh", "switches": {"no_such": True}}, 400),
        ({"server_key": "fresh", "recurring_mid": "yes"}, 400),
    ):
        assert desk.try_sim("POST", "accounts", **body).status_code == code, body


def test_an_account_must_be_named_when_there_are_several(desk: Desk) -> None:
    assert desk.http.get("/_sim/book").status_code == 400
    assert desk.http.get("/_sim/book", params={"server_key": "nobody"}).status_code == 404
    assert desk.http.get("/_sim/book", params={"server_key": desk.server_key}).status_code == 200


def test_null_is_what_the_gateway_itself_stumbles_over(desk: Desk) -> None:
    answer = desk.http.post("/v2/charge", content=b"null")
    assert answer.status_code == 500
    assert answer.json() == {"message": "An unexpected error occurred"}


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"5", b"\xff\xfe", b"[" * 100_000])
def test_malformed_bodies_are_413(desk: Desk, body: bytes) -> None:
    for path in ("/v2/charge", "/v2/x/refund", "/v2/capture"):
        assert desk.http.post(path, content=body).json()["status_code"] == "413"
    assert desk.try_sim("POST", "pay").status_code == 404
    assert desk.http.post("/_sim/pay", content=body).status_code == 400


def test_a_body_too_large_is_refused(desk: Desk) -> None:
    assert desk.http.post("/v2/charge", content=b" " * (1 << 21)).status_code == 413


VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x" * 300,
    "ü\u0000",
    [],
    [None],
    {},
    {"a": [{}]},
]


def test_whatever_is_sent_it_never_fails_by_itself(desk: Desk) -> None:
    dice = random.Random(20260105)
    token = desk.token("4811 1111 1111 1114")
    base: dict[str, Any] = {
        "payment_type": "credit_card",
        "transaction_details": {"order_id": "F", "gross_amount": 1000},
        "credit_card": {"token_id": token, "bins": ["4"], "bank": "bni", "installment_term": 3},
        "bank_transfer": {"bank": "bca", "va_number": "1"},
        "echannel": {"bill_info1": "a", "bill_info2": "b", "bill_key": "1"},
        "gopay": {"enable_callback": True, "callback_url": "https://shop.test/"},
        "shopeepay": {"callback_url": "https://shop.test/"},
        "dana": {"callback_url": "https://shop.test/"},
        "ovo": {"payer_phone_number": "+6281234567890"},
        "seller_details": [{"id": "s"}],
        "payment_provider_metadata": {"recurring_sequence": "1"},
        "qris": {"acquirer": "gopay"},
        "cstore": {"store": "indomaret"},
        "custom_expiry": {"expiry_duration": 5, "unit": "hour", "order_time": "x"},
        "item_details": [{"id": "1", "name": "a", "price": 1000, "quantity": 1}],
        "customer_details": {"first_name": "a", "billing_address": {"city": "b"}},
        "metadata": {},
        "custom_field1": "a",
    }
    kinds = ["credit_card", "bank_transfer", "echannel", "gopay", "qris", "cstore"]
    kinds += ["shopeepay", "dana", "ovo", "akulaku", "kredivo"]
    for place in range(400):
        body = {name: dict(v) if isinstance(v, dict) else v for name, v in base.items()}
        body["payment_type"] = dice.choice(kinds)
        body["transaction_details"]["order_id"] = f"F-{place}"
        for _ in range(dice.randint(1, 3)):
            target = dice.choice([body, *(v for v in body.values() if isinstance(v, dict) and v)])
            target[dice.choice(list(target))] = dice.choice(VALUES)
        key = {"Idempotency-Key": f"key-{place}"}
        answer = desk.http.post("/v2/charge", json=body, headers=key)
        assert answer.status_code in (200, 400), (body, answer.text)
        assert "status_code" in answer.json()


@pytest.mark.parametrize(
    "path",
    ["/v2", "/v2/a/b/c", "/v1/x", "/v2//status", "/v2/%00/status", "/v2/a%2Fb/status", "/v2/../x"],
)
def test_strange_addresses_have_an_answer(desk: Desk, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        assert desk.http.request(method, path).status_code < 500


@pytest.mark.parametrize(
    "what",
    [
        "accounts",
        "clock",
        "pay",
        "3ds",
        "cards",
        "settle",
        "reverse",
        "chargeback",
        "faults",
        "notifications",
    ],
)
def test_strange_instructions_have_an_answer(desk: Desk, what: str) -> None:
    names = [
        "order_id",
        "to",
        "mode",
        "amount",
        "kind",
        "times",
        "set",
        "behaviour",
        "masked",
        "switches",
        "until",
    ]
    for value in VALUES:
        for name in names:
            answer = desk.try_sim("POST", what, **{name: value})
            assert answer.status_code < 500, (name, value, answer.text)


def test_an_order_id_with_a_slash_is_reached_when_it_is_quoted(desk: Desk) -> None:
    desk.charge_va("a/b")
    assert desk.http.get("/v2/a%2Fb/status").json()["order_id"] == "a/b"
