"""How an amount came about, kept as data: evaluated again by the doctor, read aloud to people.

A derivation is JSON. ``rule`` says what is done; an operand is a whole number of rupiah or a
derivation of its own. Keys that a rule does not know are context (price, dates) and are left alone.

    product   unit_amount × quantity
    share     of × numerator/denominator, rounded once, half away from zero
    credit    the share that is unused, less what was given back before; comes out negative
    percent   of × basis_points/10000, rounded once
    minus     of - less
    sum       of all parts
    part      one part of a largest-remainder split: of over weights, at index

Prices by model (``derivation_prices``) stay exact as operands: 20/30 of half a rupiah each are
rounded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from core.money import Money, round_half_away
from invoices.derivation_prices import PRICE_RULES, exact_price, price_text
from invoices.wording import days_text, number, percent, rupiah, rupiah_exact

Derivation = Mapping[str, Any]

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "id": {
        "rounded": "dibulatkan",
        "before": "sudah dikembalikan",
        "manual": "batas karena nota kredit",
        "part": "bagian dari",
        "discount": "diskon",
    },
    "en": {
        "rounded": "rounded",
        "before": "given back before",
        "manual": "limited by credit notes",
        "part": "part of",
        "discount": "discount",
    },
}


def recompute(derivation: Derivation) -> int:
    """Compute the amount again, in whole rupiah, from its derivation alone.

    Raises:
        ValueError: the derivation cannot be understood.
    """
    rule = derivation.get("rule")
    if rule in PRICE_RULES:
        return _rounded(exact_price(derivation))
    if rule == "product":
        return _int(derivation, "unit_amount") * _int(derivation, "quantity")
    if rule == "share":
        return _rounded(_share(derivation))
    if rule == "credit":
        return -_given_back(derivation)
    if rule == "percent":
        return _rounded(
            Fraction(_operand(derivation, "of") * _int(derivation, "basis_points"), 10_000)
        )
    if rule == "minus":
        return _operand(derivation, "of") - _operand(derivation, "less")
    if rule == "sum":
        return sum(_value(part) for part in _list(derivation, "parts"))
    if rule == "part":
        weights = [_value(weight) for weight in _list(derivation, "weights")]
        index = _int(derivation, "index")
        if not 0 <= index < len(weights):
            raise ValueError(f"there is no part {index}")
        return Money(_operand(derivation, "of")).allocate(weights)[index].amount
    raise ValueError(f"unknown rule {rule!r} in a derivation")


def is_counted(derivation: Derivation) -> bool:
    """Whether quantity × unit price says what is billed; of tiers and packages it does not."""
    of = derivation.get("of")
    inner = of if isinstance(of, Mapping) else derivation
    return inner.get("rule") not in (*PRICE_RULES, "minus") and derivation.get("rule") != "minus"


def arithmetic(derivation: Derivation, language: str = "id") -> str:
    """Tell the arithmetic in one sentence: ``Rp150.000 × 20/30 hari = Rp100.000``.

    Where rounding changed the figure both are shown:
    ``Rp99.000 × 20/31 hari = Rp63.870,97, dibulatkan Rp63.871``.
    """
    result = recompute(derivation)
    text = f"{_expression(derivation, language)} = "
    exact = exact_of(derivation)
    if exact is not None and exact != result:
        text += f"{rupiah_exact(exact)}, {WORDS[language]['rounded']} "
    return text + rupiah(result)


def _expression(derivation: Derivation, language: str) -> str:
    rule = derivation.get("rule")
    words = WORDS[language]
    if rule in PRICE_RULES:
        return price_text(derivation, language)
    if rule == "product":
        return f"{number(_int(derivation, 'quantity'))} × {rupiah(_int(derivation, 'unit_amount'))}"
    if rule == "share":
        return (
            f"{_operand_text(derivation, 'of', language)} × {_fraction_text(derivation, language)}"
        )
    if rule == "credit":
        inner = (
            f"{_operand_text(derivation, 'of', language)} × {_fraction_text(derivation, language)}"
        )
        manual, before = (
            _optional(derivation, "manual_credits"),
            _optional(derivation, "already_credited"),
        )
        if manual:
            inner += f" ({words['manual']} {rupiah(manual)})"
        if before:
            inner += f" − {rupiah(before)} {words['before']}"
        return f"-({inner})"
    if rule == "percent":
        rate = percent(Fraction(_int(derivation, "basis_points"), 10_000))
        return f"{_operand_text(derivation, 'of', language)} × {rate}"
    if rule == "minus":
        of, less = (_operand_text(derivation, key, language) for key in ("of", "less"))
        taken = derivation["less"]
        if isinstance(taken, Mapping) and "code" in taken:
            return f"{of} − {words['discount']} {taken['code']} {less}"
        return f"{of} − {less}"
    if rule == "sum":
        return " + ".join(_operand_words(part, language) for part in _list(derivation, "parts"))
    if len(_list(derivation, "weights")) == 1:
        return _operand_text(derivation, "of", language)
    return f"{words['part']} {_operand_text(derivation, 'of', language)}"


def _operand_text(derivation: Derivation, key: str, language: str) -> str:
    return _operand_words(derivation[key], language)


def _operand_words(operand: object, language: str) -> str:
    if not isinstance(operand, Mapping):
        return rupiah(_value(operand))
    text = _expression(operand, language)
    if operand.get("rule") == "product":
        # One seat at its price is the price; several are shown, so that 3 × 45.000 can be seen.
        return rupiah(recompute(operand)) if operand.get("quantity") == 1 else text
    return f"({text})"


def _fraction_text(derivation: Derivation, language: str) -> str:
    numerator, denominator = _int(derivation, "numerator"), _int(derivation, "denominator")
    return f"{numerator}/{days_text(denominator, language)}"


def exact_of(derivation: Derivation) -> Fraction | None:
    """Give the figure before its own rounding, where there is one to speak of."""
    rule = derivation.get("rule")
    if rule in PRICE_RULES:
        return exact_price(derivation)
    if rule == "share":
        return _share(derivation)
    if rule == "percent":
        return Fraction(_operand(derivation, "of") * _int(derivation, "basis_points"), 10_000)
    if rule == "credit" and not _optional(derivation, "manual_credits"):
        return -(_share(derivation) - _optional(derivation, "already_credited"))
    return None


def _share(derivation: Derivation) -> Fraction:
    denominator = _int(derivation, "denominator")
    if denominator < 1:
        raise ValueError("a share needs a positive denominator")
    of = derivation.get("of")
    # A price stays exact until its line is rounded; everything else was rounded as it was made.
    if isinstance(of, Mapping) and of.get("rule") in PRICE_RULES:
        whole = exact_price(of)
    else:
        whole = Fraction(_operand(derivation, "of"))
    return whole * _int(derivation, "numerator") / denominator


def _given_back(derivation: Derivation) -> int:
    """Follow rule R31: what is unused, limited by manual credits, less what was given before."""
    left = _operand(derivation, "of") - _optional(derivation, "manual_credits")
    owed = min(_rounded(_share(derivation)), left)
    return max(0, owed - _optional(derivation, "already_credited"))


def _rounded(exact: Fraction) -> int:
    return round_half_away(exact.numerator, exact.denominator)


def _operand(derivation: Derivation, key: str) -> int:
    if key not in derivation:
        raise ValueError(f"a derivation by {derivation.get('rule')!r} needs {key!r}")
    return _value(derivation[key])


def _value(operand: object) -> int:
    if isinstance(operand, Mapping):
        return recompute(operand)
    if isinstance(operand, bool) or not isinstance(operand, int):
        raise ValueError(f"{operand!r} is not an amount in whole rupiah")  # noqa: TRY004 - data
    return operand


def _int(derivation: Derivation, key: str) -> int:
    found = derivation.get(key)
    if isinstance(found, bool) or not isinstance(found, int):
        raise ValueError(f"{key!r} of a derivation must be an integer, not {found!r}")  # noqa: TRY004
    return found


def _optional(derivation: Derivation, key: str) -> int:
    return _int(derivation, key) if derivation.get(key) is not None else 0


def _list(derivation: Derivation, key: str) -> Sequence[Any]:
    found = derivation.get(key)
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise ValueError(f"{key!r} of a derivation must be a list, not {found!r}")  # noqa: TRY004
    return found
