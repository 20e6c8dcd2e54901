"""A charge that comes is announced: before a trial ends, before a year is renewed, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from offered import in_doubt, state_of
from sqlalchemy import update
from stage import JAKARTA, Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_plan import change
from billing.flows.credit_balance import add_balance
from billing.flows.notices import notify_due
from billing.flows.onboard import update_merchant
from billing.flows.renew import renew_due
from billing.tables import subscription_items, subscriptions
from core import ids
from core.actor import system
from core.mail import OutgoingMail
from core.tables import messages
from invoices.tables import invoices
from plans.queries import Price

NOTICES = ("subscription.trial_ending", "subscription.renewal_notice")


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def subscriber(
    stage: Stage, amount: int, unit: str = "month", *, card: bool = True, trial: int = 0, **who: Any
) -> UUID:
    """A customer with a subscription that has been paid for; the subscription."""
    with stage.work() as work:
        customer = make_customer(work, **who)
        price = make_price(work, amount, interval_unit=unit)
    method = stage.card(customer.id) if card else None
    with stage.work() as work:
        made = make_subscription(
            work, customer=customer, price=price, payment_method_id=method, trial_days=trial
        )
    return made.subscription.id


def diary(stage: Stage) -> list[tuple[str, str, Any]]:
    """(instant in Jakarta, kind, amount) of each announcement."""
    return [
        (
            f"{row.business_at.astimezone(JAKARTA):%Y-%m-%d %H:%M}",
            row.kind.removeprefix("subscription."),
            row.payload["amount"],
        )
        for row in stage.rows(messages, messages.c.business_at)
        if row.kind in NOTICES
    ]


def mail(stage: Stage, words: str) -> OutgoingMail:
    """The one mail whose subject has these words."""
    assert isinstance(stage.mailer, FakeMailer)
    [found] = [one for one in stage.mailer.sent if words in one.subject]
    return found


def test_a_trial_is_announced_a_week_before_it_ends_with_what_will_be_charged(
    stage: Stage,
) -> None:
    subscriber(stage, 150_000, trial=14)
    stage.live_until(jakarta("2027-03-01 12:00"))

    # 5 January + 14 days = 19 January, less 7; 150,000 + 11% PPN = 166,500.
    assert diary(stage) == [("2027-01-12 09:00", "trial_ending", 166_500)]
    sent = mail(stage, "Masa coba")
    assert sent.subject == "Masa coba Paket Pro Anda berakhir pada 19 Januari 2027"
    for words in ("Rp166.500", "kartu •••• 1114", "paling lambat 18 Januari 2027, 23.59 WIB"):
        assert words in sent.text, sent.text
    # What was announced is what was charged.
    [first, *_] = stage.rows(invoices, invoices.c.issued_at)
    assert (str(first.issued_on), first.total_amount) == ("2027-01-19", 166_500)
    stage.audit()


@pytest.mark.parametrize("card", [True, False])
def test_a_year_is_announced_thirty_days_before_it_is_renewed(stage: Stage, card: bool) -> None:
    subscriber(stage, 1_200_000, "year", card=card)
    if card:
        stage.live_until(jakarta("2029-01-10 12:00"))
    else:
        _pay_and_live(stage)

    # 1,200,000 + 132,000 = 1,332,000; 5 January less 30 days is 6 December.
    assert diary(stage) == [
        ("2027-12-06 09:00", "renewal_notice", 1_332_000),
        ("2028-12-06 09:00", "renewal_notice", 1_332_000),
    ]
    stage.audit()


def _pay_and_live(stage: Stage) -> None:
    """Live two years of a payer who pays each invoice on the day after it came."""
    for until in ("2027-01-06 12:00", "2027-12-30 12:00", "2028-12-31 12:00"):
        stage.live_until(jakarta(until))
        for invoice in stage.rows(invoices, status="open"):
            stage.pays(invoice.id)


def test_a_month_is_renewed_without_an_announcement(stage: Stage) -> None:
    subscriber(stage, 150_000)
    stage.live_until(jakarta("2027-04-10 12:00"))
    assert diary(stage) == []


# Days of trial, who pays how → civil date and hour of the announcement, by the payer's clock.
@pytest.mark.parametrize(
    ("trial", "card", "zone", "expected"),
    [
        (30, True, "Asia/Jakarta", "2027-01-28 09:00"),  # 4 February - 7
        (14, True, "Asia/Makassar", "2027-01-12 09:00"),
        (14, True, "Asia/Jayapura", "2027-01-12 09:00"),
        (7, True, "Asia/Jakarta", "2027-01-08 09:00"),  # never in the first half: 5 + 7 // 2
        (3, True, "Asia/Jakarta", "2027-01-06 09:00"),
        # The invoice is sent seven days ahead, on the 12th: the announcement the day before.
        (14, False, "Asia/Jakarta", "2027-01-11 09:00"),
        # The invoice is sent at once, and says the same.
        (7, False, "Asia/Jakarta", None),
    ],
)
def test_a_trial_is_announced_in_time_wherever_the_payer_is(
    stage: Stage, trial: int, card: bool, zone: str, expected: str | None
) -> None:
    subscriber(stage, 150_000, trial=trial, card=card, billing_zone=zone)
    at = stage.row(subscriptions).notice_at
    hours = {"Asia/Jakarta": 7, "Asia/Makassar": 8, "Asia/Jayapura": 9}[zone]
    told = None if at is None else f"{at + timedelta(hours=hours):%Y-%m-%d %H:%M}"
    assert told == expected


def test_who_leaves_is_not_told_of_a_charge_that_will_not_come(stage: Stage) -> None:
    leaving = subscriber(stage, 1_200_000, "year")
    stage.live_until(jakarta("2027-06-01 12:00"))
    with stage.work() as unit:
        cancel(unit, leaving, when="period_end")
    stage.live_until(jakarta("2028-02-01 12:00"))
    assert diary(stage) == []


def test_a_downgrade_that_waits_is_what_is_announced(stage: Stage) -> None:
    going_down = subscriber(stage, 1_200_000, "year")
    stage.live_until(jakarta("2027-06-01 12:00"))
    with stage.work() as unit:
        small: Price = make_price(unit, 600_000, interval_unit="year")
        change(unit, going_down, price_id=small.id, mode="at_period_end")
    stage.live_until(jakarta("2028-01-06 12:00"))
    assert diary(stage) == [("2027-12-06 09:00", "renewal_notice", 666_000)]
    assert stage.rows(invoices, invoices.c.issued_at)[-1].total_amount == 666_000


def test_the_balance_that_will_pay_is_told(stage: Stage) -> None:
    subscriber(stage, 1_200_000, "year")
    stage.live_until(jakarta("2027-12-01 12:00"))
    with stage.work() as unit:
        holder = stage.row(subscriptions).customer_id
        add_balance(
            unit, holder, 32_000, kind="overpaid", source_kind="payment", source_id=ids.fresh()
        )
    stage.live_until(jakarta("2027-12-07 12:00"))
    assert "Dibayar dari saldo Anda: Rp32.000" in mail(stage, "diperpanjang").text


def test_after_an_outage_only_what_still_helps_is_announced(stage: Stage) -> None:
    subscriber(stage, 1_200_000, "year")
    stage.live_until(jakarta("2027-12-01 12:00"))
    # Dark over the 6th: twelve days late, and still of use.
    set_clock(stage.engine, stage.id, jakarta("2027-12-18 12:00"))
    stage.drain()
    assert [when for when, _, _ in diary(stage)] == ["2027-12-18 12:00"]

    # Dark over the next announcement and the renewal: whichever flow comes first, nothing is said.
    stage.live_until(jakarta("2028-12-01 12:00"))
    set_clock(stage.engine, stage.id, jakarta("2029-01-05 12:00"))
    assert notify_due(stage.engine, stage.id) == 1
    assert renew_due(stage.engine, stage.id) == 2
    stage.drain()
    assert len(diary(stage)) == 1
    assert str(stage.row(subscriptions).current_end) == "2030-01-05"


def test_doing_it_twice_sends_one_mail(stage: Stage) -> None:
    made = subscriber(stage, 150_000, trial=14)
    stage.live_until(jakarta("2027-01-12 12:00"))
    with stage.work() as unit:
        unit.session.execute(
            update(subscriptions).where(subscriptions.c.id == made).values(noticed_for=None)
        )
    assert notify_due(stage.engine, stage.id) == 1
    assert notify_due(stage.engine, stage.id) == 0
    assert len(diary(stage)) == 1


def test_the_merchant_sets_the_days_and_none_at_all(stage: Stage) -> None:
    subscriber(stage, 1_200_000, "year")
    me = system("test")
    update_merchant(stage.engine, stage.id, {"renewal_notice_days": 14}, me)
    stage.live_until(jakarta("2027-01-06 12:00"))
    notice_at = stage.row(subscriptions).notice_at
    assert notice_at == jakarta("2027-12-22 09:00")
    update_merchant(stage.engine, stage.id, {"renewal_notice_days": 0}, me)
    assert stage.row(subscriptions).notice_at is None


def test_a_year_is_announced_though_an_upgrade_waits_to_be_paid(stage: Stage) -> None:
    """The upgrade lapses with the day, the renewal comes all the same: so does its notice."""
    pays_first = {"upgrade_policy": "pay_first"}
    update_merchant(stage.engine, stage.id, pays_first, system("test"))
    subscription = subscriber(stage, 1_200_000, "year")
    stage.drain()
    stage.live_until(jakarta("2027-12-06 08:59"))
    with stage.work() as unit:
        dearer = make_price(unit, 2_400_000, interval_unit="year").id
        done = change(unit, subscription, price_id=dearer)
    in_doubt(stage, done)
    stage.live_until(jakarta("2028-01-05 12:00"))
    assert state_of(stage, done) == "lapsed"
    assert diary(stage) == [("2027-12-06 09:00", "renewal_notice", 1_332_000)]
    assert stage.rows(invoices, invoices.c.number)[-1].total_amount == 1_332_000
    stage.audit()


def test_one_that_can_not_be_priced_holds_up_nobody(stage: Stage) -> None:
    broken = subscriber(stage, 1_200_000, "year")
    subscriber(stage, 1_200_000, "year")
    stage.live_until(jakarta("2027-12-01 12:00"))
    with stage.work() as unit:
        unit.session.execute(
            update(subscription_items)
            .where(subscription_items.c.subscription_id == broken)
            .values(ended_on=subscription_items.c.started_on)
        )
    set_clock(stage.engine, stage.id, jakarta("2027-12-06 09:00"))
    assert notify_due(stage.engine, stage.id) == 2
    assert notify_due(stage.engine, stage.id) == 0
    assert len(diary(stage)) == 1
