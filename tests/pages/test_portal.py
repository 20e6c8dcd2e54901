"""The page behind a customer's link: what it shows, how it pays, what it never does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from builders import START, set_clock
from pages.house import VA_NUMBER, House
from sqlalchemy.event import listen

from billing.flows.credit import credit_invoice
from core.ids import fresh
from core.links import sign_link
from payments.gateway import Answer


def test_a_link_opens_the_invoice_without_a_key(house: House) -> None:
    _, _, invoice = house.subscribe(name="Dewi Anggraini")
    answer = house.client.get(house.link(invoice))
    assert answer.status_code == 200
    text = answer.text
    # 349 000 + 11/12 x 12% = 387 390
    for wanted in ("Rp387.390", "INV-2027-000001", "BELUM DIBAYAR", "Dewi Anggraini", "17 Januari"):
        assert wanted in text
    assert 'src="data:image/svg+xml;base64,' in text
    assert 'lang="id"' in text


def test_an_english_customer_reads_english(house: House) -> None:
    _, _, invoice = house.subscribe(locale="en")
    text = house.client.get(house.link(invoice)).text
    assert 'lang="en"' in text
    assert "Pay by BCA virtual account" in text
    assert "Amount due" in text


def test_the_number_that_came_back_is_shown(house: House) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.bank_gives()
    answer = house.client.post(f"{path}/va")
    assert answer.status_code == 303
    text = house.client.get(answer.headers["location"]).text
    assert "8077 7812 3456 7890 1" in text
    assert f'data-copy="{VA_NUMBER}"' in text
    assert "http://127.0.0.1:8401/pay/tx-1" in text
    assert "Bayar dengan BCA Virtual Account" not in text


def test_asking_twice_offers_one_number(house: House) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.bank_gives()
    house.client.post(f"{path}/va")
    house.client.post(f"{path}/va")
    assert house.gateway.count("charge") == 1
    assert len(house.orders(invoice)) == 1


def test_a_bank_that_does_not_answer_leaves_a_page_that_waits(house: House) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.gateway.charges.append(Answer("unknown"))
    house.client.post(f"{path}/va")
    assert "Sedang meminta nomor" in house.client.get(path).text


def test_the_status_changes_when_the_money_has_come(house: House) -> None:
    from billing.flows.settle import settle

    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.bank_gives()
    house.client.post(f"{path}/va")
    before = house.client.get(f"{path}/status").json()
    page = house.client.get(path).text
    assert f'data-version="{before["version"]}"' in page
    [order] = house.orders(invoice)
    paid = Answer("paid", order_id=order.order_id, amount=order.amount, paid_at=START)
    settle(house.engine, house.merchant.merchant_id, order.order_id, paid, because="test")
    after = house.client.get(f"{path}/status").json()
    assert (before["status"], after["status"]) == ("open", "paid")
    assert after["version"] != before["version"]
    text = house.client.get(path).text
    assert "LUNAS" in text
    assert "Terima kasih" in text
    assert "data-status" not in text
    assert VA_NUMBER not in text


def test_asking_for_the_status_reads_little_and_sees_every_change(house: House) -> None:
    """A page asks every two seconds: two reads of the merchant and his clock, one of the invoice."""
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    asked: list[str] = []
    engine = house.engine.db.engine
    listen(engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    versions = [house.client.get(f"{path}/status").json()["version"]]
    # set_config, merchant, clock, invoice
    assert len(asked) <= 4, asked
    house.gateway.charges.append(Answer("unknown"))
    house.client.post(f"{path}/va")
    versions.append(house.client.get(f"{path}/status").json()["version"])
    with house.work() as unit:
        credit_invoice(
            unit, invoice, gross_amount=11_100, reason="goodwill",
            source_kind="test", source_id=fresh(),
        )  # fmt: skip
    versions.append(house.client.get(f"{path}/status").json()["version"])
    assert len(set(versions)) == 3
    set_clock(house.engine, house.merchant.merchant_id, START + timedelta(days=8))
    assert house.client.get(f"{path}/status").json()["version"] not in versions
    page = house.client.get(path)
    assert house.client.get(f"{path}/status").json()["version"] in page.text


def test_an_invoice_lists_its_credit_notes_and_they_open(house: House) -> None:
    _, _, invoice = house.subscribe()
    assert "Nota kredit" not in house.client.get(house.link(invoice)).text
    with house.work() as unit:
        note = credit_invoice(
            unit, invoice, gross_amount=11_100, reason="goodwill",
            source_kind="test", source_id=fresh(),
        )  # fmt: skip
    text = house.client.get(house.link(invoice)).text
    [link] = re.findall(rf'<a href="([^"]+)">{note.number}</a>', text)
    assert "Rp11.100" in text
    opened = house.client.get("/i/" + link.rpartition("/i/")[2])
    assert opened.status_code == 200
    assert "MENGURANGI TAGIHAN" in opened.text
    status = house.client.get("/i/" + link.rpartition("/i/")[2] + "/status")
    assert status.json()["status"] == "issued"


def test_a_paid_invoice_offers_nothing_more(house: House) -> None:
    _, _, invoice = house.subscribe(amount=0)
    path = house.link(invoice)
    answer = house.client.post(f"{path}/va")
    assert answer.headers["location"] == f"{path}?problem=1"
    assert house.gateway.count("charge") == 0


def test_the_pdf_comes_named_by_its_number(house: House) -> None:
    _, _, invoice = house.subscribe()
    answer = house.client.get(f"{house.link(invoice)}/pdf")
    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-disposition"] == 'inline; filename="INV-2027-000001.pdf"'


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-4],
        lambda token: "x" * 68,
        lambda token: "%3Cscript%3E",
        lambda token: token.swapcase(),
    ],
)
@pytest.mark.parametrize("rest", ["", "/pdf", "/status"])
def test_a_spoilt_link_opens_a_friendly_page(
    house: House, spoil: Callable[[str], str], rest: str
) -> None:
    _, _, invoice = house.subscribe()
    token = house.link(invoice).removeprefix("/i/")
    answer = house.client.get(f"/i/{spoil(token)}{rest}")
    assert answer.status_code == 404
    assert "Tautan ini tidak dapat dibuka" in answer.text
    assert "This link does not open" in answer.text
    assert not re.search(r"(?<![\w+/-])Rp ?\d", answer.text)


def test_an_expired_link_says_what_to_do(house: House) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    set_clock(house.engine, house.merchant.merchant_id, START + timedelta(days=7 + 400))
    for rest in ("", "/pdf", "/status"):
        answer = house.client.get(path + rest)
        assert answer.status_code == 410
        assert "sudah kedaluwarsa" in answer.text
        assert "has expired" in answer.text
    assert house.client.post(f"{path}/va").status_code == 410
    assert house.gateway.count("charge") == 0


def test_a_genuine_link_to_nothing_is_a_page_too(house: House) -> None:
    key = house.engine.vault.subkey("links")
    for purpose in ("invoice", "credit_note", "portal"):
        token = sign_link(key, purpose, house.merchant.merchant_id, fresh(), date(2030, 1, 1))
        assert house.client.get(f"/i/{token}").status_code == 404
        assert house.client.post(f"/i/{token}/va").status_code == 404
    token = sign_link(key, "invoice", fresh(), fresh(), date(2030, 1, 1))
    assert house.client.get(f"/i/{token}").status_code == 404


def test_a_form_on_another_site_can_not_ask_for_a_number(house: House) -> None:
    _, _, invoice = house.subscribe()
    answer = house.client.post(
        f"{house.link(invoice)}/va", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403
    assert house.orders(invoice) == []


HOSTILE = '"><img src=x onerror=alert(1)>{{7*7}}</script>'


def test_hostile_names_stay_text(house: House) -> None:
    _, _, invoice = house.subscribe(name=HOSTILE, company=HOSTILE, address=HOSTILE)
    text = house.client.get(house.link(invoice)).text
    assert "<img src=x" not in text
    assert "{{7*7}}" in text
    assert text.count("</script>") == 1


def test_pages_load_and_send_nothing_foreign(house: House) -> None:
    _, _, invoice = house.subscribe()
    answer = house.client.get(house.link(invoice))
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    nonces = set(re.findall(r'nonce="([^"]+)"', answer.text))
    assert len(nonces) == 1
    assert f"'nonce-{nonces.pop()}'" in policy
    assert not re.search(r'(?:src|href)="https?://(?!127\.0\.0\.1)', answer.text)
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text


def test_a_declined_card_says_why_and_how_else_to_pay(house: House) -> None:
    from billing.flows.orders import open_attempt
    from billing.flows.settle import settle

    _, _, invoice = house.subscribe()
    with house.work() as unit:
        open_attempt(unit, invoice, initiated_by="customer")
    [order] = house.orders(invoice)
    refused = Answer("failed", order_id=order.order_id, amount=order.amount, code="51")
    settle(house.engine, house.merchant.merchant_id, order.order_id, refused, because="test")
    text = house.client.get(house.link(invoice)).text
    assert "Kartu belum dapat ditagih: Saldo atau limit tidak mencukupi." in text
    assert "Bayar dengan BCA Virtual Account" in text


def test_a_card_that_waits_for_its_holder_leads_to_the_bank(house: House) -> None:
    from billing.flows.charge import send_one
    from billing.flows.orders import open_attempt

    _, _, invoice = house.subscribe()
    with house.work() as unit:
        order = open_attempt(unit, invoice, initiated_by="customer")
    house.gateway.charges.append(
        Answer("pending", instructions={"redirect_url": "https://bank.example/3ds"})
    )
    send_one(house.engine, house.merchant.merchant_id, order)
    text = house.client.get(house.link(invoice)).text
    assert "https://bank.example/3ds?return_url=http" in text
    assert "Bayar dengan BCA Virtual Account" not in text


def test_asking_for_numbers_without_end_is_told_to_wait(house: House) -> None:
    _, _, invoice = house.subscribe()
    path = house.link(invoice)
    house.bank_gives()
    for _ in range(30):
        assert house.client.post(f"{path}/va").status_code == 303
    answer = house.client.post(f"{path}/va")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "86400")
    assert "Sudah terlalu banyak percobaan" in answer.text
    assert "Too many tries" in answer.text
    assert house.client.get(path).status_code == 200
    house.machine.passes(days=1)
    assert house.client.post(f"{path}/va").status_code == 303
