"""A catalogue as a file: planned, applied, applied again, refused when it has become stale."""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import Any

import pytest
from builders import make_customer, make_subscription, working
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from itemised import sound

from billing.catalogue.document import parse, write
from billing.catalogue.reading import CatalogueError
from billing.catalogue.sentences import step_text
from billing.engine import Engine
from billing.flows.catalogues import apply_catalogue, export_catalogue, plan_catalogue, standing
from billing.flows.overrides import end_override, make_override, offered
from billing.flows.renew import renew_due
from core.errors import Conflict
from core.merchant import Merchant
from core.work import Work
from plans.queries import find_current_price, find_plan, prices_of
from plans.service import create_plan, publish_price

FILE = """\
tagihan: 1
meters:
  calls:
    name: {id: Panggilan API, en: API calls}
    event_name: api.call
    aggregation: count
    filters:
      - {property: tier, in: [1, "1", true, paid]}
plans:
  pro:
    name: {id: Paket Pro, en: Pro plan}
    prices:
      - {interval_unit: month, unit_amount: 150_000, setup_amount: 500_000}
      - interval_unit: month
        component: {id: Kursi, en: Seats}
        model: graduated
        terms:
          tiers:
            - {up_to: 10, unit_amount: 10_000}
            - {unit_amount: 0.5, flat_amount: 1_000}
      - interval_unit: year
        unit_amount: 1_500_000
        usage:
          - {name: API, meter: calls, model: package, terms: {size: 1000, package_amount: 250_000}}
discounts:
  HEMAT20: {name: Hemat, basis_points: 2000, duration: periods, count: 3, plans: [pro]}
"""


def applied(unit: Work, text: str) -> list[str]:
    """Plan a file, apply just that, and say what was done."""
    seen = [step.key for step in plan_catalogue(unit, text).steps]
    return [
        step_text(step, "en")[0] for step in apply_catalogue(unit, text, seen).steps
    ]  # fmt: skip


