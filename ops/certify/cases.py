"""The contract of the port, case by case: (channel, operation, outcome) and what must come of it.

Each case says what the documentation promises, in words of the port; what else an answer carries is
compared between two gateways. Source: Midtrans documentation, Core API and Snap.
"""

from __future__ import annotations

from functools import partial

from ops.certify.bench import AMOUNT, Bench, Facts, NotTried, facts_of
from ops.certify.case import Case, give_back, with_state
from ops.certify.cases_pull import card_cases, linked_cases
from payments.channels import CHANNELS, PUSHES


def cases() -> list[Case]:
    """Every case, in the order in which they are tried."""
    found = [*card_cases(), *linked_cases(), *_snap(), *_anything()]
    for channel in sorted(PUSHES - {"snap"}):
        found += _pushed(channel)
    return sorted(found, key=lambda one: (one.channel, one.operation, one.outcome))


def _pushed(channel: str) -> list[Case]:
    row = CHANNELS[channel]
    ended = ("succeeded",)
    made = [
        Case(channel, "charge", "pending", partial(_charge, channel=channel),
             {"status": "pending", "amount": str(AMOUNT), "raw.transaction_status": "pending"}),
        Case(channel, "charge", "same order id again", partial(_again, channel=channel),
             {"status": "duplicate", "code": "406"}),
        Case(channel, "charge", "amount of zero", partial(_zero, channel=channel),
             {"status": "failed", "code": "400"}),
        Case(channel, "status", "pending", partial(_status, channel=channel),
             {"status": "pending", "amount": str(AMOUNT)}),
        Case(channel, "status", "paid", partial(_paid, channel=channel),
             {"status": "paid", "settled": "True", "amount": str(AMOUNT)}),
        Case(channel, "expire", "pending", partial(_expire, channel=channel),
             {"status": ended, "afterwards": "failed"}),
        Case(channel, "cancel", "pending", partial(_cancel, channel=channel),
             {"status": ended, "afterwards": "failed"}),
        Case(channel, "expire", "paid", partial(_expire_paid, channel=channel),
             {"status": "unknown", "afterwards": "paid"}),
    ]  # fmt: skip
    whole = ("succeeded",) if row.refund.refundable else ("failed", "unknown")
    made.append(
        Case(channel, "refund", "whole", partial(_refund, channel=channel, amount=AMOUNT),
             {"status": whole})
    )  # fmt: skip
    if row.refund.refundable:
        part = ("succeeded",) if row.refund.partial else ("failed", "unknown", "retry")
        made += [
            Case(channel, "refund", "a part", partial(_refund, channel=channel, amount=10_000),
                 {"status": part}),
            Case(channel, "refund", "same key again", partial(_refund_twice, channel=channel),
                 {"status": "unknown", "code": "406"}),
        ]  # fmt: skip
    return made


def _charge(bench: Bench, channel: str) -> Facts:
    answer = bench.charge(bench.request(channel))
    facts = facts_of(answer)
    facts["shown"] = " ".join(one for one in CHANNELS[channel].shows if one in answer.instructions)
    return facts


def _again(bench: Bench, channel: str) -> Facts:
    request, _ = bench.opened(channel)
    return facts_of(bench.charge(request))


def _zero(bench: Bench, channel: str) -> Facts:
    return facts_of(bench.charge(bench.request(channel, amount=0)))


def _status(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    return facts_of(bench.gateway.status(at))


def _paid(bench: Bench, channel: str) -> Facts:
    _, at = bench.paid(channel)
    return facts_of(bench.gateway.status(at))


def _expire(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    facts = facts_of(bench.gateway.expire(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _cancel(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _expire_paid(bench: Bench, channel: str) -> Facts:
    _, at = bench.paid(channel)
    facts = facts_of(bench.gateway.expire(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _refund(bench: Bench, channel: str, amount: int) -> Facts:
    request, at = bench.paid(channel)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}", amount))


def _refund_twice(bench: Bench, channel: str) -> Facts:
    request, at = bench.paid(channel)
    give_back(bench, at, f"RF-{request.order_id}", AMOUNT)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}", AMOUNT))


# The hosted page, and what no channel is needed for


def _snap() -> list[Case]:
    return [
        Case("snap", "charge", "page opened", _page,
             {"status": "pending", "instructions": "redirect_url snap_token"}),
        Case("snap", "status", "nothing chosen yet", _page_status, {"status": "not_found"}),
        Case("snap", "close", "nothing chosen yet", _page_close, {"closed": "True"}),
    ]  # fmt: skip


def _page(bench: Bench) -> Facts:
    return facts_of(bench.charge(bench.request("snap")))


def _page_status(bench: Bench) -> Facts:
    request, _ = bench.opened("snap")
    return facts_of(bench.gateway.status(request.order_id))


def _page_close(bench: Bench) -> Facts:
    answer = bench.charge(bench.request("snap"))
    token = answer.instructions.get("snap_token")
    if token is None:
        raise NotTried("no page could be opened")
    return {"closed": str(bench.gateway.close_page(token))}


def _anything() -> list[Case]:
    return [
        Case("any", "status", "unknown order", _unknown, {"status": "not_found", "code": "404"}),
        Case("any", "cancel", "unknown order", _cancel_unknown, {"code": "404"}),
        Case("any", "refund", "unknown order", _refund_unknown, {"code": "404"}),
        Case("any", "charge", "wrong key", _wrong_key, {"status": "refused", "code": "401"}),
    ]


def _unknown(bench: Bench) -> Facts:
    return facts_of(bench.gateway.status(bench.request("card").order_id))


def _cancel_unknown(bench: Bench) -> Facts:
    at = bench.request("card").order_id
    return facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))


def _refund_unknown(bench: Bench) -> Facts:
    at = bench.request("card").order_id
    return facts_of(give_back(bench, at, f"RF-{at}", AMOUNT))


def _wrong_key(bench: Bench) -> Facts:
    request = bench.request("bca_va")
    return facts_of(bench.stranger().charge(request, idempotency_key=bench.key()))
