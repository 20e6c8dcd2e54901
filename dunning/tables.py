"""Invoices being chased: policies, cases, steps."""

from __future__ import annotations

from sqlalchemy import (
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

dunning_policies = merchant_table(
    "dunning_policies",
    Column("code", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rules", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("merchant_id", "code", "version"),
)

dunning_cases = merchant_table(
    "dunning_cases",
    Column("invoice_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("subscription_id", Uuid),
    Column("policy_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("first_failed_at", UtcDateTime),
    Column("last_attempt_at", UtcDateTime),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("decline_class", Text),
    Column("decline_code", Text),
    Column("end_on", Date),
    # The instant of the next step in business time; a case has exactly one or is closed.
    Column("next_at", UtcDateTime),
    Column("next_step", Json),
    Column("memory", Json, nullable=False, server_default=text("'{}'")),
    Column("closed_at", UtcDateTime),
    Column("closed_because", Text),
    reference("invoice_id", "invoices"),
    reference("customer_id", "customers"),
    reference("subscription_id", "subscriptions"),
    reference("policy_id", "dunning_policies"),
    CheckConstraint("state IN ('open','recovered','exhausted','stopped')", name="state"),
    CheckConstraint("(state = 'open') = (next_at IS NOT NULL)", name="next_at"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at"),
    CheckConstraint("failures >= 0", name="failures"),
    Index(
        "uq_dunning_cases_one_open",
        "merchant_id",
        "invoice_id",
        unique=True,
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_dunning_cases_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)

dunning_steps = merchant_table(
    "dunning_steps",
    Column("case_id", Uuid, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Json, nullable=False, server_default=text("'{}'")),
    reference("case_id", "dunning_cases"),
    CheckConstraint("kind IN ('opened','failure','retry','notice','end','closed')", name="kind"),
    Index("ix_dunning_steps_case", "merchant_id", "case_id", "at"),
)
