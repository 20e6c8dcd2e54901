"""The row of a plan change: what was agreed, what it is done by later, and where to go back to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from billing.flows.change_quote import PlannedChange
from billing.flows.move_waits import moved_by
from billing.pay_first import VERSIONS
from billing.plan_changes import ChangeQuote
from billing.records import Change, Subscription
from billing.tables import subscription_changes
from core import ids
from core.bulk import insert_rows
from core.work import Work


def insert_change(
    unit: Work,
    subscription: Subscription,
    planned: PlannedChange,
    *,
    state: str,
    invoice_id: UUID | None,
    reason: str | None,
    waited: Change | None = None,
) -> None:
    """Store a change that was worked out; one that is applied is closed."""
    insert_rows(
        unit.session,
        subscription_changes,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": planned.change_id,
                "subscription_id": subscription.id,
                "kind": "plan",
                "mode": planned.quote.mode,
                "state": state,
                "from_price_id": planned.old.id,
                "to_price_id": planned.new.id,
                "quantity": planned.quantity,
                "effective_on": planned.quote.effective_on,
                "invoice_id": invoice_id,
                "reason": reason,
                "quote": {
                    **_quoted(planned.quote),
                    "credits": [
                        {"invoice": ids.public("invoice", one.invoice_id), "amount": one.amount}
                        for one in planned.credits
                    ],
                    "payment": VERSIONS["pay_first" if planned.pays_first else "apply_first"],
                    # Where to go back to, should nobody pay for it (`take_out`).
                    "before": _dates(subscription),
                    **moved_by(waited),
                },
                "created_at": unit.now,
                "closed_at": unit.now if state == "applied" else None,
            }
        ],
    )


def _quoted(quote: ChangeQuote) -> dict[str, Any]:
    """What a change at the period's end, or one that waits to be paid, is done by later."""
    anchor, period = quote.new_anchor, quote.new_period
    return {
        "net": quote.net.amount,
        "new_anchor": {"on": anchor.on.isoformat(), "day": anchor.day} if anchor else None,
        "new_period": [period.start.isoformat(), period.end.isoformat()] if period else None,
        "through": quote.billed_through.isoformat(),
    }


def _dates(subscription: Subscription) -> dict[str, Any]:
    anchor = subscription.anchor
    return {
        "anchor": {"on": anchor.on.isoformat(), "day": anchor.day},
        "interval": [subscription.interval_unit, subscription.interval_count],
        "current": [subscription.current_start.isoformat(), subscription.current_end.isoformat()],
        "billed_through": subscription.billed_through.isoformat(),
    }
