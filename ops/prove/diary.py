"""A broken promise told so that a person can follow it: what we did, what the gateway has, when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ops.diary_rows import read_entries
from ops.prove.checks import Violation
from ops.prove.history import History
from ops.prove.place import Place
from ops.prove.plan import Plan
from ops.prove.sentences import sentence

_ZONE = "Asia/Jakarta"
_LINES_MAX = 60
# A fault that struck no order of theirs is told where something happened to them just then.
_NEAR = timedelta(seconds=20)
_WHAT = {
    "capture": ("Midtrans mengambil {rp} (pesanan {id})", "Midtrans took {rp} (order {id})"),
    "settlement": ("Midtrans menyelesaikan {rp} (pesanan {id})", "Midtrans settled {rp} ({id})"),
    "deny": ("bank menolak {rp} (pesanan {id})", "the bank refused {rp} (order {id})"),
    "cancel": ("Midtrans membatalkan {rp} (pesanan {id})", "Midtrans canceled {rp} (order {id})"),
    "expire": ("pesanan {id} kedaluwarsa", "order {id} ran out"),
    "pending": ("Midtrans menunggu {rp} (pesanan {id})", "Midtrans waits for {rp} (order {id})"),
    "refunded": ("Midtrans mengembalikan {rp} ({id})", "Midtrans gave back {rp} (order {id})"),
}


def told(
    plan: Plan, place: Place, language: str = "id",
    watch: Callable[[History], None] = lambda _: None,
) -> list[str]:  # fmt: skip
    """Live a plan again and tell the matter of its first broken promise."""
    lines: list[str] = []
    with place.room(f"prove_{plan.index}") as room:
        history = History(plan, room, watch)
        history.ending = lambda: lines.extend(_tell(history, language))
        history.live()
    return lines


def _tell(history: History, language: str) -> list[str]:
    if not history.violations:
        return ["the smallest history did not break its promise when it was lived again"]
    first = next((one for one in history.violations if one.order_id), history.violations[0])
    head = "Janji yang dilanggar" if language == "id" else "The broken promise"
    plain = _sentence(history, first, language)
    lines = [plain, ""] if plain else []
    lines += [f"{head}: {first}", ""]
    entries = _entries(history, first, language)
    if len(entries) > _LINES_MAX:
        entries = [*entries[: _LINES_MAX // 2], (entries[0][0], "..."), *entries[-30:]]
    return [*lines, *(line for _, line in entries)]


def _entries(history: History, violation: Violation, language: str) -> list[tuple[datetime, str]]:
    """Our diary, the gateway's entries and the faults, of the customer concerned, in order."""
    customer, orders = _whose(history, violation.order_id)
    found: list[tuple[datetime, str]] = []
    with history.engine.db.begin(history.merchant_id) as session:
        ours = read_entries(
            session, history.merchant_id, datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC")),
            datetime(2100, 1, 1, tzinfo=ZoneInfo("UTC")),
        )  # fmt: skip
    found += [
        (one.at, f"          {one.line(language, _ZONE)}")
        for one in ours
        if customer is None or one.who == customer
    ]
    side = 0 if language == "id" else 1
    for entry in history.book.entries:
        if orders is not None and entry.order_id not in orders:
            continue
        words = _WHAT.get(entry.what, ("{what} {rp} ({id})",) * 2)[side]
        rp = f"Rp{entry.amount:,}".replace(",", ".")
        line = words.format(rp=rp, id=entry.order_id[-8:], what=entry.what)
        found.append((entry.at, f"  [buku]  {_stamp(entry.at)}  {line}"))
    times = [at for at, _ in found]
    for at, kind, who, order_id in history.faults.struck_at:
        mine = order_id is not None and (orders is None or order_id in orders)
        near = any(abs(at - other) < _NEAR for other in times)
        if mine or (order_id is None and near):
            found.append((at, f"  [fault] {_stamp(at)}  {kind} ({who})"))
    return sorted(found, key=lambda one: one[0])


def _whose(history: History, order_id: str | None) -> tuple[str | None, set[str] | None]:
    if order_id is None:
        return None, None
    row = history.look.execute(
        "SELECT c.name, c.id FROM payment_orders o JOIN customers c "
        "ON c.merchant_id = o.merchant_id AND c.id = o.customer_id WHERE o.order_id = %s",
        [order_id],
    ).fetchone()
    if row is None:
        return None, {order_id}
    orders = history.look.execute(
        "SELECT order_id FROM payment_orders WHERE customer_id = %s", [row[1]]
    ).fetchall()
    return row[0], {one[0] for one in orders}


def _sentence(history: History, violation: Violation, language: str) -> str | None:
    who, _ = _whose(history, violation.order_id)
    rows = history.look.execute(
        "SELECT order_id FROM payment_orders WHERE order_id = %s OR invoice_id = (SELECT invoice_id"
        " FROM payment_orders WHERE order_id = %s) ORDER BY order_id",
        [violation.order_id, violation.order_id],
    ).fetchall()
    book = history.book.orders
    return sentence(violation, who, [book[row[0]] for row in rows if row[0] in book], language)


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(_ZONE)):%d %b %H.%M}"
