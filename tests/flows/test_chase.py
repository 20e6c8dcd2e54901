"""Dunning: a declined card's diary, hard declines, the end, and customers who pay by themselves."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import chase
from billing.tables import mandates, subscriptions
from core.tables import messages
from dunning.tables import dunning_cases, dunning_steps
from invoices.tables import invoices
from payments.tables import payment_methods, payment_orders


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def diary(stage: Stage) -> list[tuple[str, str]]:
    return stage.told(
        "dunning.opened", "payment.declined", "payment.captured", "dunning.ended",
        "subscription.past_due", "subscription.recovered", "subscription.canceled",
    )  # fmt: skip


def days(stage: Stage, type_: str) -> list[str]:
    return [day[:5] for day, _ in stage.told(type_)]


def mails(stage: Stage) -> list[str]:
    return [row.kind for row in stage.rows(messages, messages.c.business_at)]


def test_a_card_without_funds_is_tried_until_payday_and_recovers(stage: Stage) -> None:
    _, subscription_id, _ = stage.card_customer()
    stage.drain()
    stage.decline("51", times=4)
    stage.live_until(jakarta("2027-03-01 12:00"))

    # First failure on the 5th: +1, +3, +7, then the payday window opens on the 25th (R63, R68).
    assert days(stage, "payment.declined") == ["02-05", "02-06", "02-08", "02-12"]
    assert days(stage, "payment.captured") == ["01-05", "02-25"]
    assert days(stage, "subscription.past_due") == ["02-05"]
    assert days(stage, "subscription.recovered") == ["02-25"]
    case = stage.row(dunning_cases)
    assert (case.state, case.closed_because, case.failures) == ("recovered", "paid", 4)
    assert stage.row(subscriptions, id=subscription_id).status == "active"
    stage.audit()


def test_every_step_of_a_case_is_kept_in_order(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("51", times=4)
    stage.live_until(jakarta("2027-03-01 12:00"))
    kinds = [
        row.kind for row in stage.rows(dunning_steps, dunning_steps.c.at, dunning_steps.c.kind)
    ]
    assert kinds.count("failure") == 4
    assert kinds.count("retry") == 4
    assert kinds.count("opened") == kinds.count("closed") == 1


def test_no_notice_goes_out_at_night(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("51", times=9)
    stage.live_until(jakarta("2027-04-10 12:00"))
    hours = {int(at[6:8]) for at, _ in stage.told("dunning.notice")}
    assert hours
    assert all(8 <= hour < 20 for hour in hours)


def test_a_case_nobody_pays_ends_the_subscription_with_its_first_unpaid_period(
    stage: Stage,
) -> None:
    _, subscription_id, first = stage.card_customer()
    stage.drain()
    stage.decline("51", times=20)
    stage.live_until(jakarta("2027-04-20 12:00"))

    ended = stage.row(subscriptions, id=subscription_id)
    # Paid for [5 Jan, 5 Feb): what was served after that was a courtesy (R41).
    assert (ended.status, str(ended.ended_on), ended.cancel_reason) == (
        "canceled", "2027-02-05", "unpaid",
    )  # fmt: skip
    unpaid = [row for row in stage.rows(invoices) if row.id != first]
    assert unpaid
    assert {row.status for row in unpaid} == {"void"}
    [canceled] = days(stage, "subscription.canceled")
    assert canceled <= "03-07"  # day 30 at the latest (decision 19)
    assert {row.state for row in stage.rows(dunning_cases)} <= {"exhausted", "stopped"}
    assert "dunning.last_warning" in mails(stage)
    assert mails(stage)[-1] == "subscription.ended"
    stage.audit()


def test_after_a_hard_decline_the_card_is_left_alone_and_notices_go_on(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("14")  # no such card
    stage.live_until(jakarta("2027-02-20 12:00"))
    assert days(stage, "payment.declined") == ["02-05"]
    assert stage.told("dunning.retry_scheduled") == []
    kinds = mails(stage)
    assert "dunning.payment_failed" in kinds
    assert "dunning.reminder" in kinds
    assert stage.row(dunning_cases).state == "open"


def test_another_card_is_tried_once_at_once(stage: Stage) -> None:
    customer_id, _, _ = stage.card_customer()
    stage.drain()
    stage.decline("14")
    stage.live_until(jakarta("2027-02-09 21:30"))
    method_id = stage.card(customer_id)
    with stage.work() as unit:
        # What saving a card does: invoices and subscriptions go over to it.
        unit.session.execute(
            invoices.update().where(invoices.c.status == "open").values(payment_method_id=method_id)
        )
        chase.on_method_saved(unit, customer_id)
    stage.drain()
    assert stage.told("payment.captured")[-1] == ("02-09 21:30", "payment.captured")
    assert stage.row(dunning_cases).state == "recovered"
    stage.audit()


def test_a_holder_who_stopped_us_ends_method_and_mandate(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("R0")
    stage.live_until(jakarta("2027-02-28 12:00"))
    method = stage.row(payment_methods)
    assert (method.state, method.token_sealed) == ("ended", None)
    assert stage.row(mandates).ended_because == "stopped_by_holder"
    assert days(stage, "payment.declined") == ["02-05"]


def test_a_bank_that_was_down_is_asked_again_soon_and_nobody_is_blamed(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("91", times=2)
    stage.live_until(jakarta("2027-02-05 18:00"))
    assert days(stage, "payment.captured") == ["01-05", "02-05"]
    assert stage.rows(dunning_cases) == []
    assert not [kind for kind in mails(stage) if kind.startswith("dunning")]


def test_a_late_worker_makes_one_try_and_keeps_the_later_ones(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("51", times=4)
    stage.live_until(jakarta("2027-02-05 12:00"))
    from builders import set_clock

    # Nobody worked from the 5th to the 9th: the tries of the 6th and 8th are one.
    set_clock(stage.engine, stage.id, jakarta("2027-02-09 11:00"))
    stage.live_until(jakarta("2027-02-13 12:00"))
    assert days(stage, "payment.declined") == ["02-05", "02-09", "02-12"]


def test_who_pays_by_himself_is_reminded_and_left_alone_once_paid(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer()
    with stage.work() as unit:
        chase.open_invoice_case(unit, invoice_id)
    stage.live_until(jakarta("2027-01-14 12:00"))
    # Issued on the 5th, due on the 12th: reminded three days before and the day after.
    notices = [(at[:5], row["key"]) for at, row in _notices(stage)]
    assert notices == [("01-09", "due_soon:3"), ("01-13", "overdue:1")]
    assert days(stage, "subscription.past_due") == ["01-13"]
    stage.pays(invoice_id)
    case = stage.row(dunning_cases, invoice_id=invoice_id)
    assert (case.state, case.closed_because) == ("recovered", "paid")
    stage.live_until(jakarta("2027-02-01 12:00"))
    assert len(stage.told("dunning.notice")) == 2
    stage.audit()


def test_who_pays_in_time_hears_nothing_more(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer()
    with stage.work() as unit:
        chase.open_invoice_case(unit, invoice_id)
    stage.live_until(jakarta("2027-01-06 12:00"))
    stage.pays(invoice_id)
    case = stage.row(dunning_cases, invoice_id=invoice_id)
    assert (case.state, case.closed_because) == ("stopped", "paid")
    stage.live_until(jakarta("2027-01-20 12:00"))
    assert stage.told("dunning.notice") == []


def test_an_invoice_has_one_case_however_often_it_is_opened(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer()
    for _ in range(3):
        with stage.work() as unit:
            chase.open_invoice_case(unit, invoice_id)
    assert len(stage.rows(dunning_cases, invoice_id=invoice_id)) == 1
    assert len([row for row in stage.rows(dunning_steps) if row.kind == "opened"]) == 1


def test_no_attempt_is_made_while_another_is_open(stage: Stage) -> None:
    stage.card_customer()
    stage.drain()
    stage.decline("51", times=9)
    stage.live_until(jakarta("2027-04-20 12:00"))
    by_invoice: dict[Any, int] = {}
    for row in stage.rows(payment_orders, kind="attempt"):
        by_invoice[row.invoice_id] = by_invoice.get(row.invoice_id, 0) + 1
    # The first try, +1, +3, +7 and payday: never more.
    assert max(by_invoice.values()) == 5


def _notices(stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    from core.tables import events

    return [
        (at, row.payload)
        for (at, _), row in zip(
            stage.told("dunning.notice"),
            stage.rows(events, events.c.seq, type="dunning.notice"),
            strict=True,
        )
    ]
