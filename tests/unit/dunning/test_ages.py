"""How far behind somebody is, from data alone."""

from __future__ import annotations

from datetime import date

import pytest

from dunning.ages import Stage, age_of, stage_of

D = date.fromisoformat
STAGES = [Stage("blocked", 7), Stage("warned", 5), Stage("canceled", 11)]


@pytest.mark.parametrize(
    ("unpaid", "on", "state"),
    [
        pytest.param([], "2027-06-01", None, id="everything-paid"),
        pytest.param(["2027-05-31"], "2027-06-04", None, id="four-days"),
        pytest.param(["2027-05-31"], "2027-06-05", "warned", id="just-five"),
        pytest.param(["2027-05-31"], "2027-06-08", "blocked", id="nobody-looked-in-between"),
        pytest.param(["2027-05-31", "2027-06-01"], "2027-07-30", "canceled", id="the-most-severe"),
        pytest.param(["2027-06-03"], "2027-06-08", "warned", id="the-older-one-was-paid"),
        pytest.param(["2027-06-03"], "2027-06-01", None, id="not-issued-yet"),
    ],
)
def test_the_stage_follows_the_earliest_unpaid_invoice(
    unpaid: list[str], on: str, state: str | None
) -> None:
    found = stage_of(STAGES, [D(day) for day in unpaid], D(on))
    assert (found.state if found else None) == state


def test_who_owes_nothing_has_no_age() -> None:
    assert age_of([], D("2027-01-01")) is None
