"""What a discount may be: a percentage or an amount, under a code, for so long."""

from __future__ import annotations

import re

from core.errors import InvalidRequest

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{1,39}")
_AMOUNT_MAX = 1_000_000_000_000
_COUNTED = ("periods", "months")


def check_terms(
    code: str, basis_points: int | None, amount: int | None, duration: str, count: int | None
) -> None:
    """Refuse the terms of a discount that could not be given.

    Raises:
        InvalidRequest: ``invalid_discount`` naming the field.
    """
    if _CODE.fullmatch(code) is None:
        raise wrong_discount("A code is 2 to 40 letters, digits, '_' or '-'.", "code")
    if (basis_points is None) == (amount is None):
        raise wrong_discount("A discount is a percentage or an amount.", "amount")
    if basis_points is not None and not 1 <= basis_points <= 10_000:
        raise wrong_discount("A percentage is 1 to 10,000 basis points.", "basis_points")
    if amount is not None and not 1 <= amount <= _AMOUNT_MAX:
        raise wrong_discount("An amount is whole rupiah, 1 or more.", "amount")
    if duration not in ("once", "forever", *_COUNTED):
        raise wrong_discount(
            "A discount lasts once, so many periods or months, or forever.", "duration"
        )
    if (duration in _COUNTED) != (count is not None) or not 1 <= (count or 1) <= 120:
        raise wrong_discount("A count, 1 to 120, goes with periods and months.", "count")


def wrong_discount(message: str, field: str) -> InvalidRequest:
    """The refusal of one field."""
    return InvalidRequest("invalid_discount", message, field=field)
