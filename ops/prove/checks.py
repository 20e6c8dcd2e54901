"""After the quiet: the doctor's rules, the gateway's book as the second book, nothing left open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from core.db import Sessions
from ops.doctor import examine
from ops.prove.book import TAKEN, Book, Transaction


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise: the rule, about what, and why; ``order_id`` where there is one."""

    rule: str
    what: str
    why: str
    order_id: str | None = None

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}: {self.why}"


def by_the_doctor(db: Sessions, now: datetime) -> list[Violation]:
    """What `tagihan doctor` finds broken."""
    return [
        Violation(f"doctor:{result.name}", one.what, one.why)
        for result in examine(db, now).broken
        for one in result.examples
    ]


_ORDERS = """
    SELECT o.order_id, o.state, o.amount, o.kind, o.initiated_by, i.id::text, i.number,
        i.total_amount, p.amount,
        -- What staff transferred by hand the gateway knows nothing of.
        p.refunded_amount - (SELECT coalesce(sum(r.amount), 0) FROM refunds r
            WHERE r.merchant_id = p.merchant_id AND r.payment_id = p.id
            AND r.route = 'manual' AND r.state = 'succeeded'),
        p.status, (
            SELECT s.because FROM payment_order_steps s WHERE s.merchant_id = o.merchant_id
            AND s.payment_order_id = o.id ORDER BY s.at DESC LIMIT 1
        )
    FROM payment_orders o
    LEFT JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
    LEFT JOIN payments p ON p.merchant_id = o.merchant_id AND p.payment_order_id = o.id
    ORDER BY o.order_id
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """What these books say of one order."""

    order_id: str
    state: str
    amount: int
    kind: str
    initiated_by: str
    invoice: str | None
    number: str | None
    total: int | None
    paid: int | None
    refunded: int | None
    payment_status: str | None
    because: str | None


def ours_of(connection: Any) -> dict[str, Ours]:
    """What we know of each order, by its id."""
    return {row[0]: Ours(*row) for row in connection.execute(_ORDERS)}


def against_the_book(
    connection: Any, book: Book, lost: Mapping[str, Ours] | None = None
) -> list[Violation]:
    """Ours against the gateway's: order by order, then invoice by invoice.

    Of an order that was ``lost`` with its invoice a person must have been told.
    """
    ours, lost = ours_of(connection), lost or {}
    told = {row[0] for row in connection.execute(_TOLD)}
    found: list[Violation] = []
    for order_id, one in sorted(book.orders.items()):
        mine = ours.get(order_id)
        if mine is None and order_id in lost:
            if one.state in TAKEN and order_id not in told:
                found.append(_broken("money of the lost time is not silent", one, "nobody knows"))
        elif mine is None:
            found.append(_broken("I4 written ahead", one, "the gateway has it, we do not"))
        else:
            found += _order(mine, one)
    for order_id in book.reused:
        found.append(
            Violation(
                "I9 never sent again after an end", order_id,
                "it was charged again though the gateway had attested its end", order_id,
            )
        )  # fmt: skip
    found += _invoices({**lost, **ours}, book)
    found += _ledger(connection, book, lost.keys() - ours.keys())
    return found


def _order(mine: Ours, one: Transaction) -> list[Violation]:
    found = []
    if mine.amount != one.amount:
        found.append(_broken("I10 same amount", one, f"we say {mine.amount}"))
    takes = one.state in TAKEN
    if mine.kind == "check":
        return found
    if takes and mine.paid is None:
        found.append(_broken("I2 money is booked", one, f"taken, and we say {mine.state}"))
    if takes and mine.paid is not None and mine.paid != one.amount:
        found.append(_broken("I5 payment over its amount", one, f"we booked {mine.paid}"))
    if not takes and mine.paid is not None and mine.payment_status not in ("canceled", "reversed"):
        found.append(_broken("I2 nothing booked that was not taken", one, "we booked a payment"))
    if takes and (mine.refunded or 0) != one.refunded:
        found.append(
            _broken("I11 refunds agree", one, f"it gave back {one.refunded}, we {mine.refunded}")
        )
    # Where the payer had to be present, an order that did not arrive within the quarantine is given
    # up: it may still come to be, but nobody was told its number, and money for it would be booked.
    given_up = mine.state == "failed" and mine.because == "quarantine over"
    if one.state == "pending" and mine.state not in ("pending", "review") and not given_up:
        found.append(_broken("nothing is left open at the gateway", one, f"we say {mine.state}"))
    return found


def _invoices(ours: dict[str, Ours], book: Book) -> list[Violation]:
    """I2: what we pulled for an invoice and did not give back never exceeds it, at any moment."""
    taken: dict[str, list[Transaction]] = defaultdict(list)
    for order_id, one in sorted(book.orders.items()):
        mine = ours.get(order_id)
        if mine is not None and mine.invoice and mine.kind == "attempt":
            taken[mine.invoice].append(one)
    found = []
    for held in taken.values():
        mine = ours[held[0].order_id]
        peak = _peak(book, {one.order_id for one in held})
        if mine.total is not None and peak > mine.total:
            found.append(
                Violation(
                    "I2 never charged twice", f"invoice {mine.number}",
                    f"{peak} was held at once by charges of {mine.total}", held[-1].order_id,
                )
            )  # fmt: skip
    return found


def _peak(book: Book, order_ids: set[str]) -> int:
    """The most that was ever held at once of these orders."""
    held, peak = dict.fromkeys(order_ids, 0), 0
    for entry in book.entries:
        if entry.order_id not in held:
            continue
        if entry.what == "capture":
            held[entry.order_id] = entry.amount
        elif entry.what in ("cancel", "deny", "expire", "chargeback"):
            held[entry.order_id] = 0
        elif entry.what == "refunded":
            held[entry.order_id] -= entry.amount
        peak = max(peak, sum(held.values()))
    return peak


def _ledger(connection: Any, book: Book, unknown: Collection[str]) -> list[Violation]:
    """I5: the gateway's account in our books is what its own book holds of ours."""
    row = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM postings WHERE account = 'gateway_clearing'"
    ).fetchone()
    holds = sum(
        one.amount - one.refunded
        for one in book.orders.values()
        if one.state in TAKEN and one.order_id not in unknown
    )
    if int(row[0]) == holds:
        return []
    return [Violation("I5 the ledger meets the book", "gateway_clearing", f"{row[0]}, not {holds}")]


