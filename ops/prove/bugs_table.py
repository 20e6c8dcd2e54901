"""The table of the planted mistakes: for the docs, for the list, and what measuring them gave."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from ops.prove import bugs
from ops.prove.early import stops_at_the_first
from ops.prove.history import History, live
from ops.prove.place import Place

# Processor seconds of the harness until each was found (PostgreSQL takes about as many). Measure
# them again with `tagihan prove --with-bug all`; one that is not here has not been seen to be
# found yet, and the tests do not ask for it.
SECONDS: Final[dict[str, int]] = {
    "timeout-is-failure": 9,
    "not-found-is-failure": 3,
    "order-id-per-send": 1,
    "declined-is-sent-again": 20,
    "not-written-ahead": 1,
    "call-inside-a-transaction": 1,
    "booked-in-another-transaction": 3,
    "lease-without-end": 1,
    "paid-twice-is-twice": 3,
    "two-attempts-at-once": 9,
    "refund-key-without-the-amount": 4,
    "refund-not-booked": 8,
    "refund-booked-by-half": 8,
    "credit-not-in-the-books": 5,
    "credit-granted-twice": 8,
    "numbers-from-a-sequence": 17,
    "number-taken-twice": 1,
    "number-taken-twice-unguarded": 3,
    "issued-invoice-edited": 2,
    "issued-invoice-edited-unguarded": 3,
    "capture-not-booked": 3,
    "capture-booked-by-half": 3,
    "journal-with-one-side": 2,
    "issue-not-booked": 3,
    "paid-without-an-allocation": 2,
    "tax-stays-waiting": 3,
    "tax-cut-off": 3,
    "tax-per-line": 11,
    "row-security-off": 2,
    "a-second-door": 2,
    "audit-does-not-wait": 2,
    "month-is-thirty-days": 4,
    "anchor-decays": 17,
    "day-billed-twice": 8,
    "day-never-billed": 3,
    "trial-is-charged": 2,
    "trial-never-ends": 1,
    "change-keeps-the-old-period": 3,
    "change-keeps-both-plans": 6,
    "next-step-forgotten": 3,
    "number-open-beside-a-charge": 2,
    "paid-is-chased": 10,
    "one-off-key-ignored": 12,
    "credit-source-ignored": 8,
    "refund-not-in-the-audit": 4,
    "void-not-in-the-audit": 9,
    "payment-not-told": 3,
    "invoice-not-told": 3,
    "order-id-without-a-number": 2,
    "refund-not-counted": 5,
    "refund-key-without-the-amount-unguarded": 7,
    "overpaid-is-lost": 3,
    "paid-does-not-begin": 3,
    "balance-used-twice": 3,
    "balance-used-twice-unguarded": 4,
    "credit-of-a-change-forgotten": 3,
    "canceled-too-early": 5,
    "no-reaper": 10,
    "lease-shorter-than-the-call": 4,
    "no-quarantine": 5,
    "stale-status-downgrades": 1,
    "stale-status-downgrades-all": 2,
    "charged-every-tick": 15,
    "late-payment-dropped": 2,
    "only-on-the-billing-day": 11,
}
NOT_YET: Final = "not seen yet"
_HEAD: Final = (
    "| bug | what is wrong | who had it | found by | processor seconds |\n|---|---|---|---|---|\n"
)
_ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \| (.*) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str, str, str, str]]:
    """Name, what is wrong, who had it, by which rules it is found, and after how long."""
    return [
        (
            name,
            bug.what,
            bug.had_by,
            ", ".join(rule.rstrip(":") for rule in bug.found_by),
            str(SECONDS.get(name, NOT_YET)),
        )
        for name, bug in bugs.BUGS.items()
    ]


def table() -> str:
    """The table as Markdown."""
    return _HEAD + "".join(f"| `{name}` | {' | '.join(told)} |\n" for name, *told in rows())


def read(page: str) -> list[tuple[str, ...]]:
    """The rows of the table that stands on a page."""
    return [match.groups() for match in _ROW.finditer(page)]


def measure(
    names: Iterable[str], place: Place, seed: str, say: Callable[[str], None]
) -> dict[str, int | None]:
    """Plant one after the other and say how long each lived; None where it was not found."""
    found: dict[str, int | None] = {}
    for name in names:
        began, worked = time.monotonic(), time.process_time()
        found[name] = None
        with bugs.planted(name) as bug:
            for index in range(bug.life.histories):
                plan = bugs.plan_of(bug.life, seed, index)
                told = live(plan, place, stops_at_the_first(_nothing))
                if bugs.finds(bug, told.violations):
                    found[name] = max(1, math.ceil(time.process_time() - worked))
                    break
        waited = round(time.monotonic() - began)
        say(f"{name:<42} {found[name] or NOT_YET}, {waited} s by the clock")
    return found


def write(page: Path) -> None:
    """Put the table as it is now in the place of the one that stands on a page."""
    told = page.read_text(encoding="utf-8")
    begins = told.index("| bug | what is wrong |")
    page.write_text(told[:begins] + table() + told[told.index("\n\n", begins) + 1 :], "utf-8")


def _nothing(_: History) -> None:
    """Nobody else watches."""


if __name__ == "__main__":  # writes the docs' table anew: python -m ops.prove.bugs_table
    write(Path(__file__).resolve().parents[2] / "docs" / "explain" / "money-safety.md")
