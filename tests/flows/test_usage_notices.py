"""What announces a charge says that usage comes in addition, and what it is so far."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from builders import make_customer
from fakes import FakeGateway, FakeMailer, MachineTime
from metered import use
from stage import Stage, jakarta, make_stage

from billing.engine import Engine
from billing.flows.change_plan import change
from billing.flows.metered_prices import NewPart, publish
from billing.flows.notices import upcoming
from billing.flows.subscribe import subscribe
from billing.queries import get_subscription
from plans.service import create_plan
from usage.queries import versions_of
from usage.service import create_meter


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def metered(stage: Stage, interval: str, *, trial: int = 0, **who: Any) -> UUID:
    """A card that pays for a plan with usage at Rp100 a call; the subscription."""
    with stage.work() as unit:
        customer = make_customer(unit, **who).id
        meter = create_meter(
            unit, code="calls", name={"id": "m"}, event_name="call", aggregation="sum",
            field="size",
        )  # fmt: skip
        price = publish(
            unit, create_plan(unit, code="api", name={"id": "Paket API"}).id, unit_amount=1_200_000,
            interval_unit=interval,
            usage=[NewPart({"id": "panggilan"}, meter.id, "per_unit", {"unit_amount": 100})],
        )  # fmt: skip
    card = stage.card(customer)
    with stage.work() as unit:
        made = subscribe(
            unit, customer_id=customer, price_id=price.id, payment_method_id=card, trial_days=trial
        )
    stage.drain()
    return made.subscription.id


def row_of(stage: Stage, subject: str, label: str) -> list[str]:
    assert isinstance(stage.mailer, FakeMailer)
    [sent] = [one for one in stage.mailer.sent if subject in one.subject]
    return [line.strip() for line in sent.text.splitlines() if label in line]


@pytest.mark.parametrize(
    ("locale", "subject", "label", "told"),
    [
        ("id", "diperpanjang", "Pemakaian",
         "Pemakaian: ditagih sebagai tambahan, sesuai yang dipakai (sejauh ini Rp11.100)"),
        ("en", "renews", "Usage",
         "Usage: billed in addition, as much as you use (so far Rp11.100)"),
    ],
)  # fmt: skip
def test_a_renewal_is_announced_with_what_was_used_so_far(
    stage: Stage, locale: str, subject: str, label: str, told: str
) -> None:
    """A hundred calls at Rp100 are Rp10.000, with 11% PPN Rp11.100."""
    subscription = metered(stage, "year", locale=locale)
    use(stage.engine, stage.merchant, subscription, ("a", jakarta("2027-01-05 09:00"), 100))
    stage.live_until(jakarta("2027-12-06 10:00"))
    assert row_of(stage, subject, label) == [told]
    stage.audit()


def test_the_end_of_a_trial_and_a_change_say_that_usage_is_added(stage: Stage) -> None:
    subscription = metered(stage, "month", trial=14)
    use(stage.engine, stage.merchant, subscription, ("a", jakarta("2027-01-05 09:00"), 100))
    stage.live_until(jakarta("2027-01-12 10:00"))
    # What is used in a trial is free.
    added = ["Pemakaian: ditagih sebagai tambahan, sesuai yang dipakai"]
    assert row_of(stage, "Masa coba", "Pemakaian") == added
    with stage.work() as unit:
        change(unit, subscription, quantity=2)
    stage.drain()
    assert row_of(stage, "Perubahan paket", "Pemakaian") == added
    stage.audit()


def test_what_was_used_at_a_price_that_holds_its_tax_otherwise_is_told_with_its_own_tax(
    stage: Stage,
) -> None:
    """A hundred calls at Rp100 and PPN are Rp11.100; fifty at Rp100 with PPN in it Rp5.000."""
    subscription = metered(stage, "month")
    use(stage.engine, stage.merchant, subscription, ("a", jakarta("2027-01-05 09:00"), 100))
    stage.live_until(jakarta("2027-01-15 10:00"))
    with stage.work() as unit:
        [meter] = versions_of(unit, "calls")
        held = publish(
            unit, create_plan(unit, code="api2", name={"id": "Paket API 2"}).id,
            unit_amount=2_400_000, interval_unit="month", tax_mode="inclusive",
            usage=[NewPart({"id": "panggilan"}, meter.id, "per_unit", {"unit_amount": 100})],
        )  # fmt: skip
        change(unit, subscription, price_id=held.id, payment="apply_first")
    use(stage.engine, stage.merchant, subscription, ("b", jakarta("2027-01-15 10:00"), 50))
    with stage.work() as unit:
        [coming] = upcoming(unit, [get_subscription(unit, subscription)])
    assert (coming.draft.tax_mode, coming.used) == ("inclusive", 11_100 + 5_000)
    stage.audit()
