"""Each promise about money, and what stands behind it: `python -m ops.invariants` writes the page.

Three walls for each: what the database refuses by itself, which rules of the doctor ask for it in
use, and which checks of `tagihan prove` look for it after histories full of faults.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Invariant:
    """One promise. Constraints are names of the schema; ``why_none`` where none is possible."""

    key: str
    promise: str
    constraints: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    simulation: tuple[str, ...] = ()
    why_none: str = ""


def _i(  # noqa: PLR0917 - a row of the table
    key: str,
    promise: str,
    constraints: str = "",
    rules: str = "",
    simulation: tuple[str, ...] = (),
    why_none: str = "",
) -> Invariant:
    return Invariant(
        key, promise, tuple(constraints.split()), tuple(rules.split()), simulation, why_none
    )


INVARIANTS: Final = (
    _i("I1", "A period of a subscription is invoiced once.", "uq_invoices_business_key",
       "one-invoice-a-period", ("I7 every day is billed once",)),
    _i("I2", "What we took for an invoice and did not give back never exceeds it.",
       "uq_payment_orders_one_open_attempt uq_payment_orders_one_open_va ck_invoices_due "
       "ck_payments_refunded ck_payments_charged_back payment_orders_climb "
       "ck_payment_orders_captured_hold ck_payment_orders_hold_paid",
       "pulled-at-most-once one-open-pull payment-is-spent-once paid-is-allocated "
       "holds-are-captured-once holds-end",
       ("I2 never charged twice", "I2 one way to pay at a time", "I2 money is booked",
        "I2 nothing booked that was not taken")),
    _i("I3", "An order id follows from its business key and is never another amount's.",
       "uq_payment_orders_merchant_id_order_id ck_payment_orders_order_id payment_orders_climb "
       "merchants_frozen", "order-ids-derived", ("I9 never sent again after an end",)),
    _i("I4", "Nothing leaves us without a committed row that says so.", "ck_payment_orders_sent",
       "sent-before-called steps-tell-the-state",
       ("I4 written ahead", "no transaction across a call")),
    _i("I5", "The books balance, hold each fact once, and hold what the gateway holds.",
       "postings_balance postings_frozen journals_frozen uq_journals_merchant_id_kind_key "
       "uq_payments_merchant_id_order_id ck_postings_amount balance_entries_not_negative "
       "uq_settlement_rows_booked_payment ck_journals_key",
       "journal-balances journal-once issued-is-booked captured-is-booked refunded-is-booked "
       "receivable-is-due balance-is-booked balance-not-negative gateway-clearing "
       "entries-name-their-subject entries-are-of-their-day paid-order-has-payment "
       "report-fees-are-booked "
       "booked-difference-is-booked matched-row-is-its-payment fee-is-booked-once "
       "agreeing-row-is-booked row-is-booked-by-one",
       ("I5 the ledger meets the book", "I5 payment over its amount")),
    _i("I6", "An order only climbs; nothing leaves paid but what was given or taken back.",
       "payment_orders_climb ck_payment_orders_state payment_order_steps_frozen payments_frozen",
       "steps-tell-the-state paid-order-has-payment", ("I2 money is booked",)),
    _i("I7", "Nobody is forgotten: every period is billed, however long it was dark.",
       "ck_subscriptions_next_at ck_subscriptions_billed_through ck_subscriptions_awaited "
       "uq_subscription_items_one_in_force",
       "no-period-missing next-step-computes nobody-forgotten served-is-billed one-item-in-force "
       "paused-is-not-billed "
       "collecting-goes-on unpaid-is-watched charges-are-announced usage-is-counted "
       "usage-is-billed-once usage-is-closed meter-billed-by-one-item",
       ("I7 every day is billed once", "nothing is left open")),
    _i("I8", "A notification has its effect at most once, in any order, and is no proof.",
       "uq_notifications_merchant_id_dedupe_key ck_notifications_next_at",
       "notifications-are-read", ("I8 told again, nothing moves",)),
    _i("I9", "A time-out is not a failure: the next try waits for an attested end.",
       "uq_payment_orders_one_open_attempt payment_orders_climb", "next-try-after-attested-failure",
       ("I9 never sent again after an end",)),
    _i("I10", "An answer about another amount or order books nothing.", "ck_payments_amount",
       "paid-order-has-payment captured-is-booked", ("I10 same amount",)),
    _i("I11", "Refunds never exceed what was taken, and each is paid once.",
       "refunds_within_payment ck_payments_refunded uq_refunds_merchant_id_refund_key "
       "ck_refunds_refund_key ck_refunds_second_person "
       "uq_credit_notes_merchant_id_source_kind_source_id_invoice_id",
       "refunds-within-payment refund-has-its-source balance-refund-within-excess "
       "given-back-within-paid refund-keys-derived",
       ("I11 refunds agree", "one request, one effect")),
    _i("I12", "Documents are numbered 1, 2, 3 without a gap.",
       "uq_invoices_merchant_id_number uq_credit_notes_merchant_id_number ck_invoices_number "
       "number_gaps_frozen", "numbers-without-gaps", ("a number is given once",)),
    _i("I13", "An issued document is never edited; its lines compute and add up.",
       "invoices_frozen invoice_lines_frozen credit_notes_frozen credit_note_lines_frozen "
       "prices_frozen ck_invoices_total ck_credit_notes_total ck_credit_notes_split "
       "ck_invoices_paid_at ck_invoices_open",
       "content-untouched lines-compute lines-add-up notes-add-up lines-have-their-item "
       "credited-is-noted "
       "due-and-status-agree paid-by-something paid-says-when"),
    _i("I14", "Nothing of a merchant is reached by another, nothing of a customer by another.",
       "fk_allocations_merchant_id_invoice_id "
       "fk_payment_orders_merchant_id_customer_id_payment_method_id",
       "walls-stand roles-own-nothing card-pays-for-its-holder money-stays-with-its-customer"),
    _i("I15", "Nobody is charged for what is closed, nor chased beyond the rules.",
       "uq_dunning_cases_one_open ck_dunning_cases_next_at ck_invoices_collect_at",
       "closed-invoices-are-left-alone case-has-next-step", ("nothing is left open",)),
    _i("I16", "No outcome stays unknown for a day.",
       "ck_payment_orders_watched ck_payment_orders_next_at",
       "nothing-unknown-for-a-day nothing-stuck pages-end", ("nothing is left open",)),
    _i("I17", "Every fact is told: an event with it, a mail that goes out.",
       "uq_events_seq events_frozen ck_messages_next_at", "issued-is-told mail-goes-out",
       ("nothing is left open",)),
    _i("I18", "The same inputs at the same time come to the same rows.", "", "order-ids-derived",
       ("digest_of",),
       "no row knows how it would have come out again; the same seed is lived twice"),
    _i("I19", "A restored backup charges nobody twice.", "merchants_frozen number_gaps_frozen",
       "order-ids-derived gateway-clearing", ("sent before the loss and after it",)),
    _i("I20", "Money is whole rupiah, parts come to the whole, and PPN is what the law makes of "
       "the day.", "ck_invoices_currency ck_prices_currency ck_invoices_not_negative",
       "tax-point-rules tax-point-booked credit-tax-booked waiting-tax lines-compute",
       ("I20 the tax is the law's",)),
    _i("T1", "Consents end with their method, and an account is charged as what it is.",
       "uq_mandates_one_in_force ck_payment_methods_watched ck_payment_methods_token",
       "consent-ends-with-its-method wallets-are-charged-as-wallets wallets-are-asked-about "
       "ended-wallets-are-unlinked"),
    _i("T2", "Every write has a row in the audit, and no row of it is changed unseen.",
       "audit_frozen audit_waits audit_seals_frozen uq_audit_seals_merchant_id_place "
       "fk_audit_seals_merchant_id_id verdicts_frozen", "audit-adds-up audit-is-sealed",
       ("who did it is noted",)),
    _i("T3", "What a person must decide is decided within a day.", "difference_steps_frozen",
       "reviews-are-answered differences-are-answered difference-has-its-story"),
    _i("T4", "A code is used as often as it may be, and takes off what it says.",
       "discounts_frozen", "codes-are-counted discounts-compute"),
    _i("T5", "Who is moved to another version of a price is told first, and billed so.",
       "price_move_members_frozen uq_price_move_members_merchant_id_move_id_subscription_id",
       "moved-as-announced"),
    _i("T6", "A balance is the sum of its lots: each is used once, in time, and credit that was "
       "given is never paid out.",
       "balance_lots_frozen balance_uses_frozen balance_uses_within_lot "
       "uq_balance_uses_merchant_id_entry_id_lot_id ck_balance_lots_amount ck_balance_uses_amount",
       "lots-make-the-balance lots-not-negative credit-is-never-money lots-end-in-time "
       "top-ups-reach-the-balance"),
    _i("T7", "An upgrade that is paid first is done with its payment, or has never been.",
       "uq_subscription_changes_one_pending ck_subscription_changes_pending ck_invoices_is_offer "
       "ck_subscriptions_upgrade_until invoices_frozen",
       "offer-is-one upgrade-was-paid-first"),
)  # fmt: skip


_HEAD: Final = """\
# What is promised about money, and what stands behind it

