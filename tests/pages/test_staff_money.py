"""Refunds, credits, voids and mails at the staff page: shown first, done as shown, by who may."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from builders import START, make_price, make_subscription
from lock_order import Watch, watched
from pages.desk import Desk, hidden, plain
from pages.house import House
from sqlalchemy import func, select

from billing.flows.cards import new_card
from billing.flows.settle import settle
from billing.queries import get_customer
from core import ids
from core.tables import audit, messages
from invoices.queries import get_invoice
from invoices.tables import credit_notes
from payments.gateway import Answer
from payments.tables import payments, refunds

KEPT = ("amount", "invoice", "reason", "note", "once", "bank", "account_number", "account_name")


@pytest.fixture
def desk(house: House) -> Desk:
    made = Desk(house)
    made.enter()
    return made


def paid_by_va(house: House) -> tuple[UUID, UUID, str]:
    """A customer who paid Rp387.390 by virtual account: (customer, invoice, payment's path)."""
    customer, _, invoice = house.subscribe()
    house.bank_gives()
    house.client.post(f"{house.link(invoice)}/va")
    [order] = house.orders(invoice)
    answer = Answer("paid", order_id=order.order_id, amount=order.amount, paid_at=START)
    settle(house.engine, house.merchant.merchant_id, order.order_id, answer, because="test")
    with house.work() as unit:
        payment = unit.session.execute(
            select(payments.c.id).where(payments.c.customer_id == customer)
        ).scalar_one()
    return customer, invoice, f"/payments/{ids.public('payment', payment)}/refund"


def of_invoice(invoice: UUID, what: str) -> str:
    return f"/invoices/{ids.public('invoice', invoice)}/{what}"


def confirm(desk: Desk, path: str, page: str, **changed: str) -> Any:
    """Send the form under a preview, as a browser does."""
    fields = {
        name: hidden(page, name)
        for name in ("csrf", "print", *KEPT)
        if f'type="hidden" name="{name}"' in page
    }
    return desk.house.client.post(f"{desk.root}{path}", data={**fields, **changed})


def count(house: House, table: Any) -> int:
    with house.work() as unit:
        found: int = unit.session.execute(select(func.count()).select_from(table)).scalar_one()
        return found


def test_a_refund_is_shown_with_its_road_and_papers_and_then_done(house: House, desk: Desk) -> None:
    customer, invoice, path = paid_by_va(house)
    page = desk.get(f"{path}?amount=111.000&reason=service_problem&bank=BCA"
                    "&account_number=1234567890&account_name=Dewi").text  # fmt: skip
    text = plain(page)
    # 111 000 with 11% PPN in it: 100 000 and 11 000
    for wanted in (
        "Dikembalikan Rp111.000",
        "Ditransfer oleh orang",
        "nota kredit atas INV-2027-000001",
        "Sebelum pajak Rp100.000",
        "PPN Rp11.000",
    ):
        assert wanted in text
    assert count(house, refunds) == count(house, credit_notes) == 0

    answer = confirm(desk, path, page)
    again = confirm(desk, path, page)

    assert (answer.status_code, again.status_code) == (303, 303)
    assert "menunggu transfer" in house.client.get(answer.headers["location"]).text
    with house.work() as unit:
        row = unit.session.execute(select(refunds)).one()
        noted = unit.session.execute(
            select(audit.c.actor_kind, audit.c.actor, audit.c.source).where(
                audit.c.action == "refund.request"
            )
        ).one()
    assert (row.amount, row.state, row.payee["bank"]) == (111_000, "awaiting_transfer", "BCA")
    assert (noted.actor_kind, noted.actor) == ("staff", "owner@larasa.example")
    assert noted.source
    assert row.requested_by == "staff:owner@larasa.example"
    assert invoice == row.invoice_id
    assert customer


def test_figures_that_moved_meanwhile_are_shown_anew(house: House, desk: Desk) -> None:
    _, _, path = paid_by_va(house)
    page = desk.get(f"{path}?amount=&reason=mistake").text
    other = desk.get(f"{path}?amount=87390&reason=mistake").text
    assert confirm(desk, path, other).status_code == 303

    answer = confirm(desk, path, page)

    assert answer.status_code == 409
    assert "Angkanya berubah" in answer.text
    assert count(house, refunds) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("amount=387391&reason=mistake", "lebih dari sisa pembayaran"),
        ("amount=1,5&reason=mistake", "rupiah bulat"),
        ("amount=99000.0&reason=mistake", "rupiah bulat"),
        ("amount=1e5&reason=mistake", "rupiah bulat"),
        ("amount=0&reason=mistake", "tidak ada yang dapat dikembalikan"),
        ("amount=1000", "pilih alasannya"),
        ("amount=1000&reason=x%00", ""),
    ],
)
def test_what_can_not_be_refunded_is_refused_in_words(
    house: House, desk: Desk, asked: str, told: str
) -> None:
    _, _, path = paid_by_va(house)
    answer = desk.get(f"{path}?{asked}")
    assert answer.status_code in (200, 404)
    assert told in answer.text
    assert 'name="print"' not in answer.text


