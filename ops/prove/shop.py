"""The merchant whose life is tried, and the engine as shipped wired to the harness."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from requests.adapters import BaseAdapter
from sqlalchemy import event

from billing.engine import Engine
from billing.flows.onboard import MerchantDraft, create_merchant
from core.actor import Actor as Caller
from core.db import Sessions, make_engine
from core.mail import Mailer
from core.settings import Settings
from core.vault import Vault
from ops.prove.place import Room
from ops.prove.plan import Plan
from ops.prove.terms import open_codes
from payments.adapters.midtrans.gateways import MidtransGateways
from plans.service import create_plan, publish_price

# Code, whole rupiah before tax, interval, days of trial.
_PLANS = (
    ("hemat", 49_500, "month", 0),
    ("pro", 150_000, "month", 0),
    ("coba", 99_000, "month", 7),
    ("mingguan", 25_003, "week", 0),
    ("langganan", 45_000, "week", 0),
    ("harian", 9_900, "day", 0),
)
# Only for a life that names them: months at once.
_LONG = {"triwulan": (420_000, 3), "semester": (810_000, 6), "tahunan": (1_500_000, 12)}


def wire_up(room: Room, wire: BaseAdapter, mailer: Mailer, now: Callable[[], datetime]) -> Engine:
    """The engine with its own adapter, client and pool; only the connection's far end is ours."""
    settings = Settings(database_url=room.app_url, role_prefix=room.role_prefix)
    vault = Vault([("prove", bytes(range(32)))])
    gateways = MidtransGateways(settings, vault)
    gateways._session.mount("https://", wire)
    engine = make_engine(room.app_url, pool_size=40)
    # As shipped a connection is asked whether it lives before it is used: without that, more
    # transactions meet a database that is gone.
    engine.pool._pre_ping = False
    # Few connections serve most, so that what they have planned is used again.
    engine.pool._pool.use_lifo = True  # type: ignore[attr-defined]

    @event.listens_for(engine, "connect")
    def _connected(driver: Any, _: Any) -> None:
        # The harness ends waits by its dice, no clock of the server does.
        driver.pgconn.exec_(b"SET lock_timeout = 0")
        driver.pgconn.exec_(b"SET idle_in_transaction_session_timeout = 0")
        # Each statement is planned once a connection: that is half of what the server does.
        driver.pgconn.exec_(b"SET plan_cache_mode = force_generic_plan")
        driver.prepare_threshold, driver.prepared_max = 1, 1000

    return Engine(
        settings=settings,
        db=Sessions(engine, role_prefix=room.role_prefix),
        vault=vault,
        gateways=gateways,
        mailer=mailer,
        real_now=now,
    )


def open_shop(
    engine: Engine, server_key: str, namespace: bytes, plan: Plan
) -> tuple[UUID, list[UUID]]:
    """A PKP in Jakarta that lives in real time, with its plans: its id, and their prices.

    What is lived may leave out the plans of other codes, and say how often each is chosen.
    """
    only, settings = plan.plans, dict[str, Any](plan.settings)
    operator = Caller("operator", "operator")
    draft = MerchantDraft(
        upgrade_policy="apply_first",
        slug="prove", legal_name="PT Kopi Senja", email="tagihan@senja.example",
        address="Jl. Melati 1, Jakarta", gateway="sandbox", server_key=server_key,
        npwp="0012345678901234", pkp_since=datetime(2020, 1, 1, tzinfo=UTC).date(),
        refund_approval_above=50_000_000, **settings,
    )  # fmt: skip
    merchant = create_merchant(engine, draft, operator, namespace=namespace)
    prices = {}
    with engine.work(merchant.merchant_id, operator) as unit:
        for code, amount, every, trial in _PLANS:
            if only and code not in only:
                continue
            made = create_plan(unit, code=code, name={"id": code.title()})
            price = publish_price(
                unit, made.id, unit_amount=amount, interval_unit=every, trial_days=trial
            )
            prices[code] = price.id
        for code, (amount, months) in _LONG.items():
            if code in only:
                made = create_plan(unit, code=code, name={"id": code.title()})
                price = publish_price(
                    unit, made.id, unit_amount=amount, interval_unit="month", interval_count=months
                )
                prices[code] = price.id
    if "code" in dict(plan.deeds):
        open_codes(engine, merchant.merchant_id)
    # A code that is named more often is chosen more often.
    return merchant.merchant_id, [prices[code] for code in only or prices]
