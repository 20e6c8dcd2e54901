"""Faults planted on purpose, behind the engine's back: the demo must find and name each."""

from __future__ import annotations

import psycopg

from ops.demo_story.stage import Stage

DOUBLE_CHARGE = "double-charge"
LOST_INVOICE = "lost-invoice"
LEDGER = "ledger"

# A paid renewal is open again, to be collected now: the engine charges the card a second time.
_REOPEN = """
    UPDATE invoices SET status = 'open', paid_amount = 0, paid_at = NULL, paid_on = NULL,
        collect_at = (SELECT at FROM clocks LIMIT 1)
    WHERE id = (SELECT i.id FROM invoices i JOIN customers c
        ON c.merchant_id = i.merchant_id AND c.id = i.customer_id
        WHERE c.external_id = 'dewi' AND i.status = 'paid' ORDER BY i.issued_at DESC LIMIT 1)
"""
_LOSE = """
    WITH lost AS (SELECT i.merchant_id, i.id FROM invoices i JOIN customers c
        ON c.merchant_id = i.merchant_id AND c.id = i.customer_id
        WHERE c.external_id = 'fajar' ORDER BY i.issued_at DESC LIMIT 1)
    DELETE FROM invoices WHERE id IN (SELECT id FROM lost)
"""
_MISPOST = """
    UPDATE postings SET amount = amount + 1000 WHERE id = (
        SELECT p.id FROM postings p JOIN journals j
            ON j.merchant_id = p.merchant_id AND j.id = p.journal_id
        WHERE j.kind = 'payment_captured' AND p.account = 'gateway_clearing'
        ORDER BY j.occurred_at DESC, j.key LIMIT 1)
"""
_STATEMENTS = {DOUBLE_CHARGE: _REOPEN, LOST_INVOICE: _LOSE, LEDGER: _MISPOST}


def plant(stage: Stage, fault: str) -> None:
    """Plant one fault with every trigger silenced; a double charge is then really made."""
    url = stage.running.instance.database.admin_url
    database = psycopg.conninfo.make_conninfo(url, dbname="tagihan")
    with psycopg.connect(database) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(_STATEMENTS[fault])
    if fault == DOUBLE_CHARGE:
        stage.settle_down()
