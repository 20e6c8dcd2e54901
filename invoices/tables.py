"""Legal documents: invoices, their lines and tax, credit notes, number series."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, reference

invoices = merchant_table(
    "invoices",
    Column("external_id", Text),
    Column("customer_id", Uuid, nullable=False),
    Column("subscription_id", Uuid),
    Column("kind", Text, nullable=False),
    # The business key of what is billed (decision 31); a one-off is its own change.
    Column("period_start", Date),
    Column("period_end", Date),
    Column("change_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("number", Text),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("locale", Text, nullable=False),
    Column("subtotal_amount", BigInteger, nullable=False),
    Column("tax_amount", BigInteger, nullable=False),
    Column("total_amount", BigInteger, nullable=False),
    Column("paid_amount", BigInteger, nullable=False, server_default="0"),
    Column("credited_amount", BigInteger, nullable=False, server_default="0"),
    Column(
        "due_amount",
        BigInteger,
        Computed("total_amount - paid_amount - credited_amount", persisted=True),
        nullable=False,
    ),
    Column("tax", Json, nullable=False),
    Column("seller", Json, nullable=False),
    Column("buyer", Json, nullable=False),
    # What it bills is done once it is paid, and else never was: it counts from then on.
    Column("is_offer", Boolean, nullable=False, server_default=text("false")),
    Column("collection", Text, nullable=False),
    Column("payment_method_id", Uuid),
    Column("billing_zone", Text, nullable=False),
    Column("issued_at", UtcDateTime),
    Column("issued_on", Date),
    Column("due_on", Date),
    Column("paid_at", UtcDateTime),
    Column("paid_on", Date),
    Column("closed_at", UtcDateTime),
    # When the next automatic charge of this invoice is opened, in business time.
    Column("collect_at", UtcDateTime),
    # The tax point: when the tax became owed, and what the rules of that day made of it.
    Column("tax_point_on", Date),
    Column("content_hash", LargeBinary),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcDateTime, nullable=False),
    reference("customer_id", "customers"),
    reference("subscription_id", "subscriptions"),
    reference("payment_method_id", "payment_methods", within="customer_id"),
    UniqueConstraint("merchant_id", "number"),
    UniqueConstraint("merchant_id", "external_id"),
    CheckConstraint("kind IN ('period','change','one_off','top_up')", name="kind"),
    CheckConstraint("status IN ('draft','open','paid','void','uncollectible')", name="status"),
    CheckConstraint("collection IN ('automatic','invoice')", name="collection"),
    CheckConstraint("(status = 'draft') = (number IS NULL)", name="number"),
    CheckConstraint(
        "status = 'draft' OR (issued_at IS NOT NULL AND due_on IS NOT NULL)", name="issued"
    ),
    CheckConstraint("total_amount = subtotal_amount + tax_amount", name="total"),
    CheckConstraint("total_amount >= 0 AND tax_amount >= 0", name="not_negative"),
    CheckConstraint("paid_amount >= 0 AND credited_amount >= 0", name="settled"),
    CheckConstraint("total_amount - paid_amount - credited_amount >= 0", name="due"),
    CheckConstraint(
        "status <> 'paid' OR (paid_amount + credited_amount = total_amount)", name="paid"
    ),
    CheckConstraint("status <> 'void' OR (paid_amount = 0 AND credited_amount = 0)", name="void"),
    CheckConstraint("collect_at IS NULL OR status = 'open'", name="collect_at"),
    CheckConstraint(
        "(status = 'paid') = (paid_at IS NOT NULL AND paid_on IS NOT NULL)", name="paid_at"
    ),
    CheckConstraint(
        "status <> 'open' OR total_amount > paid_amount + credited_amount", name="open"
    ),
    CheckConstraint("(kind IN ('one_off','top_up')) = (period_start IS NULL)", name="period"),
    CheckConstraint(
        "NOT is_offer OR (kind = 'change' AND status IN ('open','void') "
        "AND paid_amount = 0 AND credited_amount = 0)",
        name="is_offer",
    ),
    CheckConstraint("period_start < period_end", name="period_order"),
    CheckConstraint(
        "kind = 'one_off' OR (kind = 'top_up') = (subscription_id IS NULL)", name="subscription"
    ),
    CheckConstraint("currency = 'IDR'", name="currency"),
    Index(
        "uq_invoices_business_key",
        "merchant_id",
        "subscription_id",
        "kind",
        "period_start",
        "change_id",
        unique=True,
        postgresql_where=text("subscription_id IS NOT NULL"),
    ),
    Index("ix_invoices_collect_at", "collect_at", postgresql_where=text("collect_at IS NOT NULL")),
    Index("ix_invoices_customer", "merchant_id", "customer_id", "created_at"),
    Index("ix_invoices_created_at", "merchant_id", "created_at", "id"),
    Index("ix_invoices_open", "merchant_id", "due_on", postgresql_where=text("status = 'open'")),
)

invoice_lines = merchant_table(
    "invoice_lines",
    Column("invoice_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("description", Json, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_amount", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("tax_amount", BigInteger, nullable=False),
    # What discounts took off it: ``amount`` is without it.
    Column("discount_amount", BigInteger, nullable=False, server_default="0"),
    Column("period_start", Date),
    Column("period_end", Date),
    Column("price_id", Uuid),
    Column("credits_line_id", Uuid),
    # Which of the items beside a subscription's first it bills or credits.
    Column("extra_id", Uuid),
    # All it takes to compute the amount again (R5); can not be back-filled, so it is never null.
    Column("derivation", Json, nullable=False),
    reference("invoice_id", "invoices"),
    reference("price_id", "prices"),
    reference("credits_line_id", "invoice_lines"),
    reference("extra_id", "subscription_items"),
    UniqueConstraint("merchant_id", "invoice_id", "position"),
    CheckConstraint(
        "kind IN ('recurring','stub','credit','charge','usage','setup','one_off','top_up')",
        name="kind",
    ),
    CheckConstraint("(kind = 'credit') = (amount < 0) OR amount = 0", name="sign"),
    CheckConstraint(
        "discount_amount >= 0 AND (discount_amount = 0 OR amount >= 0)", name="discount_amount"
    ),
    CheckConstraint("kind <> 'credit' OR credits_line_id IS NOT NULL", name="credits_line_id"),
    Index(
        "ix_invoice_lines_credits",
        "merchant_id",
        "credits_line_id",
        postgresql_where=text("credits_line_id IS NOT NULL"),
    ),
)

# The tax points of an invoice, in their order: what came, what PPN it made owed, by which rules.
# A payment that is taken back adds the opposite; nothing is ever edited.
tax_points = merchant_table(
    "tax_points",
    Column("invoice_id", Uuid, nullable=False),
    Column("n", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    # The order, the credit note or `balance`: behind the colon of the journal's key.
    Column("source", Text, nullable=False),
    Column("tax_on", Date, nullable=False),
    Column("gross_amount", BigInteger, nullable=False),
    Column("waited_amount", BigInteger, nullable=False),
    Column("owed_amount", BigInteger, nullable=False),
    Column("terms", Json, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    reference("invoice_id", "invoices"),
    UniqueConstraint("merchant_id", "invoice_id", "n"),
    UniqueConstraint("merchant_id", "invoice_id", "kind", "source"),
    CheckConstraint("kind IN ('issue','payment','balance','credit','reversal')", name="kind"),
    CheckConstraint("n >= 1", name="n"),
)

credit_notes = merchant_table(
    "credit_notes",
    Column("invoice_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("number", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("net_amount", BigInteger, nullable=False),
    Column("tax_amount", BigInteger, nullable=False),
    Column("total_amount", BigInteger, nullable=False),
    # How much lowered what was due on the invoice, and how much became the customer's balance.
    Column("to_invoice_amount", BigInteger, nullable=False),
    Column("to_balance_amount", BigInteger, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("issued_on", Date, nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("source_id", Uuid, nullable=False),
    # The rules behind its tax where they are not those of the invoice; `mixed` of several.
    Column("tax", Json),
    reference("invoice_id", "invoices"),
    reference("customer_id", "customers"),
    UniqueConstraint("merchant_id", "number"),
    UniqueConstraint("merchant_id", "source_kind", "source_id", "invoice_id"),
    CheckConstraint("total_amount = net_amount + tax_amount AND total_amount > 0", name="total"),
    CheckConstraint("to_invoice_amount + to_balance_amount = total_amount", name="split"),
    CheckConstraint("to_invoice_amount >= 0 AND to_balance_amount >= 0", name="not_negative"),
    Index("ix_credit_notes_invoice", "merchant_id", "invoice_id"),
)

credit_note_lines = merchant_table(
    "credit_note_lines",
    Column("credit_note_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("invoice_line_id", Uuid, nullable=False),
    Column("net_amount", BigInteger, nullable=False),
    Column("tax_amount", BigInteger, nullable=False),
    Column("derivation", Json, nullable=False),
    reference("credit_note_id", "credit_notes"),
    reference("invoice_line_id", "invoice_lines"),
    UniqueConstraint("merchant_id", "credit_note_id", "position"),
    CheckConstraint("net_amount >= 0 AND tax_amount >= 0", name="not_negative"),
    Index("ix_credit_note_lines_line", "merchant_id", "invoice_line_id"),
)

# One counter a (kind, branch, year), raised inside the issuing transaction: a rollback leaves
# no gap.
number_series = merchant_table(
    "number_series",
    Column("kind", Text, nullable=False),
    Column("branch", Text, nullable=False, server_default=""),
    Column("year", Integer, nullable=False),
    Column("last_number", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("merchant_id", "kind", "branch", "year"),
    CheckConstraint("kind IN ('invoice','credit_note')", name="kind"),
    CheckConstraint("last_number >= 0", name="last_number"),
)

# Numbers that are never given: they may stand on papers of a time that is lost. Never edited.
number_gaps = merchant_table(
    "number_gaps",
    Column("recovery_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("year", Integer, nullable=False),
    Column("first_number", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    CheckConstraint("kind IN ('invoice','credit_note')", name="kind"),
    CheckConstraint("first_number > 0 AND last_number >= first_number", name="numbers"),
    reference("recovery_id", "recoveries"),
)
