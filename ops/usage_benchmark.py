"""How fast usage comes in and a month of it is closed: `python -m ops.usage_benchmark`.

A PostgreSQL of its own, durable as shipped (every commit is on the disk), takes the same events
four ways in one run: a bare COPY and a bare INSERT of the rows into a table of the same shape,
which are the floors; the flow in this process, and the API over HTTP, by batches with a third of
them sent twice. Then a month is closed: renewals read the sums of days, and its floor is one bare
scan that adds the events up.

Rates are events a second; ratios are to the floor of the same run, because machines differ.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import text

from billing.engine import Engine
from billing.flows.machine_keys import create_key
from billing.flows.metered_prices import NewPart, publish
from billing.flows.onboard import MerchantDraft, create_merchant
from billing.flows.renew import renew_due
from billing.flows.subscribe import subscribe
from billing.flows.usage_events import Sent, take_events
from billing.service import create_customer
from core import ids
from core.actor import system
from core.clock import utc_now
from core.db import connect
from core.mail import OutgoingMail
from core.setting_values import MasterKey
from core.settings import Settings
from core.vault import Vault
from ops import run_api
from ops.embedded import Embedded, free_port
from ops.migrate import migrate
from payments.adapters.midtrans.gateways import MidtransGateways
from plans.service import create_plan
from usage.service import create_meter

BATCH: Final = 500
TARGET: Final = 10_000
START: Final = datetime(2027, 1, 1, 3, tzinfo=UTC)
CLOSED: Final = datetime(2027, 2, 1, 3, tzinfo=UTC)
_ME: Final = system("benchmark")
_MASTER: Final = MasterKey("bench", bytes(32))
_BARE: Final = """
    CREATE TABLE bare (merchant_id uuid NOT NULL, id uuid NOT NULL, subscription_id uuid NOT NULL,
        key text NOT NULL, name text NOT NULL, at timestamptz NOT NULL, day date NOT NULL,
        properties jsonb NOT NULL, PRIMARY KEY (merchant_id, id))
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One way in: how many events, how long, and its rate over the bare INSERT's."""

    way: str
    events: int
    seconds: float
    rate: int
    ratio: float


