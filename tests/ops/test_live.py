"""What the terminal of a running instance tells: who, how much, which invoice, by what."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from database import Cluster
from simulated import running_simulator
from world import World, make_world

from billing.flows.subscribe import subscribe
from core.settings import Settings
from invoices.tables import invoices
from ops.children import Child, Part
from ops.live import Teller

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    name = f"{cluster.role_prefix}_live_{secrets.token_hex(3)}"
    with running_simulator() as simulator:
        made = make_world(cluster.create(name), simulator)
        price = made.plan("toko", 149_000)
        customer = made.customer("Dewi")
        with made.work() as unit:
            subscribe(unit, customer_id=customer, price_id=price, collection="invoice")
        yield made
        made.engine.close()
    cluster.drop(name)


def paid(world: World) -> dict[str, object]:
    """What a worker logs of a payment: no name in it."""
    [invoice] = world.rows(invoices)
    with world.work() as unit:
        slug = unit.merchant.slug
    return {
        "logger": "tagihan.diary",
        "message": "payment.captured",
        "diary": {
            "merchant": slug, "type": "payment.captured", "at": "2026-12-31T20:00:00+00:00",
            "subject": f"payment:{invoice.id}", "customer_id": str(invoice.customer_id),
            "invoice": invoice.number, "amount": 149_000, "channel": "bca_va",
        },
    }  # fmt: skip


@pytest.mark.parametrize(("language", "line"), [
    ("merchant", (" 1 Jan 2027  Dewi membayar Rp149.000 dengan BCA Virtual Account"
     " untuk INV-2026-000001")),
    ("id", (" 1 Jan 2027  Dewi membayar Rp149.000 dengan BCA Virtual Account"
     " untuk INV-2026-000001")),
    ("en", (" 1 Jan 2027  Dewi pays Rp149.000 by BCA virtual account"
     " for INV-2026-000001")),
])  # fmt: skip
def test_a_payment_names_customer_amount_invoice_and_method(
    world: World, language: str, line: str
) -> None:
    teller = Teller(replace(world.engine.settings, language=language))

    assert teller.line(paid(world)) == line
    teller.close()


def test_the_supervisor_says_what_a_part_logs_with_the_name(world: World, tmp_path: Path) -> None:
    said: list[str] = []
    teller = Teller(world.engine.settings)
    child = Child(Part("worker", "works"), {}, tmp_path, said.append, teller.line)

    child._notice(json.dumps(paid(world)))
    mail = {"merchant": "x", "type": "message.sent", "kind": "dunning.reminder"}
    child._notice(json.dumps({"logger": "tagihan.diary", "diary": mail}))

    [line] = said
    assert "Dewi membayar Rp149.000" in line
    teller.close()


def test_without_a_database_it_is_told_without_the_name(world: World) -> None:
    gone = "postgresql://a:b@127.0.0.1:9/x"
    for settings in (Settings(), replace(world.engine.settings, database_url=gone)):
        teller = Teller(settings)
        assert "seorang pelanggan membayar Rp149.000" in str(teller.line(paid(world)))
        teller.close()


def test_an_error_is_shown_by_the_line_that_says_what_it_was(tmp_path: Path) -> None:
    said: list[str] = []
    child = Child(Part("worker", "works"), {}, tmp_path, said.append)
    error = "Traceback ...\n  File x\nsqlalchemy.exc.DataError: too long\n(Background: link)"

    child._notice(json.dumps({"level": "error", "message": "job failed", "error": error}))

    assert said == ["worker: job failed: sqlalchemy.exc.DataError: too long"]
