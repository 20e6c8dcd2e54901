"""What a card's bank took back of a payment that otherwise stands.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    op.execute(
        "ALTER TABLE payments ADD COLUMN charged_back_amount bigint DEFAULT 0 NOT NULL, "
        "ADD CONSTRAINT ck_payments_charged_back "
        "CHECK (charged_back_amount BETWEEN 0 AND amount)"
    )
    op.execute(f"GRANT SELECT (charged_back_amount) ON payments TO {prefix}_reader")


def downgrade() -> None:
    op.execute("ALTER TABLE payments DROP COLUMN charged_back_amount")
