"""The pages on the engine as shipped, with a gateway in memory and time that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import make_merchant
from database import Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from litestar import Litestar
from litestar.testing import TestClient
from pages.house import House

from api.pages import routes
from billing.engine import Engine
from core.db import connect
from core.settings import Settings
from core.vault import Vault

LOGO = (Path(__file__).resolve().parents[2] / "examples" / "logo.svg").read_bytes()


@pytest.fixture(scope="session")
def application() -> Litestar:
    """The pages without an engine: `house` puts its own behind them."""
    return Litestar(routes())


@pytest.fixture
def house(database: Database, application: Litestar) -> Iterator[House]:
    machine, gateway = MachineTime(), FakeGateway()
    engine = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=5),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(gateway),
        mailer=FakeMailer(),
        real_now=machine,
    )
    try:
        merchant = make_merchant(
            engine,
            slug="larasa",
            display_name="Larasa",
            brand_color="#0b6e69",
            logo=LOGO,
            logo_media_type="image/svg+xml",
        )
        application.state["engine"] = engine
        with TestClient(application) as client:
            client.follow_redirects = False
            yield House(engine, merchant, gateway, machine, client)
    finally:
        engine.close()
