"""Renewals while workers and schedulers are killed: each is charged once; two thousand with FULL=1.

Real processes, a real gateway process that also misbehaves, SIGKILL at seeded moments. The engine
may be slow in it, never wrong.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import full
import pytest
from database import Database
from kill.crowd import a_merchant, an_engine, put_mail_off, saved_tokens, subscribers
from kill.fleet import Fleet, Process, a_fleet
from kill.observer import Observer
from simulated import Desk, open_desk, running_simulator
from world import ME

from billing.flows.clock import jump
from core.clock import utc_now
from ops.doctor import examine, render

pytestmark = [pytest.mark.database, pytest.mark.kill, pytest.mark.slow]

SEED = 20261121
SUBSCRIPTIONS = full.of(2_000, 500)
TOTAL = 99_000
START = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)  # 09:00 in Jakarta; trials end on the 19th
MORNING = datetime(2026, 1, 19, 3, 30, tzinfo=UTC)  # 10:30 in Jakarta: all are to be charged

KILLS_BETWEEN_MIN = full.of(20, 5)
# The killing goes on until so many kills seem to have met a charge, or nothing is left to do.
KILLS_WANTED = full.of(28, 8)
KILLING_SECONDS_MAX = 120
# A worker that is just idle is let live this long for something to be on its way.
PATIENCE_SECONDS = 2
# An order in doubt is asked about after 30 seconds, then after two minutes: trouble stops early.
TROUBLE_SECONDS = full.of(30, 10)
QUIET_SECONDS_MAX = 125
PAUSE_SECONDS = (0.5, 1.2)
# So many notifications never arrive: those orders are found by asking.
NEWS_LOST = SUBSCRIPTIONS // 2
# How the gateway treats charges while the killing goes on; the last one is its usual slowness.
TROUBLE = (
    {"kind": "drop_after", "probability": 0.02},
    {"kind": "500_before", "probability": 0.02},
    {"kind": "503_after", "probability": 0.02},
    {"kind": "timeout_after", "probability": 0.01, "seconds": 4},
    {"kind": "timeout_before", "probability": 0.01, "seconds": 4},
    {"kind": "slow", "probability": 1.0, "seconds": 0.5},
)


@dataclass
class Kills:
    """Who was killed, and which sends were under way in each worker at that moment."""

    workers: int = 0
    schedulers: int = 0
    caught: list[list[tuple[str, int]]] = field(default_factory=list)

    @property
    def met(self) -> int:
        """Kills that found sends without an outcome at that moment."""
        return sum(bool(sends) for sends in self.caught)

    def between(self, answered: set[tuple[str, int]]) -> int:
        """Kills after which at least one send's outcome had to be found by somebody else."""
        return sum(any(send not in answered for send in sends) for sends in self.caught)

    def orphans(self, answered: set[tuple[str, int]]) -> int:
        """Sends whose process died before it could write what became of them."""
        return len({send for sends in self.caught for send in sends} - answered)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with running_simulator() as url:
        yield open_desk(url)


@pytest.mark.timeout(420)
def test_every_renewal_is_charged_once_whoever_is_killed(
    fresh_database: Database, desk: Desk, tmp_path: Path
) -> None:
    began = time.monotonic()
    database = fresh_database
    put_mail_off(database)
    engine = an_engine(database)
    desk.control("POST", "clock", to=START.isoformat())
    merchant_id = a_merchant(engine, desk, START, namespace=b"kill-test-walls!")
    subscribers(engine, merchant_id, saved_tokens(desk), SUBSCRIPTIONS)
    jump(engine, merchant_id, MORNING, ME)
    made = time.monotonic() - began

    eye = Observer.of(database)
    try:
        eye.connection.execute("ANALYZE")
        with a_fleet(database, tmp_path, TAGIHAN_QUARANTINE_SECONDS="8") as fleet:
            kills, killing, quiet = _live(fleet, desk, eye)
        answered = eye.answered()
        between = kills.between(answered)
        print(
            f"\nmade {SUBSCRIPTIONS} in {made:.1f} s; killed {kills.workers} workers and "
            f"{kills.schedulers} schedulers in {killing:.1f} s, {between} between sent and the "
            f"outcome ({kills.orphans(answered)} sends); quiet after {quiet:.1f} s; "
            f"{desk.summary()['charges']} charges; {time.monotonic() - began:.1f} s in all"
        )
        _check(eye)
        _check_books(eye)
        _check_gateway(eye, desk)
        report = examine(engine.db, utc_now())
        assert not report.broken, render(report)
        assert between >= KILLS_BETWEEN_MIN
    finally:
        eye.close()
        engine.close()


