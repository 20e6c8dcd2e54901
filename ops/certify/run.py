"""Trying the contract: each case on both gateways, and a verdict that names what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

import requests

from ops.certify.bench import Bench, Facts, NotTried
from ops.certify.case import Case
from ops.certify.listening import PROMISED

# Seconds to wait before a case is tried again that the gateway had no time for.
TOO_MANY: Final = (5, 20, 60)

Verdict = Literal["agrees", "differs", "not tried"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one case showed.

    Attributes:
        unmet: what the documentation promises and this gateway does not do.
        differences: where it and the simulator are not alike.
        extra: fields that only it tells; unknown fields are ignored, so they do no harm.
        why: of one that was not tried: what a person would have to do.
    """

    case: Case
    verdict: Verdict
    unmet: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    why: str = ""


def certify(
    bench: Bench,
    cases: Iterable[Case],
    reference: Bench | None = None,
    *,
    tell: Callable[[Case], None] | None = None,
) -> list[Finding]:
    """Try every case on a gateway, and on the simulator beside it where one is given.

    ``tell`` hears of each case before it is tried.
    """
    found = []
    for case in cases:
        if tell is not None:
            tell(case)
        found.append(_one(case, bench, reference))
    return found


def _one(case: Case, bench: Bench, reference: Bench | None) -> Finding:
    tried = _facts(case, bench)
    if isinstance(tried, str):
        return Finding(case, "not tried", why=tried)
    broken = (f"{name} is no, not yes" for name in PROMISED if tried.get(name) == "no")
    unmet = (*case.unmet(tried), *broken)
    differences: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    if reference is not None:
        known = _facts(case, reference)
        if isinstance(known, str):
            return Finding(case, "not tried", unmet=unmet, why=f"the simulator: {known}")
        differences, extra = _compared(tried, known)
    verdict: Verdict = "differs" if unmet or differences else "agrees"
    return Finding(case, verdict, unmet, differences, extra)


def _facts(case: Case, bench: Bench) -> Facts | str:
    """What a case showed, or why it could not be tried."""
    try:
        for wait in (*TOO_MANY, None):
            bench.heard.taken()
            facts = {**case.try_it(bench), **bench.heard.taken()}
            if facts.get("code") != "429":
                return facts
            if wait is not None:
                time.sleep(wait)
        return "the gateway takes no more calls now (429): try again later"
    except NotTried as told:
        return str(told)
    except requests.RequestException as error:
        return f"no answer: {type(error).__name__}"
    except ValueError as error:
        return str(error)


def _compared(tried: Facts, known: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    differences = [
        f"{name}: {tried.get(name, 'missing')}, the simulator {known[name]}"
        for name in sorted(known)
        if tried.get(name) != known[name]
    ]
    return tuple(differences), tuple(sorted(set(tried) - set(known)))
