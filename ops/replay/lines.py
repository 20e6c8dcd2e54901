"""One stored line worked out again: its derivation, and the derivation against what was sold.

The derivation is evaluated by arithmetic that shares nothing with what made it. Then the price in
it is put aside and made anew by the model of the price's own row; so the line follows from what
was sold, and not only from what it says of itself. Rules differ only in amounts: what an older
version of the program wrote in another shape comes to the same rupiah and is as good.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from core.errors import EngineError
from core.exact import exact
from invoices.derivation import recompute
from invoices.derivation_prices import PRICE_RULES
from invoices.discounts import gross_of
from ops.replay.facts import Difference, Line, Metered, Sold, Sources
from plans.metered import priced_usage, terms_of_events
from plans.percentages import Fees

Derivation = Mapping[str, Any]
_PRICES: Final = (*PRICE_RULES, "product")
_BY_QUANTITY: Final = ("recurring", "stub", "charge")
_MONTH_DAYS: Final = (28, 31)


def differences_of(line: Line, sources: Sources, tax_mode: str) -> Iterator[Difference]:
    """Tell everything about a line that does not follow; nothing where all does."""
    derivation: Derivation = json.loads(line.derivation)
    try:
        computed = recompute(derivation)
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        yield _off(line, line.amount, "-", f"its derivation cannot be understood: {wrong}")
        return
    if computed != line.amount:
        yield _off(line, line.amount, computed, "its derivation comes to another amount")
    yield from _context(line, derivation)
    yield from _discounts(line, derivation, sources)
    yield from _days(line, derivation, sources)
    yield from _price(line, derivation, sources, tax_mode)


def wanted_of(line: Line) -> tuple[UUID | None, frozenset[UUID]]:
    """Name the closing and the discounts that a line was made of."""
    if '"usage"' not in line.derivation and '"discount"' not in line.derivation:
        return None, frozenset()
    derivation = json.loads(line.derivation)
    facts = derivation.get("usage")
    closing = UUID(facts["closing"]) if isinstance(facts, Mapping) else None
    return closing, frozenset(UUID(one["discount"]) for one in _taken_off(derivation))


def _context(line: Line, derivation: Derivation) -> Iterator[Difference]:
    """What stands beside the arithmetic is what the line's columns say."""
    said = (
        ("period_start", None if line.start is None else line.start.isoformat()),
        ("period_end", None if line.end is None else line.end.isoformat()),
        ("price_id", None if line.price_id is None else str(line.price_id)),
        ("credits_line_id", None if line.credits_line_id is None else str(line.credits_line_id)),
    )
    for name, stored in said:
        if name in derivation and derivation[name] != stored:
            yield _off(line, stored, derivation[name], f"its derivation names another {name}")


def _discounts(line: Line, derivation: Derivation, sources: Sources) -> Iterator[Difference]:
    taken = _taken_off(derivation)
    if taken or line.discount_amount:
        before = _amount(gross_of(derivation))
        if before is None or before - line.amount != line.discount_amount:
            off = "-" if before is None else before - line.amount
            yield _off(line, line.discount_amount, off, "its discount comes to another amount")
    for one in taken:
        given = sources.discounts.get(UUID(one["discount"]))
        code = one.get("code", one["discount"])
        if given is None:
            yield _off(line, code, "-", "its discount does not exist")
        elif one.get("rule") == "percent" and given.basis_points != one.get("basis_points"):
            yield _off(line, one.get("basis_points"), given.basis_points, f"{code} takes other")
        elif one.get("rule") == "part" and (given.amount is None or given.amount < one["of"]):
            yield _off(line, one["of"], given.amount, f"{code} takes less")


def _days(line: Line, derivation: Derivation, sources: Sources) -> Iterator[Difference]:
    """A part of a price is that of the line's own days, of as many as a period can have."""
    numerator, denominator = derivation.get("numerator"), derivation.get("denominator")
    if derivation.get("rule") not in ("share", "credit") or line.start is None or line.end is None:
        return
    days = (line.end - line.start).days
    if numerator != days:
        yield _off(line, numerator, days, "it is billed for other days than it says")
    if line.kind == "credit":
        yield from _credited(line, derivation, sources)
        return
    sold = sources.prices.get(line.price_id) if line.price_id else None
    if sold is None or not isinstance(denominator, int):
        return
    fixed, months = sold.interval.fixed_days, sold.interval.months
    least, most = (fixed, fixed) if fixed else tuple(n * months for n in _MONTH_DAYS)
    if not least <= denominator <= most:
        yield _off(line, denominator, f"{least} to {most}", "its whole period has other days")


