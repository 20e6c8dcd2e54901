"""Transactions that stood in each other's way: one of them gave in, and is done again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError

_T = TypeVar("_T")

# What PostgreSQL says to the one that gives in: a deadlock, or a change it could not have seen.
_SQLSTATES: Final = frozenset({"40P01", "40001"})
TIMES: Final = 4


def is_clash(error: BaseException | None) -> bool:
    """Whether two transactions stood in each other's way; nothing of this one was kept."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    return getattr(orig, "sqlstate", None) in _SQLSTATES


def repeated(do: Callable[[], _T], *, times: int = TIMES) -> _T:
    """Do something until it meets no other transaction, at most so many times.

    Only for what leaves no trace when its transaction is rolled back, or finds its trace again:
    one transaction with no call to the outside in it, or a flow that claims what is due.

    Raises:
        Exception: whatever else it raises, and the last clash.
    """
    for _ in range(times - 1):
        try:
            return do()
        except DBAPIError as error:
            if not is_clash(error):
                raise
    return do()
