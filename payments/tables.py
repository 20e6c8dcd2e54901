"""Money moving: methods, what Midtrans knows by an order id, payments, allocations, refunds."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from core.db import Json, UtcDateTime, merchant_table, reference
from payments.channels import CHANNELS
from payments.method_kinds import KINDS

# Written into checks in a fixed order: a new channel is a migration.
CHANNEL_KEYS = "({})".format(",".join(f"'{key}'" for key in sorted(CHANNELS)))
METHOD_KINDS = "({})".format(",".join(f"'{key}'" for key in KINDS))
LINKED_KINDS = "({})".format(",".join(f"'{row.key}'" for row in KINDS.values() if row.linked))

payment_methods = merchant_table(
    "payment_methods",
    Column("external_id", Text),
    Column("customer_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    # The customer's order, smallest first; of equals the one saved first.
    Column("rank", Integer, nullable=False, server_default="0"),
    Column("token_sealed", LargeBinary),
    Column("token_hash", LargeBinary),
    Column("masked", Text),
    Column("brand", Text),
    Column("bank", Text),
    Column("expires_at", UtcDateTime),
    Column("ended_because", Text),
    Column("metadata", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcDateTime, nullable=False),
    # Of an account that is linked at the gateway: where its holder agrees, until it is decided,
    # and when (business time) that is asked about at the latest; when (machine time) it is asked
    # about next. Its token is the account's id, kept until the gateway says that the link is over.
    Column("link_sealed", LargeBinary),
    Column("link_expires_at", UtcDateTime),
    Column("next_at", UtcDateTime),
    Column("polls", Integer, nullable=False, server_default="0"),
    reference("customer_id", "customers"),
    UniqueConstraint("merchant_id", "external_id"),
    # What names a method names its customer too: a card of another one can not be charged.
    UniqueConstraint("merchant_id", "customer_id", "id"),
    CheckConstraint("rank >= 0", name="rank"),
    CheckConstraint(f"kind IN {METHOD_KINDS}", name="kind"),
    CheckConstraint("state IN ('pending','active','ended')", name="state"),
    CheckConstraint("state <> 'active' OR token_sealed IS NOT NULL", name="token"),
    # A linked account is asked about as long as it is, or may be, linked.
    CheckConstraint(
        f"next_at IS NOT NULL = (kind IN {LINKED_KINDS} AND (state <> 'ended' "
        "OR token_sealed IS NOT NULL))",
        name="watched",
    ),
    CheckConstraint(
        "state = 'pending' OR (link_sealed IS NULL AND link_expires_at IS NULL)", name="link"
    ),
    Index("ix_payment_methods_customer", "merchant_id", "customer_id"),
    Index("ix_payment_methods_token", "merchant_id", "token_hash"),
    Index("ix_payment_methods_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_payment_methods_link", "link_expires_at"),
)

# How a merchant lets its customers pay; what has no row is switched off. ``fee`` and ``limits``
# override the published ones (`payments.fees`, `payments.limits`).
merchant_channels = merchant_table(
    "merchant_channels",
    Column("channel", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("fee", Json),
    Column("limits", Json),
    # Of a hosted page: cards are entered there and nowhere else.
    Column("takes_cards", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("merchant_id", "channel"),
    CheckConstraint(f"channel IN {CHANNEL_KEYS}", name="channel"),
    CheckConstraint("rank BETWEEN 0 AND 999", name="rank"),
)

OPEN_STATES = "('created','sent','unknown','pending')"
HELD, WISHES = "('authorized','challenge')", "('capture','approve','deny')"

# One row for everything Midtrans knows by an order id: an attempt (we pull), an instrument (the
# customer pushes) or a check (a small authorisation that saves a card and is cancelled again).
payment_orders = merchant_table(
    "payment_orders",
    Column("kind", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("invoice_id", Uuid),
    Column("payment_method_id", Uuid),
    Column("channel", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("initiated_by", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("state", Text, nullable=False),
    # Machine time: leases, polling and back-off never follow a test clock.
    Column("sends", Integer, nullable=False, server_default="0"),
    Column("polls", Integer, nullable=False, server_default="0"),
    Column("first_sent_at", UtcDateTime),
    Column("last_sent_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("next_at", UtcDateTime),
    # A send whose answer was lost: it may still arrive, whatever a later send was told.
    Column("in_doubt", Boolean, nullable=False, server_default=text("false")),
    # Business time.
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("expires_at", UtcDateTime),
    # Nobody can choose on a hosted page any more from here on.
    Column("page_until", UtcDateTime),
    Column("abandoning", Boolean, nullable=False, server_default=text("false")),
    Column("attested", Boolean, nullable=False, server_default=text("false")),
    Column("transaction_id", Text),
    Column("code", Text),
    Column("decline_class", Text),
    Column("reason", Text),
    # A card that is held and not charged, or that the fraud desk looks at: what the gateway holds,
    # what a person wants done with it, and how much of a hold is taken.
    Column("authorize_only", Boolean, nullable=False, server_default=text("false")),
    Column("held", Text),
    Column("wish", Text),
    Column("capture_amount", BigInteger),
    Column("capture_rest", Text),
    # What the payer needs: redirect_url, bank, va_number.
    Column("instructions", Json, nullable=False, server_default=text("'{}'")),
    # What the call needs and must be the same on every send; sealed where it holds a token.
    Column("request_sealed", LargeBinary),
    Column("answer", Json),
    reference("customer_id", "customers"),
    reference("invoice_id", "invoices"),
    reference("payment_method_id", "payment_methods", within="customer_id"),
    UniqueConstraint("merchant_id", "order_id"),
    CheckConstraint("kind IN ('attempt','instrument','check')", name="kind"),
    CheckConstraint("(kind = 'check') = (invoice_id IS NULL)", name="invoice"),
    CheckConstraint(f"channel IN {CHANNEL_KEYS}", name="channel"),
    CheckConstraint("initiated_by IN ('customer','merchant')", name="initiated_by"),
    CheckConstraint("state IN ('created','sent','unknown','pending','paid','failed','review',"
                    "'reversed')", name="state"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("(channel = 'snap') = (page_until IS NOT NULL)", name="page_until"),
    CheckConstraint("length(order_id) <= 36", name="order_id"),
    CheckConstraint(f"held IS NULL OR held IN {HELD} AND state = 'pending'", name="held"),
    CheckConstraint(f"wish IS NULL OR wish IN {WISHES} AND state = 'pending'", name="wish"),
    CheckConstraint("capture_amount > 0 AND capture_amount <= amount", name="capture_amount"),
    CheckConstraint("capture_rest IN ('due','credit')", name="capture_rest"),
    CheckConstraint("capture_amount IS NULL OR authorize_only", name="captured_hold"),
    CheckConstraint(
        "state <> 'paid' OR NOT authorize_only OR capture_amount IS NOT NULL", name="hold_paid"
    ),
    # No network call without a committed row that says when it was first made.
    CheckConstraint("state IN ('created','failed') OR first_sent_at IS NOT NULL", name="sent"),
    CheckConstraint(f"state IN {OPEN_STATES} OR next_at IS NULL", name="next_at"),
    CheckConstraint(f"state NOT IN {OPEN_STATES} OR next_at IS NOT NULL", name="watched"),
    # At most one pull is open for an invoice: the wall against charging twice.
    Index("uq_payment_orders_one_open_attempt", "merchant_id", "invoice_id", unique=True,
          postgresql_where=text(f"kind = 'attempt' AND state IN {OPEN_STATES}")),
    Index("uq_payment_orders_one_open_va", "merchant_id", "invoice_id", "channel", unique=True,
          postgresql_where=text(f"kind = 'instrument' AND state IN {OPEN_STATES}")),
    Index("ix_payment_orders_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    # Somebody waits in front of a page: these go out first.
    Index("ix_payment_orders_person", "merchant_id", "next_at", postgresql_where=text(
        "state = 'created' AND initiated_by = 'customer' AND kind <> 'instrument'")),
    Index("ix_payment_orders_expiring", "expires_at",
          postgresql_where=text("state = 'pending' AND expires_at IS NOT NULL")),
    Index("ix_payment_orders_invoice", "merchant_id", "invoice_id", "n"),
    Index("ix_payment_orders_transaction", "merchant_id", "transaction_id"),
    Index("ix_payment_orders_opened_at", "merchant_id", "opened_at", "id"),
)  # fmt: skip

# Every step an order took, in the order it took them. Never edited.
payment_order_steps = merchant_table(
    "payment_order_steps",
    Column("payment_order_id", Uuid, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("business_at", UtcDateTime, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("answer", Json),
    reference("payment_order_id", "payment_orders"),
    Index("ix_payment_order_steps_order", "merchant_id", "payment_order_id", "at"),
)

# Money the gateway took for us.
payments = merchant_table(
    "payments",
    Column("payment_order_id", Uuid, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("transaction_id", Text),
    Column("channel", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("refunded_amount", BigInteger, nullable=False, server_default="0"),
    # What the card's bank took back of a payment that otherwise stands.
    Column("charged_back_amount", BigInteger, nullable=False, server_default="0"),
    Column("status", Text, nullable=False),
    Column("paid_at", UtcDateTime, nullable=False),
    Column("settled_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    reference("payment_order_id", "payment_orders"),
    reference("customer_id", "customers"),
    UniqueConstraint("merchant_id", "order_id"),
    CheckConstraint("status IN ('captured','settled','canceled','reversed')", name="status"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("refunded_amount BETWEEN 0 AND amount", name="refunded"),
    CheckConstraint("charged_back_amount BETWEEN 0 AND amount", name="charged_back"),
    Index("ix_payments_customer", "merchant_id", "customer_id", "paid_at"),
)

# Which money settled which invoice: a payment, the customer's balance; negative undoes.
allocations = merchant_table(
    "allocations",
    Column("invoice_id", Uuid, nullable=False),
    Column("payment_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    reference("invoice_id", "invoices"),
    reference("payment_id", "payments"),
    CheckConstraint("kind IN ('payment','balance','reversal')", name="kind"),
    CheckConstraint("(kind = 'balance') = (payment_id IS NULL)", name="payment"),
    CheckConstraint("(kind = 'reversal') = (amount < 0)", name="amount"),
    Index("ix_allocations_invoice", "merchant_id", "invoice_id"),
    Index("ix_allocations_payment", "merchant_id", "payment_id"),
)

refunds = merchant_table(
    "refunds",
    Column("payment_id", Uuid, nullable=False),
    # The invoice whose money goes back and its credit note; neither where it settled no invoice.
    Column("invoice_id", Uuid),
    Column("credit_note_id", Uuid),
    Column("refund_key", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", Text, nullable=False, server_default="IDR"),
    Column("reason", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", UtcDateTime),
    Column("sends", Integer, nullable=False, server_default="0"),
    Column("polls", Integer, nullable=False, server_default="0"),
    Column("first_sent_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("next_at", UtcDateTime),
    Column("requested_by", Text, nullable=False),
    Column("approved_by", Text),
    Column("payee", Json),
    Column("proof", Text),
    Column("code", Text),
    Column("answer", Json),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("bank_confirmed_at", UtcDateTime),
    reference("payment_id", "payments"),
    reference("invoice_id", "invoices"),
    reference("credit_note_id", "credit_notes"),
    UniqueConstraint("merchant_id", "refund_key"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("route IN ('cancel','refund','manual')", name="route"),
    # A key that we made says its amount: Midtrans repeats a key whatever the amount says.
    CheckConstraint(
        "refund_key !~ '^[a-z2-7]{28}-[0-9]+-r[0-9]+-[0-9]+$' "
        "OR right(refund_key, length(amount::text) + 1) = '-' || amount",
        name="refund_key",
    ),
    CheckConstraint("(invoice_id IS NULL) = (credit_note_id IS NULL)", name="source"),
    CheckConstraint(
        "state IN ('refund_scheduled','created','sent','unknown','awaiting_approval',"
        "'awaiting_transfer','succeeded','failed')",
        name="state",
    ),
    CheckConstraint("(state = 'refund_scheduled') = (due_at IS NOT NULL)", name="due_at"),
    CheckConstraint(
        "(state IN ('created','sent','unknown')) = (next_at IS NOT NULL)", name="next_at"
    ),
    CheckConstraint("approved_by IS NULL OR approved_by <> requested_by", name="second_person"),
    Index("ix_refunds_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_refunds_scheduled", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index("ix_refunds_payment", "merchant_id", "payment_id"),
)

# What is remembered of a merchant's calls to the gateway: one row, shared by all processes. Machine
# time only; see `payments.budget`.
gateway_budgets = merchant_table(
    "gateway_budgets",
    Column("state", Json, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# What Midtrans told us, as it came. The body is never edited; only what became of it is noted.
notifications = merchant_table(
    "notifications",
    Column("dedupe_key", LargeBinary, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text),
    Column("received_at", UtcDateTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("signature_ok", Boolean, nullable=False),
    Column("body", Json, nullable=False),
    # For protocols whose signature covers them (ADR 0017): a few headers, and the bytes as they
    # came, sealed because they hold tokens.
    Column("headers", Json, nullable=False, server_default=text("'{}'")),
    Column("raw_sealed", LargeBinary),
    Column("copies", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("outcome", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("next_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    UniqueConstraint("merchant_id", "dedupe_key"),
    CheckConstraint("state IN ('new','done','refused')", name="state"),
    CheckConstraint("(state = 'new') = (next_at IS NOT NULL)", name="next_at"),
    Index("ix_notifications_due", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_notifications_order", "merchant_id", "order_id"),
)

# What a person at the merchant should look at: amounts that differ, orders nobody knows.
reviews = merchant_table(
    "reviews",
    Column("kind", Text, nullable=False),
    Column("subject_kind", Text, nullable=False),
    Column("subject_id", Uuid, nullable=False),
    Column("detail", Json, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Text),
    Column("resolution", Text),
    UniqueConstraint("merchant_id", "kind", "subject_id"),
    Index(
        "ix_reviews_open", "merchant_id", "opened_at", postgresql_where=text("closed_at IS NULL")
    ),
)
