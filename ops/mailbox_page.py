"""The page of caught mail: a list, one mail at a time, its attachments; fits a phone."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

_SHOWN_MAX = 200
_NAME = re.compile(r"^[0-9T]{10,30}-[0-9]{6}$")
# Only these are shown in the browser; anything else is downloaded.
_SHOWN_TYPES = {"application/pdf", "image/png", "image/jpeg", "text/plain"}

_STYLE = """
:root{color-scheme:light;--ink:#1c2733;--soft:#5d6b7a;--line:#e3e8ee;--brand:#0f5c4d}
*{box-sizing:border-box}body{margin:0;background:#f4f6f8;color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:44rem;margin:0 auto;padding:1rem}h1{font-size:1.25rem;margin:.5rem 0 1rem}
a{color:var(--brand);text-decoration:none}.card{display:block;background:#fff;color:inherit;
border:1px solid var(--line);border-radius:.75rem;padding:.85rem 1rem;margin:0 0 .6rem}
a.card:hover,a.card:focus{border-color:var(--brand);outline:none}
.top{display:flex;gap:1rem;justify-content:space-between;color:var(--soft);font-size:.85rem}
.subject{font-weight:600;overflow-wrap:anywhere}.soft{color:var(--soft);font-size:.9rem}
dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.15rem .8rem}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}iframe{width:100%;height:70vh;border:1px solid var(--line);
border-radius:.75rem;background:#fff}.files{display:flex;flex-wrap:wrap;gap:.5rem;margin:.6rem 0}
.file{border:1px solid var(--line);border-radius:2rem;padding:.35rem .9rem;background:#fff}
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
    cards = "".join(
        f'<a class="card" href="/messages/{mail["id"]}"><div class="top">'
        f"<span>{escape(mail['to'])}</span><span>{escape(_when(mail['date']))}</span></div>"
        f'<div class="subject">{escape(mail["subject"]) or "(no subject)"}</div>'
        f'<div class="soft">{_file_names(mail)}</div></a>'
        for mail in mails
    )
    nothing = '<p class="soft">Nothing yet. Every mail that Tagihan sends lands here.</p>'
    return _page("Mailbox", f"<h1>Mailbox</h1>{cards or nothing}", refresh=True)


def _mail_page(mail: dict[str, Any]) -> str:
    rows = "".join(
        f"<dt>{title}</dt><dd>{escape(mail[key])}</dd>"
        for title, key in (("From", "from"), ("To", "to"), ("Date", "date"))
    )
    files = "".join(
        f'<span class="file"><a href="{one["path"]}">{escape(one["name"])}</a> '
        f'<span class="soft">{one["bytes"] // 1024 + 1} kB</span> '
        f'<a href="{one["path"]}?download">↓</a></span>'
        for one in mail["attachments"]
    )
    return _page(
        mail["subject"],
        f'<p><a href="/">← Mailbox</a></p><h1>{escape(mail["subject"])}</h1>'
        f'<div class="card"><dl>{rows}</dl></div><div class="files">{files}</div>'
        '<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" '
        f'src="/messages/{mail["id"]}/body"></iframe>'
        f'<p class="soft"><a href="/messages/{mail["id"]}/source">Source</a></p>',
    )


def _page(title: str, inner: str, *, refresh: bool = False) -> str:
    again = '<meta http-equiv="refresh" content="10">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{again}<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{inner}</main></body></html>"
    )


def _when(date: str) -> str:
    try:
        return parsedate_to_datetime(date).strftime("%d %b %Y %H:%M")
    except (TypeError, ValueError):
        return ""


def _file_names(mail: dict[str, Any]) -> str:
    return ", ".join(escape(one["name"]) for one in mail["attachments"]) or "&nbsp;"
