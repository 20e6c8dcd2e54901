"""Verdicts: what the doctor and the walk along the audit found, kept night by night.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE verdicts (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    night timestamptz NOT NULL,
    at timestamptz NOT NULL,
    version text NOT NULL,
    rules integer NOT NULL,
    broken jsonb NOT NULL,
    warnings jsonb NOT NULL,
    trail jsonb NOT NULL,
    clean boolean NOT NULL,
    milliseconds integer NOT NULL,
    told_at timestamptz,
    CONSTRAINT pk_verdicts PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_verdicts_merchant_id_night UNIQUE (merchant_id, night),
    CONSTRAINT ck_verdicts_clean CHECK (clean = (broken = '[]'::jsonb AND trail = '[]'::jsonb)),
    CONSTRAINT ck_verdicts_figures CHECK (rules > 0 AND milliseconds >= 0),
    CONSTRAINT fk_verdicts_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants
);
-- Only when it was told may be noted afterwards.
CREATE TRIGGER verdicts_frozen BEFORE DELETE OR UPDATE OF merchant_id, id, night, at, version, rules,
    broken, warnings, trail, clean, milliseconds ON verdicts
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

ALTER TABLE verdicts ENABLE ROW LEVEL SECURITY;
ALTER TABLE verdicts FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON verdicts TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON verdicts FOR SELECT TO {reader} USING (true);
CREATE POLICY lookup ON verdicts FOR SELECT TO {lookup} USING (true);
CREATE POLICY owner ON verdicts TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE (told_at) ON verdicts TO {app};
GRANT SELECT ON verdicts TO {reader};
GRANT SELECT (merchant_id, night, at, clean) ON verdicts TO {lookup};
"""


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    sql = _UP.replace("{owner}", owner)
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql)


def downgrade() -> None:
    op.drop_table("verdicts")
