"""Rounding, discounts and taxes of others, answered by our rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from vectors.cases import Answer, Case, adapter, major, minor

from core.exact import exact, rounded
from core.money import Money, zero
from invoices.credit_notes import split_by_source
from invoices.discounts import Discount, Item, net_prices, use_voucher
from invoices.tax_groups import GroupedTax, tax_by_groups
from invoices.tax_terms import TaxTerms


def rate(percent: str) -> TaxTerms:
    """A tax on top of a price, by a rate in percent."""
    return TaxTerms(percent, "exclusive", exact(percent) / 100, Fraction(1), "half_up", date.min)


def taxed(nets: Sequence[int], rates: Sequence[Sequence[str]]) -> GroupedTax:
    """Lines with their rates; a rate of nothing is no tax."""
    return tax_by_groups(
        [
            (Money(net), [rate(one) for one in several if exact(one)])
            for net, several in zip(nets, rates, strict=True)
        ]
    )


def by_rate(found: GroupedTax, what: str) -> dict[str, int]:
    return {group.code: getattr(group, what).amount for group in found.groups}


@adapter("tax_rounding", "round_integer", "half-away", "half-up-rupiah")
def round_integer(case: Case) -> Answer:
    return {"result": rounded(exact(case.given["value"]))}


@adapter("tax_rounding", "round_decimals", "half-away", "half-even")
def round_decimals(case: Case) -> Answer:
    scale = 10 ** case.given["decimals"]
    return {"result": Fraction(rounded(exact(case.given["value"]) * scale), scale)}


@adapter("tax_rounding", "lines_tax", "tax-on-total", "tax-per-line", "tax-per-line-even")
def lines_tax(case: Case) -> Answer:
    lines = case.given["lines"]
    nets = [minor(line["amount"], case.digits) for line in lines]
    found = taxed(nets, [[line["rate_percent"]] for line in lines])
    answer = {"tax": found.tax.amount, "subtotal": sum(nets), "total": found.total.amount}
    return {
        **{name: major(amount, case.digits) for name, amount in answer.items()},
        "per_line": [major(part.amount, case.digits) for part in found.per_line],
    }


@adapter("tax_rounding", "fee_tax", "lago-fee-tax")
def fee_tax(case: Case) -> Answer:
    given = case.given
    net = given["amount_minor"] - given["coupon_share_minor"]
    found = taxed([net], [given["rates_percent"]])
    taxes = [group.tax.amount for group in found.groups]
    return {"tax_minor": found.tax.amount, "per_rate_minor": taxes}


@adapter("tax_rounding", "invoice_tax", "lago-invoice-tax")
def invoice_tax(case: Case) -> Answer:
    """Coupons are spread over the fees they lower there, in whole units of ours."""
    fees = case.given["fees"]
    lines = [Item(str(place), Money(fee["amount_minor"])) for place, fee in enumerate(fees)]
    shares = [Fraction(fee["coupon_share_minor"]) for fee in fees]
    if all(share.denominator == 1 for share in shares):
        parts = [share.numerator for share in shares]
    else:
        lowered = frozenset(str(place) for place, share in enumerate(shares) if share)
        voucher = use_voucher(lines, Money(case.given["coupons_minor"]), lowered)
        parts = [part.amount for part in voucher.parts]
    nets = [line.price.amount - part for line, part in zip(lines, parts, strict=True)]
    found = taxed(nets, [fee["rates_percent"] for fee in fees])
    return {
        "subtotal_minor": sum(nets),
        "tax_minor": found.tax.amount,
        "total_minor": found.total.amount,
        "per_rate_minor": by_rate(found, "tax"),
        "base_per_rate_minor": by_rate(found, "base"),
        "effective_rate_percent": Fraction(100 * found.tax.amount, sum(nets)),
    }


@adapter("tax_rounding", "coupon_and_tax", "lago-coupon-alloc")
def coupon_and_tax(case: Case) -> Answer:
    fees: list[dict[str, Any]] = case.given["fees"]
    names = [fee.get("name", str(place)) for place, fee in enumerate(fees)]
    left = [fee["amount_minor"] for fee in fees]
    for coupon in case.given["coupons"]:
        only = frozenset(coupon["applies_to"]) if "applies_to" in coupon else None
        lines = [Item(name, Money(rest)) for name, rest in zip(names, left, strict=True)]
        taken = use_voucher(lines, Money(coupon["amount_minor"]), only)
        left = [rest - part.amount for rest, part in zip(left, taken.parts, strict=True)]
    found = taxed(left, [[fee["rate_percent"]] for fee in fees])
    return {
        "coupon_shares": [fee["amount_minor"] - rest for fee, rest in zip(fees, left, strict=True)],
        "fee_tax_minor": [part.amount for part in found.per_line],
        "subtotal_minor": sum(left),
        "tax_minor": found.tax.amount,
        "total_minor": found.total.amount,
    }


@adapter("tax_rounding", "single_tax", "lago-credit-note-tax", "lago-fee-tax")
def single_tax(case: Case) -> Answer:
    found = taxed([case.given["amount_minor"]], [[case.given["rate_percent"]]])
    return {"tax_minor": found.tax.amount, "total_minor": found.total.amount}


def items(amounts: Sequence[int]) -> list[Item]:
    return [Item(str(place), Money(amount)) for place, amount in enumerate(amounts)]


@adapter("tax_rounding", "allocate_fixed_discount", "largest-remainder")
def allocate_fixed_discount(case: Case) -> Answer:
    discount = Discount(amount=Money(case.given["discount_minor"]))
    found = net_prices(items(case.given["amounts_minor"]), [discount])
    return {"allocation_minor": [one.taken.amount for one in found]}


@adapter("tax_rounding", "percentage_discount", "percentage-per-amount")
def percentage_discount(case: Case) -> Answer:
    discount = Discount(basis_points=case.given["basis_points"])
    found = net_prices(items(case.given["amounts_minor"]), [discount])
    return {"per_amount_minor": [one.taken.amount for one in found]}


@adapter("tax_rounding", "tax_item_totals", "kb-currency")
def tax_item_totals(case: Case) -> Answer:
    """Account credit is used after tax, up to the total."""
    total = sum(minor(amount, case.digits) for amount in case.given["items"])
    held = Money(minor(case.given["account_credit"], case.digits))
    used, _ = split_by_source(held, due=Money(total))
    return {"total": major(total, case.digits), "credit_used": major(used.amount, case.digits)}


@adapter("tax_rounding", "tax_adjustment", "kb-currency")
def tax_adjustment(case: Case) -> Answer:
    """What is credited of a paid line, its tax included, becomes balance."""
    parts = (case.given["adjustment"], case.given["tax_adjustment"])
    credited = -sum(minor(part, case.digits) for part in parts)
    _, balance = split_by_source(Money(credited), due=zero())
    return {"credit_generated": major(balance.amount, case.digits)}


@adapter("tax_rounding", "effective_rate", "ppn-effective")
def effective_rate(case: Case) -> Answer:
    statutory, factor = exact(case.given["rate_percent"]) / 100, exact(case.given["base_fraction"])
    terms = TaxTerms("standard", "exclusive", statutory, factor, "half_up", date.min)
    return {"effective_percent": terms.effective * 100}
