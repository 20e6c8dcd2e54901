"""Settlement reports and differences over the API: previewed, booked, settled by two people."""

from __future__ import annotations

import base64

import pytest
from api_house import Door, House

pytestmark = pytest.mark.database

REPORT = (
    "Order ID,Transaction Type,Gross Amount,Fee,PPN,Settlement Time\n"
    "NOBODY-1,Payment,150000,4000,440,2026-01-05\n"
    "NOBODY-2,Payment,half,4000,440,2026-01-05\n"
)


def sent(door: Door, text: str = REPORT, name: str = "jan.csv") -> dict[str, object]:
    """A report, given to the API."""
    content = base64.b64encode(text.encode()).decode()
    made: dict[str, object] = door.post("/settlement-files", {"name": name, "content": content})
    return made


def test_a_report_is_previewed_booked_and_its_differences_are_settled(house: House) -> None:
    door = house.ours
    made = sent(door)
    assert made["state"] == "read"
    assert made["summary"]["differences"] == {"not_ours": 1, "row_unusable": 1}  # type: ignore[index]
    assert door.get("/differences")["data"] == []
    at = f"/settlement-files/{made['id']}"
    booked = door.post(f"{at}/book", status=200)
    assert (booked["state"], booked["from_day"]) == ("booked", "2026-01-05")
    assert sent(door)["state"] == "booked", "the same bytes are the same file"
    assert door.call("POST", f"{at}/drop").json()["code"] == "settlement_file_closed"
    assert [one["id"] for one in door.get("/settlement-files?state=booked")["data"]] == [made["id"]]

    [one] = door.get("/differences?kind=not_ours&severity=high")["data"]
    assert (one["order_id"], one["theirs"], one["settlement_file"]) == (
        "NOBODY-1", 150_000, made["id"],
    )  # fmt: skip
    at = f"/differences/{one['id']}"
    assert door.post(f"{at}/assign", {"assignee": "Sari"}, status=200)["assignee"] == "Sari"
    door.post(f"{at}/note", {"reason": "ditanyakan"}, status=200)
    body = {"resolution": "booked", "reason": "bukan milik kita", "account": "bank"}
    assert door.call("POST", f"{at}/resolve", body).status_code == 422
    done = door.post(f"{at}/resolve", {**body, "amount": -145_560}, status=200)
    assert (done["state"], done["resolution"]) == ("resolved", "booked")
    assert [step["step"] for step in done["steps"]] == ["found", "assigned", "noted", "resolved"]
    again = door.call("POST", f"{at}/note", {"reason": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "difference_resolved")
    [review] = [row for row in door.get("/reviews")["data"] if row["kind"] == "books_differ"]
    assert review["closed_at"] is not None


def test_a_correction_above_the_limit_waits_for_another_key(house: House) -> None:
    door = house.ours
    door.post(f"/settlement-files/{sent(door)['id']}/book", status=200)
    [one] = door.get("/differences?kind=not_ours")["data"]
    at = f"/differences/{one['id']}"
    body = {"resolution": "booked", "reason": "besar", "account": "bank", "amount": 5_000_000}
    asker = house.holding("refund")
    assert asker.post(f"{at}/resolve", body, status=200)["state"] == "awaiting_approval"
    assert asker.call("POST", f"{at}/approve", {}).json()["code"] == "scope_missing"
    waits = door.call("POST", f"{at}/note", {"reason": "x"}).json()
    assert waits["code"] == "difference_awaits_approval"
    second = house.holding("approve")
    assert second.post(f"{at}/decline", {"reason": "belum"}, status=200)["state"] == "open"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("@@@@", "invalid_value"),
        (base64.b64encode(b"PK\x03\x04zip").decode(), "report_not_text"),
        (base64.b64encode(b"a,b\n1,2\n").decode(), "report_header_missing"),
    ],
)
def test_what_is_no_report_is_refused(house: House, content: str, code: str) -> None:
    answer = house.ours.call("POST", "/settlement-files", {"name": "x", "content": content})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
