"""How many calls a second the Midtrans adapter makes: `python -m ops.adapter_benchmark`.

The floor is the official client with one pooled session, bare: it builds a body, sends it, and
looks at nothing that comes back. The adapter does the same calls with time-outs, idempotency keys,
ids checked and every answer read as an outcome. Both are driven by this process in turn, round by
round, against one simulator in a process of its own; what is told is the median over the rounds,
and the ratio of each round's pair, because the speed of a machine drifts. Rates by processor time
leave out the waiting for the simulator.

An operation meets the target where either ratio does: in few rounds on a busy machine the clock
tells who had the processor, and processor time tells what the adapter itself costs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count
from statistics import median
from typing import Any, Final

import midtransclient
import requests
from midtransclient.config import ApiConfig
from requests.adapters import HTTPAdapter

from ops.certify.bench import AMOUNT, CARDS, Bench
from ops.certify.command import simulator
from payments.gateway import ChargeRequest

TARGET: Final = 0.8
THREADS: Final = 8
_BY: Final = f"at least {TARGET} of the floor, by the clock or by processor time"
_numbers = count(1)

# One call: the number of the order.
Call = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One operation with so many threads: calls a second of both, and how they compare.

    Attributes:
        adapter, floor: medians over the rounds, by the clock.
        adapter_cpu, floor_cpu: the same per second of this process's processor time.
        ratio, ratio_cpu: medians of each round's adapter over its floor.
    """

    operation: str
    threads: int
    adapter: float
    floor: float
    ratio: float
    adapter_cpu: float
    floor_cpu: float
    ratio_cpu: float

    @property
    def met(self) -> bool:
        """Whether it keeps the target by the clock or by processor time."""
        return max(self.ratio, self.ratio_cpu) >= TARGET


class Adapter:
    """The calls as the engine makes them."""

    def __init__(self, bench: Bench, token: str) -> None:
        self._gateway = bench.gateway
        self._request = bench.request("card", token=token, initiated_by="merchant", expires_at=None)

    def charge(self, number: int) -> None:
        """A renewal by a saved card."""
        request = self._request
        made = ChargeRequest(
            order_id=f"bench-{number}", channel="card", amount=AMOUNT, currency="IDR",
            initiated_by="merchant", customer_name=request.customer_name,
            customer_email=request.customer_email, item_name=request.item_name,
            token=request.token,
        )  # fmt: skip
        answer = self._gateway.charge(made, idempotency_key=f"key-{number}")
        if answer.status != "paid":
            raise RuntimeError(f"a charge was {answer.status}: {answer.message}")

    def status(self, number: int) -> None:
        """What became of it."""
        answer = self._gateway.status(f"bench-{number}")
        if answer.status != "paid":
            raise RuntimeError(f"an order was {answer.status}: {answer.message}")


class _Endpoints(ApiConfig):  # type: ignore[misc]
    def __init__(self, url: str, key: str) -> None:
        super().__init__(is_production=False, server_key=key)
        self.CORE_SANDBOX_BASE_URL = url


class Floor:
    """The official client with a pooled session, and nothing else."""

    def __init__(self, bench: Bench, token: str) -> None:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", HTTPAdapter(pool_maxsize=32, pool_block=True))
        self._core = midtransclient.CoreApi()
        self._core.api_config = _Endpoints(bench.url, bench.server_key)
        self._core.http_client.http_client = session
        self._token = token

    def charge(self, number: int) -> None:
        """The same body as the adapter's."""
        body: dict[str, Any] = {
            "payment_type": "credit_card",
            "transaction_details": {"order_id": f"bench-{number}", "gross_amount": AMOUNT},
            "item_details": [{"id": "1", "price": AMOUNT, "quantity": 1, "name": "Certification"}],
            "customer_details": {"first_name": "Sari Wulandari", "email": "sari@example.com"},
            "credit_card": {"token_id": self._token, "initiated_by": "merchant"},
        }
        self._core.charge(body)

    def status(self, number: int) -> None:
        """What became of it."""
        self._core.transactions.status(f"bench-{number}")


