"""How often a code may be given: the same bounds at every door, and in the database."""

from __future__ import annotations

from typing import Final

from core.errors import InvalidRequest

# To all, and to one customer.
USES_MAX: Final = 1_000_000
USES_EACH_MAX: Final = 1_000


def check_limits(max_redemptions: int | None, per_customer: int, minimum_amount: int) -> None:
    """Refuse bounds that no discount has.

    Args:
        minimum_amount: whole rupiah that the first period comes to at least.

    Raises:
        InvalidRequest: ``invalid_limit`` or ``invalid_amount``, naming the field.
    """
    if max_redemptions is not None and not 1 <= max_redemptions <= USES_MAX:
        raise _out_of_bounds("max_redemptions", USES_MAX)
    if not 1 <= per_customer <= USES_EACH_MAX:
        raise _out_of_bounds("per_customer", USES_EACH_MAX)
    if minimum_amount < 0:
        message = "A smallest amount is whole rupiah, 0 or more."
        raise InvalidRequest("invalid_amount", message, field="minimum_amount")


def _out_of_bounds(field: str, most: int) -> InvalidRequest:
    message = f"A code is given 1 to {most:,} times."
    return InvalidRequest("invalid_limit", message, field=field)
