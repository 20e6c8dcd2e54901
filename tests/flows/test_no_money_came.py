"""An invoice that nobody paid never says that money came: credited whole, void, or written off."""

from __future__ import annotations

from uuid import UUID

import pytest
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, make_stage

from api.v1.invoices import InvoiceOut
from billing.engine import Engine
from billing.flows.credit import credit_invoice
from billing.flows.documents import Links, invoice_document
from billing.flows.send_again import send_again
from billing.flows.take_out import take_out
from billing.flows.void import mark_uncollectible
from core.errors import Conflict
from core.tables import events

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def shown(stage: Stage, invoice: UUID) -> tuple[str, list[str], list[str]]:
    """What the document says: its state, its facts, its sums."""
    with stage.work() as unit:
        view = invoice_document(unit, invoice, links=Links.of(stage.engine)).view
    return (
        view.status,
        [f"{one.label} {one.text}" for one in view.facts],
        [f"{one.label} {one.amount}" for one in view.summary],
    )


def test_what_is_credited_whole_is_not_told_as_paid(stage: Stage, mailer: FakeMailer) -> None:
    _, _, invoice = stage.invoice_customer(6_000_000)
    stage.drain()
    with stage.work() as unit:
        credit_invoice(
            unit, invoice, reason="goodwill", source_kind="request", source_id=invoice,
        )  # fmt: skip
    stage.drain()
    out = InvoiceOut.of(stage.invoice(invoice))
    assert (out.status, out.paid, out.credited, out.due) == ("paid", 0, 6_660_000, 0)
    assert (out.paid_at, out.paid_on) == (None, None)
    types = [row.type for row in stage.rows(events, events.c.seq)]
    assert "invoice.credited" in types
    assert "invoice.paid" not in types
    status, facts, _ = shown(stage, invoice)
    assert status == "DIKREDITKAN"
    assert not any("bayar" in one.lower() or "lunas" in one.lower() for one in facts)
    with stage.work() as unit:
        # Above Rp 5,000,000 a receipt owes stamp duty; this is none.
        assert not invoice_document(unit, invoice, links=Links.of(stage.engine)).view.stamp_duty_due
    assert not any("lunas" in mail.text for mail in mailer.sent)
    with stage.work() as unit, pytest.raises(Conflict):
        send_again(unit, invoice, "document", key="again")  # that would be a receipt
    stage.audit()


def test_what_is_paid_in_part_and_credited_for_the_rest_was_paid(stage: Stage) -> None:
    _, _, invoice = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        credit_invoice(
            unit, invoice, reason="goodwill", gross_amount=66_500, source_kind="request",
            source_id=invoice,
        )  # fmt: skip
    stage.pays(invoice)
    out = InvoiceOut.of(stage.invoice(invoice))
    assert (out.status, out.paid, out.credited) == ("paid", 100_000, 66_500)
    assert out.paid_at is not None
    assert shown(stage, invoice)[0] == "LUNAS"


def test_of_a_void_invoice_nothing_is_owed_and_of_a_lost_one_all(stage: Stage) -> None:
    _, _, void = stage.invoice_customer()
    _, _, lost = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        take_out(unit, void, reason="mistake")
        mark_uncollectible(unit, lost, reason="gone")
    assert InvoiceOut.of(stage.invoice(void)).due == 0
    assert shown(stage, void)[2][-1].endswith("Rp0")
    # Written off in the books; the debt stands, and may be paid all the same.
    assert InvoiceOut.of(stage.invoice(lost)).due == 166_500
    assert shown(stage, lost)[2][-1].endswith("Rp166.500")
