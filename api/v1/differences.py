"""Differences between the gateway's book and ours: looked at, assigned, settled with a reason."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, post
from api.shapes import AMOUNT_MAX, In, Instant, Out, Rupiah, Short, Words, body_id, path_id
from billing.engine import Engine
from billing.flows import differences as settling
from billing.reconciliation.kinds import KINDS
from billing.reconciliation.queries import steps_of
from billing.reconciliation.tables import differences
from core import ids
from core.work import Work


class AssignIn(In):
    """Whose matter it is; without an assignee it is everybody's again."""

    assignee: Short | None = None
    reason: Words | None = None


class DifferenceNoteIn(In):
    """What was found out."""

    reason: Words


class SettleIn(In, kw_only=True):
    """How a difference was settled, and why."""

    resolution: Annotated[
        Literal["explained", "mended", "booked"],
        Meta(
            description="`explained`: nothing is to be done. `mended`: it was put right, here or "
            "at Midtrans. `booked`: a correction of `amount` is posted against `account`."
        ),
    ]
    reason: Words
    account: Literal["gateway_fee", "input_vat", "rounding", "bad_debt", "bank"] | None = None
    amount: Annotated[
        Annotated[int, Meta(ge=-AMOUNT_MAX, le=AMOUNT_MAX)] | None,
        Meta(description="Whole rupiah; positive where Midtrans owes less than our books say."),
    ] = None


class DifferenceApproveIn(In):
    """A word of who agrees."""

    reason: Words | None = None


class DifferenceStepOut(Out):
    """What somebody did about it."""

    at: Instant
    actor: str
    step: str
    reason: str | None
    detail: dict[str, Any]


class DifferenceOut(Out):
    """What the two books do not agree about."""

    id: str
    kind: str
    title: Annotated[dict[str, str], Meta(description="What it means, by language.")]
    todo: Annotated[dict[str, str], Meta(description="What to do about it, by language.")]
    severity: Annotated[str, Meta(description="`high`, `medium`, `low`.")]
    source: Annotated[
        str, Meta(description="`report` (a row of it), `books` (no row), `status` (asked).")
    ]
    state: Annotated[str, Meta(description="`open`, `awaiting_approval`, `resolved`.")]
    order_id: str | None
    payment: str | None
    settlement_file: str | None
    day: date
    ours: Annotated[Rupiah | None, Meta(description="Whole rupiah in our books.")]
    theirs: Annotated[Rupiah | None, Meta(description="Whole rupiah in the gateway's.")]
    detail: dict[str, Any]
    assignee: str | None
    found_at: Instant
    resolution: str | None
    account: str | None
    amount: Rupiah | None
    closed_at: Instant | None
    closed_by: str | None
    steps: Annotated[
        list[DifferenceStepOut] | None, Meta(description="All steps; left out in lists.")
    ] = None

    @classmethod
    def of(cls, row: Any) -> DifferenceOut:
        """Shape a row."""
        meaning = KINDS[row.kind]
        return cls(
            id=ids.public("difference", row.id), kind=row.kind, title=dict(meaning.title),
            todo=dict(meaning.todo), severity=row.severity, source=row.source, state=row.state,
            order_id=row.order_id, payment=_public("payment", row.payment_id),
            settlement_file=_public("settlement_file", row.file_id), day=row.day, ours=row.ours,
            theirs=row.theirs, detail=row.detail, assignee=row.assignee, found_at=row.found_at,
            resolution=row.resolution, account=row.account, amount=row.amount,
            closed_at=row.closed_at, closed_by=row.closed_by,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, difference_id: UUID) -> DifferenceOut:
        """Read one with its steps."""
        made = cls.of(get_row(unit, differences, difference_id, "difference", at="found_at"))
        made.steps = [
            DifferenceStepOut(
                at=row.at, actor=row.actor, step=row.step, reason=row.reason, detail=row.detail
            )
            for row in steps_of(unit, difference_id)
        ]
        return made


