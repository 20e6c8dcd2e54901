"""The command line: every command explains itself, and wrong settings end in 2, all listed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import full
import psycopg
import pytest
from database import Cluster
from sqlalchemy import make_url

from ops import instance
from ops.database_check import UnusableDatabaseError, check, explain, is_passing
from ops.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["up", "api", "worker", "scheduler", "migrate", "simulator", "demo", "doctor", "explain",
            "clock", "merchant", "backup", "restore", "mailbox", "schema", "settings",
            "erase"]  # fmt: skip


def clean_environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "TAGIHAN_HOME": "/nonexistent"}


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {**clean_environ(), **environ}
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_every_command_is_listed() -> None:
    listed = run("--help").stdout

    assert [name for name in COMMANDS if f"\n  {name} " not in listed] == []


GROUPS = {
    "clock": ("advance", "jump", "show"),
    "schema": ("check", "write"),
    "merchant": ("add", "dunning", "key", "list", "resume", "set", "show", "staff"),
    "recover": ("ask", "begin", "mails"),
}


@pytest.mark.parametrize(
    "command",
    [(name,) for name in COMMANDS]
    + [(group, name) for group, names in GROUPS.items() for name in names],
    ids=" ".join,
)
def test_a_command_explains_itself(command: tuple[str, ...]) -> None:
    done = run(*command, "--help", COLUMNS="80")

    assert (done.returncode, done.stdout.splitlines()[0][:6].lower()) == (0, "usage:")
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    # A sentence cut off in the middle tells less than a short one.
    assert "..." not in done.stdout.partition("Commands:")[2]


def test_the_tasks_are_listed_within_a_narrow_terminal() -> None:
    done = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    )

    tasks = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"run", "demo", "test", "check", "help", "clean"} <= tasks
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_explain_and_the_clock_take_a_language() -> None:
    for command in (("explain",), ("clock", "show"), ("clock", "advance"), ("clock", "jump")):
        assert "--language [id|en]" in run(*command, "--help").stdout


def test_all_problems_with_settings_are_listed_and_end_in_2() -> None:
    done = run("migrate", TAGIHAN_API_PORT="0", SMTP_USER="x", DATABASE_URL="nonsense")

    assert done.returncode == 2
    assert [line[:4] for line in done.stderr.splitlines()[1:]] == ["  - "] * 3


def test_a_command_without_an_instance_says_what_to_do() -> None:
    done = run("doctor")

    assert done.returncode == 2
    assert "no instance was started here by `tagihan up`" in done.stderr


def test_commands_find_the_instance_and_the_environment_goes_before(tmp_path: Path) -> None:
    home = {"TAGIHAN_HOME": str(tmp_path)}
    keys = instance.ensure_keys(tmp_path, {})
    instance.write_running(
        tmp_path, {"DATABASE_URL": "postgresql://a@h/x", "TAGIHAN_API_PORT": "9400"}
    )

    assert instance.ensure_keys(tmp_path, {}) == keys
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600
    found = instance.load(home)
    assert (found.api_port, found.database_url) == (9400, "postgresql://a@h/x")
    assert found.operator_key == keys["TAGIHAN_OPERATOR_KEY"]
    own = instance.load({**home, "DATABASE_URL": "postgresql://b@h/y", "TAGIHAN_API_PORT": "9500"})
    assert (own.api_port, own.owner_database_url) == (9500, "postgresql://b@h/y")


def test_a_database_that_can_not_be_reached_is_one_clear_line() -> None:
    with pytest.raises(UnusableDatabaseError) as refused:
        check("postgresql://app:pa55-word@127.0.0.1:1/tagihan")

    message = str(refused.value)
    assert message.startswith("DATABASE_URL can not be used: 127.0.0.1:1/tagihan as app:")
    assert "\n" not in message
    assert "pa55-word" not in message


KEYS = {
    "TAGIHAN_MASTER_KEY": "k1:" + "A" * 43 + "=",
    "TAGIHAN_OPERATOR_KEY": "op_" + "a" * 30,
}
# Every command that asks the database anything and then ends.
ASKING = [
    ("doctor",), ("explain", "X"), ("clock", "show"), ("clock", "advance", "1d"),
    ("clock", "jump", "1d"), ("migrate",), ("schema", "check"), ("backup", "/nonexistent/file"),
    ("restore", "--yes", "pyproject.toml"), ("merchant", "list"), ("merchant", "show", "x"),
    ("merchant", "set", "x", "card_mode=none"), ("merchant", "key", "x"),
    ("merchant", "staff", "x", "a@b.example", "--name", "A", "--password", "long enough"),
    ("merchant", "resume", "x"), ("recover", "begin"), ("recover", "ask"),
    ("recover", "mails", "x"), ("up",),
]  # fmt: skip
SERVING = [("api",), ("worker",), ("scheduler",)]


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_a_silent_database_is_one_line_and_ends_in_1(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(*command, **silent(tmp_path))

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "127.0.0.1:9" in line
    assert "pa55-word" not in line


@pytest.mark.parametrize("command", SERVING, ids=" ".join)
def test_a_part_whose_database_is_away_says_so_and_goes_on(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ops.cli", *command],
        cwd=ROOT, env={**clean_environ(), **silent(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as part:  # fmt: skip
        assert part.stdout is not None
        line = next(line for line in part.stdout if "127.0.0.1:9" in line)
        assert "does not answer" in line
        assert "Traceback" not in line
        assert part.poll() is None
        part.terminate()


# What a server does not know: every command meets one of the two, and with FULL=1 both.
UNKNOWN = ({"username": "nobody_here", "password": "pa55-word"}, {"database": "no_such_database"})


@pytest.mark.database
@pytest.mark.parametrize(
    ("command", "unknown"),
    [
        pytest.param(command, unknown, id=f"{' '.join(command)}-{min(unknown)}")
        for n, command in enumerate([*ASKING, *SERVING])
        for unknown in full.of(UNKNOWN, UNKNOWN[n % 2 :][:1])
    ],
)
def test_a_database_that_refuses_is_one_line_and_ends_in_1(
    command: tuple[str, ...], unknown: dict[str, str], tmp_path: Path, cluster: Cluster
) -> None:
    server = make_url(cluster.admin_url)
    url = server.set(**unknown)  # type: ignore[arg-type]
    shown = url.render_as_string(hide_password=False)
    done = run(*command, **{**silent(tmp_path), "DATABASE_URL": shown})

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert unknown.get("username", unknown.get("database", "?")) in line
    assert f"{server.host}:{server.port}" in line
    assert "pa55-word" not in line


@pytest.mark.database
@pytest.mark.parametrize("command", [("doctor",), ("explain", "X"), ("clock", "show")])
def test_a_database_without_our_tables_says_to_migrate(
    command: tuple[str, ...], tmp_path: Path, cluster: Cluster
) -> None:
    done = run(*command, **{**silent(tmp_path), "DATABASE_URL": cluster.admin_url,
                            "TAGIHAN_DB_ROLE_PREFIX": "nothing_here"})  # fmt: skip

    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "`tagihan migrate`" in line


@pytest.mark.parametrize(("words", "told", "passes"), [
    ('FATAL:  password authentication failed for user "app"',
     ('the database at h:1 refuses: password authentication failed for user "app"; '
     "check DATABASE_URL"), False),
    ("FATAL:  sorry, too many clients already",
     ("the database at h:1 refuses: sorry, too many clients already; stop what is not needed, "
     "raise max_connections or lower TAGIHAN_DB_POOL_SIZE"), True),
    ("FATAL:  the database system is starting up",
     "the database at h:1 refuses: the database system is starting up; try again in a moment",
     True),
    ("Connection refused\n\tIs the server running on that host?",
     "the database at h:1 does not answer: start it with `make run`, or set DATABASE_URL", True),
])  # fmt: skip
def test_why_a_database_can_not_be_used(words: str, told: str, passes: bool) -> None:
    error = psycopg.OperationalError(
        f'connection failed: connection to server at "h", port 1 failed: {words}'
    )

    assert (explain(error, "postgresql://a:b@elsewhere/x"), is_passing(error)) == (told, passes)


def test_an_error_of_a_statement_is_not_about_the_database() -> None:
    assert explain(psycopg.errors.DeadlockDetected("deadlock detected"), None) is None
    assert explain(ValueError("FATAL: no"), None) is None


def silent(home: Path) -> dict[str, str]:
    """Settings of an instance whose database is not there."""
    ports = ("API", "SIMULATOR", "MAILBOX", "SMTP", "DB")
    return {
        **KEYS,
        **{f"TAGIHAN_{name}_PORT": str(free_port()) for name in ports},
        "TAGIHAN_HOME": str(home),
        "DATABASE_URL": "postgresql://app:pa55-word@127.0.0.1:9/tagihan",
    }


def test_a_home_with_other_peoples_files_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    done = run("up", TAGIHAN_HOME=str(tmp_path))

    assert done.returncode == 1
    assert "holds other files and nothing of Tagihan's" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]
