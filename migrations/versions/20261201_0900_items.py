"""Several items on one subscription, setup fees, and prices of one customer's own.

Every subscription that is there keeps its one item, which is its first (``extra_id`` is null), and
so do its lines: no amount changes.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_FIRST = "coalesce(extra_id, '00000000-0000-0000-0000-000000000000'::uuid)"

_UP = f"""
ALTER TABLE subscription_items ADD COLUMN extra_id uuid,
    ADD CONSTRAINT fk_subscription_items_merchant_id_extra_id
        FOREIGN KEY (merchant_id, extra_id) REFERENCES subscription_items (merchant_id, id);
DROP INDEX uq_subscription_items_one_in_force;
CREATE UNIQUE INDEX uq_subscription_items_one_in_force
    ON subscription_items (merchant_id, subscription_id, {_FIRST}) WHERE ended_on IS NULL;

ALTER TABLE subscription_changes ADD COLUMN extra_id uuid,
    ADD CONSTRAINT fk_subscription_changes_merchant_id_extra_id
        FOREIGN KEY (merchant_id, extra_id) REFERENCES subscription_items (merchant_id, id),
    DROP CONSTRAINT ck_subscription_changes_kind,
    ADD CONSTRAINT ck_subscription_changes_kind CHECK (kind IN ('plan','cancel','item')),
    ADD CONSTRAINT ck_subscription_changes_extra_id
        CHECK ((kind = 'item') = (extra_id IS NOT NULL));

ALTER TABLE invoice_lines ADD COLUMN extra_id uuid,
    ADD CONSTRAINT fk_invoice_lines_merchant_id_extra_id
        FOREIGN KEY (merchant_id, extra_id) REFERENCES subscription_items (merchant_id, id),
    DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind
        CHECK (kind IN ('recurring','stub','credit','charge','setup','one_off'));

ALTER TABLE prices ADD COLUMN component jsonb,
    ADD COLUMN setup_amount bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT ck_prices_setup_amount CHECK (setup_amount >= 0);

CREATE TABLE price_overrides (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    customer_id uuid NOT NULL,
    price_id uuid NOT NULL,
    own_price_id uuid NOT NULL,
    name text NOT NULL,
    made_by text NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text,
    CONSTRAINT pk_price_overrides PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_price_overrides_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_price_overrides_merchant_id_customer_id
        FOREIGN KEY (merchant_id, customer_id) REFERENCES customers (merchant_id, id),
    CONSTRAINT fk_price_overrides_merchant_id_price_id
        FOREIGN KEY (merchant_id, price_id) REFERENCES prices (merchant_id, id),
    CONSTRAINT fk_price_overrides_merchant_id_own_price_id
        FOREIGN KEY (merchant_id, own_price_id) REFERENCES prices (merchant_id, id),
    CONSTRAINT ck_price_overrides_own_price_id CHECK (price_id <> own_price_id),
    CONSTRAINT ck_price_overrides_ended CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX uq_price_overrides_one_in_force
    ON price_overrides (merchant_id, customer_id, price_id) WHERE ended_at IS NULL;
CREATE INDEX ix_price_overrides_own ON price_overrides (merchant_id, own_price_id);

ALTER TABLE price_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_overrides FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON price_overrides TO {{app}}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON price_overrides FOR SELECT TO {{reader}} USING (true);
CREATE POLICY owner ON price_overrides TO {{owner}} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON price_overrides TO {{app}};
GRANT SELECT ON price_overrides TO {{reader}};
GRANT SELECT (extra_id) ON subscription_items TO {{reader}};
GRANT SELECT (extra_id) ON subscription_changes TO {{reader}};
GRANT SELECT (extra_id) ON invoice_lines TO {{reader}};
GRANT SELECT (component, setup_amount) ON prices TO {{reader}};
"""

# Fails while a second item is there: what was billed for it would stand for the first one.
_DOWN = """
DROP TABLE price_overrides;
ALTER TABLE prices DROP COLUMN component, DROP COLUMN setup_amount;
DROP INDEX uq_subscription_items_one_in_force;
CREATE UNIQUE INDEX uq_subscription_items_one_in_force
    ON subscription_items (merchant_id, subscription_id) WHERE ended_on IS NULL;
ALTER TABLE subscription_changes DROP CONSTRAINT ck_subscription_changes_kind,
    ADD CONSTRAINT ck_subscription_changes_kind CHECK (kind IN ('plan','cancel'));
ALTER TABLE subscription_changes DROP COLUMN extra_id;
ALTER TABLE invoice_lines DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind
        CHECK (kind IN ('recurring','stub','credit','charge','one_off'));
ALTER TABLE invoice_lines DROP COLUMN extra_id;
ALTER TABLE subscription_items DROP COLUMN extra_id;
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)


def downgrade() -> None:
    _run(_DOWN)
