"""Hosted pages: until when somebody can choose on one, and whether cards are entered there alone.

No order of such a page was ever written before; should one have come in after a restore, it is taken
as open for a day from when it was noted, which was its longest.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    op.execute("ALTER TABLE payment_orders ADD COLUMN page_until timestamptz")
    op.execute(
        "UPDATE payment_orders SET page_until = opened_at + interval '1 day' WHERE channel = 'snap'"
    )
    op.execute(
        "ALTER TABLE payment_orders ADD CONSTRAINT ck_payment_orders_page_until "
        "CHECK ((channel = 'snap') = (page_until IS NOT NULL))"
    )
    op.execute(
        "ALTER TABLE merchant_channels ADD COLUMN takes_cards boolean DEFAULT false NOT NULL"
    )
    op.execute(f"GRANT SELECT (page_until) ON payment_orders TO {prefix}_reader")


def downgrade() -> None:
    op.execute("ALTER TABLE merchant_channels DROP COLUMN takes_cards")
    op.execute(
        "ALTER TABLE payment_orders DROP CONSTRAINT ck_payment_orders_page_until, "
        "DROP COLUMN page_until"
    )