Written by `python -m ops.invariants`; a test compares every name with the schema, the doctor and
the simulation.

- **Database**: constraints, unique indexes and triggers that refuse it
  (`migrations/catalogue.txt`). Foreign keys name the merchant in every table, row security is
  forced on every table; only some are named here.
- **Doctor**: rules of `tagihan doctor`, at any time and every night. After each history of
  `tagihan prove` all of them hold too.
- **Simulation**: what `tagihan prove` looks for besides, mostly in the gateway's own book.

| | promise | database | doctor | simulation |
|---|---|---|---|---|
"""
_TAIL: Final = """
## What no rule sees

Because nothing in the database contradicts it:

- An issued document whose text (a name, an address) was edited **and** whose hash was made anew:
  the hash has no key. Its amounts are held by lines, books and payments.
- Terms of the future: a quantity or a price that was edited together with what follows from it.
  What was charged so far stays whole; the audit has no row of such an edit.
- Which revenue account an entry credits: sum and tax are compared, the account's name is not.
- `captured` for `settled`, and the day of settlement: the settlement report is compared with them.
- An amount that was changed in every place alike, from order to entry: Midtrans' own book says
  otherwise, which the daily comparison and `tagihan prove` ask.
- Rows of the audit written by somebody who has the database, before they are sealed (ADR 0028).
- Of more than 20,000 documents a share is hashed again each night, all within some weeks.

`tests/corruptions.py` and `tests/corruptions_subtle.py` plant corruptions by hand, also such whose
sums still hold: each is named by the rules beside it, and the subtle ones by no other.
"""


def page() -> str:
    """The page docs/reference/invariants.md."""
    return _HEAD + "".join(_row(one) for one in INVARIANTS) + _TAIL


def _row(one: Invariant) -> str:
    walls = (
        _listed(one.constraints) or f"none: {one.why_none}",
        _listed(one.rules),
        ", ".join(one.simulation) or "the doctor's rules",
    )
    return f"| {one.key} | {one.promise} | {' | '.join(walls)} |\n"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(page())
