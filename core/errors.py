"""The tree of deliberate errors.

    EngineError
    ├── InvalidRequest      the caller's words are wrong: nothing was done
    ├── NotFound            no such thing for this merchant
    ├── Conflict            the thing is in a state that does not allow it
    │   └── IllegalMove     a status may not follow another
    ├── Forbidden           the caller may not do this
    ├── Unauthenticated     we do not know who calls
    ├── TooMany             it was tried too often: the same call may work after a while
    └── Unavailable         we cannot now; the same call may work later

Each carries a stable ``code`` that is part of the API. HTTP statuses are given in ``api/errors.py``
alone. Declines, time-outs and pending answers of a gateway are values, never errors. The names say
what is wrong and leave the suffix to the root.
"""

from __future__ import annotations


class EngineError(Exception):
    """A refusal that the caller can understand and act on."""

    def __init__(
        self, code: str, message: str, *, field: str | None = None, **detail: object
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.detail = detail


class InvalidRequest(EngineError):  # noqa: N818
    """The request itself is wrong; ``field`` is the path of the offending value."""


class NotFound(EngineError):  # noqa: N818
    """There is no such thing for this merchant."""


class Conflict(EngineError):  # noqa: N818
    """The thing exists, but its state does not allow what was asked."""


class IllegalMove(Conflict):
    """A status may not follow the present one."""


class Forbidden(EngineError):  # noqa: N818
    """The caller is known and may not do this."""


class Unauthenticated(EngineError):  # noqa: N818
    """The caller is not known."""


class TooMany(EngineError):  # noqa: N818
    """It was tried too often; ``detail["retry_after"]`` is in seconds."""

    @property
    def seconds(self) -> int:
        """How long to wait."""
        found = self.detail.get("retry_after")
        return found if isinstance(found, int) else 60


class Unavailable(EngineError):  # noqa: N818
    """Something outside is not reachable now; nothing was lost."""
