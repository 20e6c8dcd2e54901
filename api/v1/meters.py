"""Meters: what counts as usage. A version is never edited, the next one takes its place."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, Window, page_of
from api.queries import list_rows
from api.routes import get, post
from api.shapes import given, path_id
from api.v1.usage_shapes import MeterOut, NewMeterIn
from billing.engine import Engine
from usage import queries, service
from usage.tables import meters


class MetersController(Controller):
    """Routes of meters."""

    path = "/meters"
    tags = ("Usage",)

    @post("/", scope="write", summary="Make a meter")
    def create_meter(
        self, data: JSONBody[NewMeterIn], once: NamedDependency[Once]
    ) -> Response[MeterOut]:
        """Make a meter or the next version of one; it counts what is received from now on."""
        fields: dict[str, Any] = given(data)
        fields["filters"] = [msgspec.to_builtins(one) for one in data.filters]
        return once.run(
            lambda unit: service.create_meter(unit, key=once.key, **fields).id,
            lambda unit, meter: MeterOut.of(queries.get_meter(unit, meter)),
        )

    @get("/", scope="read", summary="List meters")
    def list_meters(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, code: FromQuery[str | None] = None,
    ) -> Page[MeterOut]:  # fmt: skip
        """All versions, newest first."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, meters, window, {"code": code}), window, MeterOut.of)

    @get("/{meter_id:str}", scope="read", summary="Get a meter")
    def get_meter(
        self, meter_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> MeterOut:  # fmt: skip
        """One version."""
        wanted = path_id("meter", meter_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return MeterOut.of(queries.get_meter(unit, wanted))

    @post("/{meter_id:str}/retire", scope="write", summary="Retire a meter", status=200)
    def retire_meter(
        self, meter_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[MeterOut]:
        """Let no further price use it; prices that use it go on."""
        wanted = path_id("meter", meter_id)
        return once.run(
            lambda unit: service.retire_meter(unit, wanted).id,
            lambda unit, meter: MeterOut.of(queries.get_meter(unit, meter)),
            status=200,
        )
