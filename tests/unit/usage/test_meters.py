"""Meters: what they count, what they take from it, and what no meter can be."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.calendars import Period
from core.errors import InvalidRequest
from usage.arrivals import Served, refusal_of
from usage.closing import OpenSpan, ServedItem, joined, open_spans, share_of
from usage.measures import Event, Measured, Span, Sums, measure_events, measured, micros
from usage.meters import Filter, Meter, UnusableValueError, new_meter

START = datetime(2026, 12, 31, 17, tzinfo=UTC)  # midnight of 1 January in Jakarta
JANUARY = Span(date(2027, 1, 1), date(2027, 2, 1), START, START + timedelta(days=31))
ID = [UUID(int=n) for n in range(3)]


def meter(aggregation: Any, **more: Any) -> Meter:
    field = None if aggregation == "count" else "size"
    return Meter("m", 1, "call", aggregation, field, **more)


@pytest.mark.parametrize(
    ("choices", "found", "passes"),
    [
        (("jkt", "sby"), "sby", True), (("jkt",), "JKT", False), ((1,), 1, True),
        ((1,), True, False), ((True,), 1, False), ((1,), "1", False), (("",), None, False),
    ],
)  # fmt: skip
def test_a_filter_compares_as_json_does(choices: Any, found: Any, passes: bool) -> None:
    properties = {} if found is None else {"region": found}
    assert Filter("region", choices).passes(properties) is passes


@pytest.mark.parametrize(
    ("aggregation", "value", "text"),
    [
        ("sum", 12, "12"), ("sum", "0.5", "0.5"), ("sum", "-3", "-3"), ("sum", "0.1234567891", None),
        ("sum", "1e3", None), ("sum", "1/3", None), ("sum", True, None), ("sum", "", None),
        ("sum", 10**14, None), ("unique", "Budi", "Budi"), ("unique", 7, "7"),
        ("unique", True, "true"), ("unique", "", None), ("unique", "x" * 201, None),
    ],
)  # fmt: skip
def test_a_value_is_exact_or_none(aggregation: str, value: Any, text: str | None) -> None:
    if text is None:
        with pytest.raises(UnusableValueError):
            meter(aggregation).value_of({"size": value})
    else:
        assert meter(aggregation).value_of({"size": value}) == text


def test_half_a_month_of_a_seat_is_half_a_seat() -> None:
    """A level of 2 and a seat more from the 16.5th day of 31: 2.46774 seats; of none, 14.5/31."""
    at = START + timedelta(days=16, hours=12)
    event = Event("k", "call", at, date(2027, 1, 17), {"size": 1})
    earlier = Event("j", "call", START - timedelta(days=9), date(2026, 12, 23), {"size": 2})

    assert measure_events(meter("weighted_sum"), [event], JANUARY).quantity == Fraction(29, 62)
    both = measure_events(meter("weighted_sum"), [earlier, event], JANUARY)
    assert both == Measured(1, 2 + Fraction(29, 62))
    sums = Sums(events=1, total=Fraction(1), moment=Fraction(micros(at)), before=Fraction(2))
    assert measured("weighted_sum", sums, JANUARY) == both


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 30)), max_size=8))
def test_a_level_that_changes_is_the_mean_of_its_days(changes: list[tuple[int, int]]) -> None:
    events = [
        Event(str(n), "call", START + timedelta(days=day), date(2027, 1, 1 + day), {"size": by})
        for n, (by, day) in enumerate(changes)
    ]
    levels = [sum(by for by, day in changes if day <= today) for today in range(31)]

    assert measure_events(meter("weighted_sum"), events, JANUARY).quantity == Fraction(
        sum(levels), 31
    )


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"code": "Big"}, "code"), ({"event_name": ""}, "event_name"),
        ({"aggregation": "mean"}, "aggregation"), ({"aggregation": "count"}, "field"),
        ({"field": None}, "field"), ({"late": "never"}, "late"), ({"late_days": 0}, "late_days"),
        ({"filters": [{"property": "x", "in": []}]}, "filters[0].in"),
        ({"filters": [{"property": "x", "in": "abc"}]}, "filters[0].in"),
        ({"filters": [{"property": "x", "in": [None]}]}, "filters[0].in"),
        ({"filters": [{"in": ["a"]}]}, "filters[0].property"),
    ],
)  # fmt: skip
def test_a_meter_that_can_not_be_is_refused(terms: dict[str, Any], field: str) -> None:
    good: dict[str, Any] = {
        "code": "m", "version": 1, "event_name": "call", "aggregation": "sum", "field": "size",
    }  # fmt: skip
    assert new_meter(**good).aggregation == "sum"
    with pytest.raises(InvalidRequest) as refusal:
        new_meter(**{**good, **terms})
    assert (refusal.value.code, refusal.value.field) == ("invalid_meter", field)


@pytest.mark.parametrize(
    ("status", "at_hours", "late", "code"),
    [
        ("active", 0, "next_invoice", None), ("past_due", -1, "refuse", None),
        ("active", -24 * 9, "next_invoice", None), ("active", -24 * 9, "refuse", "period_billed"),
        ("active", -24 * 36, "next_invoice", "event_too_old"), ("paused", 0, "refuse", "subscription_not_served"),
        ("canceled", 0, "refuse", "subscription_ended"), ("active", 1, "refuse", "event_in_future"),
    ],
)  # fmt: skip
def test_when_an_event_may_come(status: str, at_hours: int, late: Any, code: str | None) -> None:
    now = START + timedelta(days=7)
    served = Served("Asia/Jakarta", status, date(2026, 10, 1), date(2027, 1, 1))
    at = now + timedelta(hours=at_hours)
    day = (at + timedelta(hours=7)).date()
    found = refusal_of(served, [meter("sum", late=late), meter("count")], at, day, now)
    assert (found.code if found else None) == code


def test_each_day_of_an_item_is_billed_once() -> None:
    """A change on the 20th: the old item to the 20th, the new one from it, what is billed left out."""
    items = [
        ServedItem(ID[0], date(2027, 1, 1), date(2027, 1, 20)),
        ServedItem(ID[1], date(2027, 1, 20), None),
        ServedItem(ID[2], date(2027, 1, 20), date(2027, 1, 20)),
    ]
    day = date(2027, 1, 8)
    spans = open_spans(items, {ID[0]: date(2027, 1, 10)}, paid_from=day, through=date(2027, 2, 1))
    assert spans == [
        OpenSpan(ID[0], date(2027, 1, 10), date(2027, 1, 20)),
        OpenSpan(ID[1], date(2027, 1, 20), date(2027, 2, 1)),
    ]
    assert open_spans(items, {}, paid_from=date(2027, 3, 1), through=date(2027, 2, 1)) == []


def test_versions_that_follow_each_other_are_one_item() -> None:
    """A gap parts them; what ends as it begins was never served."""
    tenth, twentieth = date(2027, 1, 10), date(2027, 1, 20)
    versions = [
        ServedItem(ID[0], date(2027, 1, 1), tenth),
        ServedItem(ID[1], tenth, tenth),
        ServedItem(ID[2], tenth, twentieth),
        ServedItem(ID[1], date(2027, 1, 25), None),
    ]
    assert joined(versions) == [
        ServedItem(ID[0], date(2027, 1, 1), twentieth, (ID[0], ID[2])),
        ServedItem(ID[1], date(2027, 1, 25), None, (ID[1],)),
    ]


@pytest.mark.parametrize(
    ("aggregation", "start", "lasts_to", "share"),
    [
        ("sum", 10, 20, None),
        ("count", 10, 20, None),
        ("max", 1, 32, None),
        ("last", 1, 16, (15, 31)),
        ("unique", 16, 32, (16, 31)),
        ("weighted_sum", 10, 20, (10, 31)),
        ("max", 20, 70, None),
    ],
)
def test_what_says_how_a_period_was_takes_its_share_of_the_price(
    aggregation: Any, start: int, lasts_to: int, share: tuple[int, int] | None
) -> None:
    first = date(2026, 12, 31)
    begins, to = first + timedelta(days=start), first + timedelta(days=lasts_to)
    whole = Period(date(2027, 1, 1), date(2027, 2, 1))
    found = share_of(aggregation, OpenSpan(ID[0], begins, begins), whole, lasts_to=to)
    assert found == share
