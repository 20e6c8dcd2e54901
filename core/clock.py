"""The only reader of the wall clock."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return machine time as an aware UTC instant."""
    return datetime.now(UTC)
