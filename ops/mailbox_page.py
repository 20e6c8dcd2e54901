"""The page of caught mail: a list, one mail at a time, its attachments; fits a phone."""

from __future__ import annotations

import json
import re
from datetime import UTC
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

from invoices.wording import long_date

_SHOWN_MAX = 200
_NAME = re.compile(r"^[0-9T]{10,30}-[0-9]{6}$")
# Only these are shown in the browser; anything else is downloaded.
_SHOWN_TYPES = {"application/pdf", "image/png", "image/jpeg", "text/plain"}

# Whoever reads mail here sits, as a rule, where the example merchant does.
_ZONE = ZoneInfo("Asia/Jakarta")
_ZONE_NAME = "WIB"

_STYLE = """
:root{color-scheme:light;--ink:#1c2733;--soft:#5d6b7a;--line:#e3e8ee;--brand:#0f5c4d;
--tint:#e8f2ef}
*{box-sizing:border-box}body{margin:0;background:#f4f6f8;color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem 3rem}main>p:first-child{margin:0 0 1rem}
h1{font-size:1.4rem;line-height:1.3;margin:0;overflow-wrap:anywhere}
h2{font-size:.85rem;font-weight:600;color:var(--soft);margin:1.75rem 0 .5rem}
a{color:var(--brand);text-decoration:none}a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--brand);outline-offset:2px;border-radius:.4rem}
.lead{color:var(--soft);margin:.25rem 0 1rem}.soft{color:var(--soft);font-size:.875rem}
.list{background:#fff;border:1px solid var(--line);border-radius:.75rem;overflow:hidden}
.row{display:block;color:inherit;padding:.8rem 1rem;border-top:1px solid var(--line)}
.row:first-child{border-top:0}.row:hover{background:var(--tint);text-decoration:none}
.row:focus-visible{outline-offset:-2px}
.top{display:flex;gap:1rem;justify-content:space-between;align-items:baseline}
.to{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}.time{color:var(--soft);font-size:.875rem;white-space:nowrap;
font-variant-numeric:tabular-nums}
.subject{font-weight:600;overflow-wrap:anywhere}
.chip{display:inline-block;background:var(--tint);color:var(--brand);border-radius:.4rem;
padding:.05rem .5rem;margin:.35rem .35rem 0 0;font-size:.8rem;overflow-wrap:anywhere}
.card{background:#fff;border:1px solid var(--line);border-radius:.75rem;padding:1rem;
margin:1rem 0}
dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.files{display:flex;flex-wrap:wrap;gap:.5rem;margin:0 0 1rem}
.file{display:flex;gap:.75rem;align-items:center;border:1px solid var(--line);
border-radius:.6rem;background:#fff;padding:.5rem .9rem;max-width:100%}
.file a:first-child{overflow-wrap:anywhere}.file :not(:first-child){white-space:nowrap}
iframe{display:block;width:100%;height:75vh;border:1px solid var(--line);border-radius:.75rem;
background:#fff}
"""


