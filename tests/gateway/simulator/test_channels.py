"""Every way to pay × every operation × its outcome; the section is the contract's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import simulator_requests as ways
from simulator_requests import DAY, later, refunding, wib

Desk = Any
Json = dict[str, Any]

# channel        own answer fields                       default  shortest  longest   section
OPENED = [
    ("bca_va",      "va_numbers",                        DAY,     20,       180 * DAY),  # 2.4
    ("bni_va",      "va_numbers",                        DAY,     20,       180 * DAY),  # 2.4
    ("bri_va",      "va_numbers",                        DAY,     20,       180 * DAY),  # 2.4
    ("cimb_va",     "va_numbers",                        DAY,     20,       180 * DAY),  # 2.4
    ("permata_va",  "permata_va_number",                 DAY,     20,       180 * DAY),  # 2.4
    ("echannel",    "bill_key biller_code",              DAY,     20,       180 * DAY),  # 2.4
    ("indomaret",   "payment_code store",                DAY,     20,       180 * DAY),  # 2.6
    ("alfamart",    "payment_code store",                DAY,     20,       180 * DAY),  # 2.6
    ("gopay",       "actions",                           900,     20,       7 * DAY),    # 2.5
    ("qris",        "actions qr_string acquirer",        900,     20,       7 * DAY),    # 2.6
    ("qris_airpay", "actions qr_string acquirer",        900,     20,       5 * DAY),    # 2.2
    ("shopeepay",   "actions",                           900,     20,       5 * DAY),    # U8
    ("dana",        "actions",                           900,     900,      DAY),        # 2.2
    ("akulaku",     "redirect_url",                      DAY,     20,       180 * DAY),  # U8
    ("kredivo",     "redirect_url",                      DAY,     20,       180 * DAY),  # 2.2
]  # fmt: skip


@pytest.mark.parametrize("row", OPENED, ids=lambda row: row[0])
def test_a_charge_waits_with_its_own_fields_and_ends_at_its_hour(
    desk: Desk, row: tuple[str, str, int, int, int]
) -> None:
    channel, fields, default, _, _ = row
    answer = desk.core.charge(ways.request(channel))
    assert (answer["status_code"], answer["transaction_status"]) == ("201", "pending")
    assert (answer["gross_amount"], answer["currency"]) == ("99000.00", "IDR")
    assert all(answer[name] for name in fields.split())
    assert answer["expiry_time"] == wib(default)
    ident = answer["transaction_id"]
    later(desk, default - 1)
    assert desk.core.transactions.status(ident)["status_code"] == "201"
    later(desk, default)
    status = desk.core.transactions.status(ident)
    assert (status["status_code"], status["transaction_status"]) == ("407", "expire")
    assert not set(status) & {"actions", "qr_string", "redirect_url"}


@pytest.mark.parametrize("row", OPENED, ids=lambda row: row[0])
def test_an_expiry_of_ones_own_stays_within_the_channels_limits(
    desk: Desk, row: tuple[str, str, int, int, int]
) -> None:
    channel, _, _, shortest, longest = row
    for seconds, code in ((shortest - 1, 400), (longest + 1, 400)):
        expiry = {"expiry_duration": seconds, "unit": "second"}
        body = ways.request(channel, custom_expiry=expiry)
        assert desk.refused(lambda body=body: desk.core.charge(body)) == code
    for place, seconds in enumerate((shortest, longest)):
        expiry = {"expiry_duration": seconds, "unit": "second"}
        body = ways.request(channel, f"E-{place}", custom_expiry=expiry)
        assert desk.core.charge(body)["expiry_time"] == wib(seconds)


#  channel        pay         twice  cancel  expire  approve  deny  capture  refund  part   reverse
OPERATIONS = """
    bca_va        settlement  409    cancel  expire  412      412   412      412     412    409
    bni_va        settlement  409    cancel  expire  412      412   412      412     412    409
    bri_va        settlement  409    cancel  expire  412      412   412      412     412    409
    cimb_va       settlement  409    cancel  expire  412      412   412      412     412    409
    permata_va    settlement  409    cancel  expire  412      412   412      412     412    deny
    echannel      settlement  409    cancel  expire  412      412   412      412     412    deny
    indomaret     settlement  409    cancel  expire  412      412   412      412     412    deny
    alfamart      settlement  409    cancel  expire  412      412   412      412     412    409
    gopay         settlement  409    cancel  expire  412      412   412      refund  part   409
    qris          settlement  409    cancel  expire  412      412   412      refund  part   409
    qris_airpay   settlement  409    cancel  expire  412      412   412      refund  part   409
    shopeepay     settlement  409    cancel  expire  412      412   412      refund  414    409
    dana          settlement  409    cancel  expire  412      412   412      refund  part   409
    ovo           settlement  409    cancel  expire  412      412   412      refund  414    409
    akulaku       settlement  409    cancel  expire  412      412   412      refund  part   409
    kredivo       settlement  409    cancel  expire  412      412   412      refund  part   409
