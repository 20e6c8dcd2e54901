"""What each card answers, with and without 3DS, once and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Desk = Any
Server = Any

# number, then what a charge without 3DS answers:  code  status     fraud        bank code
CHARGES = [
    ("4811 1111 1111 1114", ("200", "capture", "accept", "00")),
    ("5211 1111 1111 1117", ("200", "capture", "accept", "00")),
    ("3528 2033 2456 4357", ("200", "capture", "accept", "00")),
    ("3701 9216 9722 458", ("200", "capture", "accept", "000")),
    ("4911 1111 1111 1113", ("202", "deny", "accept", "05")),
    ("5111 1111 1111 1118", ("202", "deny", "accept", "05")),
    ("3742 9635 4400 881", ("202", "deny", "accept", "100")),
    ("4411 1111 1111 1118", ("200", "capture", "accept", "00")),
    ("4611 1111 1111 1116", ("202", "deny", "deny", None)),
    ("4711 1111 1111 1115", ("202", "deny", "accept", "05")),
    ("4556 5579 5572 6624", ("200", "capture", "accept", "00")),
    ("4485 4364 5535 4151", ("202", "deny", "accept", "05")),
    ("4916 9940 6425 2017", ("200", "capture", "accept", "00")),
    ("4604 6331 9421 9929", ("202", "deny", "accept", "05")),
    ("4024 0071 7626 5022", ("201", "pending", "accept", None)),
    ("4716 1250 5984 7899", ("202", "deny", "accept", "Q1")),
    ("4723 2494 7908 2225", ("202", "deny", "accept", "Q1")),
    ("4705 8595 1098 4866", ("202", "deny", "accept", "57")),
    ("4472 4298 6999 6670", ("202", "deny", "accept", "51")),
    ("4806 0000 0000 0081", ("202", "deny", "accept", "51")),  # 99,000 is above 30,000
    ("5510 1111 1111 1115", ("201", "capture", "challenge", "00")),
    ("4617 0069 5974 6656", ("200", "capture", "accept", "00")),
    ("4617 0085 6083 1760", ("202", "deny", "accept", "05")),
    ("4000 0000 0000 0002", ("202", "deny", "accept", "14")),  # in no table
]


@pytest.mark.parametrize(("pan", "expected"), CHARGES)
def test_each_test_card_answers_as_its_row_says(
    desk: Desk, pan: str, expected: tuple[str, ...]
) -> None:
    answer = desk.charge_card("A-1", desk.token(pan))
    seen = tuple(
        answer.get(name)
        for name in ("status_code", "transaction_status", "fraud_status", "channel_response_code")
    )
    assert seen == expected
    assert answer["gross_amount"] == "99000.00"
    assert ("approval_code" in answer) == (answer["transaction_status"] == "capture")


@pytest.mark.parametrize(
    ("pan", "result", "status", "eci"),
    [
        ("4811 1111 1111 1114", "accept", "capture", "05"),
        ("5211 1111 1111 1117", "accept", "capture", "02"),
        ("4411 1111 1111 1118", "accept", "capture", "06"),
        ("5410 1111 1111 1116", "accept", "capture", "01"),
        ("4911 1111 1111 1113", "accept", "deny", "05"),
        ("4916 9940 6425 2017", "accept", "capture", "05"),
        ("4604 6331 9421 9929", "accept", "deny", "05"),
        ("4811 1111 1111 1114", "deny", "deny", None),
    ],
)
def test_a_charge_with_3ds_waits_for_the_cardholder_and_then_for_the_bank(
    desk: Desk, pan: str, result: str, status: str, eci: str | None
) -> None:
    answer = desk.charge_card("A-1", desk.token(pan), authentication=True)
    assert (answer["status_code"], answer["transaction_status"]) == ("201", "pending")
    assert answer["redirect_url"].startswith(desk.url + "/v2/3ds/redirect/")
    assert answer["expiry_time"] == "2026-01-05 10:10:00"
    done = desk.sim("POST", "3ds", order_id="A-1", result=result)
    assert done["status"] == status
    assert desk.core.transactions.status("A-1").get("eci") == eci


def test_3ds_that_nobody_finishes_expires_after_ten_minutes(desk: Desk) -> None:
    desk.charge_card("A-1", desk.token("4811 1111 1111 1114"), authentication=True)
    desk.clock("2026-01-05T03:09:59Z")
    assert desk.core.transactions.status("A-1")["transaction_status"] == "pending"
    desk.clock("2026-01-05T03:10:00Z")
    assert desk.core.transactions.status("A-1")["status_code"] == "407"
    assert desk.try_sim("POST", "3ds", order_id="A-1").status_code == 409


def test_a_card_that_only_knows_the_old_3ds_is_rejected_at_once(desk: Desk) -> None:
    answer = desk.charge_card("A-1", desk.token("4723 2494 7908 2225"), authentication=True)
    assert answer["transaction_status"] == "deny"
    assert "redirect_url" not in answer


def test_a_first_payment_saves_a_token_that_renews_without_the_payer(desk: Desk) -> None:
    desk.charge_card(
        "A-1", desk.token("4811 1111 1111 1114"), authentication=True, save_token_id=True
    )
    assert "saved_token_id" not in desk.core.transactions.status("A-1")
    desk.sim("POST", "3ds", order_id="A-1")
    status = desk.core.transactions.status("A-1")
    saved = status["saved_token_id"]
    assert status["saved_token_id_expired_at"] == "2027-12-31 07:00:00"
    assert len(saved) == 32
    assert (saved[:8], saved[-4:]) == ("48111111", "1114")
    for order in ("A-2", "A-3"):
        assert desk.charge_card(order, saved, initiated_by="merchant")["status_code"] == "200"


def test_a_refused_first_payment_saves_nothing(desk: Desk) -> None:
    answer = desk.charge_card("A-1", desk.token("4911 1111 1111 1113"), save_token_id=True)
    assert "saved_token_id" not in answer


def test_a_trial_card_is_saved_by_an_authorize_that_is_cancelled(desk: Desk) -> None:
    token = desk.token("4811 1111 1111 1114")
    request = {"authentication": True, "save_token_id": True, "type": "authorize"}
    desk.charge_card("T-1", token, 10_000, **request)
    assert desk.sim("POST", "3ds", order_id="T-1")["status"] == "authorize"
    assert desk.core.transactions.cancel("T-1")["transaction_status"] == "cancel"
    entry = desk.book("T-1")
    assert (entry["times_taken"], entry["captured"]) == (0, 0)
    assert desk.charge_card("T-2", entry["saved_token_id"])["transaction_status"] == "capture"


def test_a_registered_card_can_be_charged(desk: Desk) -> None:
    answer = desk.core.card_register(
        {
            "client_key": desk.client_key,
            "card_number": "4811111111111114",
            "card_exp_month": "12",
            "card_exp_year": "2027",
        }
    )
    assert answer["masked_card"] == "48111111-1114"
    assert desk.charge_card("A-1", answer["saved_token_id"])["status_code"] == "200"


def test_a_one_time_token_serves_once(desk: Desk) -> None:
    token = desk.token("4811 1111 1111 1114")
    desk.charge_card("A-1", token)
    assert desk.refused(lambda: desk.charge_card("A-2", token)) == 411
    assert desk.refused(lambda: desk.charge_card("A-3", "48111111-1114-unknown")) == 411
    assert desk.refused(lambda: desk.core.transactions.status("A-2")) == 404


def test_without_a_recurring_mid_a_saved_card_needs_its_cvv(desk: Desk) -> None:
    desk.configure(recurring_mid=False)
    saved = desk.saved_card()
    assert desk.refused(lambda: desk.charge_card("A-1", saved, initiated_by="merchant")) == 411
    query = {"client_key": desk.client_key, "token_id": saved, "card_cvv": "123"}
    two_clicks = desk.core.card_token(query)["token_id"]
    assert desk.charge_card("A-1", two_clicks)["transaction_status"] == "capture"


def test_a_saved_token_dies_with_its_card(desk: Desk) -> None:
    saved = desk.saved_card(year=2026)
    desk.clock("2026-12-31T16:59:59Z")  # 23:59:59 WIB
    assert desk.charge_card("A-1", saved)["status_code"] == "200"
    desk.clock("2026-12-31T17:00:00Z")
    assert desk.refused(lambda: desk.charge_card("A-2", saved)) == 411
    desk.configure(switches={"dead_card_answer": "54"})
    assert desk.charge_card("A-2", saved)["channel_response_code"] == "54"


def test_no_funds_until_payday(desk: Desk) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="51", until="2026-01-25T02:00:00Z")
    first = desk.charge_card("A-1", saved)
    assert (first["status_code"], first["channel_response_code"]) == ("202", "51")
    assert first["status_message"] == (
        "Deny by Bank [BNI] with code [51] and message [Insufficient funds]"
    )
    desk.clock("2026-01-25T01:59:59Z")
    assert desk.charge_card("A-2", saved)["transaction_status"] == "deny"
    desk.clock("2026-01-25T02:00:00Z")
    assert desk.charge_card("A-3", saved)["transaction_status"] == "capture"


@pytest.mark.parametrize(
    ("behaviour", "code", "status"),
    [
        ("54", "202", "deny"),
        ("R1", "202", "deny"),
        ("fraud", "202", "deny"),
        ("challenge", "201", "capture"),
        ("accept", "200", "capture"),
    ],
)
def test_a_saved_card_can_be_told_how_to_behave(
    desk: Desk, behaviour: str, code: str, status: str
) -> None:
    saved, other = desk.saved_card(), desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour=behaviour)
    answer = desk.charge_card("A-1", saved)
    assert (answer["status_code"], answer["transaction_status"]) == (code, status)
    assert desk.charge_card("A-2", other)["status_code"] == "200"


@pytest.mark.parametrize("behaviour", ["411", "402"])
def test_a_told_refusal_leaves_no_transaction(desk: Desk, behaviour: str) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour=behaviour)
    assert desk.refused(lambda: desk.charge_card("A-1", saved)) == int(behaviour)
    assert desk.refused(lambda: desk.core.transactions.status("A-1")) == 404


def test_cards_that_break_on_a_date_and_rules_taken_back(desk: Desk) -> None:
    saved = desk.saved_card()
    desk.sim("POST", "cards", saved_token_id=saved, behaviour="05", since="2026-02-01T00:00:00Z")
    assert desk.charge_card("A-1", saved)["status_code"] == "200"
    desk.clock("2026-02-01T00:00:00Z")
    assert desk.charge_card("A-2", saved)["status_code"] == "202"
    assert desk.sim("DELETE", "cards")["removed"] == 1
    assert desk.charge_card("A-3", saved)["status_code"] == "200"


def test_the_bank_that_takes_a_minute_says_yes_in_the_end(desk: Desk) -> None:
    desk.charge_card("A-1", desk.token("4024 0071 7626 5022"))
    desk.clock("2026-01-05T03:01:00Z")
    assert desk.core.transactions.status("A-1")["transaction_status"] == "capture"


def test_51_only_above_thirty_thousand(desk: Desk) -> None:
    token = desk.token("4806 0000 0000 0081")
    assert desk.charge_card("A-1", token, 30_000)["status_code"] == "200"


def test_only_listed_bins_may_pay(desk: Desk) -> None:
    card = {"bins": ["mandiri", "521111"]}
    token = desk.token("4811 1111 1111 1114")
    assert desk.refused(lambda: desk.charge_card("A-1", token, **card)) == 402
    for place, pan in enumerate(("5211 1111 1111 1117", "4617 0069 5974 6656")):
        assert desk.charge_card(f"B-{place}", desk.token(pan), **card)["status_code"] == "200"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"card_number": "4811111111111115"}, "luhn"),
        ({"card_number": ""}, "card_number is required"),
        ({"card_number": "48ab"}, "card_number is not valid"),
        ({"card_exp_year": "2025"}, "card_exp_year"),
        ({"card_exp_month": "13"}, "card_exp_month"),
        ({"card_cvv": ""}, "card_cvv"),
    ],
)
def test_a_bad_card_form_is_400_with_its_problems(
    desk: Desk, change: dict[str, str], problem: str
) -> None:
    query = {
        "client_key": desk.client_key,
        "card_number": "4811111111111114",
        "card_cvv": "123",
        "card_exp_month": "12",
        "card_exp_year": "2027",
        **change,
    }
    answer = desk.http.get("/v2/token", params=query, auth=None)
    assert answer.status_code == 400
    assert any(problem in message for message in answer.json()["validation_messages"])
    assert answer.headers["access-control-allow-origin"] == "*"


def test_accounts_do_not_share_tokens(
    desk: Desk, server: Server, new_desk: Callable[..., Desk]
) -> None:
    other = new_desk(server.url)
    other.clock("2026-01-05T03:00:00Z")
    assert other.refused(lambda: other.charge_card("A-1", desk.saved_card())) == 411