class _NoMail:
    def send(self, mail: OutgoingMail) -> None:
        raise AssertionError(f"nothing is mailed here: {mail.subject}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and print what it found; ends in 1 where the sums are not exact."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--events", type=int, default=60_000, help="taken each way")
    options.add_argument("--month", type=int, default=200_000, help="events of the closed month")
    options.add_argument("--subscriptions", type=int, default=500)
    options.add_argument("--json", action="store_true")
    given = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tagihan-usage-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as another user
        server = Embedded(Path(folder) / "home", 0)
        try:
            urls = server.start()
            migrate(urls.owner_url, "tagihan", "tagihan_login")
            bench = Bench(urls.app_url, urls.owner_url, given.subscriptions)
            found = bench.run(given.events, given.month)
            bench.engine.close()
        finally:
            server.stop()
    print(json.dumps(found, indent=2) if given.json else _page(found))
    return 0 if found["exact"] else 1


class Bench:
    """A merchant whose subscriptions are metered, on a database of its own."""

    def __init__(self, app_url: str, owner_url: str, subscriptions: int) -> None:
        settings = Settings(database_url=app_url)
        vault = Vault([("bench", bytes(32))])
        self.owner_url = owner_url
        self.engine = Engine(
            settings=settings,
            db=connect(app_url, pool_size=8),
            vault=vault,
            gateways=MidtransGateways(settings, vault),
            mailer=_NoMail(),
            real_now=utc_now,
        )
        draft = MerchantDraft(
            slug="bench", legal_name="PT Bench", email="bench@contoh.example", address="Jakarta",
            issue_lead_days=0,
        )  # fmt: skip
        self.merchant = create_merchant(self.engine, draft, _ME, clock_at=START).merchant_id
        self.subscriptions = list(self._subscribed(subscriptions))
        self.count = 0

    def run(self, events: int, month: int) -> dict[str, Any]:
        """Take events each way, fill the month, close it, and count everything again."""
        self._now(START + timedelta(days=20))
        floors = [self._bare(events, copy=True), self._bare(events, copy=False)]
        floor = floors[1].rate
        ways = [self._flow(events, threads=2), self._http(events, threads=4)]
        figures = [
            Figure(one.way, one.events, one.seconds, one.rate, round(one.rate / floor, 2))
            for one in (*floors, *ways)
        ]
        self._flow(max(0, month - self.count), threads=2)
        return {
            "target": TARGET,
            "figures": [asdict(one) for one in figures],
            "close": self._close(),
            "exact": self._is_exact(),
        }

    def run_usage(self, events: int, until: datetime) -> None:
        """Take events and nothing else: what other benchmarks look at."""
        self._now(until)
        self._flow(events, threads=2)

    def _subscribed(self, many: int) -> Iterator[UUID]:
        with self.engine.work(self.merchant, _ME) as unit:
            meter = create_meter(
                unit, code="bytes", name={"id": "bytes"}, event_name="call", aggregation="sum",
                field="size",
            )  # fmt: skip
            plan = create_plan(unit, code="api", name={"id": "API"})
            part = NewPart({"id": "bytes"}, meter.id, "per_unit", {"unit_amount": "0.01"})
            price = publish(unit, plan.id, unit_amount=0, interval_unit="month", usage=[part])
            for number in range(many):
                customer = create_customer(
                    unit, name=f"C{number}", email=f"c{number}@contoh.example"
                )
                made = subscribe(unit, customer_id=customer.id, price_id=price.id)
                yield made.subscription.id

    def _events(self, many: int) -> list[Sent]:
        made = []
        for n in range(self.count, self.count + many):
            subscription = self.subscriptions[n % len(self.subscriptions)]
            at = START + timedelta(seconds=(n * 7919) % (20 * 86_400))
            properties: dict[str, str | int | bool] = {"size": n % 1_000, "region": "jkt"}
            made.append(
                Sent(
                    f"key-{n:09d}", ids.public("subscription", subscription), "call", at, properties
                )
            )
        self.count += many
        return made

    def _bare(self, many: int, *, copy: bool) -> Figure:
        before = self.count
        events, self.count = self._events(many), before
        rows = [
            (self.merchant, UUID(int=n), ids.parse("subscription", one.subscription), one.key,
             one.name, one.at, one.at.date(), json.dumps(one.properties))
            for n, one in enumerate(events)
        ]  # fmt: skip
        with psycopg.connect(self.owner_url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS bare")
            connection.execute(_BARE)

            def write(batch: list[Any]) -> None:
                with connection.transaction(), connection.cursor() as cursor:
                    if copy:
                        with cursor.copy("COPY bare FROM STDIN") as into:
                            for row in batch:
                                into.write_row(row)
                        return
                    cursor.execute(
                        "INSERT INTO bare SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], "
                        "%s::text[], %s::text[], %s::timestamptz[], %s::date[], %s::jsonb[])",
                        [list(column) for column in zip(*batch, strict=True)],
                    )

            seconds = _timed(lambda: list(map(write, _batches(rows, BATCH))))
        return _figure("bare COPY" if copy else "bare INSERT", many, seconds)

    def _flow(self, many: int, *, threads: int) -> Figure:
        batches = _twice(list(_batches(self._events(many), BATCH)))

        def take(batch: list[Sent]) -> None:
            take_events(self.engine, self.merchant, _ME, batch)

        with ThreadPoolExecutor(threads) as pool:
            seconds = _timed(lambda: list(pool.map(take, batches)))
        return _figure("flow", sum(len(one) for one in batches), seconds)

    def _http(self, many: int, *, threads: int) -> Figure:
        batches = _twice(list(_batches(self._events(many), BATCH)))
        bodies = [
            json.dumps({"events": [_sent(one) for one in batch]}).encode() for batch in batches
        ]
        with self.engine.work(self.merchant, _ME) as unit:
            key = create_key(unit, name="bench", scopes=["write"]).secret
        settings = replace(self.engine.settings, api_port=free_port(), master_keys=(_MASTER,))
        server = get_context("spawn").Process(target=run_api.main, args=(settings,), daemon=True)
        server.start()
        _await(settings.api_port)

        def post(share: int) -> None:
            with closing(http.client.HTTPConnection("127.0.0.1", settings.api_port)) as connection:
                for body in bodies[share::threads]:
                    connection.request(
                        "POST", "/api/v1/usage-events/batch", body,
                        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
                    )  # fmt: skip
                    answer = connection.getresponse()
                    said = answer.read()
                    if answer.status != 200:
                        raise RuntimeError(said.decode())

        with ThreadPoolExecutor(threads) as pool:
            seconds = _timed(lambda: list(pool.map(post, range(threads))))
        server.terminate()
        server.join(30)
        return _figure("HTTP", sum(len(one) for one in batches), seconds)

    def _close(self) -> dict[str, Any]:
        self._now(CLOSED)
        with psycopg.connect(self.owner_url) as connection:
            scan = _timed(
                lambda: connection.execute(
                    "SELECT subscription_id, count(*), sum((properties->>'size')::numeric) "
                    "FROM usage_events GROUP BY 1"
                ).fetchall()
            )
        seconds = _timed(lambda: renew_due(self.engine, self.merchant))
        many = len(self.subscriptions)
        return {
            "events": self.count, "subscriptions": many, "seconds": round(seconds, 2),
            "invoices_a_second": round(many / seconds), "bare_scan_seconds": round(scan, 2),
            "over_the_scan": round(seconds / scan, 2),
        }  # fmt: skip

    def _is_exact(self) -> bool:
        """Every event once, and each subscription billed for its own."""
        expected: dict[UUID, int] = dict.fromkeys(self.subscriptions, 0)
        for n in range(self.count):
            expected[self.subscriptions[n % len(self.subscriptions)]] += n % 1_000
        with self.engine.work(self.merchant, _ME) as unit:
            kept = unit.session.execute(text("SELECT count(*) FROM usage_events")).scalar_one()
            billed = unit.session.execute(
                text("SELECT subscription_id, CAST(quantity AS numeric) FROM usage_closings")
            ).all()
        return kept == self.count and {row[0]: int(row[1]) for row in billed} == expected

    def _now(self, at: datetime) -> None:
        with self.engine.work(self.merchant, _ME) as unit:
            unit.session.execute(text("UPDATE clocks SET at = :at"), {"at": at})


def _await(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the API does not answer")


def _sent(one: Sent) -> dict[str, Any]:
    return {
        "key": one.key, "subscription": one.subscription, "name": one.name,
        "at": one.at.isoformat(), "properties": one.properties,
    }  # fmt: skip


def _batches(rows: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _twice(batches: list[Any]) -> list[Any]:
    """Every third batch is sent a second time, as after a lost answer."""
    return [one for n, batch in enumerate(batches) for one in [batch] * (2 if n % 3 == 0 else 1)]


def _timed(do: Callable[[], object]) -> float:
    begun = time.perf_counter()
    do()
    return time.perf_counter() - begun


def _figure(way: str, many: int, seconds: float) -> Figure:
    return Figure(way, many, round(seconds, 2), round(many / seconds), 1.0)


def _page(found: dict[str, Any]) -> str:
    lines = [f"{'way':12} {'events':>9} {'seconds':>8} {'a second':>9} {'of INSERT':>10}"]
    lines += [
        f"{one['way']:12} {one['events']:>9} {one['seconds']:>8} {one['rate']:>9} "
        f"{one['ratio']:>10}"
        for one in found["figures"]
    ]
    close = found["close"]
    lines.append(
        f"close: {close['events']} events of {close['subscriptions']} subscriptions in "
        f"{close['seconds']} s, {close['over_the_scan']} of one bare scan of the events "
        f"({close['bare_scan_seconds']} s)"
    )
    lines.append(f"exact: {'yes' if found['exact'] else 'NO'}; target {found['target']} a second")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
