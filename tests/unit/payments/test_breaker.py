"""The circuit breaker: what opens it, how long, and how it closes again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.breaker import Breaker, Heard, State, heard_of

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def after(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        ("paid", "00", "ok"),
        ("failed", "51", "ok"),  # a decline is an answer
        ("failed", "05", "ok"),
        ("failed", "500", "ok"),  # no channel means the server's 500 by that
        ("pending", "201", "ok"),
        ("duplicate", "406", "ok"),
        ("not_found", "404", "ok"),
        ("refused", "401", "ok"),  # it works, our key does not
        ("refused", "429", "slow_down"),
        ("unknown", "429", "slow_down"),
        ("unknown", None, "down"),  # a time-out, or nothing that can be read
        ("unknown", "500", "down"),
        ("unknown", "503", "down"),
        ("unknown", "202", "ok"),  # its twin still runs
        ("unknown", "412", "ok"),
        ("not_sent", None, "down"),
        ("succeeded", "200", "ok"),
        ("retry", "414", "ok"),
    ],
)
def test_an_answer_says_something_of_the_gateway(
    status: str, code: str | None, word: Heard
) -> None:
    assert heard_of(status, code) == word


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("ddddd", State.CLOSED),
        ("dddddd", State.OPEN),
        ("dddddoddd", State.CLOSED),  # 5 halved is 2, and 3 are 5
        ("dddddodddd", State.OPEN),
        ("do" * 50, State.CLOSED),  # half of the calls
        ("oooooooo", State.CLOSED),
        ("ssssssssssss", State.CLOSED),  # too many calls is an answer too
    ],
)
def test_it_opens_when_nearly_nothing_is_answered(words: str, state: State) -> None:
    spelled: dict[str, Heard] = {"d": "down", "o": "ok", "s": "slow_down"}

    assert Breaker().heard([spelled[one] for one in words], NOW).state(NOW) is state


def test_each_time_it_opens_in_a_row_its_pause_doubles_up_to_five_minutes() -> None:
    breaker, now, pauses = Breaker().heard(["down"] * 6, NOW), NOW, []
    for _ in range(9):
        assert breaker.until is not None
        pauses.append((breaker.until - now).seconds)
        now = breaker.until
        breaker = breaker.probing(now, timedelta(seconds=48)).heard(["down"], now)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_it_closes_after_two_answers_and_begins_anew() -> None:
    breaker = Breaker().heard(["down"] * 6, NOW)
    assert breaker.state(after(4)) is State.OPEN
    assert breaker.state(after(5)) is State.HALF_OPEN

    once = breaker.heard(["ok"], after(5))
    assert once.state(after(5)) is State.HALF_OPEN
    assert once.heard(["ok"], after(5)) == Breaker()
    assert once.heard(["down"], after(5)).until == after(15)


def test_answers_of_calls_that_left_before_it_opened_change_nothing() -> None:
    breaker = Breaker().heard(["down"] * 6, NOW)

    assert breaker.heard(["ok", "down", "ok"], after(1)) == breaker


def test_a_probe_whose_caller_died_is_followed_by_another() -> None:
    breaker = Breaker().heard(["down"] * 6, NOW).probing(after(5), timedelta(seconds=48))

    assert breaker.allowed(16, after(6)) == 0
    assert breaker.again_at(after(6)) == after(53)
    assert breaker.allowed(16, after(53)) == 1
