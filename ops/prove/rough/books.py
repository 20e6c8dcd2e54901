"""The other side's books, in the words of checks: the simulator's own, and the wire's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ops.prove.book import TAKEN, Entry, Transaction
from ops.prove.checks import Violation
from ops.prove.rough.ledger import Call, Json, Ledger, amount_of

_ENDED = frozenset({"deny", "cancel", "expire", "failure"})
_BACK = frozenset({"cancel", "deny", "expire", "refunded"})


class TheirBook:
    """What the simulators' accounts hold, as `ops.prove.checks` reads a book."""

    def __init__(self) -> None:
        self.orders: dict[str, Transaction] = {}
        self.entries: list[Entry] = []
        self.reused: list[str] = []

    def add(self, transactions: Iterable[Json]) -> None:
        """The transactions of one account, from its control side."""
        for told in transactions:
            one = _transaction(told)
            known = self.orders.get(one.order_id)
            if known is not None:
                self.reused.append(one.order_id)
            if known is None or known.state not in TAKEN:
                self.orders[one.order_id] = one
            self.entries += _entries(told)
        # Where two things happened at one instant of business time, money went back first.
        self.entries.sort(key=lambda entry: (entry.at, entry.what not in _BACK))

    @property
    def charges(self) -> int:
        """Orders from which money was taken."""
        return sum(one.state in TAKEN for one in self.orders.values())


def _transaction(told: Json) -> Transaction:
    card = told["payment_type"] == "credit_card"
    one = Transaction(
        told["order_id"], told["transaction_id"], "card" if card else "va",
        int(told["gross_amount"]), told["status"], _instant(told["created_at"]),
        told["initiated_by"] == "merchant",
    )  # fmt: skip
    one.refunds = {refund["refund_key"]: int(refund["amount"]) for refund in told["refunds"]}
    return one


def _entries(told: Json) -> list[Entry]:
    order, amount = told["order_id"], int(told["gross_amount"])
    found = [Entry(_instant(step["at"]), order, step["status"], amount) for step in told["history"]]
    return found + [
        Entry(_instant(refund["created_at"]), order, "refunded", int(refund["amount"]))
        for refund in told["refunds"]
    ]


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


_OURS = """
    SELECT o.order_id, o.amount, o.state, p.amount, i.number
    FROM payment_orders o
    LEFT JOIN payments p ON p.merchant_id = o.merchant_id AND p.payment_order_id = o.id
    LEFT JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id
"""
# What we took for the end of an order because of something the gateway had said.
_ENDS = """
    SELECT o.order_id, s.because FROM payment_order_steps s
    JOIN payment_orders o ON o.merchant_id = s.merchant_id AND o.id = s.payment_order_id
    WHERE s.to_state = 'failed' AND (s.because LIKE 'answer to send%'
        OR s.because LIKE 'status asked%' OR s.because LIKE 'notification%')
"""
_REFUNDS = "SELECT refund_key, amount, state FROM refunds"


def against_the_wire(connection: Any, ledger: Ledger, book: TheirBook) -> list[Violation]:
    """Ours, and the simulator's own book, against what went over the wire."""
    ours = {row[0]: row[1:] for row in connection.execute(_OURS)}
    by_order: dict[str, list[Call]] = defaultdict(list)
    for call in ledger.calls:
        by_order[call.order_id].append(call)
    found: list[Violation] = []
    for order_id, calls in sorted(by_order.items()):
        charges = [call for call in calls if call.op == "charge"]
        if charges:
            found += _order(order_id, charges, calls, ours.get(order_id))
    for order_id in sorted(book.orders):
        if not any(call.op == "charge" and call.answer for call in by_order[order_id]):
            found.append(_wrong("wire: seen by both", order_id, "no call made it"))
    for order_id, because in connection.execute(_ENDS):
        if not any(call.was_told and _is_end(call) for call in by_order[order_id]):
            why = f"we say failed ({because}), and nobody was told of an end"
            found.append(_wrong("wire: a failure was attested", order_id, why))
    return found + _refunds(connection, ledger)


def _is_end(call: Call) -> bool:
    """Whether the gateway said that the order came to nothing; not to find it is no end."""
    answer = call.answer or {}
    refused = str(answer.get("status_code", call.http))[:1] == "4"
    return answer.get("transaction_status") in _ENDED or (call.op == "charge" and refused)


def _order(order_id: str, charges: list[Call], calls: list[Call], mine: Any) -> list[Violation]:
    found = []
    amounts = {amount_of(call.body) for call in charges}
    if mine is None:
        return [_wrong("wire: written ahead", order_id, "it was charged, and is not ours")]
    if amounts != {mine[0]}:
        found.append(_wrong("wire: one amount", order_id, f"asked for {amounts}, ours {mine[0]}"))
    taken = [
        call for call in charges
        if call.answer and call.answer.get("transaction_status") in ("capture", "settlement")
        and call.answer.get("status_code") == "200"
    ]  # fmt: skip
    if len({call.answer["transaction_id"] for call in taken if call.answer}) > 1:
        found.append(_wrong("wire: taken once", order_id, "two charges of one order took money"))
    if taken and mine[2] is None:
        found.append(
            _wrong("wire: money is booked", order_id, f"the wire saw it taken, we say {mine[1]}")
        )
    ends = [
        call.answered_at for call in calls
        if call.was_told and call.answer and call.answered_at
        and call.answer.get("transaction_status") in _ENDED
        and call.answer.get("order_id") == order_id
    ]  # fmt: skip
    again = [call for call in charges if ends and (call.answered_at or 0) > min(ends)]
    if again:
        found.append(_wrong("wire: never sent again after an end", order_id, "charged after it"))
    return found


def _refunds(connection: Any, ledger: Ledger) -> list[Violation]:
    """Every refund that the wire saw paid is one of ours, over its amount, under its key."""
    ours = {row[0]: row[1:] for row in connection.execute(_REFUNDS)}
    found = []
    for call in ledger.calls:
        answer = call.answer or {}
        if call.op != "refund" or answer.get("status_code") != "200":
            continue
        key = str(call.body.get("refund_key"))
        mine = ours.get(key)
        if mine is None:
            found.append(_wrong("wire: refunds are ours", call.order_id, f"refund {key}: not ours"))
        elif mine[0] != amount_of(call.body):
            found.append(_wrong("wire: refunds are ours", call.order_id, f"refund {key}: {mine}"))
    return found


def _wrong(rule: str, order_id: str, why: str) -> Violation:
    return Violation(rule, f"order {order_id}", why, order_id)


class Witness:
    """Asks, before a charge goes on, whether we have written that it is being sent."""

    def __init__(self, connect: Any) -> None:
        self._connect = connect
        self.missing: list[Violation] = []
        self.seen = self.blind = 0

    def __call__(self, call: Call) -> None:
        """Look; a server that restarts at this moment is no answer."""
        try:
            with self._connect() as connection:
                row = connection.execute(
                    "SELECT amount, state, sends FROM payment_orders WHERE order_id = %s",
                    (call.order_id,),
                ).fetchone()
        except Exception:
            self.blind += 1
            return
        self.seen += 1
        if row is None or row[0] != amount_of(call.body) or row[1] == "created" or not row[2]:
            self.missing.append(
                _wrong("I4 written ahead", call.order_id, f"when it was charged we had {row}")
            )
