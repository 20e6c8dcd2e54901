"""Merchants, customers, prices and subscriptions with sensible defaults, made by the real flows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fakes import FakeGateway, FakeGateways
from sqlalchemy import update

from billing.engine import Engine
from billing.flows.consents import Mandate, consent
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.subscribe import Subscribed, subscribe
from billing.records import Customer
from billing.service import create_customer
from core import ids
from core.actor import Actor, system
from core.bulk import insert_rows
from core.merchant import Merchant
from core.tables import clocks
from core.work import Work
from payments.adapters.midtrans.gateways import MidtransGateways
from payments.tables import payment_methods
from plans.queries import Price
from plans.service import create_plan, publish_price

OPERATOR = Actor("operator", "operator")
NAMESPACE = bytes(range(16))
# 09:00 in Jakarta on a Sunday.
START = datetime(2027, 1, 10, 2, 0, tzinfo=UTC)

_counter = itertools.count(1)


def make_merchant(
    engine: Engine, *, at: datetime | None = START, namespace: bytes | None = None, **fields: Any
) -> Merchant:
    """A PKP in Jakarta with a test clock at `START`; ``at=None`` lives in real time."""
    number = next(_counter)
    given = {
        "slug": f"toko-{number}",
        "legal_name": "PT Awan Sejahtera",
        "email": "tagihan@awan.example",
        "address": "Jl. Sudirman 1\nJakarta 10220",
        "npwp": "0012345678901234",
        "pkp_since": datetime(2020, 1, 1, tzinfo=UTC).date(),
        "server_key": "SB-Mid-server-test",
        # Most tests of changes ask what a change does, not when.
        "upgrade_policy": "apply_first",
    }
    if isinstance(engine.gateways, MidtransGateways):
        # Nobody opened an account for these keys, and nothing is sent with them.
        engine = replace(engine, gateways=FakeGateways(FakeGateway()))
    return create_merchant(
        engine,
        MerchantDraft(**{**given, **fields}),
        OPERATOR,
        namespace=namespace,
        clock_at=at,
    )


def make_customer(unit: Work, **fields: Any) -> Customer:
    """A customer in the merchant's zone who reads Indonesian."""
    number = next(_counter)
    given = {"name": f"Budi {number}", "email": f"budi{number}@contoh.example"}
    return create_customer(unit, **{**given, **fields})


def make_price(
    unit: Work,
    unit_amount: int | None = 150_000,
    *,
    code: str | None = None,
    interval_unit: str = "month",
    **terms: Any,
) -> Price:
    """A new plan with one price: 150,000 a month, tax on top, unless said otherwise."""
    plan = create_plan(unit, code=code or f"plan-{next(_counter)}", name={"id": "Paket Pro"})
    return publish_price(
        unit, plan.id, unit_amount=unit_amount, interval_unit=interval_unit, **terms
    )


CONSENT = Mandate(
    text_version="2026-11", text="Saya setuju ditagih.", locale="id", source="203.0.113.9"
)


def make_method(
    unit: Work, customer_id: UUID, *, state: str = "active", mandate: Mandate | None = CONSENT
) -> UUID:
    """A saved card with its holder's consent; its token opens with no key, so only a fake gateway
    may charge it."""
    method_id = ids.fresh()
    insert_rows(
        unit.session,
        payment_methods,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": method_id,
                "customer_id": customer_id,
                "kind": "card",
                "state": state,
                "token_sealed": b"sealed" if state == "active" else None,
                "masked": "48111111-1114",
                "created_at": unit.now,
            }
        ],
    )
    consent(unit, customer_id, method_id, mandate)
    return method_id


def make_subscription(
    unit: Work, *, price: Price | None = None, customer: Customer | None = None, **terms: Any
) -> Subscribed:
    """A subscription paid by invoice, unless a method is given."""
    who = customer or make_customer(unit)
    what = price or make_price(unit)
    return subscribe(unit, customer_id=who.id, price_id=what.id, **terms)


def set_clock(engine: Engine, merchant_id: UUID, at: datetime) -> None:
    """Put a test clock to an instant without doing the work in between."""
    with engine.db.begin(merchant_id) as session:
        session.execute(
            update(clocks)
            .where(clocks.c.merchant_id == merchant_id)
            .values(at=at, state="ready", target_at=None)
        )


@contextmanager
def working(engine: Engine, merchant: Merchant, actor: Actor | None = None) -> Iterator[Work]:
    """One transaction inside a merchant, in the name of a test."""
    with engine.work(merchant.merchant_id, actor or system("test")) as unit:
        yield unit