def _live(fleet: Fleet, desk: Desk, eye: Observer) -> tuple[Kills, float, float]:
    """Let the fleet work and be killed until all is done; kills, seconds of killing and after."""
    for trouble in TROUBLE:
        desk.control("POST", "faults", op="charge", times=None, **trouble)
    desk.control("POST", "notifications", order_id="", action="lose_next", times=NEWS_LOST)
    fleet.add("api")
    fleet.wait_for_api()
    address = f"http://127.0.0.1:{fleet.api_port}/gateways/midtrans/kasirku"
    desk.control(
        "POST", "accounts", client_key=desk.client_key, notification_url=address,
        server_key=desk.server_key,
    )  # fmt: skip
    schedulers = [fleet.add("scheduler") for _ in range(2)]
    workers = [fleet.add("worker", margin=margin) for margin in (1, 2, 3)]
    kills = Kills()
    began = time.monotonic()
    for pause, victim in _victims(schedulers, workers):
        time.sleep(pause)
        now = time.monotonic() - began
        if now > TROUBLE_SECONDS:
            desk.control("DELETE", "faults")
            desk.control("POST", "faults", op="charge", times=None, **TROUBLE[-1])
        _kill(fleet, victim, eye, kills)
        if kills.met >= KILLS_WANTED or now > KILLING_SECONDS_MAX or not eye.work_left():
            break
    killing = time.monotonic() - began
    desk.control("DELETE", "faults")
    began = time.monotonic()
    while eye.work_left():
        assert time.monotonic() - began < QUIET_SECONDS_MAX, _stuck(eye, fleet)
        time.sleep(0.25)
    return kills, killing, time.monotonic() - began


def _victims(schedulers: list[Process], workers: list[Process]) -> Iterator[tuple[float, Process]]:
    """Who is killed after which pause, for ever: all workers in every round, a scheduler in some.

    A worker needs a moment to start, so nobody is killed twice before the others' turn.
    """
    dice = random.Random(SEED)
    while True:
        victims = dice.sample(workers, len(workers))
        if dice.random() < 0.5:
            victims.insert(dice.randrange(len(victims) + 1), dice.choice(schedulers))
        for victim in victims:
            yield dice.uniform(*PAUSE_SECONDS), victim


def _kill(fleet: Fleet, victim: Process, eye: Observer, kills: Kills) -> None:
    patience = time.monotonic() + PATIENCE_SECONDS
    while victim.command == "worker" and time.monotonic() < patience:
        if eye.leased_by(victim):
            break
        time.sleep(0.02)
    victim.kill()
    if victim.command == "worker":
        kills.workers += 1
        kills.caught.append(eye.leased_by(victim))
    else:
        kills.schedulers += 1
    fleet.restart(victim)


def _stuck(eye: Observer, fleet: Fleet) -> str:
    states = eye.tally("SELECT state, count(*) FROM payment_orders GROUP BY 1")
    return f"not quiet: {states}\n" + "\n".join(one.tail() for one in fleet.processes)


def _check(eye: Observer) -> None:
    """One invoice each, paid by one order; nobody is punished for a time-out."""
    everyone = {
        "subscriptions": "SELECT status, count(*) FROM subscriptions GROUP BY 1",
        "invoices": "SELECT status, count(*) FROM invoices GROUP BY 1",
        "orders": "SELECT state, count(*) FROM payment_orders GROUP BY 1",
        "payments": "SELECT status, count(*) FROM payments GROUP BY 1",
    }
    assert {what: eye.tally(query) for what, query in everyone.items()} == {
        "subscriptions": {"active": SUBSCRIPTIONS},
        "invoices": {"paid": SUBSCRIPTIONS},
        "orders": {"paid": SUBSCRIPTIONS},
        "payments": {"captured": SUBSCRIPTIONS},
    }
    periods = "SELECT count(DISTINCT (subscription_id, kind, period_start)) FROM invoices"
    assert eye.one(periods) == SUBSCRIPTIONS
    for nothing in ("dunning_cases", "reviews", "balance_entries"):
        assert eye.one(f"SELECT count(*) FROM {nothing}") == 0
    late = "SELECT count(*) FROM events WHERE type IN ('subscription.past_due', 'dunning.opened')"
    assert eye.one(late) == 0


def _check_books(eye: Observer) -> None:
    """Numbers without a gap, journals that balance, nothing owed."""
    numbers = [
        int(row["number"].rpartition("-")[2]) for row in eye.all("SELECT number FROM invoices")
    ]
    assert sorted(numbers) == list(range(1, SUBSCRIPTIONS + 1))
    assert eye.one("SELECT last_number FROM number_series") == SUBSCRIPTIONS
    crooked = "SELECT journal_id FROM postings GROUP BY 1, currency HAVING sum(amount) <> 0"
    assert eye.all(crooked) == []
    assert eye.one("SELECT sum(amount) FROM postings WHERE account = 'receivable'") == 0


def _check_gateway(eye: Observer, desk: Desk) -> None:
    """The gateway's own book: every order of ours once, and no other."""
    summary = desk.summary()
    assert summary["charged_more_than_once"] == []
    assert summary["charges"] == summary["transactions"] == SUBSCRIPTIONS
    assert summary["net"] == SUBSCRIPTIONS * TOTAL
    ours = {row["order_id"] for row in eye.all("SELECT order_id FROM payment_orders")}
    assert set(summary["orders"]) == ours
