"""What a person books of a difference, however often it comes back; and payouts with their fees."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from database import Database, admin
from fakes import FakeGateway, FakeMailer, MachineTime
from reported import books, compared, imported, line, named, paid, payout, report, shop
from stage import Stage

from billing.engine import Engine
from billing.flows import differences as settling
from billing.flows import found, refund
from billing.flows.found import one_at_a_time
from billing.flows.report_late import heal_agreeing
from billing.flows.reviews import close_review
from billing.ledger.tables import journals
from billing.reconciliation.tables import difference_steps, differences, settlement_rows
from core.actor import Actor
from core.errors import Conflict
from core.tables import audit
from payments.tables import payment_orders, reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return shop(engine, gateway, mailer, machine)


def books_it(stage: Stage, amount: int) -> None:
    with stage.work("sari") as unit:
        settling.resolve(
            unit, stage.row(differences).id, "booked", "short", account="bad_debt", amount=amount
        )


def test_a_difference_that_comes_back_is_corrected_a_second_time(stage: Stage) -> None:
    [one] = paid(stage, 1)
    stage.gateway.orders[one.order_id].refunds["behind us"] = 11_000
    compared(stage)
    books_it(stage, 11_000)
    stage.gateway.orders[one.order_id].refunds["again"] = 5_000
    compared(stage, 1)
    assert (stage.row(differences).state, stage.row(differences).theirs) == ("open", -16_000)
    books_it(stage, 5_000)
    assert books(stage, "difference_booked") == {"bad_debt": 16_000, "gateway_clearing": -16_000}
    assert len(stage.rows(journals, kind="difference_booked")) == 2


def test_an_open_difference_is_told_with_its_latest_amounts(stage: Stage) -> None:
    [one] = paid(stage, 1)
    stage.gateway.orders[one.order_id].refunds["behind us"] = 11_000
    compared(stage)
    stage.machine.at += timedelta(days=1)
    stage.gateway.orders[one.order_id].refunds["again"] = 5_000
    compared(stage)
    assert (stage.row(differences).state, stage.row(differences).theirs) == ("open", -16_000)
    steps = stage.rows(difference_steps, difference_steps.c.n)
    assert [(step.step, step.detail) for step in steps] == [
        ("found", {}), ("noted", {"ours": 0, "theirs": -11_000}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gross", "net", "moved"),
    [
        # (the bank, the fee and its PPN, rounding, the gateway's balance)
        pytest.param(1_000_000, 994_450, (994_450, 5_550, 0, -1_000_000), id="taken out of it"),
        pytest.param(-1_000_000, -994_450, (994_450, 5_550, 0, -1_000_000), id="printed as minus"),
        pytest.param(-1_000_000, -1_005_550, (1_000_000, 5_550, 0, -1_005_550), id="on top of it"),
        pytest.param(1_000_000, 994_449, (994_449, 5_550, 1, -1_000_000), id="a rupiah more kept"),
        pytest.param(
            -1_000_000, -1_005_549, (1_000_000, 5_550, -1, -1_005_549), id="a rupiah less"
        ),
    ],
)
def test_a_payout_is_less_by_its_fee_on_the_side_of_the_bank(
    stage: Stage, gross: int, net: int, moved: tuple[int, ...]
) -> None:
    row = line("", gross, 5_000, 550, kind="Payout", status="", transaction="", net=str(net))
    imported(stage, report(row))
    told = books(stage, "paid_out")
    fees = told["gateway_fee"] + told["input_vat"]
    assert (told["bank"], fees, told.get("rounding", 0), told["gateway_clearing"]) == moved
    stage.audit()


def test_a_payout_whose_fee_can_be_read_in_two_ways_is_named(stage: Stage) -> None:
    imported(stage, report(line("", -1_000_000, 5_000, 550, kind="Payout", status="", net="")))
    assert named(stage) == {"row_unusable": 1}
    assert books(stage, "paid_out") == {}
    stage.audit()


def told_before_it_was_paid(stage: Stage, price: int) -> UUID:
    """An order that the report calls paid before our books know of its money; its invoice."""
    _, _, invoice_id = stage.invoice_customer(price)
    stage.drain()
    gross = price * 111 // 100
    imported(stage, report(line(stage.row(payment_orders).order_id, gross)))
    assert named(stage) == {"status_differs": 1}
    return invoice_id


def proposed(stage: Stage, gross: int) -> None:
    with stage.work("sari") as unit:
        settling.resolve(
            unit, stage.row(differences).id, "booked", "lost", account="bank", amount=-gross
        )
    assert stage.row(differences).state == "awaiting_approval"


def approved(stage: Stage) -> None:
    with stage.engine.work(stage.id, Actor("staff", "budi@awan.example")) as unit:
        settling.approve(unit, stage.row(differences).id)


def heals(stage: Stage) -> int:
    with stage.work() as unit:
        one_at_a_time(unit)
        return heal_agreeing(unit)


def booked_rows(stage: Stage) -> list[bool]:
    return [row.booked_key is not None for row in stage.rows(settlement_rows)]


def test_a_correction_that_waits_is_over_once_the_payment_arrived(stage: Stage) -> None:
    invoice_id = told_before_it_was_paid(stage, 10_000_000)
    proposed(stage, 11_100_000)
    stage.pays(invoice_id)
    stage.drain()
    assert heals(stage) == 1
    with pytest.raises(Conflict, match="resolved") as refused:
        approved(stage)
    assert refused.value.code == "difference_not_awaiting_approval"
    assert books(stage, "difference_booked") == {}
    assert books(stage, "gateway_fees")["gateway_clearing"] == -5_793
    one = stage.row(differences)
    assert (one.state, one.resolution, one.amount) == ("resolved", "agrees", None)
    last = stage.rows(difference_steps, difference_steps.c.n)[-1]
    assert last.detail == {
        "resolution": "agrees",
        "withdrawn": {"account": "bank", "amount": -11_100_000, "asked_by": "system:sari"},
    }
    [told] = stage.rows(audit, action="difference.resolve")
    assert (told.before["state"], told.before["asked_by"]) == ("awaiting_approval", "system:sari")
    stage.audit()


def test_an_approval_of_what_agrees_by_now_books_the_fee_and_no_correction(stage: Stage) -> None:
    invoice_id = told_before_it_was_paid(stage, 10_000_000)
    proposed(stage, 11_100_000)
    stage.pays(invoice_id)
    stage.drain()
    approved(stage)
    assert books(stage, "difference_booked") == {}
    assert books(stage, "gateway_fees")["gateway_clearing"] == -5_793
    one = stage.row(differences)
    assert (one.state, one.resolution, one.amount) == ("resolved", "agrees", None)
    assert heals(stage) == 0
    stage.audit()


def test_an_approval_of_what_still_differs_books_the_correction(stage: Stage) -> None:
    told_before_it_was_paid(stage, 10_000_000)
    proposed(stage, 11_100_000)
    approved(stage)
    assert books(stage, "difference_booked") == {
        "bank": -11_100_000,
        "gateway_clearing": 11_100_000,
    }
    assert stage.row(differences).resolution == "booked"


def test_a_severe_difference_that_a_migration_wrote_calls_somebody(
    stage: Stage, database: Database
) -> None:
    told_before_it_was_paid(stage, 500_000)
    [called] = stage.rows(reviews, kind="books_differ")
    with admin(database.admin_url) as connection:
        connection.execute("DELETE FROM reviews")
    heals(stage)
    [again] = stage.rows(reviews, kind="books_differ")
    assert (again.subject_id, again.detail) == (called.subject_id, called.detail)
    with stage.work("sari") as unit:
        close_review(unit, again.id, "seen")
    heals(stage)
    assert stage.row(reviews, kind="books_differ").closed_at is not None


def test_a_correction_that_waits_is_over_once_a_later_report_puts_the_amount_right(
    stage: Stage,
) -> None:
    _, _, invoice_id = stage.invoice_customer(10_000_000)
    stage.drain()
    stage.pays(invoice_id)
    stage.drain()
    order_id = stage.row(payment_orders).order_id
    imported(stage, report(line(order_id, 11_000_000)))
    assert named(stage) == {"amount_differs": 1}
    proposed(stage, 11_000_000)
    imported(stage, report(line(order_id, 11_100_000)), "b.csv")
    with pytest.raises(Conflict):
        approved(stage)
    assert books(stage, "difference_booked") == {}
    assert sorted(booked_rows(stage)) == [False, True]
    stage.audit()


@pytest.mark.parametrize("first", ["person", "machine"])
def test_a_row_is_booked_by_the_person_or_by_the_machine(stage: Stage, first: str) -> None:
    invoice_id = told_before_it_was_paid(stage, 500_000)
    stage.pays(invoice_id)
    stage.drain()

    def books_by_hand() -> None:
        books_it(stage, 5_793)

    with ThreadPoolExecutor(1) as pool:
        if first == "person":
            with stage.work("sari") as unit:
                one = stage.row(differences).id
                settling.resolve(unit, one, "booked", "x", account="bad_debt", amount=5_793)
                other: Any = pool.submit(heals, stage)
                wait([other], 0.5)
            assert other.result(20) == 0
        else:
            with stage.work() as unit:
                one_at_a_time(unit)
                assert heal_agreeing(unit) == 1
                other = pool.submit(books_by_hand)
                wait([other], 0.5)
            with pytest.raises(Conflict, match="settled"):
                other.result(20)
    assert booked_rows(stage) == [first == "machine"]
    assert bool(books(stage, "difference_booked")) is (first == "person")
    stage.audit()


def test_who_books_during_a_long_import_is_told_to_try_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "PATIENCE", "50ms")
    told_before_it_was_paid(stage, 500_000)
    with stage.work() as unit:
        one_at_a_time(unit)
        with pytest.raises(Conflict) as refused:
            books_it(stage, 5_793)
        assert refused.value.code == "reconciliation_busy"
    books_it(stage, 5_793)
    stage.audit()


def test_a_refund_that_was_corrected_by_hand_is_not_called_missing(stage: Stage) -> None:
    [one] = paid(stage, 1)
    back = line(one.order_id, -11_000, 0, 0, kind="Refund")
    imported(stage, report(line(one.order_id), back))
    assert named(stage) == {"refund_differs": 1}
    books_it(stage, 11_000)
    with stage.work("billing@awan.example") as unit:
        refund.request_refund(unit, one.id, 11_000, "requested_by_customer")
    stage.drain()
    imported(stage, report(payout(day="2027-01-01"), payout(day="2027-01-20")), "b.csv")
    assert heals(stage) == 0
    assert [row.booked_key for row in stage.rows(settlement_rows, kind="refund")] == [None]
    assert named(stage) == {}
    stage.audit()
