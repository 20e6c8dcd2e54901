"""The page of a held card payment: what it is, what each decision would do, and the decision."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from builders import make_customer
from pages.desk import Desk, plain
from pages.house import House
from sqlalchemy import select

from billing.engine import Engine
from billing.flows.at_once import pay_now, press
from billing.flows.means import Means
from billing.flows.pay_once import OneOffLine
from core import ids
from core.tables import audit
from payments.gateway import Answer, Status
from payments.tables import payment_order_steps

HELD = 200_000


def held(house: House, status: Status, fraud: str | None = None) -> tuple[UUID, Any, str]:
    """A one-off whose card is held or questioned: (invoice, order, public id of the order)."""
    engine: Engine = house.engine
    with house.work() as unit:
        customer = make_customer(unit)
        means = Means(card_token="tok-1", authorize_only=status == "authorized")
        lines = [OneOffLine({"id": "Sewa alat"}, HELD)]
        invoice = pay_now(engine, unit, customer.id, lines, means, key="one")
    said = Answer(
        status, transaction_id="tx-9", fraud=fraud, code="00", payment_type="credit_card",
        transaction_status="capture" if fraud else "authorize",
    )  # fmt: skip
    house.gateway.charges.append(said)
    press(engine, house.merchant.merchant_id, invoice_id=invoice)
    [order] = house.orders(invoice)
    return invoice, order, ids.public("payment_order", order.id)


def test_a_questioned_payment_is_approved_after_its_effect_was_shown(house: House) -> None:
    invoice, _, order = held(house, "pending", "challenge")
    desk = Desk(house)
    desk.enter()
    home = desk.get()
    assert "Midtrans meragukan sebuah pembayaran kartu" in plain(home.text)
    assert f"/orders/{order}" in home.text
    page = desk.get(f"/orders/{order}")
    assert "belum lunas, belum gagal" in plain(page.text)
    shown = desk.get(f"/orders/{order}?act=approve&reason=dikenal")
    assert "diterima dan invoice menjadi lunas" in plain(shown.text)
    assert house.orders(invoice)[0].wish is None, "a preview does nothing"
    onto = desk.send(f"/orders/{order}", shown.text, act="approve", reason="dikenal")
    assert "Pembayaran disetujui" in plain(
        desk.get(onto.headers["location"][len(desk.root) :]).text
    )
    assert house.orders(invoice)[0].wish == "approve"
    assert "Midtrans meragukan" not in plain(desk.get().text)
    assert "Keputusan sedang dijalankan" in plain(desk.get(f"/orders/{order}").text)
    again = desk.send(f"/orders/{order}", shown.text, act="deny", reason="ragu")
    assert again.status_code == 409


def test_a_part_of_a_hold_is_captured_as_it_was_shown(house: House) -> None:
    invoice, row, order = held(house, "authorized")
    due = row.amount
    desk = Desk(house)
    desk.enter()
    at = f"/invoices/{ids.public('invoice', invoice)}"
    assert "Dana ditahan di kartu" in plain(desk.get(at).text)
    assert "Held on the card" in plain(desk.get(f"/orders/{order}?lang=en").text)
    desk.get("?lang=id")
    refused = desk.get(f"/orders/{order}?act=capture&amount=150.000")
    assert "pilih nasib sisa tagihannya" in plain(refused.text)
    shown = desk.get(f"/orders/{order}?act=capture&amount=150.000&rest=credit")
    assert "Rp150.000 ditagih dari kartu" in plain(shown.text)
    assert f"Rp{due - 150_000:,}".replace(",", ".") + " dihapus dari invoice" in plain(shown.text)
    stale = desk.send(
        f"/orders/{order}", shown.text, act="capture", amount="140.000", rest="credit"
    )
    assert stale.status_code == 409, "only what was shown is done"
    desk.send(f"/orders/{order}", shown.text, act="capture", amount="150.000", rest="credit")
    [order_row] = house.orders(invoice)
    assert (order_row.wish, order_row.capture_amount, order_row.capture_rest) == (
        "capture", 150_000, "credit",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "act", "audited", "step"),
    [
        ("authorized", "release", "payment_order.withdraw", "withdrawn: alat tidak diambil"),
        ("pending", "deny", "payment_order.deny", "deny: alat tidak diambil"),
        ("pending", "approve", "payment_order.approve", "approve: alat tidak diambil"),
    ],
)
def test_the_reason_of_a_decision_is_kept(
    house: House, status: Status, act: str, audited: str, step: str
) -> None:
    _, row, order = held(house, status, None if act == "release" else "challenge")
    desk = Desk(house)
    desk.enter()
    shown = desk.get(f"/orders/{order}?act={act}&reason=alat+tidak+diambil")
    desk.send(f"/orders/{order}", shown.text, act=act, reason="alat tidak diambil")
    with house.work() as unit:
        [kept] = unit.session.execute(select(audit).where(audit.c.action == audited))
        steps = list(
            unit.session.execute(
                select(payment_order_steps).where(payment_order_steps.c.because == step)
            )
        )
    assert (kept.subject_id, kept.after["reason"]) == (row.id, "alat tidak diambil")
    assert kept.actor_kind == "staff"
    assert [(one.payment_order_id, one.from_state, one.to_state) for one in steps] == [
        (row.id, "pending", "pending")
    ]


@pytest.mark.parametrize(
    ("status", "fraud", "words"),
    [
        ("authorized", None, "ditahan di kartu Anda dan belum ditagih"),
        ("pending", "challenge", "Pembayaran kartu Anda sedang diperiksa"),
    ],
)
def test_the_payer_is_told_that_nothing_is_charged_yet(
    house: House, status: Status, fraud: str | None, words: str
) -> None:
    invoice, _, _ = held(house, status, fraud)
    page = house.client.get(house.link(invoice)).text
    assert words in plain(page)
    assert "Tidak perlu membayar lagi" in plain(page)
    assert "/pay" not in page.split("<main", 1)[-1], "no other way is offered beside it"


def test_support_sees_a_hold_and_decides_nothing(house: House) -> None:
    _, _, order = held(house, "authorized")
    desk = Desk(house, "support")
    desk.enter()
    page = desk.get(f"/orders/{order}?act=release&reason=x")
    assert "Dana ditahan di kartu" in plain(page.text)
    assert "Lepaskan" not in plain(page.text)
    sent = desk.send(f"/orders/{order}", desk.get().text, act="release", reason="x")
    assert sent.status_code == 403
