"""Reconciliation with the gateway: its reports, what differs, and the daily questions about orders.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from pathlib import Path

from alembic import context, op
from sqlalchemy import text

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = (
    "settlement_files", "settlement_rows", "differences", "difference_steps", "status_sweeps",
)  # fmt: skip

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    here = Path(__file__)
    _run(here.with_suffix(".sql").read_text(encoding="utf-8"))
    for table in _TABLES:
        _run(_WALL.replace("{table}", table))


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute("DROP FUNCTION tagihan_freeze_settlement_row()")
    op.execute("DROP FUNCTION tagihan_freeze_difference()")
