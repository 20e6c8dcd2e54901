"""Usage: events in, single or by the thousand, and what they come to at any time."""

from __future__ import annotations

from collections import Counter

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.auth import Caller
from api.routes import get, post
from api.shapes import path_id
from api.v1.usage_shapes import (
    BatchOut,
    UsageBatchIn,
    UsageEventIn,
    UsageOut,
    UsedOut,
    VerdictOut,
)
from billing.engine import Engine
from billing.flows.usage_events import take_events
from billing.flows.usage_so_far import used_so_far
from billing.queries import get_subscription
from core import ids
from core.errors import Conflict, NotFound


class UsageController(Controller):
    """Routes of usage."""

    tags = ("Usage",)

    @post("/usage-events", scope="write", summary="Tell one usage event", status=200)
    def take_event(
        self, data: JSONBody[UsageEventIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> VerdictOut:  # fmt: skip
        """Keep and count one event. Send it again after any failure: its `key` counts once.

        What is refused here is a refusal of the request, with the code of the event.
        """
        [verdict] = take_events(engine, caller.merchant, caller.actor, [data.sent()])
        why = verdict.refusal
        if why is not None and why.code == "subscription_not_found":
            raise NotFound("subscription_not_found", why.message)
        if why is not None:
            raise Conflict(why.code, why.message)
        return VerdictOut.of(verdict)

    @post("/usage-events/batch", scope="write", summary="Tell many usage events", status=200)
    def take_batch(
        self, data: JSONBody[UsageBatchIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> BatchOut:  # fmt: skip
        """Keep and count up to 1,000 events in one transaction; no Idempotency-Key is needed.

        Each event has its own verdict, and one that is refused hinders no other. A body that can
        not be read, or a value of a wrong type, refuses the batch whole: nothing of it is kept.
        """
        sent = [one.sent() for one in data.events]
        verdicts = take_events(engine, caller.merchant, caller.actor, sent)
        counts = Counter(one.state for one in verdicts)
        return BatchOut(
            accepted=counts["accepted"], duplicate=counts["duplicate"], refused=counts["refused"],
            events=[VerdictOut.of(one) for one in verdicts],
        )  # fmt: skip

    @get("/subscriptions/{subscription_id:str}/usage", scope="read", summary="Usage so far")
    def usage_so_far(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> UsageOut:  # fmt: skip
        """What is used and not billed yet, and its price at this moment, today included.

        The same code puts it on the invoice when the period is over.
        """
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            row = get_subscription(unit, wanted)
            found = used_so_far(unit, row)
        return UsageOut(
            subscription=ids.public("subscription", wanted),
            through=found.through,
            parts=[UsedOut.of(one) for one in found.parts],
            subtotal=found.subtotal,
        )
