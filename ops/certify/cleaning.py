"""Leaving nothing behind: what a run opened at a gateway is ended there, or told."""

from __future__ import annotations

from dataclasses import dataclass, field

import requests

from ops.certify.bench import Bench


@dataclass(slots=True)
class Cleaned:
    """What was ended after a run, and what still stands: order ids, for a person."""

    orders: int = 0
    links: int = 0
    left: list[str] = field(default_factory=list)


def clean_up(bench: Bench) -> Cleaned:
    """End every order, page and link that a run opened; what was paid and settled stays paid."""
    done = Cleaned()
    for page in bench.pages:
        bench.gateway.close_page(page)
    for at in dict.fromkeys(bench.orders):
        try:
            _end(bench, at, done)
        except (requests.RequestException, ValueError):
            done.left.append(at)
    for account in bench.links:
        done.links += bench.gateway.unlink_account(account).status == "ended"
    bench.orders.clear()
    bench.pages.clear()
    bench.links.clear()
    return done


def _end(bench: Bench, at: str, done: Cleaned) -> None:
    before = bench.gateway.status(at)
    taken = before.status == "paid" and not before.settled
    if before.status not in ("pending", "authorized") and not taken:
        return
    # A card waits for its holder, is held or captured: that is canceled. The rest runs out.
    end = bench.gateway.cancel if before.payment_type == "credit_card" else bench.gateway.expire
    end(at, idempotency_key=bench.key())
    if bench.gateway.status(at).status == "failed":
        done.orders += 1
    else:
        done.left.append(at)
