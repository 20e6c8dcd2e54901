"""Guards of what was only looked for so far: when paid, what is open, holds, keys, refunds.

Where a row contradicts a guard the migration stops and nothing of it is kept: `tagihan doctor`
names such rows (paid-says-when, due-and-status-agree, holds-are-captured-once, issued-is-booked,
refund-keys-derived, refunds-within-payment).

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_PAID = "(status = 'paid') = (paid_at IS NOT NULL AND paid_on IS NOT NULL)"
_OPEN = "status <> 'open' OR total_amount > paid_amount + credited_amount"
_HOLD_PAID = "state <> 'paid' OR NOT authorize_only OR capture_amount IS NOT NULL"
_KEY = (
    "kind NOT IN ('invoice_issued','invoice_voided','credit_note_issued') OR key = subject_id::text"
)
_REFUND_KEY = (
    "refund_key !~ '^[a-z2-7]{28}-[0-9]+-r[0-9]+-[0-9]+$' "
    "OR right(refund_key, length(amount::text) + 1) = '-' || amount"
)
_CHECKS = {
    "invoices": {"paid_at": _PAID, "open": _OPEN},
    "payment_orders": {
        "captured_hold": "capture_amount IS NULL OR authorize_only",
        "hold_paid": _HOLD_PAID,
    },
    "journals": {"key": _KEY},
    "refunds": {"refund_key": _REFUND_KEY},
}
_WITHIN = """
CREATE FUNCTION tagihan_refunds_within_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE taken bigint; asked bigint;
BEGIN
    -- Whoever asks for another refund of it meanwhile waits here.
    SELECT amount - charged_back_amount INTO taken FROM payments
        WHERE merchant_id = NEW.merchant_id AND id = NEW.payment_id FOR NO KEY UPDATE;
    SELECT coalesce(sum(amount), 0) INTO asked FROM refunds
        WHERE merchant_id = NEW.merchant_id AND payment_id = NEW.payment_id AND state <> 'failed';
    IF asked > taken THEN
        RAISE EXCEPTION 'refunds of % are more than % that was taken', asked, taken
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refunds_within_payment AFTER INSERT ON refunds
    FOR EACH ROW EXECUTE FUNCTION tagihan_refunds_within_payment();
"""


def upgrade() -> None:
    connection = op.get_bind()
    for table, checks in _CHECKS.items():
        added = [f"ADD CONSTRAINT ck_{table}_{one} CHECK ({checks[one]})" for one in checks]
        # One pass over the rows for all checks of a table.
        connection.exec_driver_sql(f"ALTER TABLE {table} {', '.join(added)}")
    connection.exec_driver_sql(_WITHIN.replace("%", "%%"))


def downgrade() -> None:
    op.execute("DROP TRIGGER refunds_within_payment ON refunds")
    op.execute("DROP FUNCTION tagihan_refunds_within_payment()")
    for table, checks in reversed(_CHECKS.items()):
        for name in reversed(checks):
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
