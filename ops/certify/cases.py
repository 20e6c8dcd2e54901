"""The contract of the port, case by case: (channel, operation, outcome) and what must come of it.

Each case says what the documentation promises, in words of the port; what else an answer carries is
compared between two gateways. Source: Midtrans documentation, Core API and Snap.
"""

from __future__ import annotations

from functools import partial

from ops.certify.bench import AMOUNT, CARDS, Bench, Facts, facts_of
from ops.certify.case import Case, give_back
from ops.certify.cases_agreed import linked_cases, page_cases
from ops.certify.cases_card import card_cases
from ops.certify.cases_push import push_cases


def cases() -> list[Case]:
    """Every case, in the order in which they are tried."""
    found = [*card_cases(), *linked_cases(), *page_cases(), *push_cases(), *_anything(), *_beside()]
    return sorted(found, key=lambda one: (one.channel, one.operation, one.outcome))


def _anything() -> list[Case]:
    return [
        Case("any", "status", "unknown order", _unknown, {"status": "not_found", "code": "404"}),
        Case("any", "cancel", "unknown order", _cancel_unknown, {"code": "404"}),
        Case("any", "expire", "unknown order", _expire_unknown, {"code": "404"}),
        Case("any", "refund", "unknown order", _refund_unknown, {"code": "404"}),
        Case("any", "capture", "unknown order", _capture_unknown,
             {"status": "unknown", "code": "404"}),
        Case("any", "review", "unknown order", _review_unknown,
             {"status": "unknown", "code": "404"}),
        Case("any", "charge", "wrong key", _wrong_key, {"status": "refused", "code": "401"}),
        Case("any", "status", "wrong key", _wrong_key_status, {"status": "unknown", "code": "401"}),
    ]  # fmt: skip


def _beside() -> list[Case]:
    """Calls that the adapter has no use for, and a merchant's own program may."""
    return [
        Case("any", "b2b status", "an ordinary order", _b2b, {"raw.status_code": "404"}),
        Case("any", "points", "switched on or not", _points, {"raw.status_code": ("200", "402")}),
        Case("any", "bins", "a known card", partial(_bins, digits=CARDS["bni"][:6]),
             {"http": "200", "raw.data": "object"}),
        Case("any", "bins", "an unknown card", partial(_bins, digits="000000"),
             {"http": "404", "raw.errors": "list"}),
        Case("any", "card token", "a number that is none", _no_card,
             {"raw.status_code": "400", "raw.validation_messages": "list"}),
    ]  # fmt: skip


def _nobody(bench: Bench) -> str:
    return bench.request("card").order_id


def _unknown(bench: Bench) -> Facts:
    return facts_of(bench.gateway.status(_nobody(bench)))


def _cancel_unknown(bench: Bench) -> Facts:
    return facts_of(bench.gateway.cancel(_nobody(bench), idempotency_key=bench.key()))


def _expire_unknown(bench: Bench) -> Facts:
    return facts_of(bench.gateway.expire(_nobody(bench), idempotency_key=bench.key()))


def _refund_unknown(bench: Bench) -> Facts:
    at = _nobody(bench)
    return facts_of(give_back(bench, at, f"RF-{at}", AMOUNT))


def _capture_unknown(bench: Bench) -> Facts:
    at = _nobody(bench)
    return facts_of(bench.gateway.capture(at, amount=AMOUNT, idempotency_key=bench.key()))


def _review_unknown(bench: Bench) -> Facts:
    at = _nobody(bench)
    return facts_of(bench.gateway.review(at, accept=True, idempotency_key=bench.key()))


def _wrong_key(bench: Bench) -> Facts:
    request = bench.request("bca_va")
    return facts_of(bench.stranger().charge(request, idempotency_key=bench.key()))


def _wrong_key_status(bench: Bench) -> Facts:
    return facts_of(bench.stranger().status(_nobody(bench)))


def _b2b(bench: Bench) -> Facts:
    _, at = bench.opened("bca_va")
    return bench.call("GET", f"/v2/{at}/status/b2b")


def _points(bench: Bench) -> Facts:
    return bench.call("GET", f"/v2/point_inquiry/{bench.card()}")


def _bins(bench: Bench, digits: str) -> Facts:
    return bench.call("GET", f"/v1/bins/{digits}")


def _no_card(bench: Bench) -> Facts:
    return bench.call(
        "GET", "/v2/token", client_key=bench.client_key, card_number="4811111111111115",
        card_cvv="123", card_exp_month="12", card_exp_year=str(bench.now.year + 3),
    )  # fmt: skip
