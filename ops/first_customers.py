"""The first customers: people of examples/ who subscribe, and the bank that plays along."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from api.pages.checkout import (
    TestCard,
    Visitor,
    customer_of,
    sign_up_by_card,
    sign_up_by_va,
)
from billing.engine import Engine
from billing.flows.settle import settle
from billing.queries import find_customer, list_subscriptions
from core.errors import Conflict
from core.settings import Settings
from ops.first_kept import EXAMPLES, ME, Kept, tell_simulator
from payments.tables import payment_orders
from plans.queries import find_plan, prices_of

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


def populate(engine: Engine, settings: Settings, merchant_id: UUID, kept: Kept) -> None:
    """Make the first customers; those who are there already are left as they are."""
    people = tomllib.loads((EXAMPLES / "customers.toml").read_text(encoding="utf-8"))["customers"]
    bank = _Bank(engine, settings, merchant_id, kept)
    by_name = {one["external_id"]: one for one in people}
    for name in _CUSTOMERS:
        person = by_name[name]
        visitor = _visitor(person)
        price_id = _price(engine, merchant_id, person["plan"], person["interval"])
        customer_id = _subscribed(engine, merchant_id, name)
        if customer_id is None and name in _CARDS:
            card = TestCard(_CARDS[name], ("", ""))
            customer_id = sign_up_by_card(
                engine, merchant_id, ME, visitor, price_id=price_id, card=card
            ).customer_id
        elif customer_id is None:
            customer_id = sign_up_by_va(
                engine, merchant_id, ME, visitor, price_id=price_id
            ).customer_id
        if name in _CARDS:
            bank.do("3ds", customer_id)
        elif name in _PAYS_AT_ONCE:
            bank.do("pay", customer_id)
    with engine.work(merchant_id, ME) as unit:
        today = unit.today
        customer_of(unit, _visitor(by_name[GUEST]))
    _short_of_funds(settings, kept, datetime(today.year, today.month, 28, tzinfo=UTC))


def _subscribed(engine: Engine, merchant_id: UUID, name: str) -> UUID | None:
    """Who is there already, from a start that was cut off."""
    with engine.work(merchant_id, ME) as unit:
        found = find_customer(unit, external_id=name)
        if found is None or not list_subscriptions(unit, customer_id=found.id, limit=1):
            return None
        return found.id


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
    tell_simulator(settings, kept, "cards", rule)


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
            # An earlier start may have got as far as this: then only the outcome is missing.
            with contextlib.suppress(Conflict):
                tell_simulator(self.settings, self.kept, what, {"order_id": order_id})
            answer = gateway.status(order_id)
            settle(self.engine, self.merchant_id, order_id, answer, because="first start")
