"""What a customer asked for is confirmed by mail: leaving, pausing, changing, money back."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change
from billing.flows.pause import pause, resume
from billing.flows.refund import complete_manual, request_refund
from billing.flows.trial import move_trial
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
        "subscription.pause_confirmed": ("dijeda", "is paused"),
        "subscription.resume_confirmed": ("dilanjutkan", "goes on"),
        "subscription.trial_moved": ("Masa coba", "trial"),
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


@pytest.mark.parametrize(
    ("locale", "paused", "back"),
    [
        ("id", "Dijeda mulai: 5 Februari 2027", "Dilanjutkan otomatis: 1 Mei 2027"),
        ("en", "Paused from: 5 February 2027", "Goes on by itself: 1 May 2027"),
    ],
)
def test_who_pauses_after_his_paid_time_is_told_from_when_and_until_when(
    stage: Stage, locale: str, paused: str, back: str
) -> None:
    pausing = subscriber(stage, locale=locale)
    with stage.work() as unit:
        pause(unit, pausing, resume_on=date(2027, 5, 1))
    [mail] = mails(stage, "subscription.pause_confirmed")
    assert paused in mail.text
    assert back in mail.text
    for unsaid in ("Dikembalikan", "tidak dikembalikan", "given back", "Given back"):
        assert unsaid not in mail.text
    stage.audit()


def test_who_pauses_today_is_told_what_comes_back_or_that_nothing_does(stage: Stage) -> None:
    giving, losing = subscriber(stage), subscriber(stage)
    with stage.work() as unit:
        pause(unit, giving, policy="give_back")
    [mail] = mails(stage, "subscription.pause_confirmed")
    # 21 of the 31 days from 5 January on: 150,000 x 21/31 = 101,613, + 11% = 112,790.
    assert "Dikembalikan: Rp112.790" in mail.text
    assert "Ingin melanjutkan?" in mail.text
    assert "tidak dikembalikan" not in mail.text
    with stage.work() as unit:
        pause(unit, losing, policy="forfeit")
    [_, other] = mails(stage, "subscription.pause_confirmed")
    assert "Hari berbayar yang jatuh dalam jeda tidak dikembalikan" in other.text
    assert "Dikembalikan:" not in other.text
    stage.audit()


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("id", ("lagi mulai: 10 Maret 2027", "Tagihan: Rp166.500", "tagihan: 10 Maret 2027")),
        ("en", ("again from: 10 March 2027", "Bill: Rp166", "of the bill: 10 March 2027")),
    ],
)
def test_who_comes_back_is_told_from_when_and_what_is_billed_then(
    stage: Stage, locale: str, said: tuple[str, ...]
) -> None:
    paused = subscriber(stage, locale=locale)
    with stage.work() as unit:
        pause(unit, paused)
    # Asked for twice, to another day: both are confirmed.
    for asked, on in (("2027-03-01", date(2027, 4, 1)), ("2027-03-02", date(2027, 3, 10))):
        stage.live_until(jakarta(f"{asked} 10:00"))
        with stage.work() as unit:
            resume(unit, paused, on=on)
    [_, mail] = mails(stage, "subscription.resume_confirmed")
    for one in said:
        assert one in mail.text, mail.text
    stage.audit()


def test_who_comes_back_to_days_he_paid_for_is_told_that_nothing_is_billed(stage: Stage) -> None:
    paused = subscriber(stage)
    with stage.work() as unit:
        pause(unit, paused, policy="forfeit")
    stage.live_until(jakarta("2027-01-20 10:00"))
    with stage.work() as unit:
        resume(unit, paused)
    [mail] = mails(stage, "subscription.resume_confirmed")
    assert "Saat dilanjutkan tidak ada yang ditagih." in mail.text
    assert "Tagihan:" not in mail.text
    stage.audit()


@pytest.mark.parametrize(
    ("locale", "later", "today"),
    [
        ("id", "Masa coba sampai: 31 Januari 2027, 23.59 WIB", "sudah berakhir"),
        ("en", "On trial until: 31 January 2027, 23:59 WIB", "trial is over"),
    ],
)
def test_whose_trial_is_moved_is_told_until_when_and_what_comes_then(
    stage: Stage, locale: str, later: str, today: str
) -> None:
    with stage.work() as unit:
        customer, price = make_customer(unit, locale=locale), make_price(unit, 150_000)
        trying = make_subscription(unit, customer=customer, price=price, trial_days=14)
        move_trial(unit, trying.subscription.id, to=date(2027, 2, 1))
    [mail] = mails(stage, "subscription.trial_moved")
    assert later in mail.text, mail.text
    assert "166" in mail.text
    stage.live_until(jakarta("2027-01-15 09:00"))
    with stage.work() as unit:
        move_trial(unit, trying.subscription.id)
    [_, over] = mails(stage, "subscription.trial_moved")
    assert today in over.subject
    assert "23" not in over.text
    stage.audit()
