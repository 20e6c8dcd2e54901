"""A portfolio: the one of a database as it stands, or one that a seed makes up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from billing import queries
from billing.flows import renew_rows
from billing.records import Subscription
from billing.renewals import next_at
from billing.tables import subscriptions
from core import ids
from core.calendars import instant_of
from core.work import Work
from ops.simulate.people import WHOLE, Chances, Offer, Part, Person, Seller, draw, pick
from usage.queries import usage_prices_of

_BATCH = 1_000
_SEATS = (1, 1, 1, 2, 3, 5, 8)


@dataclass(frozen=True, slots=True)
class Size:
    """How many there are at the beginning, and how many come each month."""

    subscriptions: int
    sign_ups: int


def made_up(
    seed: str, *, size: Size, offers: Sequence[Offer], chances: Chances, first: date, months: int,
    zone: str,
) -> Iterator[Person]:  # fmt: skip
    """Make people up: those of the first month spread over it, and those who come later.

    Each takes an offer, seats and a way to pay by chance; all alike follow from the seed.
    """
    given: dict[str, Any] = {"offers": offers, "chances": chances, "zone": zone}
    for n in range(size.subscriptions):
        yield _person(seed, f"a{n:06d}", month=first, **given)
    for month in range(1, months):
        count = first.year * 12 + first.month - 1 + month
        begins = date(count // 12, count % 12 + 1, 1)
        for n in range(size.sign_ups):
            yield _person(seed, f"m{month:03d}-{n:05d}", month=begins, **given)


def _person(
    seed: str, name: str, *, offers: Sequence[Offer], chances: Chances, month: date, zone: str
) -> Person:
    on = month + timedelta(days=draw(seed, name, "day") * 28 // WHOLE)
    since = instant_of(on, zone, 8 + draw(seed, name, "hour") * 12 // WHOLE)
    alone = draw(seed, name, "way") < chances.by_invoice
    return Person(
        id=name,
        since=since,
        offer=pick(seed, offers, name, "offer"),
        quantity=pick(seed, _SEATS, name, "seats"),
        collection="invoice" if alone else "automatic",
    )


def standing(unit: Work) -> list[Person]:
    """Read who has subscribed and what he has; nothing is written.

    What is unpaid now is not played on: every future invoice is.
    """
    found: list[Person] = []
    table = subscriptions.c
    last = None
    while True:
        query = select(*queries.SUBSCRIPTION).where(
            table.merchant_id == unit.merchant_id,
            table.status.in_(("active", "past_due", "trialing", "paused")),
        )
        if last is not None:
            query = query.where(table.id > last)
        rows = [
            Subscription(**row._mapping)
            for row in unit.session.execute(query.order_by(table.id).limit(_BATCH))
        ]
        if not rows:
            return found
        last = rows[-1].id
        cases = renew_rows.load(unit, rows)
        used = usage_prices_of(unit, {case.price.id for case in cases})
        found += [
            Person(
                id=ids.public("subscription", case.row.id),
                since=unit.now,
                offer=Offer(
                    case.price, (),
                    tuple(
                        Part(one.name, one.model, one.model_terms, one.zero)
                        for one in used.get(case.price.id, ())
                    ),
                ),
                quantity=case.quantity,
                collection="automatic"
                if case.agreement.collection == "automatic" and case.may_pull else "invoice",
                agreement=case.agreement,
                started_on=case.row.started_on,
                extras=case.extras,
                grants=case.grants,
                prices=case.prices,
            )
            for case in cases if next_at(case.agreement) is not None
        ]  # fmt: skip


def seller_of(unit: Work) -> Seller:
    """What of the merchant decides amounts and dates."""
    one = unit.merchant
    return Seller(
        one.billing_zone, one.tax_treatment, one.pkp_since, one.pkp_until, one.issue_lead_days,
        one.payment_terms_days,
    )  # fmt: skip


def read_only(unit: Work) -> datetime:
    """Let the database refuse every write of this transaction; the business time."""
    unit.session.execute(text("SET TRANSACTION READ ONLY"))
    return unit.now
