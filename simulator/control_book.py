"""The book as the control API shows it: what was really taken, from whom, once or twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from simulator.book import Book
from simulator.chaos import Fault
from simulator.clock import iso
from simulator.model import CardRule, Json, Notice, PayAccount, Subscription, Transaction


def account(book: Book) -> Json:
    """Settings of the account, without history."""
    known = book.account
    return {
        "server_key": known.server_key,
        "client_key": known.client_key,
        "merchant_id": known.merchant_id,
        "name": known.name,
        "notification_url": known.notification_url,
        "pay_account_url": known.pay_account_url,
        "recurring_url": known.recurring_url,
        "recurring_mid": known.recurring_mid,
        "b2b": known.b2b,
        "refund_balance": known.refund_balance,
        "disabled_types": known.disabled_types,
        "latency": msgspec.to_builtins(known.latency),
        "delivery_concurrency": known.delivery_concurrency,
        "switches": msgspec.to_builtins(known.switches),
        "clock": {"mode": known.clock_mode, "now": iso(book.now())},
    }


def rule(known: CardRule) -> Json:
    return {
        "match": known.match,
        "behaviour": known.behaviour,
        "since": iso(known.since),
        "until": iso(known.until),
    }


def fault(known: Fault) -> Json:
    body: Json = msgspec.to_builtins(known)
    return body


def notice(known: Notice) -> Json:
    """One message with every attempt and the merchant's answer."""
    return {
        "notice_id": known.notice_id,
        "url": known.url,
        "transaction_status": known.payload.get("transaction_status"),
        "account_status": known.payload.get("account_status"),
        "event_name": known.payload.get("event_name"),
        "status_code": known.payload.get("status_code"),
        "created_at": iso(known.created_at),
        "state": known.state,
        "next_try_at": iso(known.due_at),
        "attempts": [
            {
                "at": iso(attempt.at),
                "answer": attempt.answer,
                "milliseconds": attempt.milliseconds,
                "said": attempt.said,
            }
            for attempt in known.attempts
        ],
    }


def taken(tx: Transaction) -> int:
    """Rupiah really taken from the payer, before anything was given back."""
    return tx.captured * tx.times_taken


def transaction(book: Book, tx: Transaction) -> Json:
    """One entry of the book. Amounts are integers here, instants UTC."""
    return {
        "order_id": tx.order_id,
        "transaction_id": tx.transaction_id,
        "payment_type": tx.payment_type,
        "channel": tx.channel,
        "gross_amount": tx.gross_amount,
        "status": tx.status,
        "fraud_status": tx.fraud_status,
        "channel_response_code": tx.extras.get("channel_response_code"),
        "captured": tx.captured,
        "times_taken": tx.times_taken,
        "taken": taken(tx),
        "returned": tx.returned,
        "refunded": tx.refunded,
        "charged_back": tx.charged_back,
        "saved_token_id": tx.saved_token_id,
        "token_used": tx.token_used or None,
        "initiated_by": tx.initiated_by or None,
        "masked_card": tx.extras.get("masked_card"),
        "customer": tx.customer or None,
        "phone": _phone(book, tx),
        "va_numbers": tx.extras.get("va_numbers"),
        "permata_va_number": tx.extras.get("permata_va_number"),
        "bill_key": tx.extras.get("bill_key"),
        "payment_code": tx.extras.get("payment_code"),
        "qr_string": tx.qr or None,
        "account_id": tx.account_id or None,
        "created_at": iso(tx.created_at),
        "expires_at": iso(tx.expires_at),
        "settlement_at": iso(tx.settlement_at),
        "next": {"at": iso(tx.due_at), "what": tx.due_kind} if tx.due_at else None,
        "refunds": [
            {
                "refund_key": refund.refund_key,
                "amount": refund.amount,
                "created_at": iso(refund.created_at),
                "bank_confirmed_at": iso(refund.bank_confirmed_at),
            }
            for refund in tx.refunds
        ],
        "history": [
            {"at": iso(step.at), "status": step.status, "note": step.note} for step in tx.history
        ],
        "notifications": [
            notice(book.notices[ident]) for ident in book.notices_of.get(tx.transaction_id, ())
        ],
        "echo": tx.echo,
    }


def _phone(book: Book, tx: Transaction) -> str | None:
    """Whose wallet pays, where that is known by a phone number."""
    linked = book.pay_accounts.get(tx.account_id)
    return linked.phone if linked else tx.extras.get("payer_phone_number")


def pay_account(book: Book, known: PayAccount) -> Json:
    """A linked GoPay account with its history and messages."""
    return {
        "account_id": known.account_id,
        "phone": known.phone,
        "status": known.status,
        "created_at": iso(known.created_at),
        "expires_at": iso(known.due_at),
        "history": [
            {"at": iso(step.at), "status": step.status, "note": step.note} for step in known.history
        ],
        "notifications": [
            notice(book.notices[ident]) for ident in book.notices_of.get(known.account_id, ())
        ],
    }


def subscription(book: Book, known: Subscription) -> Json:
    """A schedule with what it did and what the merchant was told."""
    return {
        "subscription_id": known.subscription_id,
        "name": known.name,
        "amount": known.amount,
        "payment_type": known.payment_type,
        "status": known.status,
        "canceled": known.canceled,
        "runs": known.runs,
        "paid_runs": known.current_interval,
        "retries": known.retries,
        "previous_at": iso(known.previous_at),
        "next_at": iso(known.next_at),
        "retry_at": iso(known.retry_at),
        "order_ids": known.order_ids,
        "history": [
            {"at": iso(step.at), "status": step.status, "note": step.note} for step in known.history
        ],
        "notifications": [
            notice(book.notices[ident]) for ident in book.notices_of.get(known.subscription_id, ())
        ],
    }


def whole(book: Book, query: Json) -> Json:
    """The book, or the part asked for by `order_id` (prefix) and `status`; sorted by order id."""
    return {
        "now": iso(book.now()),
        "transactions": [transaction(book, tx) for tx in _chosen(book, query)],
    }


def _chosen(book: Book, query: Json) -> Iterator[Transaction]:
    prefix, status = str(query.get("order_id", "")), query.get("status")
    for order_id in sorted(book.orders):
        if not order_id.startswith(prefix):
            continue
        for ident in book.orders[order_id]:
            tx = book.transactions[ident]
            if status is None or tx.status == status:
                yield tx


def summary(book: Book) -> Json:
    """Totals, and every order from which money was taken more than once."""
    all_of_them = list(book.transactions.values())
    paid = [tx for tx in all_of_them if tx.times_taken]
    per_order: dict[str, int] = {}
    statuses: dict[str, int] = {}
    for tx in all_of_them:
        statuses[tx.status] = statuses.get(tx.status, 0) + 1
        if tx.times_taken:
            per_order[tx.order_id] = per_order.get(tx.order_id, 0) + tx.times_taken
    charged, back = sum(map(taken, paid)), sum(tx.returned for tx in paid)
    refunded = sum(tx.refunded for tx in paid)
    charged_back = sum(tx.charged_back for tx in paid)
    return {
        "now": iso(book.now()),
        "transactions": len(all_of_them),
        "statuses": dict(sorted(statuses.items())),
        "charges": sum(tx.times_taken for tx in paid),
        "charged": charged,
        "returned": back,
        "refunds": sum(len(tx.refunds) for tx in paid),
        "refunded": refunded,
        "charged_back": charged_back,
        "net": charged - back - refunded - charged_back,
        "charged_more_than_once": sorted(o for o, count in per_order.items() if count > 1),
        "orders": dict(sorted(per_order.items())),
    }
