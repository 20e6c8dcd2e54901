"""Usage: meters, metered parts of prices, events, sums by the day, and what was billed of them.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE usage_events (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    subscription_id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL,
    day date NOT NULL,
    properties jsonb NOT NULL,
    corrects_id uuid,
    is_void boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL,
    CONSTRAINT pk_usage_events PRIMARY KEY (merchant_id, id),
    CONSTRAINT ck_usage_events_is_void CHECK (NOT is_void OR corrects_id IS NOT NULL)
);
CREATE INDEX ix_usage_events_day ON usage_events (merchant_id, subscription_id, day);
CREATE UNIQUE INDEX uq_usage_events_corrected_once ON usage_events (merchant_id, corrects_id)
    WHERE corrects_id IS NOT NULL;
CREATE TRIGGER usage_events_frozen BEFORE UPDATE OR DELETE ON usage_events
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

CREATE TABLE meters (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    code text NOT NULL,
    version integer NOT NULL,
    name jsonb NOT NULL,
    event_name text NOT NULL,
    aggregation text NOT NULL,
    field text,
    filters jsonb NOT NULL DEFAULT '[]',
    late text NOT NULL DEFAULT 'next_invoice',
    late_days integer NOT NULL DEFAULT 35,
    counts_from bigint NOT NULL DEFAULT nextval('usage_events_seq_seq'),
    counts_to bigint,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT pk_meters PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_meters_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT uq_meters_merchant_id_code_version UNIQUE (merchant_id, code, version),
    CONSTRAINT ck_meters_code CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,63}$'),
    CONSTRAINT ck_meters_aggregation
        CHECK (aggregation IN ('count','sum','max','last','unique','weighted_sum')),
    CONSTRAINT ck_meters_field CHECK ((aggregation = 'count') = (field IS NULL)),
    CONSTRAINT ck_meters_late CHECK (late IN ('next_invoice','refuse')),
    CONSTRAINT ck_meters_late_days CHECK (late_days BETWEEN 1 AND 366),
    CONSTRAINT ck_meters_counts_to CHECK (counts_to IS NULL OR retired_at IS NOT NULL)
);
CREATE INDEX ix_meters_event_name ON meters (merchant_id, event_name);
CREATE FUNCTION tagihan_freeze_meter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - 'retired_at' - 'counts_to'
        <> to_jsonb(OLD) - 'retired_at' - 'counts_to' OR OLD.counts_to IS NOT NULL THEN
        RAISE EXCEPTION 'a meter is never edited: make a new version' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER meters_frozen BEFORE UPDATE OR DELETE ON meters
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_meter();

CREATE TABLE usage_prices (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    price_id uuid NOT NULL,
    position integer NOT NULL,
    name jsonb NOT NULL,
    meter_id uuid NOT NULL,
    model text NOT NULL,
    model_terms jsonb NOT NULL,
    zero text NOT NULL DEFAULT 'omit',
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_usage_prices PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_usage_prices_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_usage_prices_merchant_id_price_id
        FOREIGN KEY (merchant_id, price_id) REFERENCES prices (merchant_id, id),
    CONSTRAINT fk_usage_prices_merchant_id_meter_id
        FOREIGN KEY (merchant_id, meter_id) REFERENCES meters (merchant_id, id),
    CONSTRAINT uq_usage_prices_merchant_id_price_id_position UNIQUE (merchant_id, price_id, position),
    CONSTRAINT ck_usage_prices_position CHECK (position >= 1),
    CONSTRAINT ck_usage_prices_model
        CHECK (model IN ('per_unit','graduated','volume','package','percentage')),
    CONSTRAINT ck_usage_prices_zero CHECK (zero IN ('omit','show'))
);
CREATE INDEX ix_usage_prices_meter ON usage_prices (merchant_id, meter_id);
CREATE TRIGGER usage_prices_frozen BEFORE UPDATE OR DELETE ON usage_prices
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

CREATE TABLE usage_days (
    merchant_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    meter_id uuid NOT NULL,
    day date NOT NULL,
    events bigint NOT NULL,
    total numeric NOT NULL DEFAULT 0,
    moment numeric NOT NULL DEFAULT 0,
    top numeric,
    last_value numeric,
    last_at timestamptz,
    last_seq bigint,
    CONSTRAINT pk_usage_days PRIMARY KEY (merchant_id, subscription_id, meter_id, day),
    CONSTRAINT ck_usage_days_events CHECK (events >= 0)
) WITH (fillfactor = 70);

CREATE TABLE usage_values (
    merchant_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    meter_id uuid NOT NULL,
    day date NOT NULL,
    value text NOT NULL,
    CONSTRAINT pk_usage_values PRIMARY KEY (merchant_id, subscription_id, meter_id, day, value)
);

CREATE TABLE usage_closings (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    item_id uuid NOT NULL,
    usage_price_id uuid NOT NULL,
    meter_id uuid NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    n integer NOT NULL,
    events bigint NOT NULL,
    quantity text NOT NULL,
    below_zero text NOT NULL DEFAULT '0',
    amount bigint NOT NULL,
    added bigint NOT NULL,
    invoice_id uuid,
    closed_at timestamptz NOT NULL,
    CONSTRAINT pk_usage_closings PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_usage_closings_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_usage_closings_merchant_id_subscription_id
        FOREIGN KEY (merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
    CONSTRAINT fk_usage_closings_merchant_id_item_id
        FOREIGN KEY (merchant_id, item_id) REFERENCES subscription_items (merchant_id, id),
    CONSTRAINT fk_usage_closings_merchant_id_usage_price_id
        FOREIGN KEY (merchant_id, usage_price_id) REFERENCES usage_prices (merchant_id, id),
    CONSTRAINT fk_usage_closings_merchant_id_invoice_id
        FOREIGN KEY (merchant_id, invoice_id) REFERENCES invoices (merchant_id, id),
    CONSTRAINT uq_usage_closings_once
        UNIQUE (merchant_id, item_id, usage_price_id, period_start, n),
    CONSTRAINT ck_usage_closings_period CHECK (period_start < period_end),
    CONSTRAINT ck_usage_closings_not_negative CHECK (n >= 0 AND events >= 0 AND amount >= 0),
    CONSTRAINT ck_usage_closings_invoice_id CHECK (added = 0 OR invoice_id IS NOT NULL)
);
CREATE INDEX ix_usage_closings_subscription
    ON usage_closings (merchant_id, subscription_id, period_end);
CREATE TRIGGER usage_closings_frozen BEFORE UPDATE OR DELETE ON usage_closings
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

ALTER TABLE invoice_lines DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind
        CHECK (kind IN ('recurring','stub','credit','charge','usage','setup','one_off'));

GRANT SELECT, INSERT ON usage_events, usage_prices, usage_closings TO {app};
GRANT SELECT, INSERT, UPDATE ON meters, usage_days TO {app};
GRANT SELECT, INSERT, DELETE ON usage_values TO {app};
GRANT DELETE ON usage_days TO {app};
GRANT USAGE ON SEQUENCE usage_events_seq_seq TO {app};
GRANT SELECT ON meters, usage_events, usage_prices, usage_days, usage_values, usage_closings
    TO {reader};
"""

_TABLES = (
    "meters", "usage_prices", "usage_events", "usage_days", "usage_values", "usage_closings",
)  # fmt: skip
_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
"""

# Fails while usage is billed: its lines would have no kind.
_DOWN = """
ALTER TABLE invoice_lines DROP CONSTRAINT ck_invoice_lines_kind,
    ADD CONSTRAINT ck_invoice_lines_kind
        CHECK (kind IN ('recurring','stub','credit','charge','setup','one_off'));
DROP TABLE usage_closings;
DROP TABLE usage_values;
DROP TABLE usage_days;
DROP TABLE usage_prices;
DROP TABLE meters;
DROP FUNCTION tagihan_freeze_meter();
DROP TABLE usage_events;
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)
    for table in _TABLES:
        _run(_WALL.replace("{table}", table))


def downgrade() -> None:
    _run(_DOWN)
