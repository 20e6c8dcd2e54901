"""`tagihan prove --rough`: minutes of real deaths, then quiet, then all books are compared."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from core import ids
from core.clock import utc_now
from ops.embedded import EmbeddedError
from ops.prove.checks import Violation
from ops.prove.rough import planted, verdict
from ops.prove.rough.books import Witness
from ops.prove.rough.figures import Figures, lines
from ops.prove.rough.house import House, a_house
from ops.prove.rough.life import Life, begins
from ops.prove.rough.trouble import Trouble
from ops.prove.rough.wire import Wire

MERCHANTS = 6
SCHEDULERS, WORKERS = 2, 3
# An order in doubt is asked about after half a minute, then after two; a mail after three. With a
# planted mistake there may never be rest, and it shows before.
QUIET_SECONDS_MAX, QUIET_SECONDS_WITH_BUG = 360, 75
# In a run of at least so many minutes one merchant's mail is really sent, and its death met.
MAIL_FROM_MINUTES = 2.0
Say = Callable[[str], None]

# Mail that waits until tomorrow: a worker that dies while it sends holds a clock for its lease of
# three minutes, and a short run would see nothing else.
_NO_MAIL = """
    CREATE FUNCTION put_mail_off() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.merchant_id IS DISTINCT FROM {spared}::uuid THEN
            NEW.next_at := NEW.next_at + interval '1 day';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER put_mail_off BEFORE INSERT ON messages
        FOR EACH ROW EXECUTE FUNCTION put_mail_off();
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    seed: str = "1"
    minutes: float = 3.0
    bug: str | None = None
    postgres: Path | None = None
    merchants: int = MERCHANTS


def say(line: str) -> None:
    """One line for whoever waits."""
    print(line, flush=True)


def main(wanted: Wanted, json_file: Path | None) -> int:
    """Live roughly; 0 when every promise was kept, 1 when one was broken, 2 when it can not be."""
    if wanted.bug is not None and not planted.is_known(wanted.bug):
        say(f"there is no bug called {wanted.bug}; --with-bug list tells all of them")
        return 2
    # A polite end still stops every process and throws the folder away.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    # A shell that starts it behind itself leaves Ctrl-C ignored; who sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        figures = prove(wanted, say)
    except EmbeddedError as error:
        say(f"this can not be tried here: {error}")
        return 2
    except KeyboardInterrupt:
        say("stopped; nothing is left")
        return 130
    say("")
    for line in lines(figures):
        say(line)
    if json_file is not None:
        told = json.dumps(figures.as_json(), ensure_ascii=False, indent=1)
        json_file.write_text(told + "\n", encoding="utf-8")
    return 1 if figures.violations else 0


def prove(wanted: Wanted, say: Say = say) -> Figures:
    """Open a house, harm it for some minutes, let it come to rest, and compare the books."""
    began = time.monotonic()
    figures = Figures(wanted.seed, wanted.bug)
    say("a PostgreSQL, a gateway and seven processes of their own are started ...")
    with a_house(wanted.seed, wanted.bug, wanted.postgres) as house:
        wire = _open(house, wanted.seed)
        lives: list[Life] = []
        try:
            figures.lives = lives
            lives += _move_in(house, wanted, say)
            say(f"{len(lives)} merchants after {time.monotonic() - began:.0f} s; harm begins")
            _live(house, wire, wanted.minutes, figures, say)
            if figures.witness is not None and figures.witness.missing:
                # Nothing that comes later undoes a charge that was never written.
                figures.violations += figures.witness.missing
            else:
                figures.quiet_seconds = _come_to_rest(house, lives, figures, say)
                _judge(house, wire, lives, figures)
        finally:
            for life in lives:
                life.client.give_up_at = 0
            wire.close()
        figures.seconds = round(time.monotonic() - began)
        if figures.violations:
            house.keep = True
            figures.folder = str(house.folder)
    return figures


