"""A catalogue: meters, plans with the prices that are sold, discounts; from a file and back.

    tagihan: 1
    meters:
      calls: {name: Panggilan API, event_name: api.call, aggregation: count}
    plans:
      pro:
        name: {id: Paket Pro, en: Pro plan}
        prices:
          - {interval_unit: month, unit_amount: 150_000}
          - interval_unit: month
            component: {id: Kursi, en: Seats}
            model: per_unit
            terms: {unit_amount: 45_000}
    discounts:
      HEMAT20: {name: Hemat, basis_points: 2000, duration: periods, count: 3}

Fields are those of the API. A price has no name of its own: it is what it says, and the list of a
plan's prices is all that is sold of it. What the file does not name is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import yaml

from billing.catalogue import fields
from billing.catalogue.fields import NEEDED, take
from billing.catalogue.reading import CatalogueError, Entry, Problem, UnreadableError, read
from billing.catalogue.sentences import problem_text
from billing.discounts.terms import check_terms
from core.errors import InvalidRequest
from plans.catalogue import check_plan_code, new_price
from plans.metered import METERED, ZERO, metered_terms
from plans.price_terms import MODEL_NAMES
from plans.pricing import FLAT
from usage.meters import LATE_DAYS, new_meter

VERSION: Final = 1
Content = dict[str, Any]
Shape = Mapping[str, tuple[Callable[[Entry], Any], Any]]

METER: Final[Shape] = {
    "name": (fields.words, NEEDED),
    "event_name": (fields.text, NEEDED),
    "aggregation": (fields.text, NEEDED),
    "field": (fields.text, None),
    "filters": (fields.filters, []),
    "late": (fields.text, "next_invoice"),
    "late_days": (fields.whole, LATE_DAYS),
    "state": (fields.choice("active", "retired"), "active"),
}
PART: Final[Shape] = {
    "name": (fields.words, NEEDED),
    "meter": (fields.text, NEEDED),
    "meter_version": (fields.whole, None),
    "model": (fields.choice(*METERED), NEEDED),
    "terms": (fields.terms, NEEDED),
    "zero": (fields.choice(*ZERO), "omit"),
}
PRICE: Final[Shape] = {
    "interval_unit": (fields.choice("day", "week", "month", "year"), NEEDED),
    "interval_count": (fields.whole, 1),
    "model": (fields.choice(FLAT, *(one for one in MODEL_NAMES if one != "percentage")), FLAT),
    "unit_amount": (fields.whole, None),
    "terms": (fields.terms, {}),
    "component": (fields.words, None),
    "setup_amount": (fields.whole, 0),
    "trial_days": (fields.whole, 0),
    "tax_mode": (fields.choice("exclusive", "inclusive"), "exclusive"),
    "usage": (lambda entry: entry, []),
    "external_id": (fields.text, None),
    "metadata": (fields.metadata, {}),
}
PLAN: Final[Shape] = {
    "name": (fields.words, NEEDED),
    "description": (fields.words, {}),
    "state": (fields.choice("active", "retired"), "active"),
    "external_id": (fields.text, None),
    "metadata": (fields.metadata, {}),
    "prices": (lambda entry: entry, None),
}
DISCOUNT: Final[Shape] = {
    "name": (fields.words, NEEDED),
    "basis_points": (fields.whole, None),
    "amount": (fields.whole, None),
    "duration": (fields.choice("once", "periods", "months", "forever"), "once"),
    "count": (fields.whole, None),
    "plans": (fields.texts, None),
    "new_customers": (fields.flag, False),
    "minimum_amount": (fields.whole, 0),
    "starts_at": (fields.instant, None),
    "ends_at": (fields.instant, None),
    "max_redemptions": (fields.whole, None),
    "per_customer": (fields.whole, 1),
    "state": (fields.choice("active", "stopped"), "active"),
}
_TOP: Final[Shape] = {
    "tagihan": (fields.whole, NEEDED),
    "meters": (lambda entry: entry, None),
    "plans": (lambda entry: entry, None),
    "discounts": (lambda entry: entry, None),
}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Contents by code, every field there; a plan's ``prices`` is None where they are not said.

    ``lines`` gives the line of each key of the file.
    """

    meters: Mapping[str, Content]
    plans: Mapping[str, Content]
    discounts: Mapping[str, Content]
    lines: Mapping[str, int] = field(default_factory=dict, compare=False)


def parse(text: str) -> Catalogue:
    """Read a file as a catalogue.

    Raises:
        CatalogueError: with the line and the key of all that is wrong.
    """
    problems: list[Problem] = []
    try:
        root = read(text)
    except UnreadableError as wrong:
        raise refused([wrong.problem]) from None
    if not isinstance(root.value, dict):
        raise refused([Problem(root.line, "", "no_table")])
    top = take(root, _TOP, problems)
    if top["tagihan"] not in (VERSION, None):
        problems.append(Problem(root.line, "tagihan", "version", {"known": str(VERSION)}))
    found = Catalogue(
        meters={code: _meter(code, one, problems) for code, one in _each(top["meters"], problems)},
        plans={code: _plan(code, one, problems) for code, one in _each(top["plans"], problems)},
        discounts={
            code: _discount(code, one, problems) for code, one in _each(top["discounts"], problems)
        },
        lines=dict(_lines(root)),
    )
    if problems:
        raise refused(problems)
    return found


def refused(problems: list[Problem]) -> CatalogueError:
    """The refusal of a file, in the order of its lines."""
    ordered = sorted(problems, key=lambda one: (one.line, one.key))
    return CatalogueError(ordered, [problem_text(one, "en") for one in ordered])


