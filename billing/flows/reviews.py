"""Asking a person to look: what no rule of ours may decide alone."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

from sqlalchemy import or_, update

from core import ids
from core.bulk import insert_rows
from core.errors import NotFound
from core.work import Work
from payments.review_kinds import kind_of
from payments.tables import reviews


def close_review(unit: Work, review_id: UUID, resolution: str) -> None:
    """A person says what became of a matter; it is kept, with who said it.

    Raises:
        NotFound: ``review_not_found``, also for one that is closed already.
    """
    closed = unit.session.execute(
        update(reviews)
        .where(
            reviews.c.merchant_id == unit.merchant_id,
            reviews.c.id == review_id,
            reviews.c.closed_at.is_(None),
        )
        .values(closed_at=unit.now, closed_by=str(unit.actor), resolution=resolution)
        .returning(reviews.c.id)
    ).one_or_none()
    if closed is None:
        raise NotFound("review_not_found", "there is no such open matter")
    unit.audit(
        "review.close",
        "review",
        review_id,
        before={"state": "open"},
        after={"state": "closed", "resolution": resolution},
    )


def close_if_open(unit: Work, kind: str, subject_id: UUID, resolution: str) -> None:
    """A matter that something else has settled meanwhile; who did that is the actor."""
    with contextlib.suppress(NotFound):
        close_review(unit, unit.derive("review", kind, subject_id), resolution)


def open_review(
    unit: Work,
    kind: str,
    subject_kind: str,
    subject_id: UUID,
    detail: dict[str, Any],
    *,
    anew: bool = False,
) -> None:
    """Open a matter for a person; the same kind about the same subject is open once.

    One that was closed is opened again where there is more to tell, or its cause came back, which
    the caller may know (``anew``); what was said when it was closed stays in the audit.
    """
    review_id = unit.derive("review", kind, subject_id)
    opened = insert_rows(
        unit.session,
        reviews,
        [
            {
                "merchant_id": unit.merchant_id,
                "id": review_id,
                "kind": kind,
                "subject_kind": subject_kind,
                "subject_id": subject_id,
                "detail": detail,
                "opened_at": unit.now,
            }
        ],
        skip_existing=True,
    )
    if opened or _opened_again(unit, review_id, kind, detail, anew):
        subject = ids.public(subject_kind, subject_id)
        unit.event(
            "review.opened",
            subject_kind,
            subject_id,
            {"kind": kind, "subject": subject, "review": ids.public("review", review_id)},
        )


def _opened_again(
    unit: Work, review_id: UUID, kind: str, detail: dict[str, Any], anew: bool
) -> bool:
    query = update(reviews).where(
        reviews.c.merchant_id == unit.merchant_id,
        reviews.c.id == review_id,
        reviews.c.closed_at.is_not(None),
    )
    if not (anew or kind_of(kind).recurs):
        query = query.where(or_(reviews.c.detail != detail))
    again = unit.session.execute(
        query.values(
            detail=detail, opened_at=unit.now, closed_at=None, closed_by=None, resolution=None
        ).returning(reviews.c.id)
    ).one_or_none()
    return again is not None
