"""Discounts and their codes: made, listed, stopped; given to subscriptions and ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import AMOUNT_MAX, Day, In, Instant, Out, PriceIn, Rupiah, path_id
from api.v1.plans import Text
from billing import queries as people
from billing.discounted import Granted
from billing.discounts import queries, service
from billing.discounts.queries import DiscountRow
from billing.engine import Engine
from billing.flows import redeem
from core import ids
from core.work import Work

Count = Annotated[int, Meta(ge=1, le=120)]
Uses = Annotated[int, Meta(ge=1, le=1_000_000)]


class DiscountIn(In):
    """A percentage or an amount off the price of a period, under a code. It is never edited."""

    code: Annotated[str, Meta(min_length=2, max_length=40, description="Case does not matter.")]
    name: Text
    basis_points: Annotated[
        Annotated[int, Meta(ge=1, le=10_000)] | None, Meta(description="2000 is 20%, of each item.")
    ] = None
    amount: Annotated[
        Annotated[int, Meta(ge=1, le=AMOUNT_MAX)] | None,
        Meta(description="Whole rupiah a period, over all items together."),
    ] = None
    duration: Annotated[
        Literal["once", "periods", "months", "forever"],
        Meta(description="`once` is the first paid period."),
    ] = "once"
    count: Annotated[Count | None, Meta(description="Of `periods` and `months`.")] = None
    plans: Annotated[
        Annotated[list[str], Meta(max_length=100)] | None,
        Meta(description="`plan_…` it is for; all by default."),
    ] = None
    new_customers: Annotated[bool, Meta(description="Who had no subscription before.")] = False
    minimum_amount: Annotated[
        PriceIn, Meta(description="Whole rupiah the first period comes to at least, before tax.")
    ] = 0
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    max_redemptions: Annotated[Uses | None, Meta(description="In total; no limit if left out.")] = (
        None
    )
    per_customer: Annotated[int, Meta(ge=1, le=1_000)] = 1


class DiscountOut(Out):
    """A discount, and how often it was given."""

    id: str
    code: str
    name: dict[str, str]
    basis_points: int | None
    amount: Annotated[int | None, Meta(description="Whole rupiah a period.")]
    duration: str
    count: int | None
    plans: list[str] | None
    new_customers: bool
    minimum_amount: Rupiah
    starts_at: Instant | None
    ends_at: Instant | None
    max_redemptions: int | None
    per_customer: int
    redeemed: int
    created_by: str
    created_at: Instant
    stopped_at: Instant | None
    stopped_by: str | None

    @classmethod
    def of(cls, row: DiscountRow) -> DiscountOut:
        """Shape a row."""
        shown: dict[str, Any] = {
            name: getattr(row, name) for name in row.__slots__ if name not in ("id", "plan_ids")
        }
        plans = None
        if row.plan_ids is not None:
            plans = [ids.public("plan", UUID(one)) for one in row.plan_ids]
        return cls(id=ids.public("discount", row.id), plans=plans, **shown)


class DiscountsOut(Out):
    """The newest 200 discounts."""

    data: list[DiscountOut]


class CodeIn(In):
    """A code that the customer brings."""

    code: Annotated[str, Meta(min_length=1, max_length=60)]


class GrantOut(Out):
    """A discount of a subscription: it lowers lines that start in `[since, ends_on)`."""

    id: str
    discount: str
    code: str
    since: Day
    ends_on: Day | None

    @classmethod
    def of(cls, row: Granted) -> GrantOut:
        """Shape a grant."""
        return cls(
            id=ids.public("grant", row.id), discount=ids.public("discount", row.discount_id),
            code=row.code, since=row.since, ends_on=row.ends_on,
        )  # fmt: skip


class GrantsOut(Out):
    """The discounts of a subscription, in the order they were given."""

    data: list[GrantOut]


class DiscountsController(Controller):
    """Routes of discounts."""

    tags = ("Discounts",)

    @post("/discounts", scope="write", summary="Make a discount")
    def create_discount(
        self, data: JSONBody[DiscountIn], once: NamedDependency[Once]
    ) -> Response[DiscountOut]:
        """Make a discount with its code; it holds for whoever redeems it from now on."""
        plans = None if data.plans is None else [ids.parse("plan", one) for one in data.plans]
        return once.run(
            lambda unit: service.create_discount(
                unit, code=data.code, basis_points=data.basis_points,
                name={str(one): words for one, words in data.name.items()},
                amount=data.amount, duration=data.duration, count=data.count, plan_ids=plans,
                new_customers=data.new_customers, minimum_amount=data.minimum_amount,
                starts_at=data.starts_at, ends_at=data.ends_at,
                max_redemptions=data.max_redemptions, per_customer=data.per_customer, key=once.key,
            ).id,
            _read,
        )  # fmt: skip

    @get("/discounts", scope="read", summary="List discounts")
    def list_discounts(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> DiscountsOut:
        """Newest first, stopped ones as well."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return DiscountsOut(data=[DiscountOut.of(one) for one in queries.list_discounts(unit)])

    @get("/discounts/{discount_id:str}", scope="read", summary="Get a discount")
    def get_discount(
        self, discount_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> DiscountOut:  # fmt: skip
        """One discount."""
        wanted = path_id("discount", discount_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            return _read(unit, wanted)

    @post("/discounts/{discount_id:str}/stop", scope="write", status=200, summary="Stop a discount")
    def stop_discount(
        self, discount_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[DiscountOut]:
        """Give it to nobody any more; who has it keeps it."""
        wanted = path_id("discount", discount_id)
        return once.run(lambda unit: service.stop_discount(unit, wanted).id, _read, status=200)

    @get(
        "/subscriptions/{subscription_id:str}/discounts", scope="read",
        summary="List a subscription's discounts",
    )  # fmt: skip
    def list_grants(
        self, subscription_id: FromPath[str], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> GrantsOut:  # fmt: skip
        """What lowers its prices, from when and how long."""
        wanted = path_id("subscription", subscription_id)
        with engine.work(caller.merchant, caller.actor) as unit:
            people.get_subscription(unit, wanted)
            return _grants(unit, wanted)

    @post("/subscriptions/{subscription_id:str}/discounts", scope="write", summary="Redeem a code")
    def give_discount(
        self, subscription_id: FromPath[str], data: JSONBody[CodeIn], once: NamedDependency[Once]
    ) -> Response[GrantsOut]:
        """Lower the subscription's prices from the first period that is not billed yet."""
        wanted = path_id("subscription", subscription_id)

        def begin(unit: Work) -> UUID:
            redeem.give(unit, wanted, data.code)
            return wanted

        return once.run(begin, _grants)

    @post(
        "/subscriptions/{subscription_id:str}/discounts/{grant_id:str}/end", scope="write",
        status=200, summary="End a subscription's discount",
    )  # fmt: skip
    def end_discount(
        self, subscription_id: FromPath[str], grant_id: FromPath[str], once: NamedDependency[Once]
    ) -> Response[GrantsOut]:
        """Lower nothing that begins after what is billed."""
        wanted, grant = path_id("subscription", subscription_id), path_id("grant", grant_id)

        def begin(unit: Work) -> UUID:
            redeem.take_away(unit, wanted, grant)
            return wanted

        return once.run(begin, _grants, status=200)


def _read(unit: Work, discount_id: UUID) -> DiscountOut:
    return DiscountOut.of(queries.get_discount(unit, discount_id))


def _grants(unit: Work, subscription_id: UUID) -> GrantsOut:
    found = queries.load_grants(unit, [subscription_id]).get(subscription_id, ())
    return GrantsOut(data=[GrantOut.of(one) for one in found])