def write(catalogue: Catalogue) -> str:
    """Write a catalogue so that `parse` reads the same one; what is as usual is left out."""
    document: Content = {"tagihan": VERSION}
    if catalogue.meters:
        document["meters"] = {
            code: _short(one, METER) for code, one in sorted(catalogue.meters.items())
        }
    if catalogue.plans:
        document["plans"] = {
            code: _written_plan(one) for code, one in sorted(catalogue.plans.items())
        }
    if catalogue.discounts:
        document["discounts"] = {
            code: _short(one, DISCOUNT) for code, one in sorted(catalogue.discounts.items())
        }
    # Through JSON, so that no two values are one object, which YAML would write as an anchor.
    plain = json.loads(json.dumps(document))
    written: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return written


def _meter(code: str, entry: Entry, problems: list[Problem]) -> Content:
    found, sound = _taken(entry, METER, problems)
    if sound:
        given = {name: value for name, value in found.items() if name not in ("name", "state")}
        _domain(entry, problems, lambda: new_meter(code=code, version=1, **given))
    return found


def _plan(code: str, entry: Entry, problems: list[Problem]) -> Content:
    found, _ = _taken(entry, PLAN, problems)
    _domain(entry, problems, lambda: check_plan_code(code))
    prices = found["prices"]
    if prices is not None:
        listed = _listed(prices, problems)
        found["prices"] = [_price(code, one, problems) for one in listed]
    return found


def _price(code: str, entry: Entry, problems: list[Problem]) -> Content:
    found, sound = _taken(entry, PRICE, problems)
    usage = found["usage"]
    found["usage"] = [_part(one, problems) for one in _listed(usage, problems)] if usage else []
    if not sound:
        return found

    def check() -> None:
        price = new_price(
            plan_code=code, version=1, currency="IDR", unit_amount=found["unit_amount"],
            interval_unit=found["interval_unit"], interval_count=found["interval_count"],
            trial_days=found["trial_days"], tax_mode=found["tax_mode"], model=found["model"],
            terms=found["terms"],
        )  # fmt: skip
        found["terms"] = dict(price.model_terms)
        if not 0 <= found["setup_amount"] <= 1_000_000_000_000:
            raise InvalidRequest("invalid_setup_amount", "0 or more.", field="setup_amount")

    _domain(entry, problems, check)
    return found


def _part(entry: Entry, problems: list[Problem]) -> Content:
    found, sound = _taken(entry, PART, problems)
    if sound:

        def check() -> None:
            # What the meter adds up is looked at where the meter is known.
            found["terms"] = metered_terms(found["model"], found["terms"], "sum")

        _domain(entry, problems, check)
    return found


def _discount(code: str, entry: Entry, problems: list[Problem]) -> Content:
    found, sound = _taken(entry, DISCOUNT, problems)
    if sound:
        takes = {name: found[name] for name in ("basis_points", "amount", "duration", "count")}
        _domain(entry, problems, lambda: check_terms(code, **takes))
    if found["plans"] is not None:
        found["plans"] = sorted(set(found["plans"]))
    begin, end = found["starts_at"], found["ends_at"]
    if sound and begin and end and datetime.fromisoformat(begin) >= datetime.fromisoformat(end):
        problems.append(Problem(entry.line, f"{entry.key}.ends_at", "no_window"))
    return found


def _taken(entry: Entry, shape: Shape, problems: list[Problem]) -> tuple[Content, bool]:
    before = len(problems)
    found = take(entry, shape, problems)
    return found, len(problems) == before


def _domain(entry: Entry, problems: list[Problem], check: Callable[[], object]) -> None:
    """Ask a rule; what it refuses is told at the line of the field it names."""
    try:
        check()
    except InvalidRequest as wrong:
        first = (wrong.field or "").partition(".")[0].partition("[")[0]
        inner = entry.value.get(first) if isinstance(entry.value, dict) else None
        line = inner.line if inner else entry.line
        key = f"{entry.key}.{wrong.field}" if wrong.field else entry.key
        problems.append(Problem(line, key, "not_taken", {"why": wrong.message}))


def _each(entry: Entry | None, problems: list[Problem]) -> list[tuple[str, Entry]]:
    if entry is None:
        return []
    if not isinstance(entry.value, dict):
        problems.append(Problem(entry.line, entry.key, "no_table"))
        return []
    return list(entry.value.items())


def _listed(entry: Entry, problems: list[Problem]) -> list[Entry]:
    if not isinstance(entry.value, list):
        problems.append(Problem(entry.line, entry.key, "no_list"))
        return []
    return entry.value


def _lines(entry: Entry) -> list[tuple[str, int]]:
    inner: list[Entry] = []
    if isinstance(entry.value, dict):
        inner = list(entry.value.values())
    elif isinstance(entry.value, list):
        inner = entry.value
    return [(entry.key, entry.line), *(pair for one in inner for pair in _lines(one))]


def _written_plan(content: Content) -> Content:
    found = _short(content, PLAN)
    if content["prices"] is not None:
        found["prices"] = [_written_price(one) for one in content["prices"]]
    return found


def _written_price(content: Content) -> Content:
    found = _short(content, PRICE)
    if content["usage"]:
        found["usage"] = [_short(one, PART) for one in content["usage"]]
    return found


def _short(content: Content, shape: Shape) -> Content:
    """Leave out what is as usual; whole numbers of terms are written as such."""
    found = {name: content[name] for name, (_, usual) in shape.items() if content[name] != usual}
    if found.get("terms"):
        found["terms"] = _plain(found["terms"])
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value
