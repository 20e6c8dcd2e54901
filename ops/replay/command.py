"""`tagihan doctor --replay`: every stored line worked out again, to the same rupiah."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from core import ids
from core.db import Sessions, connect
from core.settings import Settings
from ops.doctor_checks.check import slugs
from ops.replay.documents import Memory, replay
from ops.replay.facts import Difference, Document
from ops.replay.reading import BATCH, Reader

_PROGRESS_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """One difference, and whose it is. ``line`` 0 is the whole document."""

    merchant: str
    invoice: str
    number: str | None
    line: int
    stored: str
    recomputed: str
    why: str

    def __str__(self) -> str:
        where = f" line {self.line}" if self.line else ""
        named = self.number or self.invoice
        sides = f"stored {self.stored}, recomputed {self.recomputed}"
        return f"{self.merchant}: invoice {named}{where}: {sides}: {self.why}"


@dataclass(slots=True)
class Tally:
    """What was done so far."""

    invoices: int = 0
    lines: int = 0
    differences: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> int:
        """Lines a second."""
        return round(self.lines / self.seconds) if self.seconds else self.lines


def run(
    db: Sessions,
    tell: Callable[[Told], None],
    *,
    progress: Callable[[Tally, int], None] = lambda _tally, _about: None,
    batch: int = BATCH,
) -> Tally:
    """Work every stored line out again, in one snapshot under the role that may only read.

    Args:
        tell: is called for each difference as it is found; none is kept.
        progress: is called after every batch, with about how many lines there are.
    """
    snapshot = Sessions(
        db.engine.execution_options(isolation_level="REPEATABLE READ"), role_prefix=db.role_prefix
    )
    with snapshot.reader() as session:
        session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2h'"))
        return run_in(session, tell, progress=progress, batch=batch)


def run_in(
    session: Session,
    tell: Callable[[Told], None],
    *,
    progress: Callable[[Tally, int], None] = lambda _tally, _about: None,
    batch: int = BATCH,
) -> Tally:
    """The same in a transaction of the caller."""
    began = time.perf_counter()
    tally, memory = Tally(), Memory()
    names = slugs(session)
    reader = Reader(session, batch)
    about = reader.about()
    for documents, sources in reader.batches():
        for document in documents:
            tally.invoices += 1
            tally.lines += len(document.lines)
            for one in replay(document, sources[document.merchant_id], memory):
                tally.differences += 1
                tell(_told(names.get(document.merchant_id, "-"), document, one))
        tally.seconds = time.perf_counter() - began
        progress(tally, about)
    tally.seconds = time.perf_counter() - began
    return tally


def _told(merchant: str, document: Document, one: Difference) -> Told:
    public = ids.public("invoice", document.id)
    return Told(merchant, public, document.number, one.line, one.stored, one.recomputed, one.why)


def verdict(tally: Tally) -> str:
    """The last line for people."""
    done = f"{tally.lines:,} lines of {tally.invoices:,} invoices in {tally.seconds:.1f} s"
    how = f"({done}, {tally.rate:,} lines/s)"
    if tally.differences:
        return f"{tally.differences} differences {how}"
    return f"Every line comes to the same rupiah again {how}."


def main(settings: Settings, *, as_json: bool = False) -> int:
    """``tagihan doctor --replay``: 0 where all is the same, 1 where something differs."""
    if settings.database_url is None:
        raise ValueError("DATABASE_URL is not set")
    db = connect(settings.database_url, role_prefix=settings.role_prefix, pool_size=1)
    first = True

    def tell(one: Told) -> None:
        nonlocal first
        if as_json:
            print("" if first else ",", json.dumps(asdict(one), ensure_ascii=False), sep="\n ")
        else:
            print(one)
        first = False

    if as_json:
        print('{"differences": [', end="")
    try:
        tally = run(db, tell, progress=_Progress())
    finally:
        db.close()
    if as_json:
        figures = {**asdict(tally), "seconds": round(tally.seconds, 3), "rate": tally.rate}
        print(f'],\n"ok": {json.dumps(not tally.differences)}, "replayed": {json.dumps(figures)}}}')
    else:
        print(verdict(tally))
    return 1 if tally.differences else 0


class _Progress:
    """A line on the standard error every two seconds."""

    def __init__(self) -> None:
        self._next = _PROGRESS_SECONDS

    def __call__(self, tally: Tally, about: int) -> None:
        if tally.seconds < self._next:
            return
        self._next = tally.seconds + _PROGRESS_SECONDS
        of = f" of about {about:,}" if about > tally.lines else ""
        told = f"{tally.lines:,}{of} lines, {tally.rate:,}/s, {tally.differences} differences"
        print(told, file=sys.stderr, flush=True)
