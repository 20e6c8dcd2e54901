"""Moves of subscribers to another version of a price: previewed, started, watched, undone."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy import select

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import list_rows
from api.routes import get, post
from api.shapes import Day, In, Instant, Out, Rupiah, path_id
from billing.engine import Engine
from billing.flows import moves
from billing.flows.move_rows import Moved, progress_of
from billing.moves import queries
from billing.moves.rules import NOTICE_MAX
from billing.moves.tables import price_move_members
from billing.tables import subscription_changes
from core import ids
from core.work import Work

PriceId = Annotated[str, Meta(max_length=40, description="A version: `price_…`.")]
Why = Annotated[
    str | None,
    Meta(
        description="Why it is left out: `not_served`, `ending`, `paused` (about to be), "
        "`change_waits`, `own_price`, `beside_first` (the price is an item beside its "
        "first), `meter_twice`."
    ),
]


class PriceMoveIn(In):
    """Bring who has one version of a price to another one of the same plan."""

    from_price: PriceId
    to_price: PriceId
    not_before: Annotated[
        Day | None, Meta(description="No period begins at the new version before this day.")
    ] = None
    notice_days: Annotated[
        Annotated[int, Meta(ge=0, le=NOTICE_MAX)] | None,
        Meta(description="Days between the mail and that period; the merchant's by default."),
    ] = None


class PriceMovePreviewIn(PriceMoveIn):
    """The same, and from where on to show."""

    after: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(description="The last subscription of the page before."),
    ] = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class PriceMovedOut(Out):
    """One subscription: its next invoice at the old and at the new version, tax included."""

    subscription: str
    customer: str
    excepted: Why
    effective_on: Day | None
    period_end: Day | None
    quantity: int
    old_total: Rupiah | None
    new_total: Rupiah | None

    @classmethod
    def of(cls, one: Moved) -> PriceMovedOut:
        """Shape one."""
        return cls(
            subscription=ids.public("subscription", one.case.row.id),
            customer=ids.public("customer", one.case.customer.id),
            excepted=one.excepted,
            effective_on=one.period.start if one.period else None,
            period_end=one.period.end if one.period else None,
            quantity=one.case.quantity,
            old_total=one.old.total.amount if one.old else None,
            new_total=one.new.total.amount if one.new else None,
        )


class PriceMovePreviewOut(Out):
    """A page of whom a move concerns, in the order of ids."""

    data: list[PriceMovedOut]
    next_after: str | None


class PriceMoveOut(Out):
    """A move and how far it is."""

    id: str
    from_price: str
    to_price: str
    not_before: Day
    notice_days: int
    state: Annotated[
        str,
        Meta(
            description="`running` (subscribers are being told), `announced`, `undoing`, `undone`."
        ),
    ]
    waiting: Annotated[int, Meta(description="Told, and not renewed yet.")]
    applied: Annotated[int, Meta(description="Renewed at the new version.")]
    replaced: Annotated[int, Meta(description="Undone, or changed otherwise since.")]
    escaped: Annotated[
        int, Meta(description="Of `replaced`, those changed or canceled otherwise, not undone.")
    ]
    excepted: Annotated[dict[str, int], Meta(description="Left out, by reason.")]
    left: Annotated[int, Meta(description="Not looked at yet.")]
    made_by: str
    created_at: Instant
    undone_by: str | None
    undone_at: Instant | None

    @classmethod
    def read(cls, unit: Work, move_id: Any) -> PriceMoveOut:
        """Read one with its progress."""
        row = queries.get_move(unit, move_id)
        done = progress_of(unit, row)
        return cls(
            id=ids.public("price_move", row.id),
            from_price=ids.public("price", row.from_price_id),
            to_price=ids.public("price", row.to_price_id),
            not_before=row.not_before, notice_days=row.notice_days, state=row.state,
            waiting=done.waiting, applied=done.applied, replaced=done.replaced,
            escaped=done.escaped,
            excepted=done.excepted, left=done.left, made_by=row.made_by,
            created_at=row.created_at, undone_by=row.undone_by, undone_at=row.undone_at,
        )  # fmt: skip


class PriceMovesOut(Out):
    """The newest 200 moves."""

    data: list[PriceMoveOut]


class PriceMoveMemberOut(Out):
    """What one subscription was told, and what became of it."""

    subscription: str
    excepted: Why
    state: Annotated[
        str | None, Meta(description="Of its change: `scheduled`, `applied` or `replaced`.")
    ]
    effective_on: Day | None
    quantity: int | None
    old_total: Rupiah | None
    new_total: Rupiah | None
    invoice: Annotated[str | None, Meta(description="The first at the new version.")]
    created_at: Instant

    @classmethod
    def of(cls, row: Any, change: Any) -> PriceMoveMemberOut:
        """Shape a row with the change that waits, or waited."""
        invoice = change.invoice_id if change else None
        return cls(
            subscription=ids.public("subscription", row.subscription_id),
            excepted=row.excepted, state=change.state if change else None,
            effective_on=row.effective_on,
            quantity=row.quantity, old_total=row.old_total, new_total=row.new_total,
            invoice=ids.public("invoice", invoice) if invoice else None,
            created_at=row.created_at,
        )  # fmt: skip


class PriceMovesController(Controller):
    """Routes of moves."""

    path = "/price-moves"
    tags = ("Plans",)

    @post("/preview", scope="read", status=200, summary="Preview a move to another version")
    def preview_move(
        self, data: JSONBody[PriceMovePreviewIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PriceMovePreviewOut:  # fmt: skip
        """Show each next invoice, old and new, by the renewal's own functions; writes nothing."""
        after = ids.parse("subscription", data.after) if data.after else None
        with engine.work(caller.merchant, caller.actor) as unit:
            found = moves.preview_move(
                unit, ids.parse("price", data.from_price), ids.parse("price", data.to_price),
                not_before=data.not_before, notice_days=data.notice_days, after=after,
                limit=data.limit,
            )  # fmt: skip
        shaped = [PriceMovedOut.of(one) for one in found]
        more = len(shaped) == data.limit
        return PriceMovePreviewOut(
            data=shaped, next_after=shaped[-1].subscription if more else None
        )

    @post("/", scope="write", summary="Move subscribers to another version")
    def start_move(
        self, data: JSONBody[PriceMoveIn], once: NamedDependency[Once]
    ) -> Response[PriceMoveOut]:
        """Tell each customer by mail, and let the first renewal after the notice take it up.

        A worker does it in batches; what can not be moved by itself is left out with the reason.
        """
        old, new = ids.parse("price", data.from_price), ids.parse("price", data.to_price)
        return once.run(
            lambda unit: moves.start_move(
                unit, old, new, not_before=data.not_before, notice_days=data.notice_days,
                key=once.key,
            ).id,
            PriceMoveOut.read,
        )  # fmt: skip

    @get("/", scope="read", summary="List moves")
    def list_moves(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> PriceMovesOut:
        """Newest first."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return PriceMovesOut(
                data=[PriceMoveOut.read(unit, one.id) for one in queries.list_moves(unit)]
            )

    @get("/{move_id:str}", scope="read", summary="Get a move")
    def get_move(
        self, move_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PriceMoveOut:  # fmt: skip
        """One move and how far it is."""
        wanted = path_id("price_move", move_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return PriceMoveOut.read(unit, wanted)

    @get("/{move_id:str}/subscriptions", scope="read", summary="List whom a move concerns")
    def list_members(
        self, move_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller], window: NamedDependency[Window],
    ) -> Page[PriceMoveMemberOut]:  # fmt: skip
        """What each was told and what became of it, newest first."""
        wanted = path_id("price_move", move_id)
        change = subscription_changes.c
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_move(unit, wanted)
            rows = list_rows(unit, price_move_members, window, {"move_id": wanted})
            named = [row.change_id for row in rows if row.change_id is not None]
            found = {
                row.id: row
                for row in unit.session.execute(
                    select(change.id, change.state, change.invoice_id).where(
                        change.merchant_id == unit.merchant_id, change.id.in_(named)
                    )
                )
            }
        return page_of(
            rows, window, lambda row: PriceMoveMemberOut.of(row, found.get(row.change_id))
        )

    @post("/{move_id:str}/undo", scope="write", status=200, summary="Undo a move")
    def undo_move(
        self, move_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[PriceMoveOut]:
        """Take back what has not happened yet; who was told is told again.

        Whoever was renewed already keeps the new version.
        """
        wanted = path_id("price_move", move_id)
        return once.run(
            lambda unit: moves.undo_move(unit, wanted).id, PriceMoveOut.read, status=200
        )
