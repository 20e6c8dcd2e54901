"""Discounts with codes, to whom they were given, and what they took off a line.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE invoice_lines ADD COLUMN discount_amount bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_invoice_lines_discount_amount
        CHECK (discount_amount >= 0 AND (discount_amount = 0 OR amount >= 0));
GRANT SELECT (discount_amount) ON invoice_lines TO {reader};

CREATE TABLE discounts (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    name jsonb NOT NULL,
    basis_points integer,
    amount bigint,
    duration text NOT NULL,
    count integer,
    plan_ids jsonb,
    new_customers boolean NOT NULL DEFAULT false,
    minimum_amount bigint NOT NULL DEFAULT 0,
    starts_at timestamptz,
    ends_at timestamptz,
    max_redemptions integer,
    per_customer integer NOT NULL DEFAULT 1,
    redeemed integer NOT NULL DEFAULT 0,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    stopped_at timestamptz,
    stopped_by text,
    CONSTRAINT pk_discounts PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_discounts_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT uq_discounts_merchant_id_code UNIQUE (merchant_id, code),
    CONSTRAINT ck_discounts_code CHECK (code ~ '^[A-Z0-9][A-Z0-9_-]{1,39}$'),
    CONSTRAINT ck_discounts_takes CHECK ((basis_points IS NULL) <> (amount IS NULL)),
    CONSTRAINT ck_discounts_basis_points CHECK (basis_points BETWEEN 1 AND 10000),
    CONSTRAINT ck_discounts_amount CHECK (amount > 0),
    CONSTRAINT ck_discounts_duration
        CHECK (duration IN ('once','periods','months','forever')),
    CONSTRAINT ck_discounts_count CHECK (
        (duration IN ('periods','months')) = (count IS NOT NULL)
        AND (count IS NULL OR count BETWEEN 1 AND 120)),
    CONSTRAINT ck_discounts_minimum_amount CHECK (minimum_amount >= 0),
    CONSTRAINT ck_discounts_window CHECK (starts_at < ends_at),
    CONSTRAINT ck_discounts_max_redemptions CHECK (max_redemptions > 0),
    CONSTRAINT ck_discounts_per_customer CHECK (per_customer BETWEEN 1 AND 1000),
    CONSTRAINT ck_discounts_redeemed CHECK (
        redeemed >= 0 AND (max_redemptions IS NULL OR redeemed <= max_redemptions)),
    CONSTRAINT ck_discounts_stopped CHECK ((stopped_at IS NULL) = (stopped_by IS NULL))
);

CREATE TABLE discount_grants (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    discount_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    place integer NOT NULL,
    nth integer NOT NULL,
    since date NOT NULL,
    ends_on date,
    made_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_by text,
    released_at timestamptz,
    CONSTRAINT pk_discount_grants PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_discount_grants_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_discount_grants_merchant_id_discount_id
        FOREIGN KEY (merchant_id, discount_id) REFERENCES discounts (merchant_id, id),
    CONSTRAINT fk_discount_grants_merchant_id_customer_id
        FOREIGN KEY (merchant_id, customer_id) REFERENCES customers (merchant_id, id),
    CONSTRAINT fk_discount_grants_merchant_id_subscription_id
        FOREIGN KEY (merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
    CONSTRAINT ck_discount_grants_ends_on CHECK (ends_on IS NULL OR ends_on >= since),
    CONSTRAINT ck_discount_grants_places CHECK (nth >= 1 AND place >= 1)
);
CREATE UNIQUE INDEX uq_discount_grants_nth
    ON discount_grants (merchant_id, discount_id, customer_id, nth) WHERE released_at IS NULL;
CREATE UNIQUE INDEX uq_discount_grants_once
    ON discount_grants (merchant_id, subscription_id, discount_id) WHERE released_at IS NULL;

-- What a discount takes, from whom and how long is never edited: its counter and its end are.
CREATE FUNCTION tagihan_freeze_discount() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    living CONSTANT text[] := ARRAY['redeemed', 'stopped_at', 'stopped_by', 'name'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - living <> to_jsonb(OLD) - living THEN
        RAISE EXCEPTION 'a discount is never edited: stop it and make another'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER discounts_frozen BEFORE UPDATE OR DELETE ON discounts
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_discount();
"""

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON {table} TO {app};
GRANT SELECT ON {table} TO {reader};
"""

# Fails while a line has a discount: its amount would stand without the reason.
_DOWN = """
ALTER TABLE invoice_lines ADD CONSTRAINT undiscounted CHECK (discount_amount = 0);
DROP TABLE discount_grants;
DROP TABLE discounts;
DROP FUNCTION tagihan_freeze_discount();
ALTER TABLE invoice_lines DROP CONSTRAINT undiscounted, DROP COLUMN discount_amount;
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
    for table in ("discounts", "discount_grants"):
        _run(_WALL, table)


def downgrade() -> None:
    _run(_DOWN)
