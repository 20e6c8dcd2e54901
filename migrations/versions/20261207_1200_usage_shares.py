"""Shares of usage: for which part of a period a figure of a whole period is billed.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was billed before was billed whole, and is corrected as it was billed.
    op.execute(
        """
        ALTER TABLE usage_closings
            ADD COLUMN days integer,
            ADD COLUMN of_days integer,
            ADD CONSTRAINT ck_usage_closings_share CHECK (
                (days IS NULL) = (of_days IS NULL) AND days BETWEEN 1 AND of_days)
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE usage_closings DROP COLUMN days, DROP COLUMN of_days")
