"""Simulation: the same seed the same figures, and what differs is the catalogue's or the policy's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest

from billing.catalogue.document import parse
from core.errors import InvalidRequest
from dunning.policies import DEFAULT_POLICY, Policy
from ops.simulate.chart import chart
from ops.simulate.figures import Figures, compared
from ops.simulate.people import CERTAIN, Chances, Channel, Seller
from ops.simulate.playing import play
from ops.simulate.portfolio import Size, made_up
from ops.simulate.selling import offers_of, under
from ops.simulate.words import comparison, customers_csv, months_csv, table

SOLD = """
tagihan: 1
meters:
  calls: {name: API, event_name: api.call, aggregation: count}
plans:
  basic:
    name: {id: Dasar, en: Basic}
    prices:
      - {interval_unit: month, unit_amount: 100_000}
  pro:
    name: {id: Pro, en: Pro}
    prices:
      - interval_unit: month
        unit_amount: 250_000
        trial_days: 14
        usage: [{name: API, meter: calls, model: per_unit, terms: {unit_amount: "0.5"}}]
      - {interval_unit: year, unit_amount: 2_400_000}
      - {interval_unit: month, component: {id: Kursi}, model: per_unit, terms: {unit_amount: 40_000}}
"""
FIRST = date(2026, 12, 1)
USUAL = Chances()
SELLER = Seller(pkp_since=date(2020, 1, 1))


def played(
    text: str = SOLD, *, chances: Chances = USUAL, policy: Policy = DEFAULT_POLICY,
    seed: str = "1", months: int = 6,
) -> Figures:  # fmt: skip
    sold = offers_of(parse(SOLD))
    people = made_up(
        seed, size=Size(40, 3), offers=sold, chances=chances, first=FIRST, months=months,
        zone=SELLER.zone,
    )  # fmt: skip
    other = offers_of(parse(text))
    return play(
        (under(one, other) for one in people), seed=seed, seller=SELLER, chances=chances,
        policy=policy, first=FIRST, months=months,
    )  # fmt: skip


def test_the_same_seed_comes_to_the_same_figures_and_another_to_others() -> None:
    assert months_csv([("a", played())]) == months_csv([("a", played())])
    assert months_csv([("a", played())]) != months_csv([("a", played(seed="2"))])


def test_where_everybody_stays_and_pays_nothing_is_lost() -> None:
    figures = played(chances=CERTAIN)

    assert figures.total("lost") == figures.total("churned") == figures.total("written_off") == 0
    assert figures.months[-1].running == len(figures.customers) - _on_trial(figures)
    assert all(one.ended is None for one in figures.customers.values())
    assert figures.total("revenue") > 0


def _on_trial(figures: Figures) -> int:
    """Who signed up in the last days is not counted yet: a trial brings in nothing."""
    return sum(one.revenue == 0 and one.invoices == 0 for one in figures.customers.values())


def test_who_never_pays_again_is_lost_to_dunning_by_the_policys_last_day() -> None:
    never = Channel(decline=10_000, hard=0, retry=0, payday=0, notice=0)
    figures = played(chances=replace(CERTAIN, card=never, invoice=never))

    ends = {one.ended for one in figures.customers.values() if one.plan == "basic"}
    assert "unpaid" in ends
    assert figures.total("lost") > 0
    assert figures.total("recovered") == 0
    assert figures.total("written_off") > 0


def test_a_dearer_price_changes_those_who_have_it_and_nobody_elses_fate() -> None:
    before, after = played(), played(SOLD.replace("250_000", "300_000"))
    changed = compared(before, after)

    assert {one.plan for one in changed if one.change} == {"pro"}
    assert all(one.change >= 0 for one in changed)
    assert [one.ended_before for one in changed] == [one.ended_after for one in changed]
    assert sum(one.change for one in changed) == after.total("revenue") - before.total("revenue")
    assert after.months[-1].mrr > before.months[-1].mrr
    assert "Rp" in comparison(before, after, changed, "en")
    assert customers_csv(changed).count("\n") == len(changed) + 1


def test_a_policy_without_retries_recovers_less() -> None:
    often = replace(
        Chances(), card=Channel(decline=5_000, hard=0, retry=5_000, payday=7_000, notice=0)
    )
    never = Policy(retry_days=(), payday_from=None, payday_to=None)

    usual, without = played(chances=often), played(chances=often, policy=never)

    assert without.total("lost") > usual.total("lost")
    assert without.total("recovered") < usual.total("recovered")


def test_who_has_what_another_catalogue_does_not_sell_keeps_it() -> None:
    only = "\n".join(SOLD.splitlines()[:9]) + "\n"
    changed = compared(played(), played(only))

    assert all(one.change == 0 for one in changed)


@pytest.mark.parametrize("language", ["id", "en"])
def test_the_chart_is_sound_and_needs_nothing_from_outside(language: str) -> None:
    one, other = played(), played(SOLD.replace("100_000", "120_000"))
    drawn = chart([("<a & b>", one), ("b", other)], language)
    root = ET.fromstring(drawn)

    assert len(root.findall("{*}polyline")) == 2
    assert "script" not in drawn
    assert "href" not in drawn
    assert table(one, language).count("\n") == 7


@pytest.mark.parametrize(
    "given", [{"churn": 10_001}, {"churn": 0.5}, {"card": {"decline": -1}}, {"card": 5}, {"x": 1}],
)  # fmt: skip
def test_chances_that_cannot_be_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match=r"there is no|whole number|has decline"):
        Chances.from_dict(given)


def test_a_catalogue_that_sells_nothing_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="sells nothing"):
        offers_of(parse("tagihan: 1\n"))
