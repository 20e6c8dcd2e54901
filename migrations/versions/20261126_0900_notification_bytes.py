"""Notifications with the headers and the bytes that a signature may cover.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    op.execute(
        "ALTER TABLE notifications ADD COLUMN headers jsonb DEFAULT '{}' NOT NULL, "
        "ADD COLUMN raw_sealed bytea"
    )
    op.execute(f"GRANT SELECT (headers) ON notifications TO {prefix}_reader")


def downgrade() -> None:
    op.execute("ALTER TABLE notifications DROP COLUMN headers, DROP COLUMN raw_sealed")
