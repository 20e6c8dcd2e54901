"""The gateway as a merchant's calls find it: how fast it is called, and what waits for it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from litestar import Controller
from litestar.di import NamedDependency
from msgspec import Meta

from api.auth import Caller
from api.routes import get
from api.shapes import Instant, Out
from billing.engine import Engine
from billing.flows.pace import is_paced, read_budget, read_forecast
from billing.reports.busy_days import busiest_day
from payments.hosts import hosts_of


class BusiestOut(Out):
    """The busiest of the coming 31 days, as far as agreements say today."""

    day: date
    calls: Annotated[
        int, Meta(description="One for each agreement that is billed next on that day.")
    ]
    calls_per_minute: Annotated[
        int, Meta(description="What `gateway_rps` allows, less what is kept for people.")
    ]
    begins_at: Instant
    done_at: Annotated[Instant, Meta(description="About when all of them are through.")]


class HostOut(Out):
    """One of Midtrans' hosts; each is left alone by itself."""

    host: Annotated[
        str, Meta(description="`core_api`, for charges, status and refunds; `snap`, for pages.")
    ]
    state: Annotated[
        str, Meta(description="`closed`, `open` or `half_open`: the worst of its kinds of calls.")
    ]
    stopped: Annotated[
        list[str],
        Meta(description="`charge`, `status`, `refund`, `page`: the kinds that are not closed."),
    ]
    retry_at: Annotated[Instant | None, Meta(description="When the first is tried again.")]


class GatewayOut(Out):
    """The pace, and when the charges that wait will be through."""

    calls_per_second: Annotated[
        int | None,
        Meta(description="Now; less than `gateway_rps` after a complaint. Null: not counted."),
    ]
    gateway_rps: int
    state: Annotated[
        str,
        Meta(
            description="Of charges. `closed`: they are sent. `open`: the gateway does not answer, "
            "none is. `half_open`: one is tried."
        ),
    ]
    retry_at: Annotated[Instant | None, Meta(description="When a charge is tried again.")]
    hosts: list[HostOut]
    charges_waiting: int
    charges_per_minute: Annotated[
        int, Meta(description="Measured once they have queued for a while; before that, allowed.")
    ]
    done_at: Annotated[
        Instant | None, Meta(description="About when; null while the gateway does not answer.")
    ]
    busiest_day: Annotated[
        BusiestOut | None, Meta(description="Null where nothing is billed in the next 31 days.")
    ]


class GatewayController(Controller):
    """Routes of the gateway."""

    path = "/gateway"
    tags = ("Gateways",)

    @get("/", scope="read", summary="Read the pace and the forecast")
    def get_gateway(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> GatewayOut:
        """How fast Midtrans is called for this merchant, how many charges wait, and when they will
        be done; and the busiest day to come. Merchants with a test clock are called as fast as
        their work comes.
        """
        with engine.work(caller.merchant, caller.actor) as unit:
            paced = is_paced(engine, unit)
            found = read_forecast(unit)
            budget = read_budget(unit)
            rate = budget.rate(unit.real_now) if paced else None
            hosts = hosts_of(budget, unit.real_now)
            ahead = busiest_day(unit)
        return GatewayOut(
            calls_per_second=rate,
            gateway_rps=unit.merchant.gateway_rps,
            state=str(found.state),
            retry_at=found.retry_at,
            hosts=[
                HostOut(host=one.name, state=str(one.state), stopped=[*map(str, one.stopped)],
                        retry_at=one.retry_at)
                for one in hosts
            ],
            charges_waiting=found.waiting,
            charges_per_minute=found.per_minute,
            done_at=found.done_at,
            busiest_day=None if ahead is None else BusiestOut(
                day=ahead.day, calls=ahead.calls, calls_per_minute=ahead.per_minute,
                begins_at=ahead.begins_at, done_at=ahead.done_at,
            ),
        )  # fmt: skip
