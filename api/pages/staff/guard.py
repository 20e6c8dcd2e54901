"""A wall against guessing passwords: failed sign-ins make the next one wait."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta


class Guard:
    """Counts failed sign-ins by address of mail and by where they come from, in this process.

    After ``free`` failures each further one doubles the wait, up to five minutes. An unknown
    address is counted like a known one, so that waiting tells nothing about who works here.
    """

    def __init__(self, free: int = 4, keep: int = 10_000) -> None:
        self._free, self._keep = free, keep
        self._seen: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, names: tuple[str, ...], now: datetime) -> int:
        """Seconds until the next try is looked at; 0 when it may be made now."""
        with self._lock:
            until = [self._seen[name][1] for name in names if name in self._seen]
        left = max((end - now for end in until), default=timedelta())
        return max(0, -(-left // timedelta(seconds=1)))

    def failed(self, names: tuple[str, ...], now: datetime) -> None:
        """Note a failed try."""
        with self._lock:
            for name in names:
                count = self._seen.pop(name, (0, now))[0] + 1
                late = count - self._free
                seconds = min(300, 2 ** min(late, 9)) if late > 0 else 0
                self._seen[name] = (count, now + timedelta(seconds=seconds))
            while len(self._seen) > self._keep:
                self._seen.popitem(last=False)

    def passed(self, names: tuple[str, ...]) -> None:
        """Forget the failures of one who got in."""
        with self._lock:
            for name in names:
                self._seen.pop(name, None)
