"""Tax points: what each payment made owed, by which rules; filled from the books so far.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE tax_points (
    merchant_id UUID NOT NULL,
    id UUID NOT NULL,
    invoice_id UUID NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    tax_on DATE NOT NULL,
    gross_amount BIGINT NOT NULL,
    waited_amount BIGINT NOT NULL,
    owed_amount BIGINT NOT NULL,
    terms JSONB NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_tax_points PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_tax_points_merchant_id_invoice_id FOREIGN KEY (merchant_id, invoice_id)
        REFERENCES invoices (merchant_id, id),
    CONSTRAINT uq_tax_points_merchant_id_invoice_id_n UNIQUE (merchant_id, invoice_id, n),
    CONSTRAINT uq_tax_points_merchant_id_invoice_id_kind_source
        UNIQUE (merchant_id, invoice_id, kind, source),
    CONSTRAINT ck_tax_points_kind
        CHECK (kind IN ('issue','payment','balance','credit','reversal')),
    CONSTRAINT ck_tax_points_n CHECK (n >= 1),
    CONSTRAINT fk_tax_points_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants (merchant_id)
)
"""

_WALLS = """
ALTER TABLE tax_points ENABLE ROW LEVEL SECURITY;
ALTER TABLE tax_points FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON tax_points TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON tax_points FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON tax_points TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON tax_points TO {app};
GRANT SELECT (merchant_id, id, invoice_id, n, kind, source, tax_on, gross_amount, waited_amount,
    owed_amount, terms, at) ON tax_points TO {reader};
"""

# Until now a payment took its share of what waited, by the rules of the invoice: what the books
# say became owed is what waited. A journal's key is the invoice and, behind a colon, the source.
_FILL = """
INSERT INTO tax_points (merchant_id, id, invoice_id, n, kind, source, tax_on, gross_amount,
    waited_amount, owed_amount, terms, at)
SELECT merchant_id, gen_random_uuid(), invoice_id,
    row_number() OVER (PARTITION BY merchant_id, invoice_id ORDER BY at, place, source),
    kind, source, tax_on, gross, tax, tax, terms, at
FROM (
    SELECT i.merchant_id, i.id AS invoice_id, 0 AS place, 'issue' AS kind, 'issue' AS source,
        i.issued_on AS tax_on, i.total_amount AS gross, i.tax_amount AS tax,
        i.issued_at AS at, i.tax AS stated
    FROM invoices i JOIN merchants m ON m.merchant_id = i.merchant_id
    WHERE i.status <> 'draft' AND i.total_amount > 0 AND (
        EXISTS (SELECT 1 FROM journals j JOIN postings p
            ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
            WHERE j.merchant_id = i.merchant_id AND j.kind = 'invoice_issued'
                AND j.key = i.id::text AND p.account = 'output_vat')
        OR (i.tax_amount = 0 AND m.tax_point = 'on_issue' AND i.tax_point_on = i.issued_on))
    UNION ALL
    SELECT j.merchant_id, i.id, 1,
        CASE WHEN j.kind = 'tax_point_reversed' THEN 'reversal'
            WHEN split_part(j.key, ':', 2) = 'balance' THEN 'balance'
            WHEN c.id IS NOT NULL THEN 'credit' ELSE 'payment' END,
        split_part(j.key, ':', 2), j.occurred_on,
        CASE WHEN c.id IS NOT NULL THEN 0
            ELSE coalesce(a.amount, 0) * CASE WHEN j.kind = 'tax_point_reversed' THEN -1 ELSE 1 END
            END,
        -p.amount, j.occurred_at, i.tax
    FROM journals j
    JOIN postings p ON p.merchant_id = j.merchant_id AND p.journal_id = j.id
        AND p.account = 'output_vat'
    JOIN invoices i ON i.merchant_id = j.merchant_id AND i.id = j.subject_id
    LEFT JOIN credit_notes c ON c.merchant_id = j.merchant_id
        AND c.id::text = split_part(j.key, ':', 2)
    LEFT JOIN LATERAL (
        SELECT sum(a.amount) AS amount FROM allocations a
        LEFT JOIN payments y ON y.merchant_id = a.merchant_id AND y.id = a.payment_id
        WHERE a.merchant_id = i.merchant_id AND a.invoice_id = i.id AND (
            (a.kind = 'payment' AND y.order_id = split_part(j.key, ':', 2))
            OR (a.kind = 'balance' AND split_part(j.key, ':', 2) = 'balance'))
    ) a ON true
    WHERE j.kind IN ('tax_became_due', 'tax_point_reversed')
) found
CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(key, value) AS terms FROM jsonb_each(found.stated)
    WHERE key IN ('code', 'mode', 'statutory', 'base_factor', 'rounding', 'valid_from')
) named
WHERE named.terms IS NOT NULL
"""


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    op.execute(_TABLE)
    op.execute("ALTER TABLE credit_notes ADD COLUMN tax JSONB")
    walls = _WALLS.replace("{owner}", owner)
    for name in ("app", "reader"):
        walls = walls.replace("{" + name + "}", f"{prefix}_{name}")
    op.execute(walls)
    op.execute(f"GRANT SELECT (tax) ON credit_notes TO {prefix}_reader")
    op.execute(_FILL)


def downgrade() -> None:
    op.execute("ALTER TABLE credit_notes DROP COLUMN tax")
    op.execute("DROP TABLE tax_points")
