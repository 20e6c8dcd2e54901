"""Lots: what came onto a balance, of which kind and until when; and what took from each."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import UtcDateTime, merchant_table, reference

# What an entry that raised a balance brought. Only the three instants at the end are ever changed.
balance_lots = merchant_table(
    "balance_lots",
    Column("customer_id", Uuid, nullable=False),
    Column("entry_id", Uuid, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    # money: the customer's own, refundable. promotional: given by the merchant, never paid out.
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # From this instant on it pays nothing; none where it does not expire.
    Column("expires_at", UtcDateTime),
    Column("reason", Text),
    # When its expiry is announced, then when it is booked; none where nothing is to be done.
    Column("next_at", UtcDateTime),
    Column("told_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    reference("customer_id", "customers"),
    reference("entry_id", "balance_entries"),
    CheckConstraint("kind IN ('money','promotional')", name="kind"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("expires_at >= at", name="expires_at"),
    CheckConstraint("expires_at IS NOT NULL OR next_at IS NULL", name="next_at"),
    Index("ix_balance_lots_customer", "merchant_id", "customer_id", "at"),
    Index("ix_balance_lots_entry", "merchant_id", "entry_id"),
    Index("ix_balance_lots_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)

# Which lots an entry that lowered a balance took from; never edited.
balance_uses = merchant_table(
    "balance_uses",
    Column("entry_id", Uuid, nullable=False),
    Column("lot_id", Uuid, nullable=False),
    Column("amount", BigInteger, nullable=False),
    reference("entry_id", "balance_entries"),
    reference("lot_id", "balance_lots"),
    UniqueConstraint("merchant_id", "entry_id", "lot_id"),
    CheckConstraint("amount > 0", name="amount"),
    Index("ix_balance_uses_lot", "merchant_id", "lot_id"),
)
