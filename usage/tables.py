"""What was used: meters, events as they came, and the sums of each day that bills are made of.

Events and sums are written by the thousand: they have no foreign keys, whose checks would cost more
than the rows. Whose they are was read in the same transaction, and nothing of it is ever deleted.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, metadata, reference

# A version of a meter is never edited: a trigger refuses all but its retirement.
meters = merchant_table(
    "meters",
    Column("code", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Json, nullable=False),
    Column("event_name", Text, nullable=False),
    Column("aggregation", Text, nullable=False),
    Column("field", Text),
    Column("filters", Json, nullable=False, server_default=text("'[]'")),
    Column("late", Text, nullable=False, server_default="next_invoice"),
    Column("late_days", Integer, nullable=False, server_default="35"),
    # Numbers drawn from the events' own: it counts what came after the one and before the other.
    Column(
        "counts_from",
        BigInteger,
        nullable=False,
        server_default=text("nextval('usage_events_seq_seq')"),
    ),
    Column("counts_to", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    UniqueConstraint("merchant_id", "code", "version"),
    CheckConstraint("code ~ '^[a-z0-9][a-z0-9_-]{0,63}$'", name="code"),
    CheckConstraint(
        "aggregation IN ('count','sum','max','last','unique','weighted_sum')", name="aggregation"
    ),
    CheckConstraint("(aggregation = 'count') = (field IS NULL)", name="field"),
    CheckConstraint("late IN ('next_invoice','refuse')", name="late"),
    CheckConstraint("late_days BETWEEN 1 AND 366", name="late_days"),
    CheckConstraint("counts_to IS NULL OR retired_at IS NOT NULL", name="counts_to"),
    Index("ix_meters_event_name", "merchant_id", "event_name"),
)

# The metered parts of a price, as immutable as the price they belong to.
usage_prices = merchant_table(
    "usage_prices",
    Column("price_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Json, nullable=False),
    Column("meter_id", Uuid, nullable=False),
    Column("model", Text, nullable=False),
    Column("model_terms", Json, nullable=False),
    Column("zero", Text, nullable=False, server_default="omit"),
    Column("created_at", UtcDateTime, nullable=False),
    reference("price_id", "prices"),
    reference("meter_id", "meters"),
    UniqueConstraint("merchant_id", "price_id", "position"),
    CheckConstraint("position >= 1", name="position"),
    CheckConstraint(
        "model IN ('per_unit','graduated','volume','package','percentage')", name="model"
    ),
    CheckConstraint("zero IN ('omit','show')", name="zero"),
    Index("ix_usage_prices_meter", "merchant_id", "meter_id"),
)

# As they came, once for each key (the id is derived from it). A correction names the event it
# takes the place of; an event is corrected once, and its correction again by the next.
usage_events = Table(
    "usage_events",
    metadata,
    Column("merchant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    Column("subscription_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # The civil date of ``at`` where the subscription is billed.
    Column("day", Date, nullable=False),
    Column("properties", Json, nullable=False),
    Column("corrects_id", Uuid),
    Column("is_void", Boolean, nullable=False, server_default=text("false")),
    Column("received_at", UtcDateTime, nullable=False),
    CheckConstraint("NOT is_void OR corrects_id IS NOT NULL", name="is_void"),
    Index("ix_usage_events_day", "merchant_id", "subscription_id", "day"),
    Index(
        "uq_usage_events_corrected_once",
        "merchant_id",
        "corrects_id",
        unique=True,
        postgresql_where=text("corrects_id IS NOT NULL"),
    ),
)

# What a meter counted of a subscription on a day; written in the transaction of the events.
usage_days = Table(
    "usage_days",
    metadata,
    Column("merchant_id", Uuid, primary_key=True),
    Column("subscription_id", Uuid, primary_key=True),
    Column("meter_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("events", BigInteger, nullable=False),
    Column("total", Numeric, nullable=False, server_default=text("0")),
    # Sum of value × microseconds since 1970: how long each change has lasted follows from it.
    Column("moment", Numeric, nullable=False, server_default=text("0")),
    Column("top", Numeric),
    Column("last_value", Numeric),
    Column("last_at", UtcDateTime),
    Column("last_seq", BigInteger),
    CheckConstraint("events >= 0", name="events"),
    postgresql_with={"fillfactor": "70"},
)

# The different values a meter of unique ones saw on a day.
usage_values = Table(
    "usage_values",
    metadata,
    Column("merchant_id", Uuid, primary_key=True),
    Column("subscription_id", Uuid, primary_key=True),
    Column("meter_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("value", Text, primary_key=True),
)

# What was billed of an item's usage up to when; a correction (n = 1, 2 …) says the new whole.
usage_closings = merchant_table(
    "usage_closings",
    Column("subscription_id", Uuid, nullable=False),
    Column("item_id", Uuid, nullable=False),
    Column("usage_price_id", Uuid, nullable=False),
    Column("meter_id", Uuid, nullable=False),
    Column("period_start", Date, nullable=False),
    Column("period_end", Date, nullable=False),
    Column("n", Integer, nullable=False),
    Column("events", BigInteger, nullable=False),
    # Exact, as text; net usage below zero is kept beside the nothing that is billed.
    Column("quantity", Text, nullable=False),
    Column("below_zero", Text, nullable=False, server_default="0"),
    # Where a figure of a whole period is priced for a part of it: days of so many.
    Column("days", Integer),
    Column("of_days", Integer),
    # Whole rupiah before tax for the period, corrections included.
    Column("amount", BigInteger, nullable=False),
    # What this closing added: a line of this invoice, or less than nothing: a note of it.
    Column("added", BigInteger, nullable=False),
    Column("invoice_id", Uuid),
    Column("closed_at", UtcDateTime, nullable=False),
    reference("subscription_id", "subscriptions"),
    reference("item_id", "subscription_items"),
    reference("usage_price_id", "usage_prices"),
    reference("invoice_id", "invoices"),
    UniqueConstraint(
        "merchant_id",
        "item_id",
        "usage_price_id",
        "period_start",
        "n",
        name="uq_usage_closings_once",
    ),
    CheckConstraint("period_start < period_end", name="period"),
    CheckConstraint(
        "(days IS NULL) = (of_days IS NULL) AND days BETWEEN 1 AND of_days", name="share"
    ),
    CheckConstraint("n >= 0 AND events >= 0 AND amount >= 0", name="not_negative"),
    CheckConstraint("added = 0 OR invoice_id IS NOT NULL", name="invoice_id"),
    Index("ix_usage_closings_subscription", "merchant_id", "subscription_id", "period_end"),
)
