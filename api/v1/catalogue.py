"""The catalogue as a file: written, compared with what is sold, made to be what is sold."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from litestar import Controller, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from api.auth import Caller
from api.idempotency import Once
from api.routes import get, post
from api.shapes import In, Out
from billing.catalogue.comparing import Comparison
from billing.catalogue.reading import CHARACTERS_MAX
from billing.catalogue.sentences import step_text
from billing.engine import Engine
from billing.flows.catalogues import apply_catalogue, export_catalogue, plan_catalogue
from core.work import Work

# JSON writes a character of a file with up to six of its own.
BODY_MAX = CHARACTERS_MAX * 6 + 65_536

CatalogueFile = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CHARACTERS_MAX,
        description="YAML (or JSON, which is YAML): see the guide on catalogues.",
    ),
]
StepKey = Annotated[str, Meta(min_length=1, max_length=200)]


class CatalogueOut(Out):
    """What is sold: meters, plans with the prices that are sold, discounts."""

    file: Annotated[str, Meta(description="YAML; planned as it is, it changes nothing.")]


class CatalogueIn(In):
    """A catalogue."""

    file: CatalogueFile


class CatalogueApplyIn(In):
    """A catalogue, and what its plan showed."""

    file: CatalogueFile
    steps: Annotated[
        list[StepKey],
        Meta(max_length=10_000, description="The `key` of each step of the plan, in its order."),
    ]


class CatalogueStepOut(Out):
    """One thing that is done."""

    key: Annotated[str, Meta(description="Equal only if the same is done to the same thing.")]
    act: Literal["create", "edit", "publish", "retire", "stop"]
    kind: Literal["meter", "plan", "price", "discount"]
    code: str
    version: Annotated[
        int | None, Meta(description="That a publication takes the place of, or that is retired.")
    ]
    subscriptions: Annotated[int, Meta(description="That keep that version.")]
    own_prices: Annotated[
        int,
        Meta(description="Customers with a price of their own in place of that version: what they "
             "have stays, what they ask for from now on has everybody's price."),
    ]  # fmt: skip
    says: Annotated[
        dict[str, list[str]], Meta(description="For people, by language: a title, then details.")
    ]


class CataloguePlanOut(Out):
    """What a file changes, in the order it is done; no steps where it changes nothing."""

    steps: list[CatalogueStepOut]
    unchanged: Annotated[int, Meta(description="How many things are as the file says.")]
    unnamed: Annotated[
        list[str],
        Meta(description="What the file does not name and so leaves alone: `plans.pro` …"),
    ]


class CatalogueController(Controller):
    """Routes of the catalogue as a file."""

    path = "/catalogue"
    tags = ("Plans",)

    @get("/", scope="read", summary="Write the catalogue as a file")
    def export(
        self, engine: NamedDependency[Engine], caller: NamedDependency[Caller]
    ) -> CatalogueOut:
        """Give all that is sold as one YAML file."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return CatalogueOut(file=export_catalogue(unit))

    @post(
        "/plan", scope="read", status=200, summary="Say what a catalogue would change",
        request_max_body_size=BODY_MAX,
    )  # fmt: skip
    def plan(
        self, data: JSONBody[CatalogueIn], engine: NamedDependency[Engine],
        caller: NamedDependency[Caller],
    ) -> CataloguePlanOut:  # fmt: skip
        """Compare a file with what is sold; writes nothing, needs no key."""
        with engine.work(caller.merchant, caller.actor) as unit:
            return shape_comparison(plan_catalogue(unit, data.file))

    @post(
        "/apply", scope="write", status=200, summary="Make the catalogue what a file says",
        request_max_body_size=BODY_MAX,
    )  # fmt: skip
    def apply(
        self, data: JSONBody[CatalogueApplyIn], once: NamedDependency[Once]
    ) -> Response[CataloguePlanOut]:
        """Do what the plan showed, all or nothing; refused (`catalogue_moved`) if it is stale.

        Subscriptions keep the version they have.
        """
        done: list[Comparison] = []

        def begin(unit: Work) -> UUID:
            done.append(apply_catalogue(unit, data.file, data.steps))
            return unit.merchant_id

        return once.run(begin, lambda *_: shape_comparison(done[-1]), status=200)


def shape_comparison(found: Comparison) -> CataloguePlanOut:
    """Shape a plan."""
    steps = []
    for one in found.steps:
        says = {}
        for language in ("id", "en"):
            title, under = step_text(one, language)
            says[language] = [title, *under]
        steps.append(
            CatalogueStepOut(
                key=one.key, act=one.act, kind=one.kind, code=one.code, version=one.version,
                subscriptions=one.keepers, own_prices=one.own_prices, says=says,
            )
        )  # fmt: skip
    return CataloguePlanOut(steps=steps, unchanged=found.unchanged, unnamed=list(found.unnamed))
