"""A change that nobody paid never happened: dunning's end and a void both put the old plan back."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription
from fakes import FakeGateway, FakeMailer, MachineTime
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.engine import Engine
from billing.flows.change_plan import Changed, change
from billing.flows.take_out import take_out
from billing.tables import subscriptions
from core.tables import events
from invoices.tables import invoices
from ops.doctor import examine, render

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2026-12-10 09:00")


def upgrade(stage: Stage, subscription: UUID, amount: int, **terms: object) -> Changed:
    quantity = terms.pop("quantity", None)
    with stage.work() as unit:
        price = make_price(unit, amount, **terms).id  # type: ignore[arg-type]
        done = change(
            unit, subscription, price_id=price, quantity=quantity, mode="prorate"  # type: ignore[arg-type]
        )  # fmt: skip
    assert done.invoice is not None
    return done


def items(stage: Stage, subscription: UUID) -> list[tuple[str, str | None, int]]:
    with stage.work() as unit:
        return [
            (str(one.started_on), str(one.ended_on) if one.ended_on else None, one.quantity)
            for one in queries.items_of(unit, subscription)
        ]


def test_an_upgrade_that_is_never_paid_is_put_back_when_chasing_ends(
    stage: Stage, mailer: FakeMailer
) -> None:
    customer, subscription, year = stage.invoice_customer(1_200_000, interval_unit="year")
    stage.drain()
    stage.pays(year)
    stage.live_until(jakarta("2026-12-22 10:00"))
    done = upgrade(stage, subscription, 2_400_000, interval_unit="year", quantity=2)
    stage.live_until(jakarta("2027-03-20 10:00"))

    assert done.invoice is not None
    voided = stage.invoice(done.invoice.id)
    assert voided.status == "void"
    back_on = str(voided.closed_at.astimezone(jakarta("2027-01-01 00:00").tzinfo).date())
    assert items(stage, subscription) == [
        ("2026-12-10", "2026-12-22", 1), ("2026-12-22", back_on, 2), (back_on, None, 1),
    ]  # fmt: skip
    with stage.work() as unit:
        first, *_, last = queries.items_of(unit, subscription)
        made, reversed_ = queries.changes_of(unit, subscription)
        assert last.price_id == first.price_id
        assert queries.balance(unit, customer) == 0
    assert (made.state, made.from_price_id) == ("applied", reversed_.to_price_id)
    assert (reversed_.state, reversed_.mode, reversed_.from_price_id) == (
        "applied", "prorate", made.to_price_id,
    )  # fmt: skip
    assert (reversed_.quantity, str(reversed_.effective_on)) == (1, back_on)
    told = [row.payload for row in stage.rows(events, events.c.seq)
            if row.type == "subscription.plan_changed"]  # fmt: skip
    assert (told[1]["because"], told[1]["reverses"]) == ("dunning_end", told[0]["change"])
    # Another mail had confirmed the change when it was made.
    [mail] = [one for one in mailer.sent if re.search("Perubahan paket.*dibatalkan", one.subject)]
    assert "Paket Pro" in mail.text
    row = stage.row(subscriptions, id=subscription)
    assert (row.status, row.current_end, row.billed_through) == (
        "active", date(2027, 12, 10), date(2027, 12, 10),
    )  # fmt: skip
    stage.audit()

    # The next year is billed at the old price, for one.
    stage.live_until(jakarta("2027-12-11 10:00"))
    [renewal] = [row for row in stage.rows(invoices) if row.period_start == date(2027, 12, 10)]
    assert renewal.subtotal_amount == 1_200_000


def test_a_change_that_staff_voids_is_put_back_the_same_day(stage: Stage) -> None:
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    done = upgrade(stage, subscription, 300_000)
    assert done.invoice is not None
    with stage.work() as unit:
        assert take_out(unit, done.invoice.id, reason="mistake").status == "void"
        # The same change asked for again is another one.
        again = change(unit, subscription, price_id=done.planned.new.id, mode="prorate")
    assert again.invoice is not None
    assert again.planned.change_id != done.planned.change_id
    with stage.work() as unit:
        assert take_out(unit, again.invoice.id, reason="mistake").status == "void"
        assert queries.items_in_force(unit, [subscription])[subscription].price_id == (
            done.planned.old.id
        )
    stage.audit()


def test_a_year_that_was_never_paid_is_not_served_in_place_of_months(stage: Stage) -> None:
    """The change moved the anchor: the months come back, and those served meanwhile are billed."""
    _, subscription, first = stage.invoice_customer(150_000)
    stage.drain()
    stage.pays(first)
    stage.live_until(jakarta("2026-12-22 10:00"))
    done = upgrade(stage, subscription, 1_500_000, interval_unit="year")
    assert done.subscription.billed_through == date(2027, 12, 22)
    assert done.invoice is not None
    stage.live_until(jakarta("2026-12-25 10:00"))
    with stage.work() as unit:
        take_out(unit, done.invoice.id, reason="mistake")
    row = stage.row(subscriptions, id=subscription)
    assert (row.interval_unit, row.anchor_on, row.current_end, row.billed_through) == (
        "month", date(2026, 12, 10), date(2027, 1, 10), date(2027, 1, 10),
    )  # fmt: skip
    stage.live_until(jakarta("2027-01-11 10:00"))
    [january] = [row for row in stage.rows(invoices) if row.kind == "period" and row.id != first]
    assert (january.period_start, january.subtotal_amount) == (date(2027, 1, 10), 150_000)
    stage.audit()


@pytest.mark.parametrize("why", ["changed again", "billed on", "credited in part", "ended"])
def test_what_has_gone_on_is_left_alone(stage: Stage, why: str) -> None:
    """Each of these stands on the new plan: nothing is put back, and the invoice ends as before."""
    with stage.work() as unit:
        customer = make_customer(unit)
        made = make_subscription(unit, customer=customer, price=make_price(unit, 150_000))
    subscription, first = made.subscription.id, made.invoice_id
    assert first is not None
    stage.drain()
    stage.pays(first)
    done = upgrade(stage, subscription, 300_000)
    assert done.invoice is not None
    if why == "changed again":
        stage.live_until(jakarta("2026-12-12 10:00"))
        with stage.work() as unit:
            change(unit, subscription, quantity=3, mode="at_period_end")
            change(unit, subscription, price_id=make_price(unit, 600_000).id, mode="prorate")
    elif why == "billed on":
        stage.live_until(jakarta("2027-01-04 10:00"))
    elif why == "ended":
        from billing.flows.cancel import cancel

        with stage.work() as unit:
            cancel(unit, subscription, when="now")
    before = items(stage, subscription)
    state = stage.invoice(done.invoice.id)
    if why == "credited in part":
        from billing.flows.credit import credit_invoice

        with stage.work() as unit:
            credit_invoice(
                unit, done.invoice.id, reason="goodwill", gross_amount=1_000,
                source_kind="request", source_id=subscription,
            )  # fmt: skip
    elif state.status == "open" and state.credited_amount == 0:
        with stage.work() as unit:
            take_out(unit, done.invoice.id, reason="mistake")
    assert items(stage, subscription) == before
    report = examine(stage.engine.db, stage.machine.at)
    assert not report.broken, render(report)
