"""The worker process: takes bells off the wall and does the work behind the door."""

from __future__ import annotations

import logging
import threading
import time
from uuid import UUID

from billing.engine import Engine, build_engine
from billing.jobs import BATCHES, FLOWS
from core.clashes import is_clash, repeated
from core.jobs import ring_due, take_bell
from core.settings import Settings
from ops import database_check

LOG = logging.getLogger("tagihan.worker")

# How many batches one bell may lead to before others get their turn.
ROUNDS_MAX = 50
IDLE_SECONDS = 0.1
IDLE_SECONDS_MAX = 0.5


def run_bell(engine: Engine, merchant_id: UUID, kind: str) -> int:
    """Do the work of one kind for one merchant until none is left; returns how many rows it was.

    What came to be due while the last batch was worked off has rung a bell of its own.
    """
    done = 0
    for _ in range(ROUNDS_MAX):
        count = repeated(lambda: FLOWS[kind](engine, merchant_id))
        done += count
        if count < BATCHES.get(kind, 1):
            break
    return done


def run_once(engine: Engine) -> bool:
    """Answer one bell; returns whether there was one."""
    bell = take_bell(engine.db, engine.real_now())
    if bell is None:
        return False
    if bell.stepping:
        return True  # a bell is rung again once the clock stands
    started = time.perf_counter()
    try:
        count = run_bell(engine, bell.merchant_id, bell.kind)
    except Exception as error:
        # The rows keep their due instants, so the next tick rings for this again.
        facts = {"kind": bell.kind, "merchant": str(bell.merchant_id)}
        if is_clash(error):
            LOG.warning("transactions met again and again; this is done later", extra=facts)
        else:
            LOG.exception("job failed", extra=facts)
        time.sleep(IDLE_SECONDS_MAX)
        return True
    if count:
        LOG.info(
            "job done",
            extra={
                "kind": bell.kind,
                "merchant": str(bell.merchant_id),
                "rows": count,
                "milliseconds": round((time.perf_counter() - started) * 1000),
            },
        )
    return True


def drain(engine: Engine, *, rounds: int = 1000) -> int:
    """Ring and answer until nothing is due, in this thread; for tests and small commands."""
    answered = 0
    for _ in range(rounds):
        ring_due(engine.db, engine.real_now())
        busy = False
        while run_once(engine):
            busy = True
            answered += 1
        if not busy:
            return answered
    raise RuntimeError("work keeps coming: something is due again as soon as it was done")


def work_until(engine: Engine, stop: threading.Event) -> None:
    """One thread's life: answer bells, rest a little when it is quiet."""
    idle = IDLE_SECONDS
    while not stop.is_set():
        try:
            found = run_once(engine)
        except Exception as error:
            told = database_check.explain(error, engine.settings.database_url)
            if told:
                LOG.critical(told)
            else:
                LOG.exception("no bell can be taken")
            stop.wait(2)
            continue
        idle = IDLE_SECONDS if found else min(IDLE_SECONDS_MAX, idle * 1.5)
        if not found:
            stop.wait(idle)


def main(settings: Settings, stop: threading.Event | None = None) -> None:
    """``tagihan worker``: run until told to stop; batches under way are finished first."""
    stop = stop or threading.Event()
    if not database_check.wait_for_database(settings.database_url or "", stop, LOG.error):
        return
    engine = build_engine(settings)
    threads = [
        threading.Thread(target=work_until, args=(engine, stop), name=f"worker-{n}")
        for n in range(settings.worker_threads)
    ]
    for thread in threads:
        thread.start()
    LOG.info("worker ready", extra={"threads": len(threads)})
    try:
        while not stop.wait(1):
            pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        engine.close()
