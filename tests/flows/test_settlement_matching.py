"""Which rows of reports are the same money: by whatever name, in whatever file, and when it fits."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from reported import (
    PRICE,
    books,
    compared,
    imported,
    line,
    named,
    paid,
    payout,
    report,
    shop,
)
from sqlalchemy import update
from stage import Stage

from billing.engine import Engine
from billing.flows import differences as settling
from billing.flows import refund, report_late
from billing.reconciliation.tables import differences, settlement_rows
from payments.tables import payment_orders, payments, reviews

pytestmark = pytest.mark.database

FEES = {"gateway_fee": 5_219, "input_vat": 574, "gateway_clearing": -5_793}


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return shop(engine, gateway, mailer, machine)


def known_as(stage: Stage, transaction_id: str) -> None:
    """The gateway's own id of our orders."""
    with stage.work() as unit:
        unit.session.execute(update(payment_orders).values(transaction_id=transaction_id))


def declined(stage: Stage) -> str:
    """An order that failed in our books, and that the report calls paid."""
    stage.decline()
    stage.card_customer(100_000)
    stage.drain()
    [failed] = [row for row in stage.rows(payment_orders) if row.state == "failed"]
    return str(failed.order_id)


def by_hand(stage: Stage, resolution: str, **more: Any) -> None:
    with stage.work("sari") as unit:
        settling.resolve(unit, stage.row(differences).id, resolution, "looked it up", **more)


def test_one_payment_named_in_two_ways_is_booked_once(stage: Stage) -> None:
    [one] = paid(stage, 1)
    known_as(stage, "t-9")
    imported(stage, report(line(one.order_id, transaction="")))
    imported(stage, report(line("", transaction="t-9")), "b.csv")
    imported(stage, report(line("THEIRS-1", transaction="t-9")), "c.csv")
    imported(
        stage, report(line(one.order_id, transaction="t-9"), line("", transaction="t-9")), "d.csv"
    )
    assert books(stage, "gateway_fees") == FEES
    assert len(stage.rows(settlement_rows)) == 1
    assert named(stage) == {}
    stage.audit()


def test_a_payment_that_was_told_before_its_name_was_known_is_booked_once(stage: Stage) -> None:
    [one] = paid(stage, 1)
    imported(stage, report(line("", transaction="t-9")))
    assert named(stage) == {"not_ours": 1}
    imported(stage, report(line(one.order_id, transaction="")), "b.csv")
    known_as(stage, "t-9")
    imported(stage, report(payout()), "c.csv")
    assert books(stage, "gateway_fees") == FEES
    again = [row for row in stage.rows(settlement_rows) if row.same_as]
    assert [(row.transaction_id, row.booked_key) for row in again] == [("t-9", None)]
    assert named(stage) == {}
    stage.audit()


def test_two_rows_in_waiting_for_one_payment_book_its_fee_once(stage: Stage) -> None:
    [one] = paid(stage, 1)
    imported(stage, report(line("", transaction="t-9"), line("", transaction="t-8", fee=5_000)))
    assert named(stage) == {"not_ours": 2}
    known_as(stage, "t-9")
    with stage.work() as unit:
        report_late.heal_agreeing(unit)
    assert books(stage, "gateway_fees") == FEES
    assert named(stage) == {"not_ours": 1}
    assert {row.payment_id for row in stage.rows(settlement_rows)} == {one.id, None}
    stage.audit()


@pytest.mark.parametrize("resolution", ["mended", "explained"])
def test_a_row_whose_difference_was_settled_by_hand_is_booked_once_the_order_is_paid(
    stage: Stage, resolution: str
) -> None:
    order_id = declined(stage)
    imported(stage, report(line(order_id)))
    assert named(stage) == {"status_differs": 1}
    by_hand(stage, resolution)
    stage.gateway.has_order(order_id, PRICE, settled=True)
    compared(stage)
    assert stage.row(payments).status == "settled"
    assert books(stage, "gateway_fees") == FEES
    imported(stage, report(payout(day="2027-01-01"), payout(day="2027-01-20")), "b.csv")
    assert named(stage) == {}, "the report told of it before it was paid here"
    stage.audit()


def test_what_a_person_booked_of_a_row_is_not_booked_again_by_itself(stage: Stage) -> None:
    order_id = declined(stage)
    imported(stage, report(line(order_id)))
    by_hand(stage, "booked", account="gateway_fee", amount=5_793)
    stage.gateway.has_order(order_id, PRICE, settled=True)
    compared(stage)
    imported(stage, report(payout()), "b.csv")
    assert books(stage, "gateway_fees") == {}
    assert books(stage, "difference_booked") == {"gateway_fee": 5_793, "gateway_clearing": -5_793}
    stage.audit()