def serve(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that shows the mails of ``folder``; the caller runs it."""
    server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, folder))
    server.daemon_threads = True
    return server


def listing(folder: Path) -> list[dict[str, Any]]:
    """The mails, newest first: id, from, to, subject, date, attachments (name, type, bytes)."""
    names = sorted((path.stem for path in folder.glob("*.eml")), reverse=True)
    return [_facts(name, mail) for name in names[:_SHOWN_MAX] if (mail := _open(folder, name))]


class _Handler(BaseHTTPRequestHandler):
    server_version = "mailbox"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def __init__(self, folder: Path, *args: Any) -> None:
        self._folder = folder
        super().__init__(*args)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case [""]:
                self._html(_list_page(listing(self._folder)))
            case ["health"]:
                self._send(b'{"status":"ok"}', "application/json")
            case ["messages.json"]:
                self._send(json.dumps(listing(self._folder)).encode(), "application/json")
            case ["messages", name]:
                self._message(name, lambda mail: self._html(_mail_page(_facts(name, mail))))
            case ["messages", name, "body"]:
                self._message(name, self._body)
            case ["messages", name, "source"]:
                self._message(name, lambda mail: self._send(bytes(mail), "text/plain"))
            case ["messages", name, "files", number] if number.isdigit():
                download = "download" in parse_qs(url.query, keep_blank_values=True)
                self._message(name, lambda mail: self._file(mail, int(number), download=download))
            case _:
                self._missing()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing per request: the page is looked at, not audited."""

    def _message(self, name: str, answer: Any) -> None:
        mail = _open(self._folder, name)
        if mail is None:
            self._missing()
        else:
            answer(mail)

    def _body(self, mail: EmailMessage) -> None:
        part = mail.get_body(preferencelist=("html", "plain"))
        text = str(part.get_content()) if part is not None else ""
        if part is not None and part.get_content_type() == "text/plain":
            text = (
                '<pre style="white-space:pre-wrap;font:16px/1.5 system-ui,sans-serif">'
                f"{escape(text)}</pre>"
            )
        # What strangers may have written runs no script and reaches nothing of this page.
        self._send(
            text.encode(),
            "text/html; charset=utf-8",
            {
                "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; "
                "default-src 'none'; img-src data: cid:; style-src 'unsafe-inline'"
            },
        )

    def _file(self, mail: EmailMessage, number: int, *, download: bool) -> None:
        files = list(mail.iter_attachments())
        if number >= len(files):
            self._missing()
            return
        kind = files[number].get_content_type()
        shown = kind in _SHOWN_TYPES and not download
        name = quote(files[number].get_filename() or f"file-{number}")
        how = "inline" if shown else "attachment"
        self._send(
            files[number].get_payload(decode=True) or b"",
            kind if shown or kind in _SHOWN_TYPES else "application/octet-stream",
            {"Content-Disposition": f"{how}; filename*=UTF-8''{name}"},
        )

    def _html(self, page: str) -> None:
        policy_ = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'"
        self._send(page.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy_})

    def _missing(self) -> None:
        self._send(b"There is no such mail.", "text/plain", status=HTTPStatus.NOT_FOUND)

    def _send(
        self,
        body: bytes | Any,
        kind: str,
        headers: dict[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        sent = {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}
        for name, value in {**sent, "X-Content-Type-Options": "nosniff"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _open(folder: Path, name: str) -> EmailMessage | None:
    path = folder / f"{name}.eml"
    if not _NAME.match(name) or not path.exists():
        return None
    return message_from_bytes(path.read_bytes(), policy=policy.default)


def _facts(name: str, mail: EmailMessage) -> dict[str, Any]:
    return {
        "id": name,
        "from": str(mail.get("From", "")),
        "to": str(mail.get("To", "")),
        "subject": str(mail.get("Subject", "")),
        "date": str(mail.get("Date", "")),
        "attachments": [
            {
                "name": part.get_filename() or f"file-{number}",
                "type": part.get_content_type(),
                "bytes": len(part.get_payload(decode=True) or b""),
                "path": f"/messages/{name}/files/{number}",
            }
            for number, part in enumerate(mail.iter_attachments())
        ],
    }


def _list_page(mails: list[dict[str, Any]]) -> str:
    """The mails of each day under its date, newest first."""
    days: list[str] = []
    for day, group in groupby(mails, key=lambda mail: _moment(mail["date"])[0]):
        rows = "".join(map(_row, group))
        days.append(f"<h2>{escape(day or 'No date')}</h2><div class=list>{rows}</div>")
    count = f"{len(mails)} {'mail' if len(mails) == 1 else 'mails'}" if mails else "Nothing yet"
    lead = (
        f"{count}. Every mail that Tagihan sends lands here and goes no further. "
        f"Times are {_ZONE_NAME} ({_ZONE.key})."
    )
    head = f'<h1>Mailbox</h1><p class="lead">{lead}</p>'
    return _page("Mailbox", head + "".join(days), refresh=True)


def _row(mail: dict[str, Any]) -> str:
    files = "".join(
        f'<span class="chip">{escape(one["name"])}</span>' for one in mail["attachments"]
    )
    return (
        f'<a class="row" href="/messages/{mail["id"]}"><div class="top">'
        f'<span class="to soft">{escape(mail["to"])}</span>'
        f'<span class="time">{_moment(mail["date"])[1]}</span></div>'
        f'<div class="subject">{escape(mail["subject"]) or "(no subject)"}</div>{files}</a>'
    )


def _mail_page(mail: dict[str, Any]) -> str:
    when = " ".join(_moment(mail["date"])).strip() or mail["date"]
    facts = (("From", mail["from"]), ("To", mail["to"]), ("Sent", when))
    rows = "".join(f"<dt>{title}</dt><dd>{escape(text)}</dd>" for title, text in facts)
    files = "".join(
        f'<div class="file"><a href="{one["path"]}">{escape(one["name"])}</a>'
        f'<span class="soft">{one["bytes"] // 1024 + 1} kB</span>'
        f'<a href="{one["path"]}?download">Download</a></div>'
        for one in mail["attachments"]
    )
    return _page(
        mail["subject"] or "(no subject)",
        f'<p><a href="/">← Mailbox</a></p><h1>{escape(mail["subject"]) or "(no subject)"}</h1>'
        f'<div class="card"><dl>{rows}</dl></div><div class="files">{files}</div>'
        '<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'src="/messages/{mail["id"]}/body"></iframe>'
        f'<p class="soft"><a href="/messages/{mail["id"]}/source">Source of the mail</a></p>',
    )


def _page(title: str, inner: str, *, refresh: bool = False) -> str:
    again = '<meta http-equiv="refresh" content="10">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{again}<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{inner}</main></body></html>"
    )


def _moment(date: str) -> tuple[str, str]:
    """Day and time of a mail's date, where we are: ``("1 February 2026", "01:30 WIB")``."""
    try:
        at = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return "", ""
    # RFC 5322: -0000 says UTC without saying where the sender is; Python reads it as naive.
    local = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(_ZONE)
    return long_date(local.date(), "en"), f"{local:%H:%M} {_ZONE_NAME}"
