"""Known mistakes of documents and books: numbers, sums, tax, rounding, journals, walls."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final
from unittest.mock import patch

from billing.flows import issue
from invoices import service
from ops.prove.planting import Bug, Life, edit

CHANGING: Final = Life(
    3, 4, 1, hours=9, deeds=(("upgrade", 10), ("quantity", 6), ("credit", 2), ("stay", 1))
)


def _numbers_burnt(stack: ExitStack) -> None:
    """Numbers from memory, as from a sequence: a roll-back leaves a gap."""
    last: dict[tuple[str, int], int] = {}

    def take(unit: Any, kind: Any, year: int, count: int) -> range:
        stored = service._raise(unit, kind, year, 0)
        mine = max(last.get((kind, year), 0), stored) + count
        last[kind, year] = mine
        service._raise(unit, kind, year, mine - stored)
        return range(mine - count + 1, mine + 1)

    stack.enter_context(patch.object(issue, "take_numbers", take))


_NUMBERED_TWICE: Final = edit("invoices.service:take_numbers", {
    "last = _raise(unit, kind, year, count)": "last = _raise(unit, kind, year, 0) + count",
})  # fmt: skip
_EDITED: Final = edit("invoices.service:record_settled", {
    '        "credited_amount": now_credited,\n    }': '        "credited_amount": now_credited,\n'
    '        "change_id": invoice_id,\n    }',
})  # fmt: skip

BUGS: Final[dict[str, Bug]] = {
    "numbers-from-a-sequence": Bug(
        "an invoice number is used up though its transaction rolled back",
        "lago#5523; every sequence",
        ("doctor:numbers-without-gaps",),
        (_numbers_burnt,),
    ),
    "number-taken-twice": Bug(
        "the number is the last one plus one, read without raising it (the database refuses it)",
        "django-subscription-midtrans; boxbilling",
        ("no flow fails", "no request breaks a guard", "doctor:numbers-without-gaps"),
        (_NUMBERED_TWICE,),
    ),
    "number-taken-twice-unguarded": Bug(
        "the number is the last one plus one, and nothing refuses a second",
        "django-subscription-midtrans; boxbilling",
        ("doctor:numbers-without-gaps",),
        (_NUMBERED_TWICE,),
        (
            "ALTER TABLE invoices DROP CONSTRAINT uq_invoices_merchant_id_number",
            "ALTER TABLE credit_notes DROP CONSTRAINT uq_credit_notes_merchant_id_number",
        ),
        pair=True,
    ),
    "issued-invoice-edited": Bug(
        "an issued invoice is changed when it is paid (the database refuses it)",
        "invoiceninja; silver",
        ("no flow fails", "no request breaks a guard", "I2", "nothing is left open"),
        (_EDITED,),
    ),
    "issued-invoice-edited-unguarded": Bug(
        "an issued invoice is changed when it is paid, and the trigger is gone",
        "invoiceninja; silver",
        ("doctor:content-untouched",),
        (_EDITED,),
        ("ALTER TABLE invoices DISABLE TRIGGER invoices_frozen",),
        pair=True,
    ),
    "capture-not-booked": Bug(
        "money the gateway took is missing in the ledger",
        "django-subscription-midtrans; own",
        ("doctor:captured-is-booked", "I5"),
        (edit("billing.flows.book:paid", {
            "post_capture(unit, order, invoice, applied, tax_on=tax_on)": "None",
        }),),
    ),
    "capture-booked-by-half": Bug(
        "a payment is in the ledger with half its amount, on both sides",
        "own",
        ("doctor:captured-is-booked", "I5"),
        (edit("billing.ledger.postings:payment_captured", {
            "_A.GATEWAY_CLEARING, amount)": "_A.GATEWAY_CLEARING, amount.share(1, 2))",
            "-allocated, customer_id": "-(allocated - (amount - amount.share(1, 2))), customer_id",
        }),),
    ),
    "journal-with-one-side": Bug(
        "a journal does not sum to zero (the database refuses it)",
        "own",
        ("no flow fails", "no request breaks a guard"),
        (
            edit("billing.ledger.journal:Journal.__post_init__", {
                "if not left.is_zero:": "if False:",
            }),
            edit("billing.ledger.postings:payment_captured", {
                "-excess, customer_id": "-excess - amount, customer_id",
            }),
        ),
        pair=True,
    ),
    "issue-not-booked": Bug(
        "an issued invoice is missing in the ledger",
        "own",
        ("doctor:issued-is-booked",),
        (edit("billing.flows.issue:issue", {
            "post(unit, [journal for one in issued for journal in _journals(unit, one)])":
            "None",
        }),),
    ),
    "paid-without-an-allocation": Bug(
        "an invoice is paid, and nobody wrote by which payment",
        "boxbilling",
        ("doctor:paid-is-allocated", "doctor:payment-is-spent-once"),
        (edit("billing.flows.book:paid", {
            "if applied:\n        insert_rows(": "if False:\n        insert_rows(",
        }),),
    ),
    "tax-stays-waiting": Bug(
        "the tax of a paid invoice is never owed to the state",
        "own; odoo's cash basis",
        ("doctor:waiting-tax", "doctor:tax-point-booked"),
        (edit("billing.ledger.postings:tax_became_due", {
            "    owed = issued if due is None else due":
            "    issued = issued - issued\n    owed = issued",
        }),),
    ),
    "tax-cut-off": Bug(
        "tax is cut to whole rupiah where half a rupiah is rounded up",
        "odoo#186861, e-Faktur of 2023",
        ("I20",),
        (edit("invoices.tax_terms:TaxTerms.tax_of", {
            "return self._round(price, share)":
            "return Money(int(price.amount * share), price.currency)",
        }),),
        life=CHANGING,
    ),
    "tax-per-line": Bug(
        "tax is rounded on every line and added up, not worked out of the sum",
        "odoo#110068; Coretax refuses it",
        ("I20",),
        (edit("invoices.tax:tax_by_terms", {
            "stated = terms.tax_of(price)":
            "stated = sum((terms.tax_of(net) for net in nets), zero(currency))",
        }),),
        life=CHANGING,
    ),
    "proration-cut-off": Bug(
        "a part of a period is cut to whole rupiah where half a rupiah is rounded up",
        "silver#200; polar",
        ("doctor:lines-compute",),
        (edit("invoices.lines:share_line", {
            "amount=whole.share(numerator, denominator)":
            "amount=Money(whole.amount * numerator // denominator)",
        }),),
        life=CHANGING,
    ),
    "month-of-thirty-in-a-part": Bug(
        "a part of a period is worked out of thirty days, however long it is",
        "larzsubscription; lago#1179",
        ("doctor:lines-compute",),
        (edit("invoices.lines:share_line", {
            "amount=whole.share(numerator, denominator)": "amount=whole.share(numerator, 30)",
        }),),
        life=CHANGING,
    ),
    "credit-of-a-change-forgotten": Bug(
        "a change charges the new plan and gives nothing back of the old one",
        "syeedalireza-billcycle; larzsubscription",
        ("doctor:", "I7"),
        (edit("billing.flows.change_plan:give_back", {
            "for credit in planned.credits\n": "for credit in ()\n",
        }),),
        life=Life(histories=8, scene="second thoughts"),
    ),
    "row-security-off": Bug(
        "a table of merchants has no wall any more",
        "every multi-tenant engine that trusts its WHERE",
        ("doctor:walls-stand",),
        sql=("ALTER TABLE payments DISABLE ROW LEVEL SECURITY",),
        life=Life(1, 2, 1),
    ),
    "a-second-door": Bug(
        "a policy lets every role see the rows of all merchants",
        "own",
        ("doctor:walls-stand",),
        sql=("CREATE POLICY everybody ON refunds FOR SELECT TO PUBLIC USING (true)",),
        life=Life(1, 2, 1),
    ),
    "audit-does-not-wait": Bug(
        "rows of the audit trail are not put in line for their seal",
        "own",
        ("doctor:audit-adds-up",),
        sql=("ALTER TABLE audit DISABLE TRIGGER audit_waits",),
        life=Life(2, 3, 1),
    ),
}  # fmt: skip
