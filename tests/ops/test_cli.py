"""The command line: every command explains itself, and wrong settings end in 2, all listed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops import instance
from ops.children import diary_line
from ops.cli import tagihan
from ops.database_check import UnusableDatabaseError, check

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ["up", "api", "worker", "scheduler", "migrate", "simulator", "demo", "doctor", "explain",
            "clock", "merchant", "backup", "restore", "mailbox", "settings"]  # fmt: skip


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "TAGIHAN_HOME": "/nonexistent", **environ}
    return subprocess.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_every_command_is_listed() -> None:
    listed = run("--help").stdout

    assert [name for name in COMMANDS if f"\n  {name} " not in listed] == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name in tagihan.commands])
def test_a_command_explains_itself(name: str) -> None:
    done = run(name, "--help")

    assert (done.returncode, done.stdout.splitlines()[0][:6].lower()) == (0, "usage:")


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


@pytest.mark.parametrize(
    "command",
    [("doctor",), ("explain", "X"), ("clock", "show"), ("migrate",), ("merchant", "list")],
)
def test_a_silent_database_is_one_line_and_ends_in_1(command: tuple[str, ...]) -> None:
    done = run(
        *command,
        DATABASE_URL="postgresql://app:pa55-word@127.0.0.1:9/tagihan",
        TAGIHAN_MASTER_KEY="k1:" + "A" * 43 + "=",
    )

    words = "does not answer: start it with `make run`, or set DATABASE_URL\n"
    assert (done.returncode, done.stderr) == (1, f"the database at 127.0.0.1:9 {words}")


def test_a_home_with_other_peoples_files_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")

    done = run("up", TAGIHAN_HOME=str(tmp_path))

    assert done.returncode == 1
    assert "holds other files and nothing of Tagihan's" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_diary_is_shown_with_its_business_date() -> None:
    line = diary_line({"message": "Siti membayar", "on": "2026-01-31T02:00:00Z", "logger": "x"})

    assert line == "2026-01-31  Siti membayar"
