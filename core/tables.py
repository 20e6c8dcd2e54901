"""Tables every room leans on: merchants, clocks, callers, audit, events, doorbells."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, metadata, reference

merchants = Table(
    "merchants",
    metadata,
    Column("merchant_id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False, unique=True),
    Column("external_id", Text),
    Column("legal_name", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("phone", Text),
    Column("address", Text, nullable=False),
    Column("npwp", Text),
    Column("country", Text, nullable=False, server_default="ID"),
    Column("billing_zone", Text, nullable=False, server_default="Asia/Jakarta"),
    Column("locale", Text, nullable=False, server_default="id"),
    Column("pkp_since", Date),
    Column("pkp_until", Date),
    Column("tax_treatment", Text, nullable=False, server_default="standard"),
    Column("tax_point", Text, nullable=False, server_default="on_payment"),
    Column("brand_color", Text, nullable=False, server_default="#0f5c4d"),
    Column("logo", LargeBinary),
    Column("logo_media_type", Text),
    # Random, minted once, restored with every backup: the root of all derived ids and order ids.
    Column("namespace", LargeBinary, nullable=False, unique=True),
    Column("gateway", Text, nullable=False),
    Column("gateway_url", Text),
    Column("server_key_sealed", LargeBinary),
    Column("signature_key_sealed", LargeBinary),
    Column("client_key", Text),
    Column("gateway_merchant_id", Text),
    Column("card_mode", Text, nullable=False, server_default="recurring"),
    Column("gateway_rps", Integer, nullable=False, server_default="20"),
    Column("invoice_prefix", Text, nullable=False, server_default="INV"),
    Column("credit_note_prefix", Text, nullable=False, server_default="NK"),
    Column("number_pattern", Text, nullable=False, server_default="{prefix}-{year}-{n:06d}"),
    Column("issue_lead_days", Integer, nullable=False, server_default="7"),
    Column("payment_terms_days", Integer, nullable=False, server_default="7"),
    Column("trial_notice_days", Integer, nullable=False, server_default="7"),
    Column("renewal_notice_days", Integer, nullable=False, server_default="30"),
    # How many days ahead a customer is told that credit expires; 0: nobody is told.
    Column("credit_notice_days", Integer, nullable=False, server_default="7"),
    # After how many days money that was topped up expires; none: never.
    Column("top_up_days", Integer),
    Column("cancel_day_billed", Boolean, nullable=False, server_default=text("true")),
    # Whether an upgrade is charged before it is done, where a saved method is charged.
    Column("upgrade_policy", Text, nullable=False, server_default="pay_first"),
    Column("refund_approval_above", BigInteger, nullable=False, server_default="1000000"),
    Column("refund_approval_days", Integer, nullable=False, server_default="30"),
    Column("mode", Text, nullable=False, server_default="running"),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("gateway IN ('simulator','sandbox','production')", name="gateway"),
    CheckConstraint("card_mode IN ('recurring','two_click','none')", name="card_mode"),
    CheckConstraint("mode IN ('running','recovering')", name="mode"),
    CheckConstraint("locale IN ('id','en')", name="locale"),
    CheckConstraint("tax_point IN ('on_payment','on_issue')", name="tax_point"),
    CheckConstraint("octet_length(namespace) = 16", name="namespace"),
    CheckConstraint("slug ~ '^[a-z0-9][a-z0-9-]{1,38}$'", name="slug"),
    CheckConstraint("issue_lead_days BETWEEN 0 AND 60", name="issue_lead_days"),
    CheckConstraint("payment_terms_days BETWEEN 0 AND 180", name="payment_terms_days"),
    CheckConstraint("trial_notice_days BETWEEN 0 AND 60", name="trial_notice_days"),
    CheckConstraint("renewal_notice_days BETWEEN 0 AND 90", name="renewal_notice_days"),
    CheckConstraint("credit_notice_days BETWEEN 0 AND 90", name="credit_notice_days"),
    CheckConstraint("top_up_days BETWEEN 1 AND 3650", name="top_up_days"),
    CheckConstraint("upgrade_policy IN ('pay_first','apply_first')", name="upgrade_policy"),
    CheckConstraint("refund_approval_days BETWEEN 1 AND 3650", name="refund_approval_days"),
    CheckConstraint("pkp_until IS NULL OR pkp_since IS NOT NULL", name="pkp"),
)

# A merchant without a row here lives in real time.
clocks = Table(
    "clocks",
    metadata,
    Column("merchant_id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("target_at", UtcDateTime),
    Column("state", Text, nullable=False, server_default="ready"),
    ForeignKeyConstraint(["merchant_id"], ["merchants.merchant_id"]),
    CheckConstraint("state IN ('ready','advancing','stepping')", name="state"),
    CheckConstraint("state <> 'advancing' OR target_at IS NOT NULL", name="target"),
)

api_keys = merchant_table(
    "api_keys",
    Column("name", Text, nullable=False),
    Column("hint", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    CheckConstraint("octet_length(key_hash) = 32", name="key_hash"),
    CheckConstraint("cardinality(scopes) > 0", name="scopes"),
)

staff = merchant_table(
    "staff",
    Column("email", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("password_hash", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    UniqueConstraint("merchant_id", "email"),
    CheckConstraint("role IN ('owner','billing','finance','support','read_only')", name="role"),
    CheckConstraint("email = lower(email)", name="email"),
)

staff_sessions = merchant_table(
    "staff_sessions",
    Column("staff_id", Uuid, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    reference("staff_id", "staff"),
    Index("ix_staff_sessions_expires_at", "expires_at"),
)

# How often something was tried, such as a password or a card. The id is a keyed digest of whom the
# row counts (an address, an invoice), so the table tells nothing about anybody.
rate_counters = merchant_table(
    "rate_counters",
    Column("kind", Text, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("wait_until", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    CheckConstraint("hits > 0", name="hits"),
    Index("ix_rate_counters_expires_at", "expires_at"),
)

# Who did what, from where, and what it looked like before and after. Never edited.
audit = merchant_table(
    "audit",
    Column("at", UtcDateTime, nullable=False),
    Column("business_at", UtcDateTime, nullable=False),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("before", Json),
    Column("after", Json),
    CheckConstraint("actor_kind IN ('staff','key','operator','system','customer')", name="actor"),
    Index("ix_audit_subject", "merchant_id", "subject_id", "at"),
)

# Rows of the audit that wait for their seal: named by a trigger, in the transaction of the row.
audit_unsealed = merchant_table(
    "audit_unsealed",
    Column("at", UtcDateTime, nullable=False),
    Index("ix_audit_unsealed_at", "merchant_id", "at", "id"),
)

# A row's place in the chain, under the row's own id; see `core.seals`. Never edited.
audit_seals = merchant_table(
    "audit_seals",
    Column("place", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    reference("id", "audit"),
    UniqueConstraint("merchant_id", "place"),
    CheckConstraint("place > 0", name="place"),
    CheckConstraint(
        "octet_length(digest) = 32 AND octet_length(hash) = 32 AND octet_length(mac) = 32",
        name="lengths",
    ),
)

# What each turn of the sealer added. Never edited.
audit_anchors = merchant_table(
    "audit_anchors",
    Column("first_place", BigInteger, nullable=False),
    Column("last_place", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("sealed_at", UtcDateTime, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("merchant_id", "last_place"),
    CheckConstraint("first_place > 0 AND last_place >= first_place", name="places"),
    CheckConstraint("octet_length(hash) = 32 AND octet_length(mac) = 32", name="lengths"),
)

# A restore or a fail-over: from when on commits may be lost, by the machine's clock, until when it
# was noted. ``asked_at``: the gateway was asked about everything. Written by the owner only.
recoveries = merchant_table(
    "recoveries",
    Column("kind", Text, nullable=False),
    Column("lost_from", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("business_at", UtcDateTime, nullable=False),
    Column("audit_head", Text),
    Column("asked_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    CheckConstraint("kind IN ('restored','failed_over')", name="kind"),
    CheckConstraint("lost_from <= at", name="lost"),
)

# What the doctor and `audit verify` found, night by night, of this merchant. Never
# edited but for when it was told.
verdicts = merchant_table(
    "verdicts",
    Column("night", UtcDateTime, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("version", Text, nullable=False),
    Column("rules", Integer, nullable=False),
    Column("broken", Json, nullable=False),
    Column("warnings", Json, nullable=False),
    Column("trail", Json, nullable=False),
    Column("clean", Boolean, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("told_at", UtcDateTime),
    # Since when somebody is at telling it: who finds it taken tells nothing.
    Column("telling_at", UtcDateTime),
    UniqueConstraint("merchant_id", "night"),
    CheckConstraint("clean = (broken = '[]'::jsonb AND trail = '[]'::jsonb)", name="clean"),
    CheckConstraint("rules > 0 AND milliseconds >= 0", name="figures"),
)

# The outbox: written in the transaction of the fact. Never edited.
events = merchant_table(
    "events",
    Column("seq", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("customer_id", Uuid),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("payload", Json, nullable=False),
    CheckConstraint("type ~ '^[a-z_]+[.][a-z_]+$'", name="type"),
    Index("ix_events_seq", "merchant_id", "seq"),
    Index("ix_events_subject", "merchant_id", "subject_id", "seq"),
)

# Doorbells. The rows that carry due instants are the queue; a bell lost or rung twice is harmless,
# so a worker takes the bell off the wall before it answers the door.
jobs = merchant_table(
    "jobs",
    Column("kind", Text, nullable=False),
    Column("rung_at", UtcDateTime, nullable=False),
    # Machine time; set where the work would have to wait for the gateway's pace.
    Column("not_before", UtcDateTime),
    UniqueConstraint("merchant_id", "kind"),
    Index("ix_jobs_rung_at", "rung_at"),
)

idempotency_keys = merchant_table(
    "idempotency_keys",
    Column("key", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("subject_id", Uuid),
    Column("recovery_point", Text, nullable=False, server_default="started"),
    Column("locked_until", UtcDateTime, nullable=False),
    Column("response_status", Integer),
    Column("response_body", Json),
    Column("created_at", UtcDateTime, nullable=False),
    # Set with the answer; without one a row stays for ever.
    Column("expires_at", UtcDateTime),
    UniqueConstraint("merchant_id", "key"),
    CheckConstraint("length(key) BETWEEN 1 AND 255", name="key"),
    CheckConstraint("(response_status IS NULL) = (response_body IS NULL)", name="response"),
    CheckConstraint("recovery_point IN ('started','created','finished')", name="recovery_point"),
    CheckConstraint("expires_at IS NULL OR response_status IS NOT NULL", name="expires_at"),
    Index(
        "ix_idempotency_keys_expires_at",
        "expires_at",
        postgresql_where=text("expires_at IS NOT NULL"),
    ),
)

# Mail to be sent: queued in the transaction of the fact, sent by a worker under a lease.
messages = merchant_table(
    "messages",
    Column("kind", Text, nullable=False),
    Column("customer_id", Uuid),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("payload", Json, nullable=False, server_default=text("'{}'")),
    Column("business_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("sends", Integer, nullable=False, server_default="0"),
    Column("next_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("sent_at", UtcDateTime),
    Column("failure", Text),
    # ``held``: it may have been sent in the time that a restore or a fail-over lost.
    CheckConstraint("state IN ('queued','sending','sent','dropped','dead','held')", name="state"),
    CheckConstraint("(state IN ('queued','sending')) = (next_at IS NOT NULL)", name="next_at"),
    Index("ix_messages_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_messages_subject", "merchant_id", "subject_id"),
)