def test_what_waits_is_transferred_or_rejected_with_a_reason(house: House, desk: Desk) -> None:
    _, _, path = paid_by_va(house)
    for amount in ("100000", "50000"):
        page = desk.get(f"{path}?amount={amount}&reason=mistake").text
        assert confirm(desk, path, page).status_code == 303
    with house.work() as unit:
        first, second = (
            ids.public("refund", row.id)
            for row in unit.session.execute(select(refunds.c.id).order_by(refunds.c.amount.desc()))
        )
    listed = desk.get("/refunds")
    assert "Perlu ditransfer" in listed.text
    assert "Pengembalian yang menunggu: 2" in plain(desk.get().text)

    unsaid = confirm(desk, f"/refunds/{first}/complete", listed.text, proof="TRX-1")
    assert (unsaid.status_code, "isi bank" in unsaid.text) == (409, True)
    done = confirm(desk, f"/refunds/{first}/complete", listed.text, proof="TRX-1", bank="BCA",
                   account_number="12345678", account_name="Dewi")  # fmt: skip
    assert done.status_code == 303
    assert confirm(desk, f"/refunds/{second}/reject", listed.text).status_code == 409
    assert confirm(
        desk, f"/refunds/{second}/reject", listed.text, because="salah orang"
    ).status_code == 303  # fmt: skip
    assert "Tidak ada yang menunggu" in desk.get("/refunds").text
    with house.work() as unit:
        states = set(unit.session.execute(select(refunds.c.state)).scalars())
    assert states == {"succeeded", "failed"}


def test_a_credit_note_is_shown_and_then_issued_once(house: House, desk: Desk) -> None:
    _, _, invoice = house.subscribe()
    path = of_invoice(invoice, "credit")
    page = desk.get(f"{path}?amount=55500&reason=service_problem&note=Maaf").text
    text = plain(page)
    assert "Sebelum pajak Rp50.000" in text
    assert "Mengurangi tagihan Rp55.500" in text
    assert count(house, credit_notes) == 0

    assert [confirm(desk, path, page).status_code for _ in range(2)] == [303, 303]

    with house.work() as unit:
        assert get_invoice(unit, invoice).due_amount == 387_390 - 55_500
    assert count(house, credit_notes) == 1


def test_an_invoice_is_voided_with_a_reason(house: House, desk: Desk) -> None:
    _, _, invoice = house.subscribe()
    path = of_invoice(invoice, "void")
    page = desk.get(path).text
    assert "Batalkan invoice ini?" in page
    assert confirm(desk, path, page).status_code == 409

    answer = confirm(desk, path, page, reason="mistake", note="salah paket")

    assert answer.status_code == 303
    with house.work() as unit:
        assert get_invoice(unit, invoice).status == "void"
        after = unit.session.execute(
            select(audit.c.after).where(audit.c.action == "invoice.void")
        ).scalar_one()
    assert after["reason"] == "mistake: salah paket"
    assert "Tidak dapat dilakukan" in desk.get(path).text


