"""Job kind → flow; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from billing.engine import Engine
from billing.flows import (
    accounts,
    charge,
    chase,
    collect,
    deliver,
    granting,
    ingest,
    reconcile,
    refund,
)
from billing.flows.compare_status import compare_due
from billing.flows.moves import move_due
from billing.flows.notices import notify_due
from billing.flows.renew import renew_due

FLOWS: dict[str, Callable[[Engine, UUID], int]] = {
    "subscription.renew": renew_due,
    "subscription.notice": notify_due,
    "invoice.collect": collect.collect_due,
    "case.step": chase.step_due,
    "order.send": charge.send_due,
    "order.resolve": reconcile.resolve_due,
    "account.step": accounts.step_due,
    "refund.send": refund.send_due,
    "notification.ingest": ingest.ingest_due,
    "message.send": deliver.send_due,
    "status.compare": compare_due,
    "price.move": move_due,
    "balance.expire": granting.expire_due,
}

# How many rows one call takes at most, where what was taken is not due again at once and no pace is
# kept to: a call that took fewer left none.
BATCHES: dict[str, int] = {
    "invoice.collect": collect.BATCH,
    "message.send": deliver.BATCH,
}
