"""One merchant's life over HTTP: people sign up, change, cancel, pay and want their money back.

Its clock is a test clock that is asked on and on by days, so months of renewals happen while
processes die. Which deed comes next follows from the seed.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from ops.prove.rough.client import Client, Deed, GaveUpError
from ops.prove.rough.house import House
from ops.prove.rough.ledger import Json
from ops.prove.rough.ledger import dice as drawn_from

NAMES = (
    "Budi", "Siti", "Agus", "Dewi", "Eko", "Fitri", "Gilang", "Hana", "Indra", "Joko", "Kartika",
    "Lestari", "Made", "Nina", "Oka", "Putri",
)  # fmt: skip
CARDS = ("4811111111111114", "5211111111111117", "5264221038874659", "4617006959746656")
# In business time the gateway refuses it again and again: that is what dunning is for.
REFUSED_CARD = "4365026335737199"
PLANS = (("bulanan", 99_000, "month"), ("mingguan", 25_003, "week"), ("harian", 9_900, "day"))
CUSTOMERS_MOST = 7
_WEIGHTS = {
    "sign_up": 6, "change": 4, "cancel": 1, "stay": 2, "refund": 5, "one_off": 5, "gateway": 10,
}  # fmt: skip
_MANDATE = {
    "text_version": "2026-11", "text": "Saya setuju ditagih otomatis.", "source": "203.0.113.9",
    "locale": "id",
}  # fmt: skip


def begins(real_now: datetime) -> datetime:
    """When business time begins: so long ago that it never meets machine time."""
    day = (real_now - timedelta(days=900)).date()
    return datetime(day.year, day.month, 5, 3, 0, tzinfo=UTC)


@dataclass
class Life:
    """One merchant with its people; `live` runs until it is told to stop."""

    house: House
    number: int
    seed: str
    at: datetime
    server_key: str = field(default="", repr=False)
    client_key: str = ""
    merchant: str = ""
    client: Client = field(init=False)
    prices: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    subscriptions: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"rough-{self.number}"

    # --- opening --------------------------------------------------------------------------------

    def open(self, news_url: str) -> None:
        """An account at the gateway, a merchant of ours, its key and its plans."""
        drawn = drawn_from(f"{self.seed}:{self.name}")
        self.server_key = f"SB-Mid-server-rough-{self.number}-{drawn.randrange(10**9)}"
        self.client_key = f"SB-Mid-client-rough-{self.number}"
        self.control(
            "POST", "accounts", server_key=self.server_key, client_key=self.client_key,
            name=self.name, seed=self.seed, notification_url=f"{news_url}/{self.name}",
        )  # fmt: skip
        self.control("POST", "clock", to=self.at.isoformat())
        bad_from, bad_until = self.at + timedelta(days=20), self.at + timedelta(days=40)
        self.control(
            "POST", "cards", pan=REFUSED_CARD, behaviour="51", since=bad_from.isoformat(),
            until=bad_until.isoformat(),
        )  # fmt: skip
        operator = Client(
            self.house.api_url, self.house.environ["TAGIHAN_OPERATOR_KEY"], f"op-{self.name}",
            self.seed,
        )  # fmt: skip
        made = _must(operator.post("/merchants", {
            "slug": self.name, "legal_name": f"PT Kopi {NAMES[self.number]}",
            "email": "tagihan@kopi.example", "address": "Jl. Melati 1, Jakarta",
            "gateway": "simulator", "server_key": self.server_key, "client_key": self.client_key,
            "clock_at": self.at.isoformat(), "npwp": "0012345678901234", "pkp_since": "2020-01-01",
            "refund_approval_above": 50_000_000,
        }))  # fmt: skip
        self.merchant = made["id"]
        key = _must(operator.post(
            "/keys", {"name": "rough", "scopes": ["read", "write", "refund", "admin"]},
            merchant=self.merchant,
        ))  # fmt: skip
        self.client = Client(self.house.api_url, key["secret"], self.name, self.seed)
        for code, amount, every in PLANS:
            plan = _must(self.client.post("/plans", {"code": code, "name": {"id": code.title()}}))
            price = _must(self.client.post(
                f"/plans/{plan['id']}/prices", {"unit_amount": amount, "interval_unit": every}
            ))  # fmt: skip
            self.prices.append(price["id"])

    # --- living ---------------------------------------------------------------------------------

    def start(self, stop: threading.Event) -> None:
        """People and the clock, each in a thread, until ``stop``."""
        for name, what in (("people", self._people), ("clock", self._clock)):
            thread = threading.Thread(
                target=self._live, args=(what, stop), daemon=True, name=f"{self.name}-{name}"
            )
            self._threads.append(thread)
            thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until all its people have been answered."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))

    def _live(self, what: Any, stop: threading.Event) -> None:
        try:
            what(stop)
        except GaveUpError:
            self.wrong.append(f"{threading.current_thread().name} was never answered")
        except Exception as error:
            self.wrong.append(f"{threading.current_thread().name}: {error!r}")

    def _people(self, stop: threading.Event) -> None:
        dice = drawn_from(f"{self.seed}:{self.name}:people")
        names = [name for name, weight in _WEIGHTS.items() for _ in range(weight)]
        while not stop.is_set():
            name = dice.choice(names) if len(self.subscriptions) > 2 else "sign_up"
            getattr(self, f"_{name}")(dice)
            stop.wait(dice.uniform(0.05, 0.5))

    def _clock(self, stop: threading.Event) -> None:
        dice = drawn_from(f"{self.seed}:{self.name}:clock")
        while not stop.wait(0.3):
            told = self.client.get("/clock")
            if told.get("state") == "ready" and len(self.subscriptions) > 2:
                days = timedelta(days=dice.randint(1, 4), hours=dice.randint(0, 12))
                self.advance(datetime.fromisoformat(told["at"]) + days)

    def advance(self, to: datetime) -> None:
        """Ask for time to pass."""
        self.client.post("/clock/advance", {"to": to.isoformat()}, once=False)

    def now(self) -> datetime:
        """Where its clock stands, or is going."""
        told = self.client.get("/clock")
        return datetime.fromisoformat(told["target_at"] or told["at"])

    def arrives(self, end: datetime) -> bool:
        """Whether its clock stands at ``end``; sends it there where it rests before."""
        told = self.client.get("/clock")
        if told["state"] != "ready":
            return False
        if datetime.fromisoformat(told["at"]) >= end:
            return True
        self.advance(end)
        return False

    # --- deeds ----------------------------------------------------------------------------------

    def _post(self, name: str, path: str, body: Json) -> Deed:
        deed = self.client.post(path, body)
        self.done[name if deed.is_done else f"{name} refused"] += 1
        return deed

    def _sign_up(self, dice: random.Random) -> None:
        if len(self.customers) >= CUSTOMERS_MOST:
            return
        n, by_card, price = (
            len(self.customers),
            dice.random() < 0.8,
            dice.choice((*self.prices, self.prices[-1])),
        )
        pan = dice.choice((*CARDS, *CARDS, REFUSED_CARD))
        made = self._post("customers", "/customers", {
            "name": f"{NAMES[n % len(NAMES)]} {self.number}", "email": f"p{n}@contoh.example",
        })  # fmt: skip
        customer = made.answer["id"]
        self.customers.append(customer)
        payment: Json = {"virtual_account": True}
        if by_card:
            payment = {"card_token": self._token(pan), "mandate": _MANDATE}
        bought = self._post("sign-ups by card" if by_card else "sign-ups by number",
                            "/subscriptions",
                            {"customer": customer, "price": price, "payment": payment})  # fmt: skip
        if bought.is_done:
            self.subscriptions.append(bought.answer["subscription"]["id"])
            self._gateway(dice)

    def _change(self, dice: random.Random) -> None:
        wish: Json = {"price": dice.choice(self.prices)}
        if dice.random() < 0.5:
            wish = {"quantity": dice.randint(1, 4)}
        self._post("changes", f"/subscriptions/{dice.choice(self.subscriptions)}/change", wish)

    def _cancel(self, dice: random.Random) -> None:
        whose, when = dice.choice(self.subscriptions), dice.choice(("period_end", "now"))
        self._post("cancels", f"/subscriptions/{whose}/cancel", {"when": when, "reason": "Tutup"})

    def _stay(self, dice: random.Random) -> None:
        self._post("stays", f"/subscriptions/{dice.choice(self.subscriptions)}/undo-cancel", {})

    def _refund(self, dice: random.Random) -> None:
        luck, part = dice.random(), dice.randint(1, 5)
        taken = self.client.get("/payments?limit=50").get("data", [])
        if taken:
            one = taken[int(luck * len(taken))]
            body: Json = {"payment": one["id"]}
            if part > 1:
                body["amount"] = max(1, one["amount"] // part)
            self._post("refunds", "/refunds", body)

    def _one_off(self, dice: random.Random) -> None:
        customer, amount = dice.choice(self.customers), dice.randrange(15, 400) * 1000
        by_card, pan = dice.random() < 0.5, dice.choice(CARDS)
        payment = {"card_token": self._token(pan)} if by_card else {"virtual_account": True}
        line = {"description": {"id": "Jasa pasang"}, "unit_amount": amount}
        body = {"customer": customer, "lines": [line], "payment": payment}
        self._post("one-off payments", "/one-off-payments", body)
        self._gateway(dice)

    def _gateway(self, dice: random.Random) -> None:
        """Cardholders confirm, payers pay: some of those who are waited for."""
        listed = self.control("GET", "book?status=pending").get("transactions", [])
        for one in listed:
            luck, order = dice.random(), one["order_id"]
            with suppress(requests.RequestException):
                if one["payment_type"] == "credit_card":
                    if luck < 0.9:
                        result = "accept" if luck < 0.8 else "deny"
                        self.control("POST", "3ds", order_id=order, result=result)
                elif luck < 0.5:
                    self.control("POST", "pay", order_id=order)

    # --- the gateway's counter ------------------------------------------------------------------

    def control(self, method: str, path: str, **body: Any) -> Json:
        """The simulator's control side, without the wire in between."""
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, f"{self.house.simulator_url}/_sim/{path}",
                json=body if method != "GET" else None,
                headers={"X-Sim-Server-Key": self.server_key}, timeout=60,
            )  # fmt: skip
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    def _token(self, pan: str) -> str:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                f"{self.house.simulator_url}/v2/token",
                params={"client_key": self.client_key, "card_number": pan, "card_cvv": "123",
                        "card_exp_month": "12", "card_exp_year": "2031"},
                timeout=30,
            )  # fmt: skip
        token: str = answer.json()["token_id"]
        return token


def _must(deed: Deed) -> Json:
    if not deed.is_done:
        raise RuntimeError(f"{deed.path}: {deed.status} {deed.answer}")
    return deed.answer
