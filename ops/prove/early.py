"""Looking for a broken promise while a history is lived: a planted bug need not be waited for.

Only what must hold in the middle of work is asked: that something waits too long is seen at the
end, when nothing may wait any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ops.doctor import examine
from ops.doctor_checks import ALL
from ops.prove import manners, promises
from ops.prove.checks import Violation
from ops.prove.history import History, SeenError

_EVERY: Final = 12
_TIMELY: Final = frozenset(
    {
        "nothing-unknown-for-a-day", "nothing-stuck", "pages-end", "holds-end", "nobody-forgotten",
        "charges-are-announced", "collecting-goes-on", "unpaid-is-watched", "case-has-next-step",
        "notifications-are-read", "reviews-are-answered", "wallets-are-asked-about",
        "ended-wallets-are-unlinked", "audit-is-sealed",
    }
)  # fmt: skip
_AT_ONCE: Final = tuple(one for one in ALL if one.name not in _TIMELY and not one.warning)


def stops_at_the_first(then: Callable[[History], None]) -> Callable[[History], None]:
    """Watch a history and end it where a promise is broken; ``then`` is called besides."""
    seen = [0]

    def watch(history: History) -> None:
        then(history)
        found = [*history.violations, *history.errors.found, *refused(history)]
        found += history.postman.twice
        seen[0] += 1
        if not found and seen[0] % _EVERY == 0:
            found = _look(history)
        if found:
            history.violations[:] = found
            raise SeenError

    return watch


def refused(history: History) -> list[Violation]:
    """Requests of people that a constraint or trigger refused again and again."""
    return [Violation("no request breaks a guard", name, why) for name, why in history.deeds.broke]


def _look(history: History) -> list[Violation]:
    report = examine(history.engine.db, history.stage.now, _AT_ONCE)
    found = [
        Violation(f"doctor:{result.name}", one.what, one.why)
        for result in report.broken
        for one in result.examples
    ]
    found += manners.unmannerly(history.look, history.stage.now, at_once=True)
    found += promises.broken(history.look, at_once=True)
    return found + manners.once_each(history.look, history.deeds.asked)
