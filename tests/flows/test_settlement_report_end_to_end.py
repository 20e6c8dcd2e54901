"""A business in front of the simulator, and the report the simulator writes of it: all agrees."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import httpx
import pytest
from lived import ask, by_card, pay_open_accounts
from sqlalchemy import select
from world import START, World, subscribe

from billing.flows import refund
from billing.flows.report_files import book_file, read_file
from billing.ledger.tables import postings
from billing.reconciliation.tables import differences, settlement_rows
from ops.doctor import examine, render
from payments.tables import payments, refunds

pytestmark = pytest.mark.database


def told(world: World, **query: str) -> bytes:
    """The simulator's report."""
    headers = {"X-Sim-Server-Key": world.desk.server_key}
    answer = httpx.get(
        f"{world.desk.url}/_sim/settlement-report", params=query, headers=headers, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer.content


def test_the_gateways_own_report_leaves_nothing_open(world: World) -> None:
    price = world.plan("toko", 149_000)
    for name in ("Dewi", "Linda"):
        by_card(world, name, price)
    with world.work() as unit:
        subscribe(unit, customer_id=world.customer("Budi"), price_id=price, collection="invoice")
    world.drain()
    pay_open_accounts(world)
    world.advance(START + timedelta(days=5))
    with world.work() as unit:
        [first, *_] = unit.session.execute(
            select(payments.c.id).where(payments.c.channel == "card").order_by(payments.c.id)
        ).scalars()
        refund.request_refund(unit, first, 49_000, "requested_by_customer")
    world.drain()
    world.advance(START + timedelta(days=40))
    pay_open_accounts(world)
    for one in world.rows(payments, status="captured"):
        ask(world, one.order_id)
    assert {row.state for row in world.rows(refunds)} == {"succeeded"}
    january = told(world, to="2026-01-31")
    for data in (january, told(world, style="id"), told(world, payout="1")):
        with world.work() as unit:
            file_id = read_file(world.engine, unit, "laporan.csv", data)
        with world.work() as unit:
            book_file(world.engine, unit, file_id)
        assert [(row.kind, row.order_id, row.detail) for row in world.rows(differences)] == []
    settled = [row for row in world.rows(payments) if row.status == "settled"]
    kinds = Counter(row.kind for row in world.rows(settlement_rows))
    assert kinds == {"payment": len(settled), "refund": 1, "payout": 1}
    # All was paid out: what is still with the gateway is what has not settled.
    held = sum(row.amount for row in world.rows(postings, account="gateway_clearing"))
    assert held == sum(row.amount for row in world.rows(payments) if row.status == "captured")
    report = examine(world.engine.db, world.machine.at)
    assert not report.broken, render(report)
