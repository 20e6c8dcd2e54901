"""Recoveries: after a restore or a fail-over, what may have happened is kept apart from what did.

Numbers that may stand on papers of the lost time are never given again, and mail that may have been
sent waits for a person.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE recoveries (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    lost_from timestamptz NOT NULL,
    at timestamptz NOT NULL,
    business_at timestamptz NOT NULL,
    audit_head text,
    asked_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_recoveries PRIMARY KEY (merchant_id, id),
    CONSTRAINT ck_recoveries_kind CHECK (kind IN ('restored', 'failed_over')),
    CONSTRAINT ck_recoveries_lost CHECK (lost_from <= at),
    CONSTRAINT fk_recoveries_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants
);

CREATE TABLE number_gaps (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    recovery_id uuid NOT NULL,
    kind text NOT NULL,
    year integer NOT NULL,
    first_number bigint NOT NULL,
    last_number bigint NOT NULL,
    CONSTRAINT pk_number_gaps PRIMARY KEY (merchant_id, id),
    CONSTRAINT ck_number_gaps_kind CHECK (kind IN ('invoice', 'credit_note')),
    CONSTRAINT ck_number_gaps_numbers CHECK (first_number > 0 AND last_number >= first_number),
    CONSTRAINT fk_number_gaps_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_number_gaps_recovery_id FOREIGN KEY (merchant_id, recovery_id) REFERENCES recoveries
);
CREATE TRIGGER number_gaps_frozen BEFORE UPDATE OR DELETE ON number_gaps
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

ALTER TABLE messages DROP CONSTRAINT ck_messages_state;
ALTER TABLE messages ADD CONSTRAINT ck_messages_state
    CHECK (state IN ('queued', 'sending', 'sent', 'dropped', 'dead', 'held'));

-- Only who owns the tables begins a recovery: all processes of ours stand still then.
GRANT SELECT, UPDATE (asked_at, ended_at) ON recoveries TO {app};
GRANT SELECT ON number_gaps TO {app};
GRANT SELECT ON recoveries, number_gaps TO {reader};
"""

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
"""

_DOWN = """
UPDATE messages SET state = 'dropped' WHERE state = 'held';
ALTER TABLE messages DROP CONSTRAINT ck_messages_state;
ALTER TABLE messages ADD CONSTRAINT ck_messages_state
    CHECK (state IN ('queued', 'sending', 'sent', 'dropped', 'dead'));
DROP TABLE number_gaps;
DROP TABLE recoveries;
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)
    for table in ("recoveries", "number_gaps"):
        _run(_WALL.replace("{table}", table))


def downgrade() -> None:
    _run(_DOWN)
