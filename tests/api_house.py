"""Merchants behind the API, for tests: who calls, with which key, and what came back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import httpx
from builders import make_merchant
from litestar import Litestar
from litestar.testing import TestClient
from world import World

from api.app import create_app
from billing.engine import Engine
from billing.flows.machine_keys import SCOPES, create_key
from core import ids
from core.actor import system
from core.merchant import Merchant
from core.settings import Settings

OPERATOR_KEY = "operator-key-of-the-tests"
_numbers = itertools.count(1)


@dataclass
class Door:
    """One caller with one key."""

    client: TestClient[Litestar]
    key: str | None
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        once: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """One request; a POST gets an Idempotency-Key of its own unless one is given."""
        sent = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.key is not None:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        if method == "POST":
            sent.setdefault("Idempotency-Key", once or f"test-{next(_numbers)}")
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        at = (
            path
            if path.startswith(("/gateways", "/health", "/ready", "/docs", "/api"))
            else (f"/api/v1{path}")
        )
        return self.client.request(method, at, content=content, headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        """Read something that must be there."""
        answer = self.call("GET", path, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(
        self, path: str, body: Any = None, *, status: int = 201, once: str | None = None
    ) -> Any:
        """Do something that must work."""
        answer = self.call("POST", path, {} if body is None else body, once=once)
        assert answer.status_code == status, answer.text
        return answer.json()

    def patch(self, path: str, body: Any) -> Any:
        """Change something that must be changeable."""
        answer = self.call("PATCH", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class House:
    """The application with its callers."""

    engine: Engine
    client: TestClient[Litestar]
    merchants: list[Merchant]
    keys: list[str]

    @property
    def ours(self) -> Door:
        """The first merchant's key, which may do everything."""
        return Door(self.client, self.keys[0])

    @property
    def theirs(self) -> Door:
        """Another merchant's key, which may do everything there."""
        return Door(self.client, self.keys[1])

    @property
    def operator(self) -> Door:
        """The operator, who names no merchant."""
        return Door(self.client, OPERATOR_KEY)

    @property
    def nobody(self) -> Door:
        """A caller without a key."""
        return Door(self.client, None)

    @property
    def operator_bearer(self) -> str:
        """What the operator sends as Authorization."""
        return f"Bearer {OPERATOR_KEY}"

    def with_key(self, key: str) -> Door:
        """A caller with a key that a test has made."""
        return Door(self.client, key)

    def holding(self, *scopes: str) -> Door:
        """A new key of the first merchant with these scopes."""
        return Door(self.client, new_key(self.engine, self.merchants[0].merchant_id, *scopes))

    def acting(self, merchant: int = 0) -> Door:
        """The operator, acting for a merchant."""
        public = ids.public("merchant", self.merchants[merchant].merchant_id)
        return Door(self.client, OPERATOR_KEY, {"Tagihan-Merchant": public})


def new_key(engine: Engine, merchant_id: UUID, *scopes: str) -> str:
    """Make a key and give its secret."""
    with engine.work(merchant_id, system("test")) as unit:
        made = create_key(unit, name="test", scopes=scopes or SCOPES)
    assert made.secret is not None
    return made.secret


@contextmanager
def open_house(engine: Engine, *, merchants: bool = True) -> Iterator[House]:
    """Start the application; errors of ours come back as answers, as they do over a wire."""
    made = [make_merchant(engine) for _ in range(2)] if merchants else []
    keys = [new_key(engine, one.merchant_id) for one in made]
    with serving(engine) as client:
        yield House(engine, client, made, keys)


@lru_cache(maxsize=1)
def _app() -> Litestar:
    # Building it (every route with its document) takes longer than most tests.
    return create_app(Settings(), cast(Engine, "put in its place by `serving`"))


@contextmanager
def serving(engine: Engine) -> Iterator[TestClient[Litestar]]:
    """Start the application, which is built once, on this engine."""
    with TestClient(_app(), raise_server_exceptions=False) as client:
        before = client.app.state.dict()
        client.app.state["engine"] = engine
        yield client
        client.app.state.clear()
        client.app.state.update(before)


@dataclass
class Counter:
    """One merchant's API with the simulator behind it."""

    world: World
    client: TestClient[Litestar]
    door: Door

    def price(self, amount: int = 150_000, *, trial_days: int = 0) -> str:
        """A monthly price, made through the API; its id."""
        n = next(_numbers)
        plan = self.door.post("/plans", {"code": f"pro-{n}", "name": {"id": "Pro", "en": "Pro"}})
        made = self.door.post(
            f"/plans/{plan['id']}/prices",
            {"unit_amount": amount, "interval_unit": "month", "trial_days": trial_days},
        )
        price_id: str = made["id"]
        return price_id

    def customer(self, **fields: Any) -> str:
        """A customer, made through the API; its id."""
        n = next(_numbers)
        made = self.door.post(
            "/customers", {"name": f"Sari {n}", "email": f"sari{n}@contoh.example", **fields}
        )
        customer_id: str = made["id"]
        return customer_id

    def second(self) -> Door:
        """A second caller of the same merchant."""
        return Door(self.client, new_key(self.world.engine, self.world.merchant_id))

    def confirm(self, order_id: str) -> None:
        """The payer finishes 3DS, and the workers hear of it."""
        self.world.desk.confirm(order_id)
        self.work_off()

    def work_off(self) -> None:
        """Ask about everything that is pending, and do all that is due."""
        self.world.wait(minutes=10)
        self.world.drain()


@contextmanager
def open_counter(world: World) -> Iterator[Counter]:
    """Start the application on a world."""
    key = new_key(world.engine, world.merchant_id)
    with serving(world.engine) as client:
        yield Counter(world, client, Door(client, key))
