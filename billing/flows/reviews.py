"""Asking a person to look: what no rule of ours may decide alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from core import ids
from core.bulk import insert_rows
from core.work import Work
from payments.tables import reviews


def open_review(
    unit: Work, kind: str, subject_kind: str, subject_id: UUID, detail: dict[str, Any]
) -> None:
    """Open a matter for a person; the same kind about the same subject is opened once."""
    opened = insert_rows(
        unit.session,
        reviews,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": unit.derive("review", kind, subject_id),
                "kind": kind,
                "subject_kind": subject_kind,
                "subject_id": subject_id,
                "detail": detail,
                "opened_at": unit.now,
            }
        ],
        skip_existing=True,
    )
    if opened:
        subject = ids.public(subject_kind, subject_id)
        unit.event("review.opened", subject_kind, subject_id, {"kind": kind, "subject": subject})
