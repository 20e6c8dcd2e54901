"""The rough tier: its wire, which loses and remembers, and its books, which are compared."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.embedded import free_port
from ops.prove.rough.books import TheirBook, Witness, against_the_wire
from ops.prove.rough.ledger import FAULTS, Call, Dice, Ledger, dice
from ops.prove.rough.trouble import _deeds
from ops.prove.rough.wire import Wire

CHARGE = {"transaction_details": {"order_id": "o-1", "gross_amount": 99_000}}
TAKEN = {
    "status_code": "200",
    "transaction_status": "capture",
    "transaction_id": "t-1",
    "order_id": "o-1",
}


class Ends:
    """The two ends of a wire: a gateway that answers, and our address for notifications."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.servers = [self._server(), self._server()]
        ports = [server.server_address[1] for server in self.servers]
        self.port, self.news_port = free_port(), free_port()
        self.wire = Wire(
            seed="1",
            gateway=ports[0],
            api=ports[1],
            port=self.port,
            news_port=self.news_port,
            file=folder / "wire.jsonl",
        )

    def _server(self) -> ThreadingHTTPServer:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.append(self.path)
                told = json.dumps(TAKEN).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def fault(self, kind: str | None) -> None:
        self.wire.dice.draw = lambda op: (kind, dice(op))  # type: ignore[method-assign]

    def post(self, path: str, body: Any, *, news: bool = False) -> tuple[int, Any] | None:
        """What the caller hears; None where it is nothing."""
        line = http.client.HTTPConnection(
            "127.0.0.1", self.news_port if news else self.port, timeout=0.5
        )
        try:
            line.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = line.getresponse()
            return answer.status, answer.read()
        except OSError:
            return None
        finally:
            line.close()

    def close(self) -> None:
        self.wire.close()
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    made = Ends(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("fault", "heard", "reached"),
    [
        (None, 200, True),
        ("lost_before", None, False),
        ("reset_before", None, False),
        ("502_before", 502, False),
        ("lost_after", None, True),
        ("reset_after", None, True),
        ("502_after", 502, True),
        ("garbled", 200, True),
    ],
)
def test_the_ledger_knows_what_the_caller_did_not_hear(
    ends: Ends, fault: str | None, heard: int | None, reached: bool
) -> None:
    ends.fault(fault)
    answer = ends.post("/v2/charge", CHARGE)
    assert (answer[0] if answer else None) == heard
    assert bool(ends.asked) == reached
    [call] = ends.wire.ledger.calls
    assert (call.op, call.order_id, call.fault) == ("charge", "o-1", fault)
    assert call.answer == (TAKEN if reached else None)
    [line] = lines_of(ends.wire.ledger.file)
    assert json.loads(line)["told"] == (fault is None) == call.was_told
    assert ends.wire.ledger.is_lost("o-1") == (fault is not None)


