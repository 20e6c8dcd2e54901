"""The spine: merchants and their walls, catalogue, billing, documents, money, dunning, books.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from pathlib import Path

from alembic import context, op
from sqlalchemy import text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HERE = Path(__file__).parent


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for part in ("20261121_1000_spine.sql", "20261121_1000_spine_walls.sql"):
        sql = (HERE / part).read_text(encoding="utf-8")
        for name in ("app", "lookup", "reader"):
            sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
        op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def downgrade() -> None:
    op.execute(
        """
        DO $$
        DECLARE name text;
        BEGIN
            FOR name IN SELECT tablename FROM pg_tables
                WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
            LOOP
                EXECUTE format('DROP TABLE %I CASCADE', name);
            END LOOP;
            FOR name IN SELECT proname FROM pg_proc
                WHERE pronamespace = current_schema()::regnamespace AND proname LIKE 'tagihan%'
            LOOP
                EXECUTE format('DROP FUNCTION %I() CASCADE', name);
            END LOOP;
        END $$
        """
    )
