"""The audit is sealed after its transactions, and whatever is done to it afterwards is named."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from audited import keys_of, note, verdict_of
from builders import OPERATOR, make_merchant
from sqlalchemy import func, select, text

from billing.engine import Engine
from core.bulk import insert_rows
from core.merchant import Merchant
from core.sealing import CANONICAL, SEALED_COLUMNS, head_of, seal_waiting
from core.seals import SealKeys
from core.tables import audit, audit_anchors, audit_seals, audit_unsealed
from core.vault import Vault
from ops.audit import heads_of
from ops.audit_walk import Verdict, WantedHead, verify_all
from scheduler import seal

pytestmark = pytest.mark.database
OTHER_KEY = bytes(range(32))


def kinds(verdict: Verdict) -> set[str]:
    return {fault.kind for fault in verdict.faults}


def counted(engine: Engine, merchant: Merchant) -> tuple[int, int, int]:
    """How many rows there are, how many are sealed, how many wait."""
    with engine.db.begin(merchant.merchant_id) as session:
        return tuple(  # type: ignore[return-value]
            session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (audit, audit_seals, audit_unsealed)
        )


def test_what_waits_is_sealed_and_fits(engine: Engine, merchant: Merchant) -> None:
    note(engine, merchant, 5)
    rows, sealed, waiting = counted(engine, merchant)
    assert (sealed, waiting) == (0, rows)

    assert seal(engine) == rows
    assert seal(engine) == 0

    assert counted(engine, merchant) == (rows, rows, 0)
    found = verdict_of(engine, merchant)
    assert (found.count, found.head.count, found.waiting) == (0, rows, 0)
    assert [name for name, _ in heads_of(engine.db)] == [merchant.slug]


def test_every_column_of_a_row_is_sealed() -> None:
    assert set(SEALED_COLUMNS) == {column.name for column in audit.c}


def test_a_row_that_commits_late_is_sealed_late(engine: Engine, merchant: Merchant) -> None:
    with engine.work(merchant.merchant_id, OPERATOR) as unit:
        unit.audit("test.slow", "merchant", merchant.merchant_id)
        unit.session.flush()
        note(engine, merchant, 3)
        seal(engine)
        before = verdict_of(engine, merchant).head.count
    seal(engine)

    found = verdict_of(engine, merchant)
    assert (found.count, found.head.count) == (0, before + 1)
    with engine.db.begin(merchant.merchant_id) as session:
        last = session.execute(
            select(audit.c.action)
            .join(audit_seals, audit_seals.c.id == audit.c.id)
            .order_by(audit_seals.c.place.desc())
            .limit(1)
        ).scalar_one()
    assert last == "test.slow"


def test_writers_and_sealers_at_once_raise_no_alarm(engine: Engine, merchant: Merchant) -> None:
    neighbour = make_merchant(engine)

    def write(number: int) -> None:
        note(engine, (merchant, neighbour)[number % 2], 10)

    def sealer(_: int) -> None:
        for _ in range(15):
            seal_waiting(engine.db, keys_of(engine), engine.real_now(), batch=4)

    def looker(_: int) -> None:
        for _ in range(5):
            assert all(one.count == 0 for one in verify_all(engine.db, keys_of(engine)))

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(write, n) for n in range(4)]
        jobs += [pool.submit(sealer, n) for n in range(3)]
        jobs += [pool.submit(looker, n) for n in range(1)]
        for job in jobs:
            job.result()
    seal(engine)

    for one in (merchant, neighbour):
        rows, sealed, waiting = counted(engine, one)
        assert (sealed, waiting) == (rows, 0)
        assert verdict_of(engine, one).faults == []


def test_a_sealer_that_dies_leaves_nothing_half_done(
    engine: Engine, merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(engine, merchant, 4)
    before = counted(engine, merchant)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        # The seals are written by then; the anchor and what goes from the list are not.
        broken.setattr("core.sealing.insert_rows", die)
        with pytest.raises(KeyboardInterrupt):
            seal(engine)

    assert counted(engine, merchant) == before
    seal(engine)
    assert verdict_of(engine, merchant).faults == []


def test_a_turn_is_bounded_and_the_next_goes_on(engine: Engine, merchant: Merchant) -> None:
    note(engine, merchant, 9)

    assert seal_waiting(engine.db, keys_of(engine), engine.real_now(), batch=2, batches=2) == 4
    seal(engine)

    found = verdict_of(engine, merchant)
    assert (found.count, found.waiting) == (0, 0)


def test_a_head_that_was_kept_is_found_again(engine: Engine, merchant: Merchant) -> None:
    note(engine, merchant, 3)
    seal(engine)
    [(slug, kept)] = heads_of(engine.db)
    note(engine, merchant, 3)
    seal(engine)

    given = [f"{slug}:{kept}", str(kept), kept.hash.hex()]
    heads = [WantedHead(one) for one in given]
    verdict_of(engine, merchant, heads)
    assert all(head.found for head in heads)

    lies = [WantedHead(f"{slug}:{kept.count + 1}:{kept.hash.hex()}"), WantedHead("00" * 32)]
    verdict_of(engine, merchant, lies)
    assert not any(head.found for head in lies)


def test_seals_under_an_older_key_still_verify(engine: Engine, merchant: Merchant) -> None:
    note(engine, merchant, 3)
    old, both = Vault([("old", bytes(32))]), Vault([("new", OTHER_KEY), ("old", bytes(32))])
    new = Vault([("new", OTHER_KEY)])
    seal_waiting(engine.db, SealKeys.of(old), engine.real_now())

    def said(vault: Vault) -> set[str]:
        [verdict] = verify_all(engine.db, SealKeys.of(vault))
        return kinds(verdict)

    assert said(old) == said(both) == set()
    assert said(new) == {"unproven"}
    note(engine, merchant, 1)
    seal_waiting(engine.db, SealKeys.of(both), engine.real_now())

    # A seal under the new key covers, through the chain, all that came before it.
    assert said(both) == said(new) == set()
    assert said(old) == {"unproven"}


def test_a_restored_trail_goes_on_from_where_it_was(engine: Engine, merchant: Merchant) -> None:
    note(engine, merchant, 2)
    seal(engine)
    with engine.db.begin(merchant.merchant_id) as session:
        end = head_of(session, merchant.merchant_id)
    note(engine, merchant, 1)
    seal(engine)

    found = verdict_of(engine, merchant)
    assert found.head.count == end.count + 1
    assert found.faults == []


def test_seals_and_anchors_are_never_edited(engine: Engine, merchant: Merchant) -> None:
    seal(engine)
    for table in (audit_seals, audit_anchors):
        for statement in (table.update().values(key_id="x"), table.delete()):
            with (
                pytest.raises(Exception, match=r"never edited|permission denied"),
                engine.db.begin(merchant.merchant_id) as session,
            ):
                session.execute(statement)


def test_the_canonical_text_of_a_row_does_not_change_with_the_program(
    engine: Engine, merchant: Merchant
) -> None:
    # Seals are older than programs: another text would call every row changed.
    row = {
        "merchant_id": merchant.merchant_id,
        "id": UUID(int=7),
        "at": engine.real_now().replace(year=2026, month=1, day=2, hour=3, minute=4, second=5,
                                        microsecond=6),
        "business_at": engine.real_now().replace(year=2026, month=1, day=2, hour=3, minute=4,
                                                 second=5, microsecond=0),
        "actor_kind": "staff", "actor": 'a"b', "source": "::1", "action": "x.y",
        "subject_kind": "plan", "subject_id": UUID(int=8), "before": None, "after": {"b": [1], "a": "é"},
    }  # fmt: skip
    with engine.db.begin(merchant.merchant_id) as session:
        insert_rows(session, audit, [row])
        line = session.execute(
            text(f"SELECT {CANONICAL} FROM audit a WHERE a.id = :id"), {"id": row["id"]}
        ).scalar_one()
    assert json.loads(line) == [
        str(merchant.merchant_id), str(UUID(int=7)), "1767323045000006", "1767323045000000", "staff",
        'a"b', "::1", "x.y", "plan", str(UUID(int=8)), None, '{"a": "é", "b": [1]}',
    ]  # fmt: skip
