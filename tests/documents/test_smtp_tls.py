"""Mail over an encrypted line: a certificate that can be trusted, and two that can not."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from documents.notices import NOTICE
from documents.test_smtp import free_port

from core.mail import MailUnavailable, SmtpMailer
from invoices.adapters.mail import compose


class Safe:
    """A server that notes whether each mail came over an encrypted line."""

    def __init__(self) -> None:
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


def certificate(folder: Path, *names: x509.GeneralName) -> Path:
    """A certificate that signs itself, for these names, with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the test")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@contextmanager
def serving(box: Safe, pem: Path) -> Iterator[int]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    port = free_port()
    controller = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=True
    )
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("mail.elsewhere.example")


@pytest.mark.parametrize(
    ("name", "trusted", "arrives"),
    [
        (LOOPBACK, True, True),
        (LOOPBACK, False, False),  # signed by nobody we know
        (ELSEWHERE, True, False),  # somebody else's certificate
    ],
)
def test_a_mail_leaves_only_over_a_line_that_can_be_trusted(
    tmp_path: Path, name: x509.GeneralName, trusted: bool, arrives: bool
) -> None:
    pem = certificate(tmp_path, name)
    ours = ssl.create_default_context(cafile=str(pem) if trusted else None)
    box = Safe()
    with serving(box, pem) as port:
        mailer = SmtpMailer(
            "127.0.0.1", port, "billing@larasa.example", starttls=True, seconds=5, tls=ours
        )
        if arrives:
            mailer.send(compose(NOTICE))
        else:
            with pytest.raises(MailUnavailable, match="certificate"):
                mailer.send(compose(NOTICE))
    assert box.encrypted == ([True] if arrives else [])
