"""The statuses of a subscription and every move between them."""

from __future__ import annotations

import pytest

from billing.lifecycle import SubscriptionEvent, SubscriptionStatus, move
from core.errors import Conflict

TABLE = """
              activated  trial_ended  payment_failed  payment_recovered  gave_up_keep  canceled  paused  resumed  expired_incomplete
trialing      -          active       -               -                  -             canceled  -       -        -
incomplete    active     -            incomplete      -                  -             canceled  -       -        canceled
active        -          -            past_due        active             -             canceled  paused  -        -
past_due      -          -            past_due        active             unpaid        canceled  paused  -        -
unpaid        -          -            unpaid          active             -             canceled  -       -        -
paused        -          -            paused          paused             -             canceled  -       active   -
canceled      -          -            canceled        canceled           -             -         -       -        -
"""
EVENTS, *ROWS = [line.split() for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(
    ("status", "event", "following"),
    [
        pytest.param(row[0], event, following, id=f"{row[0]}-{event}")
        for row in ROWS
        for event, following in zip(EVENTS, row[1:], strict=True)
    ],
)
def test_every_move_is_as_the_table_says(status: str, event: str, following: str) -> None:
    if following == "-":
        with pytest.raises(Conflict) as refusal:
            move(SubscriptionStatus(status), SubscriptionEvent(event))
        assert refusal.value.code == "illegal_move"
    else:
        assert move(SubscriptionStatus(status), SubscriptionEvent(event)) == following


def test_the_table_above_is_whole() -> None:
    assert set(EVENTS) == set(SubscriptionEvent)
    assert {row[0] for row in ROWS} == set(SubscriptionStatus)


def test_statuses_fall_into_groups() -> None:
    serving = {status for status in SubscriptionStatus if status.is_serving}

    assert serving == {"trialing", "active", "past_due"}
    assert {status for status in SubscriptionStatus if status.is_billable} == serving
    assert {status for status in SubscriptionStatus if status.is_ended} == {"canceled"}
