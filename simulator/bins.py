"""GET /v1/bins/{bin}: what the first digits of a card tell; a hundred questions a minute."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from simulator import cards
from simulator.answers import RefusalError
from simulator.model import Json
from simulator.validation import is_digits

PER_MINUTE = 100
_MINUTE = timedelta(minutes=1)


class Counter:
    """How often one account asked during the last minute of its clock."""

    def __init__(self) -> None:
        self._asked: deque[datetime] = deque()

    def allows(self, now: datetime) -> bool:
        """Count one question; false when there were too many."""
        while self._asked and self._asked[0] <= now - _MINUTE:
            self._asked.popleft()
        if len(self._asked) >= PER_MINUTE:
            return False
        self._asked.append(now)
        return True


def look_up(digits: str) -> Json | None:
    """The `data` of a known BIN (6 or 8 digits of any test card), else None."""
    if not is_digits(digits) or len(digits) not in (6, 8):
        return None
    pan = next((pan for pan in cards.BEHAVIOURS if pan.startswith(digits)), None)
    if pan is None:
        return None
    bank = cards.BANK_OF.get(pan, "")
    offline = cards.BEHAVIOURS[pan] == "offline"
    return {
        "bin": digits,
        "bin_type": "CREDIT",
        "bin_class": "GOLD",
        "brand": cards.brand_of(pan).upper(),
        "bank": bank.upper() or "SIMULATOR BANK",
        "bank_code": bank or None,
        "country_name": "INDONESIA",
        "country_code": "ID",
        "channel": "offline" if offline else "online_offline",
        "registration_required": False,
    }


def answer(asked: Counter, now: datetime, digits: str) -> Json:
    """What the address answers. Raises 409 when it was asked too often, 404 for an unknown BIN."""
    if not asked.allows(now):
        raise RefusalError("409", f"Too many requests, {PER_MINUTE} a minute are allowed")
    data = look_up(digits)
    if data is None:
        raise RefusalError("404", f"The BIN {digits[:8]} is not known")
    return {"data": data}
