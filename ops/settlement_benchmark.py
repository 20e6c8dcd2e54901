"""How fast a settlement report is imported: `python -m ops.settlement_benchmark [--rows N]`.

On a throw-away PostgreSQL, with as many settled payments as the report has rows; all agree. The
floor is COPY of the same rows, already parsed, into a bare table: what the disk and the wire cost.
The import reads the file, matches each row, books the fees and keeps the rows under their keys.
Memory is told as how much more the process holds after a report than before it, by its length: it
grows by the file, not by what is made of it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg

from billing.engine import Engine
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.report_files import book_file, read_file
from core.actor import Actor
from core.db import connect
from core.mail import SmtpMailer
from core.merchant import Merchant
from core.settings import Settings
from core.vault import Vault
from ops.prove.place import Room, throwaway
from payments.gateway import Answer, Gateway

NOW = datetime(2026, 1, 31, 3, tzinfo=UTC)
ME = Actor("operator", "benchmark")
HEADER = (
    "Order ID,Transaction ID,Transaction Type,Gross Amount,Fee,PPN,Net Amount,Settlement Time\n"
)

_ORDERS = """
    SET session_replication_role = replica;
    INSERT INTO payment_orders (merchant_id, id, kind, customer_id, invoice_id, channel, order_id,
        n, initiated_by, amount, state, first_sent_at, opened_at)
    SELECT '{m}', gen_random_uuid(), 'instrument', '{m}', gen_random_uuid(), 'bca_va', 'B-' || n, 1,
        'customer', 109890, 'paid', '{now}', '2025-12-31' FROM generate_series(1, {rows}) n;
    INSERT INTO payments (merchant_id, id, payment_order_id, customer_id, order_id, channel, amount,
        status, paid_at, settled_at, created_at)
    SELECT merchant_id, gen_random_uuid(), id, customer_id, order_id, channel, amount, 'settled',
        '{now}', '{now}', '{now}' FROM payment_orders;
    ANALYZE payment_orders; ANALYZE payments;
    CREATE TABLE floor (order_id text, transaction_id text, kind text, gross bigint, fee bigint,
        ppn bigint, net bigint, day date);
"""


class _Silent:
    """Gateways for a benchmark that asks none."""

    def of(self, merchant: Merchant) -> Gateway:  # noqa: ARG002
        return self  # type: ignore[return-value]

    def status(self, order_id: str) -> Answer:
        """Keys are good: such an order there is not."""
        return Answer("not_found", order_id=order_id, code="404")


def main(argv: list[str] | None = None) -> int:
    """Measure and print; no target: a ratio to be watched."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m ops.settlement_benchmark")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    with throwaway() as place, place.room("settlements") as room:
        told = measure(room, given.rows)
    if given.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(f"{name:<28} {value}" for name, value in told.items()) + "\n")
    return 0


def measure(room: Room, rows: int) -> dict[str, float]:
    """Import a tenth, then all of it, and COPY the same; seconds, ratio and mebibytes."""
    settings = Settings(database_url=room.app_url, role_prefix=room.role_prefix)
    engine = Engine(
        settings=settings, db=connect(room.app_url, role_prefix=room.role_prefix, pool_size=2),
        vault=Vault([("bench", bytes(32))]), gateways=_Silent(),
        mailer=SmtpMailer.from_settings(settings), real_now=lambda: NOW,
    )  # fmt: skip
    draft = MerchantDraft(
        slug="bench", legal_name="PT Uji", email="uji@contoh.example", address="Jakarta",
        gateway="sandbox", server_key="SB-Mid-server-bench", pkp_since=date(2020, 1, 1),
        npwp="0012345678901234",
    )  # fmt: skip
    merchant = create_merchant(engine, draft, ME).merchant_id
    with psycopg.connect(room.admin_url, autocommit=True) as admin:
        admin.execute(_ORDERS.format(m=merchant, now=NOW.isoformat(), rows=rows).encode())
    small = _memory()
    _import(engine, merchant, _report(1, rows // 10))
    tenth = _memory()
    seconds = _import(engine, merchant, _report(rows // 10 + 1, rows))
    whole = _memory()
    floor = _copy(room, rows - rows // 10)
    engine.close()
    count = rows - rows // 10
    return {
        "rows": count,
        "import_seconds": round(seconds, 2),
        "rows_per_second": round(count / seconds),
        "copy_seconds": round(floor, 2),
        "import_over_copy": round(seconds / floor, 1),
        "mebibytes_for_a_tenth": round(tenth - small, 1),
        "mebibytes_more_for_the_rest": round(whole - tenth, 1),
        "mebibytes_of_the_file": round(len(_report(rows // 10 + 1, rows)) / 2**20, 1),
    }


def _report(first: int, last: int) -> bytes:
    lines = (
        f"B-{n},t-{n},Payment,109890,4000,440,105450,2026-01-{n % 28 + 1:02d} 16:00:00\n"
        for n in range(first, last + 1)
    )
    return (HEADER + "".join(lines)).encode()


def _import(engine: Engine, merchant_id: UUID, data: bytes) -> float:
    """Read with its preview, then book; how long booking took."""
    with engine.work(merchant_id, ME) as unit:
        file_id = read_file(engine, unit, "bench.csv", data)
    started = time.perf_counter()
    with engine.work(merchant_id, ME) as unit:
        book_file(engine, unit, file_id)
    return time.perf_counter() - started


def _copy(room: Room, count: int) -> float:
    started = time.perf_counter()
    with (
        psycopg.connect(room.admin_url) as admin,
        admin.cursor() as cursor,
        cursor.copy("COPY floor FROM STDIN") as into,
    ):
        for n in range(count):
            into.write_row(
                (f"B-{n}", f"t-{n}", "payment", 109_890, 4_000, 440, 105_450, NOW.date())
            )
    return time.perf_counter() - started


def _memory() -> float:
    """The most this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
