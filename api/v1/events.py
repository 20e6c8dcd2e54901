"""Events: what happened, in the order it was written."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Meta

from api.auth import Caller
from api.event_feed import events_after
from api.pagination import Limit
from api.routes import get
from api.shapes import Instant, Out, body_id, public
from billing.engine import Engine
from core import ids


class EventOut(Out):
    """Something that happened. The payload holds ids, numbers and amounts, no personal data."""

    id: str
    cursor: Annotated[int, Meta(description="Its place; send the last you handled as `after`.")]
    type: Annotated[str, Meta(description="Such as `invoice.paid`.")]
    occurred_at: Annotated[Instant, Meta(description="Business time.")]
    subject: Annotated[str, Meta(description="What it is about, such as `inv_…`.")]
    customer: str | None
    payload: dict[str, Any]

    @classmethod
    def of(cls, row: Any) -> EventOut:
        """Shape a row."""
        known = row.subject_kind in ids.PREFIXES
        return cls(
            id=ids.public("event", row.id), cursor=row.seq, type=row.type,
            occurred_at=row.occurred_at,
            subject=ids.public(row.subject_kind, row.subject_id) if known else row.subject_kind,
            customer=public("customer", row.customer_id), payload=row.payload,
        )  # fmt: skip


class EventsOut(Out):
    """Events behind a cursor, oldest first."""

    data: list[EventOut]
    next_after: Annotated[
        int,
        Meta(description="Send it as `after` for what comes next; also when there is none yet."),
    ]


class EventsController(Controller):
    """Routes of events."""

    path = "/events"
    tags = ("Events",)

    @get("/", scope="read", summary="List events")
    def list_events(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller], *,
        after: Annotated[int, QueryParameter(ge=0, description="The last cursor handled.")] = 0,
        limit: Limit = 20, type_: Annotated[str | None, QueryParameter(name="type")] = None,
        customer: FromQuery[str | None] = None,
    ) -> EventsOut:  # fmt: skip
        """Oldest first, from behind `after`. Poll it: what was handled never comes again."""
        about = body_id("customer", customer, "customer")
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = events_after(unit, after, limit, type_=type_, customer_id=about)
        return EventsOut(
            data=[EventOut.of(row) for row in rows],
            next_after=rows[-1].seq if rows else after,
        )
