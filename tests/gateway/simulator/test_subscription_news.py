"""Schedules of the gateway's own: GoPay, switching off and on, and what the merchant is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulator_schedules import charges, create_schedule, dates, schedule_request, schedule_shown

Desk = Any
Json = dict[str, Any]
Told = tuple[Any, Any]
START = "2026-01-05T03:00:00Z"  # Monday, 10:00 WIB


# --- GoPay ----------------------------------------------------------------------------------------


def linked(desk: Desk, phone: str = "8215023424") -> tuple[str, str]:
    """A linked account and the token of its wallet."""
    partner = {"phone_number": phone, "country_code": "62", "redirect_url": "https://shop.test/"}
    made = desk.core.link_payment_account({"payment_type": "gopay", "gopay_partner": partner})
    ident = str(made["account_id"])
    desk.sim("POST", "pay-accounts", account_id=ident, action="link")
    options = desk.core.get_payment_account(ident)["metadata"]["payment_options"]
    return ident, str(options[0]["token"])


def test_gopay_pays_without_a_pin_when_nobody_is_there(desk: Desk) -> None:
    account, token = linked(desk)
    more = {"payment_type": "gopay", "gopay": {"account_id": account}, "amount": "250000"}
    ident = create_schedule(desk, token, **more)
    desk.clock("2026-02-05T03:00:00Z")
    assert charges(desk) == [("2026-02-05T03:00:00Z", "settlement")]
    assert schedule_shown(desk, ident)["gopay"] == {"account_id": account}


def test_gopay_tokens_that_changed_and_accounts_that_went_fail_the_run(desk: Desk) -> None:
    account, token = linked(desk)
    ident = create_schedule(desk, token, payment_type="gopay", gopay={"account_id": account})
    desk.sim("POST", "wallets", phone="628215023424", rotate=True)
    desk.clock("2026-02-06T00:00:00Z")
    assert {word for _, word in charges(desk)} == {"deny"}
    assert schedule_shown(desk, ident)["status"] == "inactive"


# --- switching off and on -------------------------------------------------------------------------


def failing(desk: Desk) -> str:
    """A schedule whose first run has just failed; 51 until noon, then good."""
    saved = desk.saved_card()
    until = "2026-02-05T05:00:00Z"
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="51", until=until)
    ident = create_schedule(desk, saved)
    desk.clock("2026-02-05T03:30:00Z")
    return ident


def test_disabling_stops_the_runs_but_not_the_tries(desk: Desk) -> None:
    ident = failing(desk)
    assert desk.core.disable_subscription(ident) == {"status_message": "Subscription is updated."}
    desk.clock("2026-06-01T00:00:00Z")
    assert [at for at, _ in charges(desk)] == [
        "2026-02-05T03:00:00Z", "2026-02-05T04:00:00Z", "2026-02-05T05:00:00Z",
    ]  # fmt: skip
    assert schedule_shown(desk, ident)["schedule"]["current_interval"] == 1


def test_cancelling_stops_the_tries_too_and_for_good(desk: Desk) -> None:
    ident = failing(desk)
    answer = desk.http.post(f"/v1/subscriptions/{ident}/cancel")
    assert answer.json() == {"status_message": "Subscription is updated."}
    desk.clock("2026-06-01T00:00:00Z")
    assert [at for at, _ in charges(desk)] == ["2026-02-05T03:00:00Z"]
    for path in ("enable", ""):
        method = "POST" if path else "PATCH"
        url = f"/v1/subscriptions/{ident}" + (f"/{path}" if path else "")
        assert desk.http.request(method, url, json=schedule_request()).status_code == 400


def test_enabling_goes_on_in_the_old_rhythm(desk: Desk) -> None:
    ident = create_schedule(desk, desk.saved_card())
    desk.core.disable_subscription(ident)
    desk.clock("2026-04-20T00:00:00Z")
    assert charges(desk) == []
    desk.core.enable_subscription(ident)
    assert schedule_shown(desk, ident)["schedule"]["next_execution_at"] == "2026-05-05 10:00:00"
    desk.clock("2026-06-06T00:00:00Z")
    assert dates(desk) == ["2026-05-05", "2026-06-05"]


def test_a_change_counts_from_the_next_run_and_an_interval_after_it(desk: Desk) -> None:
    saved = desk.saved_card()
    ident = create_schedule(desk, saved, schedule={"interval_unit": "day"})
    changed = schedule_request(saved, amount="250000", schedule={"interval": 3})
    assert desk.core.update_subscription(ident, changed) == {
        "status_message": "Subscription is updated."
    }
    desk.clock("2026-01-13T00:00:00Z")
    # The run of the 6th was planned before; from there every three days.
    assert dates(desk) == ["2026-01-06", "2026-01-09", "2026-01-12"]
    book = desk.sim("GET", "book", order_id="SUB-77")["transactions"]
    assert {entry["gross_amount"] for entry in book} == {250_000}


@pytest.mark.parametrize("missing", ["name", "amount", "currency", "token"])
def test_a_change_needs_the_four_fields(desk: Desk, missing: str) -> None:
    ident = create_schedule(desk)
    body = schedule_request()
    del body[missing]
    answer = desk.http.patch(f"/v1/subscriptions/{ident}", json=body)
    assert answer.json()["validation_messages"] == [f"subscription.{missing} is required"]


def test_a_dead_schedule_is_revived_by_a_future_date(desk: Desk) -> None:
    saved = desk.saved_card()
    ident = create_schedule(desk, "dummy")
    desk.clock("2026-02-06T00:00:00Z")
    assert schedule_shown(desk, ident)["status"] == "inactive"
    body = schedule_request(saved, schedule={"start_time": "2026-03-01 10:00:00 +0700"})
    desk.core.update_subscription(ident, body)
    assert schedule_shown(desk, ident)["status"] == "active"
    desk.clock("2026-04-02T00:00:00Z")
    assert dates(desk) == ["2026-03-01", "2026-04-01"]


# --- what is told ---------------------------------------------------------------------------------


def messages(inbox: Any) -> list[Json]:
    return [body for path, body, _ in inbox.messages if path == "/recurring"]


def test_the_recurring_address_hears_of_the_creation_and_of_each_cycle(told: Told) -> None:
    desk, inbox = told
    desk.configure(recurring_url=inbox.url + "/recurring")
    saved = desk.saved_card()
    inbox.messages.clear()
    ident = create_schedule(desk, saved, metadata={"plan": "pro"})
    desk.clock("2026-02-05T03:00:00Z")
    created, charged = messages(inbox)
    assert created["schedule"]["current_interval"] == 0
    assert (created["id"], created["name"], created["status"]) == (ident, "SUB-77", "active")
    assert "event_name" not in created
    assert charged["event_name"] == "subscription.charge"
    assert charged["transaction"]["transaction_status"] == "capture"
    assert charged["transaction"]["status_code"] == "200"
    assert charged["subscription"]["schedule"]["current_interval"] == 1
    assert charged["subscription"]["schedule"]["previous_execution_at"] == (
        "2026-02-05T03:00:00.000000Z"
    )
    assert "signature_key" not in charged
    paid = [word for order_id, word in inbox.statuses() if order_id.startswith("SUB-77-")]
    assert paid == ["capture"]


@pytest.mark.parametrize(
    ("token", "behaviour", "code"),
    [("dummy", "", "411"), ("", "402", "402"), ("", "51", "202")],
)
def test_a_cycle_that_failed_is_told_once_without_a_transaction_id(
    told: Told, token: str, behaviour: str, code: str
) -> None:
    desk, inbox = told
    saved = desk.saved_card()
    desk.configure(recurring_url=inbox.url + "/recurring")
    if behaviour:
        desk.sim("POST", "cards", saved_token_id=saved, behaviour=behaviour)
    create_schedule(desk, token or saved)
    desk.clock("2026-02-06T00:00:00Z")
    _, told_once = messages(inbox)
    assert told_once["transaction"]["status_code"] == code
    assert "transaction_id" not in told_once["transaction"]
    assert told_once["subscription"]["status"] == "inactive"
    denials = [word for _, word in inbox.statuses() if word == "deny"]
    assert len(denials) == (4 if code == "202" else 0)  # each try of the bank is told as a payment


@pytest.mark.parametrize(("fallback", "count"), [(False, 0), (True, 2)])
def test_without_an_address_of_its_own(told: Told, fallback: bool, count: int) -> None:
    desk, inbox = told
    desk.configure(switches={"recurring_fallback": fallback})
    create_schedule(desk, desk.saved_card())
    desk.clock("2026-02-05T03:00:00Z")
    about = [body for _, body, _ in inbox.messages if "schedule" in str(body)]
    assert len(about) == count


def test_messages_about_a_schedule_are_retried_and_can_be_lost(told: Told) -> None:
    desk, inbox = told
    desk.configure(recurring_url=inbox.url + "/recurring", notification_url="")
    saved = desk.saved_card()
    inbox.answers = [503]
    ident = create_schedule(desk, saved)
    desk.sim("POST", "notifications", order_id=ident, action="lose_next")
    desk.clock("2026-02-05T03:00:00Z")
    known = desk.sim("GET", "subscriptions")["subscriptions"][0]["notifications"]
    assert [one["state"] for one in known] == ["delivered", "lost"]
    assert [try_["answer"] for try_ in known[0]["attempts"]] == ["503", "200"]


def test_schedules_survive_a_restart(
    tmp_path: Path, start_server: Callable[..., Any], new_desk: Callable[..., Desk]
) -> None:
    server = start_server("--state", str(tmp_path))
    desk = new_desk(server.url, "SB-server")
    desk.clock(START)
    saved = desk.saved_card()
    until = "2026-02-05T03:30:00Z"
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="51", until=until)
    ident = create_schedule(desk, saved)
    desk.clock("2026-02-05T03:10:00Z")
    before = schedule_shown(desk, ident)
    server.kill()
    server = start_server("--state", str(tmp_path))
    again = new_desk(server.url, "SB-server")
    assert schedule_shown(again, ident) == before
    again.clock("2026-03-06T00:00:00Z")
    assert [word for _, word in charges(again)] == ["deny", "settlement", "capture"]
    server.stop()


def test_the_page_of_a_schedule_shows_charges_and_answers(told: Told) -> None:
    desk, inbox = told
    desk.configure(recurring_url=inbox.url + "/recurring")
    ident = create_schedule(desk, desk.saved_card())
    desk.clock("2026-02-05T03:00:00Z")
    page = desk.http.get(f"/subscriptions/{ident}?lang=en", auth=None).text
    for words in (
        "SUB-77",
        "Rp100,000",
        "Active",
        "subscription.charge",
        "<strong>200</strong>",
        "5 Mar 2026",
    ):
        assert words in page
    assert desk.http.get("/subscriptions/none", auth=None).status_code == 404
    merchant = desk.http.get("/_sim/accounts").json()["accounts"]
    ours = next(one for one in merchant if one["server_key"] == desk.server_key)
    home = desk.http.get(f"/?merchant={ours['merchant_id']}", auth=None).text
    assert f"/subscriptions/{ident}" in home
