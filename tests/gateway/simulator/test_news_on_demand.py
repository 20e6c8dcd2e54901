"""Messages out of order, by chance, one by one; what the merchant said; how long answers take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.chaos import Chaos
from simulator.model import Latency
from simulator.server import latency

Desk = Any
Told = tuple[Any, Any]


def notices(desk: Desk, order_id: str = "V-1") -> list[Any]:
    known: list[Any] = desk.book(order_id)["notifications"]
    return known


def test_a_message_lets_the_next_one_go_first(told: Told) -> None:
    desk, inbox = told
    desk.sim("POST", "notifications", order_id="V-1", action="reorder")
    desk.charge_va("V-1")
    desk.sim("POST", "drain")
    assert notices(desk)[0]["state"] == "held"
    desk.sim("POST", "pay", order_id="V-1")
    desk.sim("POST", "drain")
    assert inbox.statuses() == [("V-1", "settlement"), ("V-1", "pending")]
    assert [one["state"] for one in notices(desk)] == ["delivered", "delivered"]


def test_a_held_message_is_not_forgotten_by_a_restart(
    tmp_path: Path, start_server: Callable[..., Any], new_desk: Callable[..., Desk], inbox: Any
) -> None:
    server = start_server("--state", str(tmp_path))
    desk = new_desk(server.url, "SB-server", notification_url=inbox.url + "/notify")
    desk.sim("POST", "notifications", order_id="V-1", action="reorder")
    desk.charge_va("V-1")
    server.kill()
    server = start_server("--state", str(tmp_path))
    desk = new_desk(server.url, "SB-server")
    desk.sim("POST", "pay", order_id="V-1")
    desk.sim("POST", "drain")
    assert inbox.statuses() == [("V-1", "settlement"), ("V-1", "pending")]
    server.stop()


def test_one_message_is_sent_again_as_it_was(told: Told) -> None:
    desk, inbox = told
    desk.charge_va("V-1")
    desk.sim("POST", "pay", order_id="V-1")
    desk.sim("POST", "drain")
    pending = notices(desk)[0]["notice_id"]
    desk.sim("POST", "notifications", notice_id=pending, action="resend")
    desk.sim("POST", "drain")
    # The old words again, not the present state.
    assert [word for _, word in inbox.statuses()] == ["pending", "settlement", "pending"]
    assert len(notices(desk)[0]["attempts"]) == 2


def test_a_message_that_waits_for_its_retry_can_be_lost(told: Told) -> None:
    desk, inbox = told
    inbox.answers = [503]
    desk.charge_va("V-1")
    desk.sim("POST", "drain")
    ident = notices(desk)[0]["notice_id"]
    desk.sim("POST", "notifications", notice_id=ident, action="lose")
    desk.clock("2026-01-05T20:00:00Z")
    assert len(inbox.messages) == 1
    for body, code in (
        ({"notice_id": ident, "action": "lose"}, 409),
        ({"notice_id": ident, "action": "delay"}, 400),
        ({"notice_id": "none", "action": "resend"}, 404),
    ):
        assert desk.try_sim("POST", "notifications", **body).status_code == code


def test_messages_lost_by_chance_are_the_same_ones_again(
    server: Any, new_desk: Callable[..., Desk], inbox: Any
) -> None:
    seen = []
    for _ in range(2):
        desk = new_desk(server.url, seed="rain", notification_url=inbox.url + "/notify")
        chance = {"action": "lose_next", "times": None, "probability": 0.5}
        desk.sim("POST", "notifications", **chance)
        states = []
        for place in range(30):
            desk.charge_va(f"V-{place}")
            desk.sim("POST", "drain")
            states.append(notices(desk, f"V-{place}")[0]["state"])
        seen.append(states)
    assert seen[0] == seen[1]
    assert 8 <= seen[0].count("lost") <= 22


def test_what_the_merchant_said_is_kept_and_shown(
    server: Any, new_desk: Callable[..., Desk]
) -> None:
    desk = new_desk(server.url)
    desk.configure(notification_url=server.url + "/_sim/nothing")
    ident = desk.charge_va("V-1")["transaction_id"]
    desk.sim("POST", "drain")
    attempt = notices(desk)[0]["attempts"][0]
    assert attempt["answer"] == "404"
    assert attempt["said"] == '{"error":"no such instruction: POST nothing"}'
    page = desk.http.get(f"/pay/{ident}", auth=None).text
    assert "no such instruction: POST nothing" in page


# --- latency --------------------------------------------------------------------------------------


def test_a_fixed_latency_is_added_to_every_answer_of_the_api(desk: Desk) -> None:
    desk.charge_va("V-1")
    desk.sim("POST", "latency", milliseconds=120)
    calls: tuple[Callable[[], Any], ...] = (
        lambda: desk.core.transactions.status("V-1"),
        lambda: desk.charge_va("V-2"),
        lambda: desk.http.get("/v1/subscriptions/none"),
    )
    for call in calls:
        started = time.monotonic()
        call()
        assert time.monotonic() - started >= 0.12
    desk.sim("POST", "latency")
    started = time.monotonic()
    desk.core.transactions.status("V-1")
    assert time.monotonic() - started < 0.12


def test_a_latency_on_the_command_line(
    start_server: Callable[..., Any], new_desk: Callable[..., Desk]
) -> None:
    keys = ("--server-key", "SB-server", "--client-key", "SB-client")
    server = start_server(*keys, "--latency", "80~0")
    desk = new_desk(server.url, "SB-server")
    started = time.monotonic()
    desk.http.get("/v2/none/status")
    assert time.monotonic() - started >= 0.08
    server.stop()


@pytest.mark.parametrize("text", ["x", "-1", "10~4", "~", "nan"])
def test_a_latency_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError):
        latency(text)


def test_a_log_normal_latency_has_its_median_and_spread() -> None:
    chaos = Chaos("seed")
    latency = Latency(milliseconds=200, sigma=0.5)
    drawn = sorted(chaos.delay(latency) for _ in range(4000))
    # ln(delay) is normal around ln(0.2) with deviation 0.5: so are its quantiles.
    for part, deviations in ((0.16, -1.0), (0.5, 0.0), (0.84, 1.0)):
        expected = 0.2 * math.exp(0.5 * deviations)
        assert drawn[int(4000 * part)] == pytest.approx(expected, rel=0.08)
    again = Chaos("seed")
    assert sorted(again.delay(latency) for _ in range(4000)) == drawn


def test_no_answer_takes_longer_than_it_may() -> None:
    chaos = Chaos("seed")
    latency = Latency(milliseconds=1000, sigma=3, longest=1500)
    assert max(chaos.delay(latency) for _ in range(500)) == 1.5


@pytest.mark.parametrize(
    "body", [{"milliseconds": -1}, {"milliseconds": "x"}, {"milliseconds": 1, "sigma": 4}]
)
def test_a_strange_latency_is_refused(desk: Desk, body: Any) -> None:
    assert desk.try_sim("POST", "latency", **body).status_code == 400
