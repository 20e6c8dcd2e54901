"""How many charges a second: `python -m simulator.benchmark`, beside a bare ASGI echo as the floor.

Both run as processes of their own under the same server with the same requests. Rates are per
second of the server's own processor time, so a busy machine changes them little; the rate by the
clock is told too. No figure means anything without its floor from the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from simulator.wire import Receive, Scope, Send

KEY, CLIENT = "SB-Mid-server-benchmark", "SB-Mid-client-benchmark"
LINES = 16  # connections the driver keeps open
TARGET = 1500  # charges a second and core
_CARD = "card_number=4811111111111114&card_exp_month=12&card_exp_year=2099"


@dataclass(frozen=True)
class Rate:
    """What one server did: requests, seconds by the clock, its own processor seconds."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_core(self) -> float:
        return self.requests / self.cpu_seconds

    @property
    def by_the_clock(self) -> float:
        return self.requests / self.seconds


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    """The least an ASGI application can do with a charge: read it, give it back."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _serve_floor() -> None:
    bound = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"floor ready at http://127.0.0.1:{bound.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(
        _echo, log_level="warning", access_log=False, lifespan="off", server_header=False
    )
    uvicorn.Server(config).run(sockets=[bound])


def _requests(count: int, token: str) -> list[bytes]:
    """Merchant-initiated renewals with a key each, as a billing engine sends them."""
    auth = base64.b64encode(f"{KEY}:".encode()).decode()
    made = []
    for place in range(count):
        charge: dict[str, Any] = {
            "payment_type": "credit_card",
            "transaction_details": {"order_id": f"bench-{place}", "gross_amount": 99_000},
            "credit_card": {"token_id": token, "initiated_by": "merchant"},
        }
        body = json.dumps(charge).encode()
        head = (
            "POST /v2/charge HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Authorization: Basic {auth}\r\nIdempotency-Key: key-{place}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


async def _talk(port: int, requests: Sequence[bytes]) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bodies = []
    for request in requests:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(await reader.readexactly(length))
    writer.close()
    return bodies


async def _drive(port: int, requests: list[bytes]) -> list[bytes]:
    lines = [requests[place::LINES] for place in range(LINES)]
    done = await asyncio.gather(*(_talk(port, part) for part in lines))
    return [body for bodies in done for body in bodies]


def _register(port: int) -> str:
    """A saved card to charge."""
    request = f"GET /v2/card/register?client_key={CLIENT}&{_CARD} HTTP/1.1\r\nHost: bench\r\n\r\n"
    answer = asyncio.run(_talk(port, [request.encode()]))[0]
    return str(json.loads(answer)["saved_token_id"])


def _measure(command: list[str], count: int, *, charges: bool) -> Rate:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(  # noqa: S603  ourselves, by our own name
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no output")
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            idle = _cpu_of(process.pid)
            requests = _requests(count, _register(port) if charges else "token")
            started = time.monotonic()
            bodies = asyncio.run(_drive(port, requests))
            seconds = time.monotonic() - started
            used = _cpu_of(process.pid)
        finally:
            process.terminate()
    if used is None or idle is None:  # no /proc: the whole life of the process, its start included
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    else:
        spent = used - idle
    if charges and not all(b'"capture"' in body for body in bodies):
        raise RuntimeError("not every charge was captured")
    return Rate(count, seconds, max(spent, 0.01))


def _cpu_of(pid: int) -> float | None:
    """Processor seconds a process has used, where the system tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / 100


def run(count: int, state: str = "") -> tuple[Rate, Rate]:
    """The simulator and the floor, one after the other."""
    options = ["simulator", "--port", "0", "--server-key", KEY, "--client-key", CLIENT]
    simulator = _measure(options + (["--state", state] if state else []), count, charges=True)
    floor = _measure(["simulator.benchmark", "--serve-floor"], count, charges=False)
    return simulator, floor


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 below the target."""
    line = argparse.ArgumentParser(prog="simulator.benchmark", description=__doc__)
    line.add_argument("--charges", type=int, default=20_000, metavar="N")
    line.add_argument("--state", default="", metavar="DIR", help="with the book on disk")
    line.add_argument("--serve-floor", action="store_true", help=argparse.SUPPRESS)
    options = line.parse_args(argv)
    if options.serve_floor:
        _serve_floor()
        return 0
    simulator, floor = run(options.charges, options.state)
    for name, rate in (("simulator", simulator), ("bare echo", floor)):
        sys.stdout.write(
            f"{name}  {rate.per_core:8.0f} requests a core second"
            f"  {rate.by_the_clock:8.0f} by the clock  ({rate.requests} requests)\n"
        )
    ratio = simulator.per_core / floor.per_core
    good = simulator.per_core >= TARGET
    sys.stdout.write(
        f"ratio      {ratio:8.2f} of the floor; target {TARGET}: {'yes' if good else 'no'}\n"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
