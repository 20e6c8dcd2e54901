"""Mail over a real SMTP server on this machine."""

from __future__ import annotations

import email
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import default as modern

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from documents.notices import NOTICE, PDF

from core.mail import MailRefused, MailUnavailable, SmtpMailer, build_message
from invoices.adapters.mail import compose


class Box:
    """What a mail server does: keeps what it takes, refuses whom it is told to."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.answers: dict[str, str] = {}

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.answers:
            return self.answers["DATA"]
        assert isinstance(envelope.content, bytes)
        self.raw.append(envelope.content)
        message = email.message_from_bytes(envelope.content, policy=modern)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def mailer(box: Box) -> Iterator[SmtpMailer]:
    port = free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield SmtpMailer("127.0.0.1", port, "billing@larasa.example", seconds=5)
    controller.stop()


def test_a_mail_arrives_whole(mailer: SmtpMailer, box: Box) -> None:
    mailer.send(compose(NOTICE))
    (message,) = box.taken
    assert message["From"] == "Larasa <billing@larasa.example>"
    assert message["To"] == "dewi@kopipelangi.example"
    assert message["Subject"] == "Invoice INV/2026/XI/00042 dari Larasa: Rp387.390"
    assert message["Message-ID"] == NOTICE.message_id
    assert message["Date"] == "Sat, 21 Nov 2026 02:00:00 +0000"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Visa" not in text.get_content()
    assert "7001 2000 0012 345" in text.get_content()
    assert "7001 2000 0012 345" in html.get_content()
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "INV-2026-XI-00042.pdf"
    assert attachment.get_content() == PDF


def test_a_mail_sent_again_is_the_same_mail(mailer: SmtpMailer, box: Box) -> None:
    mailer.send(compose(NOTICE))
    mailer.send(compose(NOTICE))
    assert box.raw[0] == box.raw[1]


@pytest.mark.parametrize(
    "at,                        answer,              raised",
    [
        ("dewi@kopipelangi.example", "550 no such user",  MailRefused),
        ("dewi@kopipelangi.example", "450 greylisted",    MailUnavailable),
        ("DATA",                     "554 looks like spam", MailRefused),
        ("DATA",                     "452 disk full",     MailUnavailable),
    ],
)  # fmt: skip
def test_the_servers_answer_says_whether_to_try_again(
    mailer: SmtpMailer, box: Box, at: str, answer: str, raised: type[Exception]
) -> None:
    box.answers[at] = answer
    with pytest.raises(raised, match=answer):
        mailer.send(compose(NOTICE))
    assert box.taken == []


def test_a_server_that_is_not_there_is_tried_again_later() -> None:
    with pytest.raises(MailUnavailable):
        SmtpMailer("127.0.0.1", free_port(), "billing@larasa.example").send(compose(NOTICE))


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = SmtpMailer("127.0.0.1", silent.getsockname()[1], "b@larasa.example", seconds=1)
        with pytest.raises(MailUnavailable):
            mailer.send(compose(NOTICE))


def test_a_server_that_hangs_up_is_tried_again_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as rude:

        def hang_up() -> None:
            line, _ = rude.accept()
            line.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        mailer = SmtpMailer("127.0.0.1", rude.getsockname()[1], "b@larasa.example", seconds=5)
        with pytest.raises(MailUnavailable):
            mailer.send(compose(NOTICE))
        thread.join()


def test_an_encrypted_line_is_demanded_before_anything_is_said(
    mailer: SmtpMailer, box: Box
) -> None:
    """This server offers no STARTTLS."""
    with pytest.raises(MailUnavailable):
        replace(mailer, starttls=True).send(compose(NOTICE))
    assert box.taken == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_it_signs_in_where_a_user_is_set(box: Box) -> None:
    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password == b"secret"
        return AuthResult(success=good, handled=False)  # the server answers

    port = free_port()
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=check,
        auth_require_tls=False,
        auth_required=True,
    )
    controller.start()
    try:
        mailer = SmtpMailer("127.0.0.1", port, "b@larasa.example", user="u", password="secret")
        mailer.send(compose(NOTICE))
        with pytest.raises(MailUnavailable, match="535"):
            replace(mailer, password="wrong").send(compose(NOTICE))
    finally:
        controller.stop()
    assert len(box.taken) == 1


def test_a_mail_needs_an_instant_with_its_offset() -> None:
    mail = replace(compose(NOTICE), date=datetime(2026, 11, 21))
    with pytest.raises(ValueError, match="offset"):
        build_message(mail, "b@larasa.example")
