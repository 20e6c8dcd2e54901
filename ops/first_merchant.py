"""The first start: the merchant of examples/, its plans, its owner, its key, its first customers.

Everything is written under keys derived from its name, so a start that was cut off is finished by
the next one, and the second start changes nothing.
"""

from __future__ import annotations

import json
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import requests
from sqlalchemy import select

from api.pages.checkout import (
    TestCard,
    Visitor,
    customer_of,
    sign_up_by_card,
    sign_up_by_va,
)
from billing.engine import Engine
from billing.flows.machine_keys import create_key, find_key
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.people import create_staff, find_merchant_id
from billing.flows.settle import settle
from core.actor import system
from core.errors import Conflict
from core.settings import Settings
from ops.embedded_place import write_private
from payments.tables import payment_orders
from plans.queries import find_plan, prices_of
from plans.service import create_plan, publish_price

EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples"
KEPT: Final = "demo.json"
ME: Final = system("first start")
_OWNER_EMAIL: Final = "pemilik@larasa.example"
_TIMEOUT: Final = (3, 30)
# A card of its own for each, so that what the bank says of one says nothing of another.
_CARDS: Final = {
    "dewi": "4811111111111114",
    "siti": "5211111111111117",
    "made": "4617006959746656",
    "linda": "5264221038874659",
}
_PAYS_AT_ONCE: Final = ("budi",)
_CUSTOMERS: Final = ("dewi", "budi", "siti", "made", "linda", "maria")
# She is short of money when her second month is charged, until payday.
_SHORT_OF_FUNDS: Final = "siti"
# Has nothing yet: whoever starts Tagihan subscribes her by hand.
GUEST: Final = "ratna"
FIRST_TRY: Final = "first-try"


