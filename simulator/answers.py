"""Answers and refusals in the gateway's own shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.model import Json

NOT_FOUND = "Transaction doesn't exist."
CANNOT_CHANGE = "Merchant cannot modify the status of the transaction"
INVALID = "One or more parameters in the payload is invalid."
CONFLICT = (
    "The request could not be completed due to a conflict with the current state of the target "
    "resource, please try again"
)
UNKNOWN_KEY = "Unknown Merchant server_key/id"
IN_PROGRESS = "The request with the same idempotency key is still being processed"

# Codes that certainly come as a real HTTP status; the rest of the refusals live in the body only.
_REAL_HTTP = frozenset({"400", "401", "403", "405", "413", "429", "500", "502", "503", "504"})


class RefusalError(Exception):
    """The gateway says no; there is no effect."""

    def __init__(self, code: str, message: str, problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.problems = problems

    def http(self, *, errors_as_http: bool) -> int:
        """The HTTP code that goes with it."""
        return int(self.code) if errors_as_http or self.code in _REAL_HTTP else 200

    def body(self, ident: str) -> Json:
        """The Core API's error body."""
        body: Json = {"status_code": self.code, "status_message": self.message}
        if self.problems is not None:
            body["validation_messages"] = self.problems
        body["id"] = ident
        return body


def invalid(*problems: str) -> RefusalError:
    """400 with the list of what is wrong."""
    return RefusalError("400", INVALID, list(problems))


def not_found() -> RefusalError:
    return RefusalError("404", NOT_FOUND)


def cannot_change() -> RefusalError:
    return RefusalError("412", CANNOT_CHANGE)


# --- rooms: each API has error shapes of its own ------------------------------------------------

SNAP_401 = (
    "Access denied due to unauthorized transaction, please check client or server key",
    "Visit the documentation of Snap for the right request headers",
)
RECOVERING = "Sorry, Our system is recovering from unexpected issues. Please retry."
SNAP_500 = "Sorry, we encountered internal server error. We will fix this soon."


@dataclass(frozen=True)
class Room:
    """One API of the gateway: how it says no, and what it makes of a JSON null."""

    name: str
    say: Callable[[RefusalError, str], Json]
    always_http: bool  # every refusal is a real HTTP status
    null_is_empty: bool  # a JSON null counts as an empty object
    malformed: RefusalError | None = None  # what unreadable JSON is answered with; None: 413

    def refuse(
        self, refusal: RefusalError, ident: str, *, errors_as_http: bool
    ) -> tuple[int, Json]:
        """HTTP status and body of a refusal."""
        http = refusal.http(errors_as_http=errors_as_http or self.always_http)
        return http, self.say(refusal, ident)


def _in_messages(refusal: RefusalError, _ident: str) -> Json:
    """Snap, payment links and invoices: a list of sentences and nothing else."""
    if refusal.code == "401":
        return {"error_messages": list(SNAP_401)}
    if refusal.code == "500":
        return {"error_messages": [SNAP_500]}
    return {"error_messages": refusal.problems or [refusal.message]}


def _in_status_message(refusal: RefusalError, _ident: str) -> Json:
    """The Subscription API: no status_code at all."""
    if refusal.code == "500":
        return {"status_message": RECOVERING}
    body: Json = {"status_message": refusal.message}
    if refusal.problems is not None:
        body["validation_messages"] = refusal.problems
    return body


_TITLES = {"404": "BIN not found", "409": "Conflict"}


def _in_errors(refusal: RefusalError, _ident: str) -> Json:
    """The BIN API: a title and a sentence."""
    title = _TITLES.get(refusal.code, "Error")
    return {"errors": [{"message_title": title, "message": refusal.message}]}


_BAD_REQUEST = RefusalError("400", "Bad request")
CORE = Room("core", lambda refusal, ident: refusal.body(ident), False, False)
SNAP = Room("snap", _in_messages, True, True, _BAD_REQUEST)
SUBSCRIPTIONS = Room("subscriptions", _in_status_message, True, False, _BAD_REQUEST)
BINS = Room("bins", _in_errors, True, True)
LINKS = Room("links", _in_messages, True, True, _BAD_REQUEST)


def room_of(segments: tuple[str, ...]) -> Room:
    """Which API an address belongs to."""
    if segments[:1] == ("snap",):
        return SNAP
    if segments[:2] == ("v1", "subscriptions"):
        return SUBSCRIPTIONS
    if segments[:2] in (("v1", "payment-links"), ("v1", "invoices")):
        return LINKS
    return CORE
