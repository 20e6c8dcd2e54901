"""The way to pay that a customer wants on his invoices, before the merchant's own order.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alembic import context, op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_KEYS = (
    "alfamart", "bca_va", "bni_va", "bri_va", "cimb_va", "indomaret", "mandiri_bill", "permata_va",
)  # fmt: skip


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    keys = ", ".join(f"'{key}'" for key in _KEYS)
    op.execute(
        "ALTER TABLE customers ADD COLUMN preferred_channel text, "
        "ADD CONSTRAINT ck_customers_preferred_channel "
        f"CHECK (preferred_channel IN ({keys}))"
    )
    op.execute(f"GRANT SELECT (preferred_channel) ON customers TO {prefix}_reader")


def downgrade() -> None:
    op.execute("ALTER TABLE customers DROP COLUMN preferred_channel")
