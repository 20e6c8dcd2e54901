"""One understood request, whatever API it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from simulator.answers import CORE, RefusalError, Room
from simulator.chaos import Fault
from simulator.idempotency import LIFETIME
from simulator.model import Json
from simulator.wire import NullBodyError, Request


@dataclass(frozen=True)
class Call:
    """One understood request: operation, the id in its path, what to do.

    `perform` gets the fault that is being played; only kind `decline` concerns it.
    """

    op: str
    ident: str
    body: Json
    perform: Callable[[Fault | None], Json]
    keyed: bool = True  # honours Idempotency-Key
    key_header: str = "idempotency-key"
    remembered: timedelta = LIFETIME
    good: int = 200  # the HTTP status of a good answer
    room: Room = CORE


def read_body(room: Room, request: Request) -> Json:
    """The body as an object; null and malformed ones as this room takes them."""
    try:
        return request.json()
    except NullBodyError:
        if room.null_is_empty:
            return {}
        raise room.malformed or RefusalError("413", "null") from None
    except RefusalError as error:
        raise room.malformed or error from error
