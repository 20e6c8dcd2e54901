"""Random lives: whatever is asked for in whatever order, the invariants hold over all rows."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from builders import make_merchant, make_price, make_subscription, set_clock, working
from sqlalchemy import text

from billing.engine import Engine
from billing.flows.cancel import cancel, undo_cancel
from billing.flows.change_plan import change, preview
from billing.flows.renew import renew_due
from billing.flows.void import void_invoice
from billing.ledger.postings import payment_captured
from billing.ledger.service import post
from billing.service import after_paid
from core.errors import Conflict
from core.merchant import Merchant
from core.money import Money
from core.work import Work
from invoices.queries import list_invoices
from invoices.service import record_settled

SEEDS = int(os.environ.get("TAGIHAN_TEST_SEEDS", "4"))

# Each says what must never be found; the doctor asks the same of a live database.
NEVER = {
    "a journal that does not balance":
        "SELECT journal_id FROM postings GROUP BY journal_id HAVING sum(amount) <> 0",
    "a line credited beyond itself":
        """SELECT l.id FROM invoice_lines l
           LEFT JOIN (SELECT c.credits_line_id AS id, -sum(c.amount) AS amount FROM invoice_lines c
                      JOIN invoices i ON i.id = c.invoice_id WHERE i.status <> 'void' GROUP BY 1) e USING (id)
           LEFT JOIN (SELECT invoice_line_id AS id, sum(net_amount - coalesce((SELECT sum(v.value::bigint)
                      FROM jsonb_each_text(derivation -> 'in_place_of') v), 0)) AS amount
                      FROM credit_note_lines GROUP BY 1) n USING (id)
           WHERE l.amount >= 0 AND coalesce(e.amount, 0) + coalesce(n.amount, 0) > l.amount""",
    "a document credited beyond itself":
        """SELECT i.id FROM invoices i JOIN (SELECT invoice_id AS id, sum(net_amount) AS net,
           sum(tax_amount) AS tax FROM credit_notes GROUP BY 1) n USING (id)
           WHERE n.net > i.subtotal_amount OR n.tax > i.tax_amount""",
    "a day of service billed twice, or not":
        """SELECT subscription_id FROM invoices WHERE kind = 'period' AND status <> 'void'
           GROUP BY subscription_id HAVING count(*) <> count(DISTINCT period_start)""",
    "an invoice whose credits are not its notes":
        """SELECT i.id FROM invoices i LEFT JOIN (SELECT invoice_id, sum(to_invoice_amount) AS c
           FROM credit_notes GROUP BY 1) n ON n.invoice_id = i.id
           WHERE i.credited_amount <> coalesce(n.c, 0)""",
    "a gap in the numbers":
        """SELECT 1 FROM number_series s WHERE s.kind = 'invoice' AND s.last_number <>
           (SELECT count(*) FROM invoices WHERE extract(year FROM issued_on) = s.year)""",
    "a living subscription without a next step":
        "SELECT id FROM subscriptions WHERE status NOT IN ('canceled','unpaid') AND next_at IS NULL",
    "an ended subscription that owes for time after its end":
        """SELECT i.id FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id
           WHERE s.status = 'canceled' AND i.status = 'open' AND i.period_start >= s.ended_on
           AND i.due_amount > 0""",
    "a line that its derivation does not explain":
        "SELECT id FROM invoice_lines WHERE derivation IS NULL OR derivation = '{}'",
}  # fmt: skip


MAY_BE_REFUSED = {
    "nothing_to_change",
    "not_changeable",
    "cancel_scheduled",
    "already_canceled",
    "not_scheduled",
}


def pay(unit: Work, invoice_id: UUID, customer_id: UUID, amount: int, order: str) -> None:
    """Book money as the flows of payment do: the capture, the invoice, the tax point."""
    money = Money(amount)
    post(
        unit,
        [
            payment_captured(
                order, unit.today, amount=money, allocated=money, customer_id=customer_id
            )
        ],
    )
    state = record_settled(unit, invoice_id, paid=amount)
    if state.became_paid:
        after_paid(unit, state)


def act(unit: Work, dice: random.Random, subscription_id: UUID, prices: list[UUID], n: int) -> None:
    match dice.choice(
        [
            "pay",
            "pay",
            "pay",
            "part",
            "change",
            "quantity",
            "later",
            "cancel",
            "now",
            "undo",
            "void",
        ]
    ):
        case "pay" | "part" as how:
            for one in list_invoices(unit, subscription_id=subscription_id, status="open"):
                amount = one.due_amount if how == "pay" else max(1, one.due_amount // 3)
                pay(unit, one.id, one.customer_id, amount, f"o-{n}-{one.number}")
        case "change":
            price = dice.choice(prices)
            shown = preview(unit, subscription_id, price_id=price, mode="prorate")
            done = change(unit, subscription_id, price_id=price, mode="prorate")
            assert done.planned == shown
        case "quantity":
            change(unit, subscription_id, quantity=dice.randint(1, 5))
        case "later":
            change(unit, subscription_id, price_id=dice.choice(prices), mode="at_period_end")
        case "cancel":
            cancel(unit, subscription_id)
        case "now":
            if dice.random() < 0.3:
                cancel(unit, subscription_id, when="now")
        case "undo":
            undo_cancel(unit, subscription_id)
        case "void":
            for one in list_invoices(unit, subscription_id=subscription_id, status="open"):
                if one.kind == "one_off":
                    void_invoice(unit, one.id, reason="mistake")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_invariants_hold(engine: Engine, seed: int) -> None:
    dice = random.Random(seed)
    merchant = make_merchant(engine, at=datetime(2026, 1, 29, 2, tzinfo=UTC))
    with working(engine, merchant) as unit:
        shapes = [(99_000, "month", 1), (149_999, "month", 1), (299_000, "month", 1),
                  (1_200_000, "year", 1), (45_001, "week", 1), (270_000, "month", 3)]  # fmt: skip
        prices = [
            make_price(unit, amount, interval_unit=interval, interval_count=count).id
            for amount, interval, count in shapes
        ]
        from plans.queries import get_price

        made = [
            make_subscription(
                unit, price=get_price(unit, dice.choice(prices)), trial_days=dice.choice([0, 0, 7])
            )
            for _ in range(5)
        ]
    now, refused = datetime(2026, 1, 29, 2, tzinfo=UTC), 0
    for n in range(60):
        now += timedelta(days=dice.randint(0, 6), hours=dice.randint(0, 20))
        set_clock(engine, merchant.merchant_id, now)
        renew_due(engine, merchant.merchant_id)
        try:
            with working(engine, merchant) as unit:
                act(unit, dice, dice.choice(made).subscription.id, prices, n)
        except Conflict as error:
            if error.code not in MAY_BE_REFUSED:
                raise
            refused += 1
    assert refused < 50
    check(engine, merchant)


def check(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        found = {name: unit.session.execute(text(query)).all() for name, query in NEVER.items()}
        assert {name: rows for name, rows in found.items() if rows} == {}
        owed, held, receivable, credit = unit.session.execute(
            text(
                """SELECT
                (SELECT coalesce(sum(due_amount), 0) FROM invoices WHERE status = 'open'),
                (SELECT coalesce(sum(amount), 0) FROM balance_entries),
                (SELECT coalesce(sum(amount), 0) FROM postings WHERE account = 'receivable'),
                (SELECT coalesce(-sum(amount), 0) FROM postings WHERE account = 'customer_credit')"""
            )
        ).one()
        assert (receivable, credit) == (owed, held)