def _credited(line: Line, derivation: Derivation, sources: Sources) -> Iterator[Difference]:
    back = sources.credited.get(line.credits_line_id) if line.credits_line_id else None
    if back is None:
        yield _off(line, line.amount, "-", "the line it gives back of does not exist")
        return
    if derivation.get("of") != back.amount:
        yield _off(line, derivation.get("of"), back.amount, "what it gives back of was billed as")
    if back.start is not None and back.end is not None:
        whole = (back.end - back.start).days
        if derivation.get("denominator") != whole:
            yield _off(line, derivation.get("denominator"), whole, "what it gives back of has days")


def _price(
    line: Line, derivation: Derivation, sources: Sources, tax_mode: str
) -> Iterator[Difference]:
    if line.price_id is None:
        return
    sold = sources.prices.get(line.price_id)
    if sold is None:
        yield _off(line, line.amount, "-", "its price does not exist")
        return
    if sold.terms.tax_mode != tax_mode:
        yield _off(line, tax_mode, sold.terms.tax_mode, "its price holds tax the other way")
    if line.kind == "setup":
        if line.amount != sold.setup_amount:
            yield _off(line, line.amount, sold.setup_amount, "its price has another setup fee")
        return
    try:
        made = _of_the_row(line, derivation, sold, sources)
    except (ValueError, TypeError, KeyError, EngineError) as wrong:
        yield _off(line, line.amount, "-", f"its price cannot make it: {wrong}")
        return
    if made is None:
        return
    again = _amount(_with_price(derivation, made))
    if again != line.amount:
        version = f"{sold.terms.plan_code} version {sold.terms.version}"
        yield _off(line, line.amount, again, f"{version} prices it otherwise")


def _of_the_row(
    line: Line, derivation: Derivation, sold: Sold, sources: Sources
) -> Derivation | None:
    """Price the line's quantity by the terms of the row; None where no quantity was priced."""
    if line.kind in _BY_QUANTITY:
        return sold.terms.priced(line.quantity).derivation
    facts = derivation.get("usage")
    if line.kind != "usage" or not isinstance(facts, Mapping):
        return None
    metered = sources.metered.get(UUID(facts["closing"]))
    if metered is None:
        raise ValueError("what was closed is not there")
    return _used(metered, facts, _innermost(derivation))


def _used(metered: Metered, facts: Mapping[str, Any], priced: Derivation) -> Derivation:
    terms = terms_of_events(metered.model, metered.terms)
    fees = None
    if terms is not None:  # how many events met a limit is counted by the events alone
        fees = Fees(
            exact(priced["amount"]), int(priced.get("events", 0)),
            int(priced.get("at_minimum", 0)), int(priced.get("at_maximum", 0)),
            exact(priced.get("free", 0)),
        )  # fmt: skip
    quantity = exact(facts["quantity"])
    made = priced_usage(
        metered.model, metered.terms, quantity, events=int(facts["events"]), fees=fees
    )
    return made.derivation


def _innermost(derivation: Derivation) -> Derivation:
    """The price at the bottom of a derivation: what shares and discounts were taken of."""
    node = derivation
    while node.get("rule") not in _PRICES and isinstance(node.get("of"), Mapping):
        node = node["of"]
    return node


def _with_price(derivation: Derivation, price: Derivation) -> Derivation:
    """Put another price in place of the one that a derivation holds, wherever it stands."""
    old = _bare(_innermost(derivation))

    def put(node: Any) -> Any:
        if not isinstance(node, Mapping):
            return node
        if node.get("rule") in _PRICES:
            return price if _bare(node) == old else node
        return {name: put(one) if name in ("of", "less") else one for name, one in node.items()}

    replaced: Derivation = put(derivation)
    return replaced


def _bare(node: Derivation) -> dict[str, Any]:
    """A price without what stands beside it where it is a whole line."""
    beside = ("period_start", "period_end", "price_id", "usage")
    return {name: one for name, one in node.items() if name not in beside}


def _taken_off(derivation: Derivation) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    node: Any = derivation
    while isinstance(node, Mapping):
        less = node.get("less")
        if isinstance(less, Mapping) and "discount" in less:
            found.append(less)
        node = node.get("of")
    return found


def _amount(derivation: Derivation) -> int | None:
    try:
        return recompute(derivation)
    except (ValueError, TypeError, KeyError):
        return None


def _off(line: Line, stored: object, recomputed: object, why: str) -> Difference:
    return Difference(line.position, str(stored), str(recomputed), why)
