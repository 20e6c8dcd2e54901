"""What a person reads on a page, in his own language: refusals, reasons, history, answers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from simulator import cards, wallets
from simulator.channels import CHANNELS
from simulator.channels.linked import MESSAGES as GOPAY
from simulator.channels.wallets import OVO_MESSAGES
from simulator.checkout import METHODS
from simulator.page_words import word
from simulator.page_words_said import answered, history, spoken
from simulator.pages_marks import groups, mark

Desk = Any
HOUSE = Path(__file__).resolve().parents[3] / "simulator"
CARD = {
    "method": "credit_card",
    "card_number": "4811111111111114",
    "card_exp_month": "12",
    "card_exp_year": "2030",
    "card_cvv": "123",
}


@pytest.mark.parametrize(
    "reason",
    sorted(
        {
            *cards.MESSAGES.values(),
            *GOPAY.values(),
            *OVO_MESSAGES.values(),
            *(words for _, words in wallets.UNLINKABLE.values()),
            "Declined",
        }
    ),
)
def test_every_reason_of_bank_and_wallet_has_words_in_indonesian(reason: str) -> None:
    said = spoken(reason, "id")
    assert said != reason
    assert spoken(f"51 {reason}", "id") == f"{said} (51)"
    assert "WrongError" not in spoken(reason, "en")


def _notes() -> set[str]:
    """Every note that a move or a step is written with, its values made up."""
    found = set()
    for path in HOUSE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            name = name or (node.func.id if isinstance(node.func, ast.Name) else "")
            if name in ("move", "_move", "Step", "_set") and len(node.args) >= 3:
                note = node.args[3 if name in ("_move", "_set") else 2]
                if isinstance(note, ast.Constant) and isinstance(note.value, str):
                    found.add(note.value)
                elif isinstance(note, ast.JoinedStr):
                    parts = [
                        p.value if isinstance(p, ast.Constant) else "1234" for p in note.values
                    ]
                    found.add("".join(map(str, parts)))
    return found


def test_every_line_of_history_has_words_in_indonesian() -> None:
    notes = _notes() - {"1234: 1234"}  # card: "the bank said no: 05", tried below
    assert len(notes) > 25
    notes |= {"the bank said no: 05", "the cardholder failed or refused 3DS: Q1"}
    kept = {"linking was started", "confirmed by the owner", "unlinked in the app"}
    kept |= {"unlinked by the merchant", "nobody confirmed in time"}  # a link's page shows none
    assert sorted(note for note in notes - kept if history(note, "id") == note) == []


def test_amounts_in_a_line_are_written_as_amounts() -> None:
    assert history("refund r-1 of 50000", "id") == "pengembalian r-1: Rp50.000"
    assert history("refund r-1 of 50000", "en") == "refund r-1: Rp50,000"
    assert history("411 Credit card token is already used", "id").endswith("(411)")


def test_what_nobody_wrote_words_for_stays_as_it_is() -> None:
    odd = "something {new} happened: 100%"
    assert (spoken(odd, "id"), history(odd, "en"), answered("418", "id")) == (odd, odd, "418")
    assert spoken("bank_transfer.free_text {id, en}", "en").endswith("{id, en}")


def test_why_a_message_was_not_taken_is_said() -> None:
    assert answered("refused", "id") == "tidak tersambung"
    assert answered("timeout", "en") == "no answer within 15 seconds"
    assert answered("503", "id") == "503"


def test_every_way_to_pay_has_a_mark_a_group_and_a_name() -> None:
    for name in (*CHANNELS, *METHODS):
        text, colour = mark(name)
        assert 2 <= len(text) <= 4
        assert _contrast_with_white(colour) >= 4.5, (name, colour)
    listed = groups(list(METHODS.values()))
    assert [name for name, _ in listed] == [
        *("group_card", "group_wallet", "group_va", "group_store", "group_later", "group_bank"),
    ]
    for key in (*(name for name, _ in listed), *METHODS):
        assert word(key, "id") != key, key


def _contrast_with_white(colour: str) -> float:
    """WCAG 2: 1.05 over the relative luminance plus 0.05."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


# --- on the pages -------------------------------------------------------------------------------


def opened(desk: Desk, **more: Any) -> str:
    order = {"order_id": "W-1", "gross_amount": 150_000}
    made = desk.http.post("/snap/v1/transactions", json={"transaction_details": order, **more})
    return str(made.json()["redirect_url"])


REFUSALS = [
    ({"card_number": "4811111111111115"}, "Periksa nomor kartu", "Check the card number"),
    ({"card_exp_month": "13"}, "Periksa masa berlaku", "Check the expiry date"),
    ({"card_exp_year": "2020"}, "Kartu ini sudah kedaluwarsa", "This card has expired"),
    ({"card_cvv": "1"}, "Periksa CVV", "Check the CVV"),
    ({"method": "nothing"}, "Cara bayar ini tidak tersedia", "cannot be paid this way"),
    ({"method": "akulaku"}, "tidak cocok untuk cara bayar ini", "does not fit this way to pay"),
]