def test_a_card_is_ended_once_by_name(house: House, desk: Desk) -> None:
    customer, _, _ = house.subscribe()
    with house.work() as unit:
        method = ids.public("payment_method", new_card(unit, customer, "test"))
    page = desk.get(f"/customers/{ids.public('customer', customer)}").text

    answers = [desk.send(f"/methods/{method}/end", page) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 2  # the second did nothing
    with house.work() as unit:
        [line] = unit.session.execute(select(audit).where(audit.c.action == "method.end"))
    assert (line.actor_kind, line.actor) == ("staff", desk.email)
    assert (line.before["state"], line.after["state"]) == ("pending", "ended")
    missing = desk.send(f"/methods/{ids.public('payment_method', customer)}/end", page)
    assert missing.status_code == 404


def test_the_invoice_and_a_reminder_are_sent_again_but_not_at_once_again(
    house: House, desk: Desk
) -> None:
    _, _, invoice = house.subscribe()
    page = desk.get(f"/invoices/{ids.public('invoice', invoice)}").text
    path = of_invoice(invoice, "send")

    told = [confirm(desk, path, page, what="reminder").headers["location"] for _ in range(2)]

    assert told[0].endswith("done=done_reminded")
    assert told[1].endswith("done=done_sent_before")
    # What went out at issue is still on its way.
    assert confirm(desk, path, page, what="document").headers["location"].endswith("sent_before")
    with house.work() as unit:
        kinds = sorted(unit.session.execute(select(messages.c.kind)).scalars())
    assert kinds == ["dunning.reminder", "invoice.issued"]


@pytest.mark.parametrize(
    ("role", "refunds_", "voids", "sends"),
    [
        ("owner", True, True, True),
        ("billing", True, True, True),
        ("finance", True, False, True),
        ("support", False, False, True),
        ("read_only", False, False, False),
    ],
)
def test_each_role_may_do_its_own(
    house: House, role: str, refunds_: bool, voids: bool, sends: bool
) -> None:
    _, _, path = paid_by_va(house)
    _, _, invoice = house.subscribe()
    desk = Desk(house, role)
    desk.enter()
    page = desk.get(f"/invoices/{ids.public('invoice', invoice)}").text
    refused = 403

    assert (desk.get(path).status_code == 200) is refunds_
    assert (desk.get(of_invoice(invoice, "credit")).status_code == 200) is refunds_
    assert (desk.get(of_invoice(invoice, "void")).status_code == 200) is voids
    for at, may in ((path, refunds_), (of_invoice(invoice, "credit"), refunds_),
                    (of_invoice(invoice, "void"), voids), (of_invoice(invoice, "send"), sends)):  # fmt: skip
        answer = confirm(desk, at, page, reason="mistake")
        assert (answer.status_code != refused) is may, at
    assert ('/credit"' in page) is refunds_
    assert ('/void"' in page) is voids
    assert ('/send"' in page) is sends


def test_an_invoice_is_voided_by_locks_in_the_order_of_everybody(house: House, desk: Desk) -> None:
    _, _, invoice = house.subscribe()
    watch = Watch()
    with watched(house.engine.db.engine, watch):
        form = desk.get(of_invoice(invoice, "void")).text
        done = confirm(desk, of_invoice(invoice, "void"), form, reason="mistake")
    assert done.status_code == 303
    with house.work() as unit:
        assert get_invoice(unit, invoice).status == "void"
    assert watch.transactions
    assert not watch.faults, "\n".join(watch.faults)


def test_long_lists_are_paged(house: House, desk: Desk) -> None:
    customer, _, _ = house.subscribe(name="Dewi")
    with house.work() as unit:
        buyer = get_customer(unit, customer)
        for _ in range(14):
            make_subscription(unit, price=make_price(unit, 10_000), customer=buyer)
    path = f"/customers/{ids.public('customer', customer)}"

    def shown(page: str) -> set[str]:
        listed = page.split('id="invoices"')[1].split("</section>", maxsplit=1)[0]
        return set(re.findall(r"INV-2027-\d{6}", listed))

    first = desk.get(path).text
    older = first.split('href="?invoices=')[1].split('"')[0].split("#")[0]
    second = desk.get(f"{path}?invoices={older}").text

    assert (len(shown(first)), len(shown(second))) == (12, 3)
    assert len(shown(first) | shown(second)) == 15
    assert "Terbaru" in plain(second)
    assert desk.get(f"{path}?invoices=nonsense").status_code == 200
