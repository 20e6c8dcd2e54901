"""Credit notes: tax to the rupiah, debt before money, numbers of their own, books that agree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.credit import CreditNote, credit_invoice, creditable_amount
from billing.tables import balance_entries
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.tables import messages
from dunning.tables import dunning_cases
from invoices.tables import credit_note_lines, credit_notes, invoice_lines, invoices


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def credit(stage: Stage, invoice_id: UUID, **how: Any) -> CreditNote:
    with stage.work() as unit:
        return credit_invoice(
            unit,
            invoice_id,
            **{"reason": "mistake", "source_kind": "request", "source_id": ids.fresh(), **how},
        )


def vat(stage: Stage, account: str) -> int:
    with stage.engine.db.begin(stage.id) as session:
        found = session.execute(
            text(
                "SELECT coalesce(-sum(amount), 0) FROM postings "
                "WHERE merchant_id = :m AND account = :a"
            ),
            {"m": stage.id, "a": account},
        ).scalar_one()
        return int(found)


def unpaid(stage: Stage, amount: int = 150_000, **terms: Any) -> UUID:
    _, _, invoice_id = stage.invoice_customer(amount, **terms)
    stage.drain()
    return invoice_id


def paid(stage: Stage, amount: int = 150_000, **terms: Any) -> UUID:
    invoice_id = unpaid(stage, amount, **terms)
    stage.pays(invoice_id)
    return invoice_id


# (price, tax mode, credited gross, net, tax): PPN 11% effective, rounded half up.
#   55,500 / 1.11 = 50,000; 11% of it 5,500.   33,333: 33,333 x 11/111 = 3,303.27 -> 3,303.
#   inclusive 150,000: tax 14,864.86 -> 14,865; of 50,000: 4,954.95 -> 4,955.
@pytest.mark.parametrize(
    ("price", "mode", "gross", "split"),
    [
        (150_000, "exclusive", 55_500, (50_000, 5_500)),
        (150_000, "exclusive", 33_333, (30_030, 3_303)),
        (150_000, "exclusive", 166_500, (150_000, 16_500)),
        (150_000, "inclusive", 50_000, (45_045, 4_955)),
        (150_000, "inclusive", 150_000, (135_135, 14_865)),
        (99_999, "exclusive", 1, (1, 0)),
    ],
)
def test_a_note_splits_into_price_and_tax(
    stage: Stage, price: int, mode: str, gross: int, split: tuple[int, int]
) -> None:
    invoice_id = paid(stage, price, tax_mode=mode)
    note = credit(stage, invoice_id, gross_amount=gross)
    assert (note.net, note.tax, note.total) == (*split, gross)
    stage.audit()


@pytest.mark.parametrize("mode", ["exclusive", "inclusive"])
@pytest.mark.parametrize("parts", [(1, 7, 99), (33_333, 33_333), (55_500, 111)])
def test_notes_that_give_everything_back_return_exactly_the_tax(
    stage: Stage, mode: str, parts: tuple[int, ...]
) -> None:
    invoice_id = paid(stage, 99_999, tax_mode=mode)
    charged = stage.invoice(invoice_id)
    for part in parts:
        credit(stage, invoice_id, gross_amount=part)
    credit(stage, invoice_id)  # the rest
    notes = stage.rows(credit_notes)
    assert sum(note.total_amount for note in notes) == charged.total_amount
    assert sum(note.tax_amount for note in notes) == charged.tax_amount
    assert vat(stage, "output_vat") == vat(stage, "vat_not_due") == 0
    with stage.work() as unit:
        assert creditable_amount(unit, invoice_id) == 0
    stage.audit()


def test_a_credit_on_an_unpaid_invoice_lowers_the_debt_and_touches_no_tax_report(
    stage: Stage,
) -> None:
    invoice_id = unpaid(stage)
    note = credit(stage, invoice_id, gross_amount=55_500)
    assert (note.to_invoice, note.to_balance) == (55_500, 0)
    invoice = stage.invoice(invoice_id)
    assert (invoice.status, invoice.due_amount, invoice.credited_amount) == (
        "open",
        111_000,
        55_500,
    )
    assert (vat(stage, "vat_not_due"), vat(stage, "output_vat")) == (11_000, 0)
    assert stage.rows(balance_entries) == []


def test_the_rest_paid_later_makes_only_its_own_tax_due(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer(99_999)
    credit(stage, invoice_id, gross_amount=33_333)
    stage.drain()
    stage.pays(invoice_id)
    total_tax = stage.invoice(invoice_id).tax_amount
    assert vat(stage, "vat_not_due") == 0
    assert vat(stage, "output_vat") == total_tax - stage.row(credit_notes).tax_amount
    stage.audit()


def test_a_whole_credit_settles_an_unpaid_invoice_and_ends_its_case(stage: Stage) -> None:
    from billing.flows.chase import open_invoice_case

    invoice_id = unpaid(stage)
    with stage.work() as unit:
        open_invoice_case(unit, invoice_id)
    credit(stage, invoice_id)
    invoice = stage.invoice(invoice_id)
    assert (invoice.status, invoice.due_amount, invoice.tax_point_on) == ("paid", 0, None)
    case = stage.row(dunning_cases, invoice_id=invoice_id)
    assert (case.state, case.closed_because) == ("stopped", "credited")
    assert (vat(stage, "vat_not_due"), vat(stage, "output_vat")) == (0, 0)
    stage.audit()


def test_a_credit_on_a_paid_invoice_becomes_balance_and_pays_the_next_one(stage: Stage) -> None:
    invoice_id = paid(stage)
    note = credit(stage, invoice_id, gross_amount=55_500)
    assert (note.to_invoice, note.to_balance) == (0, 55_500)
    assert stage.row(balance_entries).amount == 55_500
    assert vat(stage, "output_vat") == 16_500 - 5_500
    stage.live_until(jakarta("2027-01-30 12:00"))
    [second] = [row for row in stage.rows(invoices) if row.id != invoice_id]
    assert (second.total_amount, second.paid_amount, second.due_amount) == (
        166_500,
        55_500,
        111_000,
    )


def test_a_part_paid_invoice_gives_back_debt_first(stage: Stage) -> None:
    """The second invoice is 166,500 of which 55,500 were paid by balance: 111,000 are due."""
    first = paid(stage)
    credit(stage, first, gross_amount=55_500)
    stage.live_until(jakarta("2027-01-30 12:00"))
    [second] = [row.id for row in stage.rows(invoices) if row.id != first]
    note = credit(stage, second)
    assert (note.total, note.to_invoice, note.to_balance) == (166_500, 111_000, 55_500)
    assert stage.invoice(second).due_amount == 0
    # All tax of the second is gone, owed or not; of the first what was not credited is owed.
    assert (vat(stage, "vat_not_due"), vat(stage, "output_vat")) == (0, 11_000)
    stage.audit()


def test_lines_are_credited_in_their_own_terms(stage: Stage) -> None:
    invoice_id = paid(stage)
    [line] = stage.rows(invoice_lines, invoice_id=invoice_id)
    note = credit(stage, invoice_id, net_lines={line.id: 60_000})
    assert (note.net, note.tax, note.total) == (60_000, 6_600, 66_600)
    [given] = stage.rows(credit_note_lines)
    assert (given.invoice_line_id, given.net_amount, given.tax_amount) == (line.id, 60_000, 6_600)


def test_the_same_source_credits_once(stage: Stage) -> None:
    invoice_id = paid(stage)
    source = ids.fresh()
    first = credit(stage, invoice_id, source_id=source, gross_amount=10_000)
    again = credit(stage, invoice_id, source_id=source, gross_amount=10_000)
    assert first == again
    assert len(stage.rows(credit_notes)) == 1


def test_notes_have_a_series_of_their_own_without_gaps(stage: Stage) -> None:
    invoice_id = paid(stage)
    numbers = [credit(stage, invoice_id, gross_amount=1_000).number for _ in range(3)]
    with pytest.raises(EngineError):
        credit(stage, invoice_id, gross_amount=999_999_999)
    numbers.append(credit(stage, invoice_id, gross_amount=1_000).number)
    assert numbers == [f"NK-2027-{n:06d}" for n in range(1, 5)]


def test_the_note_is_mailed(stage: Stage) -> None:
    invoice_id = paid(stage)
    note = credit(stage, invoice_id, gross_amount=1_000)
    assert stage.row(messages, kind="credit_note.issued").subject_id == note.id


@pytest.mark.parametrize(
    ("gross", "code"),
    [(0, "nothing_to_credit"), (-1, "nothing_to_credit"), (166_501, "credit_exceeds_document")],
)
def test_what_can_not_be_credited_is_refused(stage: Stage, gross: int, code: str) -> None:
    invoice_id = paid(stage)
    with pytest.raises(InvalidRequest) as caught:
        credit(stage, invoice_id, gross_amount=gross)
    assert caught.value.code == code
    assert stage.rows(credit_notes) == []


def test_a_void_invoice_is_not_credited(stage: Stage) -> None:
    from billing.flows.void import void_invoice

    invoice_id = unpaid(stage)
    with stage.work() as unit:
        void_invoice(unit, invoice_id, reason="mistake")
    with pytest.raises(Conflict) as caught:
        credit(stage, invoice_id)
    assert caught.value.code == "invoice_not_creditable"
    stage.audit()
