"""What the gateway says of a hosted page's order, and what that means while somebody may choose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from payments.gateway import Answer
from payments.hosted import (
    PAGE_OVER,
    Page,
    is_second_payment,
    news_of_page,
    next_look,
    offer_on_page,
    over,
    that_counts,
)

OPENED = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
PAGE = Page(until=OPENED + timedelta(hours=1), grace=timedelta(minutes=30))
MINUTE = timedelta(minutes=1)


def said(status: str, word: str | None = None, ident: str | None = "t1") -> Answer:
    return Answer(status, transaction_status=word, transaction_id=ident)  # type: ignore[arg-type]


#  minutes since it was opened, what the gateway says, its own word, what that means
NEWS = """
    0  not_found  -           pending
   59  not_found  -           pending
   60  not_found  -           pending
   89  not_found  -           pending
   90  not_found  -           failed
   10  failed     deny        pending
   10  failed     expire      pending
   10  failed     cancel      pending
   10  failed     failure     pending
   89  failed     expire      pending
   90  failed     deny        failed
   90  failed     expire      failed
   10  failed     -           failed
   10  pending    pending     pending
   90  pending    pending     pending
  999  pending    pending     pending
   10  paid       settlement  paid
   90  paid       capture     paid
   10  unknown    -           unknown
   90  unknown    -           unknown
   10  reversed   chargeback  reversed
"""


@pytest.mark.parametrize("row", NEWS.strip().splitlines(), ids=lambda row: " ".join(row.split()))
def test_a_failed_try_or_an_unknown_order_is_no_end_while_somebody_may_choose(row: str) -> None:
    minutes, status, word, means = row.split()
    answer = said(status, None if word == "-" else word)
    assert news_of_page(answer, PAGE, OPENED + int(minutes) * MINUTE).status == means


def test_what_was_attested_as_over_is_over_at_once() -> None:
    assert news_of_page(over(), PAGE, OPENED).status == "failed"
    denied = over(said("failed", "deny"))
    assert (denied.code, denied.transaction_status) == (PAGE_OVER, "deny")
    assert news_of_page(denied, PAGE, OPENED).status == "failed"


def test_an_order_whose_page_nobody_was_sent_to_stays_in_doubt() -> None:
    page = Page(PAGE.until, PAGE.grace, shown=False)
    for minutes in (1, 95):
        assert news_of_page(said("not_found"), page, OPENED + minutes * MINUTE).status == (
            "not_found"
        )


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (said("failed", "deny", "t2"), "unknown"),
        (said("failed", "expire", "t2"), "unknown"),
        (said("pending", "pending", "t2"), "unknown"),
        (said("failed", "cancel", "t1"), "failed"),
        (said("paid", "refund", "t1"), "paid"),
        (said("reversed", "chargeback", "t2"), "reversed"),
    ],
)
def test_news_of_another_try_does_not_touch_what_is_paid(answer: Answer, means: str) -> None:
    paid = Page(PAGE.until, PAGE.grace, is_open=False, paid_try="t1")
    assert news_of_page(answer, paid, OPENED).status == means


def test_a_second_try_that_was_paid_too_is_seen() -> None:
    paid = Page(PAGE.until, PAGE.grace, is_open=False, paid_try="t1")
    assert is_second_payment(said("paid", "settlement", "t2"), paid)
    assert not is_second_payment(said("paid", "settlement", "t1"), paid)
    assert not is_second_payment(said("paid", "settlement", None), paid)
    assert not is_second_payment(said("failed", "deny", "t2"), paid)
    assert not is_second_payment(said("paid", "settlement", "t2"), PAGE)


def test_after_its_end_an_order_still_takes_late_money() -> None:
    gone = Page(PAGE.until, PAGE.grace, is_open=False)
    assert news_of_page(said("paid", "settlement"), gone, OPENED).status == "paid"


@pytest.mark.parametrize(
    ("statuses", "counts"),
    [
        (("not_found", "pending"), 1),
        (("failed", "pending"), 1),
        (("pending", "paid"), 1),
        (("pending", "failed"), 0),
        (("failed", "failed"), 0),
        (("unknown", "failed"), 0),
        (("not_found",), 0),
    ],
)
def test_of_several_answers_money_counts_and_then_what_may_bring_it(
    statuses: tuple[str, ...], counts: int
) -> None:
    answers = [said(status, ident=f"t{n}") for n, status in enumerate(statuses)]
    assert that_counts(answers) is answers[counts]


def test_it_is_looked_at_when_the_try_ends_then_the_page_then_what_comes_late() -> None:
    number = OPENED + timedelta(hours=20)
    assert next_look(PAGE, OPENED, number) == number
    assert next_look(PAGE, OPENED) == PAGE.until
    assert next_look(PAGE, PAGE.until) == PAGE.until + PAGE.grace
    assert next_look(PAGE, PAGE.until + PAGE.grace) is None
    assert next_look(PAGE, number, number) is None


def test_a_page_shows_what_the_merchant_offers_and_what_can_be_found_by_our_id() -> None:
    offered = ("snap", "qris", "bni_va", "dana")
    assert offer_on_page(offered, takes_cards=True) == ("card", "qris", "bni_va")
    assert offer_on_page(offered, takes_cards=False) == ("qris", "bni_va")
    assert offer_on_page(offered, takes_cards=True, card_only=True) == ("card",)
    assert offer_on_page(("snap",), takes_cards=False) == ()