def test_what_is_wrong_in_another_way_by_now_is_said(stage: Stage) -> None:
    order_id = declined(stage)
    imported(stage, report(line(order_id, 101_000)))
    assert named(stage) == {"status_differs": 1}
    stage.gateway.has_order(order_id, PRICE, settled=True)
    compared(stage)
    assert named(stage) == {"amount_differs": 1}
    assert [row.closed_at for row in stage.rows(reviews, kind="books_differ")] == [None]
    stage.audit()


def test_every_row_that_waits_gets_its_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_late, "PAGE", 2)
    order_id = declined(stage)
    rows = [line(f"NOBODY-{n}") for n in range(6)]
    imported(stage, report(*rows, line(order_id), line(order_id, -1_000, 0, 0, kind="Refund")))
    stage.gateway.has_order(order_id, PRICE, settled=True)
    compared(stage)
    assert named(stage) == {"not_ours": 6, "refund_differs": 1}
    assert books(stage, "gateway_fees") == FEES


def test_reports_of_a_day_each_cover_what_lies_between_them(stage: Stage) -> None:
    [one] = paid(stage, 1)
    for n, day in enumerate(("05", "06", "09")):  # no rows on a weekend
        imported(stage, report(payout(10_000 + n, f"2027-01-{day}")), f"{day}.csv")
    assert {row.kind: row.order_id for row in stage.rows(differences)} == {
        "missing_in_report": one.order_id
    }
    assert len(stage.rows(reviews, kind="books_differ")) == 1
    imported(stage, report(payout(10_009, "2027-01-10")), "10.csv")
    assert len(stage.rows(reviews, kind="books_differ")) == 1, "it is told once"
    imported(stage, report(line(one.order_id, day="2027-01-06")), "late.csv")
    assert named(stage) == {}
    assert [row.closed_at is None for row in stage.rows(reviews, kind="books_differ")] == [False]
    stage.audit()


def test_a_month_that_was_never_imported_is_not_called_missing(stage: Stage) -> None:
    paid(stage, 1)
    imported(stage, report(payout(10_001, "2026-12-31")), "dec.csv")
    imported(stage, report(payout(10_002, "2027-02-01")), "feb.csv")
    assert named(stage) == {}


