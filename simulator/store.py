"""The book on disk: a journal of whole records, one JSON line each, the last one of a name wins.

A line is handed to the operating system before the answer it belongs to leaves, so a killed process
loses no answered charge (a power cut may: there is no fsync). At start the journal is read,
rewritten in short form and continued.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import msgspec

JOURNAL = "book.jsonl"
LOCK = "book.lock"


class StateError(Exception):
    """The book cannot be kept there, or what lies there is no book: one sentence for a person."""


class StateInUseError(StateError):
    """Another simulator works in this state directory."""


class Line(msgspec.Struct):
    """One journal line: kind of record, account, the record itself."""

    k: str
    a: str
    d: msgspec.Raw


Record = tuple[str, str, msgspec.Struct]


class Store:
    """Collects changed records and writes them. Without a folder it forgets them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._changed: dict[int, Record] = {}
        self._file: int | None = None
        self._lock: IO[str] | None = None
        self._encoder = msgspec.json.Encoder()
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                self._lock = (folder / LOCK).open("w")
            except OSError as error:
                raise StateError(f"cannot keep the book in {folder}: {error.strerror}") from error
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StateInUseError(f"another simulator uses {folder}") from error

    def read(self) -> Iterator[Line]:
        """All lines of the journal, oldest first; a torn last line is left out.

        Raises StateError where a line is none of a journal.
        """
        if self._folder is None or not (self._folder / JOURNAL).exists():
            return
        decoder = msgspec.json.Decoder(Line)
        with (self._folder / JOURNAL).open("rb") as journal:
            for number, line in enumerate(journal, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    raise self.not_ours(number) from error

    def not_ours(self, number: int) -> StateError:
        """What to say about a line that nobody can read."""
        where = f"line {number} of {self._folder}/{JOURNAL}"
        return StateError(f"{where} is none of a book: give another --state, or move it away")

    def start(self, records: Iterable[Record]) -> None:
        """Rewrite the journal with these records only, then keep it open for more."""
        if self._folder is None:
            return
        fresh = self._folder / (JOURNAL + ".new")
        with fresh.open("wb") as journal:
            for record in records:
                journal.write(self._encode(record))
            journal.flush()
            os.fsync(journal.fileno())
        fresh.replace(self._folder / JOURNAL)
        self._file = os.open(self._folder / JOURNAL, os.O_WRONLY | os.O_APPEND)

    def put(self, kind: str, account: str, record: msgspec.Struct) -> None:
        """Remember that this record changed; `flush` writes its then present state."""
        if self._folder is not None:
            self._changed[id(record)] = (kind, account, record)

    def flush(self) -> None:
        """Write what changed, in one go."""
        if not self._changed or self._file is None:
            return
        lines = b"".join(self._encode(record) for record in self._changed.values())
        self._changed.clear()
        view = memoryview(lines)
        while view:
            view = view[os.write(self._file, view) :]

    def close(self) -> None:
        """Write the rest and let the folder go."""
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _encode(self, record: Record) -> bytes:
        kind, account, value = record
        return self._encoder.encode({"k": kind, "a": account, "d": value}) + b"\n"
