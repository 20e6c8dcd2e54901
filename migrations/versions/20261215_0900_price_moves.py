"""Moves of subscribers to another version of a price, and what each of them was told.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import text

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE price_moves (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    from_price_id uuid NOT NULL,
    to_price_id uuid NOT NULL,
    not_before date NOT NULL,
    notice_days integer NOT NULL,
    state text NOT NULL,
    done_through uuid,
    made_by text NOT NULL,
    created_at timestamptz NOT NULL,
    undone_by text,
    undone_at timestamptz,
    CONSTRAINT pk_price_moves PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_price_moves_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_price_moves_merchant_id_from_price_id
        FOREIGN KEY (merchant_id, from_price_id) REFERENCES prices (merchant_id, id),
    CONSTRAINT fk_price_moves_merchant_id_to_price_id
        FOREIGN KEY (merchant_id, to_price_id) REFERENCES prices (merchant_id, id),
    CONSTRAINT ck_price_moves_to_price_id CHECK (from_price_id <> to_price_id),
    CONSTRAINT ck_price_moves_notice_days CHECK (notice_days BETWEEN 0 AND 365),
    CONSTRAINT ck_price_moves_state
        CHECK (state IN ('running','announced','undoing','undone')),
    CONSTRAINT ck_price_moves_undone CHECK (
        (undone_at IS NULL) = (state IN ('running','announced'))
        AND (undone_at IS NULL) = (undone_by IS NULL))
);
CREATE INDEX ix_price_moves_at_work ON price_moves (merchant_id)
    WHERE state IN ('running','undoing');

CREATE TABLE price_move_members (
    merchant_id uuid NOT NULL,
    id uuid NOT NULL,
    move_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    change_id uuid,
    excepted text,
    effective_on date,
    quantity integer,
    amount bigint,
    old_total bigint,
    new_total bigint,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_price_move_members PRIMARY KEY (merchant_id, id),
    CONSTRAINT fk_price_move_members_merchant_id FOREIGN KEY (merchant_id) REFERENCES merchants,
    CONSTRAINT fk_price_move_members_merchant_id_move_id
        FOREIGN KEY (merchant_id, move_id) REFERENCES price_moves (merchant_id, id),
    CONSTRAINT fk_price_move_members_merchant_id_subscription_id
        FOREIGN KEY (merchant_id, subscription_id) REFERENCES subscriptions (merchant_id, id),
    CONSTRAINT fk_price_move_members_merchant_id_change_id
        FOREIGN KEY (merchant_id, change_id) REFERENCES subscription_changes (merchant_id, id),
    CONSTRAINT uq_price_move_members_merchant_id_move_id_subscription_id
        UNIQUE (merchant_id, move_id, subscription_id),
    CONSTRAINT ck_price_move_members_excepted
        CHECK ((change_id IS NULL) = (excepted IS NOT NULL)),
    CONSTRAINT ck_price_move_members_announced CHECK (
        change_id IS NULL OR (effective_on IS NOT NULL AND quantity >= 1 AND amount >= 0
        AND old_total >= 0 AND new_total >= 0))
);
CREATE INDEX ix_price_move_members_change ON price_move_members (merchant_id, change_id);

-- What a customer was told is never edited.
CREATE FUNCTION tagihan_freeze_move_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was announced is never edited' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER price_move_members_frozen BEFORE UPDATE OR DELETE ON price_move_members
    FOR EACH ROW EXECUTE FUNCTION tagihan_freeze_move_member();

-- The scheduler sees whose move is at work.
GRANT SELECT (merchant_id, state) ON price_moves TO {lookup};
CREATE POLICY lookup ON price_moves FOR SELECT TO {lookup} USING (true);
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

# Fails while a customer waits for what he was told of.
_DOWN = """
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM price_move_members m JOIN subscription_changes c
               ON c.merchant_id = m.merchant_id AND c.id = m.change_id
               WHERE c.state = 'scheduled') THEN
        RAISE EXCEPTION 'subscribers wait for what they were told: undo the move first';
    END IF;
END $$;
DROP TABLE price_move_members;
DROP TABLE price_moves;
DROP FUNCTION tagihan_freeze_move_member();
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
    for table in ("price_moves", "price_move_members"):
        _run(_WALL, table)
    _run("GRANT SELECT, INSERT, UPDATE ON price_moves TO {app}")
    _run("GRANT SELECT, INSERT ON price_move_members TO {app}")


def downgrade() -> None:
    _run(_DOWN)
