"""When a coming charge is announced: before a trial ends and before a long period is renewed.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A subscription whose announcement would have been due already is announced late, if the charge
# has not come: that is what the worker looks at.
_UP = """
ALTER TABLE merchants
    ADD COLUMN trial_notice_days integer DEFAULT 7 NOT NULL,
    ADD COLUMN renewal_notice_days integer DEFAULT 30 NOT NULL,
    ADD CONSTRAINT ck_merchants_trial_notice_days CHECK (trial_notice_days BETWEEN 0 AND 60),
    ADD CONSTRAINT ck_merchants_renewal_notice_days CHECK (renewal_notice_days BETWEEN 0 AND 90);

ALTER TABLE subscriptions
    ADD COLUMN trial_notice_days integer DEFAULT 7 NOT NULL,
    ADD COLUMN renewal_notice_days integer DEFAULT 30 NOT NULL,
    ADD COLUMN noticed_for date,
    ADD CONSTRAINT ck_subscriptions_trial_notice_days CHECK (trial_notice_days BETWEEN 0 AND 60),
    ADD CONSTRAINT ck_subscriptions_renewal_notice_days
        CHECK (renewal_notice_days BETWEEN 0 AND 90);

ALTER TABLE subscriptions ADD COLUMN notice_at timestamptz GENERATED ALWAYS AS (
CASE
    WHEN noticed_for = current_end OR billed_through > current_end OR cancel_on <= current_end
        OR (collection = 'invoice' AND current_end - lead_days <= current_start)
        THEN NULL
    WHEN status = 'trialing' AND trial_notice_days > 0 THEN timezone(billing_zone, least(
        greatest(current_end - trial_notice_days,
            current_start + (current_end - current_start) / 2),
        CASE WHEN collection = 'invoice' THEN current_end - lead_days - 1 END) + time '09:00')
    WHEN status IN ('active', 'past_due') AND renewal_notice_days > 0 AND interval_count >=
        CASE interval_unit WHEN 'year' THEN 1 WHEN 'month' THEN 12 WHEN 'week' THEN 52 ELSE 365 END
        THEN timezone(billing_zone, least(
            greatest(current_end - renewal_notice_days, current_start),
            CASE WHEN collection = 'invoice' THEN current_end - lead_days - 1 END) + time '09:00')
END
) STORED;

CREATE INDEX ix_subscriptions_notice ON subscriptions (notice_at) WHERE notice_at IS NOT NULL;

GRANT SELECT (notice_at) ON subscriptions TO {lookup};
GRANT SELECT (trial_notice_days, renewal_notice_days) ON merchants TO {reader};
GRANT SELECT (trial_notice_days, renewal_notice_days, noticed_for, notice_at)
    ON subscriptions TO {reader};
"""

_DOWN = """
ALTER TABLE subscriptions DROP COLUMN notice_at;
ALTER TABLE subscriptions DROP COLUMN noticed_for, DROP COLUMN trial_notice_days,
    DROP COLUMN renewal_notice_days;
ALTER TABLE merchants DROP COLUMN trial_notice_days, DROP COLUMN renewal_notice_days;
"""


def upgrade() -> None:
    prefix = context.config.attributes["role_prefix"]
    sql = _UP
    for name in ("lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.execute(sql)


def downgrade() -> None:
    op.execute(_DOWN)
