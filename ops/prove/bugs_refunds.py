"""Known mistakes of giving back: refunds, credit notes, balances."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final
from unittest.mock import patch

from ops.prove.planting import Bug, Life, edit
from payments.adapters.midtrans import gateways

GIVING: Final = Life(
    3, 5, hours=9, deeds=(("refund", 12), ("credit", 6), ("upgrade", 3), ("one_off", 3))
)


def _refund_key_per_send(stack: ExitStack) -> None:
    real, n = gateways.MidtransGateway.refund, [0]

    def refund(self: Any, order_id: str, *, refund_key: str, **more: Any) -> Any:
        n[0] += 1
        return real(self, order_id, refund_key=f"{refund_key}-{n[0]}", **more)

    stack.enter_context(patch.object(gateways.MidtransGateway, "refund", refund))


_ONE_KEY: Final = edit("payments.order_ids:refund_key", {
    'f"{order_id}-r{n}-{amount}"': 'f"{order_id}-r"',
})  # fmt: skip

_UNCOUNTED: Final = (
    edit("billing.flows.refund_rows:already_refunded", {"int(row[0]) + ": ""}),
    edit("billing.flows.credit:_split", {"if total.amount > left:": "if False:"}),
)

BUGS: Final[dict[str, Bug]] = {
    "refund-key-per-send": Bug(
        "a refund that is sent again has another key, and is paid out twice",
        "own",
        ("I11",),
        (_refund_key_per_send,),
        life=GIVING,
    ),
    "refund-timeout-is-failure": Bug(
        "a refund whose answer was lost counts as failed",
        "own",
        ("I11", "I5"),
        (edit("payments.adapters.midtrans.answers:refund_answer", {
            'RefundAnswer("unknown", _code(raw), raw.detail,':
            'RefundAnswer("failed", _code(raw), raw.detail,',
        }), edit("billing.flows.refund_send:exchange", {
            'in ("failed", "unknown") and answer.code is not None': 'in ("unknown",)',
        })),
        life=GIVING,
        pair=True,
    ),
    "refund-key-without-the-amount": Bug(
        "the second refund of a payment has the key of the first (the database refuses it)",
        "own; Midtrans repeats a known key whatever the amount",
        ("no flow fails", "no request breaks a guard"),
        (_ONE_KEY,),
        life=GIVING,
    ),
    "refund-key-without-the-amount-unguarded": Bug(
        "the second refund of a payment has the key of the first, and counts as paid out",
        "own; Midtrans repeats a known key whatever the amount",
        ("I11", "I5", "doctor:"),
        (_ONE_KEY,),
        ("ALTER TABLE refunds DROP CONSTRAINT uq_refunds_merchant_id_refund_key",),
        life=Life(histories=8, scene="a part and the rest"),
        pair=True,
    ),
    "refund-over-what-was-paid": Bug(
        "refunds on their way are not counted, and no note refuses (the database refuses it)",
        "lago#4985, lago#5070",
        ("no flow fails", "no request breaks a guard"),
        _UNCOUNTED,
        life=GIVING,
        pair=True,
    ),
    "refund-over-what-was-paid-unguarded": Bug(
        "refunds on their way are not counted, and no note refuses (the trigger is gone too)",
        "lago#4985, lago#5070",
        ("doctor:refunds-within-payment", "doctor:given-back-within-paid", "doctor:notes-add-up"),
        _UNCOUNTED,
        ("ALTER TABLE refunds DISABLE TRIGGER refunds_within_payment",),
        life=GIVING,
        pair=True,
    ),
    "refund-not-counted": Bug(
        "a refund that succeeded is not counted on its payment",
        "boxbilling; own",
        ("doctor:refunds-within-payment", "I11"),
        (edit("billing.flows.refund_outcomes:succeed", {
            "payments.c.refunded_amount + refund.amount": "payments.c.refunded_amount + 0",
        }),),
        life=Life(histories=8, scene="a part and the rest"),
    ),
    "refund-not-booked": Bug(
        "a refund that succeeded is missing in the ledger",
        "own",
        ("doctor:refunded-is-booked", "I5"),
        (edit("billing.flows.refund_outcomes:succeed", {
            'post(unit, [_journal(unit, refund)], Subject("refund", refund.id))': "None",
        }),),
        life=GIVING,
    ),
    "refund-booked-by-half": Bug(
        "a refund is in the ledger with half its amount, on both sides",
        "own",
        ("doctor:refunded-is-booked", "I5"),
        (edit("billing.ledger.postings:refund_paid", {
            "CUSTOMER_CREDIT, amount,": "CUSTOMER_CREDIT, amount.share(1, 2),",
            "GATEWAY_CLEARING, -amount)": "GATEWAY_CLEARING, -amount.share(1, 2))",
        }),),
        life=GIVING,
    ),
    "credit-note-over-the-invoice": Bug(
        "a credit note gives back more than is left of the invoice",
        "lago#5070; silver#228",
        ("doctor:", "no flow fails", "no request breaks a guard"),
        (edit("invoices.credit_notes:credit_amount", {
            "if total > most:": "if False:",
            "_inside(document, total, most)": "_inside(document, total, max(most, total))",
        }),),
        life=GIVING,
    ),
    "credit-not-in-the-books": Bug(
        "a credit note is written and not posted",
        "own",
        ("doctor:receivable-is-due", "doctor:balance-is-booked", "doctor:credit-tax-booked"),
        (edit("billing.flows.credit:credit_invoice", {
            "post_note(unit, invoice, draft, issued, recorded)": "None",
        }),),
        life=GIVING,
    ),
    "credit-granted-twice": Bug(
        "what a credit note gives to the balance is added twice",
        "lago#3618, lago#4326",
        ("doctor:balance-is-booked", "I5"),
        (edit("billing.flows.credit_balance:_add", {
            '"amount": amount,\n            "kind"': '"amount": 2 * amount,\n            "kind"',
        }),),
        life=GIVING,
    ),
    "balance-used-twice": Bug(
        "the same balance pays two invoices (the database refuses it)",
        "lago#4985",
        ("no flow fails", "no request breaks a guard"),
        (edit("billing.flows.use_balance:use_balance", {
            "held -= amount": "held -= 0", "lots = less(lots, uses)": "pass",
        }),),
        life=Life(histories=8, scene="out of a balance"),
    ),
    "balance-used-twice-unguarded": Bug(
        "the same balance pays two invoices (the trigger is gone too)",
        "lago#4985",
        ("doctor:balance-not-negative",),
        (edit("billing.flows.use_balance:use_balance", {
            "held -= amount": "held -= 0", "lots = less(lots, uses)": "pass",
        }),),
        ("ALTER TABLE balance_entries DISABLE TRIGGER balance_entries_not_negative",
         "ALTER TABLE balance_uses DISABLE TRIGGER balance_uses_within_lot"),
        life=Life(histories=8, scene="out of a balance"),
        pair=True,
    ),
    "overpaid-is-lost": Bug(
        "what a payer pays beyond the invoice is booked nowhere",
        "own; boxbilling",
        ("doctor:payment-is-spent-once", "doctor:balance-is-booked"),
        (edit("billing.flows.book:paid", {
            "if excess:\n        _overpaid": "if False:\n        _overpaid",
        }),),
        life=Life(histories=8, scene="loose money"),
    ),
}  # fmt: skip
