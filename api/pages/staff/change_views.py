"""What is shown of a plan change before it is done: every line with its arithmetic."""

from __future__ import annotations

from typing import Any

from api.pages.price_words import price_words
from api.pages.staff.reads import Held
from api.pages.web import in_language
from billing.credits.queries import spendable_balance
from billing.flows.change_quote import PlannedChange
from billing.records import Customer
from core import ids
from core.work import Work
from invoices.derivation import arithmetic
from invoices.queries import get_invoice
from plans.queries import Price, list_plans, prices_of


def offers(unit: Work, held: Held, language: str) -> list[dict[str, Any]]:
    """What may be chosen: the newest price of each interval that is sold, and the present one."""
    found: list[dict[str, Any]] = []
    for plan in list_plans(unit, state="active"):
        newest: dict[tuple[str, int], Price] = {}
        for price in prices_of(unit, plan.id):
            key = (price.interval_unit, price.interval_count)
            if price.is_sold and (key not in newest or price.version > newest[key].version):
                newest[key] = price
        found += [_offer(price, language) for price in newest.values()]
    if held.price is not None and all(one["row"].id != held.price.id for one in found):
        found.append(_offer(held.price, language))
    return sorted(found, key=lambda one: (one["row"].interval_unit, one["row"].unit_amount))


def change_view(
    unit: Work, planned: PlannedChange, customer: Customer, language: str
) -> dict[str, Any]:
    """Put a planned change into words and figures."""
    document = planned.document
    total = document.total.amount if document else 0
    balance = spendable_balance(unit, customer.id)
    held = 0 if planned.pays_first else balance
    new = planned.new
    return {
        "mode": planned.quote.mode,
        "effective_on": planned.quote.effective_on,
        "lines": [
            {
                "what": in_language(dict(line.line.description), language),
                "period": line.line.period,
                "how": arithmetic(line.line.derivation, language),
                "amount": line.line.amount.amount,
            }
            for line in (document.lines if document else ())
        ],
        "net": document.subtotal.amount if document else 0,
        "tax": document.tax.tax.amount if document else 0,
        "total": total,
        "from_balance": min(held, total),
        "due": total - min(held, total),
        "credits": [
            (get_invoice(unit, credit.invoice_id), credit.amount) for credit in planned.credits
        ],
        "new": new,
        "new_name": in_language(new.plan_name, language),
        "quantity": planned.quantity,
        "pays_first": planned.pays_first,
        "not_from_balance": balance - held,
        "next_amount": new.amount_for(planned.quantity),
        "next_on": planned.quote.billed_through
        if planned.quote.mode == "prorate"
        else planned.quote.effective_on,
    }


def _offer(price: Price, language: str) -> dict[str, Any]:
    return {
        "id": ids.public("price", price.id),
        "name": in_language(price.plan_name, language),
        "row": price,
        "words": price_words(price, language),
    }