def test_a_file_makes_a_catalogue_and_applied_twice_changes_nothing(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        assert applied(unit, FILE) == [
            "new meter calls", "new plan pro", "new price of pro", "new price of pro",
            "new price of pro", "new discount HEMAT20",
        ]  # fmt: skip
        plan = find_plan(unit, code="pro")
        assert plan is not None
        told = [
            (one.version, one.unit_amount, one.setup_amount) for one in prices_of(unit, plan.id)
        ]
        assert told == [(3, 1_500_000, 0), (2, 10_000, 0), (1, 150_000, 500_000)]
    with working(engine, merchant) as unit:
        again = plan_catalogue(unit, FILE)
        assert (again.steps, again.unchanged, again.unnamed) == ((), 6, ())
        assert apply_catalogue(unit, FILE, []).steps == ()
        assert plan_catalogue(unit, export_catalogue(unit)).steps == ()
    sound(engine, merchant)


def test_who_has_a_price_keeps_its_version_when_the_file_publishes_another(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        applied(unit, FILE)
        plan = find_plan(unit, code="pro")
        assert plan is not None
        [first] = [one for one in prices_of(unit, plan.id) if one.version == 1]
        made = make_subscription(unit, price=first)
    dearer = FILE.replace("150_000, setup", "175_000, setup")
    with working(engine, merchant) as unit:
        [step] = plan_catalogue(unit, dearer).steps
        assert step_text(step, "en") == (
            "new version of pro in place of version 1",
            ("unit_amount: 150.000 → 175.000", "1 subscriptions keep version 1"),
        )
        assert step_text(step, "id") == (
            "versi baru harga pro menggantikan versi 1",
            ("unit_amount: 150.000 → 175.000", "1 langganan tetap memakai versi 1"),
        )
        applied(unit, dearer)
        sold = [one for one in prices_of(unit, plan.id) if one.retired_at is None]
        assert [(one.version, one.unit_amount) for one in sold] == [
            (4, 175_000), (3, 1_500_000), (2, 10_000),
        ]  # fmt: skip
        having = {one.version: one.subscriptions for one in standing(unit).prices["pro"]}
        assert having == {2: 0, 3: 0, 4: 0}
        assert made.subscription.id is not None
    renew_due(engine, merchant.merchant_id)
    sound(engine, merchant)


def test_the_plan_says_what_becomes_of_customers_own_prices_of_a_replaced_version(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        applied(unit, FILE)
        plan = find_plan(unit, code="pro")
        assert plan is not None
        listed = {one.version: one for one in prices_of(unit, plan.id)}
        regular, former = make_customer(unit), make_customer(unit)
        for customer, version in ((regular, 1), (former, 1), (regular, 3)):
            mine = make_override(
                unit, customer.id, listed[version].id, name="lama", unit_amount=100_000
            )
            if customer is former:
                end_override(unit, customer.id, mine.id)
    dearer = FILE.replace("150_000, setup", "175_000, setup")
    without_years = dearer[: dearer.index("      - interval_unit: year")]
    without_years += dearer[dearer.index("discounts:") :]
    with working(engine, merchant) as unit:
        replaced, retired = plan_catalogue(unit, without_years).steps
        assert (replaced.own_prices, retired.own_prices) == (1, 1)
        for step, language, said in (
            (
                replaced,
                "en",
                "1 customers have their own price for version 1: what they have stays",
            ),
            (replaced, "id", "1 pelanggan punya harga sendiri untuk versi 1"),
            (retired, "en", "it can not be asked for any more"),
            (retired, "id", "tidak bisa diminta lagi"),
        ):
            assert said in step_text(step, language)[1][-1]
        applied(unit, without_years)
        # As it was said: he gets everybody's price of the new version, and nothing is stale.
        new = next(one for one in prices_of(unit, plan.id) if one.unit_amount == 175_000)
        assert offered(unit, regular.id, new).id == new.id
        assert plan_catalogue(unit, without_years).steps == ()
    sound(engine, merchant)


def test_a_plan_that_has_become_stale_is_refused_and_says_what_changed(
    engine: Engine, merchant: Merchant
) -> None:
    with working(engine, merchant) as unit:
        applied(unit, FILE)
        dearer = FILE.replace("150_000, setup", "175_000, setup")
        seen = [step.key for step in plan_catalogue(unit, dearer).steps]
        plan = find_plan(unit, code="pro")
        assert plan is not None
        publish_price(unit, plan.id, unit_amount=99_000, interval_unit="week")
    with pytest.raises(Conflict) as refused, working(engine, merchant) as unit:
        apply_catalogue(unit, dearer, seen)
    assert refused.value.code == "catalogue_moved"
    added = refused.value.detail["added"]
    assert [one.rpartition(" ")[0] for one in added] == ["retire price pro v4"]  # type: ignore[attr-defined]
    with working(engine, merchant) as unit:
        current = find_current_price(unit, plan.id)
        assert current is not None
        assert current.unit_amount == 99_000
    sound(engine, merchant)


def test_a_plan_goes_last_and_comes_back_with_new_prices(
    engine: Engine, merchant: Merchant
) -> None:
    gone = FILE.replace("  pro:\n", "  pro:\n    state: retired\n")
    with working(engine, merchant) as unit:
        assert applied(unit, gone)[-2:] == ["edit plan pro", "new discount HEMAT20"]
        assert plan_catalogue(unit, export_catalogue(unit)).steps == ()
        with pytest.raises(CatalogueError) as refused:
            plan_catalogue(unit, gone.replace("150_000", "1"))
        assert refused.value.problems[0].what == "plan_retired"
        assert applied(unit, FILE.replace("150_000", "1")) == [
            "edit plan pro", "new version of pro in place of version 1",
        ]  # fmt: skip
    sound(engine, merchant)


def test_a_changed_meter_is_a_new_version_and_so_are_the_prices_on_it(
    engine: Engine, merchant: Merchant
) -> None:
    counted = FILE.replace("aggregation: count", "aggregation: unique\n    field: user")
    with working(engine, merchant) as unit:
        applied(unit, FILE)
        assert applied(unit, counted) == [
            "new version of meter calls (after version 1; counts from now on)",
            "new version of pro in place of version 3",
        ]  # fmt: skip
        assert plan_catalogue(unit, counted).steps == ()
        kept = counted.replace("meter: calls", "meter: calls, meter_version: 1")
        assert applied(unit, kept) == ["new version of pro in place of version 4"]
        assert "meter_version: 1" in export_catalogue(unit)
        assert plan_catalogue(unit, export_catalogue(unit)).steps == ()
        assert (
            applied(unit, "tagihan: 1\nplans: {pro: {name: {id: Paket Pro, en: Pro plan}}}") == []
        )
        stopped = "tagihan: 1\ndiscounts:\n  HEMAT20: {name: Hemat, basis_points: 2000, "
        stopped += "duration: periods, count: 3, plans: [pro], state: stopped}"
        assert applied(unit, stopped) == ["stop discount HEMAT20"]
        assert plan_catalogue(unit, export_catalogue(unit)).steps == ()
    sound(engine, merchant)


exact = st.integers(0, 10**9).map(str) | st.sampled_from(["0.5", "0.001", "12.345"])
some_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=9
)
strange = st.sampled_from(
    ["no", "0123", "1_000", "~", "null", "- a", "a: b", "#1", "1.5", "'", "ok "]
)
language = st.dictionaries(st.sampled_from(["id", "en"]), some_text | strange, min_size=1)
MODELS = st.one_of(
    st.builds(lambda n: {"unit_amount": n}, st.integers(0, 10**9)),
    st.builds(lambda n: {"model": "fixed", "terms": {"amount": n}}, exact),
    st.builds(lambda n: {"model": "per_unit", "terms": {"unit_amount": n}}, exact),
    st.builds(
        lambda size, n: {"model": "package", "terms": {"size": size, "package_amount": n}},
        st.integers(1, 99).map(str), exact,
    ),
    st.builds(
        lambda model, bound, n, flat: {"model": model, "terms": {"tiers": [
            {"up_to": bound, "unit_amount": n}, {"unit_amount": n, "flat_amount": flat},
        ]}},
        st.sampled_from(["graduated", "volume"]), st.integers(1, 99).map(str), exact, exact,
    ),
)  # fmt: skip
PRICES = st.builds(
    lambda model, rest: {**model, **rest},
    MODELS,
    st.fixed_dictionaries(
        {"interval_unit": st.sampled_from(["day", "week", "month", "year"])},
        optional={
            "interval_count": st.integers(1, 10),
            "component": language,
            "setup_amount": st.integers(0, 10**6),
            "trial_days": st.integers(0, 30),
            "tax_mode": st.sampled_from(["exclusive", "inclusive"]),
            "metadata": st.dictionaries(some_text, st.just("") | some_text | strange, max_size=2),
        },
    ),
)


class _NextError(Exception):
    """Ends an example without a trace, so that the shelf of the next is empty."""


_numbers = itertools.count(1)


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    name=language,
    words=st.dictionaries(st.sampled_from(["id", "en"]), some_text | strange),
    listed=st.lists(PRICES, max_size=4),
)
def test_what_is_written_and_read_again_is_the_same_catalogue(
    engine: Engine, merchant: Merchant, name: dict[str, str], words: dict[str, str],
    listed: list[dict[str, Any]],
) -> None:  # fmt: skip
    """Sold by the real flows, written as a file: planned, it changes nothing."""
    with suppress(_NextError), working(engine, merchant) as unit:
        plan = create_plan(unit, code=f"plan-{next(_numbers)}", name=name, description=words)
        for price in listed:
            rest = {one: value for one, value in price.items() if one != "terms"}
            publish_price(unit, plan.id, model_terms=price.get("terms"), **rest)
        written = export_catalogue(unit)
        comparison = plan_catalogue(unit, written)
        assert comparison.steps == ()
        assert comparison.unnamed == ()
        assert parse(write(parse(written))) == parse(written)
        raise _NextError
