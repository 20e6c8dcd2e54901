"""The books: journals and their postings. Never edited; the database refuses an unbalanced set."""

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
)

from core.db import UtcDateTime, merchant_table, reference

journals = merchant_table(
    "journals",
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    UniqueConstraint("merchant_id", "kind", "key"),
    CheckConstraint(
        "kind NOT IN ('invoice_issued','invoice_voided','credit_note_issued') "
        "OR key = subject_id::text",
        name="key",
    ),
    Index("ix_journals_subject", "merchant_id", "subject_id"),
    Index("ix_journals_occurred_on", "merchant_id", "occurred_on"),
)

# A debit is positive, a credit negative; the postings of a journal sum to zero in each currency.
postings = merchant_table(
    "postings",
    Column("journal_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("account", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("customer_id", Uuid),
    reference("journal_id", "journals"),
    reference("customer_id", "customers"),
    UniqueConstraint("merchant_id", "journal_id", "position"),
    CheckConstraint("amount <> 0", name="amount"),
    Index("ix_postings_account", "merchant_id", "account"),
)
