"""Seals of the audit trail: a chain made outside the business transactions.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE audit_unsealed (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT pk_audit_unsealed PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_audit_unsealed_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants
);
CREATE INDEX ix_audit_unsealed_at ON audit_unsealed (merchant_id, at, id);

CREATE TABLE audit_seals (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    place bigint NOT NULL,
    digest bytea NOT NULL,
    hash bytea NOT NULL,
    key_id text NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT pk_audit_seals PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_audit_seals_merchant_id_place UNIQUE (merchant_id, place),
    CONSTRAINT ck_audit_seals_place CHECK (place > 0),
    CONSTRAINT ck_audit_seals_lengths CHECK (
        octet_length(digest) = 32 AND octet_length(hash) = 32 AND octet_length(mac) = 32),
    CONSTRAINT fk_audit_seals_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_audit_seals_merchant_id_id FOREIGN KEY (merchant_id, id) REFERENCES audit
);
CREATE TRIGGER audit_seals_frozen BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

CREATE TABLE audit_anchors (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    first_place bigint NOT NULL,
    last_place bigint NOT NULL,
    hash bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    key_id text NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT pk_audit_anchors PRIMARY KEY (merchant_id, id),
    CONSTRAINT uq_audit_anchors_merchant_id_last_place UNIQUE (merchant_id, last_place),
    CONSTRAINT ck_audit_anchors_places CHECK (first_place > 0 AND last_place >= first_place),
    CONSTRAINT ck_audit_anchors_lengths CHECK (octet_length(hash) = 32 AND octet_length(mac) = 32),
    CONSTRAINT fk_audit_anchors_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants
);
CREATE TRIGGER audit_anchors_frozen BEFORE UPDATE OR DELETE ON audit_anchors
    FOR EACH ROW EXECUTE FUNCTION tagihan_refuse_edit();

-- A row names itself in its own transaction: rows of a transaction that commits late are not missed,
-- and no transaction waits for the chain.
CREATE FUNCTION tagihan_audit_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (merchant_id, id, at) SELECT merchant_id, id, at FROM arrived;
    RETURN NULL;
END $$;

-- What is there already is sealed from now on, in the order of its time.
INSERT INTO audit_unsealed (merchant_id, id, at) SELECT merchant_id, id, at FROM audit;

CREATE TRIGGER audit_waits AFTER INSERT ON audit REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION tagihan_audit_waits();

GRANT SELECT, INSERT, DELETE ON audit_unsealed TO {app};
GRANT SELECT, INSERT ON audit_seals, audit_anchors TO {app};
GRANT SELECT ON audit_unsealed, audit_seals, audit_anchors TO {reader};
GRANT SELECT (merchant_id) ON audit_unsealed TO {lookup};
CREATE POLICY lookup ON audit_unsealed FOR SELECT TO {lookup} USING (true);
"""

_WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY merchant_wall ON {table} TO {app}
    USING (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid)
    WITH CHECK (merchant_id = nullif(current_setting('tagihan.merchant_id', true), '')::uuid);
CREATE POLICY reader ON {table} FOR SELECT TO {reader} USING (true);
CREATE POLICY owner ON {table} TO {owner} USING (true) WITH CHECK (true);
"""

_DOWN = """
DROP TRIGGER audit_waits ON audit;
DROP FUNCTION tagihan_audit_waits();
DROP TABLE audit_anchors;
DROP TABLE audit_seals;
DROP TABLE audit_unsealed;
"""


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    owner = op.get_bind().execute(text("SELECT quote_ident(current_user)")).scalar_one()
    for name in ("app", "lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.get_bind().exec_driver_sql(sql.replace("{owner}", owner).replace("%", "%%"))


def upgrade() -> None:
    _run(_UP)
    for table in ("audit_unsealed", "audit_seals", "audit_anchors"):
        _run(_WALL.replace("{table}", table))


def downgrade() -> None:
    _run(_DOWN)
