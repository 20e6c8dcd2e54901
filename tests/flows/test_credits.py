"""Credit that ends, and money that does not: used in order, expired in time, never mixed up."""

from __future__ import annotations

from datetime import UTC, date
from functools import partial
from uuid import UUID

import pytest
from builders import make_customer, make_price, make_subscription, set_clock
from fakes import FakeGateway, FakeMailer, MachineTime
from sqlalchemy import text
from stage import Stage, jakarta, make_stage

from billing import queries
from billing.credits.queries import every_lot, spendable_balance
from billing.credits.tables import balance_lots, balance_uses
from billing.engine import Engine
from billing.flows import granting, refund
from billing.flows.credit import credit_invoice
from billing.flows.offers import offer
from billing.flows.pay_once import OneOffLine, pay_once
from billing.flows.renew import renew_due
from billing.flows.settle import settle
from billing.ledger.tables import postings
from billing.tables import balance_entries
from core import ids
from core.errors import Conflict, EngineError, InvalidRequest
from core.tables import events, messages
from invoices.tables import credit_notes
from ops.doctor import examine
from payments.gateway import Answer
from payments.tables import payment_orders, payments

pytestmark = pytest.mark.database


@pytest.fixture
def stage(engine: Engine, gateway: FakeGateway, mailer: FakeMailer, machine: MachineTime) -> Stage:
    return make_stage(engine, gateway, mailer, machine, at="2027-01-05 09:00")


def somebody(stage: Stage) -> UUID:
    with stage.work() as unit:
        return make_customer(unit).id


def give(stage: Stage, customer: UUID, amount: int, until: str | None = None) -> UUID:
    with stage.work() as unit:
        return granting.grant(
            unit, customer, amount, reason="Selamat datang",
            last_day=date.fromisoformat(until) if until else None,
        )  # fmt: skip


def bill(stage: Stage, customer: UUID, amount: int) -> UUID:
    """A one-off with PPN of 11%: 100,000 comes to 111,000."""
    with stage.work() as unit:
        return pay_once(unit, customer, [OneOffLine("Jasa", amount)]).id


def left(stage: Stage, customer: UUID) -> list[tuple[str, int]]:
    """What is left of each lot: oldest first, of one moment money first and what was more."""
    with stage.work() as unit:
        lots = sorted(every_lot(unit, customer), key=lambda lot: (lot.at, lot.kind, -lot.amount))
    return [(lot.kind, lot.left) for lot in lots]


def restored(stage: Stage) -> list[tuple[int, str]]:
    """What came back of credit: (amount, UTC date of its last hours)."""
    back = {row.id for row in stage.rows(balance_entries, kind="restored")}
    lots = [row for row in stage.rows(balance_lots) if row.entry_id in back]
    return sorted((row.amount, str(row.expires_at.astimezone(UTC).date())) for row in lots)


def booked(stage: Stage, account: str) -> int:
    return sum(row.amount for row in stage.rows(postings, account=account))


def test_credit_pays_after_tax_before_money_that_does_not_end(stage: Stage) -> None:
    customer, _, first = stage.invoice_customer(300_000)
    stage.drain()
    stage.pays(first)
    with stage.work() as unit:
        credit_invoice(unit, first, reason="goodwill", gross_amount=100_000, source_kind="request",
                       source_id=ids.fresh())  # fmt: skip
    late = give(stage, customer, 20_000, "2027-03-31")
    soon = give(stage, customer, 30_000, "2027-01-31")
    assert booked(stage, "promotional_credit") == -50_000

    invoice = stage.invoice(bill(stage, customer, 100_000))
    assert (invoice.total_amount, invoice.paid_amount, invoice.status) == (111_000, 111_000, "paid")
    assert left(stage, customer) == [("money", 39_000), ("promotional", 0), ("promotional", 0)]
    [applied] = stage.rows(balance_entries, kind="applied")
    uses = {use.lot_id: use.amount for use in stage.rows(balance_uses, entry_id=applied.id)}
    assert (uses[soon], uses[late], sum(uses.values())) == (30_000, 20_000, 111_000)
    assert booked(stage, "promotional_credit") == 0
    assert booked(stage, "promotions") == 50_000
    stage.audit()


def test_credit_that_is_given_pays_what_is_open_at_once(stage: Stage) -> None:
    customer = somebody(stage)
    invoice = bill(stage, customer, 100_000)
    give(stage, customer, 61_000, "2027-02-28")
    assert stage.invoice(invoice).due_amount == 50_000
    assert left(stage, customer) == [("promotional", 0)]
    stage.audit()


