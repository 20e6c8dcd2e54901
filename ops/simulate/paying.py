"""Who pays: a charge or a payer in time, and who does not is chased as the policy says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import date, datetime, timedelta

from billing.drafts import MORNING
from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement
from core.calendars import civil_date, instant_of
from dunning.cases import Case, Notify, Retry
from dunning.policy import decide
from ops.simulate.figures import Customer, Month
from ops.simulate.people import WHOLE, Channel, Person, draw
from ops.simulate.world import Bill, World

NOON = 12


class Paying(ABC):
    """The half of a life that is about money; the other half issues the bills and ends it."""

    world: World
    person: Person
    zone: str
    customer: Customer
    bills: list[Bill]
    agreement: Agreement

    @abstractmethod
    def end(self, on: date, why: str) -> None:
        """The subscription ends, for this reason."""

    def expect(self, bill: Bill, now: datetime) -> None:
        """A saved method is charged in the morning; who pays by himself does so until it is due."""
        if bill.collection == "automatic":
            bill.due_at = max(now, instant_of(civil_date(now, self.zone), self.zone, MORNING + 1))
            return
        in_time = self.draw("pay", bill.kind, bill.start) >= self._channel(bill).decline
        if in_time:
            days = (
                self.draw("when", bill.kind, bill.start)
                * max(1, self.world.seller.terms_days)
                // WHOLE
            )
            on = civil_date(now, self.zone) + timedelta(days=days)
            bill.due_at = max(now, instant_of(on, self.zone, NOON))
            return
        bill.case = Case(opened_at=now, collection="invoice", due_on=bill.due_on)
        bill.due_at = decide(bill.case, now, self.zone, self.world.policy).at

    def collect(self, bill: Bill, at: datetime) -> None:
        """Do what is due on a bill: the first try, the payer's payment, or a step of its case."""
        channel = self._channel(bill)
        if bill.case is None:
            if bill.collection == "invoice" or (
                self.draw("pay", bill.kind, bill.start) >= channel.decline
            ):
                self.paid(bill, at)
                return
            self._tried(at)
            hard = self.draw("hard", bill.kind, bill.start) < channel.hard
            bill.case = Case(
                opened_at=at, first_failed_at=at, last_attempt_at=at, failures=1,
                due_on=bill.due_on, decline_class="hard" if hard else "soft",
            )  # fmt: skip
        else:
            self._chase(bill, bill.case, at, channel)
        if bill.case is not None and bill.paid_at is None and not bill.lost:
            bill.due_at = max(at, decide(bill.case, at, self.zone, self.world.policy).at)

    def _chase(self, bill: Bill, case: Case, at: datetime, channel: Channel) -> None:
        """Do the one next step of a case, as the policy says."""
        step = decide(case, at, self.zone, self.world.policy)
        if step.at > at:
            return
        if isinstance(step, Retry):
            self._tried(at)
            chance = channel.payday if step.because == "payday" else channel.retry
            if self.draw("try", bill.kind, bill.start, case.failures) < chance:
                self.paid(bill, at, recovered=True)
                return
            bill.case = replace(case, failures=case.failures + 1, last_attempt_at=at)
        elif isinstance(step, Notify):
            late = case.collection == "automatic" or step.kind != "due_soon"
            if late and self.draw("notice", bill.kind, bill.start, step.key) < channel.notice:
                self.paid(bill, at, recovered=True)
                return
            bill.case = replace(case, notices={**case.notices, step.key: at})
        else:
            self._given_up(bill, at)

    def _given_up(self, bill: Bill, at: datetime) -> None:
        """The chase is over: what is unpaid is taken back, and a period unpaid ends the service."""
        ended = bill.kind == "period" and not self.agreement.status.is_ended
        for one in self.bills if ended else (bill,):
            if one.is_open:
                one.lost, one.due_at = True, None
                if (month := self._month(at)) is not None:
                    month.written_off += one.net
        if ended:
            status = SubscriptionStatus.CANCELED
            self.agreement = replace(self.agreement, status=status)
            self.end(civil_date(at, self.zone), "unpaid")

    def paid(self, bill: Bill, at: datetime, *, recovered: bool = False) -> None:
        """Money came for a bill."""
        bill.paid_at, bill.due_at = at, None
        self.customer.revenue += bill.net
        if (month := self._month(at)) is None:
            return
        month.revenue += bill.net
        month.collected += bill.total
        if recovered:
            month.recovered += bill.net

    def _tried(self, at: datetime) -> None:
        if (month := self._month(at)) is not None:
            month.tries += 1

    def _month(self, at: datetime) -> Month | None:
        return self.world.figures.at(civil_date(at, self.world.seller.zone))

    def _channel(self, bill: Bill) -> Channel:
        chances = self.world.chances
        return chances.card if bill.collection == "automatic" else chances.invoice

    def draw(self, *about: object) -> int:
        """What chance says to a question about this person."""
        return draw(self.world.seed, self.person.id, *about)
