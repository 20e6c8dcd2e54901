"""One look-up of why an order was refused: the codes of its channel, else the gateway's word."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from payments.declines import DeclineClass
from payments.refusals import refusal, refusal_of, told_of

SOFT, HARD, ACTION = DeclineClass.SOFT, DeclineClass.HARD, DeclineClass.CUSTOMER_ACTION
TECHNICAL = DeclineClass.TECHNICAL


@pytest.mark.parametrize(
    ("channel", "code", "payment_type", "klass", "reason"),
    [
        ("card", "05", None, SOFT, "not_honoured"),
        ("card", "51", None, SOFT, "insufficient_funds"),
        ("card", "fraud", None, HARD, "security"),
        ("card", "407", None, ACTION, "expired"),
        ("gopay_linked", "201", None, SOFT, "insufficient_funds"),
        ("gopay_linked", "202", None, SOFT, "limit"),
        # Of a GoPay that was scanned it is the gateway's status code, and no limit.
        ("gopay", "202", None, SOFT, "denied"),
        ("shopeepay", "202", None, SOFT, "denied"),
        ("dana", "202", None, SOFT, "denied"),
        ("ovo", "17", None, ACTION, "customer_cancelled"),
        ("ovo", "26", None, TECHNICAL, "bank_down"),
        ("ovo", "40", None, SOFT, "wallet_refused"),
        ("qris", "26", None, SOFT, "unknown"),
        # On a hosted page the payer chooses whose codes they are.
        ("snap", "51", "credit_card", SOFT, "insufficient_funds"),
        ("snap", "202", "gopay", SOFT, "denied"),
        ("snap", "17", "ovo", ACTION, "customer_cancelled"),
    ],
)
def test_a_code_means_what_its_channel_means_by_it(
    channel: str, code: str, payment_type: str | None, klass: DeclineClass, reason: str
) -> None:
    found = refusal(code, channel, payment_type=payment_type)
    assert (found.klass, found.reason) == (klass, reason)


def test_a_hold_that_ran_out_is_not_explained_by_what_the_bank_said_to_it() -> None:
    assert told_of("00", "card", transaction_status="expire").reason == "expired"
    assert told_of("05", "card", transaction_status="deny", fraud="deny").code == "fraud"


def order(**change: Any) -> Any:
    row = {"state": "failed", "channel": "card", "code": "82", "decline_class": "hard"}
    return SimpleNamespace(**{**row, "answer": {"masked_card": "52111111-1117"}, **change})


def test_an_order_that_nobody_refused_has_no_reason() -> None:
    assert refusal_of(order(decline_class=None)) is None
    assert refusal_of(order(state="paid")) is None


def test_an_order_is_read_with_the_scheme_of_its_card() -> None:
    mastercard, visa = refusal_of(order()), refusal_of(order(answer=None))
    assert mastercard is not None
    assert visa is not None
    assert (mastercard.klass, visa.klass) == (HARD, ACTION)
