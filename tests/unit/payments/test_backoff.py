"""When the gateway is called again, and how its own wish about that is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.adapters.midtrans.answers import charge_answer, status_answer
from payments.adapters.midtrans.client import Raw
from payments.adapters.midtrans.retry_after import seconds_of
from payments.backoff import LONGEST_REST, rest, send_again_after
from payments.breaker import Operation
from payments.budget import LONGEST_WAIT, Budget, Lane, forecast

NOW = datetime(2027, 1, 1, 3, tzinfo=UTC)
LEASE = timedelta(seconds=48)


@pytest.mark.parametrize("sends, most", [(1, 2), (3, 8), (9, 512), (10, 900), (50, 900)])
def test_each_send_waits_longer_and_not_all_wait_alike(sends: int, most: int) -> None:
    waits = {send_again_after(sends, f"order-{n}").total_seconds() for n in range(50)}
    assert most / 2 <= min(waits) < max(waits) <= most
    assert len(waits) > 25
    assert send_again_after(sends, "order-1") == send_again_after(sends, "order-1")


@pytest.mark.parametrize("told, waits", [(None, 0), (0, 0), (60, 60), (86_400, 900), (-5, 0)])
def test_what_the_gateway_asks_for_is_obeyed_within_a_bound(told: int | None, waits: int) -> None:
    assert rest(told) == timedelta(seconds=waits)
    assert send_again_after(1, "a", told) >= rest(told)


@pytest.mark.parametrize(
    "status, headers, seconds",
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"Retry-After": " 120 "}, 120),
        (503, {"Retry-After": "99999999999999999999"}, 86_400),
        (429, {"Retry-After": "Fri, 01 Jan 2027 03:02:00 GMT",
               "Date": "Fri, 01 Jan 2027 03:00:00 GMT"}, 120),
        (429, {"Retry-After": "Fri, 01 Jan 2027 02:00:00 GMT",
               "Date": "Fri, 01 Jan 2027 03:00:00 GMT"}, 0),
        # no clock of theirs to measure a date against; nonsense; other answers
        (429, {"Retry-After": "Fri, 01 Jan 2027 03:02:00 GMT"}, None),
        (429, {"Retry-After": "soon"}, None),
        (429, {"Retry-After": "-1"}, None),
        (429, {"Retry-After": "٣"}, None),
        (429, {}, None),
        (200, {"Retry-After": "7"}, None),
        (500, {"Retry-After": "7"}, None),
    ],
)  # fmt: skip
def test_the_header_is_read_as_seconds_or_not_at_all(
    status: int, headers: dict[str, str], seconds: int | None
) -> None:
    assert seconds_of(status, headers) == seconds


def test_an_answer_carries_the_pause_whatever_it_was_made_into() -> None:
    busy = Raw("body", 429, {"status_code": "429"}, retry_after=9)
    page = Raw("unknown", detail="an answer that is not JSON", retry_after=30)
    assert (charge_answer(busy).status, charge_answer(busy).retry_after) == ("refused", 9)
    assert (status_answer(page).status, status_answer(page).retry_after) == ("unknown", 30)
    assert charge_answer(Raw("not_sent")).retry_after is None


def test_nobody_calls_while_the_gateway_rests_and_the_forecast_knows() -> None:
    budget = Budget(5).asked_for_rest(20, NOW)
    for lane in Lane:
        _, grant = budget.take(Operation.CHARGE, lane, [1], NOW, LEASE)
        assert (grant.count, grant.again_at) == (0, NOW + timedelta(seconds=20))
    later = NOW + timedelta(seconds=20)
    _, grant = budget.take(Operation.CHARGE, Lane.WORK, [1], later, LEASE)
    assert grant.count == 1
    done = forecast(budget, 10, NOW).done_at
    assert done is not None
    assert done > later
    assert not budget.is_calm(NOW)
    assert budget.is_calm(later)


def test_a_shorter_wish_does_not_shorten_a_rest_and_a_long_one_is_cut() -> None:
    budget = Budget(5).asked_for_rest(60, NOW).asked_for_rest(5, NOW).asked_for_rest(None, NOW)
    assert budget.rest_until == NOW + timedelta(seconds=60)
    endless = Budget(5).asked_for_rest(86_400, NOW)
    assert endless.rest_until == NOW + LONGEST_REST
    # Somebody looks again in between: the row may have changed.
    _, grant = endless.take(Operation.STATUS, Lane.QUESTION, [1], NOW, LEASE)
    assert grant.again_at == NOW + LONGEST_WAIT


def test_a_rest_survives_being_stored() -> None:
    budget = Budget(5).asked_for_rest(60, NOW)
    assert Budget.from_json(5, budget.to_json()) == budget
    assert Budget.from_json(5, {}).rest_until is None
