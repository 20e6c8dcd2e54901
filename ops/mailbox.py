"""A mail server for a first run: takes every mail, sends none on, shows them on a page."""

from __future__ import annotations

import itertools
import logging
import signal
import threading
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core import logs
from core.clock import utc_now
from core.settings import Settings
from ops.mailbox_page import serve

_MAIL_BYTES_MAX = 25_000_000
_MAILS_MAX = 2_000  # the oldest go first


class Catcher:
    """Stores each mail as one ``.eml`` file, named by the moment it came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """What the SMTP server calls with a whole mail."""
        content: Any = envelope.content
        body = content.encode() if isinstance(content, str) else bytes(content or b"")
        name = self.keep(body)
        logging.getLogger("tagihan.mailbox").info(
            "mail caught", extra={"file": name, "bytes": len(body)}
        )
        return "250 kept"

    def keep(self, mail: bytes) -> str:
        """Write a mail whole or not at all; answers the name of its file."""
        with self._lock:
            moment = utc_now().strftime("%Y%m%dT%H%M%S%f")
            name = f"{moment}-{next(self._count):06d}.eml"
            half = self._folder / f".{name}"
            half.write_bytes(mail)
            half.rename(self._folder / name)
            for old in sorted(self._folder.glob("*.eml"))[:-_MAILS_MAX]:
                old.unlink(missing_ok=True)
        return name


class Mailbox:
    """The SMTP catcher and its page, on 127.0.0.1, as threads of this process."""

    def __init__(self, folder: Path, *, smtp_port: int, web_port: int) -> None:
        self._smtp = Controller(
            Catcher(folder),
            hostname="127.0.0.1",
            port=smtp_port,
            data_size_limit=_MAIL_BYTES_MAX,
            enable_SMTPUTF8=True,
        )
        self._folder = folder
        self._web_port = web_port

    def start(self) -> None:
        """Listen on both ports."""
        self._smtp.start()
        self._web = serve(self._folder, self._web_port)
        threading.Thread(
            target=self._web.serve_forever, args=(0.1,), name="mailbox", daemon=True
        ).start()

    def stop(self) -> None:
        """Close both."""
        self._web.shutdown()
        self._web.server_close()
        self._smtp.stop()


def main(settings: Settings) -> None:
    """Catch mail until told to stop."""
    mailbox = Mailbox(
        settings.home / "mail", smtp_port=settings.smtp_port, web_port=settings.mailbox_port
    )
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    mailbox.start()
    logs.say_ready("mailbox")
    stop.wait()
    mailbox.stop()
