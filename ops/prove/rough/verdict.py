"""After the quiet: our book, the gateway's, the wire's, and every answer a client was given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from core import ids
from ops.prove.checks import Violation, against_the_book, left_open
from ops.prove.rough.books import TheirBook, Witness, against_the_wire
from ops.prove.rough.client import Client, Deed
from ops.prove.rough.house import House
from ops.prove.rough.ledger import Json, Ledger
from ops.prove.rough.life import Life

# Errors that a server which restarts, or a gateway which is cut off, may cause.
_BROKEN_LINE = re.compile(
    r"OperationalError|InterfaceError|AdminShutdown|CannotConnectNow|CrashShutdown|PoolTimeout"
    r"|ConnectionError|ReadTimeout|ConnectTimeout|HTTPError|ConnectionTimeout|ChunkedEncoding"
    r"|RemoteDisconnected|IdleInTransaction"
)
# What a POST makes, and how its answer names it.
_MADE: dict[str, tuple[str, str, Callable[[Json], str]]] = {
    "customers": ("/customers", "customer", lambda told: told["id"]),
    "subscriptions": ("/subscriptions", "subscription", lambda told: told["subscription"]["id"]),
    "refunds": ("/refunds", "refund", lambda told: told["id"]),
    "invoices": ("/one-off-payments", "invoice", lambda told: told["invoice"]["id"]),
}
# Rows of these come to be by a request and by nothing else.
_ONLY_ASKED = {
    "customers": "SELECT id FROM customers WHERE merchant_id = %s",
    "subscriptions": "SELECT id FROM subscriptions WHERE merchant_id = %s",
    "invoices": "SELECT id FROM invoices WHERE merchant_id = %s AND kind = 'one_off'",
}


def the_doctor(house: House) -> list[Violation]:
    """What `tagihan doctor` and `tagihan audit verify` say, run as an operator runs them."""
    done = house.run("doctor", "--json")
    found: list[Violation] = []
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return [Violation("doctor", f"exit code {done.returncode}", done.stderr[-300:])]
    for rule in told["checks"]:
        if rule["count"] and not rule["warning"]:
            found += [
                Violation(f"doctor:{rule['name']}", one["what"], one["why"])
                for one in rule["examples"]
            ]
    audit = house.run("audit", "verify")
    if audit.returncode:
        found.append(Violation("audit verify", "the trail", (audit.stdout + audit.stderr)[-300:]))
    return found


def still_open(connection: Any, until: datetime, real_now: datetime) -> list[Violation]:
    """What still waits, business time standing at ``until``; mail that was put off does not count.

    An order that waits for its payer is asked about in machine time, so it is looked at by that.
    """
    found = [one for one in left_open(connection, until) if not one.what.startswith("messages ")]
    rows = connection.execute(
        "SELECT kind, state FROM messages WHERE state = 'sending' "
        "OR (state = 'queued' AND next_at < %(now)s + interval '1 hour') LIMIT 5",
        {"now": real_now},
    )
    found += [Violation("nothing is left open", f"messages {k}", f"still {s}") for k, s in rows]
    rows = connection.execute(
        "SELECT order_id FROM payment_orders "
        "WHERE state = 'pending' AND next_at < %(now)s - interval '60 seconds' LIMIT 5",
        {"now": real_now},
    )
    late = "pending, and nobody asks about it"
    return found + [
        Violation("nothing is left open", f"payment_orders {o}", late, o) for (o,) in rows
    ]


def the_books(
    connection: Any, lives: Sequence[Life], ledger: Ledger, witness: Witness
) -> tuple[list[Violation], TheirBook]:
    """Ours against the simulator's, both against the wire's."""
    book = TheirBook()
    for life in lives:
        book.add(life.control("GET", "book")["transactions"])
    found = list(witness.missing)
    found += against_the_book(connection, book)  # type: ignore[arg-type]
    return found + against_the_wire(connection, ledger, book), book


def the_answers(connection: Any, life: Life) -> Iterator[Violation]:
    """Each request had one effect and one answer, whoever died while it was made."""
    client = life.client
    for deed in client.deeds:
        if deed.path.startswith("/clock"):
            continue
        if not deed.answers:
            yield Violation("a client is answered", _label(deed), f"never, in {deed.tries} tries")
            continue
        yield from _one_answer(client, deed)
    yield from _one_effect(connection, life)


def _one_answer(client: Client, deed: Deed) -> Iterator[Violation]:
    if deed.is_done:
        again = client.repeat(deed)
        answers = [*deed.answers[1:], again]
    else:
        answers = deed.answers[1:]
    for status, told in answers:
        unequal = list(_unequal(deed.answer, told)) if deed.is_done else []
        if status != deed.status:
            unequal = [f"{deed.status}, then {status}", *unequal]
        if unequal:
            yield Violation("one key, one answer", _label(deed), "; ".join(unequal)[:500])
            return


def _unequal(first: Any, again: Any, where: str = "") -> Iterator[str]:
    """Where two answers differ, but for what is told once and never kept."""
    if again is None and where:
        return
    if isinstance(first, dict) and isinstance(again, dict) and first.keys() == again.keys():
        for name in first:
            yield from _unequal(first[name], again[name], f"{where}.{name}")
    elif isinstance(first, list) and isinstance(again, list) and len(first) == len(again):
        for n, (one, other) in enumerate(zip(first, again, strict=True)):
            yield from _unequal(one, other, f"{where}[{n}]")
    elif first != again:
        yield f"{where} {first!r}, then {again!r}"


def _one_effect(connection: Any, life: Life) -> Iterator[Violation]:
    merchant = ids.parse("merchant", life.merchant)
    for table, (path, prefix, read) in _MADE.items():
        made = [
            read(deed.answer) for deed in life.client.deeds if deed.path == path and deed.is_done
        ]
        told = {ids.parse(prefix, one) for one in made}
        if len(told) != len(made):
            yield Violation("one key, one effect", f"{life.name} {path}", "two keys made one thing")
        query = _ONLY_ASKED.get(table)
        if query is None:
            query = f"SELECT id FROM {table} WHERE merchant_id = %s"  # noqa: S608 - a constant
        have = {row[0] for row in connection.execute(query, (merchant,))}
        if told - have:
            yield Violation("what was answered is there", f"{life.name} {table}", f"{told - have}")
        if table in _ONLY_ASKED and have - told:
            yield Violation(
                "one key, one effect", f"{life.name} {table}",
                f"{len(have - told)} that no answer names: {sorted(map(str, have - told))[:3]}",
            )  # fmt: skip


def the_logs(house: House) -> Iterator[Violation]:
    """No process failed but for a server or a gateway that was not there."""
    for log in sorted((house.folder / "logs").glob("*.log")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if not isinstance(told, dict) or told.get("level") not in ("error", "critical"):
                continue
            error = str(told.get("error", ""))
            if error and not _BROKEN_LINE.search(error):
                last = error.strip().splitlines()[-1]
                yield Violation("no flow fails", f"{log.name}: {told.get('message')}", last[:300])


def _label(deed: Deed) -> str:
    return f"POST {deed.path} ({deed.key})"
