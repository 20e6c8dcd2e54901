"""Rows of reports: one payment's fee is booked once, whatever name a report gave it.

A payment that was told by order id and by transaction id was booked by each. Such doubles stay as
they are, for books are not edited: the second is marked, and a difference tells a person to book
the correction.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_FREEZE = """
CREATE OR REPLACE FUNCTION tagihan_freeze_settlement_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    later CONSTANT text[] := ARRAY['payment_id', 'refund_id', 'booked_key', 'same_as'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - later <> to_jsonb(OLD) - later
        OR (OLD.payment_id IS NOT NULL AND NEW.payment_id IS DISTINCT FROM OLD.payment_id)
        OR (OLD.refund_id IS NOT NULL AND NEW.refund_id IS DISTINCT FROM OLD.refund_id)
        OR (OLD.same_as IS NOT NULL AND NEW.same_as IS DISTINCT FROM OLD.same_as)
        OR (OLD.booked_key IS NOT NULL AND NEW.booked_key IS DISTINCT FROM OLD.booked_key) THEN
        RAISE EXCEPTION 'a row of a report is never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""
# The first that was imported stands; the others are marked and shown to a person.
_DOUBLES = """
WITH ranked AS (
    SELECT r.merchant_id, r.id, first_value(r.id) OVER told AS first, row_number() OVER told AS n
    FROM settlement_rows r
    JOIN settlement_files f ON f.merchant_id = r.merchant_id AND f.id = r.file_id
    WHERE r.kind = 'payment' AND r.booked_key IS NOT NULL AND r.payment_id IS NOT NULL
    WINDOW told AS (PARTITION BY r.merchant_id, r.payment_id ORDER BY f.closed_at, f.id, r.line)
), marked AS (
    UPDATE settlement_rows r SET same_as = x.first FROM ranked x
    WHERE x.n > 1 AND r.merchant_id = x.merchant_id AND r.id = x.id RETURNING r.*
), named AS (
    INSERT INTO differences (merchant_id, id, kind, key, severity, source, order_id, payment_id,
        row_id, file_id, day, ours, theirs, detail, found_at, state)
    SELECT merchant_id, gen_random_uuid(), 'duplicate_row', 'double:' || key, 'high', 'report',
        order_id, payment_id, id, file_id, day, NULL, gross,
        jsonb_build_object('line', line, 'fee', fee, 'ppn', ppn, 'booked', 'twice'), now(), 'open'
    FROM marked RETURNING merchant_id, id
)
INSERT INTO difference_steps (merchant_id, id, difference_id, n, at, business_at, actor, step, detail)
SELECT merchant_id, gen_random_uuid(), id, 1, now(), now(), 'system:migration', 'found', '{}'::jsonb
FROM named
"""
_INDEXES = """
CREATE UNIQUE INDEX uq_settlement_rows_booked_payment ON settlement_rows (merchant_id, payment_id)
    WHERE kind = 'payment' AND booked_key IS NOT NULL AND same_as IS NULL;
CREATE INDEX ix_settlement_rows_waiting ON settlement_rows (merchant_id, id)
    WHERE booked_key IS NULL AND same_as IS NULL AND kind IN ('payment','refund','chargeback');
CREATE INDEX ix_settlement_rows_payouts ON settlement_rows (merchant_id, day, gross)
    WHERE kind = 'payout';
CREATE INDEX ix_differences_row ON differences (merchant_id, row_id) WHERE row_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE settlement_rows
            ADD COLUMN same_as uuid,
            ADD CONSTRAINT fk_settlement_rows_merchant_id_same_as
                FOREIGN KEY (merchant_id, same_as) REFERENCES settlement_rows (merchant_id, id)
        """
    )
    op.execute(_FREEZE)
    op.execute(_DOUBLES)
    op.execute(_INDEXES)


def downgrade() -> None:
    op.execute("DROP INDEX ix_differences_row")
    op.execute(
        _FREEZE.replace(", 'same_as'", "").replace(
            "        OR (OLD.same_as IS NOT NULL AND NEW.same_as IS DISTINCT FROM OLD.same_as)\n",
            "",
        )
    )
    # The indexes go with their columns, but for those that name none of it.
    op.execute("DROP INDEX ix_settlement_rows_payouts")
    op.execute("ALTER TABLE settlement_rows DROP COLUMN same_as")
