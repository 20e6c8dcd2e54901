"""A slice of the sweep: histories that strike at every crash site keep every promise."""

from __future__ import annotations

import pytest

from ops.prove.crew import lived
from ops.prove.place import Place
from ops.prove.plan import Plan
from ops.prove.report import Totals, as_json, lines

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(600)]

PLANS = [Plan("slice", index, 3, 4, hunt=True, hours=24) for index in range(2)]


def test_two_processes_come_to_what_one_comes_to_and_no_promise_is_broken(place: Place) -> None:
    together = list(lived(PLANS, place, jobs=2))
    [alone] = lived(PLANS[1:], place)

    assert [told.plan.index for told in together] == [0, 1]
    assert [told.violations for told in together] == [[], []]
    assert (alone.digest, alone.trace) == (together[1].digest, together[1].trace)
    assert alone.struck_in == together[1].struck_in

    totals = Totals("slice")
    for told in together:
        totals.add(told)
    cover = totals.coverage
    died, passed, exist = totals.covered
    assert 0 < died <= passed < exist
    assert 0 < cover.struck <= cover.cells
    assert totals.kills > 10
    assert any(line.startswith("each in every way") for line in lines(totals))
    assert '"site_x_way"' in as_json(totals, {})
