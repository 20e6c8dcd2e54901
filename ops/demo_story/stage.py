"""The merchant of the demo and how its time passes: told over HTTP, lived by the processes."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.flows.machine_keys import create_key
from billing.flows.onboard import MerchantDraft, create_merchant
from core.actor import system
from core.jobs import advancing_clocks
from ops.demo_story.callers import Api, Json, People, StoryError
from ops.demo_story.instance import Running, seeded
from ops.diary_rows import Entry, read_entries
from ops.worker import run_once

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ZONE = "Asia/Jakarta"
ME = system("demo")
_SERVER_KEY = "SB-Mid-server-demo-larasa"
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 0.02
_CLIENT_KEY = "SB-Mid-client-demo-larasa"


def jakarta(text: str) -> datetime:
    """An instant by Jakarta's clock: ``2027-02-05 10:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ZONE))


@dataclass
class Stage:
    """One merchant over HTTP, the people around it, and its diary so far."""

    running: Running
    merchant_id: UUID
    api: Api
    people: People
    say: Callable[[str], None]
    began: datetime
    entries: list[Entry] = field(default_factory=list)
    prices: dict[tuple[str, str], str] = field(default_factory=dict)
    _told_until: datetime | None = None

    def now(self) -> datetime:
        """Where the merchant's clock stands."""
        return datetime.fromisoformat(self.api.get("/clock")["at"])

    def until(self, to: datetime) -> None:
        """Live until ``to``: scheduler and workers do what is due, the diary is told."""
        if to > self.now():
            self.api.post("/clock/advance", {"to": to.isoformat()})
        self._arrive()
        self.tell()

    def settle_down(self) -> None:
        """Let everything that is due be done, in a minute of business time."""
        self.until(self.now() + timedelta(minutes=1))

    def skip(self, to: datetime) -> None:
        """Time passes and nobody rings: what a dark data centre lives through."""
        self.api.post("/clock/jump", {"to": to.isoformat()})

    def tell(self) -> None:
        """Tell what has happened up to now."""
        now = self.now()
        since = self._told_until or self.began
        with self.running.instance.engine.db.begin(self.merchant_id) as session:
            new = read_entries(session, self.merchant_id, since, now)
        self._told_until = now
        self.entries += new
        for entry in new:
            self.say(entry.line("id", ZONE))

    def tell_rest(self) -> None:
        """Tell what happened at this very instant, the last one."""
        now = self.now()
        with self.running.instance.engine.db.begin(self.merchant_id) as session:
            new = read_entries(session, self.merchant_id, now, now + timedelta(microseconds=1))
        self._told_until = now + timedelta(microseconds=1)
        self.entries += new
        for entry in new:
            self.say(entry.line("id", ZONE))

    def invoices(self, customer: str, **query: str) -> list[Json]:
        """A customer's invoices, oldest first."""
        return self.api.every("/invoices", customer=customer, **query)[::-1]

    def orders(self, invoice_id: str) -> list[Json]:
        """The orders of an invoice, in their order."""
        found: list[Json] = self.api.get(f"/invoices/{invoice_id}")["orders"]
        return found

    def is_paid(self, invoice_id: str) -> bool:
        """Whether nothing is due on it any more."""
        return bool(self.api.get(f"/invoices/{invoice_id}")["invoice"]["status"] == "paid")

    def _arrive(self) -> None:
        """The scheduler drives the clock; a bell that is seen here first is answered here."""
        engine = self.running.instance.engine
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._is_on_its_way():
            if time.monotonic() > deadline:
                raise StoryError("the clock does not arrive")
            if not run_once(engine):
                time.sleep(_PAUSE_SECONDS)

    def _is_on_its_way(self) -> bool:
        return self.merchant_id in advancing_clocks(self.running.instance.engine.db)


def set_the_stage(running: Running, say: Callable[[str], None], began: datetime) -> Stage:
    """Create the merchant of ``examples/`` under a fixed namespace, with its account and plans."""
    engine, settings = running.instance.engine, running.instance.settings
    example = tomllib.loads((EXAMPLES / "merchant.toml").read_text(encoding="utf-8"))
    draft = MerchantDraft(
        upgrade_policy="apply_first",
        **_known(example["merchant"]),
        gateway="simulator", gateway_url=settings.simulator_url, server_key=_SERVER_KEY,
        client_key=_CLIENT_KEY,
        logo=(EXAMPLES / example["merchant"]["logo"]).read_bytes(),
    )  # fmt: skip
    people = People(settings.simulator_url, _SERVER_KEY, _CLIENT_KEY)
    people.control(
        "POST",
        "accounts",
        {
            "server_key": _SERVER_KEY, "client_key": _CLIENT_KEY, "recurring_mid": True,
            "seed": "demo", "name": draft.display_name,
            "notification_url": f"{running.instance.api_url}/gateways/midtrans/{draft.slug}",
        },
    )  # fmt: skip
    people.control("POST", "clock", {"to": began.isoformat()})
    # A namespace is random for a business; here all ids and order ids must be the same every time.
    merchant = create_merchant(
        engine, draft, ME, namespace=seeded("namespace")[:16], clock_at=began
    )
    with engine.work(merchant.merchant_id, ME) as unit:
        key = create_key(unit, name="demo", scopes=["read", "write", "refund", "admin"], key="demo")
    api = Api(running.instance.api_url, key.secret or "")
    stage = Stage(running, merchant.merchant_id, api, people, say, began)
    for plan in example["plans"]:
        made = api.post(
            "/plans",
            {"code": plan["code"], "name": plan["name"], "description": plan["description"]},
        )
        for price in plan["prices"]:
            published = api.post(f"/plans/{made['id']}/prices", price)
            stage.prices[plan["code"], price["interval_unit"]] = published["id"]
    return stage


def people_of_the_examples() -> dict[str, dict[str, Any]]:
    """The customers of ``examples/`` by their short names."""
    text = (EXAMPLES / "customers.toml").read_text(encoding="utf-8")
    return {one["external_id"]: one for one in tomllib.loads(text)["customers"]}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    taken = set(MerchantDraft.__slots__) - {"logo"}
    kept = {name: value for name, value in values.items() if name in taken}
    return kept | {"address": str(values["address"]).strip()}
