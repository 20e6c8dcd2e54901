"""What a person books of a difference, however often it comes back; and payouts with their fees."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from reported import books, compared, imported, line, named, paid, report, shop
from stage import Stage

from billing.engine import Engine
from billing.flows import differences as settling
from billing.ledger.tables import journals
from billing.reconciliation.tables import difference_steps, differences

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
