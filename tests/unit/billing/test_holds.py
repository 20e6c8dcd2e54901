"""What is held on a card, told from an answer of the gateway."""

from __future__ import annotations

import pytest

from billing.flows.holds import held_by
from payments.adapters.midtrans.answers import order_answer


@pytest.mark.parametrize(
    "word, fraud, held",
    [
        ("authorize", "accept", "authorized"),
        ("authorize", None, "authorized"),
        # questioned: somebody decides before anything is captured
        ("authorize", "challenge", "challenge"),
        ("capture", "challenge", "challenge"),
        ("capture", "accept", None),
        ("settlement", None, None),
        ("pending", None, None),
        ("pending", "accept", None),
        ("deny", "challenge", None),
        ("cancel", "challenge", None),
    ],
)
def test_only_what_the_fraud_desk_accepts_is_a_hold_to_be_captured(
    word: str, fraud: str | None, held: str | None
) -> None:
    body = {"order_id": "o-1", "transaction_status": word, "gross_amount": "200000.00"}
    if fraud is not None:
        body["fraud_status"] = fraud
    assert held_by(order_answer(body)) == held
