"""Counters of tries, an end for idempotency keys, a window for refunds by hand.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE rate_counters (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    hits integer NOT NULL,
    wait_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_rate_counters PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_rate_counters_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT ck_rate_counters_hits CHECK (hits > 0)
);
CREATE INDEX ix_rate_counters_expires_at ON rate_counters (expires_at);

ALTER TABLE rate_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON rate_counters TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON rate_counters FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON rate_counters TO {owner} USING (true) WITH CHECK (true);
CREATE POLICY lookup ON rate_counters FOR SELECT TO {lookup} USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_counters TO {app};
GRANT SELECT ON rate_counters TO {reader};
GRANT SELECT (merchant_id, expires_at) ON rate_counters TO {lookup};

ALTER TABLE idempotency_keys ADD COLUMN expires_at timestamptz;
UPDATE idempotency_keys SET expires_at = created_at + interval '30 days'
    WHERE response_status IS NOT NULL;
ALTER TABLE idempotency_keys ADD CONSTRAINT ck_idempotency_keys_expires_at
    CHECK (expires_at IS NULL OR response_status IS NOT NULL);
CREATE INDEX ix_idempotency_keys_expires_at ON idempotency_keys (expires_at)
    WHERE expires_at IS NOT NULL;
-- Whatever a query says: what has no answer yet is not deleted.
CREATE POLICY answered_only ON idempotency_keys AS RESTRICTIVE FOR DELETE TO {app}
    USING (response_status IS NOT NULL AND expires_at IS NOT NULL);
CREATE POLICY lookup ON idempotency_keys FOR SELECT TO {lookup} USING (true);
GRANT DELETE ON idempotency_keys TO {app};
GRANT SELECT (expires_at) ON idempotency_keys TO {reader};
GRANT SELECT (merchant_id, expires_at) ON idempotency_keys TO {lookup};

CREATE INDEX ix_staff_sessions_expires_at ON staff_sessions (expires_at);
GRANT DELETE ON staff_sessions TO {app};

ALTER TABLE merchants ADD COLUMN refund_approval_days integer NOT NULL DEFAULT 30;
ALTER TABLE merchants ADD CONSTRAINT ck_merchants_refund_approval_days
    CHECK (refund_approval_days BETWEEN 1 AND 3650);
GRANT SELECT (refund_approval_days) ON merchants TO {reader};

-- A process asks whether it and the database are of one version.
GRANT SELECT ON alembic_version TO {lookup};
"""

_DOWN = """
REVOKE SELECT ON alembic_version FROM {lookup};
ALTER TABLE merchants DROP COLUMN refund_approval_days;
REVOKE DELETE ON staff_sessions FROM {app};
DROP INDEX ix_staff_sessions_expires_at;
DROP POLICY lookup ON idempotency_keys;
DROP POLICY answered_only ON idempotency_keys;
REVOKE DELETE ON idempotency_keys FROM {app};
REVOKE SELECT (merchant_id) ON idempotency_keys FROM {lookup};
ALTER TABLE idempotency_keys DROP COLUMN expires_at;
DROP TABLE rate_counters;
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)


def downgrade() -> None:
    _run(_DOWN)
