"""What the home keeps of the first merchant, and how its desk at the simulator is told things."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

import requests

from core.actor import system
from core.errors import Conflict
from core.settings import Settings
from ops.embedded_place import write_private

EXAMPLES: Final = Path(__file__).resolve().parent.parent / "examples"
ME: Final = system("first start")
_KEPT: Final = "demo.json"
_TIMEOUT: Final = (3, 30)


@dataclass(slots=True)
class Kept:
    """What the home keeps of the first merchant, readable by its owner only."""

    slug: str = ""
    api_key: str = field(default="", repr=False)
    staff_email: str = ""
    staff_password: str = field(default="", repr=False)
    server_key: str = field(default="", repr=False)
    client_key: str = ""
    populated: bool = False

    @classmethod
    def read(cls, home: Path) -> Kept:
        """Read it; whatever is missing or unreadable is as on the first start."""
        try:
            found = json.loads((home / _KEPT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        return cls(**{one.name: found[one.name] for one in fields(cls) if one.name in found})

    def write(self, home: Path) -> None:
        """Write it before anything depends on it: a cut-off start must find its own keys."""
        write_private(home / _KEPT, json.dumps(asdict(self), indent=1) + "\n")


def tell_simulator(settings: Settings, kept: Kept, path: str, body: dict[str, Any]) -> None:
    """Call the control side of the simulator in the name of the first merchant.

    Raises:
        Conflict: ``simulator_refused``.
    """
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(
            f"{settings.simulator_url}/_sim/{path}",
            json=body,
            headers={"X-Sim-Server-Key": kept.server_key},
            timeout=_TIMEOUT,
        )
    if answer.status_code >= 300:
        raise Conflict("simulator_refused", f"the simulator refused {path}: {answer.text[:200]}")