# Orders that nobody of ours knows and a person was told of.
_TOLD = """
    SELECT detail->>'order_id' FROM reviews WHERE kind = 'unknown_order'
    UNION SELECT order_id FROM differences WHERE kind = 'not_ours'
"""

_LEFT = {
    "payment_orders": (
        "state IN ('created', 'sent', 'unknown') OR (state = 'pending' AND next_at < %(now)s)",
        "order_id",
        "state",
    ),
    "notifications": ("state = 'new'", "order_id", "state"),
    "refunds": (
        """
        state IN ('created', 'sent', 'unknown')
        OR (state = 'refund_scheduled' AND due_at < %(now)s)
        """,
        "refund_key",
        "state",
    ),
    "messages": ("state IN ('queued', 'sending')", "kind", "state"),
    "subscriptions": ("next_at <= %(now)s", "id::text", "status"),
    "invoices": ("collect_at <= %(now)s", "number", "status"),
    "dunning_cases": ("next_at <= %(now)s", "id::text", "state"),
}


def shown(connection: Any) -> set[str]:
    """Charges whose payer was told of a page on which to confirm them."""
    rows = connection.execute(
        "SELECT order_id FROM payment_orders WHERE state = 'pending' AND kind <> 'instrument'"
    )
    return {row[0] for row in rows}


def left_open(connection: Any, now: datetime) -> list[Violation]:
    """After the quiet phase nothing waits: no order in doubt, no work that is due."""
    found = []
    late = now - timedelta(minutes=5)
    for table, (condition, label, state) in _LEFT.items():
        rows = connection.execute(
            f"SELECT {label}, {state} FROM {table} "  # noqa: S608 - constants
            f"WHERE {condition} ORDER BY 1 LIMIT 5",
            {"now": late},
        )
        for name, how in rows:
            found.append(
                Violation("nothing is left open", f"{table} {name}", f"still {how}",
                          name if table == "payment_orders" else None)
            )  # fmt: skip
    return found


_MONEY = """
    SELECT (SELECT count(*) FROM payments), (SELECT coalesce(sum(amount), 0) FROM payments),
        (SELECT coalesce(sum(refunded_amount), 0) FROM payments),
        (SELECT count(*) FROM refunds), (SELECT coalesce(sum(amount), 0) FROM refunds)
"""


def money_of(connection: Any) -> tuple[int, ...]:
    """Payments and refunds: how many, and over how much."""
    return tuple(int(one) for one in connection.execute(_MONEY).fetchone())


def unmoved(before: tuple[int, ...], after: tuple[int, ...]) -> list[Violation]:
    """I8: what was told before moves no money when it is told again."""
    if before == after:
        return []
    return [Violation("I8 told again, nothing moves", "payments, refunds", f"{before} → {after}")]


def _broken(rule: str, one: Transaction, why: str) -> Violation:
    told = f"order {one.order_id} ({one.state}, {one.amount})"
    return Violation(rule, told, why, one.order_id)