def _open(house: House, seed: str) -> Wire:
    if house.bug is not None:
        with house.look() as admin:
            for statement in planted.sql_of(house.bug):
                admin.execute(statement.encode())
    house.add(f"simulator --port {house.simulator_port}", bug=False)
    house.add("mailbox", bug=False)
    wire = Wire(
        seed=seed, gateway=house.simulator_port, api=int(house.environ["TAGIHAN_API_PORT"]),
        port=house.wire_port, news_port=house.news_port, file=house.folder / "wire.jsonl",
    )  # fmt: skip
    house.wait_for(f"{house.simulator_url}/_sim/health")
    house.add("api")
    house.add("scheduler", SCHEDULERS)
    house.add("worker", WORKERS)
    house.wait_for(f"{house.api_url}/health")
    return wire


def _move_in(house: House, wanted: Wanted, say: Say) -> list[Life]:
    at = begins(utc_now())
    lives = [Life(house, number, wanted.seed, at) for number in range(wanted.merchants)]
    for life in lives:
        life.open(f"http://127.0.0.1:{house.news_port}/gateways/midtrans")
    spared = "NULL"
    if wanted.minutes >= MAIL_FROM_MINUTES:
        spared = f"'{ids.parse('merchant', lives[0].merchant)}'"
        say(f"mail of {lives[0].name} is really sent; the others' waits until tomorrow")
    with house.look() as admin:
        admin.execute(_NO_MAIL.format(spared=spared).encode())
    return lives


def _live(house: House, wire: Wire, minutes: float, figures: Figures, say: Say) -> None:
    lives = figures.lives
    stop = threading.Event()
    witness = figures.witness = Witness(house.look)
    wire.witness = witness
    trouble = Trouble(house, figures.seed)
    figures.trouble, figures.ledger = trouble, wire.ledger
    wire.dice.trouble = True
    until = time.monotonic() + minutes * 60
    for life in lives:
        life.client.trouble = True
        life.start(stop)
    trouble.start(stop)
    try:
        told = time.monotonic()
        while (now := time.monotonic()) < until and not (witness.missing or house.fallen()):
            time.sleep(0.2)
            if now - told > 10:
                told = now
                say(f"  {until - now:4.0f} s left  {figures.brief()}")
    finally:
        stop.set()
        wire.dice.trouble = False
    trouble.wait()
    trouble.mend()
    for life in lives:
        life.client.trouble = False
        life.client.give_up_at = time.monotonic() + _quiet_seconds(figures) / 2


def _come_to_rest(house: House, lives: list[Life], figures: Figures, say: Say) -> int:
    """No more trouble: everybody is answered, all clocks come to one instant, nothing is left."""
    began = time.monotonic()
    deadline = began + _quiet_seconds(figures)
    say(f"quiet now           {figures.brief()}")
    house.wait_for(f"{house.api_url}/ready")
    for life in lives:
        life.wait(deadline - time.monotonic())
    figures.violations += [
        Violation("a client is answered", one, "") for life in lives for one in life.wrong
    ]
    end = max(life.now() for life in lives) + timedelta(days=2)
    figures.counts["merchants' days"] = sum((life.now() - life.at).days for life in lives)
    figures.until = end
    left: list[Violation] = []
    while time.monotonic() < deadline and not house.fallen():
        arrived = [life.arrives(end) for life in lives]
        if all(arrived):
            with house.look() as admin:
                left = verdict.still_open(admin, end, utc_now())
            if not left:
                return round(time.monotonic() - began)
        time.sleep(1)
    late = [life for life in lives if not life.arrives(end)]
    figures.violations += [
        Violation("time goes on", life.name, f"its clock stands at {life.now()}") for life in late
    ]
    figures.violations += left
    if late:
        with house.look() as admin:
            for one in verdict.still_open(admin, end, utc_now()):
                figures.violations.append(one)
    return round(time.monotonic() - began)


def _quiet_seconds(figures: Figures) -> int:
    return QUIET_SECONDS_MAX if figures.bug is None else QUIET_SECONDS_WITH_BUG


def _judge(house: House, wire: Wire, lives: list[Life], figures: Figures) -> None:
    found = [Violation("no process ends by itself", one, "") for one in house.fallen()]
    assert figures.witness is not None
    with house.look() as admin:
        books, figures.book = verdict.the_books(admin, lives, wire.ledger, figures.witness)
        found += books
        for life in lives:
            found += verdict.the_answers(admin, life)
        figures.count(admin)
    found += verdict.the_doctor(house)
    found += verdict.the_logs(house)
    if figures.trouble is not None:
        found += [Violation("the harness", one, "") for one in figures.trouble.wrong]
    figures.violations += found
