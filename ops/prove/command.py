"""`tagihan prove`: live histories, report, and on a broken promise tell the smallest of them."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ops.prove import bugs, bugs_table, census, crew, diary, report, scenes, shrink, turns
from ops.prove.early import stops_at_the_first
from ops.prove.history import History
from ops.prove.people import MORE
from ops.prove.place import Place, throwaway
from ops.prove.plan import Plan
from ops.prove.report import Totals
from ops.prove.terms import DEEDS

# After so long a quick show goes over to the quiet phase.
QUICK_SECONDS = 15
# So long is a smaller history looked for where the mistake was planted by whoever asks.
_WITH_BUG_SECONDS = 20
# People, days, and hours at most between two things that a person does, in a sweep's histories.
SWEEP = (6, 14, 36)
# What of a plan a life decides: the codes of its plans (named more often, chosen more often), how
# far moments are drawn together, and the days at most between two things that a person does.
LIVES: dict[str, dict[str, Any]] = {
    "mixed": {},
    "months": {"plans": ("hemat", "pro"), "pace": 7, "rest": 120},
    "years": {"plans": ("tahunan",), "pace": 7, "rest": 900},
    "turns": {"pace": 7, "hours": 24, "turns": 50, "deeds": turns.DEEDS},
    "scenes": {"pace": 2},
    "items": {"plans": ("hemat", "pro"), "pace": 7, "rest": 20, "deeds": DEEDS},
}
# What people do in a sweep's histories, in turns: as usual, and about items and codes.
SWEPT: tuple[tuple[tuple[str, int], ...], ...] = ((), (), (*DEEDS, *MORE.items()))
# So many histories of a sweep are lived between two looks back at what was struck.
ROUND = 20
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    seed: str
    subscriptions: int = 12
    days: int = 90
    histories: int = 10
    history: int | None = None
    without: str = ""
    trouble: int = 1
    quick: bool = False
    bug: str | None = None
    shrink: bool = True
    jobs: int = 1
    life: str = "mixed"
    # So many small histories that strike at every crash site, instead of the others.
    sweep: int | None = None
    # After so many minutes no further history is begun.
    within: float | None = None


def say(line: str) -> None:
    """One line for whoever waits."""
    print(line, flush=True)


def main(wanted: Wanted, json_file: Path | None) -> int:
    """Prove; 0 when every promise was kept, 1 when one was broken."""
    if wanted.bug == "list":
        for name, what, had_by, found_by, _ in bugs_table.rows():
            say(f"{name:<40} {what} ({had_by}); found by {found_by}")
        return 0
    if wanted.bug == "all":
        with throwaway() as place:
            seconds = bugs_table.measure(bugs.BUGS, place, wanted.seed, say)
        lived = [name for name, found in seconds.items() if found is None]
        say(f"{len(seconds) - len(lived)} of {len(seconds)} were found")
        return 1 if lived else 0
    if wanted.bug is not None and wanted.bug not in bugs.BUGS:
        say(f"there is no bug called {wanted.bug}; --with-bug list tells all of them")
        return 2
    # A polite end still throws the server and its folder away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if wanted.quick:
        few = min(wanted.subscriptions, 4)
        wanted = replace(wanted, subscriptions=few, days=min(wanted.days, 8))
    say("a PostgreSQL of its own is started, and thrown away afterwards ...")
    with throwaway() as place:
        totals, told = prove(wanted, place, say, live_counters=sys.stdout.isatty() or wanted.quick)
    say("")
    for line in report.lines(totals):
        say(line)
    if json_file is not None:
        extra = {"bug": wanted.bug, "diary": told}
        json_file.write_text(report.as_json(totals, extra) + "\n", encoding="utf-8")
    return 1 if totals.violations else 0


def prove(
    wanted: Wanted, place: Place, say: Say, *, live_counters: bool = False
) -> tuple[Totals, list[str]]:
    """Live the histories one after the other; stops at the first that breaks a promise."""
    began = time.monotonic()
    totals, told = Totals(wanted.seed), list[str]()

    limit = QUICK_SECONDS if wanted.quick else 60 * (wanted.within or 0)

    def is_over() -> bool:
        return bool(limit) and time.monotonic() - began > limit

    with ExitStack() as stack:
        if wanted.bug:
            stack.enter_context(bugs.planted(wanted.bug))
            say(f"planted: {bugs.BUGS[wanted.bug].what}")
        watch = _counter(totals, began) if live_counters else _silent
        if wanted.bug:
            watch = stops_at_the_first(watch)
        hurry = is_over if wanted.quick else _never
        for one in crew.lived(
            in_rounds(plans_of(wanted, is_over), totals), place, jobs=wanted.jobs, bug=wanted.bug,
            watch=watch, hurry=hurry,
        ):  # fmt: skip
            totals.add(one)
            totals.seconds = round(time.monotonic() - began)
            say(_line(totals, one.plan.index))
            if one.violations:
                told = _tell(wanted, one.plan, place, say, report.names(one.violations))
                break
    totals.seconds = round(time.monotonic() - began)
    return totals, told


def _tell(wanted: Wanted, plan: Plan, place: Place, say: Say, rules: set[str]) -> list[str]:
    small, watch = plan, stops_at_the_first(_silent) if wanted.bug else _silent
    if wanted.shrink:
        seconds = _WITH_BUG_SECONDS if wanted.bug else shrink.SECONDS_MAX
        small = shrink.smallest(plan, place, rules, say, watch=watch, seconds=seconds)
    again = f"tagihan prove --seed {plan.seed} --history {plan.index}"
    again += f" --with-bug {wanted.bug}" if wanted.bug else ""
    again += f" --life {wanted.life}" if wanted.life != "mixed" else ""
    # What a sweep aims at follows from the histories before.
    again += f" --sweep {plan.index + 1}" if wanted.sweep else ""
    again = again.replace(f" --history {plan.index}", "") if plan.aims else again
    told = [*diary.told(small, place, watch=watch), "", replay(small, again)]
    for line in ("", *told):
        say(line)
    return told


def _with_bug(name: str, plan: Plan) -> Plan:
    """The life in which this mistake shows, or a smaller one that was asked for."""
    own = bugs.plan_of(bugs.BUGS[name].life, plan.seed, plan.index)
    return replace(
        own,
        subscriptions=min(own.subscriptions, plan.subscriptions),
        days=min(own.days, plan.days),
        off=own.off | plan.off,
        scale=max(own.scale, plan.scale),
    )


def replay(small: Plan, again: str) -> str:
    """How to live the small one again."""
    trouble = f" --trouble {small.scale}" if small.scale > 1 else ""
    off = f" --without {','.join(sorted(small.off))}" if small.off else ""
    return f"{again} --subscriptions {small.subscriptions} --days {small.days}{trouble}{off}"


def in_rounds(plans: Iterable[Plan], so_far: Totals) -> Iterator[Plan | None]:
    """Aim a sweep's plans by what was struck in the rounds before.

    None: all before it are to be lived to their end first.
    """
    aims: census.Aims = ()
    for plan in plans:
        if plan.hunt and plan.index and not plan.index % ROUND:
            yield None
            aims = census.aims(so_far.sites, so_far.struck_in, so_far.histories)
        yield replace(plan, aims=aims)


def plans_of(wanted: Wanted, is_over: Callable[[], bool]) -> Iterator[Plan]:
    """The histories to be lived, in their order."""
    off = frozenset(wanted.without.split(",")) - {""}
    people, days = wanted.subscriptions, wanted.days
    like = Plan(wanted.seed, 0, people, days, off, wanted.trouble, **LIVES[wanted.life])
    if wanted.sweep is not None:
        few, days, hours = min(SWEEP[0], people), min(SWEEP[1], days), SWEEP[2]
        like = Plan(wanted.seed, 0, few, days, off, hunt=True, hours=hours)
    if wanted.life == "turns":
        few, days = min(turns.SIZE[0], people), min(turns.SIZE[1], days)
        off, trouble = off | bugs.RESTORES, max(2, wanted.trouble)
        like = replace(like, subscriptions=few, days=days, off=off, scale=trouble)
    for index in _indexes(wanted):
        if index and is_over():
            return
        plan = replace(like, index=index)
        if wanted.life == "turns":
            plan = replace(plan, begins=turns.BEGINS[index % len(turns.BEGINS)])
        if wanted.life == "scenes":
            # One after the other, with no faults but its weather unless trouble is asked for.
            name = list(scenes.SCENES)[index % len(scenes.SCENES)]
            plan = scenes.lived_in(name, replace(plan, scale=wanted.trouble - 1))
        if wanted.sweep is not None:
            plan = replace(plan, deeds=SWEPT[index % len(SWEPT)])
        yield _with_bug(wanted.bug, plan) if wanted.bug else plan


def _indexes(wanted: Wanted) -> range:
    if wanted.history is not None:
        return range(wanted.history, wanted.history + 1)
    return range(10_000 if wanted.quick else wanted.sweep or wanted.histories)


def _never() -> bool:
    return False


def _silent(_: History) -> None:
    """Nobody watches."""


def _counter(totals: Totals, began: float) -> Callable[[History], None]:
    """One line that counts while a history is lived."""
    last = [0.0]

    def watch(history: History) -> None:
        now = time.monotonic()
        if now - last[0] < 0.5:
            return
        last[0] = now
        faults = sum(totals.faults.values()) + sum(history.faults.counts.values())
        print(
            f"\r{now - began:5.0f} s  history {totals.histories + 1}  {history.stage.now:%d %b %Y}"
            f"  charges {totals.charges + history.wire.charges}"
            f"  faults {faults}  turns {totals.steps + history.stage.steps}   ",
            end="", file=sys.stderr, flush=True,
        )  # fmt: skip

    return watch


def _line(totals: Totals, index: int) -> str:
    return (
        f"history {index}: {report.years(totals.subscription_days)} subscription-years,"
        f" {totals.charges} charges, {sum(totals.faults.values())} faults,"
        f" {totals.kills} kills, {len(totals.violations)} violations, {totals.seconds} s"
    )
