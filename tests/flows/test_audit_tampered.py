"""Whatever is done by hand to a sealed audit is named, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from audited import PLACE, keys_of, note, tampered, verdict_of
from builders import make_merchant
from database import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.engine import Engine
from core.merchant import Merchant
from core.sealing import DIGEST, seal_waiting
from ops.audit import render
from ops.audit_walk import Verdict, WantedHead

pytestmark = pytest.mark.database

FROM_4 = (
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit_seals WHERE merchant_id = '{m}' AND place > 3)",
    "DELETE FROM audit_seals WHERE merchant_id = '{m}' AND place > 3",
)
COPY = (
    "INSERT INTO audit SELECT merchant_id, gen_random_uuid(), at, business_at, actor_kind, 'somebody', "
    "source, action, subject_kind, subject_id, before, after FROM audit WHERE id = " + PLACE
)
OWN_SEAL = (
    "INSERT INTO audit_seals SELECT merchant_id, (SELECT id FROM audit WHERE actor = 'somebody'), "
    "1000, digest, hash, key_id, mac FROM audit_seals WHERE merchant_id = '{m}' AND place = {n}"
)
# What a superuser does by hand with every trigger silenced; what it is called; where it is named.
TAMPERED: list[tuple[str, list[str], str | None, str]] = [
    ("a value is flipped", ["UPDATE audit SET after = '{{\"n\": 9}}' WHERE id = " + PLACE], "changed", "place {n}"),
    ("an author is another", ["UPDATE audit SET actor = 'nobody' WHERE id = " + PLACE], "changed", "place {n}"),
    ("nothing becomes JSON's null", ["UPDATE audit SET before = 'null' WHERE id = " + PLACE], "changed", "place {n}"),
    ("an instant that never comes", ["UPDATE audit SET at = 'infinity' WHERE id = " + PLACE], "changed", "place {n}"),
    ("a millionth of a second", ["UPDATE audit SET at = at + interval '1 microsecond' WHERE id = " + PLACE], "changed", "place {n}"),
    ("a row is deleted", ["DELETE FROM audit WHERE id = " + PLACE], "deleted", "place {n}"),
    ("a row goes with its seal",
     ["DELETE FROM audit WHERE id = " + PLACE, "DELETE FROM audit_seals WHERE merchant_id = '{m}' AND place = {n}"],
     "deleted", "places {n}"),
    ("a row is inserted past the trigger", [COPY], "inserted", "past the trigger"),
    ("a row is inserted with a seal of one's own",
     [COPY, OWN_SEAL], "forged", "place 1000"),
    ("two rows change places",
     ["UPDATE audit_seals SET place = 2000 WHERE merchant_id = '{m}' AND place = {n}",
      "UPDATE audit_seals SET place = {n} WHERE merchant_id = '{m}' AND place = {n} + 1",
      "UPDATE audit_seals SET place = {n} + 1 WHERE merchant_id = '{m}' AND place = 2000"], "moved", "place {n}"),
    ("the contents of two rows change places",
     ["UPDATE audit a SET after = b.after FROM audit b WHERE a.id = " + PLACE
      + " AND b.id = " + PLACE.replace("{n}", "{n} + 1")], "changed", "place {n}"),
    ("the end is cut off", [*FROM_4], "cut", "after place 3"),
    ("the anchors go too", [*FROM_4, "DELETE FROM audit_anchors WHERE last_place > 3"], None, ""),
    ("an anchor is deleted",
     ["DELETE FROM audit_anchors WHERE merchant_id = '{m}' AND last_place = 6"], "deleted", "places 4 to 6"),
    ("an anchor says more", ["UPDATE audit_anchors SET last_place = last_place + 7 WHERE last_place = 6"], "forged", "places 4 to 13"),
    ("a hash is made anew without the key",
     ["UPDATE audit_seals SET hash = sha256(hash) WHERE merchant_id = '{m}' AND place = {n}"], "forged", "place {n}"),
    ("a seal's MAC is edited",
     ["UPDATE audit_seals SET mac = sha256(mac) WHERE merchant_id = '{m}' AND place = {n}"], "forged", "place {n}"),
    ("a seal's digest is edited",
     ["UPDATE audit_seals SET digest = sha256(digest) WHERE merchant_id = '{m}' AND place = {n}"], "changed", "place {n}"),
    ("a row is changed and its digest made anew",
     ["UPDATE audit SET actor = 'nobody' WHERE id = " + PLACE,
      "UPDATE audit_seals s SET digest = " + DIGEST.replace("{", "{{").replace("}", "}}")
      + " FROM audit a WHERE a.id = s.id AND s.merchant_id = '{m}' AND s.place = {n}"], "forged", "place {n}"),
    ("a seal names another key",
     ["UPDATE audit_seals SET key_id = 'x' WHERE merchant_id = '{m}' AND place = {n}"], "forged", "place {n}"),
    ("a seal names another row",
     ["UPDATE audit_seals SET id = gen_random_uuid() WHERE merchant_id = '{m}' AND place = {n}"], "forged", "place {n}"),
    ("the last seal is moved further",
     ["UPDATE audit_seals SET place = 900 WHERE merchant_id = '{m}' AND place = (SELECT max(place) FROM audit_seals WHERE merchant_id = '{m}')"],
     "moved", "place 900"),
    ("the beginning is cut off",
     ["DELETE FROM audit WHERE id IN (SELECT id FROM audit_seals WHERE merchant_id = '{m}' AND place < 4)",
      "DELETE FROM audit_seals WHERE merchant_id = '{m}' AND place < 4"], "deleted", "places 1 to 3"),
    ("the beginning goes with its anchors",
     ["DELETE FROM audit WHERE id IN (SELECT id FROM audit_seals WHERE merchant_id = '{m}' AND place < 4)",
      "DELETE FROM audit_seals WHERE merchant_id = '{m}' AND place < 4",
      "DELETE FROM audit_anchors WHERE merchant_id = '{m}' AND last_place < 4"], "deleted", "places 1 to 3"),
    ("two seals share a place",
     ["ALTER TABLE audit_seals DROP CONSTRAINT uq_audit_seals_merchant_id_place",
      "UPDATE audit_seals SET place = {n} WHERE merchant_id = '{m}' AND place = {n} + 1"], "inserted", "place {n}"),
    ("an anchor's hash is edited",
     ["UPDATE audit_anchors SET hash = sha256(hash) WHERE merchant_id = '{m}' AND last_place = 6"], "forged", "places 4 to 6"),
    ("an anchor's time is edited",
     ["UPDATE audit_anchors SET sealed_at = sealed_at - interval '1 day' WHERE merchant_id = '{m}' AND last_place = 6"],
     "forged", "places 4 to 6"),
    ("a row goes before it is sealed",
     ["INSERT INTO audit_unsealed SELECT merchant_id, gen_random_uuid(), at FROM audit WHERE id = " + PLACE],
     "deleted", "before it was sealed"),
]  # fmt: skip


Case = tuple[str, list[str], str | None, str]
ByHand = Callable[[Merchant, list[str], list[WantedHead]], Verdict]


@pytest.fixture
def by_hand(engine: Engine, database: Database) -> ByHand:
    """What a walk says after statements of a superuser, which are undone again."""
    return partial(tampered, engine, database)


@pytest.mark.parametrize("case", TAMPERED, ids=[row[0] for row in TAMPERED])
def test_what_was_done_by_hand_is_named(
    engine: Engine, merchant: Merchant, by_hand: ByHand, case: Case
) -> None:
    _, sqls, kind, where = case
    make_merchant(engine)
    note(engine, merchant, 15)
    # Anchors at 3, 6, 9, ...
    seal_waiting(engine.db, keys_of(engine), engine.real_now(), batch=3)
    clean = verdict_of(engine, merchant)
    assert clean.faults == []
    head = WantedHead(f"{merchant.slug}:{clean.head}")

    found = by_hand(merchant, sqls, [head])

    if kind is None:
        # Nothing left in the database knows of it: a head that was kept elsewhere does.
        assert found.faults == []
        assert not head.found
        assert str(clean.head) in render([found], [head])
    else:
        named = [fault.what for fault in found.faults if fault.kind == kind]
        assert any(where.format(n=5) in what for what in named), found.faults
        assert len(found.faults) <= 4


def _lines(draw_from: st.SearchStrategy[str]) -> st.SearchStrategy[list[object]]:
    leaf = draw_from | st.integers(-(10**18), 10**18) | st.booleans() | st.none()
    return st.lists(st.dictionaries(draw_from, leaf | st.lists(leaf, max_size=2), max_size=3),
                    min_size=1, max_size=6)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lines=_lines(st.text(max_size=12)),
    drawn=st.tuples(
        st.integers(1, 4),
        st.sampled_from(["actor", "action", "after", "at", "subject_id", "source", "gone"]),
        st.integers(0, 5),
    ),
)
def test_any_trail_is_whole_and_any_change_to_it_is_found(
    engine: Engine,
    merchant: Merchant,
    by_hand: ByHand,
    lines: list[object],
    drawn: tuple[int, str, int],
) -> None:
    batch, column, which = drawn
    for line in lines:
        note(engine, merchant, 1, line=line)
    seal_waiting(engine.db, keys_of(engine), engine.real_now(), batch=batch)
    whole = verdict_of(engine, merchant)
    assert (whole.count, whole.waiting) == (0, 0)

    place = max(1, whole.head.count - which)
    changes = {
        "after": "after = after || '{{\"z\": 1}}'",
        "at": "at = at - interval '1 microsecond'",
        "subject_id": "subject_id = gen_random_uuid()",
    }
    row = PLACE.replace("{n}", str(place))
    sql = f"UPDATE audit SET {changes.get(column, f'{column} = {column} || chr(32)')} WHERE id = {row}"
    if column == "gone":
        sql = f"DELETE FROM audit WHERE id = {row}"
    found = by_hand(merchant, [sql], [])

    [fault] = found.faults
    assert fault.kind == ("deleted" if column == "gone" else "changed")
    assert f"place {place}" in fault.what
