"""The API on the engine as shipped, with two merchants whose keys may do everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from api_house import OPERATOR_KEY, Counter, House, open_counter, open_house
from database import Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from simulated import running_simulator
from world import make_world

from billing.engine import Engine
from core.db import connect
from core.settings import Settings
from core.vault import Vault


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """The engine of one process; gateway and mail in memory, machine time told."""
    made = Engine(
        settings=Settings(
            database_url=database.app_url,
            role_prefix=database.role_prefix,
            operator_key=OPERATOR_KEY,
        ),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=20),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    yield made
    made.close()


@pytest.fixture
def house(engine: Engine) -> Iterator[House]:
    """The application, two merchants, a key for each."""
    with open_house(engine) as made:
        yield made


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """A simulated Midtrans; its address."""
    with running_simulator() as url:
        yield url


@pytest.fixture
def counter(database: Database, simulator: str) -> Iterator[Counter]:
    """A merchant with an account at the simulator, and a key that may do everything."""
    world = make_world(database, simulator)
    with open_counter(world) as made:
        yield made
    world.engine.close()


@pytest.fixture
def down(engine: Engine) -> Iterator[House]:
    """The application with a database that nobody answers for."""
    nowhere = replace(engine, db=connect("postgresql://nobody@127.0.0.1:9/none", pool_size=1))
    with open_house(nowhere, merchants=False) as made:
        yield made
    nowhere.close()
