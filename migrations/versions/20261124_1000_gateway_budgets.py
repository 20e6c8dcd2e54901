"""One budget of gateway calls a merchant, and bells that are not to be heard before an instant.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE gateway_budgets (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    state jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_gateway_budgets PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_gateway_budgets_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants
);
ALTER TABLE gateway_budgets ENABLE ROW LEVEL SECURITY;
ALTER TABLE gateway_budgets FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON gateway_budgets TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON gateway_budgets FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON gateway_budgets TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON gateway_budgets TO {app};
GRANT SELECT ON gateway_budgets TO {reader};

ALTER TABLE jobs ADD COLUMN not_before timestamptz;

CREATE INDEX ix_payment_orders_person ON payment_orders (merchant_id, next_at)
    WHERE state = 'created' AND initiated_by = 'customer' AND kind <> 'instrument';
"""

_DOWN = """
DROP INDEX ix_payment_orders_person;
ALTER TABLE jobs DROP COLUMN not_before;
DROP TABLE gateway_budgets;
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
