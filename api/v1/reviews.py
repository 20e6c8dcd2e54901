"""Matters for a person: what no rule decides alone, and the answer to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta
from sqlalchemy import ColumnElement

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, post
from api.shapes import AmountIn, In, Instant, Out, Words, path_id
from billing.engine import Engine
from billing.flows.decide import order_states, resolve_review
from core import ids
from core.work import Work
from payments.review_kinds import Decision, decisions, kind_of
from payments.tables import reviews


class ResolveIn(In, kw_only=True):
    """What was decided, and why."""

    decision: Annotated[
        Decision,
        Meta(
            description="One of the matter's `decisions`: `paid` or `failed` for an order that is "
            "parked (the money of the order came, or none did), `approve` or `deny` for a charge "
            "that the fraud system questions, `taken_back` for a payment that was canceled at "
            "Midtrans (its invoice is due again), `charged_back` for a part that was charged back "
            "and not booked, else `done`."
        ),
    ]
    reason: Words
    amount: Annotated[
        AmountIn | None, Meta(description="For `charged_back`: whole rupiah that were taken back.")
    ] = None


class ReviewOut(Out):
    """Something a person should look at."""

    id: str
    kind: Annotated[str, Meta(description="Such as `answer_differs`, `unknown_order`.")]
    title: Annotated[dict[str, str], Meta(description="What happened, by language.")]
    todo: Annotated[dict[str, str], Meta(description="What to do about it, by language.")]
    subject_kind: str
    subject: Annotated[str, Meta(description="The id of what it is about.")]
    detail: dict[str, Any]
    decisions: Annotated[
        list[str], Meta(description="What may be decided; empty once it is closed.")
    ]
    opened_at: Instant
    closed_at: Instant | None
    closed_by: str | None
    resolution: str | None

    @classmethod
    def of(cls, row: Any, order_state: str | None) -> ReviewOut:
        """Shape a row; ``order_state`` is that of the order it is about, if it is about one."""
        meaning = kind_of(row.kind)
        known = row.subject_kind in ids.PREFIXES
        return cls(
            id=ids.public("review", row.id), kind=row.kind, title=dict(meaning.title),
            todo=dict(meaning.todo), subject_kind=row.subject_kind,
            subject=ids.public(row.subject_kind, row.subject_id) if known else str(row.subject_id),
            detail=row.detail,
            decisions=[]
            if row.closed_at
            else list(decisions(row.kind, order_state, row.detail)),
            opened_at=row.opened_at, closed_at=row.closed_at, closed_by=row.closed_by,
            resolution=row.resolution,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, review_id: UUID) -> ReviewOut:
        """Read one."""
        row = get_row(unit, reviews, review_id, "review", at="opened_at")
        return cls.of(row, order_states(unit, [row]).get(row.subject_id))


class ReviewsController(Controller):
    """Routes of matters for a person."""

    path = "/reviews"
    tags = ("Reviews",)

    @get("/", scope="read", summary="List matters for a person")
    def list_reviews(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *,
        state_: StateFilter[Literal["open", "closed"]] = None,
        kind: FromQuery[str | None] = None,
    ) -> Page[ReviewOut]:  # fmt: skip
        """Newest first."""
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(
                unit, reviews, window, {"kind": kind}, at="opened_at", where=_where(state_)
            )
            states = order_states(unit, rows)
        return page_of(rows, window, lambda row: ReviewOut.of(row, states.get(row.subject_id)))

    @get("/{review_id:str}", scope="read", summary="Get a matter for a person")
    def get_review(
        self, review_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> ReviewOut:  # fmt: skip
        """One matter, with what to do about it."""
        wanted = path_id("review", review_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return ReviewOut.read(unit, wanted)

    @post("/{review_id:str}/resolve", scope="refund", status=200, summary="Answer a matter")
    def resolve_review(
        self, review_id: FromPath[str], data: JSONBody[ResolveIn], once: NamedDependency[Once]
    ) -> Response[ReviewOut]:
        """Close it with a decision; who decided and why is kept.

        `paid` books the order's amount as if the gateway had said so, `failed` lets the invoice be
        collected in another way.
        """
        wanted = path_id("review", review_id)
        return once.run(
            lambda unit: resolve_review(
                unit, wanted, decision=data.decision, reason=data.reason, amount=data.amount
            ),
            ReviewOut.read,
            status=200,
        )


def _where(state: str | None) -> list[ColumnElement[bool]]:
    if state is None:
        return []
    closed = reviews.c.closed_at
    return [closed.is_(None) if state == "open" else closed.is_not(None)]
