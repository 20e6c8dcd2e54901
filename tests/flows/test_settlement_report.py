"""A settlement report meets our books: matched, booked once, and every difference named."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from reported import HEADER, PRICE, books, imported, line, named, paid, report, shop
from sqlalchemy import text
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows import differences as settling
from billing.flows import refund
from billing.flows.report_files import book_file, drop_file, read_file
from billing.ledger.tables import journals
from billing.reconciliation.tables import (
    difference_steps,
    differences,
    settlement_files,
    settlement_rows,
)
from core.actor import Actor
from core.errors import Conflict, Forbidden, InvalidRequest
from core.tables import audit
from payments.service import set_channel
from payments.tables import reviews

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return shop(engine, gateway, mailer, machine)


def test_a_report_that_agrees_is_booked_by_day_and_leaves_nothing_open(stage: Stage) -> None:
    ours = paid(stage, 3)
    file_id = imported(stage, report(*(line(one.order_id) for one in ours)))
    assert named(stage) == {}
    assert books(stage, "gateway_fees") == {
        "gateway_fee": 3 * 5_219, "input_vat": 3 * 574, "gateway_clearing": -3 * 5_793,
    }  # fmt: skip
    [journal] = stage.rows(journals, kind="gateway_fees")
    assert (journal.occurred_on, journal.subject_id) == (date(2027, 1, 5), file_id)
    file = stage.row(settlement_files)
    assert (file.state, file.content_sealed) == ("booked", None)
    assert file.summary["counts"]["matched"] == 3
    assert {row.payment_id for row in stage.rows(settlement_rows)} == {one.id for one in ours}
    assert stage.rows(reviews) == []
    stage.audit()


def test_a_preview_books_nothing_and_says_what_booking_does(stage: Stage) -> None:
    [one] = paid(stage, 1)
    data = report(line(one.order_id), line("STRANGE-1"))
    with stage.work() as unit:
        file_id = read_file(stage.engine, unit, "../x/jan.csv", data)
    file = stage.row(settlement_files)
    assert (file.state, file.name, file.summary["differences"]) == (
        "read", "jan.csv", {"not_ours": 1},
    )  # fmt: skip
    assert data not in file.content_sealed
    for table in (settlement_rows, differences, difference_steps):
        assert stage.rows(table) == []
    assert books(stage, "gateway_fees") == {}
    with stage.work() as unit:
        book_file(stage.engine, unit, file_id)
    assert stage.row(settlement_files).summary["differences"] == {"not_ours": 1}
    stage.audit()


def test_the_same_money_is_booked_once_whatever_file_tells_of_it(stage: Stage) -> None:
    ours = paid(stage, 3)
    first = report(*(line(one.order_id) for one in ours[:2]))
    again = report(*(line(one.order_id) for one in ours))
    file_id = imported(stage, first)
    with stage.work() as unit:
        assert read_file(stage.engine, unit, "jan copy.csv", first) == file_id
    with pytest.raises(Conflict, match="booked"), stage.work() as unit:
        book_file(stage.engine, unit, file_id)
    # A semicolon, a mark and other numbers: other bytes, the same money.
    imported(stage, b"\xef\xbb\xbf" + first.replace(b",", b";").replace(b"111000", b"111.000"))
    imported(stage, again)
    assert named(stage) == {}
    assert books(stage, "gateway_fees")["gateway_fee"] == 3 * 5_219
    assert len(stage.rows(settlement_rows)) == 3
    stage.audit()


def test_money_that_went_back_and_money_that_was_paid_out(stage: Stage) -> None:
    [one, other] = paid(stage, 2)
    with stage.work("billing@awan.example") as unit:
        refund.request_refund(unit, one.id, 11_000, "requested_by_customer")
    stage.drain()
    imported(
        stage,
        report(
            line(one.order_id), line(other.order_id),
            line(one.order_id, -11_000, 0, 0, kind="Refund", status="partial_refund"),
            line("", -150_000, 2_500, 275, kind="Payout", status="", transaction="",
                 reference="PO-1"),
        ),
    )  # fmt: skip
    assert named(stage) == {}
    assert books(stage, "paid_out") == {
        "bank": 150_000, "gateway_fee": 2_500, "input_vat": 275, "gateway_clearing": -152_775,
    }  # fmt: skip
    assert [row.refund_id is not None for row in stage.rows(settlement_rows, settlement_rows.c.line)] == [
        False, False, True, False,
    ]  # fmt: skip
    stage.audit()


def test_who_is_no_pkp_claims_no_ppn_on_fees(
    engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime
) -> None:
    stage = make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00", pkp_since=None)
    [one] = paid(stage, 1, price=PRICE)
    imported(stage, report(line(one.order_id)))
    assert books(stage, "gateway_fees") == {"gateway_fee": 5_793, "gateway_clearing": -5_793}
    stage.audit()


def planted(ours: list[str]) -> tuple[list[str], dict[tuple[str, str], int]]:
    """A report with a dozen things wrong, and the name of each, by order."""
    good = [line(one, fee=4_000, ppn=440) for one in ours]
    rows = [
        line("NOBODY-7"),  # instead of the first, which is left out
        good[1], good[1],
        line(ours[2], 101_000),
        line(ours[3], status="expire"),
        good[4], line(ours[4], -11_000, 0, 0, kind="Refund"),
        good[5], line(ours[5], -PRICE, 0, 0, kind="Chargeback"),
        line(ours[6], fee=5_000, ppn=550),
        line(ours[7], fee=4_000, ppn=440, day="2027-01-08 16:00:00"),
        good[8].replace("111000", '"111.000,50"'),
        good[9].replace("Payment", "Adjustment"),
        good[10] + ",IDR", good[11] + ",USD",
        line("LATER", kind="", status="expire", day="2027-01-20 10:00:00"),
        line("", -1_000, 0, 0, kind="Payout", transaction="", reference="PO-9",
             day="2027-01-20 10:00:00"),
    ]  # fmt: skip
    named = {
        ("NOBODY-7", "not_ours"): 1, (ours[0], "missing_in_report"): 1,
        (ours[1], "duplicate_row"): 1, (ours[2], "amount_differs"): 1,
        (ours[3], "status_differs"): 1, (ours[4], "refund_differs"): 1,
        (ours[5], "status_differs"): 1, (ours[6], "fee_differs"): 1, (ours[7], "day_differs"): 1,
        # What can not be read is also missed.
        (ours[8], "row_unusable"): 1, (ours[8], "missing_in_report"): 1,
        (ours[9], "row_unusable"): 1, (ours[9], "missing_in_report"): 1,
        (ours[11], "currency"): 1, (ours[11], "missing_in_report"): 1,
    }  # fmt: skip
    return rows, named


def test_a_dozen_planted_differences_are_each_named_and_nothing_else(stage: Stage) -> None:
    ours = [one.order_id for one in paid(stage, 13, "va")]
    with stage.work() as unit:
        set_channel(unit, "bca_va", enabled=True,
                    fee={"fixed": 4_000, "basis_points": 0, "ppn": "added"})  # fmt: skip
    rows, wanted = planted(ours)
    rows.append(line(ours[12], fee=4_000, ppn=440))
    imported(stage, report(*rows).replace(HEADER.encode(), HEADER.encode() + b",Currency"))
    found = Counter((one.order_id, one.kind) for one in stage.rows(differences))
    assert found == wanted
    # Booked: the six that agree on the money, the first of the two alike, and the payout.
    assert len([row for row in stage.rows(settlement_rows) if row.booked_key]) == 8
    stage.audit()


def test_a_total_that_is_not_the_sum_of_its_rows_is_named(stage: Stage) -> None:
    [one] = paid(stage, 1)
    imported(stage, report(line(one.order_id), f"Total,,,,{PRICE},,,1,,"))
    [found] = stage.rows(differences)
    assert (found.kind, found.ours, found.theirs) == ("total_differs", PRICE - 5_793, 1)
    stage.audit()


def test_a_difference_heals_once_both_books_agree(stage: Stage) -> None:
    [one] = paid(stage, 1)
    rows = [line(one.order_id), line(one.order_id, -11_000, 0, 0, kind="Refund")]
    imported(stage, report(*rows))
    assert named(stage) == {"refund_differs": 1}
    [matter] = stage.rows(reviews)
    assert (matter.kind, matter.closed_at) == ("books_differ", None)
    with stage.work("billing@awan.example") as unit:
        refund.request_refund(unit, one.id, 11_000, "requested_by_customer")
    stage.drain()
    imported(stage, report(*rows, line("", -1_000, 0, 0, kind="Payout", reference="P2")), "b.csv")
    assert named(stage) == {}
    assert [step.step for step in stage.rows(difference_steps, difference_steps.c.n)] == [
        "found", "resolved",
    ]  # fmt: skip
    assert stage.row(differences).resolution == "agrees"
    assert stage.rows(reviews)[0].closed_at is not None
    assert all(row.booked_key for row in stage.rows(settlement_rows))
    stage.audit()


def staff(name: str) -> Actor:
    return Actor("staff", f"{name}@awan.example", "10.0.0.1")


def test_a_difference_is_assigned_noted_and_settled_by_hand(stage: Stage) -> None:
    imported(stage, report(line("NOBODY-1")))
    [one] = stage.rows(differences)
    with stage.engine.work(stage.id, staff("sari")) as unit:
        settling.assign(unit, one.id, "budi@awan.example", "knows the shop")
        settling.note(unit, one.id, "asked Midtrans")
        with pytest.raises(InvalidRequest):
            settling.resolve(unit, one.id, "explained", "  ")
        settling.resolve(unit, one.id, "explained", "belongs to our other shop")
    row = stage.row(differences)
    assert (row.state, row.resolution, row.assignee, row.closed_by) == (
        "resolved", "explained", "budi@awan.example", "staff:sari@awan.example",
    )  # fmt: skip
    told = [(step.step, step.reason) for step in stage.rows(difference_steps, difference_steps.c.n)]
    assert told == [
        ("found", None), ("assigned", "knows the shop"), ("noted", "asked Midtrans"),
        ("resolved", "belongs to our other shop"),
    ]  # fmt: skip
    actions = {row.action for row in stage.rows(audit, subject_id=one.id)}
    assert actions == {"difference.assign", "difference.note", "difference.resolve"}
    with pytest.raises(Conflict), stage.engine.work(stage.id, staff("sari")) as unit:
        settling.note(unit, one.id, "too late")
    stage.audit()


def test_a_correction_above_the_limit_needs_a_second_person(stage: Stage) -> None:
    [ours] = paid(stage, 1)
    imported(stage, report(line(ours.order_id, 101_000), line("NOBODY-2")))
    small, large = sorted(stage.rows(differences), key=lambda row: row.kind)
    with stage.engine.work(stage.id, staff("sari")) as unit:
        settling.resolve(unit, small.id, "booked", "short by ten", account="bad_debt",
                         amount=10_000)  # fmt: skip
        settling.resolve(unit, large.id, "booked", "theirs", account="bank", amount=-1_000_001)
    assert books(stage, "difference_booked") == {"bad_debt": 10_000, "gateway_clearing": -10_000}
    with pytest.raises(Forbidden), stage.engine.work(stage.id, staff("sari")) as unit:
        settling.approve(unit, large.id)
    with stage.engine.work(stage.id, staff("budi")) as unit:
        settling.decline(unit, large.id, "wrong account")
    with stage.engine.work(stage.id, staff("sari")) as unit:
        settling.resolve(unit, large.id, "booked", "theirs", account="rounding", amount=1_000_001)
    with stage.engine.work(stage.id, staff("budi")) as unit:
        settling.approve(unit, large.id)
    assert books(stage, "difference_booked")["rounding"] == 1_000_001
    stage.audit()


def test_a_report_that_is_dropped_is_forgotten(stage: Stage) -> None:
    with stage.work() as unit:
        file_id = read_file(stage.engine, unit, "jan.csv", report(line("NOBODY-3")))
        drop_file(unit, file_id)
    row = stage.row(settlement_files)
    assert (row.state, row.content_sealed) == ("dropped", None)
    imported(stage, report(line("NOBODY-3")))
    assert stage.row(settlement_files).state == "booked"


def test_history_of_reports_is_never_edited(stage: Stage) -> None:
    imported(stage, report(line("NOBODY-4")))
    for statement in (
        "UPDATE settlement_rows SET gross = gross + 1, net = net + 1",
        "DELETE FROM settlement_rows",
        "UPDATE difference_steps SET reason = 'x'",
        "UPDATE differences SET kind = 'fee_differs'",
        "DELETE FROM differences",
    ):
        with pytest.raises(Exception, match=r"never|denied"), stage.work() as unit:
            unit.session.execute(text(statement))


def test_a_file_that_is_no_report_is_refused_whole(stage: Stage) -> None:
    with pytest.raises(InvalidRequest) as refused, stage.work() as unit:
        read_file(stage.engine, unit, "x.csv", b"a,b\n1,2\n")
    assert refused.value.code == "report_header_missing"
    assert stage.rows(settlement_files) == []
