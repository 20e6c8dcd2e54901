"""Cancelling after a change: each credit note stays within its document, the money is all there."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from builders import make_price, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, make_stage

from billing.engine import Engine
from billing.flows.cancel import cancel, preview_cancel
from billing.flows.cancel_quote import PlannedCancel
from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.queries import balance
from core import ids
from core.errors import Conflict
from invoices.queries import lines_of
from invoices.tables import credit_notes, invoices


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


@dataclass
class Life:
    """99,000 a month from 10 December 2026, the first invoice paid; then changes and an end."""

    stage: Stage
    subscription: UUID
    customer: UUID
    documents: list[UUID] = field(default_factory=list)

    def at(self, day: int) -> None:
        set_clock(self.stage.engine, self.stage.id, datetime(2026, 12, day, 3, tzinfo=UTC))

    def upgrade(self, amount: int, quantity: int, *, paid: bool) -> None:
        with self.stage.work() as unit:
            price = make_price(unit, amount).id
            done = change(
                unit, self.subscription, price_id=price, quantity=quantity, mode="prorate"
            )
        if done.invoice is not None:
            self.documents.append(done.invoice.id)
            if paid:
                self.stage.drain()
                if self.stage.invoice(done.invoice.id).due_amount:
                    self.stage.pays(done.invoice.id)

    def end(self) -> tuple[PlannedCancel, list[tuple[int, int, int, int]]]:
        """Cancel now; what was shown, and of each note (document, net, to invoice, to balance)."""
        with self.stage.work() as unit:
            shown = preview_cancel(unit, self.subscription, when="now")
        before = {row.id for row in self.stage.rows(credit_notes)}
        with self.stage.work() as unit:
            cancel(unit, self.subscription, when="now")
        notes = [n for n in self.stage.rows(credit_notes) if n.id not in before]
        found = [
            (
                self.documents.index(note.invoice_id),
                note.net_amount,
                note.to_invoice_amount,
                note.to_balance_amount,
            )
            for note in notes
        ]
        told = [
            (self.documents.index(one.invoice_id), one.net, one.to_invoice, one.to_balance)
            for one in shown.credits
        ]
        assert sorted(told) == sorted(found)
        assert {(one.number, one.tax, one.total) for one in shown.credits} == {
            (self.stage.invoice(n.invoice_id).number, n.tax_amount, n.total_amount) for n in notes
        }
        return shown, sorted(found)

    def balance(self) -> int:
        with self.stage.work() as unit:
            return balance(unit, self.customer)

    def check(self) -> None:
        """No document gives back more than it came to, and every rule of the doctor holds."""
        for document in self.stage.rows(invoices):
            notes = self.stage.rows(credit_notes, invoice_id=document.id)
            assert sum(n.net_amount for n in notes) <= document.subtotal_amount
            assert sum(n.tax_amount for n in notes) <= document.tax_amount
            assert sum(n.total_amount for n in notes) <= document.total_amount
        with self.stage.engine.db.begin(self.stage.id) as session:
            off = session.execute(
                text("SELECT 1 FROM postings GROUP BY journal_id HAVING sum(amount) <> 0")
            )
            assert off.first() is None
        self.stage.audit()


def begin(stage: Stage) -> Life:
    customer, subscription, first = stage.invoice_customer(99_000)
    stage.drain()
    stage.pays(first)
    return Life(stage, subscription, customer, [first])


# Days run from the 10th, 31 in all. On the 22nd 19 are unused: of 99,000 60,677 (60,677.42), of
# 498,000 305,226 (305,225.81): the change came to 244,549, PPN 26,900. The day of the end counts.
@pytest.mark.parametrize(
    ("upgrades", "paid", "end", "expected", "held"),
    [
        # 18 of 19 of 305,226 = 289,161.47: 244,549 there, 44,612 of the first, PPN 4,907.
        pytest.param(
            [(22, 249_000, 2)], True, 22,
            [(0, 44_612, 0, 49_519), (1, 244_549, 0, 271_449)], 320_968, id="same-day",
        ),
        # 10 of 19: 160,645.26, PPN 17,671: all of it on the change.
        pytest.param(
            [(22, 249_000, 2)], True, 30, [(1, 160_645, 0, 178_316)], 178_316, id="later",
        ),
        # 19 of 305,226 credited and 996,000 x 19/31 = 610,452: 305,226 more; 578,323 unused at
        # the end, 305,226 there, 244,549 on the first change, 28,548 on the first invoice.
        pytest.param(
            [(22, 249_000, 2), (22, 249_000, 4)], True, 22,
            [(0, 28_548, 0, 31_688), (1, 244_549, 0, 271_449), (2, 305_226, 0, 338_801)],
            641_938, id="twice",
        ),
        # What is not paid is no money: the debt goes, only the first invoice's part is balance.
        pytest.param(
            [(22, 249_000, 2)], False, 22,
            [(0, 44_612, 0, 49_519), (1, 244_549, 271_449, 0)], 49_519, id="unpaid",
        ),
    ],
)  # fmt: skip
def test_what_is_given_back_is_shared_out_over_the_documents_that_were_paid(
    stage: Stage,
    *,
    upgrades: list[tuple[int, int, int]],
    paid: bool,
    end: int,
    expected: list[tuple[int, int, int, int]],
    held: int,
) -> None:
    life = begin(stage)
    for day, amount, quantity in upgrades:
        life.at(day)
        life.upgrade(amount, quantity, paid=paid)
    life.at(end)
    _, notes = life.end()
    assert notes == expected
    assert life.balance() == held
    life.check()


def test_a_change_that_is_voided_with_the_end_frees_what_it_credited(stage: Stage) -> None:
    """Service ends with yesterday: the unpaid upgrade of today is void, 19/31 of the first back."""
    with stage.engine.db.begin(stage.id) as session:
        session.execute(
            text("UPDATE merchants SET cancel_day_billed = false WHERE merchant_id = :m"),
            {"m": stage.id},
        )
    life = begin(stage)
    life.at(22)
    life.upgrade(249_000, 2, paid=False)
    _, notes = life.end()
    assert notes == [(0, 60_677, 0, 67_351)]
    assert stage.invoice(life.documents[1]).status == "void"
    life.check()


def test_a_change_settled_in_part_that_is_taken_back_gives_back_what_it_credited(
    stage: Stage,
) -> None:
    """Service ends with yesterday, a part of today's upgrade was credited: the rest of it is, and
    the 60,677 of the first invoice (PPN 6,674) that its credit line had used up comes back."""
    with stage.engine.db.begin(stage.id) as session:
        session.execute(
            text("UPDATE merchants SET cancel_day_billed = false WHERE merchant_id = :m"),
            {"m": stage.id},
        )
    life = begin(stage)
    life.at(22)
    life.upgrade(249_000, 2, paid=False)
    change_id = life.documents[1]
    with stage.work() as unit:
        credit_invoice(
            unit, change_id, reason="mistake", gross_amount=11_100, source_kind="request",
            source_id=change_id,
        )  # fmt: skip
    with stage.work() as unit:
        cancel(unit, life.subscription, when="now")
    assert (stage.invoice(change_id).status, stage.invoice(change_id).due_amount) == ("paid", 0)
    [back] = stage.rows(credit_notes, invoice_id=life.documents[0])
    assert (back.net_amount, back.to_balance_amount) == (60_677, 67_351)
    assert life.balance() == 67_351
    life.check()


def test_a_downgrade_after_an_upgrade_stays_within_its_documents(stage: Stage) -> None:
    life = begin(stage)
    life.at(22)
    life.upgrade(249_000, 2, paid=True)
    life.upgrade(50_000, 1, paid=True)
    life.check()
    before = life.balance()
    # 305,226 back, 50,000 x 19/31 = 30,645 charged from it.
    # PPN 26,900 of the change and 6,674 (6,674.47) of the first invoice's 60,677.
    assert before == 305_226 + 26_900 + 6_674 - (30_645 + 3_371)
    life.at(23)
    _, notes = life.end()
    # 17 of 19 of 30,645 = 27,419.21; nothing of what was given back before comes again.
    assert notes == [(2, 27_419, 0, 30_435)]
    life.check()


def test_a_line_is_not_credited_beyond_what_its_document_came_to(stage: Stage) -> None:
    life = begin(stage)
    life.at(22)
    life.upgrade(249_000, 2, paid=True)
    with stage.work() as unit:
        [charge] = [one for one in lines_of(unit, life.documents[1]) if one.amount > 0]

    def give(amount: int) -> int:
        with stage.work() as unit:
            return credit_invoice(
                unit,
                life.documents[1],
                reason="mistake",
                source_kind="request",
                source_id=ids.fresh(),
                net_lines={charge.id: amount},
            ).total

    with pytest.raises(Conflict) as caught:
        give(244_550)
    assert caught.value.code == "credit_exceeds_document"
    assert give(244_549) == 271_449
    with pytest.raises(Conflict) as caught:
        give(1)
    assert caught.value.code == "credit_exceeds_document"
    life.check()


def test_a_change_given_back_by_hand_leaves_the_rest_to_the_first_invoice(stage: Stage) -> None:
    life = begin(stage)
    life.at(22)
    life.upgrade(249_000, 2, paid=True)
    with stage.work() as unit:
        credit_invoice(
            unit, life.documents[1], reason="mistake", source_kind="request", source_id=ids.fresh()
        )
    life.end()
    life.check()
