"""Logs: one JSON object a line, or lines for people; secrets and addresses struck out of both."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

DIARY = "tagihan.diary"
READY = "ready"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_STRUCK = "[struck out]"
# What must never be read in a log, wherever it comes from: texts of libraries, tracebacks, URLs.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {_STRUCK}"),
    (re.compile(r"\b(?:SB-)?Mid-(?:server|client)-[A-Za-z0-9_-]+"), _STRUCK),
    (re.compile(r"(://[^:/@\s\"]*:)[^@/\s\"]+@"), rf"\1{_STRUCK}@"),
    (
        re.compile(
            r"(?i)(\"?(?:saved_token_id|token_id|signature_key|server_key|password|secret|api_key"
            r"|card_number|card_cvv)\\?\"?\s*[:=]\s*\\?[\"']?)[^\s\"',}&\\]+"
        ),
        rf"\1{_STRUCK}",
    ),
    # An address stays recognisable by its first letter and its host.
    (re.compile(r"\b([A-Za-z0-9])[A-Za-z0-9._%+-]*@([A-Za-z0-9.-]+\.[A-Za-z]{2,})"), r"\1***@\2"),
)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that strikes these texts, and whatever looks like a secret, out of a line."""
    known = [text for text in secrets if text]

    def redact(line: str) -> str:
        for secret in known:
            line = line.replace(secret, _STRUCK)
        for pattern, instead in _PATTERNS:
            line = pattern.sub(instead, line)
        return line

    return redact


class JsonFormatter(logging.Formatter):
    """``{"at", "level", "logger", "process", "message", ...}``, extras as given, on one line."""

    def __init__(self, process: str, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._process = process
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON, its texts struck through where they must be."""
        shown: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            shown["error"] = self.formatException(record.exc_info)
        return json.dumps(_redact_all(shown, self._redact), ensure_ascii=False, default=str)


class ConsoleFormatter(logging.Formatter):
    """``12:30:01 info  api  message  key=value``."""

    def __init__(self, process: str, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._process = process
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it where there is one."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        extras = "".join(f"  {name}={value}" for name, value in _extras(record).items())
        line = (
            f"{at} {record.levelname.lower():<7} {self._process:<9} {record.getMessage()}{extras}"
        )
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return self._redact(line)


def configure(
    process: str,
    *,
    level: str = "info",
    style: str = "json",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every logger's records to ``stream`` (standard error) in one shape.

    Repeating it replaces the earlier arrangement.
    """
    redact = redactor(secrets)
    formatter = JsonFormatter if style == "json" else ConsoleFormatter
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter(process, redact))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "urllib3", "apscheduler", "mail.log", "alembic", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    # The diary is for people, and always on.
    logging.getLogger(DIARY).setLevel(logging.INFO)


def tell(message: str, **facts: Any) -> None:
    """Write a line of the diary: what happened in the business, for whoever watches."""
    logging.getLogger(DIARY).info(message, extra=facts)


def say_ready(process: str) -> None:
    """Tell the supervisor that this process does its work from now on."""
    logging.getLogger("tagihan").info(READY, extra={"ready": process})


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _redact_all(value: Any, redact: Callable[[str], str]) -> Any:
    """Strike through texts inside a structure, so that the JSON around them stays whole."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {
            key: _STRUCK if _names_secret(str(key)) and inner else _redact_all(inner, redact)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact_all(inner, redact) for inner in value]
    return value if isinstance(value, int | bool | None) else redact(str(value))


def _names_secret(key: str) -> bool:
    return bool(
        re.fullmatch(r"(?i)(.*_)?(password|secret|token|token_id|authorization|api_key)", key)
    )
