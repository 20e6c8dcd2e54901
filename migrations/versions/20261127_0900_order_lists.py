"""Lists of orders at the gateway, newest first, without sorting them all.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_payment_orders_opened_at", "payment_orders", ["merchant_id", "opened_at", "id"]
    )


def downgrade() -> None:
    op.drop_index("ix_payment_orders_opened_at", "payment_orders")