def test_that_an_order_was_pending_hides_no_payment_and_is_over_with_it(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer(100_000)
    stage.drain()
    [order] = stage.rows(payment_orders)
    imported(stage, report(line(order.order_id, kind="", status="pending", day="2027-01-05")))
    stage.pays(invoice_id)
    imported(stage, report(payout(10_001), payout(10_002, "2027-01-12")), "b.csv")
    assert named(stage) == {"missing_in_report": 1}
    imported(
        stage,
        report(line(order.order_id, kind="", status="pending"), line(order.order_id)), "c.csv",
    )  # fmt: skip
    assert named(stage) == {}
    stage.audit()


def test_a_report_that_puts_a_wrong_amount_right_books_the_fee(stage: Stage) -> None:
    [one, other] = paid(stage, 2)
    imported(stage, report(line(one.order_id, 101_000), line(other.order_id)))
    assert named(stage) == {"amount_differs": 1}
    imported(stage, report(line(one.order_id), line(other.order_id)), "b.csv")
    assert named(stage) == {}
    assert books(stage, "gateway_fees")["gateway_fee"] == 2 * 5_219
    imported(stage, report(line(one.order_id), line(other.order_id, fee=5_220)), "c.csv")
    assert named(stage) == {"told_differently": 1}
    assert books(stage, "gateway_fees")["gateway_fee"] == 2 * 5_219
    stage.audit()


@pytest.mark.parametrize(
    ("first", "second", "out", "open_"),
    [
        pytest.param([payout(reference="A")], [payout(reference="A"), payout(reference="B")],
                     2, 0, id="told apart by reference"),
        pytest.param([payout(day="2027-01-05 09:00:00")], [payout(day="2027-01-05 15:00:00")],
                     2, 0, id="told apart by the hour"),
        pytest.param([payout(day="2027-01-05 09:00:00")], [payout(day="2027-01-05 09:00:00")],
                     1, 0, id="the same to the second"),
        pytest.param([payout(), payout()], [payout(5_000)], 2.005, 0, id="two lines of one report"),
        pytest.param([payout()], [payout()], 1, 1, id="nothing tells whether it is another"),
        pytest.param([payout(), payout(7_000)], [payout(), payout(8_000), payout(7_000)],
                     1.015, 2, id="of one day only"),
        pytest.param([payout(), payout(7_000, "2027-01-04")],
                     [payout(), payout(8_000), payout(7_000, "2027-01-04")],
                     1.015, 0, id="the same on two days"),
        pytest.param([payout(), payout(7_000, reference="A")],
                     [payout(), payout(7_000, reference="A")], 1.007, 0, id="with a row known"),
        pytest.param([payout()], [payout(reference="A")], 1, 1, id="its reference told later"),
        pytest.param([payout(day="2027-01-05 09:00:00"), payout(day="2027-01-05 09:00:00")],
                     [payout(3_000)], 1.003, 1, id="a line twice"),
        pytest.param([payout(reference="A"), payout(reference="A")],
                     [payout(3_000)], 1.003, 1, id="a reference twice"),
    ],
)  # fmt: skip
def test_payouts_are_booked_once_or_shown_to_a_person(
    stage: Stage, first: list[str], second: list[str], out: float, open_: int
) -> None:
    imported(stage, report(*first))
    imported(stage, report(*second, ""), "b.csv")
    assert books(stage, "paid_out")["bank"] == round(out * 1_000_000)
    assert named(stage) == Counter({"duplicate_row": open_} if open_ else {})
    stage.audit()


def test_a_payout_of_a_report_that_shares_one_payment_is_shown_to_a_person(stage: Stage) -> None:
    """Late on the fifth: one payment stands in both reports, the payout may be another one."""
    one, two, three = paid(stage, 3)
    imported(stage, report(line(one.order_id), line(two.order_id), payout()))
    imported(stage, report(line(two.order_id), line(three.order_id), payout()), "b.csv")
    assert books(stage, "paid_out")["bank"] == 1_000_000
    assert named(stage) == {"duplicate_row": 1}
    outs = [row.booked_key is not None for row in stage.rows(settlement_rows, kind="payout")]
    assert sorted(outs) == [False, True]
    stage.audit()


def test_a_payout_of_a_report_that_is_told_again_whole_is_a_repetition(stage: Stage) -> None:
    one, two, three = paid(stage, 3)
    early = line(one.order_id, day="2027-01-03 16:00:00")
    imported(stage, report(early, line(two.order_id), payout()))
    before = named(stage)
    # The third of January lies before what the second report covers.
    imported(stage, report(line(two.order_id), line(three.order_id), payout()), "b.csv")
    assert books(stage, "paid_out")["bank"] == 1_000_000
    assert named(stage) == before
    stage.audit()


def test_a_line_that_is_told_twice_does_not_stand_for_one_that_is_not_told(stage: Stage) -> None:
    one, two = paid(stage, 2)
    imported(stage, report(line(one.order_id), line(two.order_id), payout()))
    imported(stage, report(line(two.order_id), line(two.order_id), payout()), "b.csv")
    assert named(stage) == {"duplicate_row": 1}


def test_chargebacks_of_a_payment_are_added_up(stage: Stage) -> None:
    [one] = paid(stage, 1)
    with stage.work() as unit:
        unit.session.execute(update(payments).values(charged_back_amount=50_000))
    back = [
        line(one.order_id, -50_000, 0, 0, kind="Chargeback", reference=name) for name in ("a", "b")
    ]
    imported(stage, report(line(one.order_id), *back))
    assert named(stage) == {"status_differs": 1}
    imported(stage, report(*back), "b.csv")
    assert named(stage) == {"status_differs": 1}


def test_a_day_that_can_not_be_is_a_row_to_be_mended(stage: Stage) -> None:
    [one] = paid(stage, 1)
    imported(stage, report(line(one.order_id, day="2062-01-05"), payout(day="1997-01-05")))
    assert named(stage) == {"row_unusable": 2}
    assert books(stage, "paid_out", "gateway_fees") == {}


def test_a_refund_is_the_same_under_both_names(stage: Stage) -> None:
    [one] = paid(stage, 1)
    known_as(stage, "t-9")
    with stage.work("billing@awan.example") as unit:
        refund.request_refund(unit, one.id, 11_000, "requested_by_customer")
    stage.drain()
    rows = [line(one.order_id), line(one.order_id, -11_000, 0, 0, kind="Refund")]
    imported(stage, report(*rows))
    imported(stage, report(line("", -11_000, 0, 0, kind="Refund", transaction="t-9")), "b.csv")
    assert named(stage) == {}
    stage.audit()
