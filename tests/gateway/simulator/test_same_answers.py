"""The whole house at once: same seed and same calls, same bytes; nonsense at every address."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import httpx

from simulator import benchmark

Desk = Any
Json = dict[str, Any]
KEY, CLIENT = "SB-Mid-server-same", "SB-Mid-client-same"
CARD = {
    "client_key": CLIENT,
    "card_number": "4811111111111114",
    "card_exp_month": "12",
    "card_exp_year": "2027",
    "card_cvv": "123",
}


def order(name: str, amount: int = 99_000) -> Json:
    return {"transaction_details": {"order_id": name, "gross_amount": amount}}


def story(url: str) -> bytes:
    """A walk through every room; all that was answered, with our own address taken out."""
    told: list[bytes] = []
    with httpx.Client(base_url=url, auth=(KEY, ""), timeout=30) as http:

        def call(method: str, path: str, body: Any = None, **more: Any) -> Any:
            answer = http.request(method, path, json=body, **more)
            told.append(f"{method} {path} {answer.status_code} ".encode() + answer.content)
            return answer.json() if "json" in answer.headers["content-type"] else None

        def sim(path: str, **body: Any) -> None:
            call("POST", f"/_sim/{path}", body)

        sim("clock", to="2026-01-05T03:00:00Z")
        token = call("GET", "/v2/token", params=CARD)["token_id"]
        card = {"token_id": token, "authentication": True, "save_token_id": True}
        call(
            "POST", "/v2/charge", {"payment_type": "credit_card", "credit_card": card} | order("A")
        )
        sim("3ds", order_id="A")
        saved = call("GET", "/v2/A/status")["saved_token_id"]
        for place in range(20):
            card = {"token_id": saved, "initiated_by": "merchant"}
            charge = {"payment_type": "credit_card", "credit_card": card}
            sim("faults", op="charge", kind="body_500", probability=0.3)
            call("POST", "/v2/charge", charge | order(f"R-{place}"))
        for kind in ("bank_transfer", "gopay", "qris", "shopeepay", "dana", "kredivo"):
            call("POST", "/v2/charge", {"payment_type": kind} | order(f"P-{kind}"))
            sim("pay", order_id=f"P-{kind}")
        partner = {"phone_number": "8215023424", "country_code": "62"}
        call("POST", "/v2/pay/account", {"payment_type": "gopay", "gopay_partner": partner})
        sim("pay-accounts", phone="628215023424", action="link")
        call("POST", "/snap/v1/transactions", order("S"))
        sim("snap", order_id="S", method="bca_va")
        schedule = {"interval": 1, "interval_unit": "month"}
        scheduled = {"name": "SUB", "amount": "50000", "currency": "IDR", "schedule": schedule}
        call(
            "POST",
            "/v1/subscriptions",
            {**scheduled, "payment_type": "credit_card", "token": saved},
        )
        call("GET", "/v1/bins/48111111")
        call("POST", "/v1/payment-links", order("L"))
        bill = {**GOOD["/v1/invoices"], "order_id": "I", "invoice_number": "1"}
        call("POST", "/v1/invoices", bill)
        sim("clock", to="2026-04-05T03:00:00Z")
        call("POST", "/v2/A/refund", {"refund_key": "r", "amount": 1_000})
        for path in ("book", "book/summary", "subscriptions", "snap", "faults", "wallets"):
            call("GET", f"/_sim/{path}")
    return b"\n".join(told).replace(url.encode(), b"http://simulator")


def test_two_runs_are_equal_byte_by_byte_in_every_room(start_server: Callable[..., Any]) -> None:
    told = []
    for seed in ("one", "one", "two"):
        server = start_server("--seed", seed, "--server-key", KEY, "--client-key", CLIENT)
        told.append(story(server.url))
        server.stop()
    assert told[0] == told[1]
    assert told[0] != told[2]
    assert told[0].count(b'"capture"') > 10


# --- nonsense -------------------------------------------------------------------------------------

ADDRESSES = [
    *(("POST", path) for path in ("/v2/charge", "/v2/capture", "/v2/pay/account")),
    *(("POST", f"/v2/{{id}}/{op}") for op in ("cancel", "expire", "approve", "deny", "refund")),
    *(("GET", f"/v2/{{id}}/{op}") for op in ("status", "status/b2b")),
    ("POST", "/v2/{id}/refund/online/direct"),
    ("POST", "/v2/pay/account/{id}/unbind"),
    ("GET", "/v2/pay/account/{id}"),
    ("GET", "/v2/gopay/promo/{id}"),
    *(("GET", path) for path in ("/v2/token", "/v2/card/register", "/v2/point_inquiry/{id}")),
    ("GET", "/v1/bins/{id}"),
    ("POST", "/snap/v1/transactions"),
    *(("POST", f"/snap/v1/transactions/{{id}}/{op}") for op in ("cancel", "expire")),
    *(("POST", f"/v1/subscriptions{op}") for op in ("", "/{id}/disable", "/{id}/enable")),
    *(("POST", path) for path in ("/v1/payment-links", "/v1/invoices")),
    *((method, "/v1/payment-links/{id}") for method in ("GET", "DELETE")),
    *((method, "/v1/invoices/{id}") for method in ("GET", "PATCH")),
    *((method, "/payment-links/{id}") for method in ("GET", "POST")),
    *((method, "/v1/subscriptions/{id}") for method in ("GET", "PATCH")),
    *((method, "/snap/v3/users/{id}/gopay") for method in ("GET", "DELETE")),
    *((method, "/snap/v4/redirection/{id}") for method in ("GET", "POST")),
    *((method, f"/{page}/{{id}}") for method in ("GET", "POST") for page in ("pay", "app")),
    *((method, "/v2/3ds/redirect/{id}") for method in ("GET", "POST")),
    *((method, "/gopay/link/{id}") for method in ("GET", "POST")),
    *(("GET", path) for path in ("/", "/card", "/scan", "/subscriptions/{id}", "/v2/qris/{id}/qr-code")),
    *(
        ("POST", f"/_sim/{what}")
        for what in ("snap", "notifications", "faults", "wallets", "pay-accounts", "latency", "cards")
    ),
]  # fmt: skip
NAMES = (
    *("payment_type", "transaction_details", "credit_card", "bank_transfer", "gopay", "qris"),
    *("item_details", "customer_details", "custom_expiry", "expiry", "page_expiry", "schedule"),
    *("retry_schedule", "name", "amount", "token", "currency", "metadata", "order_id", "method"),
    *("enabled_payments", "callbacks", "bca_va", "gopay_partner", "refund_key", "reason", "action"),
    *("gross_amount", "token_id", "account_id", "phone", "kind", "op", "card_number", "term"),
)
ALWAYS = ("order_id", "interval", "duration", "unit")
LEAVES: list[Any] = [
    *(None, True, 0, -1, 1, 1.5, 10**30, "", "x" * 300, "ü\u0000", "1", "day", "gopay", "IDR"),
    *("credit_card", "bank_transfer", "9999-12-31 23:59:59 +0700", "0001-01-01 00:00:00 +0700"),
]


# Good requests; one or two of their values are spoiled.
GOOD: dict[str, Json] = {
    "/snap/v1/transactions": {
        **order("F"),
        "item_details": [{"id": "1", "name": "a", "price": 99_000, "quantity": 1}],
        "customer_details": {"first_name": "a", "billing_address": {"city": "b"}},
        "enabled_payments": ["credit_card", "bca_va"],
        "credit_card": {"secure": True, "installment": {"terms": {"bni": [3]}}, "bank": "bni"},
        "bca_va": {"va_number": "123456"},
        "callbacks": {"finish": "https://shop.test/"},
        "expiry": {"duration": 1, "unit": "day", "start_time": "2026-01-05 10:00:00 +0700"},
        "page_expiry": {"duration": 1, "unit": "day"},
    },
    "/v1/payment-links": {
        **order("F"),
        "usage_limit": 3,
        "expiry": {"duration": 1, "unit": "day"},
        "item_details": [{"id": "1", "name": "a", "price": 99_000, "quantity": 1}],
        "customer_details": {"first_name": "a"},
        "customer_required": True,
        "title": "a",
        "payment_link_type": "DYNAMIC_AMOUNT",
        "dynamic_amount": {"min_amount": 1, "max_amount": 9, "preset_amount": 5},
        "callbacks": {"finish": "https://shop.test/"},
    },
    "/v1/invoices": {
        "order_id": "F",
        "invoice_number": "1",
        "invoice_date": "2026-01-05 10:00:00 +0700",
        "due_date": "2026-02-05 10:00:00 +0700",
        "customer_details": {"name": "a", "email": "a@b.test", "phone": "6281"},
        "item_details": [{"description": "a", "quantity": 1, "price": 1000}],
        "amount": {"discount": 1, "shipping": 2},
        "taxes": [{"name": "PPN", "type": "percentage", "value": 11}],
        "payment_type": "virtual_account",
        "virtual_accounts": [{"name": "bca_va", "number": "123"}],
        "payment_link": {},
        "metadata": {"a": 1},
    },
    "/v1/subscriptions": {
        "name": "F",
        "amount": "1000",
        "currency": "IDR",
        "payment_type": "gopay",
        "token": "t",
        "gopay": {"account_id": "a"},
        "schedule": {
            "interval": 1,
            "interval_unit": "day",
            "max_interval": 2,
            "start_time": "2026-02-05 10:00:00 +0700",
        },
        "retry_schedule": {"interval": 1, "interval_unit": "hour", "max_interval": 1},
        "metadata": {"a": 1},
        "customer_details": {"first_name": "a"},
    },
}


def spoiled(dice: random.Random, good: Json) -> Json:
    """The same with one or two values replaced."""
    body: Json = json.loads(json.dumps(good))
    for _ in range(dice.randint(0, 2)):
        target = dice.choice([body, *(value for value in body.values() if isinstance(value, dict))])
        if target:
            target[dice.choice(list(target))] = nonsense(dice, 2)
    return body


def test_a_good_request_with_a_spoiled_value_is_refused_or_served(desk: Desk) -> None:
    dice = random.Random(20260105)
    answers = []
    for turn in range(400):
        path = dice.choice(list(GOOD))
        body = spoiled(dice, GOOD[path])
        if isinstance(body.get("transaction_details"), dict):
            body["transaction_details"]["order_id"] = f"F-{turn}"
        if path == "/v1/invoices" and body.get("order_id") == "F":
            body["order_id"] = f"F-{turn}"
        answer = desk.http.post(path, json=body)
        assert answer.status_code in (200, 201, 400, 409), (path, body, answer.text)
        answers.append(answer.status_code)
        if "payment_url" in answer.json():
            url = answer.json()["payment_url"]
            assert desk.http.get(url, auth=None).status_code == 200
            form = {"amount": "5", "name": "a"}
            assert desk.http.post(url, data=form, auth=None).status_code in (200, 303)
        elif "pdf_url" in answer.json():
            assert desk.http.get(answer.json()["pdf_url"], auth=None).status_code == 200
        elif "redirect_url" in answer.json():
            page = answer.json()["redirect_url"]
            assert desk.http.get(page, auth=None).status_code == 200
            for method in ("bca_va", "credit_card", "gopay"):
                told = {**CARD, "method": method}
                assert desk.http.post(page, data=told, auth=None).status_code in (200, 303)
    assert min(answers.count(400), len(answers) - answers.count(400)) > 50
    desk.clock("2026-03-05T03:00:00Z")


def nonsense(dice: random.Random, depth: int = 0) -> Any:
    """A value of any shape, with names the gateway knows."""
    shape = dice.random()
    if depth < 3 and shape < 0.5:
        names = [*dice.sample(NAMES, dice.randint(0, 6)), *ALWAYS]
        return {name: nonsense(dice, depth + 1) for name in names}
    if depth < 3 and shape < 0.6:
        return [nonsense(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    return dice.choice(LEAVES)


def test_nonsense_at_every_address_is_never_an_error_of_our_own(desk: Desk) -> None:
    dice = random.Random(20260105)
    va = desk.charge_va("F-va")
    page = desk.http.post("/snap/v1/transactions", json=order("F-snap")).json()
    known = ["F-va", va["transaction_id"], page["token"], "none", "%00", "a%2Fb", "x" * 300]
    for turn in range(1200):
        method, path = ADDRESSES[turn % len(ADDRESSES)]
        url = path.replace("{id}", dice.choice(known))
        body = nonsense(dice)
        if path == "/_sim/faults" or (path == "/_sim/latency" and isinstance(body, dict)):
            body = {"kind": "none", "milliseconds": "x"}
        if method == "GET" or dice.random() < 0.2:
            flat = body if isinstance(body, dict) else {"a": body}
            text = {name: str(value)[:200] for name, value in flat.items()}
            options: Json = {"params": text} if method == "GET" else {"data": text}
        else:
            options = {"content": json.dumps(body).encode()}
        headers = {"Idempotency-Key": f"fuzz-{turn}", "X-Sim-Server-Key": desk.server_key}
        answer = desk.http.request(method, url, headers=headers, **options)
        stumbled = options.get("content") == b"null"  # the one 500 the gateway itself has
        assert answer.status_code < 500 or stumbled, (method, url, options, answer.text)


# --- speed ----------------------------------------------------------------------------------------


def test_the_benchmark_runs_beside_its_floor_and_reaches_its_target() -> None:
    simulator, floor = benchmark.run(2_000)
    assert simulator.per_core >= benchmark.TARGET
    # Loose on purpose: it notices when a charge costs many times what it did (0.21 of the floor).
    assert simulator.per_core / floor.per_core > 0.05
