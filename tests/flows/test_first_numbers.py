"""The first numbers of a year, taken by several workers at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from builders import make_merchant, working

from billing.engine import Engine
from invoices.service import take_numbers

WORKERS = 6
YEARS = range(2027, 2057)


def test_a_counter_that_several_make_at_once_is_one_counter(engine: Engine) -> None:
    merchant = make_merchant(engine)
    gate = threading.Barrier(WORKERS)

    def take(year: int) -> int:
        with working(engine, merchant) as unit:
            gate.wait(20)
            return take_numbers(unit, "invoice", year, 1)[0]

    with ThreadPoolExecutor(WORKERS) as pool:
        for year in YEARS:
            assert sorted(pool.map(take, [year] * WORKERS)) == list(range(1, WORKERS + 1))
