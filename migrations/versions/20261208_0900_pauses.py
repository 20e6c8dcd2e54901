"""Pauses: since when and until when a subscription stands still, and more ways to change one.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

from alembic import context, op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# Nothing paused a subscription before: whatever says so has paid time to serve first.
_UP = """
ALTER TABLE subscriptions
    ADD COLUMN pause_on date,
    ADD COLUMN pause_policy text,
    ADD COLUMN resume_on date,
    ADD COLUMN resume_keeps_anchor boolean DEFAULT false NOT NULL;

UPDATE subscriptions SET pause_on = current_end, pause_policy = 'serve_paid'
    WHERE status = 'paused';

ALTER TABLE subscriptions
    ADD CONSTRAINT ck_subscriptions_paused CHECK (status <> 'paused' OR pause_on IS NOT NULL),
    ADD CONSTRAINT ck_subscriptions_pause CHECK ((pause_on IS NULL) = (pause_policy IS NULL)
        AND (pause_on IS NOT NULL OR (resume_on IS NULL AND NOT resume_keeps_anchor))),
    ADD CONSTRAINT ck_subscriptions_pause_policy
        CHECK (pause_policy IN ('serve_paid','give_back','forfeit')),
    ADD CONSTRAINT ck_subscriptions_resume_on CHECK (resume_on >= pause_on),
    ADD CONSTRAINT ck_subscriptions_awaited CHECK (status <> 'paused'
        OR (resume_on IS NULL AND cancel_on IS NULL) OR next_at IS NOT NULL);

ALTER TABLE subscription_changes
    DROP CONSTRAINT ck_subscription_changes_kind,
    DROP CONSTRAINT ck_subscription_changes_mode,
    ADD CONSTRAINT ck_subscription_changes_kind CHECK (kind IN ('plan','cancel','item','pause')),
    ADD CONSTRAINT ck_subscription_changes_mode CHECK (
        mode IN ('prorate','at_period_end','immediate','restart','switch','on_date'));
"""

# The charge after a period is not announced where a pause comes first.
_NOTICE = """
ALTER TABLE subscriptions DROP COLUMN notice_at;
ALTER TABLE subscriptions ADD COLUMN notice_at timestamptz GENERATED ALWAYS AS (
CASE
    WHEN noticed_for = current_end OR billed_through > current_end OR cancel_on <= current_end
        {pause}OR (collection = 'invoice' AND current_end - lead_days <= current_start)
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
GRANT SELECT (notice_at) ON subscriptions TO {reader};
"""
_GRANT = """
GRANT SELECT (pause_on, pause_policy, resume_on, resume_keeps_anchor)
    ON subscriptions TO {reader};
"""

_DOWN = """
ALTER TABLE subscription_changes
    DROP CONSTRAINT ck_subscription_changes_kind,
    DROP CONSTRAINT ck_subscription_changes_mode,
    ADD CONSTRAINT ck_subscription_changes_kind CHECK (kind IN ('plan','cancel','item')),
    ADD CONSTRAINT ck_subscription_changes_mode
        CHECK (mode IN ('prorate','at_period_end','immediate'));

ALTER TABLE subscriptions DROP COLUMN pause_on, DROP COLUMN pause_policy, DROP COLUMN resume_on,
    DROP COLUMN resume_keeps_anchor;
"""


def upgrade() -> None:
    _run(_UP + _NOTICE.replace("{pause}", "OR pause_on <= current_end\n        ") + _GRANT)


def downgrade() -> None:
    # The announcements first: they look at what is taken away.
    _run(_NOTICE.replace("{pause}", "") + _DOWN)


def _run(sql: str) -> None:
    prefix = context.config.attributes["role_prefix"]
    for name in ("lookup", "reader"):
        sql = sql.replace("{" + name + "}", f"{prefix}_{name}")
    op.execute(sql)
