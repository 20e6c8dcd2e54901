"""What the agenda may hold: for each kind, whether an entry still holds and what it does.

A new kind is one row here and its rank in `clock`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator import gopay_accounts, refunds, subscription_runs
from simulator.book import Book
from simulator.channels import card, wallets
from simulator.clock import AgendaItem
from simulator.model import Transaction


@dataclass(frozen=True)
class Timer:
    """Entries are never taken out of the agenda: whoever takes one asks whether it holds."""

    holds: Callable[[Book, AgendaItem], bool]
    perform: Callable[[Book, str], None]


def _of_transaction(act: Callable[[Book, Transaction], None]) -> Timer:
    def holds(book: Book, item: AgendaItem) -> bool:
        due, _, _, kind, key = item
        tx = book.transactions[key]
        return tx.due_kind == kind and tx.due_at == due

    return Timer(holds, lambda book, key: act(book, book.transactions[key]))


def _settle(book: Book, tx: Transaction) -> None:
    if tx.fraud_status == "challenge":
        book.move(tx, "cancel", "nobody answered the challenge")
    else:
        book.move(tx, "settlement", "settled by the acquirer")


def _holds_notice(book: Book, item: AgendaItem) -> bool:
    notice = book.notices.get(item[4])
    return notice is not None and notice.state == "waiting" and notice.due_at == item[0]


def _send_notice(book: Book, key: str) -> None:
    book.send(book.notices[key])


def _holds_refund(book: Book, item: AgendaItem) -> bool:
    ident, _, uuid = item[4].partition("/")
    found = book.transactions[ident].refunds
    return any(refund.uuid == uuid and refund.confirm_at == item[0] for refund in found)


def _confirm_refund(book: Book, key: str) -> None:
    ident, _, uuid = key.partition("/")
    refunds.confirm(book, book.transactions[ident], uuid)


def _holds_link(book: Book, item: AgendaItem) -> bool:
    account = book.pay_accounts[item[4]]
    return account.status == "PENDING" and account.due_at == item[0]


def _holds_run(book: Book, item: AgendaItem) -> bool:
    known = book.subscriptions[item[4]]
    return item[0] in (known.next_at, known.retry_at)


TIMERS: dict[str, Timer] = {
    "expire": _of_transaction(lambda book, tx: book.move(tx, "expire", "nobody paid in time")),
    "release": _of_transaction(
        lambda book, tx: book.move(tx, "expire", "the hold was never captured")
    ),
    "resolve": _of_transaction(lambda book, tx: card.approve_card(book, tx, "00")),
    "push": _of_transaction(wallets.ovo_answers),
    "settle": _of_transaction(_settle),
    "link": Timer(
        _holds_link, lambda book, key: gopay_accounts.expire(book, book.pay_accounts[key])
    ),
    "run": Timer(_holds_run, subscription_runs.perform),
    "confirm": Timer(_holds_refund, _confirm_refund),
    "notice": Timer(_holds_notice, _send_notice),
}
