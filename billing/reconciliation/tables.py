"""Reports of the gateway and their rows, what differs, and every step until it is settled."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from billing.reconciliation.kinds import ACCOUNTS, KINDS
from core.db import Json, UtcDateTime, merchant_table, reference

DIFFERENCE_KINDS = "({})".format(",".join(f"'{kind}'" for kind in sorted(KINDS)))
CORRECTION_ACCOUNTS = "({})".format(",".join(f"'{name}'" for name in sorted(ACCOUNTS)))

# A report as it was given to us. Its content is kept sealed until it is booked or dropped: it may
# name customers, and its rows are what we need of it.
settlement_files = merchant_table(
    "settlement_files",
    Column("name", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("content_sealed", LargeBinary),
    Column("summary", Json, nullable=False),
    Column("from_day", Date),
    Column("to_day", Date),
    Column("read_at", UtcDateTime, nullable=False),
    Column("read_by", Text, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Text),
    UniqueConstraint("merchant_id", "sha256"),
    CheckConstraint("state IN ('read','booked','dropped')", name="state"),
    CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    CheckConstraint("(state = 'read') = (content_sealed IS NOT NULL)", name="content"),
    CheckConstraint("(state = 'read') = (closed_at IS NULL)", name="closed_at"),
)

# One row of a booked report; the same money is here once, whichever file told of it. ``booked_key``
# is the key of the journal its fee, or its payout, is in; ``same_as`` the row whose money it tells
# again under another name. Added to, never edited.
settlement_rows = merchant_table(
    "settlement_rows",
    Column("file_id", Uuid, nullable=False),
    Column("line", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("transaction_id", Text),
    Column("reference", Text),
    Column("channel", Text),
    Column("status", Text),
    Column("gross", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("ppn", BigInteger, nullable=False),
    Column("net", BigInteger, nullable=False),
    Column("rounding", BigInteger, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),
    Column("payment_id", Uuid),
    Column("refund_id", Uuid),
    Column("booked_key", Text),
    Column("same_as", Uuid),
    reference("file_id", "settlement_files"),
    reference("payment_id", "payments"),
    reference("refund_id", "refunds"),
    reference("same_as", "settlement_rows"),
    UniqueConstraint("merchant_id", "key"),
    CheckConstraint(
        "kind IN ('payment','refund','chargeback','payout','nothing')", name="kind"
    ),
    CheckConstraint(
        "kind = 'nothing' OR gross = fee + ppn + net + rounding AND rounding BETWEEN -1 AND 1",
        name="sums",
    ),
    Index("ix_settlement_rows_file", "merchant_id", "file_id", "line"),
    Index("ix_settlement_rows_payment", "merchant_id", "payment_id"),
    Index(
        "uq_settlement_rows_refund", "merchant_id", "refund_id", unique=True,
        postgresql_where=text("refund_id IS NOT NULL"),
    ),
    Index(
        "uq_settlement_rows_booked_payment", "merchant_id", "payment_id", unique=True,
        postgresql_where=text("kind = 'payment' AND booked_key IS NOT NULL AND same_as IS NULL"),
    ),
    Index(
        "ix_settlement_rows_waiting", "merchant_id", "id",
        postgresql_where=text(
            "booked_key IS NULL AND same_as IS NULL "
            "AND kind IN ('payment','refund','chargeback')"
        ),
    ),
    Index(
        "ix_settlement_rows_payouts", "merchant_id", "day", "gross",
        postgresql_where=text("kind = 'payout'"),
    ),
)  # fmt: skip

# What the two books do not agree about. How it came and went is in its steps.
differences = merchant_table(
    "differences",
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("order_id", Text),
    Column("payment_id", Uuid),
    Column("refund_id", Uuid),
    Column("row_id", Uuid),
    Column("file_id", Uuid),
    Column("day", Date, nullable=False),
    Column("ours", BigInteger),
    Column("theirs", BigInteger),
    Column("detail", Json, nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("assignee", Text),
    # What a person wants booked: it waits for a second one above the merchant's limit.
    Column("account", Text),
    Column("amount", BigInteger),
    Column("asked_by", Text),
    Column("resolution", Text),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Text),
    reference("payment_id", "payments"),
    reference("refund_id", "refunds"),
    reference("row_id", "settlement_rows"),
    reference("file_id", "settlement_files"),
    UniqueConstraint("merchant_id", "kind", "key"),
    CheckConstraint(f"kind IN {DIFFERENCE_KINDS}", name="kind"),
    CheckConstraint("severity IN ('high','medium','low')", name="severity"),
    CheckConstraint("source IN ('report','books','status')", name="source"),
    CheckConstraint("state IN ('open','awaiting_approval','resolved')", name="state"),
    CheckConstraint(
        "resolution IN ('agrees','explained','mended','booked')", name="resolution"
    ),
    CheckConstraint(
        "(state = 'resolved') = (resolution IS NOT NULL) "
        "AND (state = 'resolved') = (closed_at IS NOT NULL)",
        name="resolved",
    ),
    CheckConstraint(f"account IN {CORRECTION_ACCOUNTS}", name="account"),
    CheckConstraint("(account IS NULL) = (amount IS NULL) AND amount <> 0", name="amount"),
    CheckConstraint("state <> 'awaiting_approval' OR amount IS NOT NULL", name="approval"),
    CheckConstraint("resolution <> 'booked' OR amount IS NOT NULL", name="booked"),
    Index(
        "ix_differences_open", "merchant_id", "found_at", "id",
        postgresql_where=text("state <> 'resolved'"),
    ),
    Index("ix_differences_found_at", "merchant_id", "found_at", "id"),
    Index("ix_differences_file", "merchant_id", "file_id"),
    Index(
        "ix_differences_row", "merchant_id", "row_id", postgresql_where=text("row_id IS NOT NULL")
    ),
)  # fmt: skip

# Who did what about a difference, and why. Never edited.
difference_steps = merchant_table(
    "difference_steps",
    Column("difference_id", Uuid, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("business_at", UtcDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Json, nullable=False),
    reference("difference_id", "differences"),
    UniqueConstraint("merchant_id", "difference_id", "n"),
    CheckConstraint(
        "step IN ('found','assigned','noted','proposed','approved','declined','resolved',"
        "'reopened')",
        name="step",
    ),
)

# One day's questions to the gateway about the orders of the days before it; machine time.
status_sweeps = merchant_table(
    "status_sweeps",
    Column("day", Date, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime),
    Column("last_order", Uuid),
    Column("asked", Integer, nullable=False, server_default="0"),
    Column("agreed", Integer, nullable=False, server_default="0"),
    Column("mended", Integer, nullable=False, server_default="0"),
    Column("differing", Integer, nullable=False, server_default="0"),
    Column("silent", Integer, nullable=False, server_default="0"),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    UniqueConstraint("merchant_id", "day"),
    CheckConstraint("state IN ('open','done')", name="state"),
    CheckConstraint("(state = 'open') = (next_at IS NOT NULL)", name="next_at"),
    Index("ix_status_sweeps_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
)
