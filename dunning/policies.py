"""A dunning policy as data: versioned, checked when it is read, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal

from core.errors import InvalidRequest

EndAction = Literal["cancel", "unpaid"]
END_ACTIONS: Final = ("cancel", "unpaid")


@dataclass(frozen=True, slots=True)
class Policy:
    """When to try again, what to say and when to stop. Days count from the first failure.

    retry_days: further tries of the same method, each at ``retry_hour`` local time.
    payday_from, payday_to: days of the month around which salaries come, inclusive, running over
        the month's end; one try is made inside them. ``None`` and ``None`` switch it off.
    gap_hours: at least so long between two tries.
    open_hour, close_hour: tries and notices only between these local hours.
    grace_days: service continues so long.
    end_days: the end comes no earlier, end_days_max no later; after a payday try
        ``payday_rest_days`` are left to pay by hand.
    warning_days: the last warning goes out so long before the end, and the end waits for it.
    reminder_days: notices while a method is being tried, in days from the first failure.
    invoice_before_days, invoice_after_days, invoice_end_days: for customers who pay by themselves,
        in days before and after the due date.
    """

    version: int = 1
    retry_days: tuple[int, ...] = (1, 3, 7)
    retry_hour: int = 10
    payday_from: int | None = 25
    payday_to: int | None = 1
    payday_rest_days: int = 3
    gap_hours: int = 20
    open_hour: int = 8
    close_hour: int = 20
    notice_hour: int = 11
    grace_days: int = 7
    end_days: int = 14
    end_days_max: int = 30
    end_action: EndAction = "cancel"
    warning_days: int = 3
    reminder_days: tuple[int, ...] = (3, 7)
    invoice_before_days: tuple[int, ...] = (3,)
    invoice_after_days: tuple[int, ...] = (1, 7, 14)
    invoice_end_days: int = 30

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem is not None:
            raise InvalidRequest(
                "invalid_dunning_policy",
                f"the policy's {problem[0]} {problem[1]}",
                field=problem[0],
            )

    def to_dict(self) -> dict[str, Any]:
        """Write the policy as JSON would hold it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Policy:
        """Read a policy; what is not said has its default.

        Raises:
            InvalidRequest: ``invalid_dunning_policy`` with the field that is wrong.
        """
        known = {field.name for field in fields(cls)}
        for name in stored:
            if name not in known:
                raise InvalidRequest(
                    "invalid_dunning_policy", f"a policy has no {name!r}", field=name
                )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in stored.items()
        }
        return cls(**values)


def _problem(policy: Policy) -> tuple[str, str] | None:
    """Find the first field that cannot be, with what is wrong with it."""
    for name in ("retry_days", "reminder_days", "invoice_before_days", "invoice_after_days"):
        days = getattr(policy, name)
        if not isinstance(days, tuple) or not all(_is_int(day, 0, 90) for day in days):
            return name, "must be a list of days from 0 to 90"
        if len(days) > 10 or len(set(days)) != len(days):
            return name, "must hold at most ten different days"
    if policy.retry_days != tuple(sorted(policy.retry_days)) or 0 in policy.retry_days:
        return "retry_days", "must rise and start at 1 or later"
    limits = {
        "version": (1, 10**6),
        "retry_hour": (0, 23),
        "notice_hour": (0, 23),
        "open_hour": (0, 23),
        "close_hour": (1, 24),
        "gap_hours": (1, 24 * 7),
        "grace_days": (0, 90),
        "end_days": (1, 90),
        "end_days_max": (1, 90),
        "payday_rest_days": (0, 30),
        "warning_days": (0, 30),
        "invoice_end_days": (1, 180),
    }
    for name, (least, most) in limits.items():
        if not _is_int(getattr(policy, name), least, most):
            return name, f"must be a whole number from {least} to {most}"
    for name in ("retry_hour", "notice_hour"):
        if not policy.open_hour <= getattr(policy, name) < policy.close_hour:
            return name, "must lie inside the opening hours"
    if policy.end_days > policy.end_days_max:
        return "end_days", "must not be later than end_days_max"
    if policy.warning_days and policy.warning_days >= min(policy.end_days, policy.invoice_end_days):
        return "warning_days", "must be fewer than the days to the end"
    if policy.end_action not in END_ACTIONS:
        return "end_action", f"must be one of {', '.join(END_ACTIONS)}"
    window = (policy.payday_from, policy.payday_to)
    if window != (None, None) and not all(_is_int(day, 1, 31) for day in window):
        return "payday_from", "and payday_to must both be days of a month, or both be null"
    return None


def _is_int(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


DEFAULT_POLICY: Final = Policy()
