"""Many subscribers at little cost: one is made by the flows, the others are copies of its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from builders import CONSENT
from database import Database, admin
from kill.fleet import MASTER_KEY
from simulated import Desk
from sqlalchemy import Table, select
from world import ME, Outbox

from billing.engine import Engine
from billing.flows.consents import consent
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.subscribe import subscribe
from billing.service import create_customer
from billing.tables import customers, mandates, subscription_items, subscriptions
from core.bulk import insert_rows
from core.clock import utc_now
from core.db import connect
from core.settings import Settings
from core.vault import Vault
from core.work import Work
from payments.adapters.midtrans.gateways import MidtransGateways
from payments.tables import payment_methods
from plans.service import create_plan, publish_price

CARDS = 20


def an_engine(database: Database, **settings: Any) -> Engine:
    """The engine as the processes of a fleet have it, for the test's own hands."""
    told = replace(
        Settings(database_url=database.app_url, role_prefix=database.role_prefix), **settings
    )
    vault = Vault([("test", MASTER_KEY)])
    return Engine(
        settings=told,
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=4),
        vault=vault,
        gateways=MidtransGateways(told, vault),
        mailer=Outbox(),
        real_now=utc_now,
    )


def a_merchant(engine: Engine, desk: Desk, at: datetime, *, namespace: bytes | None = None) -> UUID:
    """A merchant with the desk's keys whose test clock stands at ``at``."""
    draft = MerchantDraft(
        upgrade_policy="apply_first",
        slug="kasirku",
        legal_name="PT Kasirku Nusantara",
        email="tagihan@kasirku.example",
        address="Jl. Melati 1, Jakarta",
        server_key=desk.server_key,
        client_key=desk.client_key,
        gateway_url=desk.url,
    )
    return create_merchant(engine, draft, ME, namespace=namespace, clock_at=at).merchant_id


def saved_tokens(desk: Desk, count: int = CARDS) -> list[str]:
    """Tokens of saved cards that the simulator knows; many customers may share one."""
    tokens = []
    for _ in range(count):
        answer = httpx.get(
            f"{desk.url}/v2/card/register",
            params={
                "client_key": desk.client_key,
                "card_number": "4811111111111114",
                "card_exp_month": "12",
                "card_exp_year": "2031",
                "card_cvv": "123",
            },
        ).json()
        tokens.append(str(answer["saved_token_id"]))
    return tokens


def subscribers(
    engine: Engine, merchant_id: UUID, tokens: Sequence[str], count: int, *, trial_days: int = 14
) -> None:
    """``count`` customers with a saved card, each on trial: the first charge is the renewal's."""
    with engine.work(merchant_id, ME) as unit:
        plan = create_plan(unit, code="kasir", name={"id": "Kasir", "en": "Register"})
        price = publish_price(unit, plan.id, unit_amount=99_000, interval_unit="month")
        first = create_customer(unit, name="Sari 0", email="sari0@example.com", key="crowd-0")
        method = _saved_card(engine, unit, first.id, tokens[0], 0)
        insert_rows(unit.session, payment_methods, [method])
        consent(unit, first.id, method["id"], CONSENT)
        made = subscribe(
            unit, customer_id=first.id, price_id=price.id, collection="automatic",
            payment_method_id=method["id"], trial_days=trial_days, key="crowd-0",
        )  # fmt: skip
    with engine.work(merchant_id, ME) as unit:
        customer = _row(unit, customers, customers.c.id == first.id)
        agreement = _row(unit, subscriptions, subscriptions.c.id == made.subscription.id)
        consented = _row(unit, mandates, mandates.c.payment_method_id == method["id"])
        item = _row(
            unit, subscription_items, subscription_items.c.subscription_id == agreement["id"]
        )
        rows: dict[Table, list[dict[str, Any]]] = {
            customers: [], payment_methods: [], mandates: [], subscriptions: [],
            subscription_items: [],
        }  # fmt: skip
        for n in range(1, count):
            who = unit.derive("customer", f"crowd-{n}")
            card = _saved_card(engine, unit, who, tokens[n % len(tokens)], n)
            what = unit.derive("subscription", f"crowd-{n}")
            rows[customers].append(
                {**customer, "id": who, "name": f"Sari {n}", "email": f"sari{n}@example.com"}
            )
            rows[payment_methods].append(card)
            rows[mandates].append(
                {
                    **consented, "id": unit.derive("mandate", f"crowd-{n}"), "customer_id": who,
                    "payment_method_id": card["id"],
                }
            )  # fmt: skip
            rows[subscriptions].append(
                {**agreement, "id": what, "customer_id": who, "payment_method_id": card["id"]}
            )
            rows[subscription_items].append(
                {**item, "id": unit.derive("item", f"crowd-{n}"), "subscription_id": what}
            )
        for table, listed in rows.items():
            insert_rows(unit.session, table, listed)


def put_mail_off(database: Database) -> None:
    """Mail waits until tomorrow: thousands of PDF files would take the processors from the charges.

    Changes the schema: only for a database of the test's own.
    """
    with admin(database.admin_url) as connection:
        connection.execute(
            """
            CREATE FUNCTION put_mail_off() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.next_at := NEW.next_at + interval '1 day'; RETURN NEW; END $$
            """
        )
        connection.execute(
            "CREATE TRIGGER put_mail_off BEFORE INSERT ON messages "
            "FOR EACH ROW EXECUTE FUNCTION put_mail_off()"
        )


def _saved_card(
    engine: Engine, unit: Work, customer_id: UUID, token: str, n: int
) -> dict[str, Any]:
    method_id = unit.derive("payment_method", f"crowd-{n}")
    context = f"{unit.merchant_id}:{method_id}:token"
    return {
        "merchant_id": unit.merchant_id,
        "id": method_id,
        "customer_id": customer_id,
        "kind": "card",
        "state": "active",
        "token_sealed": engine.vault.seal(token.encode(), context),
        "token_hash": hashlib.sha256(token.encode()).digest(),
        "masked": "48111111-1114",
        "created_at": unit.now,
    }


def _row(unit: Work, table: Table, condition: Any) -> dict[str, Any]:
    # What the database works out by itself can not be written.
    written = [column for column in table.c if column.computed is None]
    mine = select(*written).where(table.c.merchant_id == unit.merchant_id, condition)
    return dict(unit.session.execute(mine).mappings().one())
