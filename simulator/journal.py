"""A book to the journal and back: what is kept, and what is rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from simulator.book import Book
from simulator.channels import earlier_row
from simulator.model import Transaction
from simulator.store import Record


def restore(book: Book, kind: str, raw: msgspec.Raw) -> None:
    """Take in one journal line; a later line of the same name replaces an earlier one."""
    if kind == "idem":
        book.memory.restore(raw)
        return
    shelf, record_type, name = book.shelves[kind]
    record = msgspec.json.decode(raw, type=record_type)
    key = getattr(record, name)
    if isinstance(record, Transaction):
        record.channel = record.channel or earlier_row(record)
        if key not in shelf:
            book.orders.setdefault(record.order_id, []).append(key)
    shelf[key] = record


def restored(book: Book) -> None:
    """After the last line: rebuild what is derived, send what was never sent."""
    for tx in book.transactions.values():
        book.index_numbers(tx)
        if tx.due_at is not None:
            book.agenda.add(tx.due_at, tx.due_kind, tx.order_id, tx.transaction_id)
        for refund in tx.refunds:
            book.set_refund_timer(tx, refund)
    for token in book.tokens.values():
        book.tokens_made[token.pan] = book.tokens_made.get(token.pan, 0) + 1
    for account in book.pay_accounts.values():
        if account.due_at is not None:
            book.agenda.add(account.due_at, "link", account.account_id, account.account_id)
    for known in book.subscriptions.values():
        book.set_run_timer(known)
    for notice in book.notices.values():
        book.notices_of.setdefault(notice.transaction_id, []).append(notice.notice_id)
        if notice.due_at is not None:
            book.agenda.add(notice.due_at, "notice", notice.order_id, notice.notice_id)
        if notice.state == "held":
            book.held.setdefault(notice.order_id, []).append(notice)


def records(book: Book) -> Iterator[Record]:
    """Everything worth keeping, for a fresh journal."""
    key = book.account.server_key
    yield "account", key, book.account
    for kind, (shelf, _, _) in book.shelves.items():
        for value in shelf.values():
            yield kind, key, value
    for known in book.memory.records():
        yield "idem", key, known