def test_what_is_left_expires_at_the_end_of_its_last_day_and_is_told_a_week_ahead(
    stage: Stage,
) -> None:
    customer = somebody(stage)
    give(stage, customer, 50_000, "2027-01-31")
    stage.live_until(jakarta("2027-01-31 23:59"))
    [mail] = stage.rows(messages, kind="balance.expiring")
    assert mail.payload == {"amount": 50_000, "when": "2027-01-31"}
    assert mail.business_at == jakarta("2027-01-25 00:00")
    assert left(stage, customer) == [("promotional", 50_000)]
    stage.audit()

    stage.live_until(jakarta("2027-02-01 00:00"))
    assert left(stage, customer) == [("promotional", 0)]
    assert stage.told("balance.expired") == [("02-01 00:00", "balance.expired")]
    assert (booked(stage, "promotional_credit"), booked(stage, "promotions")) == (0, 0)
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 0
    stage.live_until(jakarta("2027-03-01 00:00"))
    assert len(stage.rows(balance_entries, kind="expired")) == 1
    assert len(stage.rows(messages, kind="balance.expiring")) == 1
    stage.audit()


def test_what_was_used_before_its_end_is_neither_told_nor_expired(stage: Stage) -> None:
    customer = somebody(stage)
    give(stage, customer, 50_000, "2027-01-31")
    bill(stage, customer, 100_000)
    stage.live_until(jakarta("2027-02-03 00:00"))
    assert not stage.rows(messages, kind="balance.expiring")
    assert not stage.rows(balance_entries, kind="expired")
    assert stage.row(balance_lots).next_at is None
    stage.audit()


def test_money_never_expires_beside_credit_that_does(stage: Stage) -> None:
    customer, _, first = stage.invoice_customer(300_000)
    stage.drain()
    stage.pays(first)
    with stage.work() as unit:
        credit_invoice(unit, first, reason="goodwill", gross_amount=40_000, source_kind="request",
                       source_id=ids.fresh())  # fmt: skip
    give(stage, customer, 10_000, "2027-01-10")
    stage.live_until(jakarta("2027-01-20 00:00"))
    assert left(stage, customer) == [("money", 40_000), ("promotional", 0)]
    stage.audit()


def test_an_invoice_at_the_very_moment_credit_ends_is_not_paid_by_it(stage: Stage) -> None:
    customer = somebody(stage)
    give(stage, customer, 50_000, "2027-01-31")
    set_clock(stage.engine, stage.id, jakarta("2027-02-01 00:00"))
    # Its expiry is not booked yet: the balance still counts it, and nothing is paid with it.
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 50_000
        assert spendable_balance(unit, customer) == 0
    assert stage.invoice(bill(stage, customer, 100_000)).paid_amount == 0
    granting.expire_due(stage.engine, stage.id)
    assert left(stage, customer) == [("promotional", 0)]
    stage.audit()


def test_a_credit_note_gives_back_money_as_money_and_credit_as_credit(stage: Stage) -> None:
    customer = somebody(stage)
    give(stage, customer, 30_000, "2027-02-28")
    give(stage, customer, 20_000, "2027-03-31")
    invoice = bill(stage, customer, 100_000)
    stage.drain()
    stage.pays(invoice)  # 61,000 in money

    def note(amount: int) -> None:
        with stage.work() as unit:
            credit_invoice(unit, invoice, reason="goodwill", gross_amount=amount,
                           source_kind="request", source_id=ids.fresh())  # fmt: skip

    note(50_000)
    assert left(stage, customer)[0] == ("money", 50_000)
    note(25_000)
    # 11,000 of the second note was money, 14,000 credit: as long-lived as the best that had paid.
    assert restored(stage) == [(14_000, "2027-03-31")]
    note(36_000)
    assert restored(stage) == [
        (6_000, "2027-03-31"),
        (14_000, "2027-03-31"),
        (30_000, "2027-02-28"),
    ]
    with stage.work() as unit:
        assert queries.balance(unit, customer) == 111_000
    assert booked(stage, "promotional_credit") == -50_000
    stage.audit()


def test_credit_is_never_refunded_as_money(stage: Stage) -> None:
    customer = somebody(stage)
    give(stage, customer, 50_000, "2027-02-28")
    invoice = bill(stage, customer, 100_000)
    stage.drain()
    payment = stage.pays(invoice)
    with stage.work() as unit:
        credit_invoice(unit, invoice, reason="goodwill", gross_amount=61_000,
                       source_kind="request", source_id=ids.fresh())  # fmt: skip
    # All the money of this invoice is on the balance now: what is left was paid with credit.
    with pytest.raises(Conflict) as refused, stage.work() as unit:
        refund.request_refund(unit, payment, 1_000)
    assert refused.value.code == "credit_exceeds_paid"
    assert not stage.rows(credit_notes, source_kind="refund")
    stage.audit()


