"""How fast lives are played: `python -m ops.simulate.benchmark --subscriptions 10000 --months 24`.

The floor is the same people with their calendar alone: each step of each agreement is found and
done, and nothing is billed, paid or counted. One process, no database: rates and the ratio are of
the processor's time, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime

from billing.catalogue.document import parse
from billing.drafts import lead_days
from billing.lifecycle import SubscriptionStatus
from billing.renewals import Agreement, apply, next_at, next_step
from core.calendars import Anchor, Period, civil_date, instant_of, next_boundary
from dunning.policies import DEFAULT_POLICY
from ops.simulate.people import Chances, Person, Seller
from ops.simulate.playing import play
from ops.simulate.portfolio import Size, made_up
from ops.simulate.selling import offers_of

FIRST = date(2027, 1, 1)
SOLD = """
tagihan: 1
plans:
  basic:
    name: {id: Dasar}
    prices: [{interval_unit: month, unit_amount: 99_000}]
  pro:
    name: {id: Pro}
    prices:
      - {interval_unit: month, unit_amount: 249_000, trial_days: 14}
      - interval_unit: month
        component: {id: Kursi}
        model: graduated
        terms: {tiers: [{up_to: 10, unit_amount: 45_000}, {unit_amount: 40_000}]}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    seller = Seller(pkp_since=date(2020, 1, 1))
    people = list(
        made_up(
            "1", size=Size(given.subscriptions, 0), offers=offers_of(parse(SOLD)),
            chances=Chances(), first=FIRST, months=given.months, zone=seller.zone,
        )
    )  # fmt: skip
    count = FIRST.year * 12 + FIRST.month - 1 + given.months
    until = instant_of(date(count // 12, count % 12 + 1, 1), seller.zone)
    began = time.process_time()
    steps = sum(_calendar(person, seller, until) for person in people)
    floor = time.process_time() - began
    began, clock = time.process_time(), time.perf_counter()
    figures = play(
        people, seed="1", seller=seller, chances=Chances(), policy=DEFAULT_POLICY, first=FIRST,
        months=given.months,
    )  # fmt: skip
    taken, wall = time.process_time() - began, time.perf_counter() - clock
    invoices = sum(one.invoices for one in figures.customers.values())
    told = {
        "subscriptions": len(people), "months": given.months, "invoices": invoices,
        "seconds": round(wall, 1), "cpu_seconds": round(taken, 1),
        "lives_a_second": round(len(people) / taken),
        "floor_seconds": round(floor, 1), "floor_steps": steps, "ratio": round(taken / floor, 2),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
    print(json.dumps(told) if given.json else "\n".join(f"{k:<16}{v:,}" for k, v in told.items()))
    return 0


def _calendar(person: Person, seller: Seller, until: datetime) -> int:
    price = person.offer.price
    start = civil_date(person.since, seller.zone)
    anchor = Anchor.at(start)
    period = Period(start, next_boundary(anchor, price.interval, start))
    agreement = Agreement(
        SubscriptionStatus.ACTIVE, person.collection, seller.zone, anchor, price.interval,
        lead_days(price.interval, seller.lead_days), period, period.end,
    )  # fmt: skip
    steps = 0
    while (at := next_at(agreement)) is not None and at < until:
        step = next_step(agreement, at)
        if step is None:
            break
        agreement = apply(agreement, step)
        steps += 1
    return steps


if __name__ == "__main__":
    sys.exit(main())
