"""Stories of subscriptions from other systems, each lived by the engine on a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from database import Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from vectors.adapters.invoices import ENGINES, EVENTS
from vectors.cases import OWN, Case, folder, judge, load, waiting

from billing.engine import Engine
from core.db import connect
from core.settings import Settings
from core.vault import Vault

CASES = [case for case in load(folder()) if case.file == "invoices"]
REASONS = {**waiting(OWN), **waiting(folder())}


@pytest.fixture
def lived(database: Database) -> Iterator[None]:
    """The engine as it is shipped, with a gateway and a mailer in memory."""
    made = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=connect(database.app_url, role_prefix=database.role_prefix, pool_size=3),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    ENGINES.append(made)
    yield
    ENGINES.remove(made)
    made.close()


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.file}-{case.id}")
def test_a_story_comes_to_what_it_says(
    case: Case, record_property: Callable[[str, object], None]
) -> None:
    verdict, why = judge(case, REASONS)
    record_property("vector", f"{case.file}|{verdict}|{case.id}|{why}")
    assert verdict != "failed", why


@pytest.mark.usefixtures("lived")
def test_a_falsified_story_is_found() -> None:
    case = next(one for one in load(OWN) if one.file == "invoices" and one.recommended == "agrees")
    [*others, last] = case.expected["invoices"]
    for wrong in ([*others], [*others, {**last, "total": "0.01"}], [*others, {**last, "more": 1}]):
        assert judge(replace(case, expected={"invoices": wrong}), {})[0] == "failed"


@pytest.mark.usefixtures("lived")
def test_an_event_that_nothing_answers_fails() -> None:
    case = next(one for one in load(OWN) if one.file == "invoices" and one.recommended == "agrees")
    assert "another" not in EVENTS
    events = [{**event, "type": "another"} for event in case.given["events"]]
    strange = replace(case, given={**case.given, "events": events})
    assert judge(strange, {})[0] == "failed"
