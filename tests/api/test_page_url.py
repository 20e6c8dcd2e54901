"""An invoice's answer says where its payer can be sent: the page that its mail leads to."""

from __future__ import annotations

from urllib.parse import urlsplit

from api_house import Counter


def test_an_invoice_says_where_its_payer_can_be_sent(counter: Counter) -> None:
    made = counter.door.post(
        "/one-off-payments",
        {
            "customer": counter.customer(),
            "lines": [{"description": {"id": "Pelatihan"}, "unit_amount": 200_000}],
            "payment": {"virtual_account": True},
        },
    )
    read = counter.door.get(f"/invoices/{made['invoice']['id']}")
    assert made["page_url"] == read["page_url"]
    page = counter.door.client.get(urlsplit(read["page_url"]).path)
    assert page.status_code == 200
    assert made["orders"][-1]["va_number"] in page.text
