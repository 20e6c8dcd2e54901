"""Plans and their prices: what is sold. A price is never edited, a new version takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, Meta, UnsetType

from api.auth import Caller
from api.idempotency import Once
from api.pagination import Page, StateFilter, Window, page_of
from api.queries import list_rows
from api.routes import get, patch, post
from api.shapes import (
    ExternalId,
    In,
    Instant,
    Metadata,
    MetadataIn,
    Out,
    PriceIn,
    Rupiah,
    Words,
    given,
    path_id,
)
from api.v1.customers import require_version
from api.v1.price_terms import Model, TermsIn, TermsOut
from api.v1.usage_shapes import UsagePartIn, UsagePartOut
from billing.engine import Engine
from billing.flows.metered_prices import publish
from core import ids
from core.work import Work
from plans import queries, service
from plans.tables import plans
from usage.queries import UsagePrice, usage_prices_of

Text = Annotated[
    dict[Literal["id", "en"], Words],
    Meta(description='Words by language: `{"id": "Paket Pro", "en": "Pro plan"}`.'),
]
Code = Annotated[
    str,
    Meta(min_length=1, max_length=64, description="a-z, 0-9, `_` and `-`; never changes."),
]


class NewPlanIn(In):
    """A plan without prices."""

    code: Code
    name: Text
    description: Text = msgspec.field(default_factory=dict)
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class PlanPatch(In):
    """Words, metadata and state may change; terms need a new price."""

    name: Text | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    state: Annotated[
        Literal["active", "retired"] | UnsetType,
        Meta(description="`retired` plans are not sold any more; those who have them keep them."),
    ] = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
    metadata: MetadataIn | UnsetType = UNSET
    version: Annotated[
        int | UnsetType,
        Meta(description="The version you read: refused (`version_conflict`) when it changed."),
    ] = UNSET


class NewPriceIn(In):
    """The next version of a plan's price."""

    interval_unit: Literal["day", "week", "month", "year"]
    unit_amount: Annotated[
        PriceIn | None,
        Meta(description="Whole rupiah per quantity and interval, of a `flat` price alone."),
    ] = None
    model: Model = "flat"
    terms: Annotated[TermsIn | None, Meta(description="Of every model but `flat`.")] = None
    interval_count: Annotated[int, Meta(ge=1, le=3660)] = 1
    trial_days: Annotated[int, Meta(ge=0, le=730)] = 0
    tax_mode: Annotated[
        Literal["exclusive", "inclusive"],
        Meta(description="Whether PPN comes on top of the amount or is in it."),
    ] = "exclusive"
    component: Annotated[
        Text | None, Meta(description="Which part of the plan it prices: seats, storage.")
    ] = None
    setup_amount: Annotated[
        PriceIn, Meta(description="Whole rupiah, once, with an item's first invoice.")
    ] = 0
    usage: Annotated[
        list[UsagePartIn],
        Meta(max_length=20, description="What is metered beside it, billed when a period is over."),
    ] = msgspec.field(default_factory=list)
    external_id: ExternalId | None = None
    metadata: MetadataIn = msgspec.field(default_factory=dict)


class PlanOut(Out):
    """A plan."""

    id: str
    external_id: str | None
    code: str
    name: dict[str, str]
    description: dict[str, str]
    state: str
    metadata: Metadata
    version: int
    created_at: Instant

    @classmethod
    def of(cls, row: Any) -> PlanOut:
        """Shape a row."""
        return cls(
            id=ids.public("plan", row.id), external_id=row.external_id, code=row.code,
            name=row.name, description=row.description, state=row.state, metadata=row.metadata,
            version=row.version, created_at=row.created_at,
        )  # fmt: skip


class PriceOut(Out):
    """An immutable version of a plan's price."""

    id: str
    external_id: str | None
    plan: str
    plan_code: str
    version: int
    model: str
    terms: TermsOut
    unit_amount: Annotated[
        Rupiah,
        Meta(
            description="Whole rupiah; of other models than `flat`, what a quantity of 1 comes to."
        ),
    ]
    currency: str
    interval_unit: str
    interval_count: int
    trial_days: int
    tax_mode: str
    component: dict[str, str] | None
    setup_amount: Rupiah
    usage: list[UsagePartOut]
    metadata: Metadata
    created_at: Instant
    retired_at: Instant | None

    @classmethod
    def of(cls, row: Any, usage: Sequence[UsagePrice] = ()) -> PriceOut:
        """Shape a price with its metered parts."""
        return cls(
            id=ids.public("price", row.id), external_id=row.external_id,
            plan=ids.public("plan", row.plan_id), plan_code=row.plan_code, version=row.version,
            model=row.model, terms=row.model_terms,
            unit_amount=row.unit_amount, currency=row.currency, interval_unit=row.interval_unit,
            interval_count=row.interval_count, trial_days=row.trial_days, tax_mode=row.tax_mode,
            component=row.component, setup_amount=row.setup_amount,
            usage=[UsagePartOut.of(one) for one in usage],
            metadata=row.metadata, created_at=row.created_at, retired_at=row.retired_at,
        )  # fmt: skip


