"""Linked GoPay accounts and charges on them; sections 2.5, 4 and 11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import simulator_requests as ways

Desk = Any
Json = dict[str, Any]


def partner(phone: str = "8215023424", **more: Any) -> Json:
    told = {"phone_number": phone, "country_code": "62", "redirect_url": "https://s.test/", **more}
    return {"payment_type": "gopay", "gopay_partner": told}


def test_a_link_waits_for_its_owner_and_then_shows_payment_options(desk: Desk) -> None:
    made = desk.core.link_payment_account(partner())
    assert (made["status_code"], made["account_status"]) == ("201", "PENDING")
    assert [one["name"] for one in made["actions"]][:2] == [
        "activation-link-url",
        "activation-link-app",
    ]
    ident = made["account_id"]
    assert desk.core.get_payment_account(ident)["status_code"] == "201"
    desk.sim("POST", "pay-accounts", account_id=ident, action="link")
    seen = desk.core.get_payment_account(ident)
    assert (seen["status_code"], seen["account_status"]) == ("200", "ENABLED")
    first = seen["metadata"]["payment_options"][0]
    assert (first["name"], first["active"]) == ("GOPAY_WALLET", True)
    assert first["balance"] == {"value": "10000000.00", "currency": "IDR"}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (partner("081234567"), "must not begin with 0"),
        (partner("8123"), "between 9 and 12"),
        (partner("8123456789012"), "between 9 and 12"),
        (partner("81234x678"), "numeric"),
        (partner(""), "phone_number is required"),
        (partner(country_code=""), "country_code is required"),
        (partner(redirect_url="shop"), "redirect_url"),
        ({"payment_type": "gopay"}, "gopay_partner is required"),
        ({**partner(), "payment_type": "ovo"}, "payment_type is not supported"),
    ],
)
def test_a_bad_link_request_is_400(desk: Desk, body: Json, problem: str) -> None:
    answer = desk.http.post("/v2/pay/account", json=body)
    assert answer.status_code == 400
    assert problem in " ".join(answer.json()["validation_messages"])


@pytest.mark.parametrize(
    ("phone", "code", "message"),
    [("123450001", "105", "User Not Found"), ("123450002", "112", "Wallet is Blocked")],
)
def test_gopay_may_refuse_a_link(desk: Desk, phone: str, code: str, message: str) -> None:
    answer = desk.core.link_payment_account(partner(phone))
    assert (answer["status_code"], answer["channel_response_code"]) == ("202", code)
    assert answer["channel_response_message"] == message
    assert "account_id" not in answer


#  state      GET    unbind
STATES = [("PENDING", "201", 412), ("ENABLED", "200", 204), ("DISABLED", "204", 412)]
STATES += [("EXPIRED", "204", 412)]


@pytest.mark.parametrize(("state", "code", "unbind"), STATES)
def test_each_state_of_an_account(desk: Desk, state: str, code: str, unbind: int) -> None:
    ident = desk.core.link_payment_account(partner())["account_id"]
    if state in ("ENABLED", "DISABLED"):
        desk.sim("POST", "pay-accounts", account_id=ident, action="link")
    if state == "DISABLED":
        desk.sim("POST", "pay-accounts", account_id=ident, action="unlink")
    if state == "EXPIRED":
        desk.clock("2026-01-05T03:15:00Z")
    seen = desk.core.get_payment_account(ident)
    assert (seen["account_status"], seen["status_code"]) == (state, code)
    if unbind == 204:
        answer = desk.core.unlink_payment_account(ident)
        assert (answer["status_code"], answer["account_status"]) == ("204", "DISABLED")
        assert answer["channel_response_code"] == "0"
    else:
        assert desk.refused(lambda: desk.core.unlink_payment_account(ident)) == unbind


def test_an_unknown_account_is_404_and_a_provider_may_fail(desk: Desk) -> None:
    assert desk.refused(lambda: desk.core.get_payment_account("none")) == 404
    assert desk.refused(lambda: desk.core.unlink_payment_account("none")) == 404
    account = ways.linked(desk)
    desk.sim("POST", "faults", op="unbind", kind="decline", code="900")
    answer = desk.core.unlink_payment_account(account["account_id"])
    assert (answer["status_code"], answer["channel_response_code"]) == ("202", "900")
    assert desk.core.get_payment_account(account["account_id"])["account_status"] == "ENABLED"


def test_linking_again_makes_another_account(desk: Desk) -> None:
    first = ways.linked(desk)["account_id"]
    desk.core.unlink_payment_account(first)
    second = ways.linked(desk)["account_id"]
    assert first != second


def test_the_merchant_hears_of_links_at_an_address_of_their_own(told: tuple[Desk, Any]) -> None:
    desk, inbox = told
    desk.configure(pay_account_url=inbox.url + "/accounts")
    account = ways.linked(desk)
    desk.sim("POST", "pay-accounts", phone="+628215023424", action="unlink")
    desk.sim("POST", "drain")
    said = [body for path, body, _ in inbox.messages if path == "/accounts"]
    assert [(one["account_status"], one["status_code"]) for one in said] == [
        ("ENABLED", "200"),
        ("DISABLED", "204"),
    ]
    assert said[0]["account_id"] == account["account_id"]
    assert said[0]["status_message"] == "Midtrans account_linked notification"
    assert "order_id" not in said[0]


#  amount   what happens at once            section
CHARGES = [
    (99_999, "200", "settlement"),  # 11: below 100,000 without a PIN
    (100_000, "201", "pending"),  # 11: from there with one
]


@pytest.mark.parametrize(("amount", "code", "state"), CHARGES)
def test_a_charge_is_paid_at_once_or_asks_for_the_pin(
    desk: Desk, amount: int, code: str, state: str
) -> None:
    account = ways.linked(desk)
    answer = desk.core.charge(ways.wallet_charge(account, amount=amount, recurring=True))
    assert (answer["status_code"], answer["transaction_status"]) == (code, state)
    names = [one["name"] for one in answer.get("actions", [])]
    if state == "pending":
        assert names == ["verification-link-url", "verification-link-app"]
        assert answer["expiry_time"] == "2026-01-05 10:15:00"
        assert desk.sim("POST", "pay", order_id="G-1")["status"] == "settlement"
    status = desk.core.transactions.status("G-1")
    assert status["payment_option_type"] == "GOPAY_WALLET"
    wallet = desk.sim("GET", "wallets")["wallets"][0]
    assert wallet["balance"] == 10_000_000 - amount


def test_the_link_for_the_pin_is_good_for_five_minutes(desk: Desk) -> None:
    desk.core.charge(ways.wallet_charge(ways.linked(desk), amount=200_000))
    desk.clock("2026-01-05T03:05:01Z")
    assert desk.try_sim("POST", "pay", order_id="G-1").status_code == 409
    desk.clock("2026-01-05T03:15:00Z")
    assert desk.book("G-1")["status"] == "expire"


def poor(desk: Desk, account: Json) -> Json:
    desk.sim("POST", "wallets", phone="628215023424", balance=10)
    return account


def rotated(desk: Desk, account: Json) -> Json:
    desk.sim("POST", "wallets", phone="628215023424", rotate=True)
    return account


def unlinked(desk: Desk, account: Json) -> Json:
    desk.core.unlink_payment_account(account["account_id"])
    return account


def savings(desk: Desk, account: Json) -> Json:
    return {**account, "payment_option_token": account["options"]["GOPAY_SAVINGS"]["token"]}


#  what is wrong  code
DENIALS = [(poor, "201"), (rotated, "159"), (unlinked, "110"), (savings, "156")]  # 10.2


@pytest.mark.parametrize(("spoil", "code"), DENIALS)
def test_gopay_says_no_with_a_code(
    desk: Desk, spoil: Callable[[Desk, Json], Json], code: str
) -> None:
    account = spoil(desk, ways.linked(desk))
    answer = desk.core.charge(ways.wallet_charge(account))
    assert (answer["status_code"], answer["transaction_status"]) == ("202", "deny")
    assert answer["channel_response_code"] == code
    assert desk.sim("GET", "book/summary")["charged"] == 0


def test_a_rotated_token_is_found_by_asking_again(desk: Desk) -> None:
    account = rotated(desk, ways.linked(desk))
    options = desk.core.get_payment_account(account["account_id"])["metadata"]["payment_options"]
    account["payment_option_token"] = options[0]["token"]
    assert desk.core.charge(ways.wallet_charge(account))["status_code"] == "200"


def test_a_wallet_emptied_before_the_pin_denies(desk: Desk) -> None:
    account = ways.linked(desk)
    desk.core.charge(ways.wallet_charge(account, amount=200_000))
    poor(desk, account)
    assert desk.sim("POST", "pay", order_id="G-1")["channel_response_code"] == "201"


def test_a_blocked_user_is_410_or_denied(desk: Desk) -> None:
    account = ways.linked(desk, "8271939753")
    assert desk.refused(lambda: desk.core.charge(ways.wallet_charge(account))) == 410
    desk.configure(switches={"blocked_wallet": "112"})  # X14
    assert desk.core.charge(ways.wallet_charge(account))["channel_response_code"] == "112"


def test_a_phone_of_the_table_has_too_little(desk: Desk) -> None:
    account = ways.linked(desk, "8242014881")
    assert desk.core.charge(ways.wallet_charge(account))["channel_response_code"] == "201"


def test_pay_later_pays_from_its_own_limit(desk: Desk) -> None:
    account = ways.linked(desk, "8103001242")
    account["payment_option_token"] = account["options"]["PAY_LATER"]["token"]
    desk.core.charge(ways.wallet_charge(account))
    assert desk.core.transactions.status("G-1")["payment_option_type"] == "PAY_LATER"
    wallet = desk.sim("GET", "wallets")["wallets"][0]
    assert (wallet["later"], wallet["balance"]) == (1_901_000, 10_000_000)


@pytest.mark.parametrize(
    "change",
    [
        {"payment_option_token": ""},
        {"account_id": 5},
        {"recurring": "yes"},
        {"pre_auth": 1},
        {"promotion_ids": "all"},
    ],
)
def test_a_bad_linked_charge_is_400(desk: Desk, change: Json) -> None:
    body = ways.wallet_charge(ways.linked(desk), **change)
    assert desk.refused(lambda: desk.core.charge(body)) == 400


def test_an_unknown_account_cannot_be_charged(desk: Desk) -> None:
    nobody = {"account_id": "nobody", "payment_option_token": "x"}
    assert desk.refused(lambda: desk.core.charge(ways.wallet_charge(nobody))) == 404


def test_a_hold_is_taken_whole_or_let_go(desk: Desk) -> None:
    account = ways.linked(desk)
    held = desk.core.charge(ways.wallet_charge(account, "H-1", pre_auth=True))
    assert (held["status_code"], held["transaction_status"]) == ("200", "authorize")
    part = {"transaction_id": held["transaction_id"], "gross_amount": 1_000}
    assert desk.refused(lambda: desk.core.capture(part)) == 400
    whole = desk.core.capture({"transaction_id": held["transaction_id"]})
    assert whole["transaction_status"] == "capture"
    desk.core.charge(ways.wallet_charge(account, "H-2", pre_auth=True))
    desk.core.charge(ways.wallet_charge(account, "H-3", pre_auth=True))
    desk.core.transactions.cancel("H-2")
    desk.clock("2026-01-05T03:15:00Z")
    assert desk.book("H-3")["status"] == "expire"
    assert desk.sim("GET", "wallets")["wallets"][0]["balance"] == 10_000_000 - 99_000
    big = ways.wallet_charge(account, "H-4", amount=100_000, pre_auth=True)
    assert desk.refused(lambda: desk.core.charge(big)) == 400


def test_a_refund_comes_back_into_the_wallet(desk: Desk) -> None:
    desk.core.charge(ways.wallet_charge(ways.linked(desk)))
    desk.core.transactions.refund("G-1", {"refund_key": "a", "amount": 9_000})
    desk.core.transactions.refund("G-1", {"refund_key": "b"})
    assert desk.sim("GET", "wallets")["wallets"][0]["balance"] == 10_000_000


@pytest.mark.parametrize(("window", "days"), [("shortest", 45), ("refund_page", 180)])
def test_the_refund_window_of_linked_charges_is_a_switch(
    desk: Desk, window: str, days: int
) -> None:
    desk.configure(switches={"gopay_window": window})  # X15
    account = ways.linked(desk)
    for order in ("G-1", "G-2"):
        desk.core.charge(ways.wallet_charge(account, order))
    end = {45: "2026-02-19", 180: "2026-07-04"}[days]
    refund = desk.core.transactions.refund
    desk.clock(f"{end}T03:00:00Z")
    assert refund("G-1", {"refund_key": "a"})["status_code"] == "200"
    desk.clock(f"{end}T03:00:01Z")
    assert desk.refused(lambda: refund("G-2", {"refund_key": "b"})) == 412


def test_promotions_are_told_to_the_phone_that_has_them(desk: Desk) -> None:
    account = ways.linked(desk, "8237435829")["account_id"]
    url = f"/v2/gopay/promo/{account}"
    told = desk.http.get(url, params={"gross_amount": "50000", "currency": "IDR"}).json()
    assert told["promotions"][0]["id"] == told["recommended_promotion_id"]
    assert desk.http.get(url.replace(account, "nobody")).json()["status_code"] == "400"


def test_linking_knows_no_idempotency_keys(desk: Desk) -> None:
    desk.headers = {"Idempotency-Key": "key-1"}
    first = desk.core.link_payment_account(partner())
    assert desk.core.link_payment_account(partner())["account_id"] != first["account_id"]


def test_accounts_and_wallets_survive_a_restart(
    start_server: Callable[..., Any], new_desk: Callable[..., Desk], tmp_path: Any
) -> None:
    server = start_server("--state", str(tmp_path))
    desk = new_desk(server.url, "SB-Mid-server-kept")
    desk.clock("2026-01-05T03:00:00Z")
    account = ways.linked(desk)
    waiting = desk.core.link_payment_account(partner("81234567890"))["account_id"]
    desk.core.charge(ways.wallet_charge(account))
    server.kill()
    again = new_desk(start_server("--state", str(tmp_path)).url, "SB-Mid-server-kept")
    assert again.sim("GET", "wallets")["wallets"][0]["balance"] == 10_000_000 - 99_000
    assert again.core.charge(ways.wallet_charge(account, "G-2"))["status_code"] == "200"
    again.clock("2026-01-05T03:15:00Z")
    assert again.core.get_payment_account(waiting)["account_status"] == "EXPIRED"
