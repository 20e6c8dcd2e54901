"""After a restore or a fail-over: what was lost is found, and nothing of it is done again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from builders import set_clock
from database import Database
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import recover_sweep
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.deliver import send_due as mail_due
from billing.flows.pace import Leave
from billing.flows.recover_mails import held, named_in, release
from billing.flows.recover_sweep import resume, sweep
from billing.flows.renew import renew_due
from core.actor import Actor
from core.tables import audit, messages, recoveries
from invoices.tables import invoices, number_gaps
from ops import recover
from ops.doctor import examine
from payments.gateway import Answer
from payments.order_ids import order_id as derive_order_id
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database
OPERATOR = Actor("operator", "command line")
UNKNOWN = Answer("unknown")


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


@pytest.fixture
def lost(stage: Stage, database: Database) -> Stage:
    """A customer whose January is paid; then a backup is all there is."""
    stage.card_customer()
    stage.drain()
    begin(stage, database)
    return stage


def begin(stage: Stage, database: Database, kind: recover.Kind = "restored") -> recover.Begun:
    with psycopg.connect(database.owner_url) as owner:
        [begun] = recover.begin(
            owner, kind, stage.machine.at, heads={stage.merchant.slug: "x:7:aa"}
        )
    return begun


def february(stage: Stage) -> UUID:
    """The renewal is issued anew, and nothing of it is sent yet."""
    set_clock(stage.engine, stage.id, jakarta("2027-02-05 10:30"))
    renew_due(stage.engine, stage.id)
    [renewal] = [row for row in stage.rows(invoices) if row.period_start.month == 2]
    found: UUID = renewal.id
    return found


def lost_order(stage: Stage, invoice_id: UUID, kind: str, n: int) -> str:
    start = str(stage.invoice(invoice_id).period_start)
    with stage.work() as unit:
        return derive_order_id(unit.merchant.namespace, str(invoice_id), start, kind, n)


@pytest.mark.parametrize("told", [True, False])
def test_a_sweep_ends_and_says_so_while_calls_to_the_gateway_are_stopped(
    lost: Stage, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    february(lost)
    again = lost.machine.at + timedelta(minutes=10)
    naps: list[float] = []
    leave = Leave(0, again_at=again if told else None)
    monkeypatch.setattr(recover_sweep, "take", lambda *_, **__: leave)
    monkeypatch.setattr("billing.flows.recover_sweep.time.sleep", naps.append)

    swept = sweep(lost.engine, lost.id)

    assert swept.invoices == swept.payments == 0
    assert swept.halted is not None
    assert (f"before {again:%Y-%m-%d %H:%M:%S} UTC" in swept.halted) is told
    assert sum(naps) == (0 if told else 120)
    assert swept.halted in resume(lost.engine, lost.id, OPERATOR)
    assert lost.row(recoveries).asked_at is None


def test_a_virtual_account_that_was_paid_in_the_lost_time_is_found_though_nothing_is_sent(
    lost: Stage,
) -> None:
    renewal = february(lost)
    order_id = lost_order(lost, renewal, "instrument", 2)
    lost.gateway.has_order(order_id, lost.invoice(renewal).total_amount, settled=True)

    swept = sweep(lost.engine, lost.id)

    assert (swept.invoices, swept.found, swept.unanswered) == (1, 1, [])
    assert lost.invoice(renewal).status == "paid"
    assert lost.row(payments, order_id=order_id).status == "settled"
    assert sweep(lost.engine, lost.id).found == 0
    assert lost.gateway.count("charge") == 1  # January's
    lost.audit()


def test_a_refund_of_the_lost_time_is_found_though_nobody_asks_for_another(lost: Stage) -> None:
    payment = lost.row(payments)
    order = lost.gateway.orders[payment.order_id]
    lost.settles(payment.id)
    order.state = "partial_refund"
    order.refunds[f"{payment.order_id}-r1-55500"] = 55_500

    assert sweep(lost.engine, lost.id).payments == 1

    assert lost.row(payments).refunded_amount == 55_500
    assert lost.gateway.count("refund") == 0
    lost.audit()


def test_numbers_that_may_stand_on_a_paper_are_never_given_again(
    lost: Stage, database: Database
) -> None:
    [gap] = lost.rows(number_gaps, kind="invoice")
    assert (gap.first_number, gap.last_number) == (2, 1 + recover.NUMBERS_MIN)

    assert lost.invoice(february(lost)).number.endswith("001002")

    begin(lost, database)
    assert [(row.first_number, row.last_number) for row in lost.rows(
        number_gaps, number_gaps.c.first_number, kind="invoice"
    )] == [(2, 1001), (1003, 2002)]  # fmt: skip
    lost.audit()


def test_the_more_days_are_lost_the_more_numbers_are_left_out(
    stage: Stage, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recover, "NUMBERS_MIN", 1)
    stage.card_customer()
    stage.drain()
    with psycopg.connect(database.owner_url) as owner:
        at = stage.machine.at
        [begun] = recover.begin(owner, "restored", at, lost_from=at - timedelta(days=9, hours=1))
    assert begun.gaps["invoice 2027"] == (2, 21)  # one a day at most so far: twice that, ten days
    stage.audit()


def test_mail_of_the_lost_time_waits_until_the_mail_servers_log_is_read(lost: Stage) -> None:
    before = len(lost.mailer.sent)
    february(lost)
    mail_due(lost.engine, lost.id)
    [mail] = lost.rows(messages, kind="invoice.issued", state="held")
    assert len(lost.mailer.sent) == before

    collect_due(lost.engine, lost.id)
    send_due(lost.engine, lost.id)
    assert resume(lost.engine, lost.id, OPERATOR) == []
    assert lost.row(reviews, kind="mails_held").detail == {"mails": 2}
    told: list[str] = []

    def not_in_the_log(one: str) -> bool:
        told.append(one)
        return False

    release(lost.engine, lost.id, not_in_the_log, OPERATOR)
    mail_due(lost.engine, lost.id)
    assert [one.message_id for one in lost.mailer.sent[before:]] == told
    assert lost.row(messages, id=mail.id).state == "sent"
    assert lost.row(reviews, kind="mails_held").closed_at is not None
    lost.audit()


def test_a_mail_that_the_log_names_is_not_sent_again(lost: Stage) -> None:
    before = len(lost.mailer.sent)
    february(lost)
    told: list[str] = []
    with lost.work() as unit:
        assert held(unit) == 1
    log = "postfix/cleanup[7]: 4F: message-id=<{}>\n"

    def was_sent(one: str) -> bool:
        told.append(one)
        return one in named_in(log.format(one.strip("<>")))

    assert release(lost.engine, lost.id, was_sent, OPERATOR) == (0, 1)
    mail_due(lost.engine, lost.id)
    assert len(lost.mailer.sent) == before
    assert lost.row(messages, state="dropped").failure == "sent before the restore"


def test_the_care_does_not_end_while_work_of_the_lost_time_is_left(lost: Stage) -> None:
    set_clock(lost.engine, lost.id, jakarta("2027-02-05 10:30"))
    assert resume(lost.engine, lost.id, OPERATOR) == ["1 subscriptions to be renewed"]
    renew_due(lost.engine, lost.id)
    collect_due(lost.engine, lost.id)
    assert resume(lost.engine, lost.id, OPERATOR) == ["1 orders to be sent or asked about"]
    send_due(lost.engine, lost.id)
    assert resume(lost.engine, lost.id, OPERATOR) == []
    assert lost.row(recoveries).ended_at is not None
    with lost.work() as unit:
        assert unit.merchant.mode == "running"


def test_who_dies_while_taking_in_what_was_found_finds_it_again(
    lost: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = february(lost)
    order_id = lost_order(lost, renewal, "attempt", 1)
    lost.gateway.has_order(order_id, lost.invoice(renewal).total_amount, settled=True)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("billing.flows.recover.settle_in", die)
        with pytest.raises(KeyboardInterrupt):
            sweep(lost.engine, lost.id)
    assert lost.rows(payment_orders, order_id=order_id) == []
    assert sweep(lost.engine, lost.id).found == 1
    assert lost.invoice(renewal).status == "paid"


def test_that_something_was_lost_stands_in_the_audit(lost: Stage) -> None:
    noted = lost.row(audit, action="merchant.restore")
    assert noted.after["audit_ended_at"] == "x:7:aa"
    assert noted.after["numbers_left_out"]["invoice 2027"] == [2, 1001]
    assert lost.row(recoveries).kind == "restored"


def test_a_gateway_that_is_silent_is_not_asked_on_and_on(
    lost: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = february(lost)
    lost.gateway.calls.clear()
    known = lost.gateway.status
    heard = iter([False] * 3 + [True] * 1000)

    def status(order_id: str) -> Answer:
        told = known(order_id)
        return told if next(heard) else Answer("unknown")

    with monkeypatch.context() as silent:
        silent.setattr(lost.gateway, "status", lambda order_id: (known(order_id), UNKNOWN)[1])
        swept = sweep(lost.engine, lost.id)
        assert lost.gateway.count("status") == 8  # each four times
        assert resume(lost.engine, lost.id, OPERATOR) != []
    assert swept.unanswered == [lost.invoice(renewal).number, lost.row(payments).order_id]

    monkeypatch.setattr(lost.gateway, "status", status)
    assert sweep(lost.engine, lost.id).unanswered == []


def test_the_doctor_sees_a_number_given_that_may_stand_on_a_paper(
    lost: Stage, database: Database
) -> None:
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE number_series SET last_number = 1 WHERE kind = 'invoice'")
    assert lost.invoice(february(lost)).number.endswith("000002")
    [broken] = examine(lost.engine.db, lost.machine.at).broken
    assert "number 2 was given though it may stand on a paper" in broken.examples[0].why