@dataclass(slots=True)
class Kept:
    """What the home keeps of the first merchant, readable by its owner only."""

    slug: str = ""
    api_key: str = field(default="", repr=False)
    staff_email: str = ""
    staff_password: str = field(default="", repr=False)
    server_key: str = field(default="", repr=False)
    client_key: str = ""
    populated: bool = False

    @classmethod
    def read(cls, home: Path) -> Kept:
        """Read it; whatever is missing or unreadable is as on the first start."""
        try:
            found = json.loads((home / KEPT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        return cls(**{one.name: found[one.name] for one in fields(cls) if one.name in found})

    def write(self, home: Path) -> None:
        """Write it before anything depends on it: a cut-off start must find its own keys."""
        write_private(home / KEPT, json.dumps(asdict(self), indent=1) + "\n")


def ensure(engine: Engine, settings: Settings) -> tuple[UUID, Kept]:
    """Bring the first merchant to where the first screen can show it; safe to repeat."""
    example = tomllib.loads((EXAMPLES / "merchant.toml").read_text(encoding="utf-8"))
    kept = Kept.read(settings.home)
    kept.slug = example["merchant"]["slug"]
    kept.staff_email = _OWNER_EMAIL
    kept.staff_password = kept.staff_password or secrets.token_urlsafe(12)
    kept.server_key = kept.server_key or f"SB-Mid-server-{secrets.token_urlsafe(18)}"
    kept.client_key = kept.client_key or f"SB-Mid-client-{secrets.token_urlsafe(12)}"
    kept.write(settings.home)
    merchant_id = find_merchant_id(engine, kept.slug)
    clock_at = first_instant(engine.real_now(), example["merchant"]["billing_zone"])
    if settings.uses_simulator:
        _open_account(settings, kept, example["merchant"]["display_name"])
    if merchant_id is None:
        kept.populated = False
        merchant_id = _create(engine, settings, kept, example["merchant"], clock_at)
    _catalogue(engine, merchant_id, example["plans"])
    _access(engine, settings, merchant_id, kept)
    if settings.uses_simulator and not kept.populated:
        _populate(engine, settings, merchant_id, kept)
        kept.populated = True
        kept.write(settings.home)
    return merchant_id, kept


def first_instant(now: datetime, zone: str) -> datetime:
    """Where the test clock begins: the latest 20th, at ten in the morning.

    So the first renewals fall on a 20th, a payday and a month's end follow within days, and a jump
    of 40 days shows them all.
    """
    local = now.astimezone(ZoneInfo(zone))
    start = local.replace(day=20, hour=10, minute=0, second=0, microsecond=0)
    if start > local:
        start = (start.replace(day=1) - timedelta(days=1)).replace(day=20)
    return start.astimezone(UTC)


def _create(
    engine: Engine,
    settings: Settings,
    kept: Kept,
    example: Mapping[str, Any],
    clock_at: datetime,
) -> UUID:
    given = {one.name for one in fields(MerchantDraft)}
    values = {name: value for name, value in example.items() if name in given}
    values["logo"] = (EXAMPLES / example["logo"]).read_bytes()
    values["address"] = example["address"].strip()
    if settings.uses_simulator:
        values |= {
            "gateway": "simulator",
            "gateway_url": settings.simulator_url,
            "server_key": kept.server_key,
            "client_key": kept.client_key,
        }
        _simulator(settings, kept, "clock", {"to": clock_at.isoformat()})
    else:
        values |= {
            "gateway": settings.midtrans_environment,
            "server_key": settings.midtrans_server_key,
            "client_key": settings.midtrans_client_key,
        }
    clock = clock_at if settings.uses_simulator else None
    made = create_merchant(engine, MerchantDraft(**values), ME, clock_at=clock)
    return made.merchant_id


def _catalogue(engine: Engine, merchant_id: UUID, plans: list[dict[str, Any]]) -> None:
    with engine.work(merchant_id, ME) as unit:
        for plan in plans:
            made = create_plan(
                unit,
                code=plan["code"],
                name=plan["name"],
                description=plan["description"],
                key=f"first:{plan['code']}",
            )
            for price in plan["prices"]:
                length = f"{price['interval_count']}{price['interval_unit']}"
                publish_price(unit, made.id, key=f"first:{plan['code']}:{length}", **price)


def _access(engine: Engine, settings: Settings, merchant_id: UUID, kept: Kept) -> None:
    with engine.work(merchant_id, ME) as unit:
        create_staff(
            unit,
            email=kept.staff_email,
            name="Pemilik Larasa",
            role="owner",
            password=kept.staff_password,
            key="first:owner",
        )
    known = find_key(engine, kept.api_key) if kept.api_key else None
    if known is None or known.merchant_id != merchant_id:
        with engine.work(merchant_id, ME) as unit:
            made = create_key(unit, name="first start", scopes=["read", "write", "refund"])
        kept.api_key = made.secret or ""
        kept.write(settings.home)


def _populate(engine: Engine, settings: Settings, merchant_id: UUID, kept: Kept) -> None:
    people = tomllib.loads((EXAMPLES / "customers.toml").read_text(encoding="utf-8"))["customers"]
    bank = _Bank(engine, settings, merchant_id, kept)
    by_name = {one["external_id"]: one for one in people}
    for name in _CUSTOMERS:
        person = by_name[name]
        visitor = _visitor(person)
        price_id = _price(engine, merchant_id, person["plan"], person["interval"])
        if person["pays_with"] == "card":
            card = TestCard(_CARDS[name], ("", ""))
            made = sign_up_by_card(engine, merchant_id, ME, visitor, price_id=price_id, card=card)
            bank.do("3ds", made.customer_id)
        else:
            made = sign_up_by_va(engine, merchant_id, ME, visitor, price_id=price_id)
            if name in _PAYS_AT_ONCE:
                bank.do("pay", made.customer_id)
    with engine.work(merchant_id, ME) as unit:
        today = unit.today
        customer_of(unit, _visitor(by_name[GUEST]))
    _short_of_funds(settings, kept, datetime(today.year, today.month, 28, tzinfo=UTC))


def _short_of_funds(settings: Settings, kept: Kept, since: datetime) -> None:
    """One card has no funds from the end of this month until the payday after the renewal."""
    following = since + timedelta(days=10)
    until = following.replace(day=25)
    rule = {
        "pan": _CARDS[_SHORT_OF_FUNDS],
        "behaviour": "51",
        "since": since.isoformat(),
        "until": until.isoformat(),
    }
    _simulator(settings, kept, "cards", rule)


def _visitor(person: Mapping[str, Any]) -> Visitor:
    names = ("phone", "address", "npwp", "billing_zone")
    return Visitor(
        name=person["name"],
        email=person["email"],
        locale=person["locale"],
        key=f"first:{person['external_id']}",
        company=person["company"],
        external_id=person["external_id"],
        fields={name: person[name] for name in names if name in person},
    )


def _price(engine: Engine, merchant_id: UUID, plan_code: str, interval: str) -> UUID:
    with engine.work(merchant_id, ME) as unit:
        plan = find_plan(unit, code=plan_code)
        if plan is None:
            raise Conflict("plan_missing", f"examples/ name a plan {plan_code!r} that is not there")
        found = [one for one in prices_of(unit, plan.id) if one.interval_unit == interval]
        return found[-1].id


@dataclass(frozen=True, slots=True)
class _Bank:
    """Plays the payer at the simulator, and takes the outcome in without waiting for the news."""

    engine: Engine
    settings: Settings
    merchant_id: UUID
    kept: Kept

    def do(self, what: str, customer_id: UUID) -> None:
        """Confirm (``3ds``) or ``pay`` what is pending of a customer."""
        with self.engine.work(self.merchant_id, ME) as unit:
            gateway = self.engine.gateways.of(unit.merchant)
            pending = list(
                unit.session.execute(
                    select(payment_orders.c.order_id).where(
                        payment_orders.c.merchant_id == self.merchant_id,
                        payment_orders.c.customer_id == customer_id,
                        payment_orders.c.state == "pending",
                    )
                ).scalars()
            )
        for order_id in pending:
            _simulator(self.settings, self.kept, what, {"order_id": order_id})
            answer = gateway.status(order_id)
            settle(self.engine, self.merchant_id, order_id, answer, because="first start")


def _open_account(settings: Settings, kept: Kept, name: str) -> None:
    url = f"{settings.public_url.rstrip('/')}/gateways/midtrans/{kept.slug}"
    body = {
        "server_key": kept.server_key,
        "client_key": kept.client_key,
        "name": name,
        "notification_url": url,
        "recurring_mid": True,
    }
    _simulator(settings, kept, "accounts", body)


def _simulator(settings: Settings, kept: Kept, path: str, body: dict[str, Any]) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"{settings.simulator_url}/_sim/{path}",
            json=body,
            headers={"X-Sim-Server-Key": kept.server_key},
            timeout=_TIMEOUT,
        )
    if answer.status_code >= 300:
        raise Conflict("simulator_refused", f"the simulator refused {path}: {answer.text[:200]}")
