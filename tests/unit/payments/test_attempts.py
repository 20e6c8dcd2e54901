"""Which news moves an attempt where: every state against every kind of news."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.attempts import (
    BLOCKING_STATES,
    LEGAL_MOVES,
    OPEN_STATES,
    RANK,
    Accept,
    AttemptState,
    Ignore,
    News,
    NewsStatus,
    Park,
    Stage,
    after_unsent,
    decide,
    may_try_again,
    midtrans_status,
    next_poll_after,
    stage_after,
)

S = AttemptState
AMOUNT = 109_890


def news(status: str, **changes: object) -> News:
    fields: dict[str, object] = {
        "order_id": "a-1",
        "status": NewsStatus(status),
        "amount": None if status in {"unknown", "not_found"} else AMOUNT,
        "currency": None if status in {"unknown", "not_found"} else "IDR",
    }
    return News(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("current", "paid",     "failed",   "pending",   "unknown",   "not_found"),
    [
        ("created",  "paid",     "failed",   "pending",   "-",         "-"),
        ("sent",     "paid",     "failed",   "pending",   "unknown",   "unknown"),
        ("unknown",  "paid",     "failed",   "pending",   "-",         "-"),
        ("pending",  "paid",     "failed",   "-",         "-",         "-"),
        ("failed",   "paid",     "-",        "-",         "-",         "-"),
        ("paid",     "-",        "-",        "-",         "-",         "-"),
        ("reversed", "!",        "-",        "-",         "-",         "-"),
        ("review",   "-",        "-",        "-",         "-",         "-"),
    ],
)  # fmt: skip
def test_news_climbs_or_is_older(
    *, current: str, paid: str, failed: str, pending: str, unknown: str, not_found: str
) -> None:
    """``-`` is ignored, ``!`` is parked for a person, a word is the state after."""
    row = {
        "paid": paid,
        "failed": failed,
        "pending": pending,
        "unknown": unknown,
        "not_found": not_found,
    }
    for status, expected in row.items():
        move = decide(S(current), news(status), AMOUNT)
        if expected == "-":
            assert isinstance(move, Ignore), status
            assert move.state == current
        elif expected == "!":
            assert isinstance(move, Park), status
        else:
            assert move == Accept(S(expected)), status


@pytest.mark.parametrize("current", list(S))
def test_only_what_was_paid_is_reversed_by_a_chargeback(current: S) -> None:
    move = decide(current, news("reversed"), AMOUNT)

    if current is S.PAID:
        assert move == Accept(S.REVERSED)
    elif current in (S.REVERSED, S.REVIEW):
        assert isinstance(move, Ignore)
    else:
        assert move == Park(S.REVIEW, "charged back before it was known as paid")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": AMOUNT + 1},
        {"amount": 0},
        {"currency": "USD"},
        {"order_id": "a-2"},
        {"amount": None},
    ],
)
@pytest.mark.parametrize("current", ["sent", "unknown", "pending", "failed"])
def test_a_payment_that_does_not_match_is_parked(current: str, changes: dict[str, object]) -> None:
    move = decide(S(current), news("paid", **changes), AMOUNT, order_id="a-1")

    assert isinstance(move, Park)
    assert move.state is S.REVIEW


def test_a_mismatch_never_takes_a_payment_away() -> None:
    move = decide(S.PAID, news("paid", amount=1), AMOUNT)

    assert move == Park(S.PAID, "another amount")


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_a_mismatch_is_parked_whatever_the_status(status: str) -> None:
    assert isinstance(decide(S.SENT, news(status, amount=1), AMOUNT), Park)


def test_a_refusal_before_any_transaction_needs_no_amount() -> None:
    refused = news("failed", amount=None, currency=None)

    assert decide(S.SENT, refused, AMOUNT) == Accept(S.FAILED)


@pytest.mark.parametrize(
    ("payment_type", "store", "word", "expected"),
    [
        ("bank_transfer", "permata", "deny", Accept(S.REVERSED)),
        ("permata", None, "deny", Accept(S.REVERSED)),
        ("echannel", None, "deny", Accept(S.REVERSED)),
        ("cstore", "indomaret", "deny", Accept(S.REVERSED)),
        ("bank_transfer", "bca", "deny", Park(S.PAID, "deny after payment")),
        ("credit_card", None, "deny", Park(S.PAID, "deny after payment")),
        ("credit_card", None, "cancel", Park(S.PAID, "cancel after payment")),
        ("bank_transfer", "permata", "expire", Ignore(S.PAID, "older")),
    ],
)
def test_only_a_bank_reversal_leaves_paid(
    payment_type: str, store: str | None, word: str, expected: object
) -> None:
    told = news("failed", payment_type=payment_type, store=store, transaction_status=word)

    assert decide(S.PAID, told, AMOUNT) == expected


def test_the_cancel_of_our_own_refund_is_no_alarm() -> None:
    told = news("failed", payment_type="credit_card", transaction_status="cancel")

    assert isinstance(decide(S.PAID, told, AMOUNT, cancel_asked=True), Ignore)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(NewsStatus),
            st.sampled_from([AMOUNT, AMOUNT, AMOUNT, 1, None]),
            st.sampled_from(["deny", "cancel", "expire", "settlement"]),
            st.sampled_from(["credit_card", "echannel", "bank_transfer"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_the_lattice_never_goes_down_and_only_makes_legal_moves(
    history: list[tuple[NewsStatus, int | None, str, str, bool]],
) -> None:
    state = S.SENT
    for status, amount, word, payment_type, asked in history:
        told = News("a-1", status, amount, "IDR", word, payment_type)
        after = decide(state, told, AMOUNT, cancel_asked=asked).state

        assert RANK[after] >= RANK[state]
        assert after is state or after in LEGAL_MOVES[state]
        if state is S.PAID:
            assert after in {S.PAID, S.REVERSED}
        state = after


@given(st.permutations(["pending", "failed", "paid", "pending", "not_found", "unknown"]))
def test_any_order_of_news_ends_in_paid_when_one_says_paid(order: list[str]) -> None:
    state = S.SENT
    for status in order:
        state = decide(state, news(status), AMOUNT).state

    assert state is S.PAID


@pytest.mark.parametrize(
    ("transaction_status", "fraud_status", "status", "stage"),
    [
        ("settlement", None, "paid", "settled"),
        ("settlement", "accept", "paid", "settled"),
        ("settlement", "challenge", "pending", None),
        ("settlement", "deny", "unknown", None),
        ("capture", "accept", "paid", "captured"),
        ("capture", None, "paid", "captured"),
        ("capture", "challenge", "pending", None),
        ("capture", "deny", "failed", None),
        ("authorize", "accept", "pending", None),
        ("pending", None, "pending", None),
        ("deny", None, "failed", None),
        ("deny", "deny", "failed", None),
        ("deny", "accept", "failed", None),
        ("cancel", None, "failed", None),
        ("expire", None, "failed", None),
        ("failure", None, "failed", None),
        ("refund", None, "paid", "settled"),
        ("partial_refund", "accept", "paid", "settled"),
        ("chargeback", None, "reversed", None),
        ("partial_chargeback", None, "paid", "settled"),
        ("something_new", None, "unknown", None),
        ("", None, "unknown", None),
    ],
)
def test_midtrans_words_become_ours(
    transaction_status: str, fraud_status: str | None, status: str, stage: str | None
) -> None:
    assert midtrans_status(transaction_status, fraud_status) == (
        NewsStatus(status),
        Stage(stage) if stage else None,
    )


@pytest.mark.parametrize(
    ("age_seconds", "wait_seconds"),
    [
        (0, 30),
        (19, 11),
        (25, 95),  # five seconds before the point is too close: the next one, at 120
        (30, 90),
        (120, 180),
        (300, 600),
        (900, 2_700),
        (3_600, 18_000),
        (21_600, 64_800),
        (86_400, 86_400),
        (100_000, 72_800),  # 172,800 - 100,000
        (172_795, 86_405),
    ],
)
def test_an_order_without_outcome_is_asked_about_ever_more_rarely(
    age_seconds: int, wait_seconds: int
) -> None:
    assert next_poll_after(timedelta(seconds=age_seconds)) == timedelta(seconds=wait_seconds)


def test_a_captured_card_becomes_settled_and_stays_so() -> None:
    settled, captured = news("paid", stage=Stage.SETTLED), news("paid", stage=Stage.CAPTURED)

    assert stage_after(None, captured) is Stage.CAPTURED
    assert stage_after(Stage.CAPTURED, settled) is Stage.SETTLED
    assert stage_after(Stage.SETTLED, captured) is Stage.SETTLED
    assert stage_after(Stage.CAPTURED, news("pending")) is Stage.CAPTURED


def test_only_an_attested_failure_opens_the_next_attempt() -> None:
    assert {state for state in S if may_try_again(state)} == {S.FAILED, S.REVERSED}
    assert OPEN_STATES < BLOCKING_STATES
    assert not any(may_try_again(state) for state in BLOCKING_STATES)


def test_a_call_that_never_left_returns_to_where_it_was() -> None:
    assert after_unsent(0) is S.CREATED
    assert after_unsent(1) is S.UNKNOWN
