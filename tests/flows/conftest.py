"""An engine on the test database, with a gateway and a mailer in memory and time that is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builders import make_merchant
from database import Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from simulated import running_simulator
from world import World, make_world

from billing.engine import Engine
from core.db import connect
from core.merchant import Merchant
from core.settings import Settings
from core.vault import Vault


@pytest.fixture
def machine() -> MachineTime:
    """Machine time; moves only when a test says so."""
    return MachineTime()


@pytest.fixture
def gateway() -> FakeGateway:
    """What stands in for Midtrans."""
    return FakeGateway()


@pytest.fixture
def mailer() -> FakeMailer:
    """What stands in for the mail server."""
    return FakeMailer()


@pytest.fixture
def engine(
    database: Database, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime
) -> Iterator[Engine]:
    """The engine of one process, as it is shipped but for what is outside."""
    made = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=10),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(gateway),
        mailer=mailer,
        real_now=machine,
    )
    yield made
    made.close()


@pytest.fixture
def merchant(engine: Engine) -> Merchant:
    """A PKP in Jakarta whose test clock stands at `builders.START`."""
    return make_merchant(engine)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """A simulator process for the tests of one module; its address."""
    with running_simulator() as url:
        yield url


@pytest.fixture
def world(database: Database, simulator: str) -> Iterator[World]:
    """The engine as shipped, in front of a real simulator."""
    made = make_world(database, simulator)
    yield made
    made.engine.close()
