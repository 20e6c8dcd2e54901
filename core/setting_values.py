"""Texts of the environment turned into values; what is wrong is collected, never raised."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_POSTGRES = re.compile(r"^postgres(?:ql)?(?:\+psycopg)?://")


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that encrypts secrets at rest: its name, and 32 bytes that are never printed."""

    key_id: str
    secret: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The secret half as the environment spells it."""
        return base64.b64encode(self.secret).decode()


class Networks:
    """Some networks, of either version of IP."""

    def __init__(self, *texts: str) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in texts)

    def __repr__(self) -> str:
        return ",".join(str(network) for network in self._networks)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)


class Reader:
    """Reads variables; ``problems`` gathers one sentence for each that is wrong."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """The trimmed text, or None where it is unset or empty."""
        return self._environ.get(name, "").strip() or None

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number between ``low`` and ``high``, both allowed."""
        text = self.text(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            self._wrong(name, f"is {text!r}; it must be a whole number from {low} to {high}")
            return default
        return int(text)

    def port(self, name: str, default: int) -> int:
        """A TCP port."""
        return self.whole(name, default, 1, 65_535)

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the words; the first is the default."""
        text = (self.text(name) or allowed[0]).lower()
        if text not in allowed:
            self._wrong(name, f"is {text!r}; it must be {' or '.join(allowed)}")
            return allowed[0]
        return text

    def yes_no(self, name: str, *, default: bool) -> bool:
        """Yes or no, in the usual spellings."""
        text = self.text(name)
        if text is None:
            return default
        if text.lower() in {"yes", "true", "1", "on"}:
            return True
        if text.lower() not in {"no", "false", "0", "off"}:
            self._wrong(name, f"is {text!r}; it must be yes or no")
        return False

    def matching(self, name: str, default: str, pattern: str, meaning: str) -> str:
        """A text of one shape, described by ``meaning`` where it has another."""
        text = self.text(name) or default
        if not re.fullmatch(pattern, text):
            self._wrong(name, f"is {text!r}; it must be {meaning}")
            return default
        return text

    def long_enough(self, name: str, least: int) -> str | None:
        """A secret with at least ``least`` characters; it is not repeated in the problem."""
        text = self.text(name)
        if text is not None and len(text) < least:
            self._wrong(name, f"has {len(text)} characters; it needs at least {least}")
            return None
        return text

    def postgres_url(self, name: str) -> str | None:
        """A PostgreSQL URL with a host or a socket, and a database; spelled ``postgresql://``."""
        text = self.text(name)
        if text is None:
            return None
        if not _POSTGRES.match(text):
            self._wrong(name, "must look like postgresql://user:password@host:port/name")
            return None
        url = _POSTGRES.sub("postgresql://", text)
        try:
            parts = urlsplit(url)
            named = parts.path.strip("/") and (parts.port or True)
        except ValueError:
            named = False
        if not named:
            self._wrong(name, "names no database; it must end in /name, after a valid port if any")
            return None
        return url

    def http_url(self, name: str, default: str) -> str:
        """An http(s) root without a slash at its end."""
        text = (self.text(name) or default).rstrip("/")
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query:
            self._wrong(name, f"is {text!r}; it must be an http or https address without a query")
            return default
        return text

    def master_keys(self, name: str) -> tuple[MasterKey, ...]:
        """``id:base64`` several times, separated by commas."""
        keys: dict[str, MasterKey] = {}
        for number, part in enumerate(filter(None, (self.text(name) or "").split(",")), start=1):
            key_id, colon, encoded = part.strip().partition(":")
            if not colon or not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", key_id):
                self._wrong(name, f"entry {number} must be id:base64, the id of letters and digits")
                continue
            try:
                secret = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                secret = b""
            if len(secret) != 32:
                self._wrong(name, f"entry {number} ({key_id}) must be 32 bytes in base64")
            elif key_id in keys:
                self._wrong(name, f"has the id {key_id} twice")
            else:
                keys[key_id] = MasterKey(key_id, secret)
        return tuple(keys.values())

    def networks(self, name: str) -> Networks:
        """Networks such as ``10.0.0.0/8`` or single addresses, separated by commas."""
        found: list[str] = []
        for part in filter(None, (one.strip() for one in (self.text(name) or "").split(","))):
            try:
                found.append(str(ipaddress.ip_network(part)))
            except ValueError:
                self._wrong(name, f"names {part!r}, which is no network such as 10.0.0.0/8")
        return Networks(*found)

    def numbers(self, name: str, known: Mapping[str, object], high: int) -> dict[str, int]:
        """``word=number`` several times, separated by commas; the words are those of ``known``."""
        found: dict[str, int] = {}
        for part in filter(None, (one.strip() for one in (self.text(name) or "").split(","))):
            word, equals, number = (one.strip() for one in part.partition("="))
            if word not in known:
                self._wrong(name, f"names {word!r}; known are {', '.join(sorted(known))}")
            elif not equals or not re.fullmatch(r"[0-9]{1,9}", number) or int(number) > high:
                self._wrong(name, f"says {part!r}; it must be {word}=0 to {word}={high}")
            else:
                found[word] = int(number)
        return found

    def _wrong(self, name: str, problem: str) -> None:
        self.problems.append(f"{name} {problem}")
