"""Cards beyond the plain charge: limits, installments, points, BINs, direct refunds, voids."""

from __future__ import annotations

from typing import Any

import pytest

Desk = Any
Json = dict[str, Any]

VISA, BNI, MANDIRI = "4811 1111 1111 1114", "5264 2210 3887 4659", "4617 0069 5974 6656"


@pytest.mark.parametrize(
    ("card", "problem"),
    [
        ({"bank": "warung"}, "bank is not supported"),
        ({"channel": "post"}, "channel is not supported"),
        ({"type": "hold"}, "type is not supported"),
        ({"callback_type": "fax"}, "callback_type is not supported"),
        ({"initiated_by": "bank"}, "initiated_by is not supported"),
        ({"authentication": "yes"}, "authentication is not valid"),
        ({"installment_term": 3}, "bank is required"),
        ({"installment_term": "3", "bank": "bni"}, "number of months"),
        ({"installment_term": 0, "bank": "bni"}, "number of months"),
        ({"bins": ["123456789"]}, "bins is not valid"),
        ({"bins": ["warung"]}, "bins is not valid"),
        ({"bins": "4811"}, "bins is not valid"),
        ({"point_redeem_amount": "all"}, "point_redeem_amount is not a number"),
        ({"point_redeem_amount": 500}, "more than the card's points"),
    ],
)
def test_a_bad_card_request_is_400_and_leaves_the_token_good(
    desk: Desk, card: Json, problem: str
) -> None:
    token = desk.token(VISA)
    body = {
        "payment_type": "credit_card",
        "transaction_details": {"order_id": "A-1", "gross_amount": 99_000},
        "credit_card": {"token_id": token, **card},
    }
    answer = desk.http.post("/v2/charge", json=body)
    assert answer.status_code == 400, answer.text
    assert problem in " ".join(answer.json()["validation_messages"])
    assert desk.charge_card("A-2", token)["status_code"] == "200"


def test_an_installment_is_echoed(desk: Desk) -> None:
    answer = desk.charge_card("A-1", desk.token(BNI), bank="bni", installment_term=6)
    assert (answer["installment_term"], answer["bank"], answer["on_us"]) == ("6", "bni", True)


@pytest.mark.parametrize(
    ("bins", "code"), [(["48111111"], 200), (["4"], 200), (["bni"], 200), (["52", "bca"], 402)]
)
def test_a_list_of_bins_lets_only_its_cards_pay(desk: Desk, bins: list[str], code: int) -> None:
    token = desk.token(VISA)
    if code == 200:
        assert desk.charge_card("A-1", token, bins=bins)["status_code"] == "200"
    else:
        assert desk.refused(lambda: desk.charge_card("A-1", token, bins=bins)) == code


@pytest.mark.parametrize("pan", [BNI, MANDIRI])
def test_points_are_told_and_pay_a_part(desk: Desk, pan: str) -> None:
    token = desk.token(pan)
    told = desk.core.card_point_inquiry(token)
    assert told["status_message"] == "Success, Credit Card Point inquiry is successful"
    assert told["point_balance_amount"] == f"{told['point_balance']}.00"
    answer = desk.charge_card("A-1", token, point_redeem_amount=-1)
    assert answer["point_redeem_amount"] == told["point_balance"]
    assert desk.refused(lambda: desk.core.card_point_inquiry(token)) == 411


def test_other_cards_have_no_points(desk: Desk) -> None:
    token = desk.token(VISA)
    assert desk.refused(lambda: desk.core.card_point_inquiry(token)) == 402
    assert desk.refused(lambda: desk.core.card_point_inquiry("unknown")) == 411
    desk.configure(switches={"card_points": False})
    assert desk.refused(lambda: desk.core.card_point_inquiry(desk.token(BNI))) == 402


def test_a_number_without_cvv_counts_as_recurring(desk: Desk) -> None:
    card = {"number": "4811111111111114", "expiry_month": "12", "expiry_year": "2027"}
    assert desk.charge_card("A-1", "", card=card)["status_code"] == "200"
    desk.configure(recurring_mid=False)
    assert desk.refused(lambda: desk.charge_card("A-2", "", card=card)) == 411
    with_cvv = {**card, "cvv": "123"}
    assert desk.charge_card("A-3", "", card=with_cvv)["status_code"] == "200"


# --- capture, void, direct refund -----------------------------------------------------------------


