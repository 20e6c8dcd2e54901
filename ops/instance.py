"""What an instance keeps in its home: generated keys, and how to reach its database.

`tagihan up` writes both down, so that a command typed in another terminal finds the instance
without a variable being set. Whatever the environment says goes before what was written down.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Collection, Mapping
from pathlib import Path

from core.settings import Settings
from ops.embedded_place import write_private

_KEYS = "keys.json"
_RUNNING = "instance.json"
_OURS = frozenset({_KEYS, _RUNNING, "lock", "postgres", "postgres.json", "demo.json"})
_DATABASE = ("DATABASE_URL", "TAGIHAN_OWNER_DATABASE_URL")


def load(environ: Mapping[str, str] | None = None, *, needs: Collection[str] = ()) -> Settings:
    """Settings of this process: the environment, and below it what the instance wrote down."""
    return Settings.from_environ(full_environ(environ), needs=needs)


def full_environ(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment with what the instance wrote down where it says nothing."""
    given = dict(os.environ if environ is None else environ)
    home = home_of(given)
    known = {**_read(home / _RUNNING), **_read(home / _KEYS)}
    if given.get("DATABASE_URL"):
        known = {name: value for name, value in known.items() if name not in _DATABASE}
    return {**known, **{name: value for name, value in given.items() if value}}


def is_foreign(home: Path) -> bool:
    """Whether a folder holds something and nothing of ours: then it is not ours to write into."""
    try:
        names = {one.name for one in home.iterdir()} - {"lost+found"}
    except OSError:
        return False
    return bool(names) and not names & _OURS


def home_of(environ: Mapping[str, str]) -> Path:
    """The folder of the instance, before settings are read."""
    return Path(environ.get("TAGIHAN_HOME") or ".tagihan").expanduser().absolute()


def ensure_keys(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The instance's own keys: drawn once, kept in its home, readable by its owner only."""
    home.mkdir(parents=True, exist_ok=True)
    keys = _read(home / _KEYS)
    drawn = dict(keys)
    if "TAGIHAN_MASTER_KEY" not in {**keys, **environ}:
        drawn["TAGIHAN_MASTER_KEY"] = "k1:" + base64.b64encode(secrets.token_bytes(32)).decode()
    if "TAGIHAN_OPERATOR_KEY" not in {**keys, **environ}:
        drawn["TAGIHAN_OPERATOR_KEY"] = "op_" + secrets.token_urlsafe(30)
    if drawn != keys:
        write_private(home / _KEYS, json.dumps(drawn, indent=1) + "\n")
    return drawn


def write_running(home: Path, environ: Mapping[str, str]) -> None:
    """Write down how to reach this instance; it holds passwords, so it is private."""
    write_private(home / _RUNNING, json.dumps(dict(environ), indent=1) + "\n")


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()}
