"""What the engine takes from the world by itself is lent by the harness: threads, sleep, chance.

Nothing else of the engine is touched. Not rendered: the PDF of a mail (its bytes are no money).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any, Self
from unittest.mock import patch

from billing.flows import charge, deliver, ingest, reconcile, recover_sweep
from core import ids
from core.mail import OutgoingMail
from invoices.adapters.mail import compose
from ops import worker
from ops.prove.actors import Stage

_WITH_POOLS: tuple[ModuleType, ...] = (charge, ingest, reconcile)


class Pool:
    """A pool of threads whose threads are actors of the same process."""

    def __init__(self, stage: Stage, workers: int) -> None:
        self._stage, self._workers = stage, workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Nothing is left running: `map` waits."""

    def map(self, do: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """Do it for each, all at once; the first error is raised."""
        me = self._stage.me()
        if me is None:
            return [do(item) for item in items]
        children = [
            self._stage.spawn(
                f"{me.name}.{n}", partial(do, item), process=me.process, skew=me.skew, parent=me
            )
            for n, item in enumerate(items, 1)
        ]
        self._stage.join(children)
        for child in children:
            if child.error is not None:
                raise child.error
        return [child.result for child in children]


def _letter(ready: Any) -> OutgoingMail:
    """The mail without its file."""
    return compose(ready.notice)


@contextmanager
def owned(stage: Stage, dice: random.Random) -> Iterator[None]:
    """The engine lives inside the harness until the end of the block."""

    def sleep(seconds: float) -> None:
        stage.sleep(timedelta(seconds=seconds))

    def pool(workers: int) -> Pool:
        return Pool(stage, workers)

    clock = SimpleNamespace(sleep=sleep, perf_counter=lambda: 0.0)
    with ExitStack() as stack:
        for module in _WITH_POOLS:
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", pool))
        for module in (charge, recover_sweep, worker):
            stack.enter_context(patch.object(module, "time", clock))
        stack.enter_context(patch.object(deliver, "_written", _letter))
        stack.enter_context(ids.drawn_from(dice.randbytes))
        yield
