"""A subscription's life over HTTP: what is shown before is what is done."""

from __future__ import annotations

from datetime import date, timedelta

from api_house import Counter, Door


def test_a_pause_and_its_end_are_what_their_previews_say(counter: Counter) -> None:
    door = counter.door
    made = door.post(
        "/subscriptions", {"customer": counter.customer(), "price": counter.price(155_000)}
    )
    path = f"/subscriptions/{made['subscription']['id']}"
    asked = {"policy": "give_back", "resume_on": "2026-03-01", "reason": "holidays"}
    shown = door.call("POST", f"{path}/pause-preview", asked).json()
    paused = door.post(f"{path}/pause", asked, status=200)
    assert (paused["status"], paused["pause_on"], paused["resume_on"], paused["pause_policy"]) == (
        "paused", shown["pause_on"], "2026-03-01", "give_back"
    )  # fmt: skip
    assert shown["policy"] == "give_back/1"
    left = door.get(f"/invoices/{made['invoice']}")["invoice"]
    # Nobody paid the first invoice, which began today: it is void, and nothing comes back.
    assert (shown["voids"], shown["credits"]) == ([made["invoice"]], [])
    assert left["status"] == "void"

    wanted = {"keep_anchor": False}
    told = door.call("POST", f"{path}/resume-preview", wanted).json()
    back = door.post(f"{path}/resume", wanted, status=200)
    assert (back["status"], back["pause_on"], back["resume_on"]) == ("active", None, None)
    assert (back["current_start"], back["current_end"]) == (
        told["period_start"],
        told["period_end"],
    )
    newest = door.get(path)["invoice"]
    invoice = door.get(f"/invoices/{newest}")
    for name in ("subtotal", "tax", "total"):
        assert invoice["invoice"][name] == told[name]
    assert [(one["kind"], one["amount"]) for one in invoice["lines"]] == [
        (one["kind"], one["amount"]) for one in told["lines"]
    ]

    later = door.post(f"{path}/pause", {}, status=200)
    assert (later["status"], later["pause_on"]) == ("active", told["period_end"])
    assert door.post(f"{path}/undo-pause", status=200)["pause_on"] is None
    refused = door.call("POST", f"{path}/resume-preview", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_paused")


def test_a_trial_is_extended_and_ended_as_previewed(counter: Counter) -> None:
    door = counter.door
    asked = {"customer": counter.customer(), "price": counter.price(155_000), "trial_days": 10}
    made = door.post("/subscriptions", asked)["subscription"]
    path = f"/subscriptions/{made['id']}"
    assert door.get(f"{path}/access")["reason"] == "trial"
    later = {"ends_on": "2026-02-01"}
    shown = door.call("POST", f"{path}/trial-preview", later).json()
    moved = door.post(f"{path}/trial", later, status=200)
    assert (moved["status"], moved["trial_end_on"], moved["current_end"]) == (
        "trialing", "2026-02-01", "2026-02-01"
    )  # fmt: skip
    assert (shown["period_start"], shown["period_end"]) == ("2026-02-01", "2026-03-01")

    told = door.call("POST", f"{path}/trial-preview", {}).json()
    ended = door.post(f"{path}/trial", {"reason": "impatient"}, status=200)
    assert (ended["status"], ended["current_end"]) == ("active", told["period_end"])
    invoice = door.get(f"/invoices/{door.get(path)['invoice']}")
    for name in ("subtotal", "tax", "total"):
        assert invoice["invoice"][name] == told[name]
    access = door.get(f"{path}/access")
    assert (access["allowed"], access["reason"], access["again"]) == (True, "active", None)
    assert [(one["plan"], one["quantity"]) for one in access["items"]] == [
        (ended["item"]["plan"], 1)
    ]
    assert set(access["words"]) == {"id", "en"}


def test_a_subscription_ends_on_a_date_as_previewed_and_goes_on_after_all(
    counter: Counter,
) -> None:
    door = counter.door
    asked = {"customer": counter.customer(), "price": counter.price(155_000)}
    path = f"/subscriptions/{door.post('/subscriptions', asked)['subscription']['id']}"
    last = door.get(path)["subscription"]["current_end"]
    on = (date.fromisoformat(last) - timedelta(days=10)).isoformat()
    wish = {"when": "date", "on": on, "reason": "moving"}
    shown = door.call("POST", f"{path}/cancel-preview", wish).json()
    assert (shown["ends_on"], shown["credits"]) == (on, [])
    [back] = shown["credits_on_end"]
    days = (date.fromisoformat(last) - date.fromisoformat(made_on(door, path))).days
    assert back["amount"] == (2 * 155_000 * 10 + days) // (2 * days)
    ending = door.post(f"{path}/cancel", wish, status=200)
    assert (ending["status"], ending["cancel_on"]) == ("active", on)
    assert door.post(f"{path}/undo-cancel", status=200)["cancel_on"] is None
    late = door.call("POST", f"{path}/cancel", {"when": "date", "reason": "moving"})
    assert (late.status_code, late.json()["code"]) == (422, "invalid_cancel_on")


def made_on(door: Door, path: str) -> str:
    return str(door.get(path)["subscription"]["current_start"])
