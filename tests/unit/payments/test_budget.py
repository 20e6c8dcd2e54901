"""The budget of calls: never too many in any second, the most urgent first, slower when told so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payments.breaker import Breaker, Operation, State
from payments.budget import Budget, Lane, forecast, reserved

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
LEASE = timedelta(seconds=48)
CHARGE, STATUS = Operation.CHARGE, Operation.STATUS


def after(**span: float) -> datetime:
    return NOW + timedelta(**span)


def granted(budget: Budget, lane: Lane, wanted: int, now: datetime = NOW) -> tuple[Budget, int]:
    budget, grant = budget.take(CHARGE, lane, [1] * wanted, now, LEASE)
    return budget, grant.count


@pytest.mark.parametrize(
    ("rate", "lane", "most"),
    [
        # 20 a second: a fifth is kept for people, a tenth for questions
        (20, Lane.PERSON, 20),
        (20, Lane.WORK, 14),
        (20, Lane.QUESTION, 12),  # six tenths
        (5, Lane.PERSON, 5),
        (5, Lane.WORK, 3),
        (5, Lane.QUESTION, 3),
        # too few to keep any back
        (3, Lane.WORK, 3),
        (3, Lane.QUESTION, 1),
        (1, Lane.PERSON, 1),
        (1, Lane.WORK, 1),
        (1, Lane.QUESTION, 1),
    ],
)
def test_each_lane_has_its_share_of_an_empty_second(rate: int, lane: Lane, most: int) -> None:
    assert granted(Budget(rate), lane, 1000)[1] == most


def test_people_are_served_while_renewals_run_and_questions_never_starve() -> None:
    budget, renewals = granted(Budget(20), Lane.WORK, 1000)
    budget, questions = granted(budget, Lane.QUESTION, 1000)
    budget, people = granted(budget, Lane.PERSON, 1000)

    assert (renewals, questions, people) == (14, 2, 4)
    assert granted(budget, Lane.PERSON, 1)[1] == 0


def test_what_is_refused_is_told_when_to_ask_again() -> None:
    budget, _ = Budget(2).take(CHARGE, Lane.WORK, [1] * 2, NOW, LEASE)

    _, grant = budget.take(CHARGE, Lane.WORK, [1] * 3, after(milliseconds=400), LEASE)

    assert (grant.count, grant.again_at) == (0, after(milliseconds=1100))
    assert granted(budget, Lane.WORK, 3, after(milliseconds=1000))[1] == 0
    assert granted(budget, Lane.WORK, 3, after(milliseconds=1100))[1] == 2


@pytest.mark.parametrize(
    ("words", "rate"),
    [
        (["ok", "ok"], 20),
        (["ok", "slow_down"], 10),
        (["slow_down"] * 16, 10),  # a batch complains once
        (["down"], 10),
    ],
)
def test_a_complaint_halves_the_rate(words: list[str], rate: int) -> None:
    assert Budget(20).heard(CHARGE, words, NOW).rate(NOW) == rate  # type: ignore[arg-type]


def test_the_rate_climbs_by_one_a_second_up_to_the_merchants_number() -> None:
    budget = Budget(20).heard(CHARGE, ["slow_down"], NOW)

    assert [budget.rate(after(seconds=s)) for s in (0, 1, 5, 9, 10, 99)] == [10, 11, 15, 19, 20, 20]


def test_complaint_after_complaint_ends_at_one_a_second_and_not_at_none() -> None:
    budget = Budget(20)
    for second in range(10):
        budget = budget.heard(CHARGE, ["slow_down"], after(seconds=second))

    assert budget.rate(after(seconds=9)) == 1


def test_good_news_of_a_calm_gateway_need_not_be_written_down() -> None:
    budget, _ = Budget(20).take(CHARGE, Lane.WORK, [1] * 10, NOW, LEASE)
    assert budget.is_calm(NOW)
    assert not budget.heard(CHARGE, ["down"], NOW).is_calm(NOW)
    assert not budget.heard(CHARGE, ["slow_down"], NOW).is_calm(after(seconds=9))
    assert budget.heard(CHARGE, ["slow_down"], NOW).is_calm(after(seconds=10))


def test_an_open_breaker_stops_its_own_kind_of_call_only() -> None:
    budget = Budget(20).heard(CHARGE, ["down"] * 6, NOW)

    assert granted(budget, Lane.PERSON, 1)[1] == 0
    assert budget.take(STATUS, Lane.QUESTION, [1] * 2, NOW, LEASE)[1].count == 2


def test_one_probe_at_a_time_leaves_a_half_open_breaker() -> None:
    budget = Budget(20).heard(CHARGE, ["down"] * 6, NOW)
    later = after(seconds=5)

    budget, first = granted(budget, Lane.WORK, 16, later)
    budget, second = granted(budget, Lane.WORK, 16, later)
    budget = budget.heard(CHARGE, ["ok"], later)
    budget, third = granted(budget, Lane.WORK, 16, later)
    budget = budget.heard(CHARGE, ["ok"], later)

    assert (first, second, third) == (1, 0, 1)
    assert budget.breaker(CHARGE) == Breaker()


def test_a_piece_of_work_is_done_when_all_its_calls_fit() -> None:
    _, grant = Budget(20).take(STATUS, Lane.QUESTION, [3, 3, 3, 3, 3], NOW, LEASE)
    # 12 of 20 are free for questions, then nothing of their own tenth is left
    assert (grant.count, grant.calls) == (4, 12)

    _, one = Budget(1).take(STATUS, Lane.QUESTION, [3, 3], NOW, LEASE)
    assert (one.count, one.calls) == (1, 1)  # else it would never be done


def test_a_machine_whose_clock_is_behind_gets_no_second_budget() -> None:
    budget, _ = granted(Budget(5), Lane.PERSON, 5)

    assert granted(budget, Lane.PERSON, 5, after(seconds=-30))[1] == 0


def test_what_is_stored_is_read_back_as_it_was() -> None:
    budget, _ = Budget(20).take(CHARGE, Lane.WORK, [1] * 100, NOW, LEASE)
    budget = budget.heard(CHARGE, ["down"] * 6, NOW).heard(STATUS, ["down"], NOW)

    assert Budget.from_json(20, json.loads(json.dumps(budget.to_json()))) == budget


calls = st.lists(
    st.tuples(
        st.integers(0, 1500),  # milliseconds since the last
        st.sampled_from(list(Lane)),
        st.integers(1, 40),
        st.sampled_from(["ok", "ok", "ok", "slow_down"]),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(rate=st.integers(1, 50), asked=calls)
def test_no_second_ever_sees_more_calls_than_the_budget(
    rate: int, asked: list[tuple[int, Lane, int, str]]
) -> None:
    budget, now, made = Budget(rate), NOW, []
    for wait, lane, wanted, word in asked:
        now += timedelta(milliseconds=wait)
        budget, grant = budget.take(CHARGE, lane, [1] * wanted, now, LEASE)
        assert grant.count <= wanted
        assert (grant.again_at is None) == (grant.count == wanted)
        made.append((now, grant.count))
        if grant.count:
            budget = budget.heard(CHARGE, [word], now)  # type: ignore[list-item]
        budget = Budget.from_json(rate, budget.to_json())

    for begin, _ in made:
        second = [n for at, n in made if begin <= at < begin + timedelta(seconds=1)]
        assert sum(second) <= rate


@settings(deadline=None)
@given(rate=st.integers(1, 50))
def test_a_queue_of_work_uses_nearly_all_of_its_share(rate: int) -> None:
    budget, now, through = Budget(rate), NOW, 0
    while now < after(seconds=30):
        budget, grant = budget.take(CHARGE, Lane.WORK, [1] * 16, now, LEASE)
        through += grant.count
        now = grant.again_at or now + timedelta(milliseconds=20)

    person, question = reserved(rate)
    assert through >= (rate - person - question) * 27


@pytest.mark.parametrize(
    ("waiting", "per_minute", "minutes"),
    [
        # 14 in 1.1 seconds are 763 a minute
        (0, 763, 0),
        (763, 763, 1),
        (7_630, 763, 10),
    ],
)
def test_a_forecast_goes_by_the_budget_where_nothing_was_measured(
    waiting: int, per_minute: int, minutes: int
) -> None:
    found = forecast(Budget(20), waiting, NOW)

    assert (found.per_minute, found.state) == (per_minute, State.CLOSED)
    assert found.done_at == after(minutes=minutes)


def test_a_forecast_goes_by_what_was_measured_where_the_gateway_is_slower() -> None:
    budget = Budget(20)
    for second in range(31):  # four charges a second, though more wait
        budget, _ = budget.take(CHARGE, Lane.WORK, [1] * 4, after(seconds=second), LEASE, more=True)

    found = forecast(budget, 2_480, after(seconds=30))

    # 31 times 4 in 30 seconds
    assert found.per_minute == 248
    assert found.done_at == after(seconds=30 + 600)


def test_a_forecast_forgets_a_run_that_ended() -> None:
    budget, _ = Budget(20).take(CHARGE, Lane.WORK, [1] * 4, NOW, LEASE, more=True)
    idle, _ = budget.take(CHARGE, Lane.WORK, [1] * 1, after(seconds=30), LEASE)

    assert idle.charges_a_minute(after(seconds=31)) == 763
    assert budget.charges_a_minute(after(minutes=5)) == 763  # its process died


def test_a_forecast_promises_nothing_while_the_gateway_is_down() -> None:
    found = forecast(Budget(20).heard(CHARGE, ["down"] * 6, NOW), 100, NOW)

    assert (found.done_at, found.state, found.retry_at) == (None, State.OPEN, after(seconds=5))
