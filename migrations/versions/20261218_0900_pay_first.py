"""Upgrades that wait to be paid: an invoice that is an offer, a change that is pending.

Whoever is there already keeps what he has: his upgrades are done first and charged afterwards.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

from alembic import context, op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE merchants ADD COLUMN upgrade_policy text DEFAULT 'apply_first' NOT NULL;
ALTER TABLE merchants ALTER COLUMN upgrade_policy SET DEFAULT 'pay_first',
    ADD CONSTRAINT ck_merchants_upgrade_policy
        CHECK (upgrade_policy IN ('pay_first','apply_first'));

ALTER TABLE invoices ADD COLUMN is_offer boolean DEFAULT false NOT NULL;
ALTER TABLE invoices ADD CONSTRAINT ck_invoices_is_offer CHECK (NOT is_offer
    OR (kind = 'change' AND status IN ('open','void')
        AND paid_amount = 0 AND credited_amount = 0));

ALTER TABLE subscriptions ADD COLUMN upgrade_until date;
ALTER TABLE subscriptions ADD CONSTRAINT ck_subscriptions_upgrade_until
    CHECK (upgrade_until IS NULL OR status IN ('active','past_due'));

ALTER TABLE subscription_changes
    DROP CONSTRAINT ck_subscription_changes_state,
    ADD CONSTRAINT ck_subscription_changes_state
        CHECK (state IN ('scheduled','pending','applied','replaced','lapsed')),
    ADD CONSTRAINT ck_subscription_changes_pending
        CHECK (state <> 'pending' OR invoice_id IS NOT NULL);
CREATE UNIQUE INDEX uq_subscription_changes_one_pending
    ON subscription_changes (merchant_id, subscription_id) WHERE state = 'pending';

GRANT SELECT (upgrade_until) ON subscriptions TO {reader};
GRANT SELECT (is_offer) ON invoices TO {reader};
GRANT SELECT (upgrade_policy) ON merchants TO {reader};
"""

# What an issued invoice may still become. An offer is one until it is paid, and never again.
_FROZEN = """
CREATE OR REPLACE FUNCTION tagihan_freeze_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living CONSTANT text[] := ARRAY['status', 'paid_amount', 'credited_amount', 'due_amount', 'paid_at',
        'paid_on', 'closed_at', 'collect_at', 'tax_point_on', 'payment_method_id', 'metadata', 'collection'{offer}];
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.status = 'draft' THEN RETURN OLD; END IF;
        RAISE EXCEPTION 'an issued invoice is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.status = 'draft' THEN RETURN NEW; END IF;
    IF to_jsonb(NEW) - living <> to_jsonb(OLD) - living{accepted} THEN
        RAISE EXCEPTION 'invoice % is issued: correct it by a credit note', OLD.number
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('open', 'paid'), ('open', 'void'), ('open', 'uncollectible'), ('uncollectible', 'paid'), ('paid', 'open')
    ) THEN
        RAISE EXCEPTION 'an invoice can not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""
_ACCEPTED = """
        OR (NEW.is_offer <> OLD.is_offer AND NOT (OLD.is_offer AND NEW.status = 'paid'))"""

# Fails while an upgrade waits for its payment.
_DOWN = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM subscription_changes WHERE state = 'pending') THEN
        RAISE EXCEPTION 'upgrades wait to be paid: let them come to their end first';
    END IF;
END $$;
DROP INDEX uq_subscription_changes_one_pending;
UPDATE subscription_changes SET state = 'replaced' WHERE state = 'lapsed';
ALTER TABLE subscription_changes
    DROP CONSTRAINT ck_subscription_changes_pending,
    DROP CONSTRAINT ck_subscription_changes_state,
    ADD CONSTRAINT ck_subscription_changes_state
        CHECK (state IN ('scheduled','applied','replaced'));
ALTER TABLE subscriptions DROP COLUMN upgrade_until;
ALTER TABLE invoices DROP COLUMN is_offer;
ALTER TABLE merchants DROP COLUMN upgrade_policy;
"""


def upgrade() -> None:
    _run(_UP)
    _freeze(", 'is_offer'", _ACCEPTED)


def downgrade() -> None:
    _freeze("", "")
    _run(_DOWN)


def _freeze(offer: str, accepted: str) -> None:
    op.execute(_FROZEN.replace("{offer}", offer).replace("{accepted}", accepted))


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    op.execute(sql.replace("{reader}", f"{prefix}_reader"))
