"""Payment links and invoices: requests, sums, paying, and what the merchant reads afterwards."""

from __future__ import annotations

from typing import Any

import pytest

Desk = Any
Json = dict[str, Any]
Told = tuple[Any, Any]


def link(order_id: str = "L-1", amount: int | None = 50_000, **more: Any) -> Json:
    details: Json = {"order_id": order_id, **more.pop("details", {})}
    if amount is not None:
        details["gross_amount"] = amount
    return {"transaction_details": details, **more}


def opened(desk: Desk, **more: Any) -> str:
    answer = desk.http.post("/v1/payment-links", json=link(**more))
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"order_id", "payment_url"}
    return str(answer.json()["payment_url"])


def visit(desk: Desk, url: str, method: str = "bca_va", **form: str) -> Any:
    """Open the link, go on to the hosted page, take a way to pay."""
    page = desk.http.post(url, data=form, auth=None)
    assert page.status_code == 303, page.text
    return desk.http.post(page.headers["location"], data={"method": method}, auth=None)


def read(desk: Desk, order_id: str = "L-1") -> Json:
    answer: Json = desk.http.get(f"/v1/payment-links/{order_id}").json()
    return answer


def test_a_link_is_paid_once_and_is_used_then(told: Told) -> None:
    desk, inbox = told
    url = opened(desk, details={"payment_link_id": "kelas-januari"}, title="Kelas Januari")
    assert url.endswith("/payment-links/kelas-januari")
    assert "Kelas Januari" in desk.http.get(url, auth=None).text
    visit(desk, url)
    visit(desk, url)  # the page was opened twice: it is the same checkout
    desk.sim("POST", "pay", order_id="L-1")
    desk.sim("POST", "drain")
    assert inbox.statuses() == [("L-1", "pending"), ("L-1", "settlement")]
    assert inbox.messages[-1][1]["payment_link_id"] == "kelas-januari"
    known = read(desk)
    assert (known["status"], known["usage"]) == ("USED", 1)
    assert [one["transaction_status"] for one in known["purchases"]] == ["settlement"]
    assert "sudah dipakai" in desk.http.get(url, auth=None).text
    assert "over" in desk.http.post(url, auth=None).text


def test_a_link_for_many_has_an_order_id_for_each(desk: Desk) -> None:
    url = opened(desk, usage_limit=2)
    for place in (1, 2):
        visit(desk, url)
        desk.sim("POST", "pay", order_id=f"L-1-{place}")
    assert read(desk)["status"] == "USED"
    orders = {one["order_id"] for one in read(desk)["purchases"]}
    assert orders == {"L-1-1", "L-1-2"}
    assert desk.sim("GET", "book/summary")["charged"] == 100_000


def test_a_free_amount_stays_within_its_limits(desk: Desk) -> None:
    limits = {"min_amount": 10_000, "max_amount": 90_000, "preset_amount": 25_000}
    url = opened(desk, amount=None, payment_link_type="DYNAMIC_AMOUNT", dynamic_amount=limits)
    assert 'value="25000"' in desk.http.get(url, auth=None).text
    for amount in ("9999", "90001", "x", ""):
        page = desk.http.post(url, data={"amount": amount}, auth=None)
        assert "Jumlahnya antara Rp10.000 dan Rp90.000." in page.text
    visit(desk, url, amount="42.000")
    assert desk.book("L-1")["gross_amount"] == 42_000


def test_a_link_may_ask_who_pays(desk: Desk) -> None:
    url = opened(desk, customer_required=True)
    assert 'name="email"' in desk.http.get(url, auth=None).text
    visit(desk, url, name="Sari", email="sari@example.com")
    assert "Sari" in desk.http.get(f"/pay/{desk.book('L-1')['transaction_id']}", auth=None).text


