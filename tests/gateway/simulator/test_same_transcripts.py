"""Two runs of everything: each way to pay, each operation, trouble, news and pages, compared whole.

What differs between two runs by nature is taken out first: our own port, and how many milliseconds
the merchant took to answer.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

Inbox = Any
Json = dict[str, Any]
KEY, CLIENT = "SB-Mid-server-whole", "SB-Mid-client-whole"
ITEMS = [{"id": "1", "name": "a", "price": 150_000, "quantity": 1}]
WAYS: dict[str, Json] = {
    **{
        f"{bank}-va": {"payment_type": "bank_transfer", "bank_transfer": {"bank": bank}}
        for bank in ("bca", "bni", "bri", "cimb", "permata")
    },
    "bill": {"payment_type": "echannel", "echannel": {"bill_info1": "a", "bill_info2": "b"}},
    "indomaret": {"payment_type": "cstore", "cstore": {"store": "indomaret"}},
    "alfamart": {"payment_type": "cstore", "cstore": {"store": "alfamart"}},
    "gopay": {"payment_type": "gopay"},
    "qris": {"payment_type": "qris"},
    "airpay": {"payment_type": "qris", "qris": {"acquirer": "airpay shopee"}},
    "shopeepay": {"payment_type": "shopeepay"},
    "dana": {"payment_type": "dana"},
    "ovo": {"payment_type": "ovo", "ovo": {"payer_phone_number": "081234567890"}},
    "akulaku": {
        "payment_type": "akulaku",
        "item_details": ITEMS,
        "customer_details": {"first_name": "Sari"},
    },
    "kredivo": {"payment_type": "kredivo"},
}
CARDS = (
    *("4811111111111114", "4911111111111113", "4411111111111118", "4611111111111116"),
    *("4024007176265022", "4472429869996670", "5510111111111115", "4723249479082225"),
)
SNAP_WAYS = ("bca_va", "credit_card", "gopay", "other_qris", "danamon_va", "alfamart", "kredivo")
PAGES = ("/", "/?lang=en", "/card", "/scan")


def order(name: str, amount: int = 150_000) -> Json:
    return {"transaction_details": {"order_id": name, "gross_amount": amount}}


class Walk:
    """One run: what was asked, what was answered, and what the merchant was told."""

    def __init__(self, http: httpx.Client) -> None:
        self.http, self.told = http, list[str]()
        self.last_url = str(http.base_url).rstrip("/")

    def moved_to(self, url: str) -> None:
        """The simulator may stand elsewhere now."""
        self.http.base_url, self.last_url = httpx.URL(url), url

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer = self.http.request(method, path, json=body, **more)
        self.told.append(f"{method} {path} -> {answer.status_code} {answer.text}")
        self.http.post("/_sim/drain", json={})
        return answer.json() if "json" in answer.headers["content-type"] else None

    def sim(self, path: str, **body: Any) -> Any:
        return self.call("POST", f"/_sim/{path}", body)

    def token(self, pan: str) -> str:
        card = {"card_number": pan, "card_exp_month": "12", "card_exp_year": "2027"}
        query = {**card, "card_cvv": "123", "client_key": CLIENT}
        return str(self.call("GET", "/v2/token", params=query)["token_id"])

    def charge(self, name: str, body: Json, **headers: str) -> Any:
        return self.call("POST", "/v2/charge", {**body, **order(name)}, headers=headers)

    def card(self, name: str, **card: Any) -> Any:
        return self.charge(name, {"payment_type": "credit_card", "credit_card": card})


def every_way_to_pay(walk: Walk) -> None:
    """Made, seen, paid, taken back; made again and ended by the merchant and by time."""
    for name, body in WAYS.items():
        made = walk.charge(f"paid-{name}", body)
        ident = made["transaction_id"]
        walk.call("GET", f"/pay/{ident}")
        walk.call("GET", f"/v2/{ident}/status")
        walk.sim("pay", transaction_id=ident)
        refund = {"refund_key": f"r-{name}", "amount": 50_000, "reason": "less"}
        walk.call("POST", f"/v2/{ident}/refund", refund)
        walk.call("POST", f"/v2/{ident}/refund/online/direct", {"refund_key": f"d-{name}"})
        for op in ("cancel", "expire"):
            ended = walk.charge(f"{op}-{name}", body)["transaction_id"]
            walk.call("POST", f"/v2/{ended}/{op}", {})
        walk.charge(f"late-{name}", body)


def every_card(walk: Walk) -> None:
    """Each test card alone, with 3DS confirmed and refused; holds, challenges, saved cards."""
    for pan in CARDS:
        walk.card(f"plain-{pan}", token_id=walk.token(pan))
        for result in ("accept", "deny"):
            name = f"{result}-{pan}"
            walk.card(name, token_id=walk.token(pan), authentication=True, save_token_id=True)
            walk.sim("3ds", order_id=name, result=result)
    walk.call("POST", "/v2/plain-5510111111111115/approve", {})
    held = walk.card("held", token_id=walk.token(CARDS[0]), type="authorize")
    walk.call("POST", "/v2/capture", {"transaction_id": held["transaction_id"]})
    saved = walk.call("GET", f"/v2/accept-{CARDS[0]}/status")["saved_token_id"]
    for kind in ("drop_after", "500_before", "html_502", "json_list", "429", "body_411"):
        walk.sim("faults", op="charge", kind=kind, probability=0.5)
        with contextlib.suppress(httpx.HTTPError):
            walk.card(f"trouble-{kind}", token_id=saved, initiated_by="merchant")
        walk.call("DELETE", "/_sim/faults")
    walk.call("GET", f"/v2/point_inquiry/{walk.token('4105058689481467')}")
    walk.call("GET", "/v1/bins/48111111")
    schedule = {"interval": 1, "interval_unit": "week", "max_interval": 3}
    plan = {"name": "WEEKLY", "amount": "50000", "currency": "IDR", "schedule": schedule}
    walk.call("POST", "/v1/subscriptions", {**plan, "payment_type": "credit_card", "token": saved})
    walk.call("POST", "/v1/subscriptions", {**plan, "payment_type": "credit_card", "token": "no"})


def every_room(walk: Walk) -> None:
    """GoPay linked and charged, hosted pages, links, invoices."""
    partner = {"phone_number": "8215023424", "country_code": "62"}
    link = {"payment_type": "gopay", "gopay_partner": partner}
    account = walk.call("POST", "/v2/pay/account", link)["account_id"]
    walk.call("GET", f"/gopay/link/{account}")
    walk.sim("pay-accounts", account_id=account, action="link")
    options = walk.call("GET", f"/v2/pay/account/{account}")["metadata"]["payment_options"]
    gopay = {"account_id": account, "payment_option_token": options[0]["token"]}
    walk.charge("linked", {"payment_type": "gopay", "gopay": gopay})
    walk.sim("pay", order_id="linked")
    for place, way in enumerate(SNAP_WAYS):
        made = walk.call("POST", "/snap/v1/transactions", order(f"snap-{place}"))
        walk.call("GET", f"/snap/v4/redirection/{made['token']}")
        walk.sim("snap", token=made["token"], method=way)
        walk.call("GET", f"/snap/v4/redirection/{made['token']}?lang=en")
    walk.call("POST", "/v1/payment-links", {**order("link"), "usage_limit": 2})
    bill = {
        "order_id": "invoice",
        "invoice_number": "1",
        "invoice_date": "2026-01-05 10:00:00 +0700",
        "due_date": "2026-02-05 10:00:00 +0700",
        "customer_details": {"name": "a"},
        "item_details": [{"description": "a", "quantity": 1, "price": 1_000}],
        "payment_type": "virtual_account",
        "virtual_accounts": [{"name": "bca_va"}, {"name": "bni_va"}],
    }
    walk.call("POST", "/v1/invoices", bill)
    walk.call("POST", f"/v2/pay/account/{account}/unbind", {})


Again = Callable[[], str]  # stops the simulator, starts it again, answers where


def whole_story(url: str, inbox: Inbox, again: Again | None = None) -> list[str]:
    """All that was answered and all that the merchant was told, ready to be compared.

    Between its parts the simulator may be stopped and started `again`. Instructions about news to
    come live in memory, and are left out then.
    """
    inbox.messages.clear()
    inbox.answers = [500, 404, 503, 301, 200, 429] * 8
    with httpx.Client(base_url=url, auth=(KEY, ""), timeout=30) as http:
        walk = Walk(http)
        walk.sim("clock", to="2026-01-05T03:00:00Z")
        addresses = {
            "notification_url": f"{inbox.url}/notify",
            "pay_account_url": f"{inbox.url}/accounts",
            "recurring_url": f"{inbox.url}/recurring",
        }
        switches = {"retry_shift": True, "extra_fields": True}
        walk.sim("accounts", server_key=KEY, client_key=CLIENT, switches=switches, **addresses)
        if again is None:
            chance: Json = {"times": None, "probability": 0.3}
            walk.sim("notifications", order_id="paid-", action="duplicate", **chance)
            walk.sim("notifications", order_id="late-", action="reorder", **chance)
        for part in (every_way_to_pay, every_card, every_room, time_passes, look_around):
            part(walk)
            if again is not None:
                walk.moved_to(again())
    walk.told += [f"NEWS {path} {json.dumps(body)}" for path, body, _ in inbox.messages]
    text = "\n".join(walk.told).replace(walk.last_url, "SIMULATOR")
    return re.sub(r'"milliseconds":\d+|\d+ ms', "", text).split("\n")


def time_passes(walk: Walk) -> None:
    """Five weeks, in two steps."""
    walk.sim("clock", to="2026-01-06T12:00:00Z")
    walk.sim("clock", to="2026-02-10T03:00:00Z")


def look_around(walk: Walk) -> None:
    """The whole book, and the pages about all of it."""
    for what in ("book", "book/summary", "subscriptions", "snap", "wallets", "pay-accounts"):
        walk.call("GET", f"/_sim/{what}")
    for page in PAGES:
        walk.call("GET", page)


def test_two_runs_of_everything_are_the_same_to_the_last_byte(
    start_server: Callable[..., Any], inbox: Inbox
) -> None:
    told = []
    for seed in ("one", "one", "two"):
        server = start_server("--seed", seed, "--server-key", KEY, "--client-key", CLIENT)
        told.append(whole_story(server.url, inbox))
        server.stop()
    assert first_differences(told[0], told[1]) == []
    assert told[0] != told[2]
    assert sum(line.startswith("NEWS") for line in told[0]) > 200
    assert not [line for line in told[0] if " -> 500 " in line and "on request" not in line]


def test_a_run_that_is_killed_again_and_again_is_the_run_that_was_not(
    start_server: Callable[..., Any], inbox: Inbox, tmp_path: Path
) -> None:
    told = []
    for killed in (False, True):
        options = ["--seed", "one", "--server-key", KEY, "--client-key", CLIENT]
        options += ["--state", str(tmp_path / str(killed))]
        running = [start_server(*options)]
        options[0:0] = ["--port", running[0].url.rsplit(":", 1)[1]]

        def again(running: list[Any] = running, options: list[str] = options) -> str:
            running.pop().kill()
            running.append(start_server(*options))
            return str(running[0].url)

        def stay(running: list[Any] = running) -> str:
            return str(running[0].url)

        told.append(whole_story(running[0].url, inbox, again if killed else stay))
        running[0].stop()
    assert first_differences(told[0], told[1]) == []


def first_differences(one: list[str], other: list[str]) -> list[tuple[str, str]]:
    """The first lines in which two runs differ, or their lengths."""
    differing = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    if not differing and len(one) != len(other):
        return [(str(len(one)), str(len(other)))]
    return differing[:3]
