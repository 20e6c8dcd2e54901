"""What a customer asked for is confirmed by mail: leaving, changing, getting money back."""

from __future__ import annotations

from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.refund import complete_manual, request_refund
from core.mail import OutgoingMail
from core.tables import messages


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def subscriber(stage: Stage, amount: int = 150_000, locale: str = "id", quantity: int = 1) -> UUID:
    """A monthly subscription paid by card, ten days old."""
    with stage.work() as work:
        customer = make_customer(work, locale=locale)
        price = make_price(work, amount)
    method = stage.card(customer.id)
    with stage.work() as work:
        made = make_subscription(
            work, customer=customer, price=price, payment_method_id=method, quantity=quantity
        )
    stage.live_until(jakarta("2027-01-15 09:00"))
    return made.subscription.id


def mails(stage: Stage, kind: str) -> list[OutgoingMail]:
    """The mails of a kind that went out, in their order."""
    stage.drain()
    assert isinstance(stage.mailer, FakeMailer)
    ids = [row.id for row in stage.rows(messages, messages.c.business_at) if row.kind == kind]
    assert len(ids) == len(set(ids))
    words = {
        "subscription.cancel_confirmed": ("Pembatalan", "cancellation"),
        "subscription.change_confirmed": ("Perubahan paket", "plan:"),
        "refund.arrived": ("Pengembalian dana", "Your refund"),
    }[kind]
    found = [one for one in stage.mailer.sent if any(word in one.subject for word in words)]
    assert len(found) == len(ids)
    return found


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        # Paid to 5 February, the first day without service: the last minute is the day before's.
        ("id", "Bisa dipakai sampai: 4 Februari 2027, 23.59 WIB"),
        ("en", "Yours until: 4 February 2027, 23:59 WIB"),
    ],
)
def test_who_leaves_at_the_periods_end_is_told_until_when_there_is_service(
    stage: Stage, locale: str, said: str
) -> None:
    leaving = subscriber(stage, locale=locale)
    with stage.work() as unit:
        cancel(unit, leaving, when="period_end")
    [mail] = mails(stage, "subscription.cancel_confirmed")
    assert said in mail.text
    # He changes his mind twice: both are confirmed.
    with stage.work() as unit:
        undo_cancel(unit, leaving)
        cancel(unit, leaving, when="period_end")
    assert len(mails(stage, "subscription.cancel_confirmed")) == 2
    stage.audit()


def test_who_leaves_now_is_told_that_it_is_over(stage: Stage) -> None:
    leaving = subscriber(stage)
    with stage.work() as unit:
        cancel(unit, leaving, when="now")
    [mail] = mails(stage, "subscription.cancel_confirmed")
    assert "Langganan Paket Pro Anda sudah berakhir" in mail.text
    assert "23.59" not in mail.text


def test_an_upgrade_is_confirmed_with_what_it_costs_now_and_next(stage: Stage) -> None:
    going_up = subscriber(stage)
    with stage.work() as unit:
        change(unit, going_up, price_id=make_price(unit, 300_000).id)
    [mail] = mails(stage, "subscription.change_confirmed")
    # 15 January to 5 February are 21 of 31 days: (300,000 - 150,000) x 21/31 = 101,613 (rounded
    # line by line: 203,226 - 101,613), + 11% = 112,790. Next: 300,000 + 33,000.
    for said in (
        "Berlaku mulai: 15 Januari 2027",
        "Tagihan perubahan ini: Rp112.790",
        "Tagihan berikutnya: Rp333.000",
        "Tanggal tagihan berikutnya: 5 Februari 2027",
    ):
        assert said in mail.text, mail.text
    stage.audit()


def test_a_downgrade_is_confirmed_with_the_day_from_which_it_holds(stage: Stage) -> None:
    going_down = subscriber(stage, quantity=3, locale="en")
    with stage.work() as unit:
        change(unit, going_down, quantity=2)
    [mail] = mails(stage, "subscription.change_confirmed")
    for said in (
        "Old plan: Paket Pro × 3",
        "New plan: Paket Pro × 2",
        "From: 5 February 2027",
        "Next bill: Rp333.000",
    ):
        assert said in mail.text, mail.text
    assert "Billed for this change" not in mail.text


def test_a_transfer_by_hand_is_confirmed_when_it_was_made(stage: Stage) -> None:
    _, _, invoice = stage.invoice_customer(100_000)
    stage.live_until(jakarta("2027-01-05 12:00"))
    payment = stage.pays(invoice)
    with stage.work() as unit:
        refund = request_refund(unit, payment, amount=50_000, reason="goodwill")
    assert mails(stage, "refund.arrived") == []
    with stage.work() as unit:
        complete_manual(
            unit, refund, proof="BCA 123",
            payee={"bank": "BCA", "account_number": "1234567890", "account_name": "Budi"},
        )  # fmt: skip
    [mail] = mails(stage, "refund.arrived")
    for said in ("Jumlah: Rp50.000", "rekening bank dengan transfer", "Tanggal: 5 Januari 2027"):
        assert said in mail.text, mail.text
