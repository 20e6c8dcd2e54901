"""The mailbox: mail goes in by SMTP, is listed, shown without its scripts, its files kept."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from ops.embedded import free_port
from ops.mailbox import Catcher, Mailbox
from ops.mailbox_page import _moment

PDF = b"%PDF-1.7 not really"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[tuple[int, str]]:
    smtp, web = free_port(), free_port()
    box = Mailbox(tmp_path / "mail", smtp_port=smtp, web_port=web)
    box.start()
    yield smtp, f"http://127.0.0.1:{web}"
    box.stop()


def invoice_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Studio Awan <tagihan@awan.example>"
    mail["To"] = "siti@contoh.example"
    mail["Subject"] = "Tagihan INV-2026-000001 <b>&"
    mail["Date"] = "Sat, 31 Jan 2026 09:00:00 +0700"
    mail.set_content("Halo Siti")
    mail.add_alternative("<p>Halo <script>alert(1)</script>Siti</p>", subtype="html")
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="INV 1.pdf")
    return mail


def test_a_mail_is_listed_shown_and_its_file_kept(mailbox: tuple[int, str]) -> None:
    port, url = mailbox
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(invoice_mail())

    with httpx.Client(base_url=url) as web:
        (mail,) = web.get("/messages.json").json()
        assert (mail["to"], mail["subject"]) == (
            "siti@contoh.example",
            "Tagihan INV-2026-000001 <b>&",
        )
        assert mail["attachments"][0]["name"] == "INV 1.pdf"

        for path in ("/", f"/messages/{mail['id']}"):
            page = web.get(path)
            assert page.status_code == 200
            assert "INV-2026-000001 &lt;b&gt;&amp;" in page.text

            assert "31 January 2026" in page.text
            assert "09:00 WIB" in page.text
        assert "Times are WIB (Asia/Jakarta)" in web.get("/").text

        body = web.get(f"/messages/{mail['id']}/body")
        assert "Halo" in body.text
        assert body.headers["content-security-policy"].startswith("sandbox")
        assert "allow-scripts" not in body.headers["content-security-policy"]

        file = web.get(mail["attachments"][0]["path"])
        assert (file.content, file.headers["content-type"]) == (PDF, "application/pdf")
        assert file.headers["content-disposition"].startswith("inline")
        kept = web.get(mail["attachments"][0]["path"] + "?download")
        assert kept.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path",
    [
        "/messages/../keys.json",
        "/messages/%2e%2e%2fkeys",
        "/messages/20260101T000000000000-000001",
        "/messages/x/files/99",
        "/nothing",
    ],
)
def test_what_is_not_a_mail_is_not_found(mailbox: tuple[int, str], path: str) -> None:
    assert httpx.get(mailbox[1] + path).status_code == 404


@pytest.mark.parametrize(("date", "shown"), [
    ("Sat, 31 Jan 2026 18:30:00 +0000", ("1 February 2026", "01:30 WIB")),
    ("Sat, 31 Jan 2026 18:30:00 -0000", ("1 February 2026", "01:30 WIB")),
    ("Sat, 31 Jan 2026 09:00:00 +0900", ("31 January 2026", "07:00 WIB")),
    ("", ("", "")),
    ("tomorrow", ("", "")),
])  # fmt: skip
def test_a_date_is_shown_where_the_reader_is(date: str, shown: tuple[str, str]) -> None:
    assert _moment(date) == shown


def test_only_the_newest_mails_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.mailbox._MAILS_MAX", 2)
    catcher = Catcher(tmp_path)

    names = [catcher.keep(b"Subject: x\n\nbody") for _ in range(3)]

    assert sorted(path.name for path in tmp_path.glob("*.eml")) == names[1:]
