"""Several processes live histories at once, on one server; what came of them comes in order."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from multiprocessing.pool import AsyncResult

from ops.prove import bugs
from ops.prove.history import History, live
from ops.prove.place import Place
from ops.prove.plan import Plan, Told

_TOOLS: list[tuple[Place, ExitStack]] = []


def lived(
    plans: Iterable[Plan | None], place: Place, *,
    jobs: int = 1, bug: str | None = None,
    watch: Callable[[History], None] = lambda _: None, hurry: Callable[[], bool] = lambda: False,
) -> Iterator[Told]:  # fmt: skip
    """Live plans, so many at once; told in the order of the plans, whoever is done first.

    At a None all that came before it is lived to its end before the next plan is asked for.
    ``watch`` and ``hurry`` are asked only where one process does it all. ``bug`` is planted in the
    others: the caller has planted it in this one.
    """
    settle_memory()
    if jobs == 1:
        for plan in plans:
            if plan is not None:
                yield live(plan, place, watch, hurry)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, _begin, (place, bug)) as pool:
        under_way: deque[AsyncResult[Told]] = deque()
        for plan in plans:
            if plan is not None:
                under_way.append(pool.apply_async(_live, (plan,)))
            while under_way and (plan is None or len(under_way) >= 2 * jobs):
                yield under_way.popleft().get()
        while under_way:
            yield under_way.popleft().get()


def settle_memory() -> None:
    """What is loaded stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _begin(place: Place, bug: str | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started us ends us
    settle_memory()
    stack = ExitStack()
    if bug:
        stack.enter_context(bugs.planted(bug))
    _TOOLS.append((place, stack))


def _live(plan: Plan) -> Told:
    return live(plan, _TOOLS[0][0])
