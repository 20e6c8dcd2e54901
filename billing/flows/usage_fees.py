"""The fees of single events: limits for each and a free amount, counted where events are kept."""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from sqlalchemy import Numeric, Uuid, bindparam, text

from core.work import Work
from plans.percentages import Fees, PercentageTerms
from usage.queries import Wanted
from usage.service import COUNTED

_NUMBERS = ("scale", "free", "rate", "fixed", "minimum", "maximum")
# What `plans.percentages.fees_of` does, in whole numbers of a unit that all terms are exact in.
_FEES = text(
    f"""
    WITH counted AS (
        SELECT at, seq, greatest(value, 0) * :scale AS whole FROM ({COUNTED}) c
        WHERE merchant_id = :merchant_id AND subscription_id = :subscription
            AND meter_id = :meter AND day >= :starts AND day < :ends
    ), freed AS (
        SELECT whole, CASE WHEN :free = 0 THEN 0 ELSE least(whole, greatest(0, :free -
            coalesce(sum(whole) OVER (ORDER BY at, seq
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) END AS free
        FROM counted
    ), judged AS (
        SELECT whole - free AS paid, free, :free = 0 OR whole > free AS pays,
            coalesce(:rate * (whole - free) + :fixed < :minimum, false) AS low,
            coalesce(:rate * (whole - free) + :fixed > :maximum, false) AS high
        FROM freed
    )
    SELECT coalesce(sum(paid) FILTER (WHERE pays AND NOT low AND NOT high), 0) AS amount,
        count(*) FILTER (WHERE pays AND NOT low AND NOT high) AS events,
        count(*) FILTER (WHERE pays AND low) AS at_minimum,
        count(*) FILTER (WHERE pays AND high AND NOT low) AS at_maximum,
        coalesce(sum(free), 0) AS free
    FROM judged
    """  # noqa: S608 - constants
).bindparams(
    bindparam("merchant_id", type_=Uuid()),
    *(bindparam(name, type_=Numeric()) for name in _NUMBERS),
)


def fees_of_span(unit: Work, wanted: Wanted, terms: PercentageTerms) -> Fees:
    """Count what the events of a span pay, in the order they happened; none leaves the database.

    Only where no sum of days says it: each event has a limit, or the first ones are free.
    """
    scale = terms.free_amount.denominator
    unit_of = terms.rate.denominator * scale
    limits = (terms.fixed_amount, terms.minimum, terms.maximum)
    unit_of = lcm(unit_of, *(one.denominator for one in limits if one is not None))
    fixed, minimum, maximum = (None if one is None else int(one * unit_of) for one in limits)
    row = unit.session.execute(
        _FEES,
        {
            "merchant_id": unit.merchant_id,
            "subscription": wanted.subscription_id,
            "meter": wanted.meter_id,
            "starts": wanted.span.start,
            "ends": wanted.span.end,
            "scale": scale,
            "free": int(terms.free_amount * scale),
            # Of an amount that counts ``scale`` times.
            "rate": int(terms.rate * unit_of / scale),
            "fixed": fixed,
            "minimum": minimum,
            "maximum": maximum,
        },
    ).one()
    return Fees(
        amount=Fraction(row.amount) / scale,
        events=row.events,
        at_minimum=row.at_minimum,
        at_maximum=row.at_maximum,
        free=Fraction(row.free) / scale,
    )
