"""The doctor: silent on a business that lived, and naming whatever is broken in it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from corruptions import FAULTS
from corruptions_subtle import CASES
from database import Cluster, Database
from lived import by_card, pay_open_accounts
from psycopg import sql
from simulated import running_simulator
from sqlalchemy import text
from sqlalchemy.orm import Session
from world import START, World, make_world

from billing.flows.refund import request_refund
from billing.flows.subscribe import subscribe
from core.db import connect, make_engine
from invoices.tables import invoices
from ops.doctor import Report, Result, examine, main, render, run, to_json
from ops.doctor_checks import ALL
from ops.doctor_checks.check import Moment
from ops.multiply import multiply
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


def test_a_business_of_many_more_raises_no_false_alarm(
    cluster: Cluster, lived: tuple[World, Database]
) -> None:
    world, database = lived
    copy = cluster.create(f"{cluster.role_prefix}_many_{secrets.token_hex(3)}")
    try:
        _filled(database, copy)
        with psycopg.connect(copy.admin_url, autocommit=True) as connection:
            multiply(connection, world.merchant_id, 3)
        db = connect(copy.app_url, role_prefix=copy.role_prefix, pool_size=1)
        try:
            report = examine(db, world.machine.at)
            with db.reader() as session:
                count = session.execute(text("SELECT count(*) FROM invoices")).scalar_one()
        finally:
            db.close()
    finally:
        cluster.drop(copy.name)

    assert report.broken == ()
    assert count == 4 * len(world.rows(invoices))


def _filled(source: Database, copy: Database) -> None:
    """Fill an empty copy with all rows of a database that is in use."""
    with (
        psycopg.connect(source.admin_url) as reading,
        psycopg.connect(copy.admin_url) as writing,
    ):
        writing.execute("SET session_replication_role = replica")
        for (table,) in reading.execute(
            "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relname <> 'alembic_version'"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall():
            listed = reading.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
                "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
                "AND attgenerated = ''",
                [table],
            ).fetchone()
            assert listed is not None
            columns = sql.SQL(listed[0])
            name = sql.Identifier(table)
            writing.execute(sql.SQL("DELETE FROM {}").format(name))
            with (
                reading.cursor().copy(
                    sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, name)
                ) as out,
                writing.cursor().copy(
                    sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)
                ) as into,
            ):
                for part in out:
                    into.write(part)


@pytest.mark.parametrize(("fault", "sql", "named"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_it_names_what_is_broken(
    lived: tuple[World, Database], fault: str, sql: str, named: set[str]
) -> None:
    assert named <= _found(lived, [sql])


@pytest.mark.parametrize(("fault", "sqls", "named"), CASES, ids=[fault for fault, _, _ in CASES])
def test_what_hides_behind_its_sums_is_named_and_nothing_else(
    lived: tuple[World, Database], fault: str, sqls: list[str], named: set[str]
) -> None:
    assert _found(lived, sqls) == named


def _found(lived: tuple[World, Database], sqls: list[str]) -> set[str]:
    """The rules that are broken after statements that are undone again."""
    world, database = lived
    engine = make_engine(database.admin_url, pool_size=1)
    try:
        with engine.connect() as connection, Session(connection) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            _without_checks(session)
            for sql in sqls:
                session.connection().exec_driver_sql(
                    sql.replace("{prefix}", database.role_prefix).replace("%", "%%")
                )
            moment = Moment(world.machine.at, database.role_prefix)
            report = run(session, moment, ALL)
            session.rollback()
    finally:
        engine.dispose()
    return {result.name for result in (*report.broken, *report.warnings)}


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
        "journal-once", "one-open-pull", "one-invoice-a-period",
        "given-back-within-paid", "case-has-next-step", "closed-invoices-are-left-alone",
    }  # fmt: skip
    reached = set().union(*(named for _, _, named in [*FAULTS, *CASES]))

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
