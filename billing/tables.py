"""Who pays for what: customers, mandates, subscriptions, items, changes."""

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
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, reference
from payments.channels import STANDING

_STANDING = "({})".format(",".join(f"'{key}'" for key in sorted(STANDING)))

customers = merchant_table(
    "customers",
    Column("external_id", Text),
    Column("name", Text, nullable=False),
    Column("company", Text),
    Column("email", Text, nullable=False),
    Column("phone", Text),
    Column("address", Text),
    Column("npwp", Text),
    Column("locale", Text, nullable=False, server_default="id"),
    Column("billing_zone", Text, nullable=False),
    # What number goes onto his invoices, before the merchant's own order of channels.
    Column("preferred_channel", Text),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("merchant_id", "external_id"),
    CheckConstraint("locale IN ('id','en')", name="locale"),
    CheckConstraint(f"preferred_channel IN {_STANDING}", name="preferred_channel"),
    Index("ix_customers_email", "merchant_id", "email"),
    Index("ix_customers_created_at", "merchant_id", "created_at", "id"),
)

# Money of the customer that we hold: a sum of signed entries, never edited, never below zero.
balance_entries = merchant_table(
    "balance_entries",
    Column("customer_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("amount", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("source_kind", Text, nullable=False),
    Column("source_id", Uuid, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    reference("customer_id", "customers"),
    UniqueConstraint("merchant_id", "kind", "source_kind", "source_id"),
    CheckConstraint("amount <> 0", name="amount"),
    CheckConstraint(
        "kind IN ('overpaid','credited','applied','refunded','reversed','topped_up','granted',"
        "'restored','expired')",
        name="kind",
    ),
    Index("ix_balance_entries_customer", "merchant_id", "customer_id", "at"),
)

mandates = merchant_table(
    "mandates",
    Column("customer_id", Uuid, nullable=False),
    Column("payment_method_id", Uuid, nullable=False),
    Column("text_version", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("amount_rule", Text, nullable=False),
    Column("cadence", Text, nullable=False),
    Column("accepted_at", UtcDateTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_because", Text),
    reference("customer_id", "customers"),
    reference("payment_method_id", "payment_methods", within="customer_id"),
    Index(
        "uq_mandates_one_in_force",
        "merchant_id",
        "payment_method_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
)

# When the coming charge is announced: at 09:00 where the payer is, before a trial ends (never in
# its first half) and before a period of a year or more is renewed. Where an invoice is sent ahead
# the announcement comes before it, or not at all: the invoice says the same. Not for what ends.
_NOTICE_AT = """
CASE
    WHEN noticed_for = current_end OR billed_through > current_end OR cancel_on <= current_end
        OR pause_on <= current_end
        OR (collection = 'invoice' AND current_end - lead_days <= current_start)
        THEN NULL
    WHEN status = 'trialing' AND trial_notice_days > 0 THEN timezone(billing_zone, least(
        greatest(current_end - trial_notice_days,
            current_start + (current_end - current_start) / 2),
        CASE WHEN collection = 'invoice' THEN current_end - lead_days - 1 END) + time '09:00')
    WHEN status IN ('active', 'past_due') AND renewal_notice_days > 0 AND interval_count >=
        CASE interval_unit WHEN 'year' THEN 1 WHEN 'month' THEN 12 WHEN 'week' THEN 52 ELSE 365 END
        THEN timezone(billing_zone, least(
            greatest(current_end - renewal_notice_days, current_start),
            CASE WHEN collection = 'invoice' THEN current_end - lead_days - 1 END) + time '09:00')
END
"""

subscriptions = merchant_table(
    "subscriptions",
    Column("external_id", Text),
    Column("customer_id", Uuid, nullable=False),
    Column("status", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("payment_method_id", Uuid),
    Column("billing_zone", Text, nullable=False),
    Column("lead_days", Integer, nullable=False),
    Column("terms_days", Integer, nullable=False),
    # Days of warning before a trial ends or a year is renewed; none at 0.
    Column("trial_notice_days", Integer, nullable=False, server_default="7"),
    Column("renewal_notice_days", Integer, nullable=False, server_default="30"),
    Column("interval_unit", Text, nullable=False),
    Column("interval_count", Integer, nullable=False),
    Column("anchor_on", Date, nullable=False),
    Column("anchor_day", Integer, nullable=False),
    Column("started_on", Date, nullable=False),
    Column("trial_end_on", Date),
    Column("current_start", Date, nullable=False),
    Column("current_end", Date, nullable=False),
    Column("billed_through", Date, nullable=False),
    Column("incomplete_until", Date),
    Column("cancel_on", Date),
    Column("cancel_reason", Text),
    Column("canceled_at", UtcDateTime),
    Column("ended_on", Date),
    # The first date not served, what became of the time that was paid for beyond it, and the first
    # date served again; none of them once it has resumed.
    Column("pause_on", Date),
    Column("pause_policy", Text),
    Column("resume_on", Date),
    Column("resume_keeps_anchor", Boolean, nullable=False, server_default="false"),
    # The first date on which the price of an upgrade that waits to be paid does not hold any more.
    Column("upgrade_until", Date),
    # The instant of the next step in business time; none when nothing will ever be due.
    Column("next_at", UtcDateTime),
    # The end of the period whose coming charge has been announced, and when the next announcement
    # is due: worked out by the database, so whoever moves a date moves it along (migration 0005).
    Column("noticed_for", Date),
    Column("notice_at", UtcDateTime, Computed(_NOTICE_AT, persisted=True)),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcDateTime, nullable=False),
    reference("customer_id", "customers"),
    reference("payment_method_id", "payment_methods", within="customer_id"),
    UniqueConstraint("merchant_id", "external_id"),
    CheckConstraint(
        "status IN ('trialing','incomplete','active','past_due','unpaid','paused','canceled')",
        name="status",
    ),
    CheckConstraint("collection IN ('automatic','invoice')", name="collection"),
    CheckConstraint("current_start < current_end", name="current"),
    CheckConstraint("billed_through >= current_start", name="billed_through"),
    CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day"),
    CheckConstraint("interval_unit IN ('day','week','month','year')", name="interval_unit"),
    CheckConstraint("interval_count >= 1", name="interval_count"),
    CheckConstraint(
        "status <> 'canceled' OR (next_at IS NULL AND ended_on IS NOT NULL)", name="end"
    ),
    # Nobody is forgotten: whoever is not ended or paused has a next step.
    CheckConstraint(
        "status IN ('canceled','paused','unpaid') OR next_at IS NOT NULL", name="next_at"
    ),
    # A pause has begun or is to begin on a day, and who is to come back is awaited.
    CheckConstraint("status <> 'paused' OR pause_on IS NOT NULL", name="paused"),
    CheckConstraint(
        "(pause_on IS NULL) = (pause_policy IS NULL) AND (pause_on IS NOT NULL OR "
        "(resume_on IS NULL AND NOT resume_keeps_anchor))",
        name="pause",
    ),
    CheckConstraint(
        "upgrade_until IS NULL OR status IN ('active','past_due')", name="upgrade_until"
    ),
    CheckConstraint("pause_policy IN ('serve_paid','give_back','forfeit')", name="pause_policy"),
    CheckConstraint("resume_on >= pause_on", name="resume_on"),
    CheckConstraint(
        "status <> 'paused' OR (resume_on IS NULL AND cancel_on IS NULL) OR next_at IS NOT NULL",
        name="awaited",
    ),
    CheckConstraint("trial_notice_days BETWEEN 0 AND 60", name="trial_notice_days"),
    CheckConstraint("renewal_notice_days BETWEEN 0 AND 90", name="renewal_notice_days"),
    Index("ix_subscriptions_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_subscriptions_notice", "notice_at", postgresql_where=text("notice_at IS NOT NULL")),
    Index("ix_subscriptions_customer", "merchant_id", "customer_id"),
    Index("ix_subscriptions_created_at", "merchant_id", "created_at", "id"),
)

subscription_items = merchant_table(
    "subscription_items",
    Column("subscription_id", Uuid, nullable=False),
    # Which of the items beside the first this is a version of, by the id it began with; the first
    # item of a subscription, which its interval and trial come from, has none.
    Column("extra_id", Uuid),
    Column("price_id", Uuid, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("started_on", Date, nullable=False),
    # Set when another item takes its place; the past stays readable.
    Column("ended_on", Date),
    Column("created_at", UtcDateTime, nullable=False),
    reference("subscription_id", "subscriptions"),
    reference("extra_id", "subscription_items"),
    reference("price_id", "prices"),
    CheckConstraint("quantity BETWEEN 1 AND 1000000", name="quantity"),
    CheckConstraint("ended_on IS NULL OR ended_on >= started_on", name="ended_on"),
    Index("ix_subscription_items_subscription", "merchant_id", "subscription_id", "started_on"),
    Index(
        "uq_subscription_items_one_in_force",
        "merchant_id",
        "subscription_id",
        text("coalesce(extra_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
        unique=True,
        postgresql_where=text("ended_on IS NULL"),
    ),
)

subscription_changes = merchant_table(
    "subscription_changes",
    Column("subscription_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("from_price_id", Uuid),
    Column("to_price_id", Uuid),
    Column("quantity", Integer),
    # Whose: one of the items beside the first, or none.
    Column("extra_id", Uuid),
    Column("effective_on", Date, nullable=False),
    Column("invoice_id", Uuid),
    Column("reason", Text),
    Column("quote", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    reference("subscription_id", "subscriptions"),
    reference("extra_id", "subscription_items"),
    CheckConstraint("kind IN ('plan','cancel','item','pause')", name="kind"),
    CheckConstraint("(kind = 'item') = (extra_id IS NOT NULL)", name="extra_id"),
    CheckConstraint(
        "mode IN ('prorate','at_period_end','immediate','restart','switch','on_date')", name="mode"
    ),
    # pending: done once its invoice is paid. lapsed: it was not.
    CheckConstraint("state IN ('scheduled','pending','applied','replaced','lapsed')", name="state"),
    CheckConstraint("state <> 'pending' OR invoice_id IS NOT NULL", name="pending"),
    Index(
        "uq_subscription_changes_one_scheduled",
        "merchant_id",
        "subscription_id",
        unique=True,
        postgresql_where=text("state = 'scheduled'"),
    ),
    Index(
        "uq_subscription_changes_one_pending",
        "merchant_id",
        "subscription_id",
        unique=True,
        postgresql_where=text("state = 'pending'"),
    ),
)
