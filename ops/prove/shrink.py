"""From a history that breaks a promise to the smallest that breaks it still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ops.prove.faults import GROUPS
from ops.prove.history import History, live
from ops.prove.place import Place
from ops.prove.plan import Plan
from ops.prove.report import names

SECONDS_MAX = 120


def smallest(
    plan: Plan, place: Place, rules: set[str], say: Callable[[str], None], *,
    seconds: int = SECONDS_MAX, watch: Callable[[History], None] = lambda _: None,
) -> Plan:  # fmt: skip
    """Leave out people, days and kinds of fault for as long as a rule of ``rules`` breaks."""
    until = time.monotonic() + seconds
    say("looking for the smallest history that breaks the same promise ...")
    best, gone_on = plan, True
    while gone_on and time.monotonic() < until:
        gone_on = False
        for smaller in _smaller(best):
            if time.monotonic() > until:
                break
            if names(live(smaller, place, watch).violations) & rules:
                best, gone_on = smaller, True
                say(
                    f"  still broken with {best.subscriptions} subscriptions, {best.days} days,"
                    f" without {len(best.off)} kinds of fault"
                )
                break
    return best


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Smaller plans, the boldest first."""
    if plan.subscriptions > 1:
        yield replace(plan, subscriptions=1)
        yield replace(plan, subscriptions=plan.subscriptions // 2)
    if plan.days > 3:
        yield replace(plan, days=max(3, plan.days // 4))
        yield replace(plan, days=plan.days // 2)
    for group in GROUPS.values():
        kinds = frozenset(group)
        if not kinds <= plan.off:
            yield replace(plan, off=plan.off | kinds)
    for group in GROUPS.values():
        for kind in group:
            if kind not in plan.off:
                yield replace(plan, off=plan.off | {kind})
    if plan.subscriptions > 2:
        yield replace(plan, subscriptions=plan.subscriptions - 1)
