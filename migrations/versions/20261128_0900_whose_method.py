"""A method pays only for the customer it belongs to, and customers order their methods.

Where a row names the method of another customer the migration stops, with nothing changed: a card
may have been charged for a stranger, and a person has to find out before anything is added to it.
The message says which rows; ``tagihan doctor`` says the same of orders.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = ("mandates", "subscriptions", "invoices", "payment_orders")

_STRANGERS = """
SELECT '{table} ' || t.id FROM {table} t JOIN payment_methods m
    ON m.merchant_id = t.merchant_id AND m.id = t.payment_method_id
WHERE m.customer_id <> t.customer_id ORDER BY t.id LIMIT 20
"""


def upgrade() -> None:
    strangers = [
        row
        for table in _TABLES
        for row in op.get_bind().execute(text(_STRANGERS.format(table=table))).scalars()
    ]
    if strangers:
        raise RuntimeError(
            "these rows name a payment method of another customer; see what was charged, set "
            f"their payment_method_id to NULL, and migrate again: {', '.join(strangers)}"
        )
    prefix = context.config.attributes["role_prefix"]
    # All ranks are equal at first: those are in the order of saving.
    op.execute(
        "ALTER TABLE payment_methods ADD COLUMN rank integer DEFAULT 0 NOT NULL, "
        "ADD CONSTRAINT ck_payment_methods_rank CHECK (rank >= 0), "
        "ADD CONSTRAINT uq_payment_methods_merchant_id_customer_id_id "
        "UNIQUE (merchant_id, customer_id, id)"
    )
    op.execute(f"GRANT SELECT (rank) ON payment_methods TO {prefix}_reader")
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} "
            f"DROP CONSTRAINT fk_{table}_merchant_id_payment_method_id, "
            f"ADD CONSTRAINT fk_{table}_merchant_id_customer_id_payment_method_id "
            "FOREIGN KEY (merchant_id, customer_id, payment_method_id) "
            "REFERENCES payment_methods (merchant_id, customer_id, id)"
        )


def downgrade() -> None:
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} "
            f"DROP CONSTRAINT fk_{table}_merchant_id_customer_id_payment_method_id, "
            f"ADD CONSTRAINT fk_{table}_merchant_id_payment_method_id "
            "FOREIGN KEY (merchant_id, payment_method_id) "
            "REFERENCES payment_methods (merchant_id, id)"
        )
    op.execute(
        "ALTER TABLE payment_methods "
        "DROP CONSTRAINT uq_payment_methods_merchant_id_customer_id_id, DROP COLUMN rank"
    )
