"""What a card order holds without having taken it, and what a person wants done with that.

``authorize_only``: asked for as a hold. ``held``: what the gateway says it holds. ``wish``: what
was decided about it and is not known to be done. ``capture_amount``: how much of the hold is, or
was, taken; ``capture_rest``: what becomes of the rest of its invoice.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_COLUMNS = ("authorize_only", "held", "wish", "capture_amount", "capture_rest")


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    op.execute(
        "ALTER TABLE payment_orders "
        "ADD COLUMN authorize_only boolean DEFAULT false NOT NULL, "
        "ADD COLUMN held text, ADD COLUMN wish text, "
        "ADD COLUMN capture_amount bigint, ADD COLUMN capture_rest text, "
        "ADD CONSTRAINT ck_payment_orders_held "
        "CHECK (held IS NULL OR held IN ('authorized','challenge') AND state = 'pending'), "
        "ADD CONSTRAINT ck_payment_orders_wish "
        "CHECK (wish IS NULL OR wish IN ('capture','approve','deny') AND state = 'pending'), "
        "ADD CONSTRAINT ck_payment_orders_capture_amount "
        "CHECK (capture_amount > 0 AND capture_amount <= amount), "
        "ADD CONSTRAINT ck_payment_orders_capture_rest CHECK (capture_rest IN ('due','credit'))"
    )
    op.execute(f"GRANT SELECT ({', '.join(_COLUMNS)}) ON payment_orders TO {prefix}_reader")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE payment_orders "
        + ", ".join(f"DROP COLUMN {name} CASCADE" for name in _COLUMNS)
    )
