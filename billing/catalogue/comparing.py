"""What has to be done so that what is sold is what a file says: steps, in the order they are done.

    meters first, since prices name them; then plans, then their prices, then discounts

Versions are immutable: a price that differs is published as the next version and the old one is not
sold any more. Subscriptions keep the version they have, whatever the file says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from billing.catalogue.document import Catalogue, Content, refused
from billing.catalogue.reading import Problem

Act = Literal["create", "edit", "publish", "retire", "stop"]
Kind = Literal["meter", "plan", "price", "discount"]


@dataclass(frozen=True, slots=True)
class SoldPrice:
    """A version that is sold, how many subscriptions have it, customers their own in place."""

    id: UUID
    version: int
    content: Content
    subscriptions: int = 0
    own_prices: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What is sold now, by code; ``meters`` are the newest versions, with their numbers."""

    meters: Mapping[str, tuple[int, Content]]
    plans: Mapping[str, Content]
    prices: Mapping[str, Sequence[SoldPrice]]
    discounts: Mapping[str, Content]
    # The integrator's ids that name something already: of plans by code, and of all prices.
    plan_ids: Mapping[str, str] = field(default_factory=dict)
    price_ids: frozenset[str] = frozenset()

    @property
    def catalogue(self) -> Catalogue:
        """The same as a file would say it: a meter's newest version needs no number."""
        return Catalogue(
            meters={code: content for code, (_, content) in self.meters.items()},
            plans={
                code: {**plan, "prices": [self._unnumbered(one) for one in self.prices[code]]}
                for code, plan in self.plans.items()
            },
            discounts=self.discounts,
        )

    def _unnumbered(self, price: SoldPrice) -> Content:
        usage = []
        for part in price.content["usage"]:
            newest, meter = self.meters[part["meter"]]
            is_usual = part["meter_version"] == newest and meter["state"] == "active"
            usage.append({**part, "meter_version": None} if is_usual else part)
        return {**price.content, "usage": usage}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done. ``before`` is what it changes, of an edit the fields that differ."""

    act: Act
    kind: Kind
    code: str
    content: Content = field(default_factory=dict, hash=False)
    before: Content | None = field(default=None, hash=False)
    # The version that a published price takes the place of, or that is retired.
    price: UUID | None = None
    version: int | None = None
    # Subscriptions that keep that version: told, and no part of what was agreed to.
    keepers: int = field(default=0, compare=False)
    # Customers whose own price in place of that version is asked for no more: told, too.
    own_prices: int = field(default=0, compare=False)

    @property
    def key(self) -> str:
        """A text that is equal only if the same is done to the same thing."""
        told = json.dumps([self.content, self.before], sort_keys=True)
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        version = f" v{self.version}" if self.version else ""
        return f"{self.act} {self.kind} {self.code}{version} {digest}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The steps, how many things stay as they are, and what the file does not name."""

    steps: tuple[Step, ...]
    unchanged: int
    unnamed: tuple[str, ...]


def compare(standing: Standing, wanted: Catalogue) -> Comparison:
    """Say what to do.

    Raises:
        CatalogueError: the file asks for what can not be.
    """
    return _Comparing(standing, wanted).run()