def measure(rounds: int, calls: int) -> list[Figure]:
    """All figures, from one simulator."""
    with simulator() as bench:
        token = _saved_card(bench)
        adapter, floor = Adapter(bench, token), Floor(bench, token)
        found = []
        for threads in (1, THREADS):
            place = (threads, rounds, calls)
            found.append(_figure("charge", *place, (adapter.charge, floor.charge)))
            asked = (adapter.status, floor.status)
            found.append(_figure("status", *place, asked, asks=True))
        return found


def _figure(
    operation: str,
    threads: int,
    rounds: int,
    calls: int,
    calls_of: tuple[Call, Call],
    *,
    asks: bool = False,
) -> Figure:
    """One operation, round by round; what ``asks`` asks about the orders that were made last."""
    spent: list[tuple[tuple[float, float], tuple[float, float]]] = []
    with ThreadPoolExecutor(threads) as pool:
        for place in range(rounds + 1):
            pair = {}
            turns = list(zip(("adapter", "floor"), calls_of, strict=True))
            # Who comes second finds everything warm: they take turns at it.
            for name, call in turns if place % 2 else turns[::-1]:
                numbers = _made[-calls:] if asks else _new(calls)
                pair[name] = _spent(pool, call, numbers)
            if place:  # the first one opens connections and is not counted
                spent.append((pair["adapter"], pair["floor"]))
    ours, theirs = [one for one, _ in spent], [one for _, one in spent]
    return Figure(
        operation=operation,
        threads=threads,
        adapter=median(calls / clock for clock, _ in ours),
        floor=median(calls / clock for clock, _ in theirs),
        ratio=median(b[0] / a[0] for a, b in spent),
        adapter_cpu=median(calls / cpu for _, cpu in ours),
        floor_cpu=median(calls / cpu for _, cpu in theirs),
        ratio_cpu=median(b[1] / a[1] for a, b in spent),
    )


_made: list[int] = []


def _new(calls: int) -> list[int]:
    numbers = [next(_numbers) for _ in range(calls)]
    _made.extend(numbers)
    return numbers


def _spent(pool: ThreadPoolExecutor, call: Call, numbers: Sequence[int]) -> tuple[float, float]:
    """Seconds by the clock and of processor time for one call each."""
    clock, cpu = time.perf_counter(), time.process_time()
    for _ in pool.map(call, numbers):
        pass
    return time.perf_counter() - clock, time.process_time() - cpu


def _saved_card(bench: Bench) -> str:
    answer = requests.get(
        f"{bench.url}/v2/card/register",
        params={
            "client_key": bench.client_key, "card_number": CARDS["accept"],
            "card_exp_month": "12", "card_exp_year": str(bench.now.year + 3),
        },
        timeout=(3, 30),
    )  # fmt: skip
    return str(answer.json()["saved_token_id"])


def table(figures: Sequence[Figure]) -> str:
    """The figures as text."""
    head = ("adapter/s", "floor/s", "ratio", "adapter/cpu s", "floor/cpu s", "ratio")
    lines = [f"{'':<8} {'threads':>7}  " + "  ".join(head)]
    lines += [
        f"{one.operation:<8} {one.threads:>7}  {one.adapter:>9.0f}  {one.floor:>9.0f}"
        f"  {one.ratio:>5.2f}  {one.adapter_cpu:>13.0f}  {one.floor_cpu:>11.0f}"
        f"  {one.ratio_cpu:>5.2f}"
        for one in figures
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where both ratios of an operation are below the target."""
    line = argparse.ArgumentParser(prog="ops.adapter_benchmark", description=__doc__)
    line.add_argument("--rounds", type=int, default=9, metavar="N")
    line.add_argument("--calls", type=int, default=300, metavar="N", help="in each round")
    line.add_argument("--json", action="store_true", help="figures for a program")
    options = line.parse_args(argv)
    figures = measure(options.rounds, options.calls)
    good = all(one.met for one in figures)
    if options.json:
        told = {
            "target": TARGET,
            "by": "clock or processor time",
            "met": good,
            "figures": [asdict(one) for one in figures],
        }
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        met = "yes" if good else "no"
        sys.stdout.write(f"{table(figures)}\n{_BY}: {met}\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
