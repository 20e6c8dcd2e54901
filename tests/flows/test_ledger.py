"""The books: every fact once, every journal in balance, the database refuses all else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from builders import START, make_customer, make_price, make_subscription, set_clock, working
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from billing.engine import Engine
from billing.flows.cancel import cancel
from billing.flows.change_plan import change
from billing.flows.renew import renew_due
from billing.flows.void import mark_uncollectible, void_invoice
from billing.ledger.balance_postings import balance_used
from billing.ledger.chart import Account
from billing.ledger.journal import Journal, JournalKind
from billing.ledger.postings import payment_captured
from billing.ledger.service import post, posted
from core.merchant import Merchant
from core.money import Money
from core.work import Work
from invoices.queries import get_invoice

DAY = date(2027, 1, 10)


def capture(unit: Work, order_id: str, amount: int = 50_000) -> Journal:
    customer = make_customer(unit).id
    money = Money(amount)
    return payment_captured(order_id, DAY, amount=money, allocated=money, customer_id=customer)


def sums(unit: Work) -> dict[str, int]:
    rows = unit.session.execute(text("SELECT account, sum(amount) FROM postings GROUP BY account"))
    return {row[0]: int(row[1]) for row in rows if row[1]}


def test_a_fact_is_posted_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        first, second = capture(unit, "a-1"), capture(unit, "b-1")
        assert len(post(unit, [first, second])) == 2
        assert post(unit, [first]) == []
    with working(engine, merchant) as unit:
        third = capture(unit, "c-1")
        assert len(post(unit, [second, third])) == 1
        assert sums(unit) == {"gateway_clearing": 150_000, "receivable": -150_000}
        assert posted(unit, JournalKind.PAYMENT_CAPTURED, "a-1") == first
        assert posted(unit, JournalKind.PAYMENT_CAPTURED, "never") is None


def test_a_fact_over_nothing_is_not_stored(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        customer = make_customer(unit).id
        nothing = balance_used(str(customer), DAY, amount=Money(0), customer_id=customer)
        assert post(unit, [nothing]) == []
        assert post(unit, []) == []


def test_two_threads_post_the_same_facts_once(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        facts = [capture(unit, f"x-{n}") for n in range(50)]

    def worker(_: int) -> int:
        with working(engine, merchant) as unit:
            return len(post(unit, facts))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(worker, range(4))) == 50
    with working(engine, merchant) as unit:
        assert sums(unit)["gateway_clearing"] == 50 * 50_000


def test_the_database_refuses_an_unbalanced_set(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        [journal_id] = post(unit, [capture(unit, "a-1")])
    with pytest.raises(DBAPIError, match="does not balance"), working(engine, merchant) as unit:
        unit.session.execute(
            text(
                "INSERT INTO postings (merchant_id, id, journal_id, position, account, amount)"
                " VALUES (:m, gen_random_uuid(), :j, 9, 'bank', 1)"
            ),
            {"m": unit.merchant_id, "j": journal_id},
        )


@pytest.mark.parametrize("statement", ["UPDATE postings SET amount = 1", "DELETE FROM journals"])
def test_what_is_posted_is_never_edited(engine: Engine, merchant: Merchant, statement: str) -> None:
    with working(engine, merchant) as unit:
        post(unit, [capture(unit, "a-1")])
    with pytest.raises(DBAPIError, match="permission denied"), working(engine, merchant) as unit:
        unit.session.execute(text(statement))


def test_a_void_invoice_leaves_nothing_behind(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit)
        assert made.invoice_id is not None
        assert sums(unit) == {
            "receivable": 166_500,
            "deferred_revenue": -150_000,
            "vat_not_due": -16_500,
        }
        void_invoice(unit, made.invoice_id, reason="mistake")
        assert sums(unit) == {}
        assert get_invoice(unit, made.invoice_id).status == "void"


def test_a_write_off_is_a_loss_without_the_tax(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        made = make_subscription(unit)
        assert made.invoice_id is not None
        mark_uncollectible(unit, made.invoice_id, reason="gone")
        assert sums(unit) == {"deferred_revenue": -150_000, "bad_debt": 150_000}


def test_a_year_of_life_balances(engine: Engine, merchant: Merchant) -> None:
    with working(engine, merchant) as unit:
        price, dear = make_price(unit), make_price(unit, 299_999)
        made = [make_subscription(unit, price=price).subscription.id for _ in range(6)]
    for month in range(1, 7):
        set_clock(engine, merchant.merchant_id, START + timedelta(days=31 * month))
        renew_due(engine, merchant.merchant_id)
        with working(engine, merchant) as unit:
            if month < 3:
                change(unit, made[month], price_id=dear.id)
            elif month < 5:
                cancel(unit, made[month], when="now")
    with working(engine, merchant) as unit:
        off = unit.session.execute(
            text(
                "SELECT count(*) FROM (SELECT journal_id FROM postings GROUP BY journal_id HAVING sum(amount) <> 0) x"
            )
        ).scalar_one()
        owed = unit.session.execute(
            text("SELECT sum(due_amount) FROM invoices WHERE status = 'open'")
        ).scalar_one()
        accounts = sums(unit)
    assert off == 0
    assert sum(accounts.values()) == 0
    assert accounts[Account.RECEIVABLE.value] == owed
