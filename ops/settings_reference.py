"""The reference of settings, written from the settings themselves."""

from __future__ import annotations

from core.settings import SETTINGS, Settings

_HEAD = """\
# Settings

Written by `make settings-reference` from `core/settings.py`; a test says when it is out of date.

Every setting is a variable of the environment. They are all checked at start, every problem is
told at once, and the process ends with code 2. A variable that begins with `TAGIHAN_` and is not
listed here is taken for a typing mistake. An empty variable counts as unset. Seconds are whole
numbers.

`tagihan up` draws the two keys marked † where they are not set, and keeps them in
`TAGIHAN_HOME/keys.json`, readable by its owner only. Other commands find the database and the keys
of that instance by `TAGIHAN_HOME`; the environment goes before.

| variable | default | meaning |
|---|---|---|
"""
_TAIL = """
## What DATABASE_URL needs

One login for everything works: it owns the database and may create roles (`CREATEROLE`). Two are
better: `TAGIHAN_OWNER_DATABASE_URL` names the owner of the tables, who migrates and may create
roles, and `DATABASE_URL` a login with no rights of its own (`NOINHERIT`, no superuser).
`tagihan migrate` makes the roles `<prefix>_app`, `<prefix>_lookup` and `<prefix>_reader` once and
lets that login act as them; no login may be a superuser or bypass row security.
"""
_DRAWN = {"TAGIHAN_MASTER_KEY", "TAGIHAN_OPERATOR_KEY"}


def page() -> str:
    """``docs/reference/settings.md``."""
    rows = [
        f"| `{one.name}`{' †' if one.name in _DRAWN else ''} | {_default(one.default)} "
        f"| {one.meaning}{' Secret: never shown.' if one.secret else ''} |"
        for one in SETTINGS
    ]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL


def now(settings: Settings) -> str:
    """Every setting of this process as text, secrets only as set or not set."""
    lines = [f"{name:<26}{value}" for name, value in settings.redacted().items()]
    return "\n".join(lines) + "\n"


def _default(text: str) -> str:
    if not text:
        return "not set"
    return text if " " in text else f"`{text}`"
