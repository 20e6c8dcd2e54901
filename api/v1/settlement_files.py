"""Settlement reports of the gateway: given to us, previewed, booked or dropped."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Annotated, Any, Literal

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import get_row, list_rows
from api.routes import get, post
from api.shapes import In, Instant, Out, Short, path_id
from billing.engine import Engine
from billing.flows.report_files import book_file, drop_file, read_file
from billing.reconciliation.tables import settlement_files
from core import ids
from core.errors import InvalidRequest
from core.work import Work
from payments.settlement_report import BYTES_MAX

# Base64 is a third longer than what it carries.
BODY_MAX = BYTES_MAX * 4 // 3 + 4_096


class SettlementFileIn(In):
    """A report as it was downloaded."""

    name: Short
    content: Annotated[
        str,
        Meta(
            min_length=4,
            description="The CSV file as base64, at most 32 MiB: any of its encodings, delimiters "
            "and headers in English or Indonesian.",
        ),
    ]


class SettlementFileOut(Out):
    """A report."""

    id: str
    name: str
    state: Annotated[
        str, Meta(description="`read` (previewed, nothing booked), `booked`, `dropped`.")
    ]
    size: Annotated[int, Meta(description="Bytes.")]
    from_day: date | None
    to_day: date | None
    summary: Annotated[
        dict[str, Any],
        Meta(
            description="What booking does, or did: `counts` (rows, matched, repeated, faults …), "
            "`sums` in whole rupiah (gross, fee, ppn, net, booked_fee …), `differences` by kind, "
            "the first of them in `shown`, `columns` as they were understood."
        ),
    ]
    read_at: Instant
    read_by: str
    closed_at: Instant | None
    closed_by: str | None

    @classmethod
    def of(cls, row: Any) -> SettlementFileOut:
        """Shape a row."""
        return cls(
            id=ids.public("settlement_file", row.id), name=row.name, state=row.state,
            size=row.size, from_day=row.from_day, to_day=row.to_day, summary=row.summary,
            read_at=row.read_at, read_by=row.read_by, closed_at=row.closed_at,
            closed_by=row.closed_by,
        )  # fmt: skip

    @classmethod
    def read(cls, unit: Work, file_id: Any) -> SettlementFileOut:
        """Read one."""
        return cls.of(get_row(unit, settlement_files, file_id, "settlement_file", at="read_at"))


class SettlementFilesController(Controller):
    """Routes of settlement reports."""

    path = "/settlement-files"
    tags = ("Reconciliation",)

    @post(
        "/", scope="refund", summary="Preview a settlement report", request_max_body_size=BODY_MAX
    )
    def create_settlement_file(
        self, data: JSONBody[SettlementFileIn], once: NamedDependency[Once]
    ) -> Response[SettlementFileOut]:
        """Read a report and say what booking it would do; nothing is booked yet.

        The same bytes are the same file: one that is booked already is answered as it stands.
        """
        content = _bytes(data.content)
        return once.run(
            lambda unit: read_file(once.engine, unit, data.name, content), SettlementFileOut.read
        )

    @get("/", scope="read", summary="List settlement reports")
    def list_settlement_files(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *,
        state_: StateFilter[Literal["read", "booked", "dropped"]] = None,
    ) -> Page[SettlementFileOut]:  # fmt: skip
        """Newest first."""
        with engine.work(caller.merchant, caller.actor) as unit:
            rows = list_rows(unit, settlement_files, window, {"state": state_}, at="read_at")
        return page_of(rows, window, SettlementFileOut.of)

    @get("/{file_id:str}", scope="read", summary="Get a settlement report")
    def get_settlement_file(
        self, file_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> SettlementFileOut:  # fmt: skip
        """One report with its summary; its content is not kept once it is booked."""
        wanted = path_id("settlement_file", file_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return SettlementFileOut.read(unit, wanted)

    @post("/{file_id:str}/book", scope="refund", status=200, summary="Book a settlement report")
    def book_settlement_file(
        self, file_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[SettlementFileOut]:
        """Book fees, PPN on fees and payouts, and keep every difference.

        What an earlier report told of is not booked again.
        """
        wanted = path_id("settlement_file", file_id)
        return once.run(
            lambda unit: book_file(once.engine, unit, wanted), SettlementFileOut.read, status=200
        )

    @post("/{file_id:str}/drop", scope="refund", status=200, summary="Drop a settlement report")
    def drop_settlement_file(
        self, file_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[SettlementFileOut]:
        """Decide against booking; the content is forgotten."""
        wanted = path_id("settlement_file", file_id)
        return once.run(lambda unit: drop_file(unit, wanted), SettlementFileOut.read, status=200)


def _bytes(content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("invalid_value", "not base64", field="content") from None