def test_a_refused_capture_leaves_the_hold(desk: Desk) -> None:
    held = desk.captured("A-1", type="authorize")
    desk.sim("POST", "faults", op="capture", kind="decline", code="51")
    take = {"transaction_id": held["transaction_id"]}
    refused = desk.core.capture(take)
    assert (refused["status_code"], refused["transaction_status"]) == ("202", "deny")
    assert desk.core.transactions.status("A-1")["transaction_status"] == "authorize"
    assert desk.core.capture(take)["transaction_status"] == "capture"


#  acquirer     routed by       listed  all   never      (X10)
DIRECT = [
    ("bca", None, 200, 200, 412),
    ("maybank", None, 200, 200, 412),
    ("bri", None, 200, 200, 412),
    ("bni", "cybersource", 200, 200, 412),
    ("bni", "migs", 412, 200, 412),
    ("mandiri", None, 412, 200, 412),
    ("cimb", None, 412, 200, 412),
]


@pytest.mark.parametrize("row", DIRECT, ids=lambda row: f"{row[0]}-{row[1]}")
def test_direct_refunds_work_with_some_acquirers(
    desk: Desk, row: tuple[str, str | None, int, int, int]
) -> None:
    bank, channel, *codes = row
    routed = {"channel": channel} if channel else {}
    desk.captured("A-1", bank=bank, **routed)
    desk.sim("POST", "settle", order_id="A-1")
    for side, code in zip(("listed", "all", "never"), codes, strict=True):
        desk.configure(switches={"card_direct_refund": side})
        body = {"refund_key": side, "amount": 1_000}
        answer = desk.http.post("/v2/A-1/refund/online/direct", json=body).json()
        assert answer["status_code"] == str(code), side
    assert desk.core.transactions.refund("A-1", {"refund_key": "plain"})["status_code"] == "200"


#  acquirer  held   captured    (section 3, with the switch on)
@pytest.mark.parametrize(
    ("bank", "held", "captured"), [("bni", 412, 200), ("mandiri", 200, 412), ("bca", 200, 200)]
)
def test_void_windows_differ_by_acquirer(desk: Desk, bank: str, held: int, captured: int) -> None:
    desk.configure(switches={"void_windows": True})
    desk.captured("A-1", bank=bank, type="authorize")
    desk.captured("A-2", bank=bank)
    for order, code in (("A-1", held), ("A-2", captured)):
        answer = desk.http.post(f"/v2/{order}/cancel", json={}).json()
        assert answer["status_code"] == str(code)


def test_a_hold_ends_after_seven_days_if_the_switch_says_so(desk: Desk) -> None:
    desk.configure(switches={"authorize_days": 7})  # X8
    desk.captured("A-1", type="authorize")
    desk.clock("2026-01-12T03:00:00Z")
    assert desk.book("A-1")["status"] == "expire"


# --- BINs and other switches ----------------------------------------------------------------------


def test_a_bin_is_looked_up_with_either_key(desk: Desk) -> None:
    for key in (desk.server_key, desk.client_key):
        data = desk.http.get("/v1/bins/46170069", auth=(key, "")).json()["data"]
        assert (data["bank"], data["brand"], data["bin"]) == ("MANDIRI", "VISA", "46170069")
    assert desk.http.get("/v1/bins/481111").json()["data"]["country_code"] == "ID"
    nobody = desk.http.get("/v1/bins/481111", auth=("nobody", ""))
    assert (nobody.status_code, nobody.text) == (401, "Unauthorized")
    for wrong in ("999999", "4811", "abcdef"):
        unknown = desk.http.get(f"/v1/bins/{wrong}")
        assert unknown.status_code == 404
        assert set(unknown.json()["errors"][0]) == {"message_title", "message"}


def test_a_hundred_bins_a_minute_and_then_409(desk: Desk) -> None:
    codes = {desk.http.get("/v1/bins/481111").status_code for _ in range(100)}
    assert codes == {200}
    assert desk.http.get("/v1/bins/481111").status_code == 409
    desk.clock("2026-01-05T03:01:00Z")
    assert desk.http.get("/v1/bins/481111").status_code == 200


def test_readers_must_not_mind_fields_nobody_documented(desk: Desk) -> None:
    desk.configure(switches={"extra_fields": True, "max_request_bytes": 400})
    assert "simulator_extra" in desk.charge_va("V-1")
    assert "simulator_extra" in desk.core.transactions.status("V-1")
    assert desk.refused(lambda: desk.charge_va("V-2", metadata={"a": "x" * 400})) == 413
