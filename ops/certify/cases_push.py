"""The contract of what the payer pushes: every channel by every operation, and what time does."""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import partial
from typing import Final

from ops.certify.bench import AMOUNT, Bench, Facts, NotTried, facts_of
from ops.certify.case import Case, give_back, with_state
from payments.channels import CHANNELS, PUSHES, Group

PART: Final = 10_000
# Midtrans' published test telephone of somebody who does not answer an OVO request.
SILENT: Final = "628242974268"
# Longer than any channel gives money back.
TOO_LATE: Final = 400
# In these a payer can say no in an app or on the provider's page.
_REFUSABLE: Final = frozenset({Group.WALLET, Group.PAYLATER})
# ShopeePay closes for the night, in Jakarta's time.
_CLOSED_FROM: Final = (23, 50)
_CLOSED_UNTIL: Final = (6, 0)


def push_cases() -> list[Case]:
    """The cases of every channel but the hosted page."""
    found = []
    for channel in sorted(PUSHES - {"snap"}):
        found += [*_asked(channel), *_ended(channel), *_refunded(channel)]
    return found


def _asked(channel: str) -> list[Case]:
    twin = ("pending",) if CHANNELS[channel].retries_by_key else ("duplicate",)
    return [
        Case(channel, "charge", "pending", partial(_charge, channel=channel),
             {"status": "pending", "amount": str(AMOUNT), "raw.transaction_status": "pending",
              "shown": " ".join(CHANNELS[channel].shows)}),
        Case(channel, "charge", "same order id again", partial(_again, channel=channel),
             {"status": "duplicate", "code": "406"}),
        Case(channel, "charge", "same key again", partial(_twin, channel=channel),
             {"status": twin}),
        Case(channel, "charge", "amount of zero", partial(_zero, channel=channel),
             {"status": "failed", "code": "400"}),
        Case(channel, "status", "pending", partial(_status, channel=channel),
             {"status": "pending", "amount": str(AMOUNT)}),
        Case(channel, "status", "paid", partial(_paid, channel=channel),
             {"status": "paid", "settled": "True", "amount": str(AMOUNT), "channel": channel}),
    ]  # fmt: skip


def _ended(channel: str) -> list[Case]:
    row = CHANNELS[channel]
    done = ("succeeded",)
    found = [
        Case(channel, "status", "its time is over", partial(_over, channel=channel),
             {"status": "failed", "raw.transaction_status": "expire"}),
        Case(channel, "status", "the provider did not answer",
             partial(_happened, channel=channel, path="fail", what="let the provider fail"),
             {"status": "failed", "raw.transaction_status": "failure"}),
        Case(channel, "expire", "pending", partial(_expire, channel=channel),
             {"status": done, "afterwards": "failed"}),
        Case(channel, "expire", "paid", partial(_expire_paid, channel=channel),
             {"status": "unknown", "code": "412", "afterwards": "paid"}),
        Case(channel, "cancel", "pending", partial(_cancel, channel=channel),
             {"status": done, "afterwards": "failed"}),
        Case(channel, "cancel", "paid", partial(_cancel_paid, channel=channel),
             {"status": "unknown", "code": "412", "afterwards": "paid"}),
    ]  # fmt: skip
    if row.group in _REFUSABLE:
        found.append(
            Case(channel, "status", "refused by the payer",
                 partial(_happened, channel=channel, path="refuse", what="refuse"),
                 {"status": "failed", "raw.transaction_status": "deny"})
        )  # fmt: skip
    if row.reversible:
        found.append(
            Case(channel, "status", "taken back by the bank", partial(_reversed, channel=channel),
                 {"status": "failed", "raw.transaction_status": "deny"})
        )  # fmt: skip
    if channel == "gopay":
        found.append(
            Case(channel, "status", "paid by scanning it as QRIS", _scanned,
                 {"status": "paid", "channel": "qris", "raw.payment_type": "qris"})
        )  # fmt: skip
    return found


def _refunded(channel: str) -> list[Case]:
    rules = CHANNELS[channel].refund
    whole = ("succeeded",) if rules.refundable else ("failed", "unknown")
    found = [
        Case(channel, "refund", "whole", partial(_refund, channel=channel, amount=AMOUNT),
             {"status": whole}),
        Case(channel, "refund", "not paid yet", partial(_refund_unpaid, channel=channel),
             {"status": "unknown", "code": "412"}),
    ]  # fmt: skip
    if not rules.refundable:
        return found
    part = ("succeeded",) if rules.partial else ("failed", "unknown", "retry")
    found += [
        Case(channel, "refund", "a part", partial(_refund, channel=channel, amount=PART),
             {"status": part}),
        Case(channel, "refund", "more than was paid",
             partial(_refund, channel=channel, amount=AMOUNT + 1), {"status": "retry",
                                                                    "code": "414"}),
        Case(channel, "refund", "same key again", partial(_refund_twice, channel=channel),
             {"status": "unknown", "code": "406"}),
        Case(channel, "refund", "confirmed by the payer's bank",
             partial(_arrived, channel=channel), {"status": "paid", "arrived": "1"}),
    ]  # fmt: skip
    if rules.partial:
        found.append(
            Case(channel, "refund", "the rest after a part", partial(_rest, channel=channel),
                 {"status": "succeeded", "raw.transaction_status": "refund"})
        )  # fmt: skip
    if rules.window_days:
        found.append(
            Case(channel, "refund", "too late", partial(_too_late, channel=channel),
                 {"status": ("unknown", "failed", "retry")})
        )  # fmt: skip
    return found


