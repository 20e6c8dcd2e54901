"""Embedded PostgreSQL: starts, stops, dies with its starter, and leaves strangers alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from ops import processes
from ops.embedded import Embedded, free_port
from ops.embedded_place import EmbeddedError, Place

pytestmark = pytest.mark.embedded

QUICK = {"fsync": "off"}
ROOT = Path(__file__).resolve().parents[2]


def server_of(home: Path) -> processes.Process | None:
    return Place(home / "postgres", home, Path(), -1, -1).running_server()


STARTER = """
import sys, time
from pathlib import Path
from ops.embedded import Embedded

server = Embedded(Path(sys.argv[1]), 0, options={"fsync": "off"})
server.start()
print(server.keeper_process().pid, flush=True)
time.sleep(600)
"""


def start_elsewhere(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_it_starts_stops_and_keeps_its_data(home: Path) -> None:
    server = Embedded(home, 0, options=QUICK)
    database = server.start()
    try:
        with psycopg.connect(database.owner_url) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        with (
            psycopg.connect(database.app_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute("SELECT * FROM kept")
        with pytest.raises(EmbeddedError, match="another Tagihan is running"):
            Embedded(home, 0).start()
        with psycopg.connect(database.admin_url) as connection:
            settings: dict[str, str] = dict(
                connection.execute(
                    "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses',"
                    " 'unix_socket_directories', 'TimeZone', 'data_checksums')"
                ).fetchall()
            )
            assert settings == {
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
                "TimeZone": "UTC",
                "data_checksums": "on",
            }
            asks = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules")
            assert asks.fetchall() == [("scram-sha-256",)]
    finally:
        server.stop()
    assert server_of(home) is None

    again = Embedded(home, 0, options=QUICK)
    try:
        with psycopg.connect(again.start().owner_url) as connection:
            connection.execute("SELECT n FROM kept")
    finally:
        again.stop()


def test_it_dies_with_its_starter_and_a_left_over_is_stopped(home: Path) -> None:
    starter = start_elsewhere(home)
    assert starter.stdout is not None
    keeper = int(starter.stdout.readline())
    server = server_of(home)
    assert server is not None
    # Keep the keeper from seeing its starter's end: what is left is a server without a master.
    os.kill(keeper, signal.SIGSTOP)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert processes.is_alive(server)

    again = Embedded(home, 0, options=QUICK)
    try:
        again.start()
        assert not processes.is_alive(server)
        os.kill(keeper, signal.SIGCONT)
    finally:
        second = server_of(home)
        again.stop()
    assert second is not None
    assert processes.wait_gone(second, 5)


def test_sigkill_of_the_starter_leaves_no_process(home: Path) -> None:
    starter = start_elsewhere(home)
    assert starter.stdout is not None
    assert starter.stdout.readline()
    server = server_of(home)
    assert server is not None

    starter.kill()
    starter.wait()
    starter.stdout.close()

    assert processes.wait_gone(server, 10)


def test_a_port_in_use_is_named_with_its_setting(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=rf"port {port}.*TAGIHAN_DB_PORT"):
            Embedded(home, port).start()


def test_a_directory_that_is_not_ours_is_left_alone(home: Path) -> None:
    strange = home / "postgres" / "data"
    strange.mkdir(parents=True)
    (strange / "letter").write_text("dear diary", encoding="utf-8")

    with pytest.raises(EmbeddedError, match=r"not made by Tagihan.*TAGIHAN_HOME"):
        Embedded(home, 0).start()

    assert [path.name for path in strange.iterdir()] == ["letter"]


@pytest.mark.parametrize(
    ("version", "lost", "word"),
    [("12", None, "written by PostgreSQL 12"), ("", None, "holds no PostgreSQL data"),
     ("18", "passwords.json", "is missing")],
)  # fmt: skip
def test_data_that_can_not_be_used_are_explained(
    home: Path, version: str, lost: str | None, word: str
) -> None:
    folder = home / "postgres"
    (folder / "data").mkdir(parents=True)
    (folder / "tagihan.json").write_text(json.dumps({"home": str(home)}), encoding="utf-8")
    (folder / "passwords.json").write_text("{}", encoding="utf-8")
    if version:
        (folder / "data" / "PG_VERSION").write_text(version + "\n", encoding="utf-8")
    if lost:
        (folder / lost).unlink()

    with pytest.raises(EmbeddedError, match=word):
        Embedded(home, 0).start()


def test_a_copied_home_does_not_share_its_data(home: Path) -> None:
    home.mkdir()
    (home / "postgres.json").write_text("{}", encoding="utf-8")
    copied = home.parent / "copy"
    folder = copied / "postgres"
    (folder / "data").mkdir(parents=True)
    (folder / "tagihan.json").write_text(json.dumps({"home": str(home)}), encoding="utf-8")

    with pytest.raises(EmbeddedError, match="must not share its data"):
        Embedded(copied, 0).start()


def test_a_process_is_told_apart_from_a_later_one_with_its_number() -> None:
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    known = processes.identify(sleeper.pid)
    assert known is not None
    assert not processes.is_alive(processes.Process(known.pid, known.started + "1"))

    began = time.monotonic()
    assert processes.stop(known, grace_seconds=5)
    sleeper.wait()
    assert time.monotonic() - began < 5
    assert processes.identify(sleeper.pid) is None
    assert free_port() != free_port()
