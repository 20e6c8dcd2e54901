"""The doctor: silent on a business that lived, and naming whatever is broken in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from database import Cluster, Database
from lived import by_card, pay_open_accounts
from simulated import running_simulator
from sqlalchemy import text
from sqlalchemy.orm import Session
from world import START, World, make_world

from billing.flows.refund import request_refund
from billing.flows.subscribe import subscribe
from core.db import make_engine
from invoices.tables import invoices
from ops.doctor import Report, Result, examine, main, render, run, to_json
from ops.doctor_checks import ALL
from ops.doctor_checks.check import Moment
from payments.tables import payments

pytestmark = [pytest.mark.database, pytest.mark.slow]


@pytest.fixture(scope="module")
def lived(cluster: Cluster) -> Iterator[tuple[World, Database]]:
    """Four customers and four months: cards, a virtual account, a refund, a trial."""
    name = f"{cluster.role_prefix}_doctor_{secrets.token_hex(3)}"
    database = cluster.create(name)
    with running_simulator() as simulator:
        world = make_world(database, simulator, pkp_since=START.date(), npwp="0012345678901234")
        _live(world)
        yield world, database
        world.engine.close()
    cluster.drop(name)


def _live(world: World) -> None:
    price = world.plan("toko", 149_000)
    by_card(world, "Dewi", price)
    linda = by_card(world, "Linda", price)
    with world.work() as unit:
        for who in ("Budi", "Made"):
            customer = world.customers.get(who) or world.customer(who)
            subscribe(
                unit, customer_id=customer, price_id=price, collection="invoice",
                trial_days=14 if who == "Made" else 0,
            )  # fmt: skip
    world.drain()
    pay_open_accounts(world)
    world.advance(START + timedelta(days=40))
    pay_open_accounts(world)
    with world.work() as unit:
        paid = unit.session.execute(
            payments.select().where(payments.c.order_id == world.order_of(linda).order_id)
        ).one()
        request_refund(unit, paid.id, 50_000, "requested_by_customer")
    world.advance(START + timedelta(days=100))
    pay_open_accounts(world)
    world.drain()


def test_a_business_that_lived_is_healthy(lived: tuple[World, Database]) -> None:
    world, _ = lived
    assert len(world.rows(invoices)) > 10
    assert len(world.rows(payments)) > 8

    report = examine(world.engine.db, world.machine.at)

    assert report.broken == ()


# What is done behind the engine's back, by SQL of a superuser with every trigger silenced, and the
# rules that must name it. ``one(...)`` below picks a row.
INVOICE = (
    "(SELECT id FROM invoices WHERE status = 'paid' AND kind = 'period' ORDER BY number LIMIT 1)"
)
PAYMENT = "(SELECT id FROM payments ORDER BY order_id LIMIT 1)"
ORDER = "(SELECT payment_order_id FROM payments ORDER BY order_id LIMIT 1)"
REFUND = "(SELECT id FROM refunds LIMIT 1)"
FAULTS: list[tuple[str, str, set[str]]] = [
    ("more is said to be paid than was allocated",
     "UPDATE allocations SET amount = amount - 1 WHERE id = (SELECT id FROM allocations LIMIT 1)",
     {"paid-is-allocated", "payment-is-spent-once"}),
    ("an allocation is gone",
     f"DELETE FROM allocations WHERE invoice_id = {INVOICE}",
     {"paid-is-allocated", "paid-by-something", "payment-is-spent-once"}),
    ("credited without a note",
     f"UPDATE invoices SET paid_amount = paid_amount - 5, credited_amount = 5 WHERE id = {INVOICE}",
     {"credited-is-noted", "paid-is-allocated"}),
    ("a paid invoice is open again",
     f"UPDATE invoices SET status = 'open', paid_amount = 0, paid_at = NULL WHERE id = {INVOICE}",
     {"paid-is-allocated", "receivable-is-due", "waiting-tax"}),
    ("an open invoice with nothing due",
     f"UPDATE invoices SET status = 'open' WHERE id = {INVOICE}", {"due-and-status-agree"}),
    ("a payment grew",
     f"UPDATE payments SET amount = amount + 1 WHERE id = {PAYMENT}",
     {"payment-is-spent-once", "captured-is-booked", "gateway-clearing", "paid-order-has-payment"}),
    ("a refund nobody counted",
     "UPDATE payments SET refunded_amount = 0 WHERE id = (SELECT payment_id FROM refunds LIMIT 1)",
     {"refunds-within-payment"}),
    ("a refund grew beyond its note",
     f"UPDATE refunds SET amount = amount + 1 WHERE id = {REFUND}",
     {"refund-has-its-source", "refunds-within-payment", "gateway-clearing"}),
    ("a refund that took its money from nowhere",
     f"UPDATE refunds SET invoice_id = NULL, credit_note_id = NULL WHERE id = {REFUND}",
     {"refund-has-its-source", "balance-refund-within-excess"}),
    ("a refund the books do not know",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'refund_paid' LIMIT 1)",
     {"journal-balances", "refunded-is-booked"}),
    ("a posting is gone",
     "DELETE FROM postings WHERE id = (SELECT id FROM postings WHERE account = 'receivable' LIMIT 1)",
     {"journal-balances", "receivable-is-due"}),
    ("a journal without postings",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'payment_captured' LIMIT 1)",
     {"journal-balances", "captured-is-booked", "gateway-clearing"}),
    ("a balanced lie in the books",
     "UPDATE postings SET amount = amount * 2 WHERE journal_id = (SELECT id FROM journals WHERE kind = 'invoice_issued' LIMIT 1)",
     {"issued-is-booked", "receivable-is-due"}),
    ("tax that never became due",
     "DELETE FROM postings WHERE journal_id = (SELECT id FROM journals WHERE kind = 'tax_became_due' LIMIT 1)",
     {"journal-balances", "waiting-tax", "tax-point-booked"}),
    ("tax owed by the rule of another day",
     "UPDATE tax_points SET terms = terms || '{\"statutory\": \"1/10\", \"base_factor\": \"1\"}' WHERE id = (SELECT id FROM tax_points LIMIT 1)",
     {"tax-point-rules"}),
    ("more tax owed than the payment made",
     "UPDATE tax_points SET owed_amount = owed_amount + 1 WHERE id = (SELECT id FROM tax_points LIMIT 1)",
     {"tax-point-rules", "tax-point-booked"}),
    ("a balance from nowhere",
     "INSERT INTO balance_entries SELECT merchant_id, gen_random_uuid(), id, 'IDR', 1000, 'credited', 'test', id, created_at FROM customers LIMIT 1",
     {"balance-is-booked"}),
    ("a balance below zero",
     "INSERT INTO balance_entries SELECT merchant_id, gen_random_uuid(), id, 'IDR', -1000, 'applied', 'test', id, created_at FROM customers LIMIT 1",
     {"balance-not-negative", "balance-is-booked"}),
    ("an order id of somebody else",
     f"UPDATE payment_orders SET order_id = 'x' || substr(order_id, 2) WHERE id = {ORDER}",
     {"order-ids-derived", "paid-order-has-payment"}),
    ("a second try although the first was paid",
     f"""INSERT INTO payment_orders (merchant_id, id, kind, customer_id, invoice_id, channel, order_id, n,
         initiated_by, amount, state, opened_at, first_sent_at)
         SELECT merchant_id, gen_random_uuid(), 'attempt', customer_id, invoice_id, channel, order_id || '0', n + 1,
         'merchant', amount, 'failed', opened_at, first_sent_at FROM payment_orders WHERE id = {ORDER}""",
     {"next-try-after-attested-failure", "order-ids-derived", "steps-tell-the-state"}),
    ("a charge to the card of another customer",
     """UPDATE payment_orders o SET customer_id = (SELECT id FROM customers c WHERE c.id <> o.customer_id LIMIT 1)
         WHERE o.id = (SELECT id FROM payment_orders WHERE kind = 'attempt' LIMIT 1)""",
     {"card-pays-for-its-holder"}),
    ("an agreement that is charged to the card of another customer",
     """UPDATE subscriptions s SET customer_id = (SELECT id FROM customers c WHERE c.id <> s.customer_id LIMIT 1)
         WHERE s.id = (SELECT id FROM subscriptions WHERE payment_method_id IS NOT NULL LIMIT 1)""",
     {"card-pays-for-its-holder"}),
    ("a method has ended and its consent has not",
     "UPDATE payment_methods SET state = 'ended' WHERE id = (SELECT payment_method_id FROM mandates WHERE ended_at IS NULL LIMIT 1)",
     {"consent-ends-with-its-method"}),
    ("a wallet that was charged as a card, and that nobody asks about",
     """UPDATE payment_methods SET kind = 'gopay', next_at = '2001-01-01' WHERE id = (SELECT payment_method_id
         FROM payment_orders WHERE payment_method_id IS NOT NULL LIMIT 1)""",
     {"wallets-are-charged-as-wallets", "wallets-are-asked-about"}),
    ("a wallet that ended and stays linked",
     "UPDATE payment_methods SET kind = 'gopay', state = 'ended', next_at = now(), polls = 99",
     {"ended-wallets-are-unlinked"}),
    ("an outcome unknown for two days",
     f"UPDATE payment_orders SET state = 'unknown', next_at = now(), first_sent_at = first_sent_at - interval '99 years' WHERE id = {ORDER}",
     {"nothing-unknown-for-a-day", "paid-order-has-payment", "steps-tell-the-state"}),
    ("an open order nobody looks at",
     f"UPDATE payment_orders SET state = 'pending', next_at = '2001-01-01' WHERE id = {ORDER}",
     {"nothing-stuck", "paid-order-has-payment"}),
    ("a part of a charge that was no hold is said to be captured",
     f"UPDATE payment_orders SET capture_amount = amount WHERE id = {ORDER}",
     {"holds-are-captured-once"}),
    ("a hold that never ends",
     f"UPDATE payment_orders SET state = 'pending', next_at = now(), held = 'challenge', first_sent_at = first_sent_at - interval '99 years' WHERE id = {ORDER}",
     {"holds-end", "paid-order-has-payment"}),
    ("a page that nobody ends",
     f"""UPDATE payment_orders SET state = 'pending', next_at = now(), channel = 'snap',
         page_until = '2001-01-01', answer = NULL WHERE id = {ORDER}""",
     {"pages-end", "paid-order-has-payment"}),
    ("a payment is gone",
     f"DELETE FROM payments WHERE id = {PAYMENT}", {"paid-order-has-payment", "gateway-clearing"}),
    ("a send nobody committed",
     f"UPDATE payment_orders SET sends = sends + 1 WHERE id = {ORDER}", {"sent-before-called"}),
    ("an invoice is gone",
     f"DELETE FROM invoices WHERE id = {INVOICE}", {"numbers-without-gaps", "no-period-missing"}),
    ("a number is skipped",
     "UPDATE number_series SET last_number = last_number + 1 WHERE kind = 'invoice'",
     {"numbers-without-gaps"}),
    ("a line lies about its amount",
     f"UPDATE invoice_lines SET amount = amount + 1 WHERE invoice_id = {INVOICE}",
     {"lines-compute", "lines-add-up", "content-untouched"}),
    ("a note does not add up",
     "UPDATE credit_note_lines SET net_amount = net_amount + 1", {"notes-add-up"}),
    ("a note shows other tax than the books gave back",
     "UPDATE credit_notes SET tax_amount = tax_amount + 1, net_amount = net_amount - 1 WHERE id = (SELECT id FROM credit_notes LIMIT 1)",
     {"credit-tax-booked", "notes-add-up"}),
    ("somebody wrote into an issued invoice",
     f"UPDATE invoices SET buyer = buyer || '{{\"name\": \"x\"}}' WHERE id = {INVOICE}",
     {"content-untouched"}),
    ("a period begins inside the one before",
     """UPDATE invoices SET period_start = period_start - 1 WHERE id = (SELECT max(id::text)::uuid FROM invoices
         WHERE kind = 'period' AND period_start > (SELECT min(period_start) + 20 FROM invoices))""",
     {"no-period-missing"}),
    ("a period was never billed",
     "UPDATE subscriptions SET billed_through = billed_through + 31 WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"no-period-missing"}),
    ("what a void change took off is billed to nobody",
     """WITH pair AS (SELECT a.merchant_id, a.subscription_id, a.customer_id, a.id AS source, b.id AS change, a.period_start,
            a.total_amount, a.issued_at FROM invoices a JOIN invoices b ON b.subscription_id = a.subscription_id
            AND b.period_start > a.period_start JOIN subscriptions s ON s.id = a.subscription_id AND s.status = 'active' LIMIT 1),
          voided AS (UPDATE invoices i SET status = 'void', closed_at = '2099-01-01' FROM pair WHERE i.id = pair.change),
          made AS (INSERT INTO subscription_changes (merchant_id, id, subscription_id, kind, mode, state, effective_on, invoice_id,
            quote, created_at) SELECT merchant_id, gen_random_uuid(), subscription_id, 'plan', 'prorate', 'applied', period_start,
            change, '{}', issued_at FROM pair RETURNING id, merchant_id)
        INSERT INTO credit_notes (merchant_id, id, invoice_id, customer_id, number, reason, net_amount, tax_amount, total_amount,
            to_invoice_amount, to_balance_amount, issued_at, issued_on, source_kind, source_id)
        SELECT pair.merchant_id, gen_random_uuid(), source, customer_id, 'x', 'plan_change', total_amount, 0, total_amount,
            total_amount, 0, issued_at, period_start, 'change', made.id FROM pair JOIN made USING (merchant_id)""",
     {"served-is-billed", "notes-add-up"}),
    ("a subscription is forgotten",
     "UPDATE subscriptions SET next_at = next_at - interval '1 year' WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"nobody-forgotten", "next-step-computes"}),
    ("a charge is not announced",
     "UPDATE subscriptions SET interval_unit = 'year', renewal_notice_days = 90, current_start = current_end - 80, billed_through = current_end WHERE id = (SELECT id FROM subscriptions WHERE status = 'active' LIMIT 1)",
     {"charges-are-announced"}),
    ("an item is gone",
     "DELETE FROM subscription_items", {"one-item-in-force"}),
    ("an invoice nobody collects",
     f"UPDATE invoices SET status = 'open', collect_at = '2001-01-01', paid_amount = 0 WHERE id = {INVOICE}",
     {"collecting-goes-on", "paid-is-allocated", "receivable-is-due"}),
    ("an unpaid invoice is forgotten",
     """UPDATE invoices SET status = 'open', paid_amount = 0 WHERE id = (SELECT i.id FROM invoices i
         JOIN subscriptions s ON s.id = i.subscription_id WHERE i.status = 'paid' AND i.kind = 'period'
         AND s.status = 'active' ORDER BY i.number LIMIT 1)""",
     {"unpaid-is-watched", "paid-is-allocated"}),
    ("a message was given up",
     "UPDATE messages SET state = 'dead', next_at = NULL WHERE id = (SELECT id FROM messages LIMIT 1)",
     {"mail-goes-out"}),
    ("a notification nobody reads",
     """INSERT INTO notifications (merchant_id, id, dedupe_key, kind, received_at, source, signature_ok, body, state, next_at)
        SELECT merchant_id, gen_random_uuid(), 'x', 'payment', '2001-01-01', 'test', true, '{}', 'new', now() FROM merchants""",
     {"notifications-are-read"}),
    ("a matter nobody answers",
     """INSERT INTO reviews (merchant_id, id, kind, subject_kind, subject_id, detail, opened_at)
        SELECT merchant_id, gen_random_uuid(), 'case_failed', 'case', gen_random_uuid(), '{}', '2001-01-01' FROM merchants""",
     {"reviews-are-answered"}),
    ("an event was never written",
     "DELETE FROM events WHERE id = (SELECT id FROM events WHERE type = 'invoice.issued' LIMIT 1)",
     {"issued-is-told"}),
    ("the wall of a table is down",
     "ALTER TABLE invoices NO FORCE ROW LEVEL SECURITY", {"walls-stand"}),
    ("a second door in a wall",
     "CREATE POLICY door ON invoices USING (true)", {"walls-stand"}),
    ("a row of the audit is gone", "DELETE FROM audit WHERE id = (SELECT id FROM audit LIMIT 1)", {"audit-adds-up"}),
    ("nobody seals the audit", "UPDATE audit_unsealed SET at = '2020-01-01'", {"audit-is-sealed"}),
    ("a role owns a table",
     "ALTER TABLE jobs OWNER TO {prefix}_app", {"roles-own-nothing"}),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "sql", "named"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_it_names_what_is_broken(
    lived: tuple[World, Database], fault: str, sql: str, named: set[str]
) -> None:
    world, database = lived
    engine = make_engine(database.admin_url, pool_size=1)
    try:
        with engine.connect() as connection, Session(connection) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            _without_checks(session)
            session.connection().exec_driver_sql(
                sql.replace("{prefix}", database.role_prefix).replace("%", "%%")
            )
            moment = Moment(world.machine.at, database.role_prefix)
            report = run(session, moment, ALL)
            session.rollback()
    finally:
        engine.dispose()

    found = {result.name for result in (*report.broken, *report.warnings)}
    assert named <= found


def _without_checks(session: Session) -> None:
    """A fault that a constraint would refuse must still be found."""
    rows = session.execute(
        text(
            "SELECT conrelid::regclass AS held_by, conname FROM pg_constraint "
            "WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        )
    ).all()
    for row in rows:
        session.connection().exec_driver_sql(
            f'ALTER TABLE {row.held_by} DROP CONSTRAINT "{row.conname}"'
        )


def test_every_rule_is_broken_by_some_fault() -> None:
    # Constraints that can not be taken away stand in front of these.
    unbreakable = {
        "journal-once", "one-open-pull", "one-invoice-a-period", "pulled-at-most-once",
        "given-back-within-paid", "case-has-next-step", "closed-invoices-are-left-alone",
    }  # fmt: skip
    reached = set().union(*(named for _, _, named in FAULTS))

    assert {check.name for check in ALL} - reached == unbreakable


def test_the_report_names_the_rule_the_row_and_the_reason() -> None:
    from ops.doctor_checks.check import Broken

    report = Report(
        (
            Result("a-rule", "Something holds.", 0, (), 3),
            Result("b-rule", "All is well.", 12, (Broken("toko", "invoice X", "off by 1"),), 4),
        )
    )

    shown = render(report)
    told: dict[str, Any] = json.loads(to_json(report))

    assert "b-rule  BROKEN (12)" in shown
    assert "- toko: invoice X: off by 1" in shown
    assert "and 11 more" in shown
    assert shown.endswith("1 of 2 rules are broken: b-rule")
    assert (told["ok"], told["broken"]) == (False, ["b-rule"])


def test_a_warning_is_told_and_breaks_nothing() -> None:
    report = Report((Result("a-rule", "Somebody should look.", 2, (), 3, warning=True),))

    shown = render(report)

    assert "a-rule  WARNING (2)" in shown
    assert shown.endswith("To be looked at: a-rule")
    assert json.loads(to_json(report))["ok"] is True
    assert (report.broken, report.warnings) == ((), report.results)


def test_the_command_ends_in_0_on_a_healthy_database(
    lived: tuple[World, Database], capsys: pytest.CaptureFixture[str]
) -> None:
    world, _ = lived

    assert main(world.engine.settings, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["broken"] == []
