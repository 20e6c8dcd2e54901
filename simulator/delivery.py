"""The courier: delivers notices in the background, keeps every attempt, arranges retries."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import msgspec

from simulator.book import Book
from simulator.model import Attempt, Notice
from simulator.notifications import HEADERS, TIMEOUT_SECONDS, is_success, next_try
from simulator.transport import Poster

REAL_TIME_CONCURRENCY = 8


class Lane:
    """The notices of one account on their way. Those of one order go one after the other."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.queue: deque[Notice] = deque()
        self.behind: dict[str, deque[Notice]] = {}  # order id under way -> what waits behind it
        self.running: set[asyncio.Task[None]] = set()
        self.idle = asyncio.Event()
        self.idle.set()

    def limit(self) -> int:
        account = self.book.account
        if account.delivery_concurrency:
            return account.delivery_concurrency
        return 1 if account.clock_mode == "fixed" else REAL_TIME_CONCURRENCY


class Courier:
    """All lanes and the one client they share."""

    def __init__(self, timeout: float = TIMEOUT_SECONDS) -> None:
        self._poster = Poster(timeout)
        self._lanes: dict[str, Lane] = {}
        self._encoder = msgspec.json.Encoder()

    def send(self, book: Book, notice: Notice) -> None:
        """Deliver as soon as may be. Returns at once."""
        lane = self._lanes.get(book.account.server_key)
        if lane is None:
            lane = self._lanes[book.account.server_key] = Lane(book)
        lane.idle.clear()
        lane.queue.append(notice)
        self._pump(lane)

    async def drain(self, book: Book) -> None:
        """Until nothing of this account is queued or on the wire."""
        lane = self._lanes.get(book.account.server_key)
        if lane is not None:
            await lane.idle.wait()

    async def close(self) -> None:
        """Stop; what was not delivered is still in the book."""
        tasks = [task for lane in self._lanes.values() for task in lane.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._poster.close()

    def _pump(self, lane: Lane) -> None:
        while lane.queue and len(lane.running) < lane.limit():
            notice = lane.queue.popleft()
            if notice.order_id in lane.behind:
                lane.behind[notice.order_id].append(notice)
                continue
            lane.behind[notice.order_id] = deque()
            task = asyncio.get_running_loop().create_task(self._run(lane, notice))
            lane.running.add(task)
            task.add_done_callback(lambda done: self._done(lane, done))

    def _done(self, lane: Lane, task: asyncio.Task[None]) -> None:
        lane.running.discard(task)
        if task.cancelled():
            return
        self._pump(lane)
        if not lane.running and not lane.queue:
            lane.idle.set()

    async def _run(self, lane: Lane, first: Notice) -> None:
        notice: Notice | None = first
        try:
            while notice is not None:
                await self._deliver(lane.book, notice)
                behind = lane.behind[first.order_id]
                notice = behind.popleft() if behind else None
        finally:
            del lane.behind[first.order_id]

    async def _deliver(self, book: Book, notice: Notice) -> None:
        at, started = book.now(), time.monotonic()
        body = self._encoder.encode(notice.payload)
        answer, said = await self._poster.post(notice.url, body, HEADERS)
        spent = round((time.monotonic() - started) * 1000)
        notice.attempts.append(Attempt(at=at, answer=answer, milliseconds=spent, said=said))
        if is_success(answer):
            notice.state, notice.due_at = "delivered", None
        else:
            notice.due_at = next_try(notice, answer, at, book.account)
            notice.state = "failed" if notice.due_at is None else "waiting"
            if notice.due_at is not None:
                book.agenda.add(notice.due_at, "notice", notice.order_id, notice.notice_id)
        book.save("notice", notice)
        book.store.flush()
