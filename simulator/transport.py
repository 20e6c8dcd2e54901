"""A small HTTP client for notifications: one POST at a time, connections kept, TLS 1.2 at most."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from simulator.notifications import MAX_HOPS

_IDLE_PER_HOST = 16
_MAX_BODY = 1 << 20
_SHOWN = 200
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Peer = tuple[str, str, int]


class DroppedError(Exception):
    """The peer closed the line before it answered."""


@dataclass(frozen=True)
class Reply:
    """Status, where it wants us to go instead, may the line be used again."""

    status: int
    location: str
    keep: bool
    said: str = ""


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # as the real sender
    return context


class Poster:
    """POSTs and tells how it was answered, in the words the retry table uses."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._idle: dict[Peer, list[Connection]] = {}
        self._context: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[str, str]:
        """An HTTP code as text and how the answer begins; or timeout, refused, dropped, bad_url."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(url, body, headers)
        except TimeoutError:
            return "timeout", ""
        except ValueError:
            return "bad_url", ""
        except (DroppedError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return "dropped", ""
        except OSError:
            return "refused", ""

    async def _follow(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[str, str]:
        for _ in range(MAX_HOPS + 1):
            reply = await self._once(url, body, headers)
            if reply.status not in (307, 308) or not reply.location:
                break
            url = urljoin(url, reply.location)
        return str(reply.status), reply.said

    async def _once(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        peer = (parts.scheme, parts.hostname, port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        message = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
        idle = self._idle.setdefault(peer, [])
        while idle:
            connection = idle.pop()
            try:
                return await self._talk(peer, connection, message)
            except (DroppedError, OSError):
                continue  # it went stale while idle; nothing was answered on it
        return await self._talk(peer, await self._connect(peer), message)

    async def _connect(self, peer: Peer) -> Connection:
        scheme, host, port = peer
        if scheme == "https" and self._context is None:
            self._context = _tls()
        tls = self._context if scheme == "https" else None
        return await asyncio.open_connection(host, port, ssl=tls)

    async def _talk(self, peer: Peer, connection: Connection, message: bytes) -> Reply:
        reader, writer = connection
        keep = False
        try:
            writer.write(message)
            await writer.drain()
            try:
                reply = await _read(reader)
            except ValueError as error:  # no HTTP that anybody could read
                raise DroppedError from error
            keep = reply.keep
            return reply
        finally:
            idle = self._idle.setdefault(peer, [])
            if keep and len(idle) < _IDLE_PER_HOST:
                idle.append(connection)
            else:
                writer.close()

    def close(self) -> None:
        for idle in self._idle.values():
            for _, writer in idle:
                writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> Reply:
    status = 100
    while 100 <= status < 200:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if not error.partial:
                raise DroppedError from error
            raise
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[1].isdigit():
            raise DroppedError
        status = int(words[1])
    fields = {}
    for line in rest:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    keep = fields.get("connection", "").lower() != "close" and words[0] == "HTTP/1.1"
    ended, body = await _read_body(reader, fields, status)
    said = body[:_SHOWN].decode("utf-8", "replace").replace("\x00", "")
    return Reply(status, fields.get("location", ""), keep and ended, said)


async def _read_body(
    reader: asyncio.StreamReader, fields: dict[str, str], status: int
) -> tuple[bool, bytes]:
    """Read the body away and keep its beginning; false when its end cannot be told."""
    if status in (204, 304):
        return True, b""
    first = b""
    if "chunked" in fields.get("transfer-encoding", "").lower():
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            piece = await reader.readexactly(size + 2)
            first = (first + piece[:-2])[:_SHOWN]
            if size == 0:
                return True, first
    length = fields.get("content-length", "")
    if not length.isdigit() or int(length) > _MAX_BODY:
        return False, b""
    return True, await reader.readexactly(int(length))
