"""What is sold: plans and their immutable prices."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
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
    CheckConstraint("interval_unit IN ('day','week','month','year')", name="interval_unit"),
    CheckConstraint("interval_count BETWEEN 1 AND 3660", name="interval_count"),
    CheckConstraint("trial_days BETWEEN 0 AND 730", name="trial_days"),
    CheckConstraint("tax_mode IN ('exclusive','inclusive')", name="tax_mode"),
    CheckConstraint("currency = 'IDR'", name="currency"),
)
