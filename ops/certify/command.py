"""The command: which gateways are tried, and the report of what agrees, differs, was not tried."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from itertools import count
from pathlib import Path

import click
import requests

from core.clock import utc_now
from core.settings import Settings
from ops.certify.bench import Bench, Hands
from ops.certify.case import Case
from ops.certify.cases import cases
from ops.certify.cleaning import clean_up
from ops.certify.open_points import OPEN_POINTS, answered
from ops.certify.report import cleaned_line, page
from ops.certify.run import Finding, certify
from payments.adapters.midtrans.client import SANDBOX_URL, SNAP_SANDBOX_URL

_ROOT = Path(__file__).resolve().parents[2]


def main(
    settings: Settings, *, sandbox: bool, url: str | None, as_json: bool, by_hand: bool = False
) -> int:
    """Try the contract; 0 where nothing differs, 1 where something does, 2 where it is refused."""
    listed = cases()
    if not sandbox and url is None:
        # At noon: ShopeePay gives nothing back at night.
        with simulator(utc_now().replace(hour=5)) as known:
            return report(known, certify(known, listed, tell=progress(listed)), as_json=as_json)
    refused = why_not(settings)
    if refused is not None:
        click.echo(refused, err=True)
        return 2
    bench = bench_of(settings, url)
    bench.person = ask_person if by_hand else None
    click.echo(f"{len(listed)} cases on {bench.url}; what is opened is ended afterwards", err=True)
    with simulator() as known:
        try:
            return report(
                bench, certify(bench, listed, known, tell=progress(listed)), as_json=as_json
            )
        finally:
            click.echo(cleaned_line(clean_up(bench)), err=True)


def progress(listed: Sequence[Case]) -> Callable[[Case], None]:
    """Tells on the error output which case is tried: over one line, or a line a channel."""
    at = count(1)
    told = set[str]()
    live = sys.stderr.isatty()

    def tell(case: Case) -> None:
        n = next(at)
        if live:
            click.echo(f"\r\033[K  {n}/{len(listed)} {case.key}", nl=n == len(listed), err=True)
        elif case.channel not in told:
            told.add(case.channel)
            click.echo(f"  {n}/{len(listed)} {case.channel}", err=True)

    return tell


def ask_person(what: str) -> bool:
    """Ask whoever sits there to do something at the gateway's own pages; whether it was done."""
    return click.confirm(f"\nPlease {what}. Is it done?", default=False, err=True)


def why_not(settings: Settings) -> str | None:
    """Why these settings are not tried; None where they may be."""
    if settings.midtrans_server_key is None or settings.midtrans_client_key is None:
        return "Set MIDTRANS_SERVER_KEY and MIDTRANS_CLIENT_KEY to the keys of a sandbox account."
    if settings.midtrans_environment == "production":
        return "MIDTRANS_ENVIRONMENT is production: orders are opened, paid and refunded here."
    return None


def bench_of(settings: Settings, url: str | None) -> Bench:
    """The sandbox, or what stands at ``url``: its control side, if it has one, moves the payers."""
    key, client_key = settings.midtrans_server_key or "", settings.midtrans_client_key or ""
    if url is None:
        return Bench(SANDBOX_URL, key, client_key, snap_url=SNAP_SANDBOX_URL)
    hands = Hands(url.rstrip("/"), key)
    return Bench(url.rstrip("/"), key, client_key, hands=hands if _has_control(hands) else None)


def _has_control(hands: Hands) -> bool:
    answer = requests.get(
        f"{hands.url}/_sim/clock", headers={"X-Sim-Server-Key": hands.server_key}, timeout=(3, 10)
    )
    return answer.status_code == 200


@contextmanager
def simulator(at: datetime | None = None) -> Iterator[Bench]:
    """A simulator of our own, forgotten afterwards; in real time, or standing at an instant."""
    key = f"SB-Mid-server-{secrets.token_hex(8)}"
    client_key = f"SB-Mid-client-{secrets.token_hex(8)}"
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0",
         "--server-key", key, "--client-key", client_key],
        stdout=subprocess.PIPE, text=True, cwd=_ROOT,
    )  # fmt: skip
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line.startswith("simulator ready at "):
            raise click.ClickException("the simulator does not start")
        url = line.split()[-1]
        hands = Hands(url, key)
        if at is not None:
            hands.do("clock", to=at.isoformat())
        yield Bench(url, key, client_key, hands=hands, now=at or utc_now())
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def report(bench: Bench, findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print what was found; returns the exit code."""
    points = [(point, answered(point, bench)) for point in OPEN_POINTS]
    if as_json:
        listed = [
            {
                "case": one.case.key, "verdict": one.verdict, "unmet": one.unmet,
                "differences": one.differences, "extra": one.extra, "why": one.why,
            }
            for one in findings
        ]  # fmt: skip
        told = [{**asdict(point), "answer": answer} for point, answer in points]
        click.echo(json.dumps({"url": bench.url, "cases": listed, "open": told}, indent=2))
    else:
        click.echo("\n".join(page(bench.url, findings)))
        click.echo("\nwhat the documentation leaves open:")
        for point, answer in points:
            click.echo(f"  {point.key:<4} {point.question}: {answer or 'ask Midtrans'}")
            click.echo(f"       until then: {point.default}")
    return 1 if any(one.verdict == "differs" for one in findings) else 0
