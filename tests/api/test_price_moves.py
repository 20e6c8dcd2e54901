"""Moves over HTTP: previewed, started, watched, undone; the preview is what is billed."""

from __future__ import annotations

from typing import Any

from api_house import Counter

from billing.flows.moves import move_due


def test_a_move_is_previewed_started_watched_and_undone(counter: Counter) -> None:
    door, world = counter.door, counter.world
    old = counter.price(150_000)
    plan = door.get(f"/prices/{old}")["plan"]
    terms = {"unit_amount": 175_000, "interval_unit": "month"}
    new = door.post(f"/plans/{plan}/prices", terms)["id"]
    mine, other = (
        door.post("/subscriptions", {"customer": counter.customer(), "price": old})["subscription"][
            "id"
        ]
        for _ in range(2)
    )
    wish: dict[str, Any] = {"from_price": old, "to_price": new, "notice_days": 14}
    shown = door.post("/price-moves/preview", wish, status=200)
    assert {one["subscription"] for one in shown["data"]} == {mine, other}
    assert shown["next_after"] is None
    [first, *_] = shown["data"]
    assert (first["old_total"], first["new_total"]) == (150_000, 175_000)
    page = door.post("/price-moves/preview", {**wish, "limit": 1}, status=200)
    rest = door.post("/price-moves/preview", {**wish, "after": page["next_after"]}, status=200)
    assert [*page["data"], *rest["data"]] == shown["data"]

    move = door.post("/price-moves", wish)
    assert (move["state"], move["left"]) == ("running", 2)
    refused = door.call("POST", "/price-moves", wish)
    assert (refused.status_code, refused.json()["code"]) == (409, "move_running")
    while move_due(world.engine, world.merchant_id):
        pass
    path = f"/price-moves/{move['id']}"
    assert (door.get(path)["state"], door.get(path)["waiting"]) == ("announced", 2)
    told = door.get(f"{path}/subscriptions")["data"]
    assert [(one["state"], one["effective_on"], one["new_total"]) for one in told] == [
        ("scheduled", first["effective_on"], 175_000),
    ] * 2  # fmt: skip
    assert door.post(f"{path}/undo", {}, status=200)["state"] == "undoing"
    while move_due(world.engine, world.merchant_id):
        pass
    assert (door.get(path)["state"], door.get(path)["replaced"]) == ("undone", 2)
    assert [one["id"] for one in door.get("/price-moves")["data"]] == [move["id"]]
