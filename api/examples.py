"""One example for each body that people write by hand; a test decodes them as they stand."""

from __future__ import annotations

from typing import Any, Final

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "NewMerchantIn": {
        "slug": "larasa",
        "legal_name": "PT Larasa Digital Nusantara",
        "email": "tagihan@larasa.example",
        "address": "Jl. Melati 1, Jakarta 10220",
        "pkp_since": "2024-01-01",
        "gateway": "sandbox",
        "server_key": "SB-Mid-server-…",
        "client_key": "SB-Mid-client-…",
    },
    "NewKeyIn": {"name": "web shop", "scopes": ["write"]},
    "CustomerIn": {
        "name": "Sari Wulandari",
        "email": "sari@contoh.example",
        "company": "CV Sari Rasa",
        "external_id": "buyer-7",
    },
    "NewPlanIn": {"code": "pro", "name": {"id": "Paket Pro", "en": "Pro plan"}},
    "NewPriceIn": {"unit_amount": 299_000, "interval_unit": "month", "trial_days": 14},
    "NewSubscriptionIn": {
        "customer": "cus_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "payment": {"virtual_account": True},
    },
    "NewMeterIn": {
        "code": "calls",
        "name": {"id": "Panggilan API", "en": "API calls"},
        "event_name": "api.call",
        "aggregation": "sum",
        "field": "weight",
    },
    "UsageEventIn": {
        "key": "call-000001",
        "subscription": "sub_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "name": "api.call",
        "at": "2026-11-21T10:15:00+07:00",
        "properties": {"weight": 1, "region": "jkt"},
    },
    "ChangeIn": {"price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa", "mode": "prorate"},
    "ItemChangeIn": {"price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa", "quantity": 3},
    "DiscountIn": {
        "code": "HEMAT20",
        "name": {"id": "Hemat 20%", "en": "20% off"},
        "basis_points": 2_000,
        "duration": "periods",
        "count": 3,
        "max_redemptions": 100,
    },
    "CodeIn": {"code": "HEMAT20"},
    "OverrideIn": {
        "price": "price_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "name": "Mitra 2026",
        "unit_amount": 99_000,
    },
    "CancelIn": {"when": "period_end", "reason": "closing the shop"},
    "CardIn": {"card_token": "481111-1114-0f6c7b1e-5d0a-4f7b-9c1e-2d3a4b5c6d7e"},
    "OneOffIn": {
        "customer": "cus_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "lines": [
            {
                "description": {"id": "Jasa impor data", "en": "Data import"},
                "unit_amount": 750_000,
            }
        ],
        "payment": {"virtual_account": True},
    },
    "RefundIn": {
        "payment": "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa",
        "amount": 50_000,
        "reason": "requested_by_customer",
    },
    "CreditNoteIn": {"reason": "goodwill", "amount": 25_000},
    "DunningPolicyIn": {"retry_days": [1, 3, 7], "grace_days": 10, "end_action": "unpaid"},
    "MoveIn": {"to": "2027-02-28T17:00:00Z"},
}
