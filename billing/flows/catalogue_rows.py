"""The rows of what is sold, as a catalogue's file says them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from billing.catalogue.document import Content
from plans.pricing import FLAT
from plans.queries import Plan, Price
from usage.queries import MeterRow, UsagePrice


def meter_content(row: MeterRow) -> Content:
    """A version of a meter."""
    return {
        "name": row.name,
        "event_name": row.event_name,
        "aggregation": row.aggregation,
        "field": row.field,
        "filters": [{"property": one["property"], "in": one["in"]} for one in row.filters],
        "late": row.late,
        "late_days": row.late_days,
        "state": "retired" if row.retired_at else "active",
    }


def plan_content(row: Plan) -> Content:
    """A plan without its prices."""
    return {
        "name": row.name,
        "description": row.description,
        "state": row.state,
        "external_id": row.external_id,
        "metadata": row.metadata,
    }


def price_content(
    row: Price, parts: Sequence[UsagePrice], meters: Mapping[UUID, MeterRow]
) -> Content:
    """A version of a price with its metered parts, each with the version of its meter."""
    return {
        "interval_unit": row.interval_unit,
        "interval_count": row.interval_count,
        "model": row.model,
        "unit_amount": row.unit_amount if row.model == FLAT else None,
        "terms": row.model_terms,
        "component": row.component,
        "setup_amount": row.setup_amount,
        "trial_days": row.trial_days,
        "tax_mode": row.tax_mode,
        "usage": [_part(one, meters[one.meter_id]) for one in parts],
        "external_id": row.external_id,
        "metadata": row.metadata,
    }


def discount_content(row: Any, plan_codes: Mapping[str, str]) -> Content:
    """A discount; its plans by their codes."""
    return {
        "name": row.name,
        "basis_points": row.basis_points,
        "amount": row.amount,
        "duration": row.duration,
        "count": row.count,
        "plans": None
        if row.plan_ids is None
        else sorted({plan_codes[one] for one in row.plan_ids}),
        "new_customers": row.new_customers,
        "minimum_amount": row.minimum_amount,
        "starts_at": _instant(row.starts_at),
        "ends_at": _instant(row.ends_at),
        "max_redemptions": row.max_redemptions,
        "per_customer": row.per_customer,
        "state": "stopped" if row.stopped_at else "active",
    }


def _part(row: UsagePrice, meter: MeterRow) -> Content:
    return {
        "name": row.name,
        "meter": meter.code,
        "meter_version": meter.version,
        "model": row.model,
        "terms": row.model_terms,
        "zero": row.zero,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()
