"""Linked wallets: a method whose secret is an account at the gateway, watched until it has ended.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import context, op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE payment_methods
    ADD COLUMN link_sealed bytea,
    ADD COLUMN link_expires_at timestamptz,
    ADD COLUMN next_at timestamptz,
    ADD COLUMN polls integer DEFAULT 0 NOT NULL,
    DROP CONSTRAINT ck_payment_methods_kind,
    ADD CONSTRAINT ck_payment_methods_kind CHECK (kind IN ('card', 'gopay')),
    ADD CONSTRAINT ck_payment_methods_watched CHECK (next_at IS NOT NULL =
        (kind IN ('gopay') AND (state <> 'ended' OR token_sealed IS NOT NULL))),
    ADD CONSTRAINT ck_payment_methods_link
        CHECK (state = 'pending' OR (link_sealed IS NULL AND link_expires_at IS NULL));

CREATE INDEX ix_payment_methods_token ON payment_methods (merchant_id, token_hash);
CREATE INDEX ix_payment_methods_due ON payment_methods (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ix_payment_methods_link ON payment_methods (link_expires_at);

CREATE POLICY lookup ON payment_methods FOR SELECT TO {lookup} USING (true);
GRANT SELECT (merchant_id, next_at, link_expires_at) ON payment_methods TO {lookup};
GRANT SELECT (link_expires_at, next_at, polls) ON payment_methods TO {reader};
"""

# Fails while a wallet is linked: history is not thrown away.
_DOWN = """
REVOKE SELECT (merchant_id) ON payment_methods FROM {lookup};
DROP POLICY lookup ON payment_methods;
DROP INDEX ix_payment_methods_token;
ALTER TABLE payment_methods
    DROP CONSTRAINT ck_payment_methods_kind,
    DROP CONSTRAINT ck_payment_methods_watched,
    DROP CONSTRAINT ck_payment_methods_link,
    DROP COLUMN link_sealed, DROP COLUMN link_expires_at, DROP COLUMN next_at, DROP COLUMN polls,
    ADD CONSTRAINT ck_payment_methods_kind CHECK (kind IN ('card'));
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    for name in ("lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.execute(sql)


def upgrade() -> None:
    _run(_UP)


def downgrade() -> None:
    _run(_DOWN)
