"""Mail: what goes out when, over a real mail server, and what happens when it does not."""

from __future__ import annotations

import email
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default as modern
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows import deliver
from billing.flows.credit import credit_invoice
from billing.flows.documents import Links, credit_note_pdf, invoice_page, invoice_pdf, invoice_view
from core import ids
from core.errors import NotFound
from core.links import read_link
from core.mail import MailUnavailable, SmtpMailer
from core.tables import messages
from core.work import Mail, queue_mail
from payments.tables import reviews


class Box:
    """A mail server that takes everything but what it is told to refuse."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refuse = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=modern)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def smtp(box: Box) -> Iterator[SmtpMailer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield SmtpMailer("127.0.0.1", port, "billing@awan.example", seconds=5)
    controller.stop()


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def over(stage: Stage, smtp: SmtpMailer) -> Stage:
    """The same stage with a real mail server."""
    return replace(stage, engine=replace(stage.engine, mailer=smtp))


def body(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def files(message: EmailMessage) -> dict[str, bytes]:
    return {
        str(part.get_filename()): part.get_payload(decode=True)  # type: ignore[misc]
        for part in message.iter_attachments()
    }


def issued_and_paid(stage: Stage) -> UUID:
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    stage.pays(invoice_id)
    stage.drain()
    return invoice_id


def test_an_invoice_goes_out_with_its_number_to_pay_to_its_file_and_its_link(
    stage: Stage, smtp: SmtpMailer, box: Box
) -> None:
    real = over(stage, smtp)
    _, _, invoice_id = real.invoice_customer()
    real.drain()
    [message] = box.taken
    invoice = real.invoice(invoice_id)
    assert "INV-2027-000001" in message["Subject"]
    assert message["Date"] == "Tue, 05 Jan 2027 02:00:00 +0000"
    assert re.search(r"7000 \d{4} \d{4}", body(message))  # the virtual account
    [(name, pdf)] = files(message).items()
    assert name == "INV-2027-000001.pdf"
    assert pdf.startswith(b"%PDF-")
    with real.work() as unit:
        assert invoice_pdf(unit, invoice_id, links=Links.of(real.engine)) == pdf
    [token] = set(re.findall(r"/i/([\w-]{68})", body(message)))
    link = read_link(real.engine.vault.subkey("links"), token, invoice.due_on)
    assert (link.purpose, link.merchant_id, link.subject_id) == ("invoice", real.id, invoice_id)


def test_a_payment_is_answered_by_a_receipt(stage: Stage, smtp: SmtpMailer, box: Box) -> None:
    real = over(stage, smtp)
    issued_and_paid(real)
    [_, message] = box.taken
    assert "INV-2027-000001" in message["Subject"]
    assert list(files(message)) == ["INV-2027-000001.pdf"]
    assert "Metode: BCA Virtual Account" in body(message)
    assert "Tanggal: 5 Januari 2027" in body(message)
    assert "Rp166.500" in body(message)


def test_a_credit_note_goes_out_with_its_file(stage: Stage, smtp: SmtpMailer, box: Box) -> None:
    real = over(stage, smtp)
    invoice_id = issued_and_paid(real)
    with real.work() as unit:
        note = credit_invoice(
            unit, invoice_id, gross_amount=55_500, reason="mistake",
            source_kind="request", source_id=ids.fresh(),
        )  # fmt: skip
    real.drain()
    [(name, pdf)] = files(box.taken[-1]).items()
    assert name == "NK-2027-000001.pdf"
    with real.work() as unit:
        assert credit_note_pdf(unit, note.id, links=Links.of(real.engine)) == pdf


def test_a_reader_of_english_gets_english(stage: Stage, smtp: SmtpMailer, box: Box) -> None:
    from builders import make_customer, make_price, make_subscription

    real = over(stage, smtp)
    with real.work() as unit:
        customer = make_customer(unit, locale="en")
        make_subscription(unit, customer=customer, price=make_price(unit))
    real.drain()
    [message] = box.taken
    assert "Due date" in body(message)


def test_a_mail_server_that_is_down_is_asked_again_later(stage: Stage) -> None:
    stage.invoice_customer()
    stage.mailer.script.extend([MailUnavailable("mail_unavailable", "down")] * 2)
    stage.drain()
    waiting = stage.row(messages)
    assert (waiting.state, waiting.sends, waiting.failure) == ("queued", 1, "down")
    assert stage.mailer.sent == []
    stage.machine.passes(seconds=31)
    stage.drain()
    stage.machine.passes(seconds=31)
    stage.drain()
    assert stage.mailer.sent == []  # the second wait is longer
    stage.machine.passes(seconds=120)
    stage.drain()
    assert stage.row(messages).state == "sent"
    assert len(stage.mailer.sent) == 1


def test_a_mail_nobody_will_ever_take_is_shown_to_a_person(
    stage: Stage, smtp: SmtpMailer, box: Box
) -> None:
    box.refuse = "550 no such user here"
    real = over(stage, smtp)
    real.invoice_customer()
    real.drain()
    dead = real.row(messages)
    assert (dead.state, dead.next_at) == ("dead", None)
    assert "550" in dead.failure
    assert real.row(reviews).kind == "mail_refused"
    assert real.told("message.sent") == []


def test_a_mail_sent_again_after_a_crash_is_the_same_mail(stage: Stage) -> None:
    class Killed(BaseException):
        """What a SIGKILL looks like from inside."""

    stage.invoice_customer()
    real = deliver._close

    def dies(*args: object, **named: object) -> None:
        raise Killed

    deliver._close = dies
    try:
        with pytest.raises(Killed):
            stage.drain()
    finally:
        deliver._close = real
    assert stage.row(messages).state == "sending"
    deliver.send_due(stage.engine, stage.id)
    assert len(stage.mailer.sent) == 1  # the lease is still good
    stage.machine.passes(minutes=4)
    deliver.send_due(stage.engine, stage.id)
    first, second = stage.mailer.sent
    assert first == second
    assert stage.row(messages).state == "sent"


def test_a_reminder_that_is_no_longer_true_is_not_sent(stage: Stage) -> None:
    invoice_id = issued_and_paid(stage)
    before = len(stage.mailer.sent)
    with stage.work() as unit:
        queue_mail(
            unit,
            [Mail("dunning.reminder", "invoice", invoice_id, "budi@contoh.example", "id")],
        )
    stage.drain()
    assert len(stage.mailer.sent) == before
    assert stage.row(messages, kind="dunning.reminder").state == "dropped"
    assert stage.rows(reviews) == []


def test_a_kind_nobody_can_word_is_shown_to_a_person(stage: Stage) -> None:
    with stage.work() as unit:
        queue_mail(unit, [Mail("greeting", "invoice", ids.fresh(), "budi@contoh.example", "id")])
    stage.drain()
    assert stage.row(messages).state == "dead"
    assert stage.row(reviews).kind == "mail_refused"


def test_an_invoice_waits_a_moment_for_its_number_to_pay_to(stage: Stage) -> None:
    _, _, _ = stage.invoice_customer()
    assert deliver.send_due(stage.engine, stage.id) == 0  # the number is still being asked for
    stage.machine.passes(minutes=1)
    assert deliver.send_due(stage.engine, stage.id) == 1  # not for ever


def test_pages_and_files_of_one_state_are_always_the_same(stage: Stage) -> None:
    invoice_id = issued_and_paid(stage)
    links = Links.of(stage.engine)
    with stage.work() as unit:
        first = invoice_pdf(unit, invoice_id, links=links), invoice_page(unit, invoice_id)
    stage.live_until(jakarta("2027-01-20 09:00"))
    with stage.work() as unit:
        assert (invoice_pdf(unit, invoice_id, links=links), invoice_page(unit, invoice_id)) == first
        assert invoice_view(unit, invoice_id).stamp == "LUNAS"


def test_an_unpaid_invoice_is_overdue_on_the_page_and_not_in_the_file(stage: Stage) -> None:
    _, _, invoice_id = stage.invoice_customer()
    stage.drain()
    with stage.work() as unit:
        before = invoice_pdf(unit, invoice_id)
        assert invoice_view(unit, invoice_id).status == "BELUM DIBAYAR"
    stage.live_until(jakarta("2027-01-14 09:00"))
    with stage.work() as unit:
        assert invoice_view(unit, invoice_id).status == "LEWAT JATUH TEMPO"
        assert invoice_pdf(unit, invoice_id) == before


def test_a_document_of_nobody_is_not_found(stage: Stage) -> None:
    with stage.work() as unit:
        with pytest.raises(NotFound):
            invoice_pdf(unit, ids.fresh())
        with pytest.raises(NotFound):
            credit_note_pdf(unit, ids.fresh())
