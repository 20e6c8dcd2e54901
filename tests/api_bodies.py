"""What each write of the API is sent by the walks along its walls."""

from __future__ import annotations

import base64
from typing import Any

from api_things import MANDATE

from billing.catalogue.comparing import Standing, compare
from billing.catalogue.document import parse

_EVENT = {
    "key": "k-1", "subscription": "sub_nobody", "name": "call", "at": "2026-01-05T02:00:00Z",
}  # fmt: skip
# A settlement report with one row, as base64.
REPORT = base64.b64encode(b"Order ID,Amount,Settlement Time\nLAIN-1,7000,2026-01-05\n").decode()

CATALOGUE = "tagihan: 1\nplans: {dinding: {name: Dinding}}"
_NOTHING = Standing({}, {}, {}, {})


def bodies(owned: dict[str, Any], token: str) -> dict[tuple[str, str], Any]:
    """What each write is sent; a write that is not here is sent ``{}``."""
    reason = {"reason": "test"}
    # Back, since a move of the old version is running.
    versions = {"from_price": owned["new_version"], "to_price": owned["old_version"]}
    return {
        ("POST", "/staff"): {"email": "b@awan.example", "name": "B", "role": "support"},
        ("PATCH", "/staff/{staff_id}"): {"role": "finance"},
        ("POST", "/staff/{staff_id}/password"): {"password": "kopi-tubruk-7"},
        ("POST", "/keys"): {"name": "till", "scopes": ["read"]},
        ("POST", "/keys/{key_id}/rotate"): {"overlap_hours": 1},
        ("POST", "/customers"): {"name": "Sari", "email": "sari@contoh.example"},
        ("PATCH", "/customers/{customer_id}"): {"name": "Sari W"},
        ("PATCH", "/merchants/{merchant_id}"): {"payment_terms_days": 14},
        ("POST", "/customers/{customer_id}/payment-methods"): {"card_token": token},
        ("POST", "/customers/{customer_id}/credits"): {"amount": 1_000, "reason": "x"},
        ("POST", "/customers/{customer_id}/top-ups"): {"amount": 50_000},
        ("POST", "/customers/{customer_id}/wallets"): {
            "phone": "0821-5023424",
            "return_url": "https://awan.example/kembali",
        },
        ("POST", "/payment-methods/{method_id}/mandate"): MANDATE,
        ("POST", "/payment-methods/{method_id}/end"): reason,
        ("POST", "/plans"): {"code": "walls", "name": {"id": "Tembok"}},
        ("PATCH", "/plans/{plan_id}"): {"name": {"id": "Tembok"}},
        ("POST", "/plans/{plan_id}/prices"): {"unit_amount": 1, "interval_unit": "month"},
        ("POST", "/meters"): {
            "code": "walls",
            "name": {"id": "Tembok"},
            "event_name": "brick",
            "aggregation": "count",
        },
        ("POST", "/usage-events"): {**_EVENT, "subscription": owned["subscription_id"]},
        ("POST", "/usage-events/batch"): {"events": [_EVENT]},
        ("POST", "/subscriptions"): {"customer": owned["customer_id"], "price": owned["price_id"]},
        ("PATCH", "/subscriptions/{subscription_id}"): {"metadata": {"desk": "3"}},
        ("POST", "/subscriptions/{subscription_id}/change-preview"): {"price": owned["dear_price"]},
        ("POST", "/subscriptions/{subscription_id}/change"): {"quantity": 3},
        ("POST", "/subscriptions/{subscription_id}/item-change-preview"): {
            "price": owned["dear_price"]
        },
        ("POST", "/catalogue/plan"): {"file": CATALOGUE},
        ("POST", "/catalogue/apply"): {
            "file": CATALOGUE,
            "steps": [one.key for one in compare(_NOTHING, parse(CATALOGUE)).steps],
        },
        ("POST", "/price-moves/preview"): versions,
        ("POST", "/price-moves"): versions,
        ("POST", "/discounts"): {
            "code": "DINDING",
            "name": {"id": "Dinding"},
            "amount": 5_000,
        },
        ("POST", "/subscriptions/{subscription_id}/discounts"): {"code": "LAIN"},
        ("POST", "/subscriptions/{subscription_id}/item-change"): {"price": owned["dear_price"]},
        ("POST", "/customers/{customer_id}/prices"): {
            "price": owned["dear_price"],
            "name": "Mitra",
            "unit_amount": 50_000,
        },
        ("POST", "/subscriptions/{subscription_id}/pause-preview"): {"policy": "forfeit"},
        ("POST", "/subscriptions/{subscription_id}/pause"): {"policy": "forfeit"},
        ("POST", "/subscriptions/{subscription_id}/resume-preview"): {"keep_anchor": False},
        ("POST", "/subscriptions/{subscription_id}/resume"): {"keep_anchor": False},
        ("POST", "/subscriptions/{subscription_id}/trial-preview"): reason,
        ("POST", "/subscriptions/{subscription_id}/trial"): reason,
        ("POST", "/subscriptions/{subscription_id}/cancel-preview"): reason,
        ("POST", "/subscriptions/{subscription_id}/cancel"): reason,
        ("POST", "/one-off-payments"): {
            "customer": owned["customer_id"],
            "lines": [{"description": {"id": "Rahasia"}, "unit_amount": 10_000}],
            "payment": {"virtual_account": True},
        },
        ("POST", "/invoices/{invoice_id}/pay"): {"virtual_account": True},
        ("POST", "/invoices/{invoice_id}/credit-notes"): {"reason": "goodwill", "amount": 1_000},
        ("POST", "/invoices/{invoice_id}/void"): reason,
        ("POST", "/invoices/{invoice_id}/mark-uncollectible"): reason,
        ("POST", "/refunds"): {"payment": owned["payment"], "amount": 1_000},
        ("POST", "/refunds/{refund_id}/complete"): {"proof": "TRX-1"},
        ("POST", "/refunds/{refund_id}/reject"): reason,
        ("POST", "/payment-orders/{payment_order_id}/approve"): reason,
        ("POST", "/payment-orders/{payment_order_id}/capture"): {"amount": 1_000},
        ("POST", "/payment-orders/{payment_order_id}/deny"): reason,
        ("POST", "/reviews/{review_id}/resolve"): {"decision": "done", **reason},
        ("POST", "/settlement-files"): {"name": "a.csv", "content": REPORT},
        ("POST", "/differences/{difference_id}/assign"): {"assignee": "Sari"},
        ("POST", "/differences/{difference_id}/note"): reason,
        ("POST", "/differences/{difference_id}/resolve"): {"resolution": "explained", **reason},
        ("POST", "/differences/{difference_id}/approve"): {},
        ("POST", "/differences/{difference_id}/decline"): reason,
        ("POST", "/dunning-policy"): {"grace_days": 12},
        ("POST", "/payment-channels/{channel}"): {"enabled": True},
        ("PATCH", "/customers/{customer_id}/payment-methods/order"): {
            "payment_methods": [owned["method_id"]]
        },
        ("POST", "/clock/advance"): {"to": "2026-01-05T02:00:00Z"},
        ("POST", "/clock/jump"): {"to": "2026-01-05T02:00:00Z"},
    }
