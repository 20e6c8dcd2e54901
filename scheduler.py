"""When things happen: a tick that rings for due work, any number of copies, never "at midnight".

APScheduler only ticks: nothing is kept in it, so a copy too many, a tick lost or a month of
darkness changes nothing but the speed. What is due stands in our own rows (``next_at <= now``).
"""

from __future__ import annotations

import logging
import threading
import time
from uuid import UUID

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from billing.engine import Engine, build_engine
from billing.flows.clock import drive
from billing.flows.compare_status import begin_day
from core.housekeeping import sweep
from core.jobs import advancing_clocks, ring_due
from core.sealing import seal_waiting
from core.seals import SealKeys
from core.settings import Settings
from ops import nightly
from ops.database_check import wait_for_database

LOG = logging.getLogger("tagihan.scheduler")

# Test clocks step as fast as their work is drained.
CLOCK_SECONDS = 0.1
PAUSE_SECONDS = 0.02
HOUSEKEEPING_SECONDS = 600
WATCH_SECONDS = 300
STEPS_MAX = 200


def tick(engine: Engine) -> int:
    """Ring for everything due at this moment; returns how many bells are new."""
    rung = ring_due(engine.db, engine.real_now())
    if rung:
        LOG.info("rang", extra={"bells": rung})
    return rung


def housekeep(engine: Engine) -> int:
    """Sweep out what has run its time, in machine time; returns how many rows."""
    swept = sweep(engine.db, engine.real_now())
    if swept:
        LOG.info("swept", extra={"rows": swept})
    return swept


def seal(engine: Engine) -> int:
    """Seal what is new in the audit, in machine time; returns how many rows."""
    return seal_waiting(engine.db, SealKeys.of(engine.vault), engine.real_now())


def compare(engine: Engine) -> int:
    """Open the day's comparison with the gateway, in machine time; returns for how many."""
    opened = begin_day(engine)
    if opened:
        LOG.info("comparing with the gateway", extra={"merchants": opened})
    return opened


def watch_health(engine: Engine) -> int:
    """Examine the books and the audit once a night, in machine time, and tell what is wrong."""
    return nightly.watch(engine)


def drive_clocks(engine: Engine) -> None:
    """Take test clocks that are on their way further, a step at a time, as far as they move."""

    def ring(merchant_id: UUID) -> int:
        return ring_due(engine.db, engine.real_now(), merchant_id=merchant_id)

    left_out: set[UUID] = set()
    for _ in range(STEPS_MAX):
        # Turn by turn: one that waits for its gateway does not keep the others waiting.
        moving = [one for one in advancing_clocks(engine.db) if one not in left_out]
        if not moving:
            return
        for merchant_id in moving:
            try:
                drive(engine, merchant_id, ring)
            except Exception:
                # Its simulator may be down; the other clocks go on, this one is tried again.
                facts = {"merchant": str(merchant_id)}
                LOG.exception("a test clock can not be driven", extra=facts)
                left_out.add(merchant_id)
        # Leave the workers a moment before looking again.
        time.sleep(PAUSE_SECONDS)


def main(settings: Settings, stop: threading.Event | None = None) -> None:
    """``tagihan scheduler``: tick until told to stop."""
    stop = stop or threading.Event()
    if not wait_for_database(settings.database_url or "", stop, LOG.error):
        return
    engine = build_engine(settings)
    # Driving a clock takes longer than its interval: that a turn is left out is no news.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(4)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.add_job(tick, "interval", args=[engine], seconds=settings.tick_seconds, id="tick")
    scheduler.add_job(drive_clocks, "interval", args=[engine], seconds=CLOCK_SECONDS, id="clocks")
    scheduler.add_job(
        housekeep, "interval", args=[engine], seconds=HOUSEKEEPING_SECONDS, jitter=60, id="sweep"
    )
    scheduler.add_job(
        compare, "interval", args=[engine], seconds=HOUSEKEEPING_SECONDS, jitter=60, id="compare"
    )
    scheduler.add_job(seal, "interval", args=[engine], seconds=settings.seal_seconds, id="seal")
    scheduler.add_job(
        watch_health, "interval", args=[engine], seconds=WATCH_SECONDS, jitter=120, id="doctor"
    )
    tick(engine)
    scheduler.start()
    LOG.info("scheduler ready", extra={"tick_seconds": settings.tick_seconds})
    try:
        while not stop.wait(1):
            pass
    finally:
        scheduler.shutdown(wait=True)
        engine.close()
