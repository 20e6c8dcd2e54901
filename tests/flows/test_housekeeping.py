"""What has run its time is swept out, a batch at a time; what is still asked for stays."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from builders import make_merchant
from fakes import MachineTime
from sqlalchemy import func, select, text

from api.auth import Caller
from api.idempotency import Once
from billing.engine import Engine
from core import ids
from core.actor import Actor
from core.bulk import insert_rows
from core.housekeeping import SWEPT, sweep
from core.merchant import Merchant
from core.tables import idempotency_keys, rate_counters, staff, staff_sessions
from scheduler import housekeep

pytestmark = pytest.mark.database
OPERATOR = Actor("operator", "operator")


def counted(engine: Engine, merchant: Merchant) -> dict[str, int]:
    """How many rows each swept table has."""
    with engine.db.begin(merchant.merchant_id) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in SWEPT
        }


def answered(engine: Engine, merchant: Merchant, machine: MachineTime, days: list[int]) -> None:
    """Keys that were answered, each ending so many days from now."""
    with engine.db.begin(merchant.merchant_id) as session:
        insert_rows(
            session,
            idempotency_keys,
            [
                {
                    "merchant_id": merchant.merchant_id,
                    "id": ids.fresh(),
                    "key": f"k-{n}",
                    "caller": "key:test",
                    "operation": "POST /api/v1/customers",
                    "fingerprint": bytes(32),
                    "recovery_point": "finished",
                    "locked_until": machine.at,
                    "response_status": 201,
                    "response_body": {},
                    "created_at": machine.at,
                    "expires_at": machine.at + timedelta(days=day),
                }
                for n, day in enumerate(days)
            ],
        )


def person_with_sessions(
    engine: Engine, merchant: Merchant, machine: MachineTime, hours: list[int]
) -> None:
    with engine.db.begin(merchant.merchant_id) as session:
        who = ids.fresh()
        insert_rows(
            session,
            staff,
            [
                {
                    "merchant_id": merchant.merchant_id, "id": who, "email": "sari@awan.example",
                    "name": "Sari", "role": "owner", "password_hash": "x",
                    "created_at": machine.at,
                }
            ],
        )  # fmt: skip
        insert_rows(
            session,
            staff_sessions,
            [
                {
                    "merchant_id": merchant.merchant_id, "id": ids.fresh(), "staff_id": who,
                    "token_hash": ids.fresh().bytes, "created_at": machine.at,
                    "expires_at": machine.at + timedelta(hours=hour),
                }
                for hour in hours
            ],
        )  # fmt: skip


def tried(engine: Engine, merchant: Merchant, machine: MachineTime, hours: list[int]) -> None:
    with engine.db.begin(merchant.merchant_id) as session:
        insert_rows(
            session,
            rate_counters,
            [
                {
                    "merchant_id": merchant.merchant_id, "id": ids.fresh(), "kind": "card",
                    "hits": 1, "wait_until": machine.at,
                    "expires_at": machine.at + timedelta(hours=hour),
                }
                for hour in hours
            ],
        )  # fmt: skip


def test_what_has_run_its_time_goes_and_the_rest_stays(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    other = make_merchant(engine)
    for one in (merchant, other):
        answered(engine, one, machine, [-1, 0, 1])
        person_with_sessions(engine, one, machine, [-1, 5])
        tried(engine, one, machine, [-2, -1, 3])

    # Two keys, a session and two counters of each merchant.
    assert sweep(engine.db, machine.at) == 10
    for one in (merchant, other):
        assert counted(engine, one) == {
            "idempotency_keys": 1, "rate_counters": 1, "staff_sessions": 1,
        }  # fmt: skip
    assert sweep(engine.db, machine.at) == 0


def test_a_sweep_is_bounded_and_the_next_goes_on(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    answered(engine, merchant, machine, [-1] * 7)

    swept = [sweep(engine.db, machine.at, batch=2, batches=2) for _ in range(3)]

    assert swept == [4, 3, 0]


def test_a_row_that_another_holds_is_left_to_it(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    answered(engine, merchant, machine, [-1, -1])
    with engine.db.begin(merchant.merchant_id) as other:
        other.execute(text("SELECT 1 FROM idempotency_keys WHERE key = 'k-0' FOR UPDATE"))
        assert sweep(engine.db, machine.at) == 1
    assert sweep(engine.db, machine.at) == 1


def test_a_key_ends_so_many_days_after_its_answer_and_is_then_free(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    first = _ask(engine, merchant, "k-1")
    machine.passes(days=engine.settings.idempotency_days, seconds=-1)
    housekeep(engine)
    assert _ask(engine, merchant, "k-1") == first

    machine.passes(seconds=1)
    housekeep(engine)
    assert counted(engine, merchant)["idempotency_keys"] == 0
    assert _ask(engine, merchant, "k-1") != first


def test_a_request_without_an_answer_keeps_its_key_for_ever(
    engine: Engine, merchant: Merchant, machine: MachineTime
) -> None:
    with pytest.raises(RuntimeError, match="the gateway is gone"):
        _once(engine, merchant, "k-1").run(
            lambda _: ids.fresh(), lambda *_: pytest.fail("no answer"), call=_gone
        )
    machine.passes(days=4_000)
    housekeep(engine)
    assert counted(engine, merchant)["idempotency_keys"] == 1


def _once(engine: Engine, merchant: Merchant, key: str) -> Once:
    caller = Caller(merchant.merchant_id, OPERATOR, frozenset({"admin"}))
    return Once(engine, caller, key, "POST /api/v1/customers", bytes(32))


def _ask(engine: Engine, merchant: Merchant, key: str) -> bytes:
    """One POST under a key, each with an answer of its own; the bytes it was answered."""
    made = _once(engine, merchant, key).run(lambda _: ids.fresh(), lambda _, its: _Body(its))
    return bytes(made.content)


class _Body(msgspec.Struct):
    id: UUID


def _gone(_: UUID) -> None:
    raise RuntimeError("the gateway is gone")
