"""How wrong terms of a price are refused: one code, the field names the place."""

from __future__ import annotations

from core.errors import InvalidRequest


def wrong_terms(message: str, field: str) -> InvalidRequest:
    """Make the refusal of a term that cannot be."""
    return InvalidRequest("invalid_price_terms", message, field=field)
