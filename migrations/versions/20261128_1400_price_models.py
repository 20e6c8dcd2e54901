"""Prices by tiers, packages and amounts finer than a rupiah, with their terms as data.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from alembic import context, op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_MODELS = ("flat", "fixed", "per_unit", "graduated", "volume", "package")


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    models = ", ".join(f"'{model}'" for model in _MODELS)
    op.execute(
        "ALTER TABLE prices "
        "ADD COLUMN model_terms jsonb NOT NULL DEFAULT '{}', "
        "DROP CONSTRAINT ck_prices_model, "
        f"ADD CONSTRAINT ck_prices_model CHECK (model IN ({models})), "
        "ADD CONSTRAINT ck_prices_model_terms "
        "CHECK ((model = 'flat') = (model_terms = '{}'::jsonb))"
    )
    op.execute(f"GRANT SELECT (model_terms) ON prices TO {prefix}_reader")


def downgrade() -> None:
    op.execute(
        "ALTER TABLE prices "
        "DROP CONSTRAINT ck_prices_model_terms, "
        "DROP CONSTRAINT ck_prices_model, "
        "ADD CONSTRAINT ck_prices_model CHECK (model IN ('flat')), "
        "DROP COLUMN model_terms"
    )
