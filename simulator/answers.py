"""Answers and refusals in the gateway's own shapes."""

from __future__ import annotations

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
