"""Reckons a line again from what the API tells of it, and shares no code with what made it.

Nothing of ours is imported here, and nothing is learnt but from the explanation: a derivation as
`GET /invoices/{id}/explain` gives it, the terms of the tax, dates as text. A figure that comes out
otherwise, an operand that is no exact number, and days that the dates do not have are all wrong.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any


class WrongError(Exception):
    """The explanation does not explain."""


def line_amount(derivation: dict[str, Any]) -> int:
    """Whole rupiah of a line, from its derivation alone; its dates must bear out its days."""
    _dates(derivation)
    return _whole(derivation)


def sentence_figure(sentence: str) -> int:
    """The figure a sentence ends with: ``… = Rp63.870,97, dibulatkan Rp63.871`` says 63871."""
    sign, rupiah, digits = sentence.rpartition(" ")[2].partition("Rp")
    if rupiah != "Rp" or sign not in ("", "-") or not digits.replace(".", "").isdigit():
        raise WrongError(f"no figure at the end of {sentence!r}")
    if f"{int(digits.replace('.', '')):,}".replace(",", ".") != digits:
        raise WrongError(f"dots in the wrong place in {sentence!r}")
    return int(sign + digits.replace(".", ""))


def tree_amount(step: dict[str, Any]) -> int:
    """Whole rupiah of a step; what its parts come to must be what it says of them."""
    exact = _exact(step["exact"])
    if step["amount"] != _round(exact) and step["rule"] not in ("credit", "part"):
        raise WrongError(f"{step['exact']} is not {step['amount']}")
    if set(step["text"]) != {"id", "en"} or not all(step["text"].values()):
        raise WrongError("a step without words")
    for part in step["parts"]:
        tree_amount(part)
    if step["parts"] and {part["rule"] for part in step["parts"]} == {"tier"}:
        told = sum((_exact(part["exact"]) for part in step["parts"]), Fraction(0))
        if told != exact:
            raise WrongError(f"tiers of {told} in a step of {exact}")
    return int(step["amount"])


def tax_amounts(lines: list[int], terms: dict[str, Any]) -> tuple[int, int, int]:
    """Subtotal, tax and total in whole rupiah of lines, from the terms of the tax alone."""
    added = sum(lines)
    rate = Fraction(terms["statutory"]) * Fraction(terms["base_factor"])
    if not terms["collected"]:
        return added, 0, added
    inclusive = terms["mode"] == "inclusive"
    exact = added * (rate / (1 + rate) if inclusive else rate)
    tax = int(exact) if terms["rounding"] == "down" else _round(exact)
    return (added - tax, tax, added) if inclusive else (added, tax, added + tax)


def _whole(node: object) -> int:
    """Whole rupiah of an operand: a number as it is, a derivation rounded once."""
    if isinstance(node, dict):
        return _round(_node(node))
    if type(node) is not int:
        raise WrongError(f"{node!r} is not whole rupiah")
    return node


def _node(node: dict[str, Any]) -> Fraction:
    rule = node.get("rule")
    if rule in ("share", "credit"):
        part, days = _integer(node, "numerator"), _integer(node, "denominator")
        if not 0 <= part <= days or days < 1:
            raise WrongError(f"{part} of {days} days")
        of = node["of"]
        finer = isinstance(of, dict) and of.get("rule") in _PRICES
        share = (_node(of) if finer else Fraction(_whole(of))) * part / days
        if rule == "share":
            return share
        given = node.get("already_credited") or 0
        left = _whole(of) - (node.get("manual_credits") or 0)
        return Fraction(-max(0, min(_round(share), left) - given))
    if rule == "product":
        return Fraction(_integer(node, "unit_amount") * _integer(node, "quantity"))
    if rule == "percent":
        return Fraction(_whole(node["of"]) * _integer(node, "basis_points"), 10_000)
    if rule == "minus":
        return Fraction(_whole(node["of"]) - _whole(node["less"]))
    if rule == "sum":
        return Fraction(sum(_whole(part) for part in node["parts"]))
    if rule == "part":
        return Fraction(
            _split(_whole(node["of"]), [_whole(w) for w in node["weights"]])[node["index"]]
        )
    if rule in _PRICES:
        return _price(node)
    raise WrongError(f"{rule!r} is no rule that a reader knows")


_PRICES = frozenset(
    ("fixed", "per_unit", "graduated", "volume", "package", "percentage", "minimum", "maximum")
)


def _price(node: dict[str, Any]) -> Fraction:
    rule = node["rule"]
    if rule == "fixed":
        return _exact(node["amount"])
    if rule == "per_unit":
        return _exact(node["quantity"]) * _exact(node["unit_amount"])
    if rule in ("graduated", "volume"):
        return _tiered(node)
    if rule == "package":
        over = _exact(node["quantity"]) - _exact(node["free"])
        started = 0
        while started * _exact(node["size"]) < over:
            started += max(1, int(over / _exact(node["size"])) - started)
        return started * _exact(node["package_amount"])
    if rule == "percentage":
        found = _exact(node["amount"]) * _exact(node["rate"])
        for count, each in (
            ("events", "fixed_amount"), ("at_minimum", "minimum"), ("at_maximum", "maximum"),
        ):  # fmt: skip
            if count in node:
                found += _exact(node[count]) * _exact(node[each])
        return found
    part = _exact(node["of"]) * _exact(node["numerator"]) / _exact(node["denominator"])
    off = Fraction(_round(part)) - _exact(node["counted"])
    return max(off, Fraction(0)) if rule == "minimum" else min(off, Fraction(0))


def _tiered(node: dict[str, Any]) -> Fraction:
    quantity, below, found = _exact(node["quantity"]), Fraction(0), Fraction(0)
    wanted = _exact(node["chosen_by"]) if node.get("chosen_by") is not None else quantity
    for place, tier in enumerate(node["tiers"]):
        bound = None if tier["up_to"] is None else _exact(tier["up_to"])
        each, flat = _exact(tier["unit_amount"]), _exact(tier["flat_amount"])
        if node["rule"] == "volume":
            if bound is None or wanted <= bound:
                return quantity * each + flat
        elif place == 0 or quantity > below:
            found += (quantity - below if bound is None else min(quantity, bound) - below) * each
            found += flat
            below = quantity if bound is None else bound
    if node["rule"] == "volume":
        raise WrongError("no tier holds the quantity")
    return found


def _split(whole: int, weights: list[int]) -> list[int]:
    """Parts that add up: each its floor, what is left to the largest remainders, first come first."""
    over = sum(weights)
    if not over:
        return [0] * len(weights)
    exact = [Fraction(whole * weight, over) for weight in weights]
    parts = [one.numerator // one.denominator for one in exact]
    rest = sorted(range(len(exact)), key=lambda at: (parts[at] - exact[at], at))
    for at in rest[: whole - sum(parts)]:
        parts[at] += 1
    return parts


def _dates(node: dict[str, Any]) -> None:
    """A span has the days that are billed of it; a whole price needs no days."""
    start, end = node.get("period_start"), node.get("period_end")
    if (start is None) != (end is None):
        raise WrongError("half a period")
    if start is None or end is None:
        return
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days
    if days < 1:
        raise WrongError(f"a period of {days} days")
    if node["rule"] in ("share", "credit") and node["numerator"] != days:
        raise WrongError(f"{node['numerator']} days billed of a span of {days}")


def _round(exact: Fraction) -> int:
    """Half away from zero."""
    doubled = 2 * abs(exact) + 1
    size = doubled.numerator // (2 * doubled.denominator)
    return size if exact >= 0 else -size


def _integer(node: dict[str, Any], key: str) -> int:
    if type(node.get(key)) is not int:
        raise WrongError(f"{key} is {node.get(key)!r}")
    return int(node[key])


def _exact(value: object) -> Fraction:
    if type(value) is int or isinstance(value, str):
        return Fraction(value)
    raise WrongError(f"{value!r} is no exact number")
