"""``Retry-After``: when Midtrans wants to be called again, as seconds."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

# Answers that may carry it with this meaning; elsewhere the header is not ours to obey.
SPEAKING: Final = frozenset({429, 503})
_DAY: Final = 86_400


def seconds_of(status: int, headers: Mapping[str, str]) -> int | None:
    """Read the header of an answer: whole seconds, at most a day; None where nothing is said.

    A date is measured against the answer's own ``Date``, so that no clock has to agree with
    theirs.
    """
    told = (headers.get("Retry-After") or "").strip()
    if status not in SPEAKING or not told:
        return None
    if told.isascii() and told.isdigit():
        return min(int(told[:9]), _DAY)
    try:
        until, sent = parsedate_to_datetime(told), parsedate_to_datetime(headers.get("Date") or "")
        return max(0, min(int((until - sent).total_seconds()), _DAY))
    except (TypeError, ValueError):
        return None
