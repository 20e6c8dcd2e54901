"""The dunning policy: when an unpaid invoice is tried again, what is said, and when it ends."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import In, Out, given
from billing.engine import Engine
from core.work import Work
from dunning.policies import Policy
from dunning.service import ensure_policy, publish_policy

Days = Annotated[list[int], Meta(max_length=10, description="At most ten different days, 0 to 90.")]
DayOfMonth = Annotated[int, Meta(ge=1, le=31)]


class DunningPolicyIn(In):
    """What changes; the rest stays as it is. Days count from the first failure."""

    retry_days: Annotated[
        Days | UnsetType, Meta(description="Further tries of the same method; rising, from 1.")
    ] = UNSET
    retry_hour: Annotated[int | UnsetType, Meta(description="Local hour of a try.")] = UNSET
    payday_from: Annotated[
        DayOfMonth | UnsetType | None,
        Meta(description="Salaries come from this day of the month; null, with `payday_to`: off."),
    ] = UNSET
    payday_to: DayOfMonth | UnsetType | None = UNSET
    payday_rest_days: int | UnsetType = UNSET
    gap_hours: Annotated[int | UnsetType, Meta(description="Least time between tries.")] = UNSET
    open_hour: Annotated[
        int | UnsetType, Meta(description="Tries and notices only from this local hour.")
    ] = UNSET
    close_hour: int | UnsetType = UNSET
    notice_hour: int | UnsetType = UNSET
    grace_days: Annotated[int | UnsetType, Meta(description="Service continues so long.")] = UNSET
    end_days: Annotated[int | UnsetType, Meta(description="The end comes no earlier.")] = UNSET
    end_days_max: Annotated[int | UnsetType, Meta(description="The end comes no later.")] = UNSET
    end_action: Annotated[
        Literal["cancel", "unpaid"] | UnsetType, Meta(description="What the end does.")
    ] = UNSET
    warning_days: Annotated[
        int | UnsetType, Meta(description="The last warning, in days before the end.")
    ] = UNSET
    reminder_days: Days | UnsetType = UNSET
    invoice_before_days: Annotated[
        Days | UnsetType, Meta(description="Reminders before the due date of an invoice.")
    ] = UNSET
    invoice_after_days: Days | UnsetType = UNSET
    invoice_end_days: int | UnsetType = UNSET


class DunningPolicyOut(Out):
    """The policy in force. Days count from the first failure, or from an invoice's due date."""

    version: int
    retry_days: list[int]
    retry_hour: int
    payday_from: int | None
    payday_to: int | None
    payday_rest_days: int
    gap_hours: int
    open_hour: int
    close_hour: int
    notice_hour: int
    grace_days: int
    end_days: int
    end_days_max: int
    end_action: str
    warning_days: int
    reminder_days: list[int]
    invoice_before_days: list[int]
    invoice_after_days: list[int]
    invoice_end_days: int

    @classmethod
    def of(cls, policy: Policy) -> DunningPolicyOut:
        """Shape a policy."""
        return cls(**policy.to_dict())


class DunningController(Controller):
    """Routes of the dunning policy."""

    path = "/dunning-policy"
    tags = ("Dunning",)

    @get("/", scope="read", summary="Get the dunning policy")
    def get_dunning_policy(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> DunningPolicyOut:
        """The version that new cases are opened with."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return _in_force(unit)

    @post("/", scope="admin", summary="Publish a dunning policy")
    def publish_dunning_policy(
        self, data: JSONBody[DunningPolicyIn], once: NamedDependency[Once]
    ) -> Response[DunningPolicyOut]:
        """Publish a new version; open cases keep the one they were opened with.

        What changes nothing publishes nothing.
        """
        return once.run(
            lambda unit: publish_policy(unit, given(data))[0], lambda unit, _: _in_force(unit)
        )


def _in_force(unit: Work) -> DunningPolicyOut:
    return DunningPolicyOut.of(ensure_policy(unit)[1])
