"""The rows of an issued invoice: snapshots of seller and buyer, lines, and a hash of it all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from billing.drafts import InvoiceDraft, collect_at
from core.merchant import Merchant
from core.work import Work
from invoices.lines import PricedDocument
from invoices.tax import is_pkp


def seller_snapshot(merchant: Merchant, on: date) -> dict[str, Any]:
    """Copy what a document shows of the seller; PKP only while it is one."""
    pkp = is_pkp(merchant.pkp_since, merchant.pkp_until, on)
    since = merchant.pkp_since if pkp else None
    return {
        "legal_name": merchant.legal_name,
        "display_name": merchant.display_name,
        "address": merchant.address,
        "npwp": merchant.npwp,
        "pkp_since": since.isoformat() if since else None,
        "email": merchant.email,
        "phone": merchant.phone,
        "country": merchant.country,
        "brand_color": merchant.brand_color,
    }


def buyer_snapshot(draft: InvoiceDraft) -> dict[str, Any]:
    """Copy what a document shows of the buyer."""
    customer = draft.customer
    return {
        "name": customer.name,
        "company": customer.company,
        "address": customer.address,
        "email": customer.email,
        "npwp": customer.npwp,
    }


def content_hash(row: dict[str, Any], lines: Sequence[dict[str, Any]]) -> bytes:
    """Hash what an issued invoice says, so that an edit behind the back of the database shows.

    SHA-256 over JSON with sorted keys of the columns that never change after issue.
    """
    return hashlib.sha256(content_text(row, lines).encode()).digest()


def content_text(row: dict[str, Any], lines: Sequence[dict[str, Any]]) -> str:
    """What is hashed of an issued invoice."""
    said = {name: row[name] for name in HASHED}
    said["lines"] = [{name: line[name] for name in HASHED_LINE} for line in lines]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)


HASHED = (
    "id", "customer_id", "subscription_id", "kind", "period_start", "period_end", "change_id",
    "number", "currency", "subtotal_amount", "tax_amount", "total_amount", "tax", "seller",
    "buyer", "issued_on", "due_on",
)  # fmt: skip
HASHED_LINE = (
    "position", "kind", "description", "quantity", "unit_amount", "amount", "tax_amount",
    "period_start", "period_end", "price_id", "credits_line_id", "derivation",
)  # fmt: skip


def invoice_row(
    unit: Work,
    invoice_id: UUID,
    draft: InvoiceDraft,
    document: PricedDocument,
    *,
    number: str,
    seller: dict[str, Any],
    paid: int,
) -> dict[str, Any]:
    total = document.total.amount
    is_paid = paid == total
    today = unit.today
    # A total of nothing owes no tax and has no tax point of its own kind: it is today's.
    owed_now = unit.merchant.tax_point == "on_issue" or is_paid
    return {
        "merchant_id": unit.merchant_id,
        "id": invoice_id,
        "external_id": draft.external_id,
        "customer_id": draft.customer.id,
        "subscription_id": draft.subscription_id,
        "kind": draft.kind,
        "period_start": draft.period.start if draft.period else None,
        "period_end": draft.period.end if draft.period else None,
        "change_id": draft.change_id,
        "status": "paid" if is_paid else "open",
        "number": number,
        "currency": document.total.currency,
        "locale": draft.customer.locale,
        "subtotal_amount": document.subtotal.amount,
        "tax_amount": document.tax.tax.amount,
        "total_amount": total,
        "paid_amount": paid,
        "tax": document.tax.to_json(),
        "seller": seller,
        "buyer": buyer_snapshot(draft),
        "is_offer": draft.is_offer,
        "collection": draft.collection,
        "payment_method_id": draft.payment_method_id,
        "billing_zone": draft.zone,
        "issued_at": unit.now,
        "issued_on": today,
        "due_on": draft.due_on,
        "paid_at": unit.now if is_paid else None,
        "paid_on": today if is_paid else None,
        "collect_at": None if is_paid else collect_at(draft, invoice_id, unit.now),
        "tax_point_on": today if owed_now else None,
        "metadata": dict(draft.metadata),
        "created_at": unit.now,
    }


def line_rows(unit: Work, invoice_id: UUID, document: PricedDocument) -> list[dict[str, Any]]:
    return [
        {
            "merchant_id": unit.merchant_id,
            "id": unit.derive("line", invoice_id, priced.position),
            "invoice_id": invoice_id,
            "position": priced.position,
            "kind": priced.line.kind.value,
            "description": dict(priced.line.description),
            "quantity": priced.line.quantity,
            "unit_amount": priced.line.unit_amount.amount,
            "amount": priced.line.amount.amount,
            "tax_amount": priced.tax.amount,
            "discount_amount": priced.line.discount.amount if priced.line.discount else 0,
            "period_start": priced.line.period.start if priced.line.period else None,
            "period_end": priced.line.period.end if priced.line.period else None,
            "price_id": priced.line.price_id,
            "credits_line_id": priced.line.credits_line_id,
            "extra_id": priced.line.extra_id,
            "derivation": dict(priced.line.derivation),
        }
        for priced in document.lines
    ]
