"""Replay: every stored line follows from what was sold, and whatever was altered is named."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest
from builders import make_customer, make_merchant, make_price, working
from changes import pay
from database import Cluster, Database
from fakes import FakeGateway, FakeGateways, FakeMailer, MachineTime
from metered import GRADUATED, sold, to, use
from sqlalchemy import text
from sqlalchemy.orm import Session

import core.db
from billing.discounts.service import create_discount
from billing.engine import Engine
from billing.flows.change_items import change_item
from billing.flows.item_quote import ItemWish
from billing.flows.item_rows import load_extras
from billing.flows.subscribe import subscribe
from core.calendars import Interval
from core.settings import Settings
from core.vault import Vault
from invoices.queries import get_invoice, list_invoices
from ops.replay.command import main, run, run_in
from ops.replay.facts import Line, Sold, Sources
from ops.replay.lines import differences_of
from plans.catalogue import PriceVersion

JANUARY = datetime(2027, 1, 1, 3, tzinfo=UTC)
SEATS = {"tiers": [{"up_to": 10, "unit_amount": 10_000}, {"unit_amount": 8_000}]}
# The recurring line of so many rupiah; the first there is.
RECURRING = (
    "(SELECT id FROM invoice_lines WHERE kind = 'recurring' AND discount_amount = 0 LIMIT 1)"
)
PART = "(SELECT id FROM invoice_lines WHERE kind = 'charge' LIMIT 1)"
BACK = "(SELECT id FROM invoice_lines WHERE kind = 'credit' LIMIT 1)"
USED = "(SELECT id FROM invoice_lines WHERE kind = 'usage' LIMIT 1)"
LESS = "(SELECT id FROM invoice_lines WHERE discount_amount > 0 LIMIT 1)"
ALTERED = [
    ("a line grew by a rupiah", f"UPDATE invoice_lines SET amount = amount + 1 WHERE id = {RECURRING}",
     "its derivation comes to another amount"),
    ("a line and its derivation were raised together",
     f"""UPDATE invoice_lines SET amount = amount + 5, derivation = jsonb_build_object('rule', 'sum',
         'parts', jsonb_build_array(derivation, 5)) WHERE id = {RECURRING}""", "its tax"),
    ("a line is billed for fewer seats than its derivation says",
     f"UPDATE invoice_lines SET quantity = quantity + 1 WHERE id = {RECURRING}", "prices it otherwise"),
    ("the price was raised afterwards", "UPDATE prices SET unit_amount = unit_amount + 1 WHERE model = 'flat'",
     "prices it otherwise"),
    ("a tier was raised afterwards",
     """UPDATE prices SET model_terms = jsonb_set(model_terms, '{tiers,0,unit_amount}', '"10001"')
        WHERE model = 'graduated'""", "prices it otherwise"),
    ("a metered price was raised afterwards",
     "UPDATE usage_prices SET model_terms = jsonb_set(model_terms, '{tiers,0,unit_amount}', '\"1001\"')",
     "prices it otherwise"),
    ("a price that holds its tax", "UPDATE prices SET tax_mode = 'inclusive'", "holds tax the other way"),
    ("a setup fee was raised afterwards", "UPDATE prices SET setup_amount = 7 WHERE setup_amount > 0",
     "another setup fee"),
    ("days of a part were altered with its amount", f"""UPDATE invoice_lines SET derivation = derivation ||
        jsonb_build_object('numerator', (derivation ->> 'numerator')::int - 1) WHERE id = {PART}""",
     "it is billed for other days than it says"),
    ("a part of a period of thirty-nine days", f"""UPDATE invoice_lines SET derivation = derivation ||
        '{{"denominator": 39}}' WHERE id = {PART}""", "its whole period has other days"),
    ("a credit of more than was billed", f"""UPDATE invoice_lines SET derivation = derivation ||
        jsonb_build_object('of', (derivation ->> 'of')::int + 1) WHERE id = {BACK}""",
     "what it gives back of was billed as"),
    ("usage of another closing", f"""UPDATE invoice_lines SET derivation = jsonb_set(derivation, '{{usage,quantity}}',
        '"99"') WHERE id = {USED}""", "prices it otherwise"),
    ("a discount was raised afterwards", "UPDATE discounts SET basis_points = basis_points + 1", "takes other"),
    ("a discount is said to be smaller", f"UPDATE invoice_lines SET discount_amount = discount_amount - 1 WHERE id = {LESS}",
     "its discount comes to another amount"),
    ("a discount is gone", "DELETE FROM discounts", "its discount does not exist"),
    ("a price is gone", "DELETE FROM prices", "its price does not exist"),
    ("the tax of a line", f"UPDATE invoice_lines SET tax_amount = tax_amount - 1 WHERE id = {RECURRING}", "its tax"),
    ("the rate that was stored", """UPDATE invoices SET tax = tax || '{"statutory": "1/10"}'""", "its tax"),
    ("the base that was stored", "UPDATE invoices SET tax = tax || '{\"base\": 1}'", "the base its tax tells"),
    ("a derivation by no known rule", f"""UPDATE invoice_lines SET derivation = '{{"rule": "magic"}}' WHERE id = {RECURRING}""",
     "cannot be understood"),
]  # fmt: skip


@pytest.fixture(scope="module")
def lived(cluster: Cluster) -> Iterator[tuple[Engine, Database]]:
    """Seats by tiers that grew in mid-month, a setup fee, 20% off, usage, and a tax on top."""
    name = f"{cluster.role_prefix}_replay_{secrets.token_hex(3)}"
    database = cluster.create(name)
    engine = Engine(
        settings=Settings(database_url=database.app_url, role_prefix=database.role_prefix),
        db=core.db.connect(database.app_url, role_prefix=database.role_prefix, pool_size=4),
        vault=Vault([("test", bytes(32))]),
        gateways=FakeGateways(FakeGateway()),
        mailer=FakeMailer(),
        real_now=MachineTime(),
    )
    merchant = make_merchant(engine, at=JANUARY, issue_lead_days=0)
    with working(engine, merchant) as unit:
        create_discount(
            unit, code="HEMAT", name={"id": "Hemat"}, duration="forever", basis_points=2_000
        )
        metered = sold(unit, dict(GRADUATED))
        seats = make_price(unit, None, model="graduated", model_terms=SEATS, setup_amount=50_000)
        plain, cheap = (make_customer(unit) for _ in range(2))
        one = subscribe(
            unit, customer_id=plain.id, price_id=metered.id, items=[(seats.id, 12)]
        ).subscription  # fmt: skip
        subscribe(unit, customer_id=cheap.id, price_id=seats.id, quantity=11, codes=["HEMAT"])
        for invoice in list_invoices(unit, limit=50):
            pay(unit, invoice.id, get_invoice(unit, invoice.id).total_amount)
    use(engine, merchant, one.id, ("a", JANUARY, 25))
    to(engine, merchant, datetime(2027, 1, 11, 3, tzinfo=UTC))
    with working(engine, merchant) as unit:
        [extra] = load_extras(unit, [one.id])[one.id]
        change_item(unit, one.id, ItemWish(extra_id=extra.item.extra_id, quantity=15))
    to(engine, merchant, datetime(2027, 2, 1, 3, tzinfo=UTC))
    yield engine, database
    engine.close()
    cluster.drop(name)


def test_a_business_that_lived_comes_to_the_same_rupiah(
    lived: tuple[Engine, Database], capsys: pytest.CaptureFixture[str]
) -> None:
    engine, _ = lived
    seen: list[tuple[int, int]] = []

    tally = run(
        engine.db, lambda one: pytest.fail(str(one)), batch=2, progress=lambda so_far, _: seen.append(
            (so_far.invoices, so_far.lines)
        ),
    )  # fmt: skip

    assert (tally.invoices, tally.differences) == (5, 0)
    assert seen == sorted(seen)
    assert len(seen) == 3
    assert main(engine.settings, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["replayed"]["lines"] == tally.lines >= 10


@pytest.mark.parametrize(("sql", "why"), [one[1:] for one in ALTERED], ids=[x[0] for x in ALTERED])
def test_it_names_what_was_altered(lived: tuple[Engine, Database], sql: str, why: str) -> None:
    _, database = lived
    found: list[str] = []
    maker = core.db.make_engine(database.admin_url, pool_size=1)
    try:
        with maker.connect() as connection, Session(connection) as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            for (table, name) in session.execute(text(
                "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' "
                "AND conrelid IN ('invoice_lines'::regclass, 'discounts'::regclass)"
            )).all():  # fmt: skip
                session.connection().exec_driver_sql(
                    f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'
                )
            session.connection().exec_driver_sql(sql.replace("%", "%%"))
            tally = run_in(session, lambda one: found.append(str(one)))
            session.rollback()
    finally:
        maker.dispose()

    assert tally.differences == len(found) > 0
    assert any(why in one for one in found), found
    assert all("invoice INV" in one and "stored" in one for one in found), found


def test_a_line_as_an_older_version_wrote_it_comes_to_the_same() -> None:
    """Its share was of a whole amount, with no price and no dates beside it."""
    price, older = uuid4(), {"rule": "share", "of": 300_000, "numerator": 20, "denominator": 30}
    sources = Sources(prices={price: Sold(PriceVersion(
        plan_code="pro", version=1, currency="IDR", unit_amount=300_000,
        interval=Interval("month"), trial_days=0, tax_mode="exclusive"), 0)})  # fmt: skip
    line = Line(
        id=uuid4(), position=1, kind="charge", quantity=1, amount=200_000, tax_amount=0,
        discount_amount=0, start=date(2026, 11, 25), end=date(2026, 12, 15), price_id=price,
        credits_line_id=None, derivation=json.dumps(older),
    )  # fmt: skip

    assert list(differences_of(line, sources, "exclusive")) == []
