"""A case that trips is a matter for a person; it holds up nobody else's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import update

from billing.flows.reviews import open_review
from core.work import Work
from dunning.tables import dunning_cases


def set_aside(unit: Work, case_id: UUID) -> None:
    """Put a case whose step fails before a person, and look at it again tomorrow."""
    open_review(unit, "case_failed", "case", case_id, {})
    unit.session.execute(
        update(dunning_cases)
        .where(
            dunning_cases.c.merchant_id == unit.merchant_id,
            dunning_cases.c.id == case_id,
            dunning_cases.c.state == "open",
        )
        .values(next_at=unit.now + timedelta(days=1))
    )
