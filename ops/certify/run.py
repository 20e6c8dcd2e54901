"""Trying the contract: each case on both gateways, and a verdict that names what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import requests

from ops.certify.bench import Bench, Facts, NotTried
from ops.certify.case import Case

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


def certify(bench: Bench, cases: Iterable[Case], reference: Bench | None = None) -> list[Finding]:
    """Try every case on a gateway, and on the simulator beside it where one is given."""
    return [_one(case, bench, reference) for case in cases]


def _one(case: Case, bench: Bench, reference: Bench | None) -> Finding:
    tried = _facts(case, bench)
    if isinstance(tried, str):
        return Finding(case, "not tried", why=tried)
    unmet = tuple(case.unmet(tried))
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
        return case.try_it(bench)
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


@dataclass(frozen=True, slots=True)
class Open:
    """A point the documentation leaves open: our default, and how it is answered."""

    key: str
    question: str
    default: str


# Those of the contract's open points that no program can answer are asked of Midtrans.
OPEN_POINTS: Sequence[Open] = (
    Open("U1", "HTTP code of errors told in the body", "read by the effective code"),
    Open("U2", "numeric rate limits, 429 by HTTP or in the body", "gateway_rps, both are read"),
    Open("U4", "proof of pay-account and recurring notifications", "only a question is believed"),
    Open("U5", "a signing key of its own", "a setting of the merchant, by default the server key"),
    Open("U6", "month ends of schedules that Midtrans runs", "our own scheduler, not theirs"),
    Open("U7", "an order id used again after deny or expire", "never used again"),
    Open("U8", "default expiry of ShopeePay and Akulaku", "our wish is always sent"),
    Open("U9", "largest body", "one short item for the whole invoice"),
    Open("U10", "pending to authorize or capture after 3DS", "both are accepted"),
    Open("U11", "limits of retries by the card schemes", "at most four attempts a cycle"),
    Open("U12", "body of a 202 while a twin runs", "unknown, and asked about"),
)


def answered(point: Open, bench: Bench) -> str | None:
    """What this gateway answers to an open point; None where no call can find out."""
    try:
        if point.key == "U1":
            return _http_of_unknown(bench)
        if point.key == "U7":
            return _used_again(bench)
        if point.key == "U8":
            return _without_wish(bench)
    except (NotTried, requests.RequestException) as told:
        return f"not found out: {told}"
    return None


def _http_of_unknown(bench: Bench) -> str:
    at = bench.request("card").order_id
    told = []
    for method, path in (("GET", "status"), ("POST", "cancel"), ("POST", "expire")):
        answer = requests.request(
            method, f"{bench.url}/v2/{at}/{path}", auth=(bench.server_key, ""),
            json={} if method == "POST" else None, timeout=(3, 30),
        )  # fmt: skip
        body = answer.json()
        code = body.get("status_code", "-") if isinstance(body, dict) else "-"
        told.append(f"{path}: HTTP {answer.status_code}, body {code}")
    return "; ".join(told)


def _used_again(bench: Bench) -> str:
    request, at = bench.opened("bca_va")
    bench.gateway.expire(at, idempotency_key=bench.key())
    again = bench.charge(request)
    return f"after expire: {again.status} {again.code or ''}".strip()


def _without_wish(bench: Bench) -> str:
    told = []
    for channel in ("shopeepay", "akulaku"):
        answer = bench.charge(bench.request(channel, expires_at=None))
        span = answer.expires_at - bench.now if answer.expires_at else None
        minutes = "not told" if span is None else f"{round(span.total_seconds() / 60)} minutes"
        told.append(f"{channel}: {minutes}")
    return "; ".join(told)
