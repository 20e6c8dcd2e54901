"""The test clock: a merchant's own time, moved on by whoever tests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from api.auth import Caller
from api.routes import get, post
from api.shapes import In, Instant, Out
from billing.engine import Engine
from billing.flows.clock import ask_advance, jump, read_clock
from core.errors import Conflict


class MoveIn(In):
    """Where to."""

    to: Annotated[
        datetime,
        Meta(tz=True, description="An instant with its offset, at most 800 days ahead."),
    ]


class ClockOut(Out):
    """Where the clock stands."""

    at: Instant
    target_at: Instant | None
    state: Annotated[str, Meta(description="`ready`, or `advancing` until it has arrived.")]


class ClockController(Controller):
    """Routes of the test clock."""

    path = "/clock"
    tags = ("Test clock",)

    @get("/", scope="read", summary="Read the clock")
    def get_clock(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> ClockOut:
        """The time the merchant lives in; refused (`no_test_clock`) where that is real time."""
        return _read(engine, caller)

    @post("/advance", scope="admin", status=202, summary="Live until an instant")
    def advance_clock(
        self, data: JSONBody[MoveIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> Response[ClockOut]:  # fmt: skip
        """Ask for time to pass: everything due on the way is done at its own instant, by the
        workers. Read the clock until it is `ready`. Repeating it is harmless: no key is needed.
        """
        ask_advance(engine, caller.merchant, data.to, caller.actor)
        return Response(_read(engine, caller), status_code=202)

    @post("/jump", scope="admin", status=200, summary="Skip to an instant")
    def jump_clock(
        self, data: JSONBody[MoveIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> ClockOut:  # fmt: skip
        """Move time and do nothing: what an outage is like. Work piles up and is caught up."""
        jump(engine, caller.merchant, data.to, caller.actor)
        return _read(engine, caller)


def _read(engine: Engine, caller: Caller) -> ClockOut:
    with engine.work(caller.merchant, caller.actor) as unit:
        state = read_clock(unit.session, caller.merchant)
    if state is None:
        raise Conflict("no_test_clock", "this merchant lives in real time")
    return ClockOut(at=state.at, target_at=state.target_at, state=state.state)