def lines_of(file: Path) -> list[str]:
    """Once there is one: a call is written down when its caller is gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()).endswith("\n"):
            return text.splitlines()
        time.sleep(0.01)
    raise AssertionError("nothing was written")


def test_a_charge_is_looked_up_before_it_reaches_the_gateway(ends: Ends) -> None:
    ends.fault(None)
    seen: list[tuple[str, int]] = []
    ends.wire.witness = lambda call: seen.append((call.order_id, len(ends.asked)))
    ends.post("/v2/charge", CHARGE)
    assert seen == [("o-1", 0)]


@pytest.mark.parametrize(
    ("fault", "heard", "arrived"),
    [(None, 200, 1), ("lost", 200, 0), ("refused", 503, 0), ("doubled", 200, 2)],
)
def test_notifications_are_lost_and_doubled(
    ends: Ends, fault: str | None, heard: int, arrived: int
) -> None:
    ends.fault(fault)
    answer = ends.post("/gateways/midtrans/a", TAKEN, news=True)
    assert answer is not None
    assert (answer[0], len(ends.asked)) == (heard, arrived)


def test_late_news_arrive_when_the_gateway_has_gone_on(ends: Ends) -> None:
    ends.fault("late_news")
    answer = ends.post("/gateways/midtrans/a", TAKEN, news=True)
    assert answer is not None
    assert (answer[0], ends.asked) == (200, [])
    deadline = time.monotonic() + 10
    while not ends.asked:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_fault_meets_the_clock_of_the_simulator(ends: Ends) -> None:
    ends.fault("reset_before")
    answer = ends.post("/_sim/clock", {"days": 1})
    assert answer is not None
    assert (answer[0], ends.wire.ledger.calls) == (200, [])


def test_the_seed_decides_which_fault_the_nth_call_meets_and_who_is_killed() -> None:
    def drawn(seed: str) -> list[str | None]:
        mine = Dice(seed)
        mine.trouble = True
        return [mine.draw(op)[0] for op in FAULTS for _ in range(200)]

    assert drawn("1") == drawn("1") != drawn("2")
    assert set(drawn("1")) >= {None, "lost_after", "502_after", "doubled"}
    deeds = [next(made) for made in [_deeds(dice("1"))] for _ in range(30)]
    again = [next(made) for made in [_deeds(dice("1"))] for _ in range(30)]
    assert deeds == again
    first = {"worker", "api", "server", "scheduler"}
    assert {role for _, role in deeds[:5]} == first


# --- books ----------------------------------------------------------------------------------------


class Rows:
    """Our database, as the books ask it."""

    def __init__(self, orders: list[tuple[Any, ...]], refunds: list[tuple[Any, ...]]) -> None:
        failed = [(row[0], "answer to send 1") for row in orders if row[2] == "failed"]
        self.told = {
            "payment_order_steps": failed,
            "FROM refunds": refunds,
            "payment_orders": orders,
        }

    def execute(self, query: str, *_: Any) -> list[tuple[Any, ...]]:
        return next(rows for name, rows in self.told.items() if name in query)


def a_call(n: int, op: str = "charge", *, told: bool = True, **answer: Any) -> Call:
    body = CHARGE if op == "charge" else {"refund_key": "r-1", "amount": 5_000}
    return Call(
        n, op, "o-1", 0.0, body, None, answer={**TAKEN, **answer}, answered_at=n, was_told=told
    )


OURS = ("o-1", 99_000, "paid", 99_000, "INV-1")
FAILED = ("o-1", 99_000, "failed", None, "INV-1")
REFUSED: Any = {"status_code": "411", "transaction_status": None}
LOST = a_call(2, "status", status_code="404", transaction_status=None)
DENIED: Any = {"status_code": "202", "transaction_status": "deny"}


@pytest.mark.parametrize(
    ("calls", "orders", "rule"),
    [
        ([a_call(1)], [OURS], None),
        ([a_call(1), a_call(2)], [OURS], None),  # the same charge, told again
        ([a_call(1)], [], "wire: written ahead"),
        ([a_call(1)], [("o-1", 98_999, "paid", 98_999, "INV-1")], "wire: one amount"),
        ([a_call(1)], [("o-1", 99_000, "pending", None, "INV-1")], "wire: money is booked"),
        ([a_call(1), a_call(2, transaction_id="t-2")], [OURS], "wire: taken once"),
        ([a_call(1, **DENIED)], [FAILED], None),
        ([a_call(1, **DENIED), a_call(2)], [OURS], "wire: never sent again after an end"),
        # Nobody had heard of the end: sending the same order again is what the protocol asks for.
        ([a_call(1, told=False, **DENIED), a_call(2)], [OURS], None),
        ([a_call(1), a_call(2, "refund")], [OURS], "wire: refunds are ours"),
        # A time-out is not a failure, and neither is an order that was not found.
        ([a_call(1, told=False, **DENIED)], [FAILED], "wire: a failure was attested"),
        ([a_call(1, told=False, **DENIED), LOST], [FAILED], "wire: a failure was attested"),
        ([a_call(1, **REFUSED)], [FAILED], None),
    ],
)
def test_the_wire_contradicts_a_wrong_book(
    calls: list[Call], orders: list[tuple[Any, ...]], rule: str | None, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "wire.jsonl", calls)
    found = against_the_wire(Rows(orders, []), ledger, TheirBook())
    assert {one.rule for one in found} == ({rule} if rule else set())


def test_what_the_gateway_has_and_no_call_made_is_seen(tmp_path: Path) -> None:
    book = TheirBook()
    book.orders["o-9"] = SimpleNamespace(order_id="o-9")  # type: ignore[assignment]
    found = against_the_wire(Rows([], []), Ledger(tmp_path / "wire.jsonl"), book)
    assert [one.rule for one in found] == ["wire: seen by both"]


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ((99_000, "sent", 1), 0),
        ((99_000, "unknown", 1), 0),
        (None, 1),
        ((99_000, "created", 0), 1),
        ((1, "sent", 1), 1),
    ],
)
def test_the_witness_wants_a_committed_row(row: Any, missing: int) -> None:
    found = SimpleNamespace(fetchone=lambda: row)
    witness = Witness(lambda: nullcontext(SimpleNamespace(execute=lambda *_: found)))
    witness(a_call(1))
    assert (witness.seen, len(witness.missing)) == (1, missing)


def test_a_server_that_restarts_is_no_missing_row() -> None:
    def away() -> Any:
        raise OSError

    witness = Witness(away)
    witness(a_call(1))
    assert (witness.blind, witness.missing) == (1, [])
