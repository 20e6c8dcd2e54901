"""Start the simulator: `python -m simulator --port 8401 --server-key K --client-key C`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from simulator import welcome
from simulator.app import create_app
from simulator.model import Latency
from simulator.store import StateError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="simulator", description="A Midtrans that runs on your desk. Loopback only."
    )
    line.add_argument("--host", default="127.0.0.1", help="loopback address (127.0.0.1)")
    line.add_argument("--port", type=port, default=8401, help="0 picks a free one (8401)")
    line.add_argument("--server-key", default="SB-Mid-server-simulator", metavar="K")
    line.add_argument("--client-key", default="SB-Mid-client-simulator", metavar="C")
    line.add_argument("--state", type=Path, metavar="DIR", help="keep the book here")
    line.add_argument("--seed", default="simulator", metavar="S", help="same seed, same answers")
    line.add_argument("--webhook-url", default="", metavar="URL", help="where notifications go")
    line.add_argument(
        "--pay-account-url", default="", metavar="URL", help="where news of GoPay links goes"
    )
    line.add_argument(
        "--recurring-url", default="", metavar="URL", help="where news of subscriptions goes"
    )
    line.add_argument(
        "--latency", type=latency, metavar="MS[~SIGMA]", help="how long answers take (120~0.5)"
    )
    line.add_argument("--log", action="store_true", help="one line per request on stderr")
    line.add_argument("--quiet", action="store_true", help="say nothing but that it is ready")
    return line


def port(text: str) -> int:
    """0 to 65535. Raises ValueError."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError(text)
    return number


def latency(text: str) -> Latency:
    """Milliseconds, or a log-normal's median and sigma behind a tilde. Raises ValueError."""
    median, _, sigma = text.partition("~")
    made = Latency(milliseconds=float(median), sigma=float(sigma or 0))
    if not (0 <= made.milliseconds <= made.longest and 0 <= made.sigma <= 3):
        raise ValueError(text)
    return made


def is_loopback(host: str) -> bool:
    """An address that nobody but this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, the event loop switches Nagle's algorithm off on each connection.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def run(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Exit code 0, or 2 when it cannot start."""
    options = parser().parse_args(argv)
    if not is_loopback(options.host):
        return _refuse(f"{options.host} is not a loopback address")
    if options.server_key.startswith("Mid-server-"):
        return _refuse("the server key looks like a production key")
    if not options.server_key or any(map(str.isspace, options.server_key + options.client_key)):
        return _refuse("a key is not empty and holds no white space")
    try:
        bound = listen(options.host, options.port)
    except OSError as error:
        return _refuse(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
    port = bound.getsockname()[1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    base_url = f"http://{host}:{port}"
    try:
        app = create_app(
            options.state,
            options.seed,
            server_key=options.server_key,
            client_key=options.client_key,
            addresses={
                "notification_url": options.webhook_url,
                "pay_account_url": options.pay_account_url,
                "recurring_url": options.recurring_url,
            },
            base_url=base_url,
            latency=options.latency,
            log=options.log,
        )
    except StateError as error:
        bound.close()
        return _refuse(str(error))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
    )
    account = app.world.books[options.server_key].account
    count = len(app.world.books)
    told = "" if options.quiet else welcome.screen(base_url, account, options.state, count)
    server = _Server(config, f"simulator ready at {base_url}\n{told}")
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[bound]))
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Ends with exit code 0 on a signal, and says where it listens."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the first signal, at once on the second; nothing is raised again afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so: whoever started us waits for the first line."""
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(self._greeting)
            sys.stdout.flush()


def _refuse(reason: str) -> int:
    sys.stderr.write(f"simulator: {reason}\n")
    return 2