@pytest.mark.parametrize(("wrong", "indonesian", "english"), REFUSALS)
def test_a_refusal_on_the_hosted_page_is_in_the_readers_language(
    desk: Desk, wrong: dict[str, str], indonesian: str, english: str
) -> None:
    url = opened(desk)
    assert indonesian in desk.http.post(url, data={**CARD, **wrong}, auth=None).text
    page = desk.http.post(f"{url}?lang=en", data={**CARD, **wrong}, auth=None).text
    assert english in page.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("language", "words"),
    [("id", "Dana atau limit tidak cukup (51)"), ("en", "Not enough money or limit (51)")],
)
def test_the_banks_reason_is_told_wherever_it_is_shown(
    desk: Desk, language: str, words: str
) -> None:
    query = f"?lang={language}"
    url = opened(desk)
    page = desk.http.post(url + query, data={**CARD, "card_number": "4472429869996670"}, auth=None)
    assert page.status_code == 303
    assert words in desk.http.get(url + query, auth=None).text
    ident = desk.book("W-1")["transaction_id"]
    shown = desk.http.get(f"/pay/{ident}{query}", auth=None).text
    assert words in shown
    assert ("ditolak bank: 51" in shown) == (language == "id")
    token = desk.token("4472 4298 6999 6670")
    made = desk.charge_card("W-2", token, authentication=True)
    desk.sim("POST", "3ds", order_id="W-2")
    assert words in desk.http.get(made["redirect_url"] + query, auth=None).text


# --- the first page -----------------------------------------------------------------------------


def test_a_bill_is_found_by_its_number_or_order(desk: Desk) -> None:
    made = desk.charge_va("F-1")
    number = made["va_numbers"][0]["va_number"]
    page = f"/pay/{made['transaction_id']}"
    for sought in ("F-1", number, f"{number[:4]} {number[4:]}", made["transaction_id"]):
        assert desk.http.get("/", params={"q": sought}, auth=None).headers["location"] == page
    english = desk.http.get("/", params={"q": "F-1", "lang": "en"}, auth=None)
    assert english.headers["location"] == f"{page}?lang=en"
    desk.sim("POST", "pay", order_id="F-1")  # and after it was paid
    assert desk.http.get("/", params={"q": number}, auth=None).headers["location"] == page
    assert "Tidak ditemukan." in desk.http.get("/", params={"q": "nobody <b>"}, auth=None).text


def test_a_long_list_of_bills_is_cut_and_says_so(desk: Desk) -> None:
    for place in range(53):
        desk.charge_va(f"L-{place}")
    merchant = desk.core.transactions.status("L-0")["merchant_id"]
    page = desk.http.get("/", params={"merchant": merchant, "lang": "en"}, auth=None).text
    assert len(re.findall(r'class="card link"', page)) == 50
    assert "and more: 3" in page
    assert "L-52" in page


def test_the_page_of_a_payment_shows_what_was_sent(desk: Desk) -> None:
    desk.configure(notification_url="http://127.0.0.1:9/hook")
    made = desk.charge_va("B-1")
    desk.sim("POST", "drain")
    page = desk.http.get(f"/pay/{made['transaction_id']}", auth=None).text
    assert "tidak tersambung" in page
    assert "&#34;signature_key&#34;" in page


def test_installments_only_means_no_payment_in_full(desk: Desk) -> None:
    plan = {"required": True, "terms": {"bni": [3, 6]}}
    url = opened(desk, credit_card={"installment": plan})
    page = desk.http.get(url, auth=None).text
    assert "Bayar penuh" not in page
    refused = desk.http.post(url, data=CARD, auth=None).text
    assert "hanya dapat dibayar dengan cicilan" in refused
    desk.http.post(url, data={**CARD, "term": "bni/3"}, auth=None)
    assert desk.core.transactions.status("W-1")["installment_term"] == "3"


@pytest.mark.parametrize(
    ("descriptor", "problem"),
    [
        ({"merchant_name": "x" * 26}, "merchant_name too long, max 25"),
        ({"city_name": "x" * 14}, "city_name too long, max 13"),
        ({"country_code": "IDN"}, "country_code too long, max 2"),
        ("x", "dynamic_descriptor is not valid"),
    ],
)
def test_what_stands_on_the_card_statement_has_limits(
    desk: Desk, descriptor: Any, problem: str
) -> None:
    order = {"order_id": "W-1", "gross_amount": 150_000}
    body = {"transaction_details": order, "credit_card": {"dynamic_descriptor": descriptor}}
    answer = desk.http.post("/snap/v1/transactions", json=body)
    assert (answer.status_code, problem in answer.text) == (400, True)


def test_the_book_tells_from_whom_money_was_taken(desk: Desk) -> None:
    desk.charge_va("WHO-1", customer_details={"first_name": "Sari", "last_name": "Dewi"})
    ovo = {"payment_type": "ovo", "ovo": {"payer_phone_number": "081234567890"}}
    order = {"order_id": "WHO-2", "gross_amount": 1000}
    desk.http.post("/v2/charge", json={**ovo, "transaction_details": order})
    assert (desk.book("WHO-1")["customer"], desk.book("WHO-1")["phone"]) == ("Sari Dewi", None)
    assert desk.book("WHO-2")["phone"] == "081234567890"
