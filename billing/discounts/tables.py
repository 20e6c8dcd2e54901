"""What makes prices smaller: discounts with their codes, and who was given them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, reference

# What a discount takes never changes; only its counter does, and whether it is given any more.
discounts = merchant_table(
    "discounts",
    Column("code", Text, nullable=False),
    Column("name", Json, nullable=False),
    Column("basis_points", Integer),
    Column("amount", BigInteger),
    Column("duration", Text, nullable=False),
    Column("count", Integer),
    Column("plan_ids", Json),
    Column("new_customers", Boolean, nullable=False, server_default=text("false")),
    Column("minimum_amount", BigInteger, nullable=False, server_default="0"),
    Column("starts_at", UtcDateTime),
    Column("ends_at", UtcDateTime),
    Column("max_redemptions", Integer),
    Column("per_customer", Integer, nullable=False, server_default="1"),
    # How often it is given: raised under its row's lock, and never above the most.
    Column("redeemed", Integer, nullable=False, server_default="0"),
    Column("created_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("stopped_at", UtcDateTime),
    Column("stopped_by", Text),
    UniqueConstraint("merchant_id", "code"),
    CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9_-]{1,39}$'", name="code"),
    CheckConstraint("(basis_points IS NULL) <> (amount IS NULL)", name="takes"),
    CheckConstraint("basis_points BETWEEN 1 AND 10000", name="basis_points"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("duration IN ('once','periods','months','forever')", name="duration"),
    CheckConstraint(
        "(duration IN ('periods','months')) = (count IS NOT NULL) "
        "AND (count IS NULL OR count BETWEEN 1 AND 120)",
        name="count",
    ),
    CheckConstraint("minimum_amount >= 0", name="minimum_amount"),
    CheckConstraint("starts_at < ends_at", name="window"),
    CheckConstraint("max_redemptions > 0", name="max_redemptions"),
    CheckConstraint("per_customer BETWEEN 1 AND 1000", name="per_customer"),
    CheckConstraint(
        "redeemed >= 0 AND (max_redemptions IS NULL OR redeemed <= max_redemptions)",
        name="redeemed",
    ),
    CheckConstraint("(stopped_at IS NULL) = (stopped_by IS NULL)", name="stopped"),
)

# Given to a subscription for the lines that start from ``since`` up to ``ends_on``.
discount_grants = merchant_table(
    "discount_grants",
    Column("discount_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("subscription_id", Uuid, nullable=False),
    # Its place among the discounts of the subscription, and among the customer's uses of the code.
    Column("place", Integer, nullable=False),
    Column("nth", Integer, nullable=False),
    Column("since", Date, nullable=False),
    Column("ends_on", Date),
    Column("made_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_by", Text),
    # A sign-up that came to nothing gives its use of the code back.
    Column("released_at", UtcDateTime),
    reference("discount_id", "discounts"),
    reference("customer_id", "customers"),
    reference("subscription_id", "subscriptions"),
    CheckConstraint("ends_on IS NULL OR ends_on >= since", name="ends_on"),
    CheckConstraint("nth >= 1 AND place >= 1", name="places"),
    Index(
        "uq_discount_grants_nth",
        "merchant_id",
        "discount_id",
        "customer_id",
        "nth",
        unique=True,
        postgresql_where=text("released_at IS NULL"),
    ),
    Index(
        "uq_discount_grants_once",
        "merchant_id",
        "subscription_id",
        "discount_id",
        unique=True,
        postgresql_where=text("released_at IS NULL"),
    ),
)
