"""Moves of subscribers to another version of a price, and what each of them was told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

from core.db import UtcDateTime, merchant_table, reference

price_moves = merchant_table(
    "price_moves",
    Column("from_price_id", Uuid, nullable=False),
    Column("to_price_id", Uuid, nullable=False),
    Column("not_before", Date, nullable=False),
    Column("notice_days", Integer, nullable=False),
    # running: subscribers are being announced to; undoing: they are being let go again.
    Column("state", Text, nullable=False),
    # The last subscription that was done; none at the beginning of either.
    Column("done_through", Uuid),
    Column("made_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", UtcDateTime),
    reference("from_price_id", "prices"),
    reference("to_price_id", "prices"),
    CheckConstraint("from_price_id <> to_price_id", name="to_price_id"),
    CheckConstraint("notice_days BETWEEN 0 AND 365", name="notice_days"),
    CheckConstraint("state IN ('running','announced','undoing','undone')", name="state"),
    CheckConstraint(
        "(undone_at IS NULL) = (state IN ('running','announced')) "
        "AND (undone_at IS NULL) = (undone_by IS NULL)",
        name="undone",
    ),
    Index(
        "ix_price_moves_at_work",
        "merchant_id",
        postgresql_where=text("state IN ('running','undoing')"),
    ),
)

# Never edited: what becomes of it is the state of the change that waits for the renewal.
price_move_members = merchant_table(
    "price_move_members",
    Column("move_id", Uuid, nullable=False),
    Column("subscription_id", Uuid, nullable=False),
    # The change that waits, or why there is none.
    Column("change_id", Uuid),
    Column("excepted", Text),
    Column("effective_on", Date),
    Column("quantity", Integer),
    # As announced, in whole rupiah: the first item's line before discounts, and the two totals.
    Column("amount", BigInteger),
    Column("old_total", BigInteger),
    Column("new_total", BigInteger),
    Column("created_at", UtcDateTime, nullable=False),
    reference("move_id", "price_moves"),
    reference("subscription_id", "subscriptions"),
    reference("change_id", "subscription_changes"),
    UniqueConstraint("merchant_id", "move_id", "subscription_id"),
    CheckConstraint("(change_id IS NULL) = (excepted IS NOT NULL)", name="excepted"),
    CheckConstraint(
        "change_id IS NULL OR (effective_on IS NOT NULL AND quantity >= 1 AND amount >= 0 "
        "AND old_total >= 0 AND new_total >= 0)",
        name="announced",
    ),
    Index("ix_price_move_members_change", "merchant_id", "change_id"),
)
