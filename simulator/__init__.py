"""A Midtrans on your desk: speaks its HTTP, imports nothing of the billing engine."""

from __future__ import annotations

from collections.abc import Sequence


def run(argv: Sequence[str] | None = None) -> int:
    """Serve the simulator until interrupted; `argv` as on the command line."""
    from simulator.server import run as serve

    return serve(argv)


__all__ = ["run"]
