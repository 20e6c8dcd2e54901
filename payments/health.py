"""How a channel has done lately: whether the gateway answered when it was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

State = Literal["good", "troubled", "unknown"]

WINDOW: Final = timedelta(hours=6)
# Fewer requests than this say nothing.
ASKED_LEAST: Final = 5
_GOOD: Final = (9, 10)


@dataclass(frozen=True, slots=True)
class Health:
    """``asked``: orders sent in the window. ``answered``: those that the gateway opened, or that it
    decided with a bank's word; not where the bank or its line was down. A payer who does not pay
    is no fault of the channel.
    """

    asked: int
    answered: int

    @property
    def state(self) -> State:
        """``unknown`` for too few orders, ``troubled`` when more than one in ten went unanswered.

        >>> Health(20, 17).state
        'troubled'
        """
        if self.asked < ASKED_LEAST:
            return "unknown"
        share, of = _GOOD
        return "good" if self.answered * of >= self.asked * share else "troubled"
