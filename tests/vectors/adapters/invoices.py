"""Whole stories of subscriptions from other systems, lived by the real engine on a database.

A day is 09:00 where the customer is. Amounts are minor units of the source's currency, billed as
rupiah by a seller without tax; where the source taxes, its rate is put on the engine's figures by
our tax rules. Every invoice is paid as it is issued.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from builders import make_customer, make_merchant, make_price, set_clock, working
from vectors.adapters.cycles import INTERVALS
from vectors.adapters.tax_rounding import taxed
from vectors.cases import TOLD, Answer, Case, adapter, instant, major, minor

from billing.beginnings import FixedDay
from billing.change_lines import ChangeLine
from billing.engine import Engine
from billing.flows.cancel import cancel, preview_cancel
from billing.flows.change_plan import change
from billing.flows.credit import credit_invoice
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.queries import balance, get_subscription
from billing.records import Subscription
from billing.service import after_paid
from core.calendars import civil_date, instant_of
from core.ids import fresh
from core.merchant import Merchant
from core.work import Work
from invoices.queries import get_invoice, lines_of, list_invoices
from invoices.service import record_settled

D = date.fromisoformat
ZONE = "Asia/Jakarta"
# Kinds of lines that charge a period; those of a change are told with their change.
PERIOD_KINDS = ("recurring", "stub")
ENGINES: list[Engine] = []
"""The engine of the test that runs; the adapter is called with a case alone."""


@dataclass
class Document:
    """What one event came to: charges and credits, and what became of the balance."""

    on: date
    lines: Sequence[tuple[str, date, date, int]] = ()
    moved: int = 0
    is_period: bool = False

    def sum_of(self, kind: str) -> int:
        return sum(amount for what, _, _, amount in self.lines if what == kind)


@dataclass
class Story:
    """A scenario under way."""

    case: Case
    engine: Engine
    merchant: Merchant
    subscription_id: UUID
    customer_id: UUID
    prices: Mapping[str, UUID]
    zone: str
    seen: set[UUID] = field(default_factory=set)
    documents: list[Document] = field(default_factory=list)

    def work(self) -> Any:
        return working(self.engine, self.merchant)

    def subscription(self) -> Subscription:
        with self.work() as unit:
            return get_subscription(unit, self.subscription_id)

    def set_to(self, on: date) -> None:
        set_clock(self.engine, self.merchant.merchant_id, instant_of(on, self.zone, 9))

    def live_to(self, on: date) -> None:
        """Live from due date to due date, paying every invoice, up to a date."""
        while True:
            due = self.subscription().next_at
            if due is None or civil_date(due, self.zone) > on:
                break
            day = civil_date(due, self.zone)
            self.set_to(day)
            self.note_periods(day, lambda: renew_due(self.engine, self.merchant.merchant_id))
        self.set_to(on)

    def note_periods(self, on: date, act: Callable[[], object]) -> None:
        """Do something that may invoice periods, and note each new invoice."""
        held = self.held()
        act()
        with self.work() as unit:
            found = [one for one in list_invoices(unit, limit=500) if one.id not in self.seen]
            for invoice in sorted(found, key=lambda one: str(one.period_start)):
                self.seen.add(invoice.id)
                rows = [row for row in lines_of(unit, invoice.id) if row.kind in PERIOD_KINDS]
                if rows:
                    lines = [("charge", *span(row), row.amount) for row in rows]
                    self.documents.append(Document(on, lines, is_period=True))
                pay(unit, invoice.id)
        if self.documents:
            self.documents[-1].moved = self.held() - held

    def held(self) -> int:
        with self.work() as unit:
            return balance(unit, self.customer_id)

    def note_change(self, on: date, act: Callable[[Work], Iterator[ChangeLine]]) -> None:
        """Do a change or an end, and note its lines as they were stored."""
        held = self.held()
        with self.work() as unit:
            lines = [
                (line.kind, line.period.start, line.period.end, line.amount.amount)
                for line in act(unit)
            ]
        self.documents.append(Document(on, lines))
        self.documents[-1].moved = self.held() - held
        with self.work() as unit:
            for invoice in list_invoices(unit, limit=500):
                if invoice.id not in self.seen:
                    self.seen.add(invoice.id)
                    pay(unit, invoice.id)


def span(row: Any) -> tuple[date, date]:
    return row.period_start, row.period_end


def pay(unit: Work, invoice_id: UUID) -> None:
    due = get_invoice(unit, invoice_id).due_amount
    if due:
        state = record_settled(unit, invoice_id, paid=due)
        if state.became_paid:
            after_paid(unit, state)


def amount_of(case: Case, terms: Mapping[str, Any]) -> int:
    return terms["price_minor"] if "price_minor" in terms else minor(terms["price"], case.digits)


def begin_story(case: Case, engine: Engine) -> Story:
    """Make the seller, the plans and the subscription; its first invoice is paid."""
    setup, plans = case.given["setup"], case.given["plans"]
    if any(plan["mode"] != "in_advance" for plan in plans.values()):
        raise ValueError("only billing in advance is lived here")
    zone = setup.get("time_zone", ZONE)
    start = (
        civil_date(instant(setup["start_instant"]), zone)
        if "start_instant" in setup
        else D(setup["start"])
    )
    billed_day = case.convention == "lago"
    merchant = make_merchant(
        engine, at=instant_of(start, zone, 9), pkp_since=None, issue_lead_days=0,
        cancel_day_billed=billed_day,
    )  # fmt: skip
    with working(engine, merchant) as unit:
        customer = make_customer(unit, billing_zone=zone)
        prices = {
            code: make_price(
                unit, amount_of(case, plan), code=f"plan-{code}",
                interval_unit=INTERVALS[plan["interval"]].unit,
                interval_count=INTERVALS[plan["interval"]].count,
            ).id
            for code, plan in plans.items()
        }  # fmt: skip
    day = 1 if setup.get("billing") == "calendar" else setup.get("anchor_day")
    story = Story(case, engine, merchant, UUID(int=0), customer.id, prices, zone)

    def begin() -> None:
        with story.work() as unit:
            story.subscription_id = subscribe(
                unit, customer_id=customer.id, price_id=prices[setup["plan"]],
                trial_days=setup.get("trial_days", 0), fixed=FixedDay(day) if day else None,
            ).subscription.id  # fmt: skip

    story.note_periods(start, begin)
    return story


def renew(story: Story, on: date, _event: Mapping[str, Any]) -> None:
    story.live_to(on)


def change_plan(story: Story, on: date, event: Mapping[str, Any]) -> None:
    """Change now; what lands on a boundary was asked for the day before, for the period's end."""
    price = story.prices[event["plan"]]
    boundary = story.subscription().current_end
    if boundary == on:
        story.live_to(on - timedelta(days=1))
        with story.work() as unit:
            change(unit, story.subscription_id, price_id=price, mode="at_period_end")
        story.live_to(on)
        return
    story.live_to(on)

    def act(unit: Work) -> Iterator[ChangeLine]:
        quote = change(unit, story.subscription_id, price_id=price, mode="prorate").planned.quote
        if "new_anchor" in event:
            assert quote.new_anchor is not None
            assert quote.new_anchor.on == D(event["new_anchor"])
        yield from (*quote.charges, *quote.credits)

    story.note_change(on, act)


