"""Lots of a balance, what was used of each, top-ups, and what a merchant says of both.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE merchants
    ADD COLUMN credit_notice_days integer DEFAULT 7 NOT NULL,
    ADD COLUMN top_up_days integer,
    ADD CONSTRAINT ck_merchants_credit_notice_days CHECK (credit_notice_days BETWEEN 0 AND 90),
    ADD CONSTRAINT ck_merchants_top_up_days CHECK (top_up_days BETWEEN 1 AND 3650);

ALTER TABLE balance_entries
    DROP CONSTRAINT ck_balance_entries_kind,
    ADD CONSTRAINT ck_balance_entries_kind CHECK (kind IN ('overpaid','credited','applied',
        'refunded','reversed','topped_up','granted','restored','expired'));

ALTER TABLE invoices
    DROP CONSTRAINT ck_invoices_kind,
    DROP CONSTRAINT ck_invoices_period,
    DROP CONSTRAINT ck_invoices_subscription,
    ADD CONSTRAINT ck_invoices_kind CHECK (kind IN ('period','change','one_off','top_up')),
    ADD CONSTRAINT ck_invoices_period
        CHECK ((kind IN ('one_off','top_up')) = (period_start IS NULL)),
    ADD CONSTRAINT ck_invoices_subscription CHECK (kind = 'one_off'
        OR (kind = 'top_up') = (subscription_id IS NULL));

ALTER TABLE invoice_lines
    DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind CHECK (
        kind IN ('recurring','stub','credit','charge','usage','setup','one_off','top_up'));

CREATE TABLE balance_lots (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    currency text DEFAULT 'IDR' NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    at timestamptz NOT NULL,
    expires_at timestamptz,
    reason text,
    next_at timestamptz,
    told_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT pk_balance_lots PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_balance_lots_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_balance_lots_merchant_id_customer_id
        FOREIGN KEY (merchant_id, customer_id) REFERENCES customers (merchant_id, id),
    CONSTRAINT fk_balance_lots_merchant_id_entry_id
        FOREIGN KEY (merchant_id, entry_id) REFERENCES balance_entries (merchant_id, id),
    CONSTRAINT ck_balance_lots_kind CHECK (kind IN ('money','promotional')),
    CONSTRAINT ck_balance_lots_amount CHECK (amount > 0),
    CONSTRAINT ck_balance_lots_expires_at CHECK (expires_at >= at),
    CONSTRAINT ck_balance_lots_next_at CHECK (expires_at IS NOT NULL OR next_at IS NULL)
);
CREATE INDEX ix_balance_lots_customer ON balance_lots (merchant_id, customer_id, at);
CREATE INDEX ix_balance_lots_entry ON balance_lots (merchant_id, entry_id);
CREATE INDEX ix_balance_lots_next ON balance_lots (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE balance_uses (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    entry_id uuid NOT NULL,
    lot_id uuid NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT pk_balance_uses PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_balance_uses_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_balance_uses_merchant_id_entry_id
        FOREIGN KEY (merchant_id, entry_id) REFERENCES balance_entries (merchant_id, id),
    CONSTRAINT fk_balance_uses_merchant_id_lot_id
        FOREIGN KEY (merchant_id, lot_id) REFERENCES balance_lots (merchant_id, id),
    CONSTRAINT uq_balance_uses_merchant_id_entry_id_lot_id UNIQUE (merchant_id, entry_id, lot_id),
    CONSTRAINT ck_balance_uses_amount CHECK (amount > 0)
);
CREATE INDEX ix_balance_uses_lot ON balance_uses (merchant_id, lot_id);

-- What is held today came as paid money, and was used in the order in which it came: each entry is
-- a stretch on the customer's line of rupiah, and a use is where two stretches meet.
INSERT INTO balance_lots (merchant_id, id, customer_id, entry_id, currency, kind, amount, at)
    SELECT merchant_id, md5('lot:' || id)::uuid, customer_id, id, currency, 'money', amount, at
    FROM balance_entries WHERE amount > 0;
INSERT INTO balance_uses (merchant_id, id, entry_id, lot_id, amount)
    WITH stretch AS (
        SELECT merchant_id, customer_id, currency, id, amount > 0 AS came, abs(amount) AS amount,
            sum(abs(amount)) OVER (PARTITION BY merchant_id, customer_id, currency, amount > 0
                ORDER BY at, id) AS upto
        FROM balance_entries
    )
    SELECT g.merchant_id, md5('use:' || g.id || ':' || c.id)::uuid, g.id,
        md5('lot:' || c.id)::uuid,
        least(g.upto, c.upto) - greatest(g.upto - g.amount, c.upto - c.amount)
    FROM stretch g JOIN stretch c USING (merchant_id, customer_id, currency)
    WHERE NOT g.came AND c.came
        AND least(g.upto, c.upto) > greatest(g.upto - g.amount, c.upto - c.amount);

CREATE FUNCTION tagihan_freeze_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'next_at' - 'told_at' - 'ended_at'
            <> to_jsonb(OLD) - 'next_at' - 'told_at' - 'ended_at' THEN
        RAISE EXCEPTION 'a lot is never edited' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER balance_lots_frozen BEFORE UPDATE OR DELETE ON balance_lots
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_lot();
CREATE TRIGGER balance_uses_frozen BEFORE UPDATE OR DELETE ON balance_uses
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

CREATE FUNCTION tagihan_lots_not_overdrawn() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT l.id, l.amount - sum(u.amount) AS remains INTO bad
        FROM (SELECT DISTINCT merchant_id, lot_id FROM arrived) a
        JOIN balance_lots l ON l.merchant_id = a.merchant_id AND l.id = a.lot_id
        JOIN balance_uses u ON u.merchant_id = l.merchant_id AND u.lot_id = l.id
        GROUP BY l.merchant_id, l.id, l.amount HAVING sum(u.amount) > l.amount LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'lot % would hold %', bad.id, bad.remains USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER balance_uses_within_lot AFTER INSERT ON balance_uses REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION tagihan_lots_not_overdrawn();

-- The scheduler sees whose lot is due.
GRANT SELECT (merchant_id, next_at) ON balance_lots TO {lookup};
CREATE POLICY lookup ON balance_lots FOR SELECT TO {lookup} USING (true);
GRANT SELECT (credit_notice_days, top_up_days) ON merchants TO {reader};
"""

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT ON {table} TO {reader};
"""

# Fails where credit was given or a balance was topped up: without lots both would be money.
_DOWN = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM balance_lots WHERE kind <> 'money' OR expires_at IS NOT NULL)
            OR EXISTS (SELECT 1 FROM invoices WHERE kind = 'top_up') THEN
        RAISE EXCEPTION 'there is credit that expires, or a balance that was topped up';
    END IF;
END $$;
DROP TABLE balance_uses;
DROP TABLE balance_lots;
DROP FUNCTION tagihan_lots_not_overdrawn();
DROP FUNCTION tagihan_freeze_lot();
ALTER TABLE invoice_lines
    DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind CHECK (
        kind IN ('recurring','stub','credit','charge','usage','setup','one_off'));
ALTER TABLE invoices
    DROP CONSTRAINT ck_invoices_kind,
    DROP CONSTRAINT ck_invoices_period,
    DROP CONSTRAINT ck_invoices_subscription,
    ADD CONSTRAINT ck_invoices_kind CHECK (kind IN ('period','change','one_off')),
    ADD CONSTRAINT ck_invoices_period CHECK ((kind = 'one_off') = (period_start IS NULL)),
    ADD CONSTRAINT ck_invoices_subscription
        CHECK (kind = 'one_off' OR subscription_id IS NOT NULL);
ALTER TABLE balance_entries
    DROP CONSTRAINT ck_balance_entries_kind,
    ADD CONSTRAINT ck_balance_entries_kind
        CHECK (kind IN ('overpaid','credited','applied','refunded','reversed'));
ALTER TABLE merchants DROP COLUMN credit_notice_days, DROP COLUMN top_up_days;
"""


def _run(sql: str, table: str = "") -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    sql = sql.replace("{owner}", owner).replace("{table}", table)
    op.get_bind().exec_driver_sql(sql.replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)
    for table in ("balance_lots", "balance_uses"):
        _run(_WALL, table)
    _run("GRANT SELECT, INSERT, UPDATE ON balance_lots TO {app}")
    _run("GRANT SELECT, INSERT ON balance_uses TO {app}")


def downgrade() -> None:
    _run(_DOWN)