"""  # sections 3, 9.1 and 9.4
NAMES = (
    "pay",
    "twice",
    "cancel",
    "expire",
    "approve",
    "deny",
    "capture",
    "refund",
    "part",
    "reverse",
)
CELLS = [
    (row.split()[0], name, outcome)
    for row in OPERATIONS.strip().splitlines()
    for name, outcome in zip(NAMES, row.split()[1:], strict=True)
]


def operate(desk: Desk, ident: str, name: str) -> str:
    """The transaction's state after the operation, or the code it is refused with."""
    core = desk.core.transactions
    if name in ("twice", "refund", "part", "reverse"):
        desk.sim("POST", "pay", transaction_id=ident)
    if name in ("pay", "twice", "reverse"):
        what = "reverse" if name == "reverse" else "pay"
        answer = desk.try_sim("POST", what, transaction_id=ident)
        return str(answer.status_code if answer.is_error else answer.json()["status"])
    calls: dict[str, Callable[[], Json]] = {
        "refund": lambda: core.refund(ident, {"refund_key": "k"}),
        "part": lambda: core.refund(ident, {"refund_key": "k", "amount": 9_000}),
        "capture": lambda: desk.core.capture({"transaction_id": ident}),
    }
    call = calls.get(name) or (lambda: getattr(core, name)(ident))
    try:
        status = call()["transaction_status"]
    except Exception:
        return str(desk.refused(call))
    return "part" if status == "partial_refund" else str(status)


@pytest.mark.parametrize(("channel", "operation", "outcome"), CELLS)
def test_every_operation_on_every_way_to_pay(
    desk: Desk, channel: str, operation: str, outcome: str
) -> None:
    ident = desk.core.charge(ways.request(channel))["transaction_id"]
    assert operate(desk, ident, operation) == outcome


#  channel      last day  how it was paid              section
WINDOWS = [
    ("gopay",       45,  {}),                                # 9.4
    ("gopay",       7,   {"via": "qris", "issuer": "bca"}),  # 9.4: off-us
    ("qris",        45,  {"issuer": "gopay"}),               # 9.4: on-us
    ("qris",        7,   {"issuer": "dana"}),                # 9.4: off-us
    ("qris_airpay", 365, {"issuer": "shopeepay"}),           # 9.4
    ("shopeepay",   365, {}),                                # 9.4
    ("dana",        45,  {}),                                # 9.4
    ("ovo",         7,   {}),                                # 9.4
    ("akulaku",     180, {}),                                # 9.4: six months
    ("kredivo",     14,  {}),                                # 9.4
]  # fmt: skip


@pytest.mark.parametrize(("channel", "days", "how"), WINDOWS)
def test_a_refund_comes_within_the_channels_window(
    desk: Desk, channel: str, days: int, how: Json
) -> None:
    first = desk.core.charge(ways.request(channel, "W-1"))["transaction_id"]
    second = desk.core.charge(ways.request(channel, "W-2"))["transaction_id"]
    for ident in (first, second):
        desk.sim("POST", "pay", transaction_id=ident, **how)
    later(desk, days * DAY)
    assert desk.core.transactions.refund(first, {"refund_key": "a"})["status_code"] == "200"
    later(desk, days * DAY + 1)
    late = refunding(desk, second, "b")
    assert desk.refused(late) == 412
    desk.configure(switches={"refund_windows": False})
    assert late()["status_code"] == "200"


@pytest.mark.parametrize("channel", ["shopeepay", "qris_airpay"])
@pytest.mark.parametrize(
    ("at", "code"),
    [("16:49:59", "200"), ("16:50:00", "412"), ("22:59:59", "412"), ("23:00:00", "200")],
)
def test_shopeepays_refunds_rest_from_2350_to_0600_wib(
    desk: Desk, channel: str, at: str, code: str
) -> None:
    desk.core.charge(ways.request(channel))
    desk.sim("POST", "pay", order_id="C-1")
    desk.clock(f"2026-01-05T{at}Z")
    refund = refunding(desk, "C-1", "k")
    got = str(desk.refused(refund)) if code == "412" else refund()["status_code"]
    assert got == code