def ask_for_later(story: Story, on: date, event: Mapping[str, Any]) -> None:
    """Ask for a change at the period's end."""
    story.live_to(on)
    with story.work() as unit:
        price = story.prices[event["plan"]]
        change(unit, story.subscription_id, price_id=price, mode="at_period_end")


def adjust_line(story: Story, on: date, event: Mapping[str, Any]) -> None:
    """Give back a part of a line by hand."""
    story.live_to(on)
    with story.work() as unit:
        invoice, line = next(
            (invoice.id, row.id)
            for invoice in list_invoices(unit, limit=500)
            for row in lines_of(unit, invoice.id)
            if row.period_start == D(event["line"])
        )
        given = -minor(event["amount"], story.case.digits)
        credit_invoice(
            unit, invoice, reason="mistake", source_kind="request", source_id=fresh(),
            net_lines={line: given},
        )  # fmt: skip


def end(story: Story, on: date, event: Mapping[str, Any]) -> None:
    """Cancel at once."""
    story.live_to(on)

    def act(unit: Work) -> Iterator[ChangeLine]:
        quote = preview_cancel(unit, story.subscription_id, when="now").quote
        ended = cancel(unit, story.subscription_id, when="now")
        assert ended.ended_on == quote.end_on
        if "end" in event:
            assert quote.end_on == D(event["end"])
        yield from quote.credits

    story.note_change(on, act)


EVENTS: Mapping[str, Callable[[Story, date, Mapping[str, Any]], None]] = {
    "renew": renew,
    "period_end": renew,
    "change": change_plan,
    "request_downgrade": ask_for_later,
    "schedule_change": ask_for_later,
    "line_adjustment": adjust_line,
    "cancel": end,
    "terminate": end,
}


@adapter("invoices", "scenario", "kb", "kb-fixed30", "kb-arrears", "lago", "polar")
def scenario(case: Case) -> Answer:
    [engine] = ENGINES
    story = begin_story(case, engine)
    story.live_to(story.subscription().trial_end_on or story.subscription().current_start)
    for event in case.given["events"]:
        on = (
            civil_date(instant(event["instant"]), story.zone)
            if "instant" in event
            else D(event["date"])
        )
        EVENTS[event["type"]](story, on, event)
    told = {"kb": told_by_items, "lago": told_by_sums, "polar": told_by_change}
    return {
        "invoices": told[case.convention](case, story.documents),
        "account_credit_after": major(story.held(), case.digits),
    }


def told_by_items(case: Case, documents: list[Document]) -> list[dict[str, Any]]:
    """Line by line: charges before credits."""
    return [
        {
            "date": one.on,
            "items": [
                {
                    "type": kind, "from": start, "to": until, "amount": major(amount, case.digits),
                    "calc": TOLD, "capped": TOLD,
                }
                for kind, start, until, amount in one.lines
            ],
            "total": major(sum(line[3] for line in one.lines), case.digits),
            "account_credit_generated": major(max(one.moved, 0), case.digits),
            "account_credit_used": major(max(-one.moved, 0), case.digits),
        }
        for one in documents
    ]  # fmt: skip


def told_by_sums(case: Case, documents: list[Document]) -> list[dict[str, Any]]:
    """Fees before tax, and credit notes with it."""
    rate = case.given["setup"].get("tax_percent", "0")
    found = []
    for one in documents:
        charged, credited = one.sum_of("charge"), -one.sum_of("credit")
        note = taxed([credited], [[rate]])
        found.append(
            {
                "date": one.on,
                "date_instant": TOLD,
                "fees_minor": charged,
                "total_minor": taxed([charged], [[rate]]).total.amount,
                "credit_note_total_minor": note.total.amount,
                "credit_note": {
                    "net_minor": credited,
                    "tax_minor": note.tax.amount,
                    "total_minor": note.total.amount,
                },
            }
        )
    return found


def told_by_change(_case: Case, documents: list[Document]) -> list[dict[str, Any]]:
    """Only what changes came to."""
    return [
        {
            "date": one.on,
            "credit_minor": -one.sum_of("credit"),
            "debit_minor": one.sum_of("charge"),
        }
        for one in documents
        if not one.is_period
    ]
