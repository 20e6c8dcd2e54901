"""Who is at telling a verdict is noted, so that of many schedulers one mails the alarm.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from alembic import context, op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    connection = op.get_bind()
    connection.exec_driver_sql("ALTER TABLE verdicts ADD COLUMN telling_at timestamptz")
    connection.exec_driver_sql(f"GRANT UPDATE (telling_at) ON verdicts TO {prefix}_app")


def downgrade() -> None:
    op.drop_column("verdicts", "telling_at")
