"""One order in our books beside the gateway's answer about it: do the two say the same?"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from billing.reconciliation.matching import Finding
from payments.gateway import Answer


@dataclass(frozen=True, slots=True)
class Book:
    """A closed order in our books; amounts in whole rupiah, None while no money came."""

    order_id: str
    state: str
    payment_id: UUID | None
    amount: int | None
    status: str | None
    refunded: int = 0
    charged_back: int = 0
    on_way: int = 0

    @property
    def stands(self) -> bool:
        """Whether we have its money."""
        return self.status in ("captured", "settled")


def compare(ours: Book, answer: Answer) -> Finding | None:
    """Say what differs, the gravest first; None where both agree.

    An answer that says nothing must not come here: silence is no difference.
    """
    if answer.status == "not_found":
        # A failed order may never have arrived; of one that was paid the gateway has to know.
        return Finding("missing_at_gateway", ours.amount, None) if ours.stands else None
    theirs = answer.transaction_status or answer.status
    told = {"ours": ours.status or ours.state, "theirs": theirs}
    if ours.stands and answer.status != "paid":
        return Finding("status_differs", ours.amount, 0, told)
    if not ours.stands:
        paid = answer.status == "paid" and ours.status != "reversed"
        return Finding("status_differs", 0, answer.amount, told) if paid else None
    if answer.amount is not None and answer.amount != ours.amount:
        return Finding("amount_differs", ours.amount, answer.amount, told)
    if answer.charged_back > ours.charged_back:
        return Finding("status_differs", -ours.charged_back, -answer.charged_back, told)
    # A refund that is on its way may have arrived there and not be written here yet.
    if not ours.refunded <= answer.refunded_amount <= ours.refunded + ours.on_way:
        return Finding("refund_differs", -ours.refunded, -answer.refunded_amount, told)
    return None
