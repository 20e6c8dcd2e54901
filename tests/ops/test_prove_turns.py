"""Lives full of turns: nothing breaks in one, the bank takes back, and two may not send one mail."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ops.prove import turns
from ops.prove.book import TAKEN, Book
from ops.prove.command import Wanted, plans_of
from ops.prove.edges import Postman
from ops.prove.history import live
from ops.prove.place import Place, throwaway
from ops.prove.plan import Told

NOW = datetime(2027, 1, 4, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with throwaway() as found:
        yield found


@pytest.fixture(scope="module")
def told(place: Place) -> Told:
    wanted = Wanted("1", subscriptions=2, days=8, life="turns")
    return live(next(plans_of(wanted, lambda: False)), place)


@pytest.mark.database
@pytest.mark.slow
def test_a_life_full_of_turns_breaks_no_promise(told: Told) -> None:
    assert [str(one) for one in told.violations] == []


@pytest.mark.database
@pytest.mark.slow
def test_in_it_people_pay_give_back_and_think_better_of_it(told: Told) -> None:
    assert told.deeds.keys() >= {"sign_up", "pay_number", "give_back"}
    assert told.charges > 0


def test_such_lives_begin_before_a_years_end_and_at_the_ends_of_months() -> None:
    lives = list(plans_of(Wanted("1", histories=4, life="turns"), lambda: False))
    assert {one.begins for one in lives} == set(turns.BEGINS)


def charged(book: Book) -> str:
    book.charge(
        {
            "payment_type": "credit_card",
            "transaction_details": {"order_id": "a-1", "gross_amount": 99_000},
            "credit_card": {"token_id": "t", "initiated_by": "merchant"},
        },
        None,
    )
    return "a-1"


def test_a_bank_takes_back_only_what_has_settled() -> None:
    book = Book("1", "key", lambda: NOW)
    order = charged(book)
    book.take_back(order)
    assert book.orders[order].state == "capture"
    book.settle_by_itself(book.orders[order])
    book.take_back(order)
    assert book.orders[order].state == "chargeback"
    assert "chargeback" not in TAKEN


def test_on_the_last_day_numbers_are_paid_and_nobody_tells() -> None:
    book, told = Book("1", "key", lambda: NOW), list[Any]()
    book.tell = told.append
    for n in range(20):
        book.charge(
            {
                "payment_type": "bank_transfer",
                "transaction_details": {"order_id": f"v-{n}", "gross_amount": 1_000},
            },
            None,
        )
    told.clear()
    turns.on_the_last_day(book, random.Random("dice"))
    assert {one.state for one in book.orders.values()} == {"pending", "settlement"}
    assert told == []
    assert book.tell == told.append


def postman(at: list[datetime]) -> Postman:
    actors = iter(
        SimpleNamespace(name=f"worker {n}", dead=False, skew=timedelta(0), process=f"w{n}")
        for n in range(9)
    )
    stage: Any = SimpleNamespace(
        me=lambda: next(actors), step=lambda _: None, __class__=object, now=at[0]
    )
    return Postman(stage, SimpleNamespace(at_mail=lambda _: None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("later", "broken"),
    [(timedelta(seconds=1), 1), (timedelta(minutes=5), 0)],  # within the lease, and after it
)
def test_two_may_not_give_one_mail_over_at_once(later: timedelta, broken: int) -> None:
    mail: Any = SimpleNamespace(message_id="<1@tagihan>")
    post = postman([NOW])
    post.send(mail)
    post.stage.now = NOW + later
    post.send(mail)
    assert len(post.twice) == broken
