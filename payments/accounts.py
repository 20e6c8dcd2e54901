"""The life of a linked wallet: what the gateway says of its account, and what that makes of ours.

``pending`` until its holder agrees, ``active`` while it may be charged, ``ended`` for ever. The
account of an ended one is unlinked at the gateway, and forgotten once the gateway says that it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from payments.gateway import AccountStatus
from payments.method_kinds import KINDS

# How long a holder is given to agree before the gateway is asked whether it is over; it does not
# say for how long its link lives.
LINK_LIFE: Final = timedelta(minutes=15)
# How long the address lives at which a PIN is given for one charge (contract 2.5); the charge
# itself waits some three times as long.
PIN_LINK_LIFE: Final = timedelta(minutes=5)
# A wallet that nobody asked the gateway for, because a process died before: over after this.
NEVER_ASKED: Final = timedelta(hours=1)
# An active one is asked about so often, for the news that was lost; before a charge it is anyway.
DAILY: Final = timedelta(days=1)
_WAITS: Final = (
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
    DAILY,
)
# Asked so often without an answer of its holder, one that waits is given up: after some two days.
GIVE_UP: Final = 8
# Where the gateway does not know an account that it knew, it has to say so this often, and over a
# day or two: 404 is also what keys of another merchant bring.
MISSED_LAST: Final = 3
# Refusals to link that say nothing about the wallet: the same call may be made again later.
LATER: Final = frozenset({"401", "409", "410", "429"})


class Move(StrEnum):
    """What becomes of a method."""

    WAIT = "wait"
    ACTIVATE = "activate"
    END = "end"  # its account may still be linked
    END_FOR_GOOD = "end_for_good"  # the gateway says that its account is over
    FORGET = "forget"  # it had ended; now its account has too


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, why, and in how much machine time the account is asked about again."""

    move: Move
    because: str = ""
    again: timedelta | None = None


def believed(status: AccountStatus, code: str | None, polls: int) -> AccountStatus:
    """What is taken as said of an account: "no such account" only where it is said again and again.

    Args:
        polls: how often it was asked since it was last known, as `asked` counts.

    >>> believed("ended", "404", 1), believed("ended", "404", GIVE_UP), believed("ended", None, 1)
    ('unknown', 'ended', 'ended')
    """
    return "unknown" if status == "ended" and code == "404" and polls < GIVE_UP else status


def asked(status: AccountStatus, code: str | None, polls: int) -> int:
    """How the count of questions goes on: an account that is known begins anew.

    An answer that was lost says nothing: after it, "no such account" has to be said several times
    before it is believed.

    >>> asked("enabled", None, 30), asked("unknown", None, 30), asked("ended", "404", 6)
    (0, 5, 6)
    """
    if status == "enabled":
        return 0
    return polls if code == "404" else min(polls, GIVE_UP - MISSED_LAST)


def account_of(kind: str, state: str, *, watched: bool) -> str | None:
    """How the account of a method stands at the gateway, in a word; None for what has none.

    Args:
        watched: it is asked about still.

    >>> account_of("gopay", "ended", watched=True)
    'unlinking'
    """
    if not KINDS[kind].linked:
        return None
    if state == "ended":
        return "unlinking" if watched else "gone"
    return "waiting" if state == "pending" else "linked"


def after(state: str, status: AccountStatus, polls: int) -> Step:
    """Decide what the gateway's word of an account does to its method.

    Args:
        state: of the method, read under its lock.
        status: what the gateway said when it was asked; ``refused`` and the like say nothing.
        polls: how often it was asked since the method came into this state.

    >>> after("pending", "enabled", 1).move
    <Move.ACTIVATE: 'activate'>
    >>> after("active", "unknown", 3).move
    <Move.WAIT: 'wait'>
    """
    wait = _WAITS[min(max(polls, 1), len(_WAITS)) - 1]
    if state == "ended":
        return Step(Move.FORGET) if status == "ended" else Step(Move.WAIT, again=wait)
    if status == "ended":
        return Step(Move.END_FOR_GOOD, "not_confirmed" if state == "pending" else "unlinked")
    if state == "active":
        return Step(Move.WAIT, again=DAILY if status == "enabled" else wait)
    if status == "enabled":
        return Step(Move.ACTIVATE, again=DAILY)
    if status == "pending" and polls >= GIVE_UP:
        return Step(Move.END, "not_confirmed", again=wait)
    return Step(Move.WAIT, again=wait)
