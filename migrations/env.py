"""How migrations run: one connection given by ``ops.migrate``, short waits, one run at a time."""

from __future__ import annotations

from alembic import context

import billing.credits.tables
import billing.discounts.tables
import billing.ledger.tables
import billing.moves.tables
import billing.reconciliation.tables
import billing.tables
import core.tables
import dunning.tables
import invoices.tables
import payments.tables
import plans.tables
import usage.tables
from core.db import metadata

TABLES = (
    billing.discounts.tables,
    billing.ledger.tables,
    billing.reconciliation.tables,
    billing.tables,
    core.tables,
    dunning.tables,
    invoices.tables,
    payments.tables,
    plans.tables,
    usage.tables,
)

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_server_default=False,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
