"""What is sold: plans and their immutable prices."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, reference

plans = merchant_table(
    "plans",
    Column("external_id", Text),
    Column("code", Text, nullable=False),
    Column("name", Json, nullable=False),
    Column("description", Json, nullable=False, server_default=text("'{}'")),
    Column("state", Text, nullable=False, server_default="active"),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("merchant_id", "code"),
    UniqueConstraint("merchant_id", "external_id"),
    CheckConstraint("state IN ('active','retired')", name="state"),
    CheckConstraint("code ~ '^[a-z0-9][a-z0-9_-]{0,63}$'", name="code"),
)

# A price is never edited: a trigger refuses all but its retirement.
prices = merchant_table(
    "prices",
    Column("external_id", Text),
    Column("plan_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("model", Text, nullable=False, server_default="flat"),
    Column("model_terms", Json, nullable=False, server_default=text("'{}'")),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("unit_amount", BigInteger, nullable=False),
    Column("interval_unit", Text, nullable=False),
    Column("interval_count", Integer, nullable=False, server_default="1"),
    Column("trial_days", Integer, nullable=False, server_default="0"),
    Column("tax_mode", Text, nullable=False, server_default="exclusive"),
    # Which part of the plan it prices, in words: seats, storage. None where it is the plan.
    Column("component", Json),
    # Charged once, with the first invoice of an item; before tax unless the price holds it.
    Column("setup_amount", BigInteger, nullable=False, server_default="0"),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    reference("plan_id", "plans"),
    UniqueConstraint("merchant_id", "plan_id", "version"),
    UniqueConstraint("merchant_id", "external_id"),
    CheckConstraint(
        "model IN ('flat','fixed','per_unit','graduated','volume','package')", name="model"
    ),
    CheckConstraint("(model = 'flat') = (model_terms = '{}'::jsonb)", name="model_terms"),
    CheckConstraint("unit_amount >= 0", name="unit_amount"),
    CheckConstraint("setup_amount >= 0", name="setup_amount"),
    CheckConstraint("interval_unit IN ('day','week','month','year')", name="interval_unit"),
    CheckConstraint("interval_count BETWEEN 1 AND 3660", name="interval_count"),
    CheckConstraint("trial_days BETWEEN 0 AND 730", name="trial_days"),
    CheckConstraint("tax_mode IN ('exclusive','inclusive')", name="tax_mode"),
    CheckConstraint("currency = 'IDR'", name="currency"),
)

# What one customer pays in place of a price: another version of the same plan, under a name.
price_overrides = merchant_table(
    "price_overrides",
    Column("customer_id", Uuid, nullable=False),
    Column("price_id", Uuid, nullable=False),
    Column("own_price_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Text),
    reference("customer_id", "customers"),
    reference("price_id", "prices"),
    reference("own_price_id", "prices"),
    CheckConstraint("price_id <> own_price_id", name="own_price_id"),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    Index(
        "uq_price_overrides_one_in_force",
        "merchant_id",
        "customer_id",
        "price_id",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_price_overrides_own", "merchant_id", "own_price_id"),
)
