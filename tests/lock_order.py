"""Watches which rows every transaction locks, and in what order it waits for them.

Two transactions wait for each other for ever only when each holds what the other wants, so all of
them take rows in one order: customer, subscription, the counters of codes, invoice, order, payment,
and the counters of numbers last, those of credit notes before those of invoices. Who takes only what is free
(``SKIP LOCKED``) waits for nobody and may come from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

ORDER = (
    "customers", "subscriptions", "discounts", "invoices", "payment_orders", "payments",
    "credit_note numbers", "invoice numbers",
)  # fmt: skip
# Rows that everybody wants.
COUNTERS = ("discounts", *ORDER[-2:])
_RANK = {name: n for n, name in enumerate(ORDER)}

_LOCKING = re.compile(
    r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE)(?: OF (?P<of>[\w, ]+?))?(?P<skip> SKIP LOCKED)?\s*$"
)
_TABLES = re.compile(r"\b(?:FROM|JOIN) (\w+)")
_WRITES = re.compile(r"^\s*(?:UPDATE|DELETE FROM) (\w+)")
_COUNTER = re.compile(r"^\s*(?:INSERT INTO|UPDATE) number_series\b")


@dataclass(frozen=True, slots=True)
class Lock:
    """One statement's locks: of which kind, and whether it waits for who holds them."""

    what: str
    waits: bool
    statement: str


@dataclass
class Watch:
    """What one engine's transactions did against the order, each told once."""

    faults: dict[str, None] = field(default_factory=dict)
    transactions: int = 0

    def judge(self, locks: Sequence[Lock]) -> None:
        """Look at the locks of one transaction, in the order they were taken."""
        held: list[Lock] = []
        for lock in locks:
            if any(one.what == lock.what for one in held):
                continue  # more of a kind it holds
            later = [one for one in held if _RANK[one.what] > _RANK[lock.what]]
            if later and lock.waits and not _is_behind_customer(held, lock, later):
                self.faults[
                    f"waits for {lock.what} while it holds {later[0].what}:\n"
                    f"    {later[0].statement}\n    {lock.statement}"
                ] = None
            held.append(lock)
        self.transactions += bool(held)


def _is_behind_customer(held: Sequence[Lock], lock: Lock, later: Sequence[Lock]) -> bool:
    """Whether nobody else can want these rows: all who do have locked the customer before.

    Of an invoice and what hangs on it that is not so: collecting, sending and asking take them
    without their customer. But these take what is free and never a customer, so a transaction that
    holds the customer and one row of them waits for no circle. Counters are everybody's.
    """
    if not held or held[0].what != "customers":
        return False
    return lock.what not in COUNTERS


@contextmanager
def watched(engine: Engine, watch: Watch) -> Iterator[None]:
    """Watch all transactions of an engine."""
    taken: dict[Connection, list[Lock]] = {}

    def began(connection: Connection) -> None:
        taken[connection] = []

    def done(connection: Connection, cursor: Any, *told: Any) -> None:
        statement, parameters = told[0], told[1]
        if cursor.rowcount != 0 and connection in taken:
            taken[connection] += _locks(statement, parameters)

    def ended(connection: Connection) -> None:
        watch.judge(taken.pop(connection, []))

    hooks = (
        ("begin", began),
        ("after_cursor_execute", done),
        ("commit", ended),
        ("rollback", ended),
    )
    for name, hook in hooks:
        event.listen(engine, name, hook)
    try:
        yield
    finally:
        for name, hook in hooks:
            event.remove(engine, name, hook)


def _locks(statement: str, parameters: Any) -> list[Lock]:
    told = " ".join(statement.split())
    short = told if len(told) < 160 else f"{told[:60]} … {told[-90:]}"
    if _COUNTER.match(statement):
        kind = parameters.get("kind") if isinstance(parameters, Mapping) else None
        return [Lock(f"{kind} numbers", True, short)]
    written = _WRITES.match(statement)
    if written:
        return _of([written[1]], True, short)
    found = _LOCKING.search(told)
    if found is None:
        return []
    tables = re.split(r", ?", found["of"]) if found["of"] else _TABLES.findall(told)
    return _of(tables, not found["skip"], short)


def _of(tables: Sequence[str], waits: bool, statement: str) -> list[Lock]:
    kinds = sorted((name for name in set(tables) if name in _RANK), key=_RANK.__getitem__)
    return [Lock(name, waits, statement) for name in kinds]