class _Comparing:
    def __init__(self, standing: Standing, wanted: Catalogue) -> None:
        self.now, self.wanted = standing, wanted
        self.steps: list[Step] = []
        self.problems: list[Problem] = []
        self.unchanged = 0
        # Which version a part without a number means: the newest, once the file is applied.
        self.newest = {code: version for code, (version, _) in standing.meters.items()}

    def run(self) -> Comparison:
        for code, content in self.wanted.meters.items():
            self._meter(code, content)
        plans: list[Step] = []
        prices: list[Step] = []
        retired: list[Step] = []
        for code, content in self.wanted.plans.items():
            plans += self._plan(code, content)
            prices += self._prices(code, content)
        for step in plans:
            # A plan goes last: none of its prices could be published afterwards.
            (retired if step.content.get("state") == "retired" else self.steps).append(step)
        self.steps += [*prices, *retired]
        for code, content in self.wanted.discounts.items():
            self._discount(code, content)
        if self.problems:
            raise refused(self.problems)
        unnamed = [
            *(f"meters.{code}" for code in self.now.meters if code not in self.wanted.meters),
            *(f"plans.{code}" for code in self.now.plans if code not in self.wanted.plans),
            *(f"discounts.{c}" for c in self.now.discounts if c not in self.wanted.discounts),
        ]
        return Comparison(tuple(self.steps), self.unchanged, tuple(sorted(unnamed)))

    def _wrong(self, key: str, what: str, **given: str) -> None:
        lines, place = self.wanted.lines, key
        while place not in lines and "." in place:
            place = place.rpartition(".")[0]
        self.problems.append(Problem(lines.get(place, 1), key, what, given))

    def _meter(self, code: str, content: Content) -> None:
        version, now = self.now.meters.get(code, (0, None))
        if content == now or (now is None and content["state"] == "retired"):
            self.unchanged += 1
        elif now is not None and content == {**now, "state": "retired"}:
            self.steps.append(Step("retire", "meter", code, version=version))
        elif content["state"] == "retired":
            self._wrong(f"meters.{code}.state", "retired_anew")
        else:
            self.newest[code] = version + 1
            act: Act = "publish" if now else "create"
            self.steps.append(Step(act, "meter", code, content, now, version=version or None))

    def _plan(self, code: str, content: Content) -> list[Step]:
        said = {name: value for name, value in content.items() if name != "prices"}
        now = self.now.plans.get(code)
        owner = self.now.plan_ids.get(said["external_id"] or "")
        if owner not in (None, code):
            self._wrong(f"plans.{code}.external_id", "id_taken", other=str(owner))
        if now is None:
            begun = {**said, "state": "active"}
            made = Step("create", "plan", code, begun)
            goes = {"state": "retired"}, {"state": "active"}
            return [made] if said == begun else [made, Step("edit", "plan", code, *goes)]
        differing = {name: value for name, value in said.items() if value != now[name]}
        if not differing:
            self.unchanged += 1
            return []
        return [Step("edit", "plan", code, differing, {name: now[name] for name in differing})]

    def _prices(self, code: str, content: Content) -> list[Step]:
        if content["prices"] is None:
            return []
        left = list(self.now.prices.get(code, ()))
        fresh: list[tuple[int, Content]] = []
        for place, price in enumerate(content["prices"]):
            numbered = self._numbered(f"plans.{code}.prices[{place}]", price)
            same = next((one for one in left if one.content == numbered), None)
            if same is None:
                fresh.append((place, numbered))
            else:
                left.remove(same)
                self.unchanged += 1
        steps = []
        for place, price in fresh:
            self._may_publish(code, place, price)
            old = next((one for one in left if _slot(one.content) == _slot(price)), None)
            if old is None:
                steps.append(Step("publish", "price", code, price))
                continue
            left.remove(old)
            steps.append(Step("publish", "price", code, price, old.content, old.id, old.version,
                              old.subscriptions, old.own_prices))  # fmt: skip
        return steps + [
            Step(
                "retire",
                "price",
                code,
                {},
                one.content,
                one.id,
                one.version,
                one.subscriptions,
                one.own_prices,
            )
            for one in left
        ]

    def _may_publish(self, code: str, place: int, price: Content) -> None:
        key = f"plans.{code}.prices[{place}]"
        was = self.now.plans.get(code, {}).get("state", "active")
        if was == "retired" == self.wanted.plans[code]["state"]:
            self._wrong(key, "plan_retired")
        if price["external_id"] in self.now.price_ids:
            self._wrong(f"{key}.external_id", "version_id_taken")
        for nth, part in enumerate(price["usage"]):
            meter, version = part["meter"], part["meter_version"]
            _, now = self.now.meters.get(meter, (0, None))
            said = self.wanted.meters.get(meter, now)
            if said is None or version > self.newest[meter]:
                continue  # told already
            if version == self.newest[meter] and said["state"] == "retired":
                self._wrong(f"{key}.usage[{nth}].meter", "meter_retired", meter=meter)
            if part["model"] == "percentage" and said["aggregation"] != "sum":
                self._wrong(f"{key}.usage[{nth}].meter", "meter_no_sum", meter=meter)

    def _numbered(self, key: str, price: Content) -> Content:
        usage = []
        for nth, part in enumerate(price["usage"]):
            newest = self.newest.get(part["meter"])
            version = part["meter_version"] or newest or 0
            if newest is None:
                self._wrong(f"{key}.usage[{nth}].meter", "no_meter", meter=part["meter"])
            elif not 1 <= version <= newest:
                place = f"{key}.usage[{nth}].meter_version"
                self._wrong(place, "no_version", newest=str(newest))
            usage.append({**part, "meter_version": version})
        return {**price, "usage": usage}

    def _discount(self, code: str, content: Content) -> None:
        for plan in content["plans"] or ():
            if plan not in self.now.plans and plan not in self.wanted.plans:
                self._wrong(f"discounts.{code}.plans", "no_plan", plan=plan)
        now = self.now.discounts.get(code)
        if content == now or (now is None and content["state"] == "stopped"):
            self.unchanged += 1
        elif now is None:
            self.steps.append(Step("create", "discount", code, content))
        elif content == {**now, "state": "stopped"}:
            self.steps.append(Step("stop", "discount", code))
        else:
            [name, *_] = [name for name in content if content[name] != now[name]]
            self._wrong(f"discounts.{code}.{name}", "discount_edited")


def _slot(price: Content) -> tuple[Any, ...]:
    """What makes a price the next version of another, for people: the part, and how often."""
    component = json.dumps(price["component"], sort_keys=True)
    return (component, price["interval_unit"], price["interval_count"])
