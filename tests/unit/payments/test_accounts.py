"""What the gateway says of a linked account, and what that makes of its method."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import get_args

import pytest

from payments.accounts import DAILY, GIVE_UP, Move, account_of, after
from payments.gateway import AccountStatus
from payments.method_kinds import KINDS, LINKED, allowed_kinds

STATUSES = get_args(AccountStatus)


@pytest.mark.parametrize(
    ("state",  "status",   "move",             "because"),
    [
        ("pending", "enabled", Move.ACTIVATE,     ""),
        ("pending", "ended",   Move.END_FOR_GOOD, "not_confirmed"),
        ("pending", "pending", Move.WAIT,         ""),
        ("pending", "unknown", Move.WAIT,         ""),
        ("active",  "enabled", Move.WAIT,         ""),
        ("active",  "ended",   Move.END_FOR_GOOD, "unlinked"),
        ("active",  "pending", Move.WAIT,         ""),   # contradicts itself: asked again
        ("active",  "unknown", Move.WAIT,         ""),
        ("active",  "refused", Move.WAIT,         ""),   # our keys or the pace, not the wallet
        ("ended",   "ended",   Move.FORGET,       ""),
        ("ended",   "enabled", Move.WAIT,         ""),   # the unlinking did not get through
        ("ended",   "pending", Move.WAIT,         ""),   # can not be unlinked yet
    ],
)  # fmt: skip
def test_what_is_said_of_an_account_decides(
    state: str, status: AccountStatus, move: Move, because: str
) -> None:
    step = after(state, status, 1)
    assert (step.move, step.because) == (move, because)


def test_a_wallet_is_used_only_after_the_gateway_said_that_it_may_be() -> None:
    for state, status, polls in itertools.product(
        ("pending", "active", "ended"), STATUSES, range(12)
    ):
        if after(state, status, polls).move is Move.ACTIVATE:
            assert (state, status) == ("pending", "enabled")


def test_nothing_said_ends_nothing() -> None:
    for state, polls in itertools.product(("pending", "active", "ended"), range(30)):
        for status in ("unknown", "refused", "not_sent"):
            assert after(state, status, polls).move is Move.WAIT


def test_what_waits_is_asked_about_more_and_more_rarely() -> None:
    waits = [after("pending", "unknown", polls).again for polls in range(1, 12)]
    assert waits == sorted(waits, key=lambda one: one or timedelta())
    assert (waits[0], waits[-1]) == (timedelta(seconds=30), DAILY)


def test_one_that_its_holder_never_answers_is_given_up_and_its_account_kept_to_be_ended() -> None:
    assert after("pending", "pending", GIVE_UP - 1).move is Move.WAIT
    assert after("pending", "pending", GIVE_UP) == after("pending", "pending", GIVE_UP + 5)
    assert after("pending", "pending", GIVE_UP).move is Move.END


@pytest.mark.parametrize(
    ("mode",      "on",              "kinds"),
    [
        ("recurring", set(),             {"card"}),
        ("recurring", {"gopay_linked"},  {"card", "gopay"}),
        ("two_click", {"gopay_linked"},  {"gopay"}),
        ("none",      {"gopay"},         set()),       # GoPay that the payer pushes
    ],
)  # fmt: skip
def test_the_contract_on_cards_says_nothing_about_wallets(
    mode: str, on: set[str], kinds: set[str]
) -> None:
    assert allowed_kinds(mode, on) == kinds


def test_every_kind_is_charged_by_a_channel_of_its_own() -> None:
    assert {row.channel for row in KINDS.values()} == {"card", "gopay_linked"}
    assert {"gopay_linked"} == LINKED


@pytest.mark.parametrize(
    ("kind", "state", "watched", "word"),
    [
        ("card", "active", False, None), ("gopay", "pending", True, "waiting"),
        ("gopay", "active", True, "linked"), ("gopay", "ended", True, "unlinking"),
        ("gopay", "ended", False, "gone"),
    ],
)  # fmt: skip
def test_an_account_is_told_of_in_a_word(
    kind: str, state: str, watched: bool, word: str | None
) -> None:
    assert account_of(kind, state, watched=watched) == word
