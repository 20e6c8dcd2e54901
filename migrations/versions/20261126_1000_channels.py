"""Every way to pay: which channels a merchant offers, and orders of any channel.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEYS = (
    "akulaku", "alfamart", "bca_va", "bni_va", "bri_va", "card", "cimb_va", "dana", "gopay",
    "gopay_linked", "indomaret", "kredivo", "mandiri_bill", "ovo", "permata_va", "qris",
    "shopeepay", "snap",
)  # fmt: skip

_UP = """
ALTER TABLE payment_orders DROP CONSTRAINT ck_payment_orders_channel;
ALTER TABLE payment_orders ADD CONSTRAINT ck_payment_orders_channel CHECK (channel IN ({keys}));

CREATE TABLE merchant_channels (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel text NOT NULL,
    enabled boolean NOT NULL,
    rank integer NOT NULL,
    fee jsonb,
    limits jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_merchant_channels PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_merchant_channels_merchant_id_channel UNIQUE (merchant_id, channel),
    CONSTRAINT fk_merchant_channels_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT ck_merchant_channels_channel CHECK (channel IN ({keys})),
    CONSTRAINT ck_merchant_channels_rank CHECK (rank BETWEEN 0 AND 999)
);

ALTER TABLE merchant_channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE merchant_channels FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON merchant_channels TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON merchant_channels FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON merchant_channels TO {owner} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON merchant_channels TO {app};
GRANT SELECT ON merchant_channels TO {reader};
"""

# Fails while an order of a new channel is there: history is not thrown away.
_DOWN = """
DROP TABLE merchant_channels;
ALTER TABLE payment_orders DROP CONSTRAINT ck_payment_orders_channel;
ALTER TABLE payment_orders ADD CONSTRAINT ck_payment_orders_channel
    CHECK (channel IN ('card', 'bca_va'));
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    sql = sql.replace("{owner}", owner).replace("{keys}", ", ".join(f"'{key}'" for key in _KEYS))
    op.get_bind().exec_driver_sql(sql.replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)


def downgrade() -> None:
    _run(_DOWN)
