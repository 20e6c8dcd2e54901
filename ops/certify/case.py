"""One cell of the contract, and what several cases do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ops.certify.bench import Bench, Facts
from payments.gateway import RefundAnswer


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the contract.

    ``expect`` names facts that must hold, each as one value or several allowed ones.
    """

    channel: str
    operation: str
    outcome: str
    try_it: Callable[[Bench], Facts]
    expect: Mapping[str, str | tuple[str, ...]]

    @property
    def key(self) -> str:
        """Its name in a report."""
        return f"{self.channel} / {self.operation} / {self.outcome}"

    def unmet(self, facts: Facts) -> list[str]:
        """What the contract promises and the gateway did not do."""
        found = []
        for name, wanted in self.expect.items():
            allowed = (wanted,) if isinstance(wanted, str) else wanted
            if facts.get(name) not in allowed:
                found.append(f"{name} is {facts.get(name)}, not {' or '.join(allowed)}")
        return found


def with_state(bench: Bench, at: str, facts: Facts) -> Facts:
    after = bench.gateway.status(at)
    word = after.transaction_status or "none"
    return {**facts, "afterwards": after.status, "afterwards.word": word}


def give_back(bench: Bench, at: str, refund_key: str, amount: int) -> RefundAnswer:
    return bench.gateway.refund(
        at, refund_key=refund_key, amount=amount, reason="certification",
        idempotency_key=bench.key(),
    )  # fmt: skip
