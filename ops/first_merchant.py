"""The first start: the merchant of examples/, its plans, its owner, its key, its first customers.

Everything is written under keys derived from its name, so a start that was cut off is finished by
the next one, and the second start changes nothing.
"""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.engine import Engine
from billing.flows.machine_keys import create_key, find_key
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.people import create_staff, find_merchant_id
from core.settings import Settings
from ops.first_customers import populate
from ops.first_kept import EXAMPLES, ME, Kept, tell_simulator
from payments.service import set_channel
from plans.service import create_plan, publish_price

_OWNER_EMAIL: Final = "pemilik@larasa.example"


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
        populate(engine, settings, merchant_id, kept)
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
        tell_simulator(settings, kept, "clock", {"to": clock_at.isoformat()})
    else:
        values |= {
            "gateway": settings.midtrans_environment,
            "server_key": settings.midtrans_server_key,
            "client_key": settings.midtrans_client_key,
        }
    clock = clock_at if settings.uses_simulator else None
    made = create_merchant(engine, MerchantDraft(**values), ME, clock_at=clock)
    if settings.uses_simulator:
        # A real account may not have them: there they are switched on one by one.
        with engine.work(made.merchant_id, ME) as unit:
            for rank, channel in enumerate(example.get("channels", ())):
                set_channel(unit, channel, enabled=True, rank=rank)
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


def _open_account(settings: Settings, kept: Kept, name: str) -> None:
    url = f"{settings.public_url.rstrip('/')}/gateways/midtrans/{kept.slug}"
    body = {
        "server_key": kept.server_key,
        "client_key": kept.client_key,
        "name": name,
        "notification_url": url,
        "recurring_mid": True,
    }
    tell_simulator(settings, kept, "accounts", body)
