"""One unpaid invoice being chased, as the rules see it, and the steps they may answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from dunning.policies import EndAction

Collection = Literal["automatic", "invoice"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is known about an unpaid invoice. Instants are aware, in business time.

    opened_at: when the case began (for ``invoice`` collection, when the invoice was issued).
    first_failed_at, last_attempt_at: of real declines only; ``failures`` counts them.
    due_on: civil due date, needed for ``invoice`` collection.
    has_method: a method that may be pulled stands ready.
    decline_class: of the last decline: soft, hard, customer_action, technical, configuration.
    tries_max: further tries the last decline's reason allows, ``None`` for the policy's.
    method_changed_at: when the customer last gave another method.
    attempt_open: an attempt is on its way or its outcome is not known.
    notices: when which notice was sent, by its key.
    """

    opened_at: datetime
    collection: Collection = "automatic"
    first_failed_at: datetime | None = None
    last_attempt_at: datetime | None = None
    failures: int = 0
    due_on: date | None = None
    has_method: bool = True
    decline_class: str | None = None
    tries_max: int | None = None
    method_changed_at: datetime | None = None
    attempt_open: bool = False
    notices: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def began_at(self) -> datetime:
        return self.first_failed_at or self.opened_at


@dataclass(frozen=True, slots=True)
class Retry:
    """Pull the method once, not before ``at``."""

    at: datetime
    because: Literal["planned", "payday", "new_method"]

    def to_json(self) -> dict[str, Any]:
        return {"step": "retry", "at": self.at.isoformat(), "because": self.because}


@dataclass(frozen=True, slots=True)
class Notify:
    """Send one notice, not before ``at``; ``key`` is remembered in ``Case.notices``."""

    at: datetime
    kind: str
    key: str

    def to_json(self) -> dict[str, Any]:
        return {"step": "notify", "at": self.at.isoformat(), "kind": self.kind, "key": self.key}


@dataclass(frozen=True, slots=True)
class End:
    """Stop chasing, do ``action`` and send the notice that says so, not before ``at``."""

    at: datetime
    action: EndAction
    notice: str = "ended"

    def to_json(self) -> dict[str, Any]:
        return {"step": "end", "at": self.at.isoformat(), "action": self.action}


Step = Retry | Notify | End
