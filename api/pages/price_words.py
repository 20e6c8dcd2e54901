"""What a price by terms says on a page: its tiers or packages in one line."""

from __future__ import annotations

from typing import Final

from core.exact import OWN_MAX, exact
from invoices.derivation_prices import decimal, money
from plans.queries import Price

_WORDS: Final = {
    "id": {
        "up_to": "s.d. {n}: {price}", "beyond": "di atasnya: {price}", "each": "{price} per unit",
        "all": "satu harga untuk semua unit", "package": "{price} per paket {n}",
        "free": "{n} gratis",
        "fixed": "{price}, berapa pun jumlahnya",
    },
    "en": {
        "up_to": "to {n}: {price}", "beyond": "above: {price}", "each": "{price} a unit",
        "all": "one price for all units", "package": "{price} a package of {n}", "free": "{n} free",
        "fixed": "{price} whatever the quantity",
    },
}  # fmt: skip


def price_words(price: Price, language: str) -> str:
    """Tell a price by its terms; a flat one is told by its amount alone, so this is empty.

    ``s.d. 10: Rp10.000, s.d. 50: Rp8.000, di atasnya: Rp5.000``
    """
    words, terms = _WORDS[language], price.model_terms
    if price.model == "fixed":
        return words["fixed"].format(price=_money(terms["amount"]))
    if price.model == "per_unit":
        return words["each"].format(price=_money(terms["unit_amount"]))
    if price.model == "package":
        told = words["package"].format(
            price=_money(terms["package_amount"]), n=_number(terms["size"])
        )
        free = exact(terms["free"], OWN_MAX)
        return f"{told}, {words['free'].format(n=decimal(free))}" if free else told
    tiers = [
        (words["beyond"] if tier["up_to"] is None else words["up_to"]).format(
            n=None if tier["up_to"] is None else _number(tier["up_to"]),
            price=_tier(tier["unit_amount"], tier["flat_amount"]),
        )
        for tier in terms.get("tiers", ())
    ]
    if price.model == "volume":
        tiers.append(words["all"])
    return ", ".join(tiers)


def _tier(unit_amount: str, flat_amount: str) -> str:
    flat = exact(flat_amount, OWN_MAX)
    if not flat:
        return _money(unit_amount)
    unit = exact(unit_amount, OWN_MAX)
    return f"{money(flat)} + {money(unit)}" if unit else money(flat)


def _money(amount: str) -> str:
    return money(exact(amount, OWN_MAX))


def _number(value: str) -> str:
    return decimal(exact(value, OWN_MAX))