@pytest.mark.parametrize(
    ("parts", "money", "credit"),
    [((166_500,), (116_500,), 50_000), ((100_000, 40_000), (100_000, 16_500), 23_500)],
)
def test_given_credit_stays_credit_where_a_bank_takes_a_payment_back_that_was_credited(
    stage: Stage, parts: tuple[int, ...], money: tuple[int, ...], credit: int
) -> None:
    """50,000 of credit and 116,500 by number paid, notes gave it back, the bank takes 116,500."""
    customer = somebody(stage)
    give(stage, customer, 50_000, "2027-02-28")
    invoice = bill(stage, customer, 150_000)
    with stage.work() as unit:
        offer(unit, invoice)
    stage.drain()
    paid = stage.row(payments, id=stage.pays(invoice))
    for part in parts:
        with stage.work() as unit:
            credit_invoice(
                unit, invoice, reason="mistake", source_kind="request", source_id=ids.fresh(),
                gross_amount=part,
            )  # fmt: skip
    assert [one for one in left(stage, customer) if one[1]] == [
        *(("money", amount) for amount in money), ("promotional", credit),
    ]  # fmt: skip

    order = stage.row(payment_orders, id=paid.payment_order_id)
    answer = Answer("reversed", amount=order.amount, transaction_status="chargeback")
    settle(stage.engine, stage.id, order.order_id, answer, because="test")
    assert stage.invoice(invoice).status == "paid"
    with stage.work() as unit:
        kept = [one for one in every_lot(unit, customer) if one.left]
    assert [(one.kind, one.left, one.expires_at) for one in kept] == [
        ("promotional", credit, jakarta("2027-03-01 00:00"))
    ]
    stage.audit()


@pytest.mark.parametrize(
    "terms, code",
    [
        ({"amount": 0},                            "invalid_amount"),
        ({"reason": " "},                          "invalid_reason"),
        ({"last_day": date(2027, 1, 4)},           "invalid_expires_on"),
    ],
)  # fmt: skip
def test_credit_of_nothing_for_no_reason_or_of_yesterday_is_refused(
    stage: Stage, terms: dict[str, object], code: str
) -> None:
    customer = somebody(stage)
    asked = {"amount": 1_000, "reason": "x", **terms}
    with pytest.raises(InvalidRequest) as refused, stage.work() as unit:
        granting.grant(unit, customer, **asked)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert not stage.rows(balance_entries)


def test_the_same_key_gives_the_same_credit_once(stage: Stage) -> None:
    customer = somebody(stage)
    found = set()
    for _ in range(2):
        with stage.work() as unit:
            found.add(granting.grant(unit, customer, 5_000, reason="x", key="k-1"))
    assert len(found) == 1
    assert left(stage, customer) == [("promotional", 5_000)]
    stage.audit()


def test_a_renewal_uses_what_ends_first(stage: Stage) -> None:
    with stage.work() as unit:
        customer = make_customer(unit)
        make_subscription(unit, customer=customer, price=make_price(unit, 100_000))
    stage.drain()
    give(stage, customer.id, 300_000)
    give(stage, customer.id, 50_000, "2027-02-20")
    stage.live_until(jakarta("2027-02-06 00:00"))
    # The first invoice took 111,000 of what does not end, the second what ends soon first.
    assert left(stage, customer.id) == [("promotional", 128_000), ("promotional", 0)]
    stage.audit()


def test_the_database_refuses_more_of_a_lot_than_came_in_it(stage: Stage) -> None:
    customer = somebody(stage)
    lot = give(stage, customer, 50_000)
    give(stage, customer, 10_000)
    with pytest.raises(Exception, match="would hold -1") as refused, stage.work() as unit:
        unit.session.execute(
            text("""WITH e AS (INSERT INTO balance_entries (merchant_id, id, customer_id, amount,
                kind, source_kind, source_id, at) SELECT merchant_id, gen_random_uuid(), customer_id,
                -50001, 'applied', 'x', gen_random_uuid(), at FROM balance_entries LIMIT 1
                RETURNING merchant_id, id)
                INSERT INTO balance_uses (merchant_id, id, entry_id, lot_id, amount)
                SELECT merchant_id, gen_random_uuid(), id, :lot, 50001 FROM e"""),
            {"lot": lot},
        )
    assert not isinstance(refused.value, EngineError)
    assert partial(left, stage, customer)() == [("promotional", 50_000), ("promotional", 10_000)]
    assert not examine(stage.engine.db, stage.machine.at).broken
    assert len(stage.rows(events, type="balance.credited")) == 2
    assert renew_due(stage.engine, stage.id) == 0
