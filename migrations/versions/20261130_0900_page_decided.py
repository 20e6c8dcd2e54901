"""A page that a person calls failed is watched until it is over: an order may leave ``review`` so.

Only a hosted page has ``page_until``; every other order goes from ``review`` to an outcome.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_CLIMB = """
CREATE OR REPLACE FUNCTION tagihan_climb_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an order of the gateway is never deleted' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (NEW.order_id, NEW.amount, NEW.currency, NEW.kind, NEW.invoice_id, NEW.n)
        IS DISTINCT FROM (OLD.order_id, OLD.amount, OLD.currency, OLD.kind, OLD.invoice_id, OLD.n) THEN
        RAISE EXCEPTION 'what order %% asks for never changes', OLD.order_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('created', 'sent'), ('created', 'failed'), ('created', 'pending'), ('created', 'paid'),
        ('sent', 'created'), ('sent', 'unknown'), ('sent', 'pending'), ('sent', 'paid'), ('sent', 'failed'),
        ('unknown', 'sent'), ('unknown', 'pending'), ('unknown', 'paid'), ('unknown', 'failed'),
        ('pending', 'paid'), ('pending', 'failed'),
        ('failed', 'paid'), ('paid', 'reversed'),
        ('created', 'review'), ('sent', 'review'), ('unknown', 'review'), ('pending', 'review'),
        ('failed', 'review'), ('review', 'paid'), ('review', 'failed')
    ){page} THEN
        RAISE EXCEPTION 'order %% can not go from %% to %%', OLD.order_id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""
_PAGE = """ AND NOT (
        (OLD.state, NEW.state) = ('review', 'pending') AND NEW.abandoning AND OLD.page_until IS NOT NULL
    )"""


def upgrade() -> None:
    _write(_PAGE)


def downgrade() -> None:
    _write("")


def _write(page: str) -> None:
    op.get_bind().exec_driver_sql(_CLIMB.format(page=page))
