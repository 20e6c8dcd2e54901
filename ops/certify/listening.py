"""What the adapter leaves out of a status: is it about our order, and signed with our key?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from payments.adapters.midtrans.client import MidtransClient, Raw
from payments.notifications import verify

OURS: Final = "order is ours"
SIGNED: Final = "signature fits"
# Every case promises both: a ``no`` is a broken promise.
PROMISED: Final = (OURS, SIGNED)


@dataclass(slots=True)
class Heard:
    """What the statuses of one case said; ``names`` are our order ids by the gateway's names."""

    names: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def status(self, asked: str, body: dict[str, Any], server_key: str) -> None:
        """Take one status in; what was wrong once stays wrong."""
        if "transaction_status" not in body:
            return
        wanted = self.names.get(asked, asked)
        named = body.get("order_id"), body.get("transaction_id")
        ours = named[0] == wanted or (asked not in self.names and asked in named)
        self._note(OURS, "yes" if ours else "no")
        if body.get("signature_key") is None:
            self._note(SIGNED, "none given")
        else:
            self._note(SIGNED, "yes" if verify(body, server_key) else "no")

    def taken(self) -> dict[str, str]:
        """The facts since the last time."""
        found, self.facts = self.facts, {}
        return found

    def _note(self, name: str, value: str) -> None:
        if self.facts.get(name, "yes") == "yes":
            self.facts[name] = value


class ListeningClient(MidtransClient):
    """The client as shipped; every status it reads is heard too, before secrets are taken out."""

    def __init__(self, heard: Heard, url: str, server_key: str, *given: Any, **more: Any) -> None:
        super().__init__(url, server_key, *given, **more)
        self._heard_by, self._key = heard, server_key

    def status(self, order_id: str) -> Raw:
        """GET /v2/{id}/status."""
        raw = super().status(order_id)
        self._heard_by.status(order_id, raw.body, self._key)
        return raw
