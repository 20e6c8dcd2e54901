"""Job kind → flow; nothing else."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from billing.engine import Engine
from billing.flows import accounts, chase, deliver, granting, refund
from billing.flows.charge import send_due
from billing.flows.collect import collect_due
from billing.flows.compare_status import compare_due
from billing.flows.ingest import ingest_due
from billing.flows.moves import move_due
from billing.flows.notices import notify_due
from billing.flows.reconcile import resolve_due
from billing.flows.renew import renew_due

FLOWS: dict[str, Callable[[Engine, UUID], int]] = {
    "subscription.renew": renew_due,
    "subscription.notice": notify_due,
    "invoice.collect": collect_due,
    "case.step": chase.step_due,
    "order.send": send_due,
    "order.resolve": resolve_due,
    "account.step": accounts.step_due,
    "refund.send": refund.send_due,
    "notification.ingest": ingest_due,
    "message.send": deliver.send_due,
    "status.compare": compare_due,
    "price.move": move_due,
    "balance.expire": granting.expire_due,
}
