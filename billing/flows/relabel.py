"""What the merchant calls a subscription: its own id and metadata, which change no agreement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from billing import queries
from billing.flows.subscribe import refuse_taken_id
from billing.records import Subscription
from billing.tables import subscriptions
from core.work import Work


def relabel(unit: Work, subscription_id: UUID, fields: Mapping[str, Any]) -> Subscription:
    """Change ``external_id`` and ``metadata``, of an ended subscription too.

    Raises:
        NotFound: ``subscription_not_found``.
        Conflict: ``external_id_taken``.
    """
    subscription = queries.lock_subscription(unit, subscription_id)
    table = subscriptions.c
    this = (table.merchant_id == unit.merchant_id, table.id == subscription_id)
    row = unit.session.execute(select(table.external_id, table.metadata).where(*this)).one()
    before = {"external_id": row.external_id, "metadata": row.metadata}
    changed = {
        name: fields[name] for name in before if fields.get(name, before[name]) != before[name]
    }
    if not changed:
        return subscription
    refuse_taken_id(unit, changed.get("external_id"))
    unit.session.execute(
        update(subscriptions).where(*this).values(**changed, version=table.version + 1)
    )
    unit.audit(
        "subscription.update", "subscription", subscription_id,
        before=_told({name: before[name] for name in changed}), after=_told(changed),
    )  # fmt: skip
    return queries.get_subscription(unit, subscription_id)


def _told(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata by its keys: what a person wrote there may have to be erased, an audit is not."""
    return {name: sorted(value) if name == "metadata" else value for name, value in fields.items()}
