"""Refunds of money that settled no invoice, and journals that point at their refund.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A journal's subject is a pointer, not a fact of the books: where a refund had been asked for
# under a key of the caller's, it was derived wrongly.
_POINT = """
ALTER TABLE journals DISABLE TRIGGER journals_frozen;
UPDATE journals j SET subject_id = r.id
FROM refunds r
WHERE j.kind = 'refund_paid' AND r.merchant_id = j.merchant_id AND r.refund_key = j.key
    AND j.subject_id <> r.id;
ALTER TABLE journals ENABLE TRIGGER journals_frozen;
"""


def upgrade() -> None:
    op.execute("ALTER TABLE refunds ALTER COLUMN invoice_id DROP NOT NULL")
    op.execute("ALTER TABLE refunds ALTER COLUMN credit_note_id DROP NOT NULL")
    op.execute(
        "ALTER TABLE refunds ADD CONSTRAINT ck_refunds_source "
        "CHECK ((invoice_id IS NULL) = (credit_note_id IS NULL))"
    )
    op.execute(_POINT)


def downgrade() -> None:
    # Without an invoice a refund can not be shown any more, so this fails while there is one.
    op.execute("ALTER TABLE refunds DROP CONSTRAINT ck_refunds_source")
    op.execute("ALTER TABLE refunds ALTER COLUMN credit_note_id SET NOT NULL")
    op.execute("ALTER TABLE refunds ALTER COLUMN invoice_id SET NOT NULL")