def test_a_link_ends_by_time_and_by_order(desk: Desk) -> None:
    url = opened(desk, expiry={"duration": 2, "unit": "hours"})
    gone = opened(desk, order_id="L-2")
    assert desk.http.delete("/v1/payment-links/L-2").status_code == 200
    assert "sudah dihapus" in desk.http.get(gone, auth=None).text
    assert desk.http.get("/v1/payment-links/L-2").status_code == 404
    desk.clock("2026-01-05T05:00:00Z")
    assert read(desk)["status"] == "EXPIRED"
    assert "sudah kedaluwarsa" in desk.http.get(url, auth=None).text


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (None, 400, "transaction_details is required"),
        (link(amount=0), 400, "greater than or equal"),
        (link(order_id="x" * 51), 400, "between 1 and 50"),
        (link(details={"payment_link_id": "Kelas A"}), 400, "payment_link_id must be"),
        (link(usage_limit=0), 400, "usage_limit must be between 1 and 1000000"),
        (link(usage_limit=1_000_001), 400, "usage_limit must be between"),
        (link(payment_link_type="FREE"), 400, "FIXED_AMOUNT or DYNAMIC_AMOUNT"),
        (
            link(payment_link_type="DYNAMIC_AMOUNT", dynamic_amount={"min_amount": 5, "max_amount": 1}),
            400,
            "min_amount <= preset_amount",
        ),
        (link(item_details=[{"name": "a", "price": 1, "quantity": 1}]), 400, "the sum of"),
        (link(expiry={"duration": 1, "unit": "second"}), 400, "at least 20 seconds"),
        (link("taken"), 409, "Duplicate order id"),
        (link("other", details={"payment_link_id": "taken"}), 409, "Duplicate payment link id"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_link(desk: Desk, body: Any, code: int, said: str) -> None:
    opened(desk, order_id="taken", details={"payment_link_id": "taken"})
    answer = desk.http.post("/v1/payment-links", json=body)
    assert (answer.status_code, set(answer.json())) == (code, {"error_messages"})
    assert any(said in line for line in answer.json()["error_messages"]), answer.text


# --- invoices -------------------------------------------------------------------------------------


def invoice(**more: Any) -> Json:
    return {
        "order_id": "I-1",
        "invoice_number": "2026/01/0001",
        "invoice_date": "2026-01-05 10:00:00 +0700",
        "due_date": "2026-01-12 10:00:00 +0700",
        "customer_details": {"id": "c-1", "name": "PT Maju", "phone": "6281234567"},
        "item_details": [{"item_id": "a", "description": "Paket", "quantity": 2, "price": 50_000}],
        "payment_type": "payment_link",
        **more,
    }


def written(desk: Desk, **more: Any) -> Json:
    answer = desk.http.post("/v1/invoices", json=invoice(**more))
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


ITEM = {"item_id": "a", "description": "Paket", "quantity": 2, "price": 50_000}
PPN = {"name": "PPN", "type": "percentage", "value": 11}


@pytest.mark.parametrize(
    ("more", "total"),
    [
        ({}, 100_000),
        ({"item_details": [{**ITEM, "discount_percentage": 10}]}, 90_000),
        # 100,000 - 5,000 + 12,000
        ({"amount": {"discount": 5_000, "shipping": 12_000}}, 107_000),
        # 11% on top, or already inside.
        ({"taxes": [PPN]}, 111_000),
        ({"taxes": [PPN], "tax_mode": "inclusive"}, 100_000),
        ({"taxes": [PPN, {"name": "Meterai", "type": "fixed", "value": 10_000}]}, 121_000),
        # 3 x 33,333 = 99,999; less 12.5% = 87,499.125; half up.
        (
            {"item_details": [{**ITEM, "quantity": 3, "price": 33_333, "discount_percentage": 12.5}]},
            87_499,
        ),
    ],
)  # fmt: skip
def test_an_invoice_sums_up(desk: Desk, more: Json, total: int) -> None:
    assert written(desk, **more)["gross_amount"] == total


def test_an_invoice_is_paid_by_its_link(told: Told) -> None:
    desk, inbox = told
    made = written(desk)
    assert made["status"] == "pending"
    assert made["payment_link_url"] in desk.http.get(made["pdf_url"], auth=None).text
    visit(desk, made["payment_link_url"], "gopay")
    desk.sim("POST", "pay", order_id="I-1")
    desk.sim("POST", "drain")
    assert inbox.messages[-1][1]["metadata"] == {"midtrans_invoice_id": made["id"]}
    assert desk.http.get(f"/v1/invoices/{made['id']}").json()["status"] == "paid"
    refused = desk.http.patch(f"/v1/invoices/{made['id']}", json={"status": "void"})
    assert refused.json() == {"error_messages": ["an invoice that is paid cannot be voided"]}


def test_an_invoice_is_paid_by_one_of_its_accounts_until_it_is_due(desk: Desk) -> None:
    accounts = [{"name": "bca_va", "number": "12345678"}, {"name": "permata_va"}]
    made = written(desk, payment_type="virtual_account", virtual_accounts=accounts)
    assert [one["name"] for one in made["virtual_accounts"]] == ["bca_va", "permata_va"]
    assert made["virtual_accounts"][0]["number"] == "12345678"
    desk.clock("2026-01-12T02:59:59Z")
    desk.sim("POST", "pay", va_number=made["virtual_accounts"][1]["number"])
    assert desk.http.get(f"/v1/invoices/{made['id']}").json()["status"] == "paid"
    desk.clock("2026-01-12T03:00:00Z")
    assert desk.book("I-1")["status"] == "expire"


def test_an_invoice_is_overdue_or_void(desk: Desk) -> None:
    accounts = [{"name": "bca_va"}]
    made = written(desk, payment_type="virtual_account", virtual_accounts=accounts)
    other = written(desk, order_id="I-2")
    void = {"status": "void", "void_reason": "salah alamat"}
    assert desk.http.patch(f"/v1/invoices/{made['id']}", json=void).json()["status"] == "void"
    assert desk.book("I-1")["status"] == "cancel"
    desk.clock("2026-01-12T03:00:00Z")
    assert desk.http.get(f"/v1/invoices/{other['id']}").json()["status"] == "expired"
    assert desk.http.get("/v1/invoices/none").status_code == 404


def test_a_quotation_cannot_be_paid(desk: Desk) -> None:
    made = written(desk, document_type="quotation")
    assert "payment_link_url" not in made


def test_an_invoices_key_has_a_header_of_its_own(desk: Desk) -> None:
    for name, same in (("X-Idempotency-Key", True), ("Idempotency-Key", False)):
        order = f"K-{name}"
        answers = [
            desk.http.post("/v1/invoices", json=invoice(order_id=order), headers={name: name})
            for _ in range(2)
        ]
        assert answers[0].status_code == 201
        assert answers[1].status_code == (201 if same else 409)
        assert (answers[0].json() == answers[1].json()) is same


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"order_id": "x" * 37}, "order_id too long, max 36"),
        ({"invoice_number": ""}, "invoice_number is required"),
        ({"due_date": "2026-01-05 10:00:00 +0700"}, "due_date must be after"),
        ({"due_date": "later"}, "due_date format is"),
        ({"customer_details": {"name": "a", "phone": "0812"}}, "no leading 0"),
        ({"customer_details": None}, "customer_details is required"),
        ({"item_details": []}, "item_details is required"),
        ({"item_details": [{**ITEM, "discount_percentage": 101}]}, "a discount up to 100"),
        ({"amount": {"discount": 200_000}}, "must be greater than 0"),
        ({"taxes": [{"type": "percent", "value": 1}]}, "percentage or fixed"),
        ({"tax_mode": "both"}, "exclusive or inclusive"),
        ({"payment_type": "cash"}, "payment_link or virtual_account"),
        ({"payment_type": "virtual_account"}, "virtual_accounts is required"),
        (
            {"payment_type": "virtual_account", "virtual_accounts": [{"name": "dbs_va"}]},
            "is not supported",
        ),
        ({"document_type": "letter"}, "invoice or quotation"),
        ({"notes": "x" * 1001}, "notes too long"),
    ],
)
def test_what_is_wrong_with_an_invoice(desk: Desk, more: Json, said: str) -> None:
    answer = desk.http.post("/v1/invoices", json=invoice(**more))
    assert (answer.status_code, set(answer.json())) == (400, {"error_messages"})
    assert any(said in line for line in answer.json()["error_messages"]), answer.text