class DifferencesController(Controller):
    """Routes of differences."""

    path = "/differences"
    tags = ("Reconciliation",)

    @get("/", scope="read", summary="List differences")
    def list_differences(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *,
        state_: StateFilter[Literal["open", "awaiting_approval", "resolved"]] = None,
        kind: FromQuery[str | None] = None, severity: FromQuery[str | None] = None,
        assignee: FromQuery[str | None] = None, settlement_file: FromQuery[str | None] = None,
    ) -> Page[DifferenceOut]:  # fmt: skip
        """Newest first."""
        filters = {
            "state": state_, "kind": kind, "severity": severity, "assignee": assignee,
            "file_id": body_id("settlement_file", settlement_file, "settlement_file"),
        }  # fmt: skip
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, differences, window, filters, at="found_at")
        return page_of(rows, window, DifferenceOut.of)

    @get("/{difference_id:str}", scope="read", summary="Get a difference")
    def get_difference(
        self, difference_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> DifferenceOut:  # fmt: skip
        """One difference with everything that was done about it."""
        wanted = path_id("difference", difference_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return DifferenceOut.read(unit, wanted)

    @post("/{difference_id:str}/assign", scope="refund", status=200, summary="Assign a difference")
    def assign_difference(
        self, difference_id: FromPath[str], data: JSONBody[AssignIn], once: NamedDependency[Once]
    ) -> Response[DifferenceOut]:
        """Say whose matter it is."""
        wanted = path_id("difference", difference_id)
        return _run(
            once, lambda unit: settling.assign(unit, wanted, data.assignee, data.reason or "")
        )

    @post("/{difference_id:str}/note", scope="refund", status=200, summary="Note on a difference")
    def note_difference(
        self, difference_id: FromPath[str], data: JSONBody[DifferenceNoteIn],
        once: NamedDependency[Once],
    ) -> Response[DifferenceOut]:  # fmt: skip
        """Write down what was found out; it stays open."""
        wanted = path_id("difference", difference_id)
        return _run(once, lambda unit: settling.note(unit, wanted, data.reason))

    @post("/{difference_id:str}/resolve", scope="refund", status=200, summary="Settle a difference")
    def resolve_difference(
        self, difference_id: FromPath[str], data: JSONBody[SettleIn], once: NamedDependency[Once]
    ) -> Response[DifferenceOut]:
        """Settle it with a reason. A correction above `refund_approval_above` waits for a second
        person.
        """
        wanted = path_id("difference", difference_id)
        return _run(
            once,
            lambda unit: settling.resolve(
                unit, wanted, data.resolution, data.reason, account=data.account,
                amount=data.amount,
            ),
        )  # fmt: skip

    @post(
        "/{difference_id:str}/approve", scope="approve", status=200, summary="Approve a correction"
    )
    def approve_difference(
        self, difference_id: FromPath[str], data: JSONBody[DifferenceApproveIn],
        once: NamedDependency[Once],
    ) -> Response[DifferenceOut]:  # fmt: skip
        """Agree to a correction as somebody else than who asked for it; it is posted now."""
        wanted = path_id("difference", difference_id)
        return _run(once, lambda unit: settling.approve(unit, wanted, data.reason or ""))

    @post(
        "/{difference_id:str}/decline", scope="approve", status=200, summary="Decline a correction"
    )
    def decline_difference(
        self, difference_id: FromPath[str], data: JSONBody[DifferenceNoteIn],
        once: NamedDependency[Once],
    ) -> Response[DifferenceOut]:  # fmt: skip
        """Decide against a correction; the difference is open again."""
        wanted = path_id("difference", difference_id)
        return _run(once, lambda unit: settling.decline(unit, wanted, data.reason))


def _run(once: Once, act: Any) -> Response[DifferenceOut]:
    return once.run(act, DifferenceOut.read, status=200)


def _public(kind: str, row_id: UUID | None) -> str | None:
    return None if row_id is None else ids.public(kind, row_id)