@pytest.mark.parametrize(("issuer", "code"), [("bca", 412), ("bni", 412), ("bri", 412)])
def test_an_airpay_qris_from_some_banks_goes_one_way(desk: Desk, issuer: str, code: int) -> None:
    desk.core.charge(ways.request("qris_airpay"))
    desk.sim("POST", "pay", order_id="C-1", issuer=issuer)
    status = desk.core.transactions.status("C-1")
    assert (status["transaction_type"], status["issuer"]) == ("off-us", issuer)
    assert {"shopeepay_reference_number", "reference_id"} <= set(status)
    assert desk.refused(lambda: desk.core.transactions.refund("C-1", {"refund_key": "k"})) == code


#  channel      change                                                  problem
BAD = [
    ("bca_va", {"bank_transfer": {}}, "bank is required"),
    ("bca_va", {"bank_transfer": {"bank": "danamon"}}, "not supported"),  # U8
    ("bca_va", {"customer_details": {"first_name": "x" * 31}}, "BCA"),  # 2.1
    ("bni_va", {"customer_details": {"phone": "62812"}}, "+62 or 0"),  # 2.1
    ("permata_va", {"bank_transfer": {"bank": "permata", "permata": {"recipient_name": "X" * 21}}}, "20"),
    ("bca_va", {"bank_transfer": {"bank": "bca", "free_text": {"inquiry": [{"id": "a", "en": "b"}] * 11}}}, "10 entries"),
    ("bca_va", {"bank_transfer": {"bank": "bca", "free_text": {"payment": [{"id": "a" * 51, "en": "b"}]}}}, "50"),
    ("echannel", {"echannel": {"bill_info1": "a"}}, "bill_info2 is required"),
    ("alfamart", {"cstore": {"store": "alfamart", "alfamart_free_text_1": "a|b"}}, "no |"),
    ("alfamart", {"cstore": {"store": "alfamart", "alfamart_free_text_3": "a" * 41}}, "40"),
    ("gopay", {"gopay": {"enable_callback": "yes"}}, "enable_callback"),
    ("gopay", {"gopay": {"account_id": "x"}}, "payment_option_token is required"),
    ("qris", {"qris": {"acquirer": "bank"}}, "acquirer is not supported"),
    ("shopeepay", {"shopeepay": {"callback_url": 5}}, "callback_url"),
    ("ovo", {"ovo": None}, "payer_phone_number is required"),
    ("ovo", {"ovo": {"payer_phone_number": "soon"}}, "payer_phone_number is not valid"),
    ("akulaku", {"item_details": None}, "item_details is required"),
    ("akulaku", {"customer_details": None}, "customer_details is required"),
    ("akulaku", {"item_details": [{"id": "1", "name": "a", "price": 49_500, "quantity": 1}] * 2}, "unique"),
    ("kredivo", {"seller_details": "me"}, "seller_details"),
]  # fmt: skip


@pytest.mark.parametrize(("channel", "change", "problem"), BAD)
def test_what_a_channel_needs_is_asked_for(
    desk: Desk, channel: str, change: Json, problem: str
) -> None:
    answer = desk.http.post("/v2/charge", json=ways.request(channel, **change))
    assert answer.status_code == 400, answer.text
    assert problem in " ".join(answer.json()["validation_messages"])
    assert desk.sim("GET", "book")["transactions"] == []


@pytest.mark.parametrize(
    "kind",
    [
        *("bca_klikpay", "bca_klikbca", "bri_epay", "cimb_clicks", "danamon_online"),
        *("mandiri_clickpay", "googlepay"),
    ],
)
def test_legacy_types_are_402_until_a_switch_opens_them(desk: Desk, kind: str) -> None:
    details = {"order_id": "L-1", "gross_amount": 99_000}
    body = {"payment_type": kind, "transaction_details": details}
    assert desk.refused(lambda: desk.core.charge(body)) == 402
    desk.configure(switches={"legacy_types": True})
    assert "redirect_url" in desk.core.charge(body)
    assert desk.sim("POST", "pay", order_id="L-1")["status"] == "settlement"


def test_dana_answers_to_its_own_name_only(desk: Desk) -> None:
    answer = desk.core.charge(ways.request("dana"))
    ident = answer["transaction_id"]
    assert ident.startswith("A1202601051000")
    assert ident.endswith("ID")
    for name in ("status", "cancel", "expire"):
        assert desk.refused(lambda name=name: getattr(desk.core.transactions, name)("C-1")) == 404
    assert desk.core.transactions.status(ident)["order_id"] == "C-1"
    assert desk.refused(lambda: desk.core.charge(ways.request("dana"))) == 406
    desk.configure(switches={"dana_upper_case": True})
    assert desk.core.transactions.status(ident)["transaction_status"] == "PENDING"
