"""Who does something: staff, a machine's key, the operator, a customer, or ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["staff", "key", "operator", "system", "customer"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and from where; kept beside every write.

    Attributes:
        kind: what sort of caller it is.
        name: an e-mail address, a key's public id, or the name of a process (``scheduler``).
        source: the address of the caller, or ``local``.
    """

    kind: ActorKind
    name: str
    source: str = "local"

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def system(name: str) -> Actor:
    """Ourselves, named by the process at work."""
    return Actor("system", name)
