"""All accounts of one simulator, and the passing of time in them."""

from __future__ import annotations

import asyncio
import base64
import traceback
from datetime import datetime
from pathlib import Path

import msgspec

from simulator import derive, journal
from simulator.book import Book
from simulator.clock import AgendaItem, machine_now
from simulator.delivery import Courier
from simulator.model import Account
from simulator.store import Line, Store
from simulator.timers import TIMERS

TICK_SECONDS = 0.2


class World:
    """Accounts by key, the store they share, the courier that serves them."""

    def __init__(self, state_dir: Path | None, seed: str, base_url: str) -> None:
        self.seed = seed
        self.base_url = base_url.rstrip("/")
        self.store = Store(state_dir)
        self.courier = Courier()
        self.books: dict[str, Book] = {}
        self.by_client: dict[str, Book] = {}
        self.by_basic: dict[str, Book] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._read_store()

    def _read_store(self) -> None:
        for number, line in enumerate(self.store.read(), 1):
            try:
                self._take_in(line)
            except (msgspec.DecodeError, KeyError) as error:
                raise self.store.not_ours(number) from error
        for book in self.books.values():
            journal.restored(book)
        self.store.start(record for book in self.books.values() for record in journal.records(book))

    def _take_in(self, line: Line) -> None:
        """One line of the journal. Raises DecodeError or KeyError where it makes no sense."""
        if line.k != "account":
            journal.restore(self.books[line.a], line.k, line.d)
            return
        account = msgspec.json.decode(line.d, type=Account)
        if account.server_key in self.books:
            self.books[account.server_key].account = account
        else:
            self._open(account)

    def _open(self, account: Account) -> Book:
        book = Book(account, self.store)
        book.on_notice = self.courier.send
        self.books[account.server_key] = book
        basic = base64.b64encode(f"{account.server_key}:".encode()).decode()
        self.by_basic[f"Basic {basic}"] = book
        if account.client_key:
            self.by_client[account.client_key] = book
        self._locks[account.server_key] = asyncio.Lock()
        return book

    def add_account(
        self, server_key: str, client_key: str, *, name: str = "", seed: str = ""
    ) -> Book:
        """Open an account, or find the one that has this server key."""
        book = self.books.get(server_key)
        if book is None:
            seed = seed or f"{self.seed}/{server_key}"
            merchant_id = "G" + derive.digits_of(seed, 9, "merchant")
            account = Account(
                server_key=server_key,
                client_key=client_key,
                merchant_id=merchant_id,
                name=name or merchant_id,
                seed=seed,
            )
            book = self._open(account)
            book.save_account()
        elif client_key and client_key != book.account.client_key:
            self.by_client.pop(book.account.client_key, None)
            book.account.client_key = client_key
            self.by_client[client_key] = book
            book.save_account()
        return book

    def find(self, ident: str) -> tuple[Book, str] | None:
        """The book that holds this transaction id (for pages, which carry no key)."""
        for book in self.books.values():
            if ident in book.transactions:
                return book, ident
        return None

    # --- time -------------------------------------------------------------------------------

    async def advance(self, book: Book, to: datetime) -> int:
        """Set the account's clock to `to`, doing all that is due on the way in its order.

        Returns how many things happened. Notices are delivered before the clock goes on.
        Raises ValueError when that would be a step back.
        """
        async with self._locks[book.account.server_key]:
            account = book.account
            if to < book.now() and (account.clock_mode != "real" or book.transactions):
                raise ValueError(f"the clock does not go back: it is {book.now().isoformat()}")
            start = min(book.now(), to)
            account.clock_mode, account.clock_at = "fixed", start
            await self.courier.drain(book)
            happened = 0
            while (item := self._next(book)) is not None and item[0] <= to:
                account.clock_at = max(account.clock_at, item[0])
                happened += self._perform_instant(book, item[0])
                self.store.flush()
                await self.courier.drain(book)
            account.clock_at = to
            book.save_account()
            self.store.flush()
            return happened

    def set_mode(self, book: Book, mode: str) -> None:
        """Stand still (fixed), run on from the present instant (running), or real time.

        Raises ValueError when real time would be a step back.
        """
        account, now, real = book.account, book.now(), machine_now()
        if mode == "real" and now > real and book.transactions:
            raise ValueError(f"the clock does not go back: it is {now.isoformat()}")
        account.clock_at, account.clock_started = now, real
        account.clock_mode = mode
        book.save_account()

    def next_due(self, book: Book) -> datetime | None:
        """When the book itself does something next."""
        item = self._next(book)
        return item[0] if item else None

    def _next(self, book: Book) -> AgendaItem | None:
        while (item := book.agenda.peek()) is not None:
            if TIMERS[item[3]].holds(book, item):
                return item
            book.agenda.pop()
        return None

    def _perform_instant(self, book: Book, due: datetime) -> int:
        """Everything that is due at exactly this instant."""
        happened = 0
        while (item := self._next(book)) is not None and item[0] == due:
            book.agenda.pop()
            TIMERS[item[3]].perform(book, item[4])
            happened += 1
        return happened

    # --- real time --------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: deliver what was left over, then follow the running clocks."""
        for book in self.books.values():
            for notice in book.notices.values():
                if notice.state == "queued":
                    self.courier.send(book, notice)
        while True:
            for book in list(self.books.values()):
                if book.account.clock_mode != "fixed":
                    try:
                        self.catch_up(book)
                    except Exception:  # one stumble must not stop time for everybody
                        traceback.print_exc()
            await asyncio.sleep(TICK_SECONDS)

    def catch_up(self, book: Book) -> None:
        """Do what has become due on a clock that runs by itself."""
        now = book.now()
        while (item := self._next(book)) is not None and item[0] <= now:
            book.agenda.pop()
            TIMERS[item[3]].perform(book, item[4])
        self.store.flush()

    async def close(self) -> None:
        await self.courier.close()
        self.store.close()
