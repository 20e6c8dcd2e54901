"""The virtual clock: settlement at its hour, order of events, standing, running, real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from simulator.world import World

Desk = Any
Server = Any


@pytest.mark.parametrize(
    ("captured_at", "settles_at"),
    [
        ("2026-01-05T03:00:00Z", "2026-01-06T09:00:00Z"),  # 10:00 WIB, next day 16:00 WIB
        ("2026-01-05T16:59:59Z", "2026-01-06T09:00:00Z"),  # 23:59:59 WIB, still the 5th
        ("2026-01-05T17:00:00Z", "2026-01-07T09:00:00Z"),  # midnight WIB, already the 6th
        ("2026-01-31T12:00:00Z", "2026-02-01T09:00:00Z"),
    ],
)
def test_captures_settle_the_next_day_at_four_in_the_afternoon(
    desk: Desk, captured_at: str, settles_at: str
) -> None:
    desk.clock(captured_at)
    desk.captured("A-1")
    assert desk.sim("GET", "next")["next"] == settles_at
    desk.clock(settles_at.replace("09:00:00", "08:59:59"))
    assert desk.book("A-1")["status"] == "capture"
    desk.clock(settles_at)
    entry = desk.book("A-1")
    assert (entry["status"], entry["settlement_at"]) == ("settlement", settles_at)
    assert entry["times_taken"] == 1


def test_a_jump_is_the_same_as_every_step_of_it(told: tuple[Desk, Any]) -> None:
    desk, inbox = told
    desk.captured("A-1")
    desk.charge_va("V-1")
    desk.charge_va("V-2", custom_expiry={"expiry_duration": 90, "unit": "minute"})
    desk.sim("POST", "drain")
    del inbox.messages[:]
    happened = desk.clock("2026-03-01T00:00:00Z")["happened"]
    assert happened == 3
    assert inbox.statuses() == [("V-2", "expire"), ("V-1", "expire"), ("A-1", "settlement")]
    assert desk.book("V-2")["history"][-1]["at"] == "2026-01-05T04:30:00Z"
    assert inbox.messages[-1][1]["settlement_time"] == "2026-01-06 16:00:00"


def test_a_driver_can_step_from_event_to_event(desk: Desk) -> None:
    desk.captured("A-1")
    desk.charge_va("V-1")
    seen = []
    while (due := desk.sim("GET", "next")["next"]) is not None:
        desk.clock(due)
        seen.append(due)
    assert seen == ["2026-01-06T03:00:00Z", "2026-01-06T09:00:00Z"]


def test_the_clock_never_goes_back(desk: Desk) -> None:
    assert desk.try_sim("POST", "clock", to="2026-01-05T02:59:59Z").status_code == 409
    assert desk.sim("GET", "clock")["now"] == "2026-01-05T03:00:00Z"


@pytest.mark.parametrize("to", ["yesterday", "2026-01-06", "2026-01-06T00:00:00", 5])
def test_an_instant_needs_an_offset(desk: Desk, to: Any) -> None:
    assert desk.try_sim("POST", "clock", to=to).status_code == 400


def test_a_fresh_account_lives_in_real_time(server: Server, new_desk: Callable[..., Desk]) -> None:
    desk = new_desk(server.url)
    assert desk.sim("GET", "clock")["mode"] == "real"
    desk.configure(switches={"refund_confirm_seconds": 0})
    desk.token("4811 1111 1111 1114", year=2099)
    desk.charge_card("A-1", desk.token("4811 1111 1111 1114", year=2099))
    desk.sim("POST", "settle", order_id="A-1")
    desk.core.transactions.refund("A-1", {"refund_key": "r1"})
    deadline = time.monotonic() + 5
    while desk.book("A-1")["refunds"][0]["bank_confirmed_at"] is None:
        assert time.monotonic() < deadline, "nobody looked at the agenda"
        time.sleep(0.05)


def test_a_used_account_cannot_be_set_to_the_past(
    server: Server, new_desk: Callable[..., Desk]
) -> None:
    desk = new_desk(server.url)
    desk.charge_va("V-1")
    assert desk.try_sim("POST", "clock", to="2026-01-05T00:00:00Z").status_code == 409


def test_a_standing_clock_can_be_let_run_and_stopped(desk: Desk) -> None:
    desk.sim("POST", "clock", mode="running")
    first = desk.sim("GET", "clock")
    time.sleep(0.02)
    second = desk.sim("GET", "clock")
    assert first["mode"] == "running"
    assert "2026-01-05T03:00:00" <= first["now"] < second["now"] < "2026-01-05T03:01"
    stopped = desk.sim("POST", "clock", mode="fixed")
    assert desk.sim("GET", "clock")["now"] == stopped["now"]


def test_accounts_have_clocks_of_their_own(
    desk: Desk, server: Server, new_desk: Callable[..., Desk]
) -> None:
    other = new_desk(server.url)
    other.clock("2030-06-01T00:00:00Z")
    assert desk.sim("GET", "clock")["now"] == "2026-01-05T03:00:00Z"


def test_a_moving_clock_goes_on_after_a_span_and_stands_after_an_instant(
    server: Any, new_desk: Callable[..., Desk]
) -> None:
    desk = new_desk(server.url)
    sent = desk.sim("POST", "clock", days=1)
    assert sent["mode"] == "running"
    assert desk.sim("GET", "clock")["now"] > sent["now"]
    assert desk.sim("POST", "clock", days=1, mode="fixed")["mode"] == "fixed"
    assert desk.sim("POST", "clock", days=1)["mode"] == "fixed"
    assert desk.sim("POST", "clock", to="2999-01-01T00:00:00Z")["mode"] == "fixed"


def test_real_time_is_refused_where_it_would_be_a_step_back(desk: Desk) -> None:
    desk.charge_va("T-1")
    desk.clock("2999-01-01T00:00:00Z")
    refused = desk.try_sim("POST", "clock", mode="real")
    assert (refused.status_code, "does not go back" in refused.text) == (409, True)
    assert desk.sim("GET", "clock")["now"] == "2999-01-01T00:00:00Z"
    assert desk.try_sim("POST", "clock", days=1, mode="sideways").status_code == 400
    assert desk.sim("GET", "clock")["now"] == "2999-01-01T00:00:00Z"


def test_time_goes_on_for_all_when_one_stumbles(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # In one process: a stumble of our own cannot be ordered from outside.
    world = World(None, "seed", "http://127.0.0.1")
    for key in ("one", "two"):
        world.add_account(key, key)
    seen: list[str] = []
    enough = asyncio.Event()

    def catch_up(book: Any) -> None:
        seen.append(book.account.server_key)
        if len(seen) == 6:
            enough.set()
        if book.account.server_key == "one":
            raise KeyError("stumble")

    monkeypatch.setattr(world, "catch_up", catch_up)
    monkeypatch.setattr("simulator.world.TICK_SECONDS", 0.001)

    async def a_while() -> None:
        task = asyncio.create_task(world.run())
        await enough.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.close()

    asyncio.run(asyncio.wait_for(a_while(), 10))
    assert seen[:4] == ["one", "two", "one", "two"]
    assert "stumble" in capsys.readouterr().err