def _charge(bench: Bench, channel: str) -> Facts:
    answer = bench.charge(bench.request(channel))
    facts = facts_of(answer)
    facts["shown"] = " ".join(one for one in CHANNELS[channel].shows if one in answer.instructions)
    return facts


def _again(bench: Bench, channel: str) -> Facts:
    request, _ = bench.opened(channel)
    return facts_of(bench.charge(request))


def _twin(bench: Bench, channel: str) -> Facts:
    """A call that is made again because its answer was lost."""
    request, key = bench.request(channel), bench.key()
    first = bench.charge(request, key)
    second = bench.charge(request, key)
    same = first.transaction_id == second.transaction_id
    return {**facts_of(second), "one transaction": str(same or second.status == "duplicate")}


def _zero(bench: Bench, channel: str) -> Facts:
    return facts_of(bench.charge(bench.request(channel, amount=0)))


def _status(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    return facts_of(bench.gateway.status(at))


def _paid(bench: Bench, channel: str) -> Facts:
    _, at = bench.paid(channel)
    answer = bench.gateway.status(at)
    return {**facts_of(answer), "channel": str(answer.channel)}


def _scanned(bench: Bench) -> Facts:
    request, at = bench.opened("gopay")
    what = f"scan the GoPay order {request.order_id} with another app"
    bench.act("pay", what, order_id=request.order_id, via="qris", issuer="dana")
    answer = bench.gateway.status(at)
    return {**facts_of(answer), "channel": str(answer.channel)}


def _over(bench: Bench, channel: str) -> Facts:
    own = bench.aside(f"let a {channel} order run out")
    phone = {"phone": SILENT} if channel == "ovo" else {}
    _, at = own.opened(channel, **phone)
    own.wait(hours=3)
    return facts_of(own.gateway.status(at))


def _happened(bench: Bench, channel: str, path: str, what: str) -> Facts:
    request, at = bench.opened(channel)
    bench.act(path, f"{what} the {channel} order {request.order_id}", order_id=request.order_id)
    return facts_of(bench.gateway.status(at))


def _reversed(bench: Bench, channel: str) -> Facts:
    request, at = bench.paid(channel)
    what = f"wait until the bank takes the {channel} order {request.order_id} back"
    bench.act("reverse", what, order_id=request.order_id)
    return facts_of(bench.gateway.status(at))


def _expire(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    facts = facts_of(bench.gateway.expire(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _expire_paid(bench: Bench, channel: str) -> Facts:
    _, at = bench.paid(channel)
    facts = facts_of(bench.gateway.expire(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _cancel(bench: Bench, channel: str) -> Facts:
    _, at = bench.opened(channel)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _cancel_paid(bench: Bench, channel: str) -> Facts:
    _, at = bench.paid(channel)
    facts = facts_of(bench.gateway.cancel(at, idempotency_key=bench.key()))
    return with_state(bench, at, facts)


def _awake(bench: Bench, channel: str) -> None:
    wib = (bench.now.astimezone(UTC) + timedelta(hours=7)).timetuple()
    at = (wib.tm_hour, wib.tm_min)
    if channel == "shopeepay" and (at >= _CLOSED_FROM or at < _CLOSED_UNTIL):
        raise NotTried("ShopeePay gives nothing back at night: try between 06.00 and 23.50 WIB")


def _refund(bench: Bench, channel: str, amount: int) -> Facts:
    _awake(bench, channel)
    request, at = bench.paid(channel)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}", amount))


def _refund_unpaid(bench: Bench, channel: str) -> Facts:
    request, at = bench.opened(channel)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}", AMOUNT))


def _refund_twice(bench: Bench, channel: str) -> Facts:
    _awake(bench, channel)
    request, at = bench.paid(channel)
    give_back(bench, at, f"RF-{request.order_id}", AMOUNT)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}", AMOUNT))


def _rest(bench: Bench, channel: str) -> Facts:
    request, at = bench.paid(channel)
    give_back(bench, at, f"RF-{request.order_id}-1", PART)
    return facts_of(give_back(bench, at, f"RF-{request.order_id}-2", AMOUNT - PART))


def _arrived(bench: Bench, channel: str) -> Facts:
    _awake(bench, channel)
    own = bench.aside(f"wait until a {channel} refund has arrived")
    request, at = own.paid(channel)
    give_back(own, at, f"RF-{request.order_id}", AMOUNT)
    before = own.gateway.status(at)
    own.wait(days=3)
    answer = own.gateway.status(at)
    told = {"arrived before": str(len(before.arrivals)), "arrived": str(len(answer.arrivals))}
    return {**facts_of(answer), **told}


def _too_late(bench: Bench, channel: str) -> Facts:
    own = bench.aside(f"wait {TOO_LATE} days and then refund a {channel} payment")
    request, at = own.paid(channel)
    own.wait(days=TOO_LATE)
    return facts_of(give_back(own, at, f"RF-{request.order_id}", AMOUNT))
