"""A customer's own prices: made, listed, ended."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import In, Instant, Out, PriceIn, path_id
from api.v1.price_terms import Model, TermsIn
from billing import queries
from billing.engine import Engine
from billing.flows import overrides
from core import ids


class OverrideIn(In):
    """What a customer pays in place of a price; interval, trial and tax mode stay the price's."""

    price: Annotated[str, Meta(max_length=40, description="`price_…` that is sold to everybody")]
    name: Annotated[str, Meta(min_length=1, max_length=100, description="Why, for people.")]
    unit_amount: Annotated[
        PriceIn | None, Meta(description="Whole rupiah, of a `flat` price alone.")
    ] = None
    model: Model = "flat"
    terms: Annotated[TermsIn | None, Meta(description="Of every model but `flat`.")] = None
    setup_amount: Annotated[
        PriceIn | None, Meta(description="Whole rupiah; by default the price's own.")
    ] = None


class OverrideOut(Out):
    """A customer's own price: asking for `price` gives `own_price`."""

    id: str
    customer: str
    price: str
    own_price: str
    name: str
    made_by: str
    created_at: Instant
    ended_at: Instant | None
    ended_by: str | None

    @classmethod
    def of(cls, row: overrides.Override) -> OverrideOut:
        """Shape a row."""
        return cls(
            id=ids.public("override", row.id), customer=ids.public("customer", row.customer_id),
            price=ids.public("price", row.price_id),
            own_price=ids.public("price", row.own_price_id), name=row.name, made_by=row.made_by,
            created_at=row.created_at, ended_at=row.ended_at, ended_by=row.ended_by,
        )  # fmt: skip


class OverridesOut(Out):
    """A customer's own prices, those of before as well."""

    data: list[OverrideOut]


class OverridesController(Controller):
    """Routes of customers' own prices."""

    path = "/customers"
    tags = ("Customers",)

    @post("/{customer_id:str}/prices", scope="write", summary="Give a customer his own price")
    def make_override(
        self, customer_id: FromPath[str], data: JSONBody[OverrideIn], once: NamedDependency[Once]
    ) -> Response[OverrideOut]:
        """From now on he gets his own amount when he asks for the price; what he has stays."""
        wanted, price = path_id("customer", customer_id), ids.parse("price", data.price)
        return once.run(
            lambda unit: overrides.make_override(
                unit, wanted, price, name=data.name, unit_amount=data.unit_amount,
                model=data.model, model_terms=data.terms.given() if data.terms else {},
                setup_amount=data.setup_amount, key=once.key,
            ).id,
            lambda unit, made: OverrideOut.of(
                next(
                    one for one in overrides.overrides_of(unit, wanted, ended=True)
                    if one.id == made
                )
            ),
        )  # fmt: skip

    @get("/{customer_id:str}/prices", scope="read", summary="List a customer's own prices")
    def list_overrides(
        self, customer_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> OverridesOut:  # fmt: skip
        """Oldest first, those that have ended as well."""
        wanted = path_id("customer", customer_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            queries.get_customer(unit, wanted)
            found = overrides.overrides_of(unit, wanted, ended=True)
            return OverridesOut(data=[OverrideOut.of(one) for one in found])

    @post(
        "/{customer_id:str}/prices/{override_id:str}/end", scope="write", status=200,
        summary="End a customer's own price",
    )  # fmt: skip
    def end_override(
        self, customer_id: FromPath[str], override_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[OverrideOut]:
        """What he asks for from now on has everybody's price; what he has goes on."""
        customer, wanted = path_id("customer", customer_id), path_id("override", override_id)
        return once.run(
            lambda unit: overrides.end_override(unit, customer, wanted).id,
            lambda unit, ended: OverrideOut.of(
                next(
                    one
                    for one in overrides.overrides_of(unit, customer, ended=True)
                    if one.id == ended
                )
            ),
            status=200,
        )
