"""The wall between merchants, on the connection that is shipped: a forgotten WHERE sees nothing."""

from __future__ import annotations

import pytest
from builders import make_customer, make_merchant, make_subscription, working
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from billing.engine import Engine
from billing.tables import customers
from core.db import metadata
from core.errors import NotFound
from core.ids import fresh
from core.tables import merchants
from invoices.queries import get_invoice, list_invoices

TABLES = sorted(table.name for table in metadata.tables.values() if "merchant_id" in table.c)


@pytest.mark.parametrize("table", TABLES)
def test_without_a_where_only_the_own_rows_are_seen(engine: Engine, table: str) -> None:
    mine, other = make_merchant(engine), make_merchant(engine)
    for merchant in (mine, other):
        with working(engine, merchant) as unit:
            make_subscription(unit)
    with working(engine, mine) as unit:
        owners = set(
            unit.session.execute(text(f"SELECT DISTINCT merchant_id FROM {table}")).scalars()
        )
    assert owners <= {mine.merchant_id}


def test_what_was_written_is_there_for_its_owner(engine: Engine) -> None:
    # The tables above are not empty by accident.
    mine = make_merchant(engine)
    with working(engine, mine) as unit:
        make_subscription(unit)
    with working(engine, mine) as unit:
        filled = {
            table
            for table in TABLES
            if unit.session.execute(text(f"SELECT EXISTS (SELECT 1 FROM {table})")).scalar_one()
        }
    assert filled >= {
        "merchants", "clocks", "customers", "plans", "prices", "subscriptions", "journals",
        "subscription_items", "invoices", "invoice_lines", "number_series", "postings", "events",
        "audit", "messages", "jobs",
    }  # fmt: skip


def test_another_merchants_rows_are_not_found_changed_or_written(engine: Engine) -> None:
    mine, other = make_merchant(engine), make_merchant(engine)
    with working(engine, other) as unit:
        theirs = make_subscription(unit)
        customer = theirs.subscription.customer_id
    with working(engine, mine) as unit:
        assert list_invoices(unit) == []
        with pytest.raises(NotFound):
            get_invoice(unit, theirs.invoice_id)  # type: ignore[arg-type]
        changed = unit.session.execute(update(customers).values(name="ours now"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
        assert unit.session.execute(select(merchants.c.slug)).scalars().all() == [mine.slug]
    row = {
        "merchant_id": other.merchant_id, "id": fresh(), "name": "x", "email": "x@y.example",
        "locale": "id", "billing_zone": "Asia/Jakarta", "created_at": mine.created_at,
    }  # fmt: skip
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        working(engine, mine) as unit,
    ):
        unit.session.execute(insert(customers).values(**row))
    with working(engine, other) as unit:
        assert make_customer(unit).name
        assert (
            unit.session.execute(select(customers.c.name).where(customers.c.id == customer))
            .scalar_one()
            .startswith("Budi")
        )


def test_a_connection_carries_nothing_over_to_its_next_user(engine: Engine) -> None:
    mine = make_merchant(engine)
    with working(engine, mine) as unit:
        make_customer(unit)
    with engine.db.engine.connect() as bare, pytest.raises(DBAPIError, match="permission denied"):
        bare.execute(text("SELECT count(*) FROM customers"))


def test_the_lookup_role_reads_whose_turn_it_is_and_no_more(engine: Engine) -> None:
    mine = make_merchant(engine)
    with working(engine, mine) as unit:
        make_subscription(unit)
    with engine.db.lookup() as session:
        due = session.execute(
            text("SELECT merchant_id FROM subscriptions WHERE next_at IS NOT NULL")
        )
        assert set(due.scalars()) == {mine.merchant_id}
    for statement in (
        "SELECT email FROM customers",
        "SELECT buyer FROM invoices",
        "SELECT server_key_sealed FROM merchants",
        "UPDATE subscriptions SET next_at = NULL",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            engine.db.lookup() as session,
        ):
            session.execute(text(statement))


def test_a_key_does_not_reach_across_the_wall(engine: Engine) -> None:
    # A reference names the merchant too: a row of ours can not hang on a row of theirs.
    mine, other = make_merchant(engine), make_merchant(engine)
    with working(engine, other) as unit:
        theirs = make_customer(unit).id
    with pytest.raises(DBAPIError, match="foreign key"), working(engine, mine) as unit:
        unit.session.execute(
            text(
                "INSERT INTO balance_entries (merchant_id, id, customer_id, amount, kind, source_kind,"
                " source_id, at) VALUES (:m, :i, :c, 1, 'overpaid', 'payment', :i, now())"
            ),
            {"m": mine.merchant_id, "i": fresh(), "c": theirs},
        )
