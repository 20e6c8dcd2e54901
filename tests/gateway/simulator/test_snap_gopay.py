"""GoPay linked on the hosted page, by the merchant's own name for a user."""

from __future__ import annotations

from typing import Any

import pytest

Desk = Any
Json = dict[str, Any]
Told = tuple[Any, Any]
PHONE = "8215023424"


def opened(desk: Desk, order_id: str, amount: int = 50_000, **gopay: Any) -> str:
    body = {
        "transaction_details": {"order_id": order_id, "gross_amount": amount},
        "user_id": "sari",
        "gopay": {"tokenization": True, "phone_number": PHONE, "country_code": "62", **gopay},
    }
    answer = desk.http.post("/snap/v1/transactions", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["redirect_url"])


def link(desk: Desk, url: str, phone: str = PHONE) -> Any:
    form = {"method": "gopay_link", "phone_number": phone}
    started = desk.http.post(url, data=form, auth=None)
    if started.status_code != 303:
        return started
    confirm = {"otp": "987654", "pin": "112233", "action": "link"}
    return desk.http.post(started.headers["location"], data=confirm, follow_redirects=True)


def test_the_first_payment_tells_the_account_and_the_next_needs_no_link(told: Told) -> None:
    desk, inbox = told
    url = opened(desk, "G-1")
    assert PHONE in desk.http.get(url, auth=None).text
    assert url in link(desk, url).text  # the way back to the page
    known = desk.http.get("/snap/v3/users/sari/gopay").json()
    account = desk.sim("GET", "pay-accounts")["accounts"][0]["account_id"]
    assert known == {
        "user_id": "sari",
        "account_id": account,
        "account_status": "ENABLED",
        "balance": "10000000.00",
        "country_code": "62",
        "phone_number": PHONE,
    }
    desk.http.post(url, data={"method": "gopay"}, auth=None)
    assert desk.book("G-1")["status"] == "settlement"  # below the PIN's threshold
    second = opened(desk, "G-2")
    assert f"+62{PHONE}" in desk.http.get(second, auth=None).text
    desk.http.post(second, data={"method": "gopay"}, auth=None)
    desk.sim("POST", "drain")
    extra = {"user_id": "sari", "account_id": account}
    assert [body.get("metadata") for _, body, _ in inbox.messages] == [{"extra_info": extra}, None]


def test_from_the_threshold_on_the_pin_is_asked(desk: Desk) -> None:
    url = opened(desk, "G-1", 150_000)
    link(desk, url)
    page = desk.http.post(url, data={"method": "gopay"}, auth=None, follow_redirects=True)
    assert "/app/" in page.text
    ident = desk.book("G-1")["transaction_id"]
    desk.http.post(f"/app/{ident}", data={"pin": "112233", "action": "confirm"}, auth=None)
    assert desk.book("G-1")["status"] == "settlement"


def test_the_merchant_forgets_the_account(desk: Desk) -> None:
    link(desk, opened(desk, "G-1"))
    gone = desk.http.delete("/snap/v3/users/sari/gopay")
    assert (gone.status_code, gone.json()["account_status"]) == (200, "DISABLED")
    again = desk.http.get("/snap/v3/users/sari/gopay")
    assert (again.status_code, again.json()) == (
        404,
        {"error_messages": ["Account doesn't exist."]},
    )


@pytest.mark.parametrize(("enforce", "kind"), [(False, "gopay"), (True, None)])
def test_without_a_link_gopay_pays_once_unless_the_merchant_insists(
    desk: Desk, enforce: bool, kind: str | None
) -> None:
    url = opened(desk, "G-1", enforce_tokenization=enforce)
    desk.http.post(url, data={"method": "gopay"}, auth=None)
    known = desk.sim("GET", "book", order_id="G-1")["transactions"]
    assert [one["channel"] for one in known] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        ("123450001", "Nomor ini tidak terdaftar di GoPay (105)"),
        ("12", "9 sampai 12 angka, tanpa 0 di depan"),
    ],
)
def test_a_phone_that_cannot_be_linked_is_told(desk: Desk, phone: str, said: str) -> None:
    assert said in link(desk, opened(desk, "G-1"), phone).text
