"""What to do about periods that were missed: invoice each, put them on one, or let them go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from billing.renewals import Agreement, Issue, apply, next_step
from core.calendars import Period

CatchUpPolicy = Literal["each", "merge", "skip"]


@dataclass(frozen=True, slots=True)
class CatchUp:
    """The invoices to issue, each with its periods, what is let go, and the agreement after it."""

    invoices: tuple[tuple[Period, ...], ...]
    skipped: tuple[Period, ...]
    after: Agreement


def catch_up(agreement: Agreement, now: datetime, policy: CatchUpPolicy = "each") -> CatchUp:
    """Live an agreement up to an instant and say how its due periods are invoiced.

    Scheduler down from 10 December to 2 February, monthly on the 15th: 15 December to 15 January
    and 15 January to 15 February are due. ``each``: two invoices; ``merge``: one with two lines;
    ``skip``: only the period that is running, the one that is over is let go.

    Source: billing rule R26.
    """
    due: list[Period] = []
    while (step := next_step(agreement, now)) is not None:
        if isinstance(step, Issue):
            due.append(step.period)
        agreement = apply(agreement, step)
    if policy == "each":
        return CatchUp(tuple((period,) for period in due), (), agreement)
    if policy == "merge":
        return CatchUp((tuple(due),) if due else (), (), agreement)
    kept = [period for period in due if period.end > agreement.current.start]
    over = tuple(period for period in due if period.end <= agreement.current.start)
    return CatchUp(tuple((period,) for period in kept), over, agreement)
