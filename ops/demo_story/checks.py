"""What must hold at the end: in our database, in the gateway's own book, and between the two."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import text

from core.clock import utc_now
from ops.demo_story.stage import Stage
from ops.doctor import Report, examine


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence with its figures, and whether it holds."""

    name: str
    holds: bool
    figures: str


def judge(stage: Stage) -> tuple[list[Verdict], Report]:
    """All verdicts, and the doctor's report behind the first."""
    engine = stage.running.instance.engine
    report = examine(engine.db, utc_now())
    broken = ", ".join(result.name for result in report.broken)
    verdicts = [
        Verdict(
            "the doctor's rules hold",
            not report.broken,
            f"{len(report.results)} rules" + (f", broken: {broken}" if broken else ""),
        )
    ]
    verdicts += _against_the_book(stage)
    return verdicts, report


def _against_the_book(stage: Stage) -> list[Verdict]:
    summary = stage.people.control("GET", "book/summary")
    book = {one["order_id"]: one for one in stage.people.control("GET", "book")["transactions"]}
    with stage.running.instance.engine.db.reader() as session:
        orders = session.execute(
            text(
                "SELECT o.order_id, o.invoice_id, o.kind, o.state, p.amount, p.refunded_amount, "
                "i.number FROM payment_orders o "
                "LEFT JOIN payments p ON p.merchant_id = o.merchant_id "
                "AND p.payment_order_id = o.id "
                "LEFT JOIN invoices i ON i.merchant_id = o.merchant_id AND i.id = o.invoice_id"
            )
        ).all()
        issued, total = session.execute(
            text("SELECT count(*), coalesce(sum(total_amount), 0) FROM invoices")
        ).one()
    ours = {row.order_id: row for row in orders}
    taken = {order_id: times for order_id, times in summary["orders"].items() if times}
    strangers = sorted(set(taken) - set(ours))
    pulled: Counter[str] = Counter(
        ours[order_id].number
        for order_id in taken
        if order_id in ours and ours[order_id].number and not book[order_id]["charged_back"]
    )
    twice = sorted(number for number, times in pulled.items() if times > 1)
    our_sum = sum(row.amount or 0 for row in orders)
    our_refunds = sum(row.refunded_amount or 0 for row in orders)
    unknown = [row.order_id for row in orders if row.state in ("created", "sent", "unknown")]
    often = summary["charged_more_than_once"]
    return [
        Verdict(
            "every order was charged at most once",
            not often,
            f"{len(taken)} orders charged in the gateway's book" + _named(often),
        ),
        Verdict(
            "every charge belongs to an order of ours", not strangers, _named(strangers) or "all"
        ),
        Verdict(
            "no invoice was charged twice",
            not twice,
            f"{len(pulled)} invoices charged" + _named(twice),
        ),
        Verdict(
            "the sums are the same",
            summary["charged"] == our_sum and summary["refunded"] == our_refunds,
            f"charged {summary['charged']:,} and {our_sum:,}, "
            f"refunded {summary['refunded']:,} and {our_refunds:,}",
        ),
        Verdict("no outcome is unknown", not unknown, _named(unknown) or "none"),
        Verdict("invoices were issued", issued > 0, f"{issued} invoices over {int(total):,}"),
    ]


def _named(listed: list[str]) -> str:
    return f": {', '.join(listed[:5])}" if listed else ""
