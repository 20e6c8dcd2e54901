"""The port through which mail leaves, and its SMTP adapter."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Protocol

from core.errors import EngineError, Unavailable
from core.settings import Settings

CONNECT_SECONDS = 10


class MailRefused(EngineError):  # noqa: N818 - named like the others in core/errors.py
    """The mail will never be taken as it is: a bad address, a refused recipient or content."""


class MailUnavailable(Unavailable):
    """The mail server cannot take the mail now; sending the same mail again may work."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; ``media_type`` such as ``application/pdf``."""

    filename: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """One mail to one person, complete: sending adds nothing but the sender's address.

    ``message_id`` is derived by the caller (``derived_message_id``) and ``date`` is an aware
    instant, so that a mail sent again after a crash is recognisably the same mail, byte by byte.
    """

    to: str
    subject: str
    html: str
    text: str
    message_id: str
    date: datetime
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    from_name: str = ""


class Mailer(Protocol):
    """Whatever takes mail away."""

    def send(self, mail: OutgoingMail) -> None:
        """Hand ``mail`` over.

        Raises:
            MailRefused: never send this mail again.
            MailUnavailable: send the same mail again later.
        """
        ...


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """Mail over SMTP, one connection per mail.

    ``starttls`` demands an encrypted line with a verified certificate before anything is said.
    ``seconds`` bounds the connection and every answer of the server.
    """

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = False
    seconds: int = CONNECT_SECONDS
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> SmtpMailer:
        """The mailer that the environment describes."""
        return cls(
            host=settings.mail_host,
            port=settings.mail_port,
            sender=settings.mail_from,
            user=settings.mail_user,
            password=settings.mail_password,
            starttls=settings.mail_starttls,
        )

    def send(self, mail: OutgoingMail) -> None:
        """Hand ``mail`` to the server; see ``Mailer.send``."""
        message = build_message(mail, self.sender)
        try:
            self._hand_over(mail.to, message.as_bytes(policy=SMTP_POLICY))
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()))
            raise _answer(code, words) from error
        except smtplib.SMTPDataError as error:
            raise _answer(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailUnavailable(
                "mail_unavailable", f"the mail server did not take the mail: {error}"
            ) from error

    def _hand_over(self, to: str, message: bytes) -> None:
        with smtplib.SMTP(self.host, self.port, timeout=self.seconds) as server:
            if self.starttls:
                server.starttls(context=self.tls or ssl.create_default_context())
            if self.user:
                server.login(self.user, self.password or "")
            server.sendmail(self.sender, [to], message)


def derived_message_id(key: str, domain: str) -> str:
    """Return the Message-ID that belongs to ``key``, always the same one.

    ``key`` names the mail for good, for example ``merchant/invoice id/issued``.
    """
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def build_message(mail: OutgoingMail, sender: str) -> EmailMessage:
    """Write ``mail`` as a MIME message: text and HTML as alternatives, then the attachments.

    Raises:
        MailRefused: an address or header that cannot be written, such as one with a line break.
    """
    if mail.date.tzinfo is None:
        raise ValueError("the date of a mail needs its offset")
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        message["From"] = Address(mail.from_name, addr_spec=sender)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(mail.date)
        message["Message-ID"] = mail.message_id
        for name, value in mail.headers.items():
            message[name] = value
    except (ValueError, MessageError, IndexError) as error:
        raise MailRefused("mail_malformed", f"the mail cannot be written: {error}") from error
    if not mail.to.isascii():
        raise MailRefused("mail_malformed", "addresses outside ASCII are not supported")
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    for attachment in mail.attachments:
        kind, _, subtype = attachment.media_type.partition("/")
        message.add_attachment(
            attachment.data, maintype=kind, subtype=subtype, filename=attachment.filename
        )
    _derive_boundaries(message, mail.message_id)
    return message


def _derive_boundaries(message: EmailMessage, message_id: str) -> None:
    """Boundaries are random by default; ours follow from the mail, so its bytes do too."""
    multiparts = (part for part in message.walk() if part.is_multipart())
    for number, part in enumerate(multiparts):
        digest = hashlib.sha256(f"{message_id}/{number}".encode()).hexdigest()
        part.set_boundary(f"=_{digest[:32]}")


def _answer(code: int, words: bytes | str) -> EngineError:
    """Answers from 500 on are final, the others (greylisting, a full box) are not."""
    told = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    if code >= 500:
        return MailRefused("mail_refused", f"the mail server refused the mail: {code} {told}")
    return MailUnavailable("mail_unavailable", f"the mail server asks to wait: {code} {told}")