class PricesOut(Out):
    """All versions of a plan's price."""

    data: list[PriceOut]


PlanState = Literal["active", "retired"]


class PlansController(Controller):
    """Routes of plans and prices."""

    tags = ("Plans",)

    @post("/plans", scope="write", summary="Create a plan")
    def create_plan(
        self, data: JSONBody[NewPlanIn], once: NamedDependency[Once]
    ) -> Response[PlanOut]:
        """Create a plan; publish a price for it next."""
        return once.run(
            lambda unit: service.create_plan(unit, key=once.key, **given(data)).id,
            lambda unit, plan: PlanOut.of(queries.get_plan(unit, plan)),
        )

    @get("/plans", scope="read", summary="List plans")
    def list_plans(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller],
        window: NamedDependency[Window], *, state_: StateFilter[PlanState] = None,
        code: FromQuery[str | None] = None, external_id: FromQuery[str | None] = None,
    ) -> Page[PlanOut]:  # fmt: skip
        """Newest first."""
        filters = {"state": state_, "code": code, "external_id": external_id}
        with engine.work(caller.merchant, caller.actor) as unit:
            return page_of(list_rows(unit, plans, window, filters), window, PlanOut.of)

    @get("/plans/{plan_id:str}", scope="read", summary="Get a plan")
    def get_plan(
        self, plan_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PlanOut:  # fmt: skip
        """One plan."""
        wanted = path_id("plan", plan_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return PlanOut.of(queries.get_plan(unit, wanted))

    @patch("/plans/{plan_id:str}", scope="write", summary="Change a plan")
    def change_plan(
        self, plan_id: FromPath[str], data: JSONBody[PlanPatch], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PlanOut:  # fmt: skip
        """Change what is sent; the rest stays."""
        wanted, fields = path_id("plan", plan_id), given(data)
        expected = fields.pop("version", None)
        with engine.work(caller.merchant, caller.actor) as unit:
            require_version(expected, queries.get_plan(unit, wanted, lock=True).version)
            return PlanOut.of(service.edit_plan(unit, wanted, fields))

    @post("/plans/{plan_id:str}/prices", scope="write", summary="Publish a price")
    def publish_price(
        self, plan_id: FromPath[str], data: JSONBody[NewPriceIn], once: NamedDependency[Once]
    ) -> Response[PriceOut]:
        """Publish the next version; subscriptions keep the version they have."""
        plan, fields = path_id("plan", plan_id), given(data)
        terms: TermsIn | None = fields.pop("terms")
        fields["model_terms"] = terms.given() if terms else {}
        fields["usage"] = [one.part(place) for place, one in enumerate(data.usage)]
        return once.run(
            lambda unit: publish(unit, plan, key=once.key, **fields).id,
            _price,
        )

    @get("/plans/{plan_id:str}/prices", scope="read", summary="List a plan's prices")
    def list_prices(
        self, plan_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PricesOut:  # fmt: skip
        """All versions, newest first; a plan has few."""
        wanted = path_id("plan", plan_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_plan(unit, wanted)
            found = queries.prices_of(unit, wanted)
            usage = usage_prices_of(unit, [one.id for one in found])
            return PricesOut(data=[PriceOut.of(one, usage.get(one.id, ())) for one in found])

    @get("/prices/{price_id:str}", scope="read", summary="Get a price")
    def get_price(
        self, price_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> PriceOut:  # fmt: skip
        """One version."""
        wanted = path_id("price", price_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return _price(unit, wanted)

    @post("/prices/{price_id:str}/retire", scope="write", summary="Retire a price", status=200)
    def retire_price(
        self, price_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[PriceOut]:
        """Stop selling one version; subscriptions that have it go on."""
        wanted = path_id("price", price_id)
        return once.run(
            lambda unit: service.retire_price(unit, wanted).id,
            _price,
            status=200,
        )


def _price(unit: Work, price_id: UUID) -> PriceOut:
    parts = usage_prices_of(unit, [price_id]).get(price_id, ())
    return PriceOut.of(queries.get_price(unit, price_id), parts)
