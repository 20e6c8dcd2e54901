"""How long a preview takes over HTTP: `python -m ops.preview_benchmark`.

One caller asks one process of the API, on a PostgreSQL of its own. In each round every question is
asked once, in turn, about the next of many metered subscriptions that have usage and a discount.
The floors are of the same run: an answer of the edge alone (`/health`) and a bare read of the same
subscription. What is told are the median and the 95th percentile in milliseconds, and how many bare
reads a preview costs.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from billing.discounts.service import create_discount
from billing.flows.machine_keys import create_key
from billing.flows.redeem import give
from core import ids
from core.actor import system
from ops import run_api
from ops.embedded import Embedded, free_port
from ops.migrate import migrate
from ops.usage_benchmark import _MASTER, START, Bench, _await

TARGET_MS: Final = 100
FLOORS: Final = ("the edge", "a bare read")
_ME: Final = system("benchmark")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what it found; ends in 1 where a preview's median misses its target."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--subscriptions", type=int, default=200)
    options.add_argument("--events", type=int, default=20_000, help="used beforehand")
    options.add_argument("--json", action="store_true")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tagihan-previews-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as another user
        server = Embedded(Path(folder) / "home", 0)
        try:
            urls = server.start()
            migrate(urls.owner_url, "tagihan", "tagihan_login")
            bench = Bench(urls.app_url, urls.owner_url, given.subscriptions)
            _discount(bench)
            bench.run_usage(given.events, START + timedelta(days=20))
            found = _measure(bench, given.rounds)
            bench.engine.close()
        finally:
            server.stop()
    print(json.dumps(found, indent=2) if given.json else _page(found))
    return 0 if all(one["p50"] <= TARGET_MS for one in found["figures"]) else 1


def _discount(bench: Bench) -> None:
    with bench.engine.work(bench.merchant, _ME) as unit:
        create_discount(
            unit, code="BENCH", name={"id": "Bench"}, basis_points=1_000, duration="forever"
        )
    for one in bench.subscriptions:
        with bench.engine.work(bench.merchant, _ME) as unit:
            give(unit, one, "BENCH")


def _measure(bench: Bench, rounds: int) -> dict[str, Any]:
    with bench.engine.work(bench.merchant, _ME) as unit:
        key = create_key(unit, name="bench", scopes=["read"]).secret
    settings = replace(bench.engine.settings, api_port=free_port(), master_keys=(_MASTER,))
    server = get_context("spawn").Process(target=run_api.main, args=(settings,), daemon=True)
    server.start()
    _await(settings.api_port)
    taken: dict[str, list[float]] = {}
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", settings.api_port)) as connection:
            for number in range(rounds + 5):
                one = bench.subscriptions[number % len(bench.subscriptions)]
                for name, question in _questions(ids.public("subscription", one)).items():
                    seconds = _ask(connection, f"Bearer {key}", *question)
                    if number >= 5:  # the first ones compile statements and open connections
                        taken.setdefault(name, []).append(seconds * 1_000)
    finally:
        server.terminate()
        server.join(30)
    bare = median(taken["a bare read"])
    figures = [
        {
            "question": name, "p50": round(median(every), 1),
            "p95": round(quantiles(every, n=20)[-1], 1), "reads": round(median(every) / bare, 1),
        }
        for name, every in taken.items()
    ]  # fmt: skip
    return {"target_ms": TARGET_MS, "rounds": rounds, "figures": figures}


def _questions(one: str) -> dict[str, tuple[str, str, Any]]:
    """What is asked, by name: method, path, body."""
    path = f"/api/v1/subscriptions/{one}"
    return {
        "the edge": ("GET", "/health", None),
        "a bare read": ("GET", path, None),
        "usage so far": ("GET", f"{path}/usage", None),
        "next invoice": ("GET", f"{path}/next-invoice", None),
        "a change": ("POST", f"{path}/change-preview", {"quantity": 2, "mode": "prorate"}),
        "a cancellation": ("POST", f"{path}/cancel-preview", {"when": "now", "reason": "x"}),
        "a pause": ("POST", f"{path}/pause-preview", {"policy": "give_back"}),
    }


def _ask(
    connection: http.client.HTTPConnection, bearer: str, method: str, path: str, body: Any
) -> float:
    sent = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": bearer, "Content-Type": "application/json"}
    begun = time.perf_counter()
    connection.request(method, path, sent, headers)
    answer = connection.getresponse()
    said = answer.read()
    seconds = time.perf_counter() - begun
    if answer.status != 200:
        raise RuntimeError(said.decode())
    return seconds


def _page(found: dict[str, Any]) -> str:
    lines = [f"{'question':16} {'p50 ms':>8} {'p95 ms':>8} {'bare reads':>11}"]
    lines += [
        f"{one['question']:16} {one['p50']:>8} {one['p95']:>8} {one['reads']:>11}"
        for one in found["figures"]
    ]
    lines.append(f"{found['rounds']} rounds; target: a median of at most {found['target_ms']} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
