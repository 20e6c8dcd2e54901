"""Two connections beside one another see one snapshot and say what one alone would."""

from __future__ import annotations

from dataclasses import replace
from threading import Barrier

import pytest
from builders import make_subscription, working
from sqlalchemy import text
from sqlalchemy.orm import Session

from billing.engine import Engine
from core.merchant import Merchant
from ops.doctor import LANES, examine
from ops.doctor_checks import ALL
from ops.doctor_checks.check import Check, Found, Moment

pytestmark = pytest.mark.database


def test_two_lanes_tell_all_rules_in_their_order(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        make_subscription(unit)
    report = examine(engine.db, engine.real_now(), lanes=LANES)
    assert [one.name for one in report.results] == [one.name for one in ALL]
    assert report.broken == ()


def test_what_is_committed_in_between_is_seen_by_neither_lane(
    engine: Engine, merchant: Merchant
) -> None:
    both, seen = Barrier(2), list[tuple[int, int]]()

    def find(session: Session, _: Moment) -> Found:
        both.wait(10)  # the one in Python and the one in SQL are under way at once
        count = text("SELECT count(*) FROM customers")
        before = session.execute(count).scalar_one()
        if both.wait(10) == 0:
            with working(engine, merchant) as unit:
                make_subscription(unit)
        both.wait(10)
        seen.append((before, session.execute(count).scalar_one()))
        return Found(0)

    check = Check("one", "a rule that looks twice", find)
    examine(engine.db, engine.real_now(), (check, replace(check, name="two", in_sql=True)), lanes=2)

    assert seen == [(0, 0), (0, 0)]
    with working(engine, merchant) as unit:
        assert unit.session.execute(text("SELECT count(*) FROM customers")).scalar_one() == 1


def test_a_lane_that_fails_fails_the_examination(engine: Engine, merchant: Merchant) -> None:
    def fail(*_: object) -> Found:
        raise TimeoutError("a rule took too long")

    slow = Check("slow", "a rule that fails", fail, in_sql=True)
    fine = Check("fine", "a rule that holds", lambda *_: Found(0))
    with pytest.raises(TimeoutError):
        examine(engine.db, engine.real_now(), (fine, slow), lanes=2)
