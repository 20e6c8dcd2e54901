"""The customer's balance on his page: what is money, what is given credit, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.pages.portal_words import WORDS
from billing.flows.granting import usable_lots
from core.work import Work
from invoices.queries import get_invoice
from invoices.wording import long_date, rupiah


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """One lot of the balance in words."""

    what: str
    until: str
    left: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What pays the bills to come, in the order it is used; no lines where there is nothing."""

    lines: tuple[BalanceLine, ...] = ()
    total: str = ""


def balance_of(unit: Work, invoice_id: UUID, language: str) -> Balance:
    """Read what is left of the balance of an invoice's customer."""
    words = WORDS[language]
    lots = usable_lots(unit, get_invoice(unit, invoice_id).customer_id)
    lines = tuple(
        BalanceLine(
            what=words[f"lot_{lot.kind}"] + (f": {lot.reason}" if lot.reason else ""),
            until=(
                words["lot_until"].format(date=long_date(last, language))
                if last
                else words["lot_for_good"]
            ),
            left=rupiah(lot.left),
        )
        for lot, last in lots
    )
    return Balance(lines, rupiah(sum(lot.left for lot, _ in lots)))
