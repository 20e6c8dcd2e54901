"""What one row of the channel table says, and the charge it is asked to open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.answers import invalid
from simulator.model import Json, Transaction

if TYPE_CHECKING:
    from simulator.book import Book

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Opening:
    """A charge being taken in: its transaction is not yet in the book."""

    book: Book
    tx: Transaction
    body: Json
    base: str
    locale: str = ""
    unattended: bool = False  # a schedule charges: nobody can give a PIN

    @property
    def now(self) -> datetime:
        return self.tx.created_at

    def part(self, name: str) -> Json:
        """An object of the request; nothing is an empty one. Raises the 400 for anything else."""
        value = self.body.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid(f"{name} is not valid")
        return value

    def page(self, path: str) -> str:
        """The address of one of our pages, in the language that was asked for."""
        return f"{self.base}/{path}" + ("?lang=en" if self.locale.lower() == "en-en" else "")


@dataclass(frozen=True)
class Life:
    """How long the payer has: the default and the limits of `custom_expiry`."""

    default: timedelta
    shortest: timedelta = timedelta(seconds=20)
    longest: timedelta = 180 * DAY
    fixed: bool = False  # custom_expiry is not for this channel


@dataclass(frozen=True)
class Refunds:
    """For how long money can be given back, and whether in parts."""

    days: int
    whole_only: bool = False
    rests_at_night: bool = False  # no refunds between 23:50 and 06:00 WIB


Open = Callable[[Opening], None]
Paid = Callable[["Book", Transaction, Mapping[str, str]], None]
Moved = Callable[["Book", Transaction, str], None]


def nothing_more(_book: Book, _tx: Transaction, _how: Mapping[str, str]) -> None:
    """Most payments add no field when they are paid."""


def nobody_minds(_book: Book, _tx: Transaction, _came_from: str) -> None:
    """Most channels keep no money of their own."""


@dataclass(frozen=True)
class Channel:
    """One way to pay. `open` checks the request and writes the answer's own fields.

    An opener that leaves the transaction without a state lets it become pending; it raises
    RefusalError when there is to be no transaction at all.
    """

    name: str
    payment_type: str
    open: Open
    said: str  # the status_message of a good answer
    page: str  # how a person pays: number | qr | pin | push | login | card
    life: Life | None = None  # None: the opener decides
    refunds: Refunds | None = None  # None: the gateway cannot give it back
    paid: Paid = nothing_more  # fields that appear when it is paid; `how` is what the page knows
    moved: Moved = nobody_minds  # after every move, for wallets
    status_only: frozenset[str] = frozenset()  # fields of the status answer, not of messages
    reversible: bool = False  # a settled payment may still be taken back
    only_by_transaction_id: bool = False
    remembers_keys: bool = True  # honours Idempotency-Key
    has_fraud_status: bool = True
    expires_as_202: bool = False  # a page says that its expiry message has code 202
    legacy: bool = False  # 402 unless the account's switch opens it
    snap_only: bool = False  # not in the Core API
    refused_as: str = ""  # the channel's code when a person says no
    brand: str = ""  # what the payer's app is called


PENDING_ONLY = frozenset({"actions", "qr_string", "redirect_url"})
