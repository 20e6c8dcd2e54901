"""One subscription's life: steps of its agreement, its invoices, who pays, who is chased.

Dates, prices, proration, tax and dunning are the engine's own rules; here is only what happens in
which order. Instants are business time; nothing is read or written.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction

from billing.beginnings import beginning_of
from billing.drafts import due_date, lead_days
from billing.flows.item_rows import Extra, part_lines, parts_on
from billing.lifecycle import SubscriptionStatus
from billing.records import Item
from billing.renewals import (
    Agreement,
    End,
    Issue,
    Pause,
    Resume,
    Roll,
    apply,
    next_at,
    next_step,
)
from billing.reports.mrr import COUNTED, MONTHS
from core.calendars import Period, civil_date, instant_of
from invoices.lines import DraftLine, price_document
from invoices.tax import is_pkp
from ops.simulate.figures import Customer
from ops.simulate.paying import Paying
from ops.simulate.people import WHOLE, Person
from ops.simulate.usage import used_lines
from ops.simulate.world import Bill, World
from plans.queries import Price


def live(world: World, person: Person) -> Customer:
    """Live one life to the end of what is played, and add it to the figures."""
    one = _Life(world, person)
    one.begin()
    while (at := one.next_at()) is not None and at < world.until:
        one.step(at)
    one.close()
    world.trim()
    return one.customer


class _Life(Paying):
    def __init__(self, world: World, person: Person) -> None:
        self.world, self.person = world, person
        self.quantity = person.quantity
        self.price: Price = person.offer.price
        self.zone = world.seller.zone if person.agreement is None else person.agreement.zone
        self.customer = Customer(person.id, self.price.plan_code)
        world.figures.customers[person.id] = self.customer
        self.bills: list[Bill] = []
        self.prices = {**person.prices, **{one.id: one for one, _ in person.offer.beside}}
        self.extras = person.extras
        self.counted_from: date | None = None
        # When the agreement's next step is due, and of which agreement that was found.
        self._due: datetime | None = None
        self._dated: Agreement | None = None
        self.agreement = person.agreement or self._signed_up()
        self.used_to = (
            self.first_paid if person.agreement is None else person.agreement.current.start
        )

    def _signed_up(self) -> Agreement:
        """The dates of a sign-up, as `subscribe` lays them down."""
        person, today = self.person, civil_date(self.person.since, self.zone)
        begun = beginning_of(today, self.price.interval, trial_days=self.price.trial_days)
        if person.offer.beside and not self.extras:
            self.extras = tuple(
                Extra(Item(price.id, price.id, price.id, price.id, n, today, None), today)
                for price, n in person.offer.beside
            )
        trial = begun.trial
        return Agreement(
            status=SubscriptionStatus.TRIALING if trial else SubscriptionStatus.ACTIVE,
            collection=person.collection,
            zone=self.zone,
            anchor=begun.anchor,
            interval=self.price.interval,
            lead_days=lead_days(self.price.interval, self.world.seller.lead_days),
            current=trial or begun.first,
            billed_through=begun.first_paid if trial else begun.first.end,
            trial_end_on=trial.end if trial else None,
        )

    @property
    def first_paid(self) -> date:
        ends = self.agreement.trial_end_on
        return ends or self.person.started_on or self.agreement.current.start

    def begin(self) -> None:
        """Count him in; who has no trial is billed at once, and pays: he has just signed up."""
        if self.person.agreement is None:
            today = civil_date(self.person.since, self.zone)
            if (month := self.world.figures.at(today)) is not None:
                month.started += 1
            if self.agreement.trial_end_on is None:
                self._bill(self.person.since, self.agreement.current, first=True)
        if self.agreement.status in COUNTED:
            self.counted_from = civil_date(self.person.since, self.zone)

    def next_at(self) -> datetime | None:
        """When something happens next: a step of the agreement, or of a bill."""
        times = [bill.due_at for bill in self.bills if bill.due_at is not None]
        if self._dated is not self.agreement:
            self._dated, self._due = self.agreement, next_at(self.agreement)
        return min([*times, self._due] if self._due is not None else times, default=None)

    def step(self, at: datetime) -> None:
        """Do what is due first at an instant: the agreement's steps before those of bills."""
        is_turn = self._due is not None and self._due <= at
        step = next_step(self.agreement, at) if is_turn else None
        if step is None:
            self.collect(min((b for b in self.bills if b.due_at), key=lambda b: b.due_at or at), at)
            self.bills = [bill for bill in self.bills if bill.is_open]
            return
        before = self.agreement
        if isinstance(step, Issue):
            self._bill(at, step.period)
        elif isinstance(step, Roll | End):
            self._use(at, step.period.start if isinstance(step, Roll) else step.on)
        self.agreement = apply(before, step)
        if isinstance(step, Roll):
            self._enter(step)
        elif isinstance(step, Pause):
            self._count(until=step.on)
            self.counted_from = None
        elif isinstance(step, Resume):
            self.counted_from = step.on
        elif isinstance(step, End):
            self.end(step.on, "churned")

    def _enter(self, step: Roll) -> None:
        """A period begins: who is on the way out says so, and others take more or fewer seats."""
        if self.counted_from is None:
            self.counted_from = step.period.start
        chances, start = self.world.chances, step.period.start
        months = max(1, self.agreement.interval.months)
        if self.draw("churn", start) < WHOLE - _stays(WHOLE - chances.churn, months):
            self.agreement = replace(self.agreement, cancel_on=step.period.end)
        elif self.draw("more", start) < chances.more_seats * months:
            self._seats(start, self.quantity + 1)
        elif self.quantity > 1 and self.draw("fewer", start) < chances.fewer_seats * months:
            self._seats(start, self.quantity - 1)

    def _seats(self, start: date, quantity: int) -> None:
        """Another number of seats waits for the next period that is not billed yet."""
        self._count(until=start)
        self.counted_from, self.quantity = start, quantity

    def _bill(self, now: datetime, period: Period, *, first: bool = False) -> None:
        agreement, start = self.agreement, period.start
        parts = parts_on(
            self.extras, self.prices, first=self.price, quantity=self.quantity, on=start,
            first_paid=self.first_paid, grants=self.person.grants,
        )  # fmt: skip
        key = (*(one.shape for one in parts), period, agreement.anchor, agreement.interval)
        known = self.world.lines
        if key not in known:
            known[key] = part_lines(
                parts, period=period, anchor=agreement.anchor, interval=agreement.interval
            )
        used = self._used(start) if not first and instant_of(start, self.zone) <= now else ()
        lines = (*known[key], *used) if used else known[key]
        self._issue(
            now, "period", period.start, period.end, lines, first=first, shared=not used
        )  # fmt: skip

    def _use(self, now: datetime, through: date) -> None:
        """Usage that no invoice of a period took has one of its own."""
        start = self.used_to
        if lines := self._used(through):
            self._issue(now, "one_off", start, through, lines)

    def _used(self, through: date) -> tuple[DraftLine, ...]:
        start, self.used_to = self.used_to, max(self.used_to, through)
        if not self.person.offer.usage or start >= through:
            return ()
        about = (self.world.seed, self.person.id, start)
        return used_lines(self.price, self.person.offer.usage, self.world.chances, about, through)

    def _issue(
        self, now: datetime, kind: str, start: date, end: date, lines: tuple[DraftLine, ...],
        *, first: bool = False, shared: bool = False,
    ) -> None:  # fmt: skip
        seller, on = self.world.seller, civil_date(now, self.world.seller.zone)
        # By identity: lines that are remembered are the same case, and are alive while they are.
        key = (id(lines), on, self.price.tax_mode)
        document = self.world.documents.get(key) if shared else None
        if document is None:
            document = price_document(
                lines, treatment=seller.treatment, mode=self.price.terms.tax_mode, on=on,
                pkp=is_pkp(seller.pkp_since, seller.pkp_until, on),
            )  # fmt: skip
            if shared:
                self.world.documents[key] = document
        collection = self.agreement.collection
        due_on = due_date(collection, civil_date(now, self.zone), seller.terms_days)
        bill = Bill(kind, start, end, on, document, collection, due_on, None)
        self.bills.append(bill)
        self.customer.invoices += 1
        self.customer.billed += bill.net
        if (month := self.world.figures.at(on)) is not None:
            month.billed += bill.net
        if self.world.keep is not None:
            self.world.keep(self.person, bill)
        if bill.total == 0 or (first and collection == "automatic"):
            self.paid(bill, now)
            return
        self.expect(bill, now)

    def end(self, on: date, why: str) -> None:
        self._count(until=on)
        self.counted_from = None
        self.customer.ended = why
        if (month := self.world.figures.at(on)) is not None:
            month.churned += why == "churned"
            month.lost += why == "unpaid"

    def close(self) -> None:
        """Count him on where he has not ended."""
        self._count(until=None)

    def _count(self, *, until: date | None) -> None:
        if self.counted_from is not None:
            items = [(self.price, self.quantity)]
            items += [
                (self.prices[one.item.price_id], one.item.quantity)
                for one in self.extras if one.serves(self.counted_from)
            ]  # fmt: skip
            worth = sum((self._worth(*item) for item in items), Fraction(0))
            self.world.figures.worth(self.counted_from, until, worth)

    def _worth(self, price: Price, quantity: int) -> Fraction:
        known = self.world.worths
        if (price.id, quantity) not in known:
            months = MONTHS[price.interval_unit] * price.interval_count
            known[price.id, quantity] = price.terms.priced(quantity).exact / months
        return known[price.id, quantity]


def _stays(monthly: int, months: int) -> int:
    """The chance to stay for several months, in basis points."""
    left = Fraction(monthly, WHOLE) ** months
    return int(left * WHOLE)
